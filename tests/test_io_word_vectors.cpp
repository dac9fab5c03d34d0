#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/io/word_vectors.hpp"
#include "see/io/write_word_vectors.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

using Words = std::vector<std::string>;

Words words_of(const Table& table) {
  Words words;
  for (Index i = 0; i < table.words().size(); ++i) words.emplace_back(table.words()[i]);
  return words;
}

std::vector<float> values_of(const Table& table) {
  return {table.values().begin(), table.values().end()};
}

Table table_of(const Words& words, Index dim, std::vector<float> values) {
  return {Vocabulary::from(words), Array<float>(std::move(values)),
          static_cast<Index>(words.size()), dim};
}

Table random_table(Words words, Index dim) {
  Random random(5);
  std::vector<float> values(words.size() * static_cast<std::size_t>(dim));
  for (float& value : values) value = static_cast<float>(random.normal());
  return table_of(words, dim, std::move(values));
}

struct Reader {
  TempDir dir;
  ReadReport report;

  Table operator()(const std::string& text, Index first = all_rows) {
    write_file(dir / "t", text);
    report = {};
    return read_word_vectors(dir / "t", {first}, &report);
  }
  std::string error(const std::string& text, Index first = all_rows) {
    return message_of([&] { (*this)(text, first); });
  }
};

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * 4};
}

}  // namespace

#define CHECK_ERROR(text, part)                       \
  do {                                                \
    const std::string message = read.error(text);     \
    INFO(message);                                    \
    CHECK(message.find(part) != std::string::npos);   \
    CHECK(message.find("/t: ") != std::string::npos); \
  } while (false)

TEST_CASE("GloVe text reads, however its lines and fields are apart", "[io]") {
  Reader read;
  for (const char* text :
       {"a 1 -2.5\nb +3e0 .5\n", "a 1 -2.5\nb 3 0.5", "a 1 -2.5\r\nb 3 0.5\r\n",
        "a\t1\t-2.5\nb\t3 0.5\n", "a 1 -2.5 \nb  3  0.5\t\n", "a 1 -2.5\nb 3 0.5\n\n \r\n\n"}) {
    INFO(text);
    const Table table = read(text);
    CHECK(words_of(table) == Words{"a", "b"});
    CHECK(values_of(table) == std::vector<float>{1, -2.5F, 3, 0.5F});
    CHECK(read.report.format == "GloVe text");
  }
  CHECK(values_of(read("a 1\n")) == std::vector<float>{1});
  CHECK(words_of(read("3 4.0\n5 6\n")) == Words{"3", "5"});
  CHECK(values_of(read("a 1e-60 1e-400 -1e-400")) == std::vector<float>{0, 0, 0});
  CHECK(read("a 1e-40 1").values()[0] == 1e-40F);
}

TEST_CASE("words may hold separators, numbers and any bytes", "[io]") {
  Reader read;
  const std::string others = "the 0.5 0.25\nof -1 0.5\n";
  for (const std::string& word :
       Words{". . .", "at name@domain.com", "1", "1 2 3", "3.14", "route 66", "nan", "to infinity",
             "-", "\xff\xfe", "a\tb", "e5 x", "."}) {
    INFO(word);
    const std::string row = word + " 1.5 -2\n";
    for (const std::string& text : {row + others, others + row, others + row + others}) {
      const Table table = read(text);
      CHECK(table.dim() == 2);
      CHECK(table.words().find(word).has_value());
      CHECK(table.words().find("the").has_value());
    }
  }
  CHECK(words_of(read("1 2 3 0.5 0.5\nthe 0.5 0.5\n")) == Words{"1 2 3", "the"});
  CHECK(words_of(read("4 2\nroute 66 1 0.5\nb 1 2\nc 1 2\n3 1 2\n")) ==
        Words{"route 66", "b", "c", "3"});
  CHECK(words_of(read(" a 1 2\nb 1 2")) == Words{"a", "b"});
}

