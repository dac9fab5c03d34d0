#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/io/npy.hpp"
#include "see/io/words_file.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

/// A .npy file: the header's dictionary, padded as numpy does, and the numbers.
std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  const std::size_t begin = version == 1 ? 10 : 12;
  std::string header = dictionary;
  while ((begin + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes(begin, '\0');
  bytes.replace(0, 6, "\x93NUMPY");
  bytes[6] = static_cast<char>(version);
  const auto length = static_cast<std::uint32_t>(header.size());
  std::memcpy(bytes.data() + 8, &length, begin - 8);
  return bytes + header + data;
}

std::string dictionary(const std::string& descr, bool fortran, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

template <class T>
std::string bytes_of(const std::vector<T>& values, bool swapped = false) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), static_cast<const void*>(values.data()), bytes.size());
  if (swapped)
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(T))
      std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                   bytes.begin() + static_cast<std::ptrdiff_t>(i + sizeof(T)));
  return bytes;
}

RowMatrix<float> counting(Index rows, Index dim) {
  RowMatrix<float> matrix(rows, dim);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(i % 100);
  return matrix;
}

}  // namespace

TEST_CASE("a .npy vector is read in any of its shapes", "[io]") {
  const TempDir dir;
  const std::string numbers = bytes_of<float>({1, 2, 3, 4});
  for (const std::string shape : {"(4,)", "(4, 1)", "(1, 4)"}) {
    write_file(dir / "v.npy", npy(dictionary("<f4", false, shape), numbers));
    const Array<float> vector = read_npy_vector(dir / "v.npy");
    CHECK(std::vector<float>(vector.begin(), vector.end()) == std::vector<float>{1, 2, 3, 4});
  }
  write_file(dir / "v.npy", npy(dictionary("<f4", false, "(2, 2)"), numbers));
  CHECK(says<FileError>("needed a vector", [&] { read_npy_vector(dir / "v.npy"); }));
  write_file(dir / "v.npy", npy(dictionary("<f4", false, "(4,)"), numbers));
  CHECK_THROWS_AS(read_npy(dir / "v.npy"), FileError);
}

