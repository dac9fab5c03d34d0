#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "baseline_tables.hpp"
#include "catch.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/frozen.hpp"
#include "see/nn/layer.hpp"
#include "temp_dir.hpp"

using namespace baselines;

static_assert(see::RowSource<see::RowCodes>);
static_assert(see::RowSource<see::EntangledEmbedding<float>>);
static_assert(see::EmbeddingLayer<see::FrozenLayer<see::TableRows>>);

TEST_CASE("every baseline keeps to its bytes, its report and its file", "[baseline]") {
  const Table table = correlated(400, 21);
  const std::string method = GENERATE("int8", "int4", "svd", "tt", "pq", "pca", "word2ketxs");
  const auto ratios =
      method.starts_with("int") ? std::vector{modest_ratio(method)} : std::vector{2.0, 4.0, 8.0};
  for (const double ratio : ratios) {
    INFO(method << ", ratio " << ratio);
    const see::Model<> fitted = made(table, method, ratio);
    TempDir dir;
    const std::string path = dir / "m";
    see::save_model(path, fitted);
    const auto file = see::SafetensorsFile::open(path);
    const see::ModelBytes bytes = see::model_bytes(file);
    CHECK(4.0 * 400 * 21 / double(bytes.total) >= ratio);
    CHECK(bytes.total + bytes.vocabulary == read_file(path).size());
    CHECK(bytes.factors + bytes.index + bytes.gains + bytes.basis + bytes.codes + bytes.header ==
          bytes.total);
    CHECK(see::model_bytes(fitted).total == bytes.total);
    const see::Model<> back = see::load_model(file);
    CHECK(rows_of(back) == rows_of(fitted));
    CHECK(back.words[399] == "w399");
    CHECK(back.fit.at("method") == method);
    CHECK(back.embedding.parts().has_terms() == (method == "word2ketxs"));
    const see::Fidelity fidelity = see::fidelity(see::TableRows(table), back.embedding);
    CHECK(std::stod(back.fit.at("relative_error")) == Approx(fidelity.relative_error).margin(2e-6));
    CHECK(std::stod(back.fit.at("mean_cosine")) == Approx(fidelity.mean_cosine).margin(2e-6));
    CHECK(fidelity.relative_error < 1);
  }
}

TEST_CASE("baselines use the bytes that they are given", "[baseline]") {
  const Table table = correlated(400, 21);
  for (const std::string method : {"svd", "tt", "pq", "pca"}) {
    INFO(method);
    const auto error = [&](double ratio) {
      return std::stod(made(table, method, ratio).fit.at("relative_error"));
    };
    CHECK(error(3) < error(6));
    CHECK(error(6) < error(10));
  }
}

TEST_CASE("equal seeds give equal baselines, whatever the threads", "[baseline]") {
  const Table table = correlated(300, 12);
  for (const std::string& method : methods()) {
    INFO(method);
    const auto one = made(table, method, modest_ratio(method));
    const auto two = made(table, method, modest_ratio(method), see::threads(3));
    CHECK(rows_of(one) == rows_of(two));
  }
}

TEST_CASE("a row comes out the same whatever stands beside it", "[baseline]") {
  const Table table = correlated(300, 13);
  for (const std::string& method : methods()) {
    INFO(method);
    const auto fitted = made(table, method, modest_ratio(method));
    const RowMatrix<float> all = rows_of(fitted);
    const std::vector<Index> ids{299, 7, 7, 0};
    RowMatrix<float> wide = RowMatrix<float>::Constant(4, 15, 5);
    fitted.embedding.forward(ids, wide.leftCols(13));
    for (Index i = 0; i < 4; ++i)
      CHECK(wide.row(i).head(13) == all.row(ids[static_cast<std::size_t>(i)]));
    CHECK((wide.rightCols(2).array() == 5).all());
  }
}

TEST_CASE("the unit of a table does not matter to a baseline", "[baseline][long]") {
  const Table table = correlated(300, 12, false);
  for (const std::string& method : methods()) {
    if (method == "word2ketxs") continue;  // factors of half precision, without a unit
    INFO(method);
    const auto error_at = [&](float unit) {
      const RowMatrix<float> scaled = unit * table.matrix();
      return std::stod(made(table_of(scaled), method, 2).fit.at("relative_error"));
    };
    CHECK(error_at(0x1p40F) == Approx(error_at(1)).epsilon(0.02).margin(2e-6));
    CHECK(error_at(0x1p-40F) == Approx(error_at(1)).epsilon(0.02).margin(2e-6));
  }
}

TEST_CASE("the smallest size of every baseline is named and can be reached", "[baseline]") {
  const Table table = correlated(60, 8);
  for (const std::string& method : methods()) {
    INFO(method);
    const auto within = [&](std::uint64_t bytes) {
      return see::compress(table, {.bytes = bytes, .method = method});
    };
    const std::string message = message_of<see::Error>([&] { within(10); });
    const std::string before = " takes ";
    REQUIRE(message.find(before) != message.npos);
    const auto least = std::stoull(message.substr(message.find(before) + before.size()));
    CHECK_THROWS_AS(within(least - 1), see::Error);
    CHECK(see::model_bytes(within(least)).total <= least);
  }
}

