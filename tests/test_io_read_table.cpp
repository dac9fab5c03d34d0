#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/io/npy.hpp"
#include "see/io/read_table.hpp"
#include "see/io/words_file.hpp"
#include "see/io/write_safetensors.hpp"
#include "see/io/write_word_vectors.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

const std::vector<float> values{0.5F, 1, -2, 3, 4, 5};

Table sample() {
  return {Vocabulary::from(std::vector<std::string>{"a", "b", "c"}), Array<float>(values), 3, 2};
}

}  // namespace

TEST_CASE("a table is told apart by content", "[io]") {
  const TempDir dir;
  const Table table = sample();
  write_npy(dir / "npy.x", table.matrix());
  write_words(dir / "npy.words.txt", table.words());
  write_safetensors(dir / "st.x", {make_tensor("e", {3, 2}, table.values())});
  write_words(dir / "st.words.txt", table.words());
  write_text_table(dir / "glove.x", table);
  write_text_table(dir / "text.x", table, true);
  write_word2vec_bin(dir / "bin.x", table);
  const std::pair<const char*, const char*> files[] = {{"npy.x", "npy"},
                                                       {"st.x", "safetensors"},
                                                       {"glove.x", "GloVe text"},
                                                       {"text.x", "word2vec text"},
                                                       {"bin.x", "word2vec binary"}};
  for (const auto& [name, format] : files) {
    INFO(name);
    ReadReport report;
    const Table read = read_table(dir / name, {}, &report);
    CHECK(report.format == format);
    CHECK(report.duplicates == 0);
    CHECK(read.matrix() == table.matrix());
    REQUIRE(read.words().size() == 3);
    CHECK(read.words()[2] == "c");
    const Table head = read_table(dir / name, {2});
    CHECK(head.matrix() == table.matrix().topRows(2));
    CHECK(head.words().size() == 2);
    CHECK(says<Error>("asked for -1 rows", [&, file = name] { read_table(dir / file, {-1}); }));
  }
}

TEST_CASE("a tensor is named after the file", "[io]") {
  const TempDir dir;
  const std::vector<double> doubles(values.begin(), values.end());
  const std::vector<Eigen::half> halves(values.begin(), values.end());
  const std::vector<std::uint8_t> bytes(6, 7);
  write_safetensors(dir / "m.safetensors",
                    {make_tensor("a", {3, 2}, doubles), make_tensor("b:c", {2, 3}, halves),
                     make_tensor("flat", {6}, values), make_tensor("bytes", {2, 3}, bytes),
                     make_tensor("empty", {0, 3}, std::vector<std::uint8_t>())});
  const std::string path = dir / "m.safetensors";
  CHECK(read_table(path + ":a").matrix() == sample().matrix());
  CHECK(read_table(path + ":a", {1}).matrix() == sample().matrix().topRows(1));
  CHECK(read_table(path + ":b:c").matrix()(1, 2) == 5);
  CHECK(read_table(path + ":bytes").matrix()(1, 2) == 7);
  CHECK(says(
      "found 2 2-D tensors of floats, needed 1 or a name after the file's: FILE:TENSOR with one "
      "of a (F64 3 x 2), b:c (F16 2 x 3)",
      [&] { read_table(path); }));
  CHECK(says("no tensor \"x\"", [&] { read_table(path + ":x"); }));
  CHECK(says("is 6, needed 2 dimensions", [&] { read_table(path + ":flat"); }));
  CHECK(says("is 0 x 3", [&] { read_table(path + ":empty"); }));

  const std::string quantized = dir / "q.safetensors";
  write_safetensors(quantized, {make_tensor("codes", {3, 2}, std::vector<std::int8_t>(6, 1)),
                                make_tensor("scales", {3, 1}, std::vector<float>(3, 2))});
  CHECK(
      says("found 1 2-D tensor of floats beside a larger one of another type, needed 1 or a name "
           "after the file's: FILE:TENSOR with one of",
           [&] { read_table(quantized); }));
  CHECK(read_table(quantized + ":scales").dim() == 1);
  write_safetensors(quantized, {make_tensor("table", {3, 2}, values),
                                make_tensor("none", {0, 2}, std::vector<float>()),
                                make_tensor("positions", {1, 5}, std::vector<std::int64_t>(5, 1))});
  CHECK(read_table(quantized).matrix() == sample().matrix());

  write_file(path + ":a", "w 1 2\n");
  CHECK(read_table(path + ":a").rows() == 1);
  write_safetensors(dir / "none.safetensors", {make_tensor("flat", {6}, values)});
  CHECK(says("found 0 2-D tensors of floats", [&] { read_table(dir / "none.safetensors"); }));
  write_safetensors(dir / "bare.safetensors", {});
  CHECK(says("found 0 2-D tensors", [&] { read_table(dir / "bare.safetensors"); }));
  std::vector<Tensor> many;
  for (int i = 0; i < 30; ++i) many.push_back(make_tensor("t" + std::to_string(i), {3, 2}, values));
  write_safetensors(dir / "many.safetensors", many);
  CHECK(says("t19 (F32 3 x 2), ...", [&] { read_table(dir / "many.safetensors"); }));
}

TEST_CASE("what is no table is refused", "[io]") {
  const TempDir dir;
  CHECK(says("none", [&] { read_table(dir / "none"); }));
  CHECK(says("none:t", [&] { read_table(dir / "none:t"); }));
  CHECK(refuses([&] { read_table(":"); }));
  CHECK(refuses([&] { read_table(""); }));
  CHECK(refuses([&] { read_table(dir.path().string()); }));
  for (const char* name : {"e.txt", "e.npy", "e.safetensors"}) {
    write_file(dir / name, "");
    CHECK(says(name, [&] { read_table(dir / name); }));
    write_file(dir / name, std::string(1000, '\0'));
    CHECK(says(name, [&] { read_table(dir / name); }));
  }
  write_text_table(dir / "t.txt", sample());
  CHECK(says("is no safetensors file", [&] { read_table((dir / "t.txt") + ":a"); }));
  write_safetensors(dir / "m.safetensors", {make_tensor("e", {3, 2}, values)});
  write_file(dir / "m.words.txt", "a\nb\n");
  CHECK(says("found 2 words, needed 3", [&] { read_table(dir / "m.safetensors"); }));
}

TEST_CASE("numbers that are not finite are refused with row and column", "[io]") {
  const TempDir dir;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> numbers = values;
    numbers[3] = bad;
    const std::vector<double> doubles(numbers.begin(), numbers.end());
    const Table table({}, Array<float>(numbers), 3, 2);
    write_npy(dir / "t.npy", table.matrix());
    write_safetensors(dir / "f.safetensors", {make_tensor("e", {3, 2}, numbers)});
    write_safetensors(dir / "d.safetensors", {make_tensor("e", {3, 2}, doubles)});
    for (const char* name : {"t.npy", "f.safetensors", "d.safetensors"}) {
      CHECK(says("row 1, column 2", [&] { read_table(dir / name); }));
      CHECK(read_table(dir / name, {1}).rows() == 1);
    }
  }
}