TEST_CASE("a written .npy table comes back as a view, with its words", "[io]") {
  const TempDir dir;
  const RowMatrix<float> matrix = counting(5, 3);
  write_npy(dir / "t.npy", matrix);
  CHECK(read_npy(dir / "t.npy").words().empty());
  write_words(dir / "t.words.txt",
              Vocabulary::from(std::vector<std::string>{"a", "b c", "", "\xff", ""}));
  CHECK(dir.entries() == 2);
  const Table table = read_npy(dir / "t.npy");
  CHECK(table.matrix() == matrix);
  REQUIRE(table.words().size() == 5);
  CHECK(table.words()[1] == "b c");
  CHECK(table.words()[3] == "\xff");
  CHECK(table.words()[4].empty());
  CHECK(reinterpret_cast<std::uintptr_t>(table.values().data()) % 64 == 0);
  const Table head = read_npy(dir / "t.npy", {2});
  CHECK(head.matrix() == matrix.topRows(2));
  CHECK(head.words().size() == 2);
  CHECK(read_file(dir / "t.npy").substr(10, 53) ==
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,");
  CHECK(says<Error>("asked for 0 rows", [&] { read_npy(dir / "t.npy", {0}); }));
}

TEST_CASE("a .npy table is written block by block, of any stride", "[io]") {
  const TempDir dir;
  const RowMatrix<float> wide = counting(700, 9);
  NpyWriter writer(dir / "t.npy", 700, 5);
  for (Index r = 0; r < 700; r += 100) writer.append(wide.block(r, 2, 100, 5));
  CHECK_FALSE(std::filesystem::exists(dir / "t.npy"));
  writer.commit();
  CHECK(read_npy(dir / "t.npy").matrix() == wide.middleCols(2, 5));
}

TEST_CASE("a .npy writer refuses what does not make the table", "[io]") {
  const TempDir dir;
  CHECK(says<Error>("0 x 3", [&] { NpyWriter(dir / "t", 0, 3); }));
  CHECK(says<Error>("3 x 0", [&] { NpyWriter(dir / "t", 3, 0); }));
  CHECK(refuses([&] { NpyWriter(dir / "no/t", 1, 1); }));
  {
    NpyWriter writer(dir / "t", 3, 2);
    writer.append(counting(2, 2));
    CHECK(says<Error>("2 x 2 after 2 rows", [&] { writer.append(counting(2, 2)); }));
    CHECK(says<Error>("1 x 3", [&] { writer.append(counting(1, 3)); }));
    CHECK(says<Error>("found 2 rows, needed 3", [&] { writer.commit(); }));
  }
  CHECK(dir.entries() == 0);
}

TEST_CASE("every version, type, byte order and layout of .npy reads as the same numbers", "[io]") {
  const TempDir dir;
  const RowMatrix<float> matrix = counting(300, 7);
  const std::vector<float> c_order(matrix.data(), matrix.data() + matrix.size());
  const Eigen::MatrixXf transposed = matrix;
  const std::vector<float> f_order(transposed.data(), transposed.data() + transposed.size());
  const auto check = [&]<class T>(const std::string& type, T) {
    for (const bool fortran : {false, true})
      for (const char order : {'<', '>', sizeof(T) == 1 ? '|' : '='}) {
        const auto& from = fortran ? f_order : c_order;
        std::vector<T> values;
        for (const float value : from) values.push_back(static_cast<T>(value));
        write_file(dir / "t", npy(dictionary(order + type, fortran, "(300, 7)"),
                                  bytes_of(values, order == '>'), 1 + (type[0] == 'f' ? 1 : 2)));
        CHECK(read_npy(dir / "t").matrix() == matrix);
        CHECK(read_npy(dir / "t", {260}).matrix() == matrix.topRows(260));
      }
  };
  check("f4", float());
  check("f8", double());
  check("f2", Eigen::half());
  check("i1", std::int8_t());
  check("u1", std::uint8_t());
  check("i2", std::int16_t());
  check("u2", std::uint16_t());
  check("i4", std::int32_t());
  check("u4", std::uint32_t());
  check("i8", std::int64_t());
  check("u8", std::uint64_t());
  write_file(dir / "t", npy(dictionary("|b1", false, "(1, 2)"), std::string("\0\1", 2)));
  CHECK(read_npy(dir / "t").matrix() == counting(1, 2));
}

TEST_CASE("a header may be written in other ways", "[io]") {
  const TempDir dir;
  const std::string data = bytes_of(std::vector<float>{0, 1, 2, 3, 4, 5});
  for (const char* text :
       {"{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\"<f4\"}",
        "{ 'descr' :'<f4' ,'shape' : ( 2 , 3 , ), 'fortran_order':False , } \n \n"}) {
    write_file(dir / "t", npy(text, data));
    CHECK(read_npy(dir / "t").matrix() == counting(2, 3));
  }
  std::string odd = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}";
  std::string bytes = std::string("\x93NUMPY\1\0", 8) + static_cast<char>(odd.size()) + '\0' + odd;
  write_file(dir / "t", bytes + data);
  CHECK(bytes.size() % 4 != 0);
  CHECK(read_npy(dir / "t").matrix() == counting(2, 3));
}

