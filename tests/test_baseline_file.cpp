#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "baseline_tables.hpp"
#include "catch.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/io/crc32.hpp"
#include "temp_dir.hpp"

using namespace baselines;

namespace {

/// Replaces what `from` says in the file's header by as many bytes, and mends the checksum.
std::string changed(std::string bytes, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  const auto at = bytes.find(from);
  REQUIRE(at != bytes.npos);
  bytes.replace(at, from.size(), to);
  return bytes;
}

std::string with_checksum(std::string bytes) {
  const auto at = bytes.find("crc32:") + 6;
  bytes.replace(at, 8, "00000000");
  const auto sum = see::detail::crc32(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return bytes.replace(at, 8, see::detail::hex8(sum));
}

}  // namespace

TEST_CASE("parts of baselines that do not fit are refused", "[baseline]") {
  const auto halves = [](std::size_t n) {
    return see::detail::HalfArray(std::vector<float>(n, 1.0F));
  };
  const see::Array<std::uint8_t> none;
  CHECK_THROWS_AS(see::detail::Int8Codes(2, 3, halves(1), see::Array<std::uint8_t>(6)), see::Error);
  CHECK_THROWS_AS(see::detail::Int8Codes(2, 3, halves(2), see::Array<std::uint8_t>(5)), see::Error);
  CHECK_THROWS_AS(see::detail::LowRank(2, 3, 1, halves(2), halves(2)), see::Error);
  CHECK_THROWS_AS(see::detail::LowRank(2, 3, 0, halves(0), halves(0)), see::Error);
  const see::PackedArray codes(std::span<const int>(std::vector<int>{0, 1, 1, 0}), 1);
  CHECK_THROWS_AS(see::detail::ProductCodes(2, 3, 4, halves(6), codes), see::Error);
  CHECK_THROWS_AS(see::detail::ProductCodes(2, 3, 2, halves(5), codes), see::Error);
  CHECK_THROWS_AS(see::detail::ProductCodes(3, 3, 2, halves(6), codes), see::Error);
  CHECK_NOTHROW(see::detail::ProductCodes(2, 3, 2, halves(6), codes));
  CHECK_THROWS_AS(see::detail::PrincipalCodes(2, 3, {9}, halves(3), halves(3), halves(1), none),
                  see::Error);
  CHECK_THROWS_AS(see::detail::PrincipalCodes(2, 3, {1}, halves(3), halves(3), halves(1), none),
                  see::Error);
  CHECK_THROWS_AS(see::detail::PrincipalCodes(2, 3, {}, halves(2), halves(0), halves(0), none),
                  see::Error);
  CHECK_NOTHROW(see::detail::PrincipalCodes(2, 3, {}, halves(3), halves(0), halves(0), none));
  see::detail::TrainShape shape = see::detail::TrainShape::of(8, 8);
  shape.ranks = {1, 1};
  const std::array<see::detail::HalfArray, 3> cores{halves(4), halves(4), halves(4)};
  CHECK_NOTHROW(see::detail::TensorTrain(8, 8, shape, cores));
  CHECK_THROWS_AS(see::detail::TensorTrain(9, 8, shape, cores), see::Error);
  CHECK_THROWS_AS(see::detail::TensorTrain(8, 8, shape, {halves(4), halves(3), halves(4)}),
                  see::Error);
  const auto rows = std::make_shared<const see::detail::LowRank>(2, 3, 1, halves(2), halves(3));
  TempDir dir;
  see::EmbeddingParts<float> alone;
  alone.shape = see::Shape({3});
  alone.lexicon = see::Lexicon::without_senses(2);
  alone.codes = rows;
  const see::Model<> wrong{see::EntangledEmbedding<float>(alone),
                           see::Vocabulary::from(std::vector<std::string>{"a"})};
  CHECK_THROWS_AS(see::save_model(dir / "x", wrong), see::Error);
  CHECK(dir.entries() == 0);
}

TEST_CASE("damaged and hostile baseline files are refused", "[baseline]") {
  const Table table = correlated(90, 9);
  TempDir dir;
  const std::string path = dir / "m", other = dir / "o";
  const auto refuses_bytes = [&](const std::string& bytes, const std::string& part = "") {
    write_file(other, bytes);
    return says(part, [&] { see::load_model(other); });
  };
  for (const std::string method : {"int8", "int4", "svd", "tt", "pq", "pca"}) {
    INFO(method);
    see::save_model(path, see::compress(table, {.bytes = 2500, .method = method}));
    const std::string good = read_file(path);
    write_file(other, with_checksum(good));
    REQUIRE_NOTHROW(see::load_model(other));
    std::string flipped = good;
    flipped.back() = static_cast<char>(flipped.back() ^ 1);
    CHECK(refuses_bytes(flipped, "damaged"));
    CHECK(refuses_bytes(good.substr(0, good.size() - 1)));
    const auto hostile = [&](const std::string& from, const std::string& to) {
      CHECK(refuses_bytes(with_checksum(changed(good, from, to)), "o: "));
    };
    hostile("\"words\":\"90\"", "\"words\":\"91\"");
    hostile("\"words\":\"90\"", "\"words\":\"00\"");
    hostile("\"words\":\"90\"", "\"words\":\"-1\"");
    hostile("\"dim\":\"9\"", "\"dim\":\"8\"");
    hostile("\"dim\":\"9\"", "\"dim\":\"0\"");
    hostile("\"dim\":\"9\"", "\"dim\":\"x\"");
    hostile("\"dim\":\"9\"", "\"dIm\":\"9\"");
    hostile("\"format_version\":\"3\"", "\"format_version\":\"4\"");
    hostile("\"codes\":\"" + method + '"', "\"codes\":\"" + std::string(method.size(), 'z') + '"');
    hostile("\"codes\":", "\"coded\":");
    hostile("\"format\":\"see\"", "\"format\":\"sea\"");
    hostile("\"codes.exponent.", "\"codes.Exponent.");
    const auto data = good.find("vocabulary.offsets");
    REQUIRE(data != good.npos);
    hostile("vocabulary.blob", "vocabulary.blab");
  }
}

TEST_CASE("numbers of a baseline file are finite and in range", "[baseline]") {
  const Table table = correlated(90, 9, false);
  TempDir dir;
  const std::string path = dir / "m";
  const auto with_tensor = [&](const std::string& name, std::uint8_t byte) {
    auto bytes = read_file(path);
    const auto file = see::SafetensorsFile::open(path);
    const auto& tensor = file.at("codes." + name);
    const auto at = static_cast<std::size_t>(tensor.bytes.data() - file.file()->bytes().data());
    bytes.replace(at, tensor.bytes.size(),
                  std::string(tensor.bytes.size(), static_cast<char>(byte)));
    return with_checksum(bytes);
  };
  const auto refused = [&](const std::string& method, const std::string& name, std::uint8_t byte,
                           const std::string& part) {
    INFO(method << ' ' << name);
    see::save_model(path, see::compress(table, {.bytes = 2500, .method = method}));
    write_file(dir / "o", with_tensor(name, byte));
    CHECK(says(part, [&] { see::load_model(dir / "o"); }));
  };
  refused("int8", "scales", 0xff, "finite");
  refused("int4", "scales", 0x7e, "");
  refused("svd", "left", 0xff, "finite");
  refused("svd", "right", 0xff, "finite");
  refused("tt", "core.1", 0xff, "finite");
  refused("pq", "codebooks", 0xff, "finite");
  refused("pca", "mean", 0xff, "finite");
  refused("pca", "axes", 0xff, "finite");
  refused("pca", "scales", 0xff, "finite");
  refused("pca", "rates", 9, "");
  refused("pca", "rates", 0, "");
  // Any codes are codes.
  for (const std::string method : {"int8", "int4", "pq", "pca"}) {
    see::save_model(path, see::compress(table, {.bytes = 2500, .method = method}));
    write_file(dir / "o", with_tensor("codes", 0xff));
    CHECK(rows_of(see::load_model(dir / "o")).allFinite());
  }
}

TEST_CASE("files that older releases wrote are read as before", "[baseline]") {
  std::ifstream expected(std::string(SEE_TEST_FIXTURES) + "/expected.txt");
  std::map<std::string, see::Model<>> models;
  int rows = 0;
  for (std::string line; std::getline(expected, line); ++rows) {
    std::istringstream fields(line);
    std::string name;
    Index w = 0;
    fields >> name >> w;
    INFO(name << ", row " << w);
    const std::string path = std::string(SEE_TEST_FIXTURES) + "/" + name + ".safetensors";
    if (!models.contains(name)) models.emplace(name, see::load_model(path));
    const auto row = models.at(name).embedding(w);
    for (Index j = 0; j < row.size(); ++j) {
      float value = 0;
      fields >> value;
      CHECK(row[j] == Approx(value).epsilon(1e-5).margin(1e-5));
    }
  }
  CHECK(rows >= 70);
  CHECK(models.at("pq").fit.at("method") == "pq");
  CHECK(models.at("trellis").words.size() == 240);
  CHECK_FALSE(models.at("trellis").embedding.parts().has_terms());
  CHECK(models.at("hybrid").precision == see::Precision::i8);
  TempDir dir;
  for (const auto& [name, model] : models) {
    INFO(name);
    see::save_model(dir / "m", model);
    if (model.embedding.parts().has_terms() && name != "layer_f64")  // loaded as float
      CHECK(read_file(dir / "m") ==
            read_file(std::string(SEE_TEST_FIXTURES) + "/" + name + ".safetensors"));
    see::save_model(dir / "again", see::load_model(dir / "m"));
    CHECK(read_file(dir / "again") == read_file(dir / "m"));
  }
}