TEST_CASE("a blank word is a word", "[io]") {
  Reader read;
  for (const char* text :
       {"a 1 2\n 3 4\n\t 5 6\nb 7 8\nc 9 0\n", "5 2\na 1 2\n 3 4\n\t 5 6\nb 7 8\nc 9 0\n"}) {
    INFO(text);
    CHECK(words_of(read(text)) == Words{"a", "", "\t", "b", "c"});
    CHECK(values_of(read(text)) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 0});
  }
  const Table table = read("2 2\na " + floats({1, 2}) + "\n " + floats({3, 4}) + "\n");
  CHECK(words_of(table) == Words{"a", ""});
  CHECK(read.report.format == "word2vec binary");
}

TEST_CASE("a byte order mark is no part of the first word", "[io]") {
  Reader read;
  const std::string mark = "\xef\xbb\xbf";
  CHECK(words_of(read(mark + "a 1 2\nb 3 4\n")) == Words{"a", "b"});
  CHECK(words_of(read(mark + "2 2\na 1 2\nb 3 4\n")) == Words{"a", "b"});
  CHECK(read.report.format == "word2vec text");
  CHECK(read(mark + "0.5 1\n0.25 3\n").dim() == 2);
}

TEST_CASE("rows of numbers alone have no words", "[io]") {
  Reader read;
  const auto as = [&](const std::string& text, WordColumn words) {
    write_file(read.dir / "n", text);
    return read_word_vectors(read.dir / "n", {.words = words}, &read.report);
  };
  const std::string numbers = "-3.5 1 2\n4 5e-1 6\n";
  for (const std::string& text : {numbers, std::string(" -3.5  1 2 \n   4 5e-1 6")}) {
    const Table table = as(text, WordColumn::detect);
    CHECK(values_of(table) == std::vector<float>{-3.5F, 1, 2, 4, 0.5F, 6});
    CHECK(table.words().empty());
    CHECK(read.report.format == "numbers without words");
    CHECK(read.report.duplicates == 0);
  }
  CHECK(words_of(as(numbers, WordColumn::present)) == Words{"-3.5", "4"});
  CHECK(as("1 2 3\n4 5 6\n", WordColumn::detect).dim() == 2);  // words may be whole numbers
  CHECK(as("1 2\n3 4\n", WordColumn::absent).dim() == 2);
  CHECK(as("1.5\n1.5\n", WordColumn::detect).rows() == 2);
  std::string long_one;
  for (int i = 0; i < 150; ++i) long_one += "0.5 1 2\n";
  CHECK(as(long_one, WordColumn::detect).rows() == 150);
  CHECK(says("line 151: found 2 numbers, needed 3",
             [&] { as(long_one + "1 2\n", WordColumn::detect); }));
  CHECK(says("line 151, column 2: found \"x\", needed a finite number",
             [&] { as(long_one + "1 x 2\n", WordColumn::detect); }));
}