TEST_CASE("bad .npy files are refused with what was found and needed", "[io]") {
  const TempDir dir;
  const std::string data(24, '\0');
  const auto refused = [&](const std::string& bytes, const std::string& part) {
    write_file(dir / "t.npy", bytes);
    const std::string message = message_of([&] { read_npy(dir / "t.npy"); });
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
    CHECK(message.find("t.npy: ") != std::string::npos);
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  refused("", "magic");
  refused("NUMPY", "magic");
  refused(npy(good, data, 4), "version 4.0");
  refused(npy(good, data, 2).replace(7, 1, "\1"), "version 2.1");
  refused(std::string("\x93NUMPY\2\0\1\0", 10), "ends at byte 10");
  refused(npy(good, data).replace(8, 2, "\xff\xff"), "header has 65535 bytes");
  refused(npy(good, data, 2).replace(8, 4, "\xff\xff\xff\xff"), "header has 4294967295 bytes");
  refused(npy("", data), "needed '{'");
  refused(npy("[1]", data), "needed '{'");
  refused(npy("{'descr': '<f4'", data), "',' or '}'");
  refused(npy("{'descr': '<f4'}", data), "lacks one of");
  refused(npy("{'descr' '<f4'}", data), "needed ':'");
  refused(npy("{descr: '<f4'}", data), "a string");
  refused(npy("{'descr': [('a', '<f4')]}", data), "a string");
  refused(npy("{'descr': '<f4}", data), "the quote");
  refused(npy("{'descr': '<f\\'4'}", data), "the quote");
  refused(npy("{'fortran_order': 0}", data), "True or False");
  refused(npy("{'shape': 6}", data), "needed '('");
  refused(npy("{'shape': (2 3)}", data), "',' or ')'");
  refused(npy("{'shape': (2, -3)}", data), "a size");
  refused(npy("{'shape': (99999999999999999999, 3)}", data), "a size");
  refused(npy("{'descr': '<f4', 'descr': '<f4'}", data), "comes twice");
  refused(npy("{'other': '<f4'}", data), "\"other\" is unknown");
  refused(npy(good + "x", data), "the end of the header");
  for (const char* descr : {"<f16", "<c8", "|S4", "<U3", "f4", "", "|f4", "<", "<i3"})
    refused(npy(dictionary(descr, false, "(2, 3)"), data), "dtype");
  refused(npy(dictionary("<f4", false, "(6,)"), data), "has 1 dimensions, needed 2");
  refused(npy(dictionary("<f4", false, "()"), data), "has 0 dimensions");
  refused(npy(dictionary("<f4", false, "(1, 2, 3)"), data), "has 3 dimensions");
  refused(npy(dictionary("<f4", false, "(0, 3)"), ""), "0 x 3");
  refused(npy(dictionary("<f4", false, "(2, 0)"), ""), "2 x 0");
  refused(npy(dictionary("<f4", false, "(2, 4)"), data),
          "found 24 bytes of numbers, needed 2 x 4 x 4");
  refused(npy(dictionary("<f4", false, "(2, 2)"), data), "found 24 bytes");
  refused(npy(dictionary("<f4", false, "(4611686018427387904, 4)"), data), "found 24 bytes");
  refused(npy(dictionary("<f4", false, "(4611686018427387910, 4)"), data), "found 24 bytes");
}

TEST_CASE("a .npy file that is cut or altered is read or refused", "[io]") {
  const TempDir dir;
  write_npy(dir / "t", counting(3, 2));
  const std::string good = read_file(dir / "t");
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < good.size(); ++size) {
    write_file(dir / "b", good.substr(0, size));
    accepted += !refuses([&] { read_npy(dir / "b"); });
  }
  CHECK(accepted == 0);
  for (std::size_t i = 0; i < good.size(); ++i)
    for (const int flip : {1, 2, 4, 16, 128, 255}) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      write_file(dir / "b", bytes);
      refuses([&] { accepted += static_cast<std::size_t>(read_npy(dir / "b").matrix().size()); });
    }
}

TEST_CASE("words stand one a line", "[io]") {
  const TempDir dir;
  const auto words_in = [&](const std::string& text) {
    write_file(dir / "w", text);
    std::vector<std::string> words;
    const Vocabulary vocabulary = read_words(dir / "w");
    for (Index i = 0; i < vocabulary.size(); ++i) words.emplace_back(vocabulary[i]);
    return words;
  };
  using Words = std::vector<std::string>;
  CHECK(words_in("").empty());
  CHECK(words_in("\n") == Words{""});
  CHECK(words_in("a\nb") == Words{"a", "b"});
  CHECK(words_in("a\r\nb\r\n") == Words{"a", "b"});
  CHECK(words_in("a\n\nb\rc\n") == Words{"a", "", "b\rc"});
  CHECK(refuses([&] { read_words(dir / "none"); }));

  write_npy(dir / "t.npy", counting(3, 2));
  for (const char* text : {"a\nb\n", "a\nb\nc\nd", ""}) {
    write_file(dir / "t.words.txt", text);
    if (*text)
      CHECK(says("needed 3, one for each row", [&] { read_npy(dir / "t.npy"); }));
    else
      CHECK(says("found 0 words", [&] { read_npy(dir / "t.npy"); }));
  }
  CHECK(says<Error>("row 1", [&] {
    write_words(dir / "x", Vocabulary::from(Words{"a", "b\nc"}));
  }));
  CHECK(says<Error>("row 0", [&] { write_words(dir / "x", Vocabulary::from(Words{"a\r"})); }));
  CHECK_FALSE(std::filesystem::exists(dir / "x"));
  CHECK(refuses([&] { write_words(dir / "no/x", Vocabulary::from(Words{"a"})); }));
}