TEST_CASE("a table of one row or one column can be compressed", "[baseline]") {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{1, 5}, {9, 1}, {1, 1}})
    for (const std::string& method : methods()) {
      INFO(method << ' ' << rows << " x " << cols);
      const Table table = table_of(normal(rows, cols, 3));
      const auto fitted = see::compress(table, {.bytes = 100000, .method = method});
      CHECK(rows_of(fitted).allFinite());
      if (method == "svd" || method == "tt" || method == "word2ketxs")
        CHECK((rows_of(fitted) - table.matrix()).norm() < 1e-2F * table.matrix().norm());
    }
}

TEST_CASE("a table of zeros comes back as zeros", "[baseline]") {
  for (const std::string& method : methods()) {
    INFO(method);
    const Table table = table_of(RowMatrix<float>::Zero(30, 6));
    CHECK(rows_of(see::compress(table, {.bytes = 100000, .method = method})).isZero(0));
  }
}

TEST_CASE("baselines that make no sense are refused", "[baseline]") {
  const Table table = correlated(40, 8);
  const auto refused = [&](const see::CompressOptions& options, const Table& rows) {
    CHECK_THROWS_AS(see::compress(rows, options), see::Error);
  };
  refused({.ratio = 2, .method = "magic"}, table);
  refused({.method = "svd"}, table);
  refused({.ratio = 2, .bytes = 4000, .method = "svd"}, table);
  refused({.ratio = -1, .method = "svd"}, table);
  refused({.ratio = 2, .method = "svd", .direction = 0.5}, table);
  refused({.ratio = 2, .method = "svd"}, Table());
  CHECK_THROWS_AS(see::detail::fit_low_rank(table, 0, see::serial()), see::Error);
  CHECK_THROWS_AS(see::detail::fit_low_rank(table, 9, see::serial()), see::Error);
  RowMatrix<float> bad = RowMatrix<float>::Ones(20, 4);
  bad(3, 2) = std::numeric_limits<float>::infinity();
  for (const std::string& method : methods())
    refused({.bytes = 100000, .method = method}, table_of(bad));
}

TEST_CASE("a cancelled baseline throws", "[baseline]") {
  see::CompressOptions options;
  options.bytes = 100000;
  for (const std::string& method : methods()) {
    options.method = method;
    options.progress = [](const see::Progress&) { return false; };
    CHECK(says<see::Error>("cancelled", [&] { see::compress(correlated(40, 8), options); }));
  }
}

TEST_CASE("ids and outputs that do not fit are refused", "[baseline]") {
  const auto fitted = made(correlated(300, 12), "svd", 3);
  RowMatrix<float> out(1, 12);
  const auto refused = [&](Index id, Index cols) {
    const std::array<Index, 1> ids{id};
    RowMatrix<float> rows(1, cols);
    CHECK_THROWS_AS(fitted.embedding.forward(ids, rows), see::Error);
  };
  refused(300, 12);
  refused(-1, 12);
  refused(0, 11);
}

TEST_CASE("a frozen layer looks up, and learns nothing", "[baseline]") {
  const Table table = correlated(50, 6);
  see::FrozenLayer layer(see::TableRows(table), -1);
  CHECK(layer.padding_idx() == 49);
  const std::vector<int> ids{3, 49, 3};
  const RowMatrix<float> rows = layer.forward(ids);
  CHECK(rows.row(0) == table.matrix().row(3));
  CHECK(rows.row(1).isZero(0));
  CHECK(layer.forward(std::vector<Index>{3, 49, 3}) == rows);
  RowMatrix<float> dense = table.matrix();
  dense.row(49).setZero();
  CHECK(layer.to_dense() == dense);
  see::Gradient<float> gradient(layer);
  CHECK(gradient.size() == 0);
  layer.backward(ids, rows, gradient);
  CHECK(layer.parameters().empty());
  CHECK(layer.is_frozen());
  layer.freeze(true);
  CHECK_THROWS_AS(layer.freeze(false), see::Error);
  CHECK_THROWS_AS(layer.forward(std::vector<int>{50}), see::Error);
  CHECK_THROWS_AS(layer.forward(std::vector<int>{-1}), see::Error);
  CHECK_THROWS_AS(layer.backward(ids, rows.topRows(2), gradient), see::Error);
  CHECK_THROWS_AS(see::FrozenLayer(see::TableRows(table), 50), see::Error);
  CHECK_THROWS_AS(see::FrozenLayer(see::TableRows(table), -51), see::Error);
  see::Random random(1);
  const see::DenseEmbedding<float> other(50, 6, random);
  see::Gradient<float> foreign(other);
  CHECK_THROWS_AS(layer.backward(ids, rows, foreign), see::Error);
}