TEST_CASE("files of other kinds are named, with the remedy", "[io]") {
  Reader read;
  using namespace std::string_literals;
  const std::pair<std::string, const char*> files[] = {
      {"\x1f\x8b\x08\0"s, "gzip file, needed what is in it: gunzip"},
      {"\xfd"s + "7zXZ\0"s, "xz file"},
      {"BZh91AY&SY"s, "bzip2 file"},
      {"\x28\xb5\x2f\xfd"s, "zstd file"},
      {"\x89HDF\r\n\x1a\n"s, "HDF5 file"},
      {"GGUF\3\0\0\0"s, "GGUF file"},
      {"PAR1\x15\4"s, "Parquet file"},
      {"ARROW1\0\0"s, "Arrow file"},
      {"\xba\x16\x4f\x2f"s, "fastText model"},
      {"\xff\xfe" + "a\0 \0"s, "UTF-16 text"},
      {"\xfe\xff" + "\0a\0 "s, "UTF-16 text"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n", "git lfs pull"},
      {"<<<<<<< HEAD\na 1 2\n=======\n", "merge conflict"},
      {"<!DOCTYPE html>\n<html>", "page of HTML"},
      {"PK\3\4" + std::string(26, '\0') + "archive/data.pkl", "torch.save"},
      {"PK\3\4" + std::string(26, '\0') + "arr_0.npy", ".npz file"},
      {"PK\3\4" + std::string(26, '\0') + "glove.6B.50d.txt", "ZIP file"},
      {"\x80\x04\x95\x10numpy."s, "pickle of Python"},
      {"{\n  \"a\": [1, 2]}", "found JSON"},
      {"[[1, 2], [3, 4]]", "found JSON"}};
  for (const auto& [text, part] : files) {
    INFO(part);
    CHECK_ERROR(text, part);
  }
  // Words that only begin as such files do.
  for (const char* word : {"PK", "GGUF", "PAR1", "ARROW1", "BZh", "{", "[", "<", "<<<", "version",
                           "\xff\xfe", "\x1f", "\x80\x04"})
    CHECK(words_of(read(word + " 1 2\nb 1 2\n"s)) == Words{word, "b"});
}

TEST_CASE("of rows with the same word the first is kept", "[io]") {
  Reader read;
  Table table = read("a 1 2\nb 3 4\na 5 6\na 7 8\nc 9 10\n");
  CHECK(words_of(table) == Words{"a", "b", "c"});
  CHECK(values_of(table) == std::vector<float>{1, 2, 3, 4, 9, 10});
  CHECK(read.report.duplicates == 2);
  table = read("3 2\na 1 2\nb 3 4\na 5 6\n");
  CHECK(words_of(table) == Words{"a", "b"});
  CHECK(read.report.duplicates == 1);
  CHECK(read.report.format == "word2vec text");
  table = read("3 2\na " + floats({1, 2}) + "b " + floats({3, 4}) + "a " + floats({5, 6}));
  CHECK(values_of(table) == std::vector<float>{1, 2, 3, 4});
  CHECK(read.report.duplicates == 1);
  CHECK(read.report.format == "word2vec binary");
}

TEST_CASE("reading stops after the first rows", "[io]") {
  Reader read;
  CHECK(words_of(read("a 1 2\na 1 2\nb 3 4\nragged 1\n", 2)) == Words{"a", "b"});
  CHECK(words_of(read("3 2\na 1 2\nb 3 4\nragged 1\n", 2)) == Words{"a", "b"});
  CHECK(words_of(read("3 2\na 1 2\nb 3 4\nc 1 2\n", 5)) == Words{"a", "b", "c"});
  CHECK(words_of(read("2 2\na " + floats({1, 2}) + "\nb " + floats({3, 4}) + "junk", 1)) ==
        Words{"a"});
  CHECK(says<Error>("asked for 0 rows", [&] { read("a 1\n", 0); }));
}

TEST_CASE("large tables grow", "[io]") {
  Reader read;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += detail::text("some-long-word-", i, " 0.", i, " 1\n");
  for (int i = 0; i < 20000; ++i) text += detail::text("w", i, " 1 2\n");
  const Table table = read(text);
  CHECK(table.rows() == 25000);
  CHECK(table.words().find("w19999") == 24999);
  CHECK(table.matrix()(4321, 0) == 0.4321F);
  CHECK(table.matrix()(24999, 1) == 2);
  CHECK_THROWS_AS(detail::TableBuilder(0), Error);
  detail::TableBuilder builder(1 << 20);
  CHECK_THROWS_AS(builder.reserve(std::numeric_limits<std::size_t>::max() / 2), std::bad_alloc);
}

TEST_CASE("bad text tables are refused with line, found and needed", "[io]") {
  Reader read;
  CHECK_ERROR("", "empty");
  CHECK_ERROR("\n \n", "empty");
  CHECK_ERROR("word\n", "line 1: found no number");
  CHECK_ERROR("1\n2\n", "line 1: found no number");
  CHECK_ERROR("a 1 2\nb 1 2\nc 1\n", "line 3: found 1 numbers after the word, needed 2");
  CHECK_ERROR("a 1 2\nb 1 2\nc\n", "line 3: found 0 numbers");
  CHECK_ERROR("a 1 2\nb 1 2\nc 1 2 3\n", "line 3: found 3 numbers after the word, needed 2");
  CHECK_ERROR("a .1 .2\nb .1 .2\nc .1 .2 .3\n", "line 3: found 3 numbers");
  CHECK_ERROR("a .1 .2\nb .1\n", "line 2: found 1 numbers");
  CHECK_ERROR("a 1 2\n2 1\nb 1 2\n", "line 2: found 1 numbers");
  CHECK_ERROR("a 1 2\nb x 2\nc 1 2\n", "line 2, column 1: found \"x\"");
  CHECK_ERROR("a 1 2\nb 1 2x\nc 1 2\n", "line 2, column 2: found \"2x\"");
  CHECK_ERROR("a 1 2\nb 1 nan\n", "line 2, column 2: found \"nan\", needed a finite");
  CHECK_ERROR("a 1 2\nb -inf 1\n", "line 2, column 1: found \"-inf\"");
  CHECK_ERROR("a 1 2\nb 1 1e39\n", "line 2, column 2: found \"1e39\"");
  CHECK_ERROR("a 1 2\nb 1 -1e999\n", "line 2, column 2: found \"-1e999\"");
  CHECK_ERROR("a 1 2\nb 1 " + std::string(90, '9') + "\n", "999\"...");
  CHECK_ERROR("a 1 2\n\nb 1 2\n", "line 2: found a blank line");
  CHECK(refuses([&] { read_word_vectors(read.dir / "none"); }));
}

TEST_CASE("a header that disagrees with the rows is refused", "[io]") {
  Reader read;
  CHECK_ERROR("3 2\na 1.5 2.5\nb 3.5 4.5\n", "found 2 rows, needed the 3");
  CHECK_ERROR("1 2\na 1 2\nb 3 4\n", "line 3: found a further row");
  CHECK_ERROR("2 3\na 1.5 2.5\nb 3.5 4.5\n", "line 2: found 2 numbers after the word, needed 3");
  CHECK_ERROR("2 1\na 1 2\nb 3 4\n", "line 2: found 2 numbers after the word, needed 1");
  CHECK_ERROR("0 2\na 1 2\n", "promises 0 rows");
  CHECK_ERROR("2 0\na 1 2\n", "of 0 numbers");
  CHECK_ERROR("5 2\n", "promises 5 rows");
  CHECK_ERROR("99999999999 300", "promises 99999999999 rows");
  CHECK_ERROR("99999999999 300\na 1 2\n", "promises 99999999999 rows");
  CHECK_ERROR("2 99999999999\na 1 2\n", "of 99999999999 numbers");
  CHECK_ERROR("4294967296 4294967296\na 1 2\n", "promises 4294967296 rows");
  CHECK_ERROR("99999999999999999999999 3\na 1 2 3\n", "promises 18446744073709551615 rows");
  CHECK_ERROR("99999999999 300\na " + floats({1, 2}), "promises 99999999999 rows");
}

TEST_CASE("a .bin of one number is not taken for text", "[io]") {
  const TempDir dir;
  const float number = 1.1F;  // none of its bytes is a control character
  write_file(dir / "v.bin", "1 1\nw " + std::string(reinterpret_cast<const char*>(&number), 4));
  CHECK(see::read_word_vectors(dir / "v.bin").values()[0] == number);
}

TEST_CASE("bad .bin files are refused with the byte", "[io]") {
  Reader read;
  const std::string good = "2 2\na " + floats({1, 2}) + "\nb " + floats({3, 4}) + "\n";
  CHECK(values_of(read(good)) == std::vector<float>{1, 2, 3, 4});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  CHECK_ERROR("2 2\na " + floats({1, 2}) + "\nb " + floats({nan, 4}), "byte 17, row 1, column 1");
  CHECK_ERROR("2 2\na " + floats({1, -inf}) + "\nb " + floats({3, 4}), "byte 10, row 0, column 2");
  CHECK_ERROR("2 2\na " + floats({1, 2}) + " " + floats({3, 4}) + "x",
              "byte 23: found 1 bytes after the 2 rows");
  CHECK_ERROR(good + "x", "byte 26: found 1 bytes after the 2 rows");
  CHECK_ERROR("1 2\n" + good.substr(4), "bytes after the 1 rows");
  CHECK_ERROR("3 2\n" + good.substr(4) + "cccccccccc", "found the end of the file");
  CHECK_ERROR("3 2\n" + good.substr(4) + "ccccc 1234", "found 4 bytes of numbers, needed 8");
  CHECK_ERROR("0 2\n" + good.substr(4), "promises 0 rows");
}

TEST_CASE("a file cut anywhere is refused or reads as fewer rows", "[io]") {
  Reader read;
  const Table table = random_table({"one", ". .", "three 3", "four"}, 3);
  write_word2vec_bin(read.dir / "bin", random_table({"one", "two", "three", "four"}, 3));
  write_text_table(read.dir / "text", table, true);
  write_text_table(read.dir / "glove", table);
  for (const char* name : {"bin", "text", "glove"}) {
    const std::string good = read_file(read.dir / name);
    REQUIRE(read(good).rows() == 4);
    for (std::size_t size = 0; size < good.size(); ++size) {
      INFO(name << " cut at " << size);
      Index rows = 0;
      const bool refused = refuses([&] { rows = read(good.substr(0, size)).rows(); });
      if (name == std::string("glove"))
        CHECK((refused || rows <= 4));
      else
        CHECK(
            (refused || good.substr(size).find_first_not_of("0123456789.\n") == std::string::npos));
    }
    for (std::size_t i = 0; i < good.size(); ++i)
      for (const int flip : {1, 2, 16, 32, 128, 255}) {
        std::string bytes = good;
        bytes[i] = static_cast<char>(bytes[i] ^ flip);
        refuses([&] { read(bytes); });
      }
  }
}

TEST_CASE("written tables come back to the last bit", "[io]") {
  Reader read;
  const float least = std::numeric_limits<float>::denorm_min();
  const float most = std::numeric_limits<float>::max();
  const Table table =
      table_of({"the", ". . .", "route 66", "\xff\r", "5", "a\tb"}, 3,
               {0.1F, -0.0F, 1.F / 3, 1, 2, 3, least, -most, 1e20F, 1, 1, 1, 7, 8, 9, 1e-7F, 5, 6});
  const auto same = [](const Table& a, const Table& b) {
    return words_of(a) == words_of(b) && floats(values_of(a)) == floats(values_of(b));
  };
  for (const bool header : {false, true}) {
    write_text_table(read.dir / "t", table, header);
    CHECK(same(read_word_vectors(read.dir / "t", {}, &read.report), table));
    CHECK(read.report.format == (header ? "word2vec text" : "GloVe text"));
  }
  const Table named = table_of({"the", "a\nb", "\t", "\xff\r", "5", "a\tb"}, 3, values_of(table));
  write_word2vec_bin(read.dir / "t", named);
  CHECK(same(read_word_vectors(read.dir / "t", {}, &read.report), named));
  CHECK(read.report.format == "word2vec binary");
  CHECK(read.dir.entries() == 1);
}

TEST_CASE("words that a format cannot hold are refused before anything is written", "[io]") {
  const TempDir dir;
  const Table nameless({}, Array<float>{1, 2}, 1, 2);
  for (const bool header : {false, true}) {
    for (const char* word : {"", "a\nb", " a", "a ", "\ta", "a\t", "a 1.5", "a -.5 6"})
      CHECK(says<Error>("does not fit into a text table", [&] {
        write_text_table(dir / "t", table_of({"x", word}, 1, {1, 2}), header);
      }));
    CHECK(
        says<Error>("a word for each row", [&] { write_text_table(dir / "t", nameless, header); }));
  }
  for (const char* word : {"", "a b", "\na"})
    CHECK(says<Error>("does not fit into a word2vec file", [&] {
      write_word2vec_bin(dir / "t", table_of({"x", word}, 1, {1, 2}));
    }));
  CHECK(says<Error>("a word for each row", [&] { write_word2vec_bin(dir / "t", nameless); }));
  CHECK(dir.entries() == 0);
  CHECK(refuses([&] { write_text_table(dir / "no/t", table_of({"x"}, 1, {1})); }));
  CHECK(refuses([&] { write_word2vec_bin(dir / "no/t", table_of({"x"}, 1, {1})); }));
}
