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

#include "catch.hpp"
#include "see/baseline/compress_baseline.hpp"
#include "see/baseline/frozen_layer.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/layer.hpp"
#include "temp_dir.hpp"

using see::Index;
using see::RowMatrix;
using see::Table;

static_assert(see::RowSource<see::Baseline>);
static_assert(see::RowSource<see::CompressedTable>);
static_assert(see::EmbeddingLayer<see::FrozenLayer<see::Baseline>>);
static_assert(see::EmbeddingLayer<see::FrozenLayer<see::CompressedTable>>);
static_assert(see::EmbeddingLayer<see::FrozenLayer<see::TableRows>>);

namespace {

Table table_of(RowMatrix<float> values, bool words = false) {
  std::vector<std::string> names;
  for (Index w = 0; words && w < values.rows(); ++w) names.push_back("w" + std::to_string(w));
  return {see::Vocabulary::from(names),
          std::vector<float>(values.data(), values.data() + values.size()), values.rows(),
          values.cols()};
}

RowMatrix<float> normal(Index rows, Index cols, std::uint64_t seed) {
  see::Random random(seed);
  RowMatrix<float> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<float>(random.normal());
  return values;
}

/// Rows with a mean, whose columns differ in variance and depend on each other.
Table correlated(Index rows, Index cols, bool words = true) {
  RowMatrix<float> values = normal(rows, cols, 3) * normal(cols, cols, 4);
  for (Index j = 0; j < cols; ++j)
    values.col(j) = values.col(j).array() * std::pow(0.8F, float(j)) + 2 / float(j + 1);
  return table_of(values, words);
}

template <class Source>
RowMatrix<float> rows_of(const Source& source) {
  RowMatrix<float> rows(source.num_embeddings(), source.embedding_dim());
  see::detail::forward_range(source, 0, rows);
  return rows;
}

template <class Source>
double squared_error(const Source& source, const Table& table) {
  const RowMatrix<float> error = rows_of(source) - table.matrix();
  return error.cast<double>().squaredNorm();
}

const auto nothing = [](double) {};

see::CompressedTable made(const Table& table, const std::string& method, double ratio,
                          const see::Executor& run = see::serial()) {
  return see::compress_baseline(table, {.ratio = ratio, .method = method, .run = run});
}

/// A ratio that a table of a few hundred rows reaches by the method.
double modest_ratio(const std::string& method) { return method == "int8" ? 2 : 3; }

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
  const auto sum = see::crc32(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return bytes.replace(at, 8, see::detail::hex8(sum));
}

}  // namespace

TEST_CASE("half arrays keep numbers of any unit to half precision", "[baseline]") {
  for (const float unit : {1.0F, 3e-30F, 2e30F}) {
    const RowMatrix<float> values = unit * normal(1, 500, 1);
    const see::HalfArray halves(std::vector<float>(values.data(), values.data() + 500));
    for (std::size_t i = 0; i < 500; ++i)
      CHECK(std::abs(halves[i] - values.data()[i]) <=
            std::max(std::abs(values.data()[i]) * 0x1p-11F, unit * 0x1p-36F));
    const auto stored = halves.halves();
    const see::HalfArray back(see::Array<Eigen::half>(stored), halves.exponent());
    CHECK(std::equal(back.data(), back.data() + 500, halves.data()));
  }
  CHECK(see::HalfArray(std::vector<float>{0, -0.0F})[0] == 0);
  CHECK_THROWS_AS(see::HalfArray(std::vector<float>{std::nanf("")}), see::Error);
  CHECK_THROWS_AS(see::HalfArray(std::vector<float>{std::numeric_limits<float>::max()}),
                  see::Error);
  const see::Array<Eigen::half> infinite{std::numeric_limits<Eigen::half>::infinity()};
  CHECK_THROWS_AS(see::HalfArray(infinite, 0), see::Error);
  CHECK_THROWS_AS(see::HalfArray(see::Array<Eigen::half>(1), 121), see::Error);
  CHECK_THROWS_AS(see::HalfArray(see::Array<Eigen::half>(1), -201), see::Error);
}

TEST_CASE("every baseline keeps to its bytes, its report and its file", "[baseline]") {
  const Table table = correlated(400, 21);
  const std::string method = GENERATE("int8", "int4", "svd", "tt", "pq", "pca", "word2ketxs");
  const auto ratios =
      method.starts_with("int") ? std::vector{modest_ratio(method)} : std::vector{2.0, 4.0, 8.0};
  for (const double ratio : ratios) {
    INFO(method << ", ratio " << ratio);
    const see::CompressedTable fitted = made(table, method, ratio);
    TempDir dir;
    const std::string path = dir / "m";
    see::save_compressed(path, fitted);
    const auto file = see::SafetensorsFile::open(path);
    const see::ModelBytes bytes = see::compressed_bytes(file);
    CHECK(4.0 * 400 * 21 / double(bytes.total) >= ratio);
    CHECK(bytes.total + bytes.vocabulary == read_file(path).size());
    CHECK(bytes.factors + bytes.index + bytes.gains + bytes.basis + bytes.residual + bytes.header ==
          bytes.total);
    CHECK(see::compressed_bytes(fitted).total == bytes.total);
    const see::CompressedTable back = see::load_compressed(file);
    CHECK(rows_of(back) == rows_of(fitted));
    CHECK(back.words()[399] == "w399");
    CHECK(back.fit().at("method") == method);
    CHECK((back.model() != nullptr) == (method == "word2ketxs"));
    CHECK((back.baseline() == nullptr) == (method == "word2ketxs"));
    const see::Fidelity fidelity = see::fidelity(see::TableRows(table), back);
    CHECK(std::stod(back.fit().at("relative_error")) ==
          Approx(fidelity.relative_error).margin(2e-6));
    CHECK(std::stod(back.fit().at("mean_cosine")) == Approx(fidelity.mean_cosine).margin(2e-6));
    CHECK(fidelity.relative_error < 1);
  }
}

TEST_CASE("baselines use the bytes that they are given", "[baseline]") {
  const Table table = correlated(400, 21);
  for (const std::string method : {"svd", "tt", "pq", "pca"}) {
    INFO(method);
    const auto error = [&](double ratio) {
      return std::stod(made(table, method, ratio).fit().at("relative_error"));
    };
    CHECK(error(3) < error(6));
    CHECK(error(6) < error(10));
  }
}

TEST_CASE("equal seeds give equal baselines, whatever the threads", "[baseline]") {
  const Table table = correlated(300, 12);
  for (const std::string& method : see::baseline_methods()) {
    INFO(method);
    const auto one = made(table, method, modest_ratio(method));
    const auto two = made(table, method, modest_ratio(method), see::threads(3));
    CHECK(rows_of(one) == rows_of(two));
  }
}

TEST_CASE("a row comes out the same whatever stands beside it", "[baseline]") {
  const Table table = correlated(300, 13);
  for (const std::string& method : see::baseline_methods()) {
    INFO(method);
    const auto fitted = made(table, method, modest_ratio(method));
    const RowMatrix<float> all = rows_of(fitted);
    const std::vector<Index> ids{299, 7, 7, 0};
    RowMatrix<float> wide = RowMatrix<float>::Constant(4, 15, 5);
    fitted.forward(ids, wide.leftCols(13));
    for (Index i = 0; i < 4; ++i)
      CHECK(wide.row(i).head(13) == all.row(ids[static_cast<std::size_t>(i)]));
    CHECK((wide.rightCols(2).array() == 5).all());
  }
}

TEST_CASE("the unit of a table does not matter to a baseline", "[baseline]") {
  const Table table = correlated(300, 12, false);
  for (const std::string& method : see::baseline_methods()) {
    if (method == "word2ketxs") continue;  // factors of half precision, without a unit
    INFO(method);
    const auto error_at = [&](float unit) {
      const RowMatrix<float> scaled = unit * table.matrix();
      return std::stod(made(table_of(scaled), method, 2).fit().at("relative_error"));
    };
    CHECK(error_at(0x1p40F) == Approx(error_at(1)).epsilon(0.02).margin(2e-6));
    CHECK(error_at(0x1p-40F) == Approx(error_at(1)).epsilon(0.02).margin(2e-6));
  }
}

TEST_CASE("int8 and int4 err by half a step at most", "[baseline]") {
  RowMatrix<float> values = normal(37, 21, 1);
  values.row(3).setZero();
  values.row(4) *= 100;
  const Table table = table_of(values);
  const RowMatrix<float> eight = rows_of(*see::BlockCodes::fit_int8(table, see::serial()));
  const RowMatrix<float> four = rows_of(*see::BlockCodes::fit_int4(table, see::serial()));
  CHECK(eight.row(3).isZero(0));
  for (Index w = 0; w < 37; ++w) {
    const float step = 2 * values.row(w).cwiseAbs().maxCoeff() / 256 * (1 + 0x1p-9F);
    CHECK((eight - values).row(w).cwiseAbs().maxCoeff() <= step / 2 * (1 + 1e-5F));
  }
  const Index size = values.size();
  for (Index first = 0; first < size; first += 32) {
    const Index count = std::min<Index>(32, size - first);
    const Eigen::Map<const Eigen::ArrayXf> x(values.data() + first, count),
        y(four.data() + first, count);
    const float step = 2 * x.abs().maxCoeff() / 16 * (1 + 0x1p-9F);
    CHECK((x - y).abs().maxCoeff() <= step / 2 * (1 + 1e-5F));
  }
}

TEST_CASE("int8 and int4 have one size, which is named", "[baseline]") {
  const Table table = correlated(200, 20);
  for (const std::string method : {"int8", "int4"}) {
    const std::string message = message_of<see::Error>([&] { made(table, method, 20); });
    const std::string before = "its only size) takes ";
    REQUIRE(message.find(before) != message.npos);
    const auto size = std::stoull(message.substr(message.find(before) + before.size()));
    const auto fitted = see::compress_baseline(table, {.bytes = size, .method = method});
    CHECK(see::compressed_bytes(fitted).total <= size);
    CHECK(see::compressed_bytes(fitted).total + 128 >= size);
    const auto same = see::compress_baseline(table, {.bytes = 10 * size, .method = method});
    CHECK(see::compressed_bytes(same).total == see::compressed_bytes(fitted).total);
    CHECK_THROWS_AS(see::compress_baseline(table, {.bytes = size - 1, .method = method}),
                    see::Error);
  }
}

TEST_CASE("svd leaves the dropped singular values", "[baseline]") {
  const Table table = correlated(120, 16);
  const Eigen::VectorXd singular = table.matrix().cast<double>().bdcSvd().singularValues();
  const double energy = singular.squaredNorm();
  for (const Index rank : {1, 3, 8, 16}) {
    const double expected = singular.tail(16 - rank).squaredNorm();
    const double error = squared_error(*see::LowRank::fit(table, rank, see::serial()), table);
    CHECK(error == Approx(expected).margin(1e-6 * energy));
  }
}

TEST_CASE("second moments are those of the definition, for any threads", "[baseline]") {
  const RowMatrix<float> x = normal(5000, 70, 2);
  const RowMatrix<double> wide = x.cast<double>();
  const see::Vector<double> mean = wide.colwise().mean().transpose();
  const Eigen::MatrixXd plain = see::second_moments(x, see::threads(3));
  CHECK((plain - wide.transpose() * wide).cwiseAbs().maxCoeff() < 1e-8);
  CHECK(plain == see::second_moments(x, see::serial()));
  const RowMatrix<double> centred = wide.rowwise() - mean.transpose();
  CHECK((see::second_moments(x, see::serial(), &mean) - centred.transpose() * centred)
            .cwiseAbs()
            .maxCoeff() < 1e-8);
}

TEST_CASE("a tensor train of its own ranks comes back to half precision", "[baseline]") {
  const Index rows = 59, dim = 30;  // 60 = 3 x 4 x 5 rows: the last is padding
  see::TrainShape shape = see::TrainShape::of(rows, dim);
  shape.ranks = {3, 2};
  const auto forms = shape.core_shapes();
  std::array<see::HalfArray, 3> cores;
  for (std::size_t k = 0; k < 3; ++k) {
    Index count = 1;
    for (const Index size : forms[k]) count *= size;
    const RowMatrix<float> values = normal(1, count, k + 1);
    cores[k] = see::HalfArray(std::vector<float>(values.data(), values.data() + count));
  }
  // A last row of zeros would raise the ranks: take a train of all rows that the digits name.
  const Index full = shape.rows[0] * shape.rows[1] * shape.rows[2];
  const see::TensorTrain train(full, dim, shape, cores);
  const RowMatrix<float> dense = rows_of(train);
  for (const auto& [w, j] : {std::pair<Index, Index>{0, 0}, {17, 11}, {full - 1, dim - 1}}) {
    const auto [n1, n2, n3] = shape.rows;
    const auto [d1, d2, d3] = shape.cols;
    double sum = 0;
    for (Index a = 0; a < 3; ++a)
      for (Index b = 0; b < 2; ++b) {
        const Index w1 = w / (n2 * n3), w2 = w / n3 % n2, w3 = w % n3;
        const Index j1 = j / (d2 * d3), j2 = j / d3 % d2, j3 = j % d3;
        sum += double{cores[0].data()[(w1 * d1 + j1) * 3 + a]} *
               double{cores[1].data()[((w2 * d2 + j2) * 3 + a) * 2 + b]} *
               double{cores[2].data()[(b * n3 + w3) * d3 + j3]};
      }
    CHECK(double{dense(w, j)} == Approx(sum).margin(1e-4));
  }
  const Table table = table_of(dense);
  const see::TensorTrainFit fit(table, see::serial());
  const double energy = dense.cast<double>().squaredNorm();
  CHECK(squared_error(*fit.train(shape), table) < 1e-5 * energy);
  see::TrainShape less = shape;
  less.ranks = {2, 2};
  CHECK(squared_error(*fit.train(less), table) > 1e-3 * energy);
  const see::TrainShape chosen =
      fit.choose([](const see::TrainShape& s) { return s.ranks[0] + s.ranks[1] <= 5; });
  CHECK(chosen.ranks == std::array<Index, 2>{3, 2});
}

TEST_CASE("a tensor train errs by no more than the values dropped at its bonds", "[baseline]") {
  const Table table = correlated(100, 12);
  const see::TensorTrainFit fit(table, see::threads(2));
  see::TrainShape shape = see::TrainShape::of(100, 12);
  shape.ranks = {shape.product(0), shape.product(2)};
  const double energy = table.matrix().cast<double>().squaredNorm();
  CHECK(squared_error(*fit.train(shape), table) < 1e-5 * energy);
  double before = energy;
  for (const Index rank : {2, 4, 7}) {
    shape.ranks = {rank, rank};
    const double error = squared_error(*fit.train(shape), table);
    CHECK(error < before);
    before = error;
  }
  shape.ranks = {0, 1};
  CHECK_THROWS_AS(fit.train(shape), see::Error);
  shape.ranks = {1, shape.product(2) + 1};
  CHECK_THROWS_AS(fit.train(shape), see::Error);
}

TEST_CASE("k-means ends with means of what is nearest to them", "[baseline]") {
  const RowMatrix<float> points = normal(400, 3, 7);
  const RowMatrix<float> centroids = see::k_means(points, 9, 200, 1, [] {});
  RowMatrix<double> sums = RowMatrix<double>::Zero(9, 3);
  std::vector<double> counts(9, 0);
  see::detail::NearestCentroid find(centroids);
  for (Index i = 0; i < 400; ++i) {
    Index nearest = 0;
    (centroids.rowwise() - points.row(i)).rowwise().squaredNorm().minCoeff(&nearest);
    CHECK(find(points.data() + 3 * i) == nearest);
    sums.row(nearest) += points.row(i).cast<double>();
    ++counts[static_cast<std::size_t>(nearest)];
  }
  for (Index c = 0; c < 9; ++c)
    CHECK((sums.row(c) / counts[static_cast<std::size_t>(c)] - centroids.row(c).cast<double>())
              .norm() < 1e-5);
  CHECK_THROWS_AS(see::k_means(points, 0, 5, 1, [] {}), see::Error);
  CHECK_THROWS_AS(see::k_means(points.topRows(0), 2, 5, 1, [] {}), see::Error);
  CHECK_THROWS_AS(see::k_means(points / 0.0F, 2, 5, 1, [] {}), see::Error);
}

TEST_CASE("no centroid of k-means is left without points", "[baseline]") {
  RowMatrix<float> points(64, 1);  // 60 points in one place, a little apart, and four far away
  for (Index i = 0; i < 64; ++i) points(i, 0) = i < 60 ? 1e-3F * float(i) : 100.0F * float(i);
  const RowMatrix<float> centroids = see::k_means(points, 16, 100, 3, [] {});
  std::vector<float> places(centroids.data(), centroids.data() + 16);
  std::sort(places.begin(), places.end());
  CHECK(std::unique(places.begin(), places.end()) == places.end());
}

TEST_CASE("product codes are exact where there are as many centroids as rows", "[baseline]") {
  const RowMatrix<float> few = normal(16, 10, 5);
  RowMatrix<float> values(200, 10);
  for (Index w = 0; w < 200; ++w) values.row(w) = few.row(w * 7 % 16);
  const Table table = table_of(values);
  for (const Index parts : {1, 3, 10}) {
    const auto codes =
        see::ProductCodes::fit(table, {.parts = parts, .bits = 4}, 1, see::serial(), nothing);
    const RowMatrix<float> rows = rows_of(*codes);
    CHECK((rows - values).cwiseAbs().maxCoeff() <= 4 * 0x1p-11F);
    const auto rough =
        see::ProductCodes::fit(table, {.parts = parts, .bits = 3}, 1, see::serial(), nothing);
    CHECK(squared_error(*rough, table) > 100 * squared_error(*codes, table));
  }
}

TEST_CASE("every part of product codes is the nearest centroid", "[baseline]") {
  const Table table = correlated(500, 11);
  const auto codes =
      see::ProductCodes::fit(table, {.parts = 4, .bits = 5}, 1, see::serial(), nothing);
  const RowMatrix<float> rows = rows_of(*codes);
  for (Index m = 0; m < 4; ++m) {
    const Index first = see::ProductCodes::begin(m, 4, 11);
    const Index width = see::ProductCodes::begin(m + 1, 4, 11) - first;
    for (Index w = 0; w < 500; w += 9) {
      const auto target = table.matrix().row(w).segment(first, width);
      const float error = (rows.row(w).segment(first, width) - target).norm();
      for (Index other = 0; other < 500; other += 7)
        CHECK(error <= (rows.row(other).segment(first, width) - target).norm() * (1 + 1e-4F));
    }
  }
  const auto refused = [&](const see::ProductPlan& plan) {
    return says<see::Error>(
        "needed", [&] { see::ProductCodes::fit(table, plan, 1, see::serial(), nothing); });
  };
  CHECK(refused({.parts = 0}));
  CHECK(refused({.parts = 12}));
  CHECK(refused({.parts = 2, .bits = 0}));
  CHECK(refused({.parts = 2, .bits = 17}));
  CHECK(refused({.parts = 2, .bits = 4, .iterations = 0}));
  CHECK(refused({.parts = 2, .bits = 4, .sample = 0}));
}

TEST_CASE("Lloyd-Max levels are the means of what is nearest to them", "[baseline]") {
  // Max, IRE Trans. IT-6, 1960, table I.
  CHECK(see::LloydMax::of(1).distortion == Approx(0.3634).margin(1e-4));
  CHECK(see::LloydMax::of(2).distortion == Approx(0.1175).margin(1e-4));
  CHECK(see::LloydMax::of(3).distortion == Approx(0.03454).margin(1e-5));
  CHECK(see::LloydMax::of(4).distortion == Approx(0.0095).margin(1e-5));
  CHECK(see::LloydMax::of(0).distortion == 1);
  for (int bits = 0; bits <= see::LloydMax::most_bits; ++bits) {
    const see::LloydMax& table = see::LloydMax::of(bits);
    REQUIRE(table.levels.size() == std::size_t{1} << bits);
    CHECK(table.distortion > 0);
    std::vector<double> mass(table.levels.size(), 0), moment = mass;
    double error = 0, all = 0;
    for (int i = -160000; i <= 160000; ++i) {  // the midpoint rule
      const double x = i / 20000.0, weight = std::exp(-x * x / 2);
      const std::size_t nearest = table.nearest(float(x));
      mass[nearest] += weight;
      moment[nearest] += weight * x;
      error += weight * std::pow(x - double{table.levels[nearest]}, 2);
      all += weight;
    }
    CHECK(error / all == Approx(table.distortion).epsilon(1e-3));
    for (std::size_t k = 0; k < mass.size(); ++k) {
      CHECK(moment[k] / mass[k] == Approx(double{table.levels[k]}).margin(1e-4));
      CHECK(table.levels[k] == -table.levels[mass.size() - 1 - k]);
      CHECK(table.nearest(table.levels[k]) == k);
    }
    if (bits > 1) {  // the fall shrinks from bit to bit, on which fill_bits relies
      const auto at = [](int b) { return see::LloydMax::of(b).distortion; };
      CHECK(at(bits - 1) - at(bits) < at(bits - 2) - at(bits - 1));
    }
  }
}

TEST_CASE("bits go where they help most, and no more than there are", "[baseline]") {
  const std::vector<double> variances{9, 4, 4, 1, 0.01, 0};
  for (const Index bits : {0, 1, 4, 9, 20, 100}) {
    const see::PrincipalPlan plan = see::fill_bits(variances, bits);
    CHECK(plan.row_bits() <= bits);
    CHECK((plan.row_bits() == bits || bits > 5 * see::LloydMax::most_bits));
    CHECK(std::is_sorted(plan.rates.rbegin(), plan.rates.rend()));
    CHECK(plan.axes() <= 5);
  }
  // Against all ways to share six bits among four coordinates.
  double least = std::numeric_limits<double>::infinity();
  const auto error = [&](std::size_t i, int rate) {
    return variances[i] * see::LloydMax::of(rate).distortion;
  };
  for (int a = 0; a <= 6; ++a)
    for (int b = 0; a + b <= 6; ++b)
      for (int c = 0; a + b + c <= 6; ++c)
        least = std::min(least, error(0, a) + error(1, b) + error(2, c) + error(3, 6 - a - b - c));
  CHECK(see::fill_bits(std::span(variances).first(4), 6).distortion == Approx(least));
}

TEST_CASE("principal codes err as Gaussian rows are expected to", "[baseline]") {
  const Table table = correlated(4000, 12);
  const see::PrincipalFit fit(table, see::threads(2));
  for (const Index most : {6, 20, 40}) {
    const see::PrincipalPlan plan = fit.choose([&](Index, Index bits) { return bits <= most; });
    CHECK(plan.row_bits() == most);
    const auto codes = fit.code(plan, nothing);
    CHECK(squared_error(*codes, table) / 4000 == Approx(plan.distortion).epsilon(0.05));
  }
  const see::PrincipalPlan one = fit.choose([](Index axes, Index) { return axes <= 1; });
  CHECK(one.axes() == 1);
  const see::PrincipalPlan none = fit.choose([](Index, Index) { return false; });
  CHECK(none.axes() == 0);
  const RowMatrix<float> mean = rows_of(*fit.code(none, nothing));
  CHECK((mean.row(0) - table.matrix().colwise().mean()).norm() < 1e-2F);
  CHECK(mean.row(0) == mean.row(3999));
}

TEST_CASE("word2ketXS of full rank holds the table, of less its largest part", "[baseline]") {
  const Table table = correlated(36, 12);  // 6 x 6 words, 3 x 4 columns
  const auto layer = [&](Index rank) {
    return see::fit_word2ketxs(table, rank, 1, see::serial(), nothing);
  };
  const double energy = table.matrix().cast<double>().squaredNorm();
  CHECK(squared_error(layer(18), table) < 1e-5 * energy);
  Eigen::MatrixXd moved(18, 24);
  for (Index w = 0; w < 36; ++w)
    for (Index j = 0; j < 12; ++j)
      moved(w / 6 * 3 + j / 4, w % 6 * 4 + j % 4) = double{table.matrix()(w, j)};
  const Eigen::VectorXd singular = moved.bdcSvd().singularValues();
  for (const Index rank : {1, 4, 9})
    CHECK(squared_error(layer(rank), table) ==
          Approx(singular.tail(18 - rank).squaredNorm()).margin(1e-5 * energy));
  CHECK(layer(20).lexicon().kind() == see::IndexKind::digits);
}

TEST_CASE("the smallest size of every baseline is named and can be reached", "[baseline]") {
  const Table table = correlated(60, 8);
  for (const std::string& method : see::baseline_methods()) {
    INFO(method);
    const auto within = [&](std::uint64_t bytes) {
      return see::compress_baseline(table, {.bytes = bytes, .method = method});
    };
    const std::string message = message_of<see::Error>([&] { within(10); });
    const std::string before = " takes ";
    REQUIRE(message.find(before) != message.npos);
    const auto least = std::stoull(message.substr(message.find(before) + before.size()));
    CHECK_THROWS_AS(within(least - 1), see::Error);
    CHECK(see::compressed_bytes(within(least)).total <= least);
  }
}

TEST_CASE("a table of one row or one column can be compressed", "[baseline]") {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{1, 5}, {9, 1}, {1, 1}})
    for (const std::string& method : see::baseline_methods()) {
      INFO(method << ' ' << rows << " x " << cols);
      const Table table = table_of(normal(rows, cols, 3));
      const auto fitted = see::compress_baseline(table, {.bytes = 100000, .method = method});
      CHECK(rows_of(fitted).allFinite());
      if (method == "svd" || method == "tt" || method == "word2ketxs")
        CHECK((rows_of(fitted) - table.matrix()).norm() < 1e-2F * table.matrix().norm());
    }
}

TEST_CASE("a table of zeros comes back as zeros", "[baseline]") {
  for (const std::string& method : see::baseline_methods()) {
    INFO(method);
    const Table table = table_of(RowMatrix<float>::Zero(30, 6));
    CHECK(rows_of(see::compress_baseline(table, {.bytes = 100000, .method = method})).isZero(0));
  }
}

TEST_CASE("baselines that make no sense are refused", "[baseline]") {
  const Table table = correlated(40, 8);
  const auto refused = [&](const see::CompressOptions& options, const Table& rows) {
    CHECK_THROWS_AS(see::compress_baseline(rows, options), see::Error);
  };
  refused({.ratio = 2, .method = "magic"}, table);
  refused({.ratio = 2, .method = "auto"}, table);
  refused({.method = "svd"}, table);
  refused({.ratio = 2, .bytes = 4000, .method = "svd"}, table);
  refused({.ratio = -1, .method = "svd"}, table);
  refused({.ratio = 2, .method = "svd", .direction = 0.5}, table);
  refused({.ratio = 2, .method = "svd"}, Table());
  CHECK_THROWS_AS(see::LowRank::fit(table, 0, see::serial()), see::Error);
  CHECK_THROWS_AS(see::LowRank::fit(table, 9, see::serial()), see::Error);
  RowMatrix<float> bad = RowMatrix<float>::Ones(20, 4);
  bad(3, 2) = std::numeric_limits<float>::infinity();
  for (const std::string& method : see::baseline_methods())
    refused({.bytes = 100000, .method = method}, table_of(bad));
  CHECK(see::compress_by_method(table, {.bytes = 100000, .method = "svd"}).baseline());
  CHECK(see::compress_by_method(table, {.bytes = 100000, .method = "trellis"}).model());
}

TEST_CASE("a cancelled baseline throws", "[baseline]") {
  see::CompressOptions options;
  options.bytes = 100000;
  for (const std::string& method : see::baseline_methods()) {
    options.method = method;
    options.progress = [](const see::Progress&) { return false; };
    CHECK(
        says<see::Error>("cancelled", [&] { see::compress_baseline(correlated(40, 8), options); }));
  }
}

TEST_CASE("ids and outputs that do not fit are refused", "[baseline]") {
  const auto fitted = made(correlated(300, 12), "svd", 3);
  RowMatrix<float> out(1, 12);
  const auto refused = [&](Index id, Index cols) {
    const std::array<Index, 1> ids{id};
    RowMatrix<float> rows(1, cols);
    CHECK_THROWS_AS(fitted.forward(ids, rows), see::Error);
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

TEST_CASE("parts of baselines that do not fit are refused", "[baseline]") {
  const auto halves = [](std::size_t n) { return see::HalfArray(std::vector<float>(n, 1.0F)); };
  const see::Array<std::uint8_t> none;
  CHECK_THROWS_AS(see::BlockCodes(2, 3, 5, 3, halves(2), see::Array<std::uint8_t>(6)), see::Error);
  CHECK_THROWS_AS(see::BlockCodes(2, 3, 8, 3, halves(1), see::Array<std::uint8_t>(6)), see::Error);
  CHECK_THROWS_AS(see::BlockCodes(2, 3, 8, 3, halves(2), see::Array<std::uint8_t>(5)), see::Error);
  CHECK_THROWS_AS(see::LowRank(2, 3, 1, halves(2), halves(2)), see::Error);
  CHECK_THROWS_AS(see::LowRank(2, 3, 0, halves(0), halves(0)), see::Error);
  const see::PackedArray codes(std::span<const int>(std::vector<int>{0, 1, 1, 0}), 1);
  CHECK_THROWS_AS(see::ProductCodes(2, 3, 4, halves(6), codes), see::Error);
  CHECK_THROWS_AS(see::ProductCodes(2, 3, 2, halves(5), codes), see::Error);
  CHECK_THROWS_AS(see::ProductCodes(3, 3, 2, halves(6), codes), see::Error);
  CHECK_NOTHROW(see::ProductCodes(2, 3, 2, halves(6), codes));
  CHECK_THROWS_AS(see::PrincipalCodes(2, 3, {9}, halves(3), halves(3), halves(1), none),
                  see::Error);
  CHECK_THROWS_AS(see::PrincipalCodes(2, 3, {1}, halves(3), halves(3), halves(1), none),
                  see::Error);
  CHECK_THROWS_AS(see::PrincipalCodes(2, 3, {}, halves(2), halves(0), halves(0), none), see::Error);
  CHECK_NOTHROW(see::PrincipalCodes(2, 3, {}, halves(3), halves(0), halves(0), none));
  see::TrainShape shape = see::TrainShape::of(8, 8);
  shape.ranks = {1, 1};
  const std::array<see::HalfArray, 3> cores{halves(4), halves(4), halves(4)};
  CHECK_NOTHROW(see::TensorTrain(8, 8, shape, cores));
  CHECK_THROWS_AS(see::TensorTrain(9, 8, shape, cores), see::Error);
  CHECK_THROWS_AS(see::TensorTrain(8, 8, shape, {halves(4), halves(3), halves(4)}), see::Error);
  const auto rows = std::make_shared<const see::LowRank>(2, 3, 1, halves(2), halves(3));
  TempDir dir;
  const see::Baseline wrong{rows, see::Vocabulary::from(std::vector<std::string>{"a"}), {}};
  CHECK_THROWS_AS(see::save_baseline(dir / "x", wrong), see::Error);
  CHECK(dir.entries() == 0);
}

TEST_CASE("damaged and hostile baseline files are refused", "[baseline]") {
  const Table table = correlated(90, 9);
  TempDir dir;
  const std::string path = dir / "m", other = dir / "o";
  const auto refuses_bytes = [&](const std::string& bytes, const std::string& part = "") {
    write_file(other, bytes);
    return says(part, [&] { see::load_compressed(other); });
  };
  for (const std::string method : {"int8", "int4", "svd", "tt", "pq", "pca"}) {
    INFO(method);
    see::save_compressed(path, see::compress_baseline(table, {.bytes = 2500, .method = method}));
    const std::string good = read_file(path);
    write_file(other, with_checksum(good));
    REQUIRE_NOTHROW(see::load_compressed(other));
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
    hostile("\"format_version\":\"1\"", "\"format_version\":\"2\"");
    hostile("\"method\":\"" + method + '"',
            "\"method\":\"" + std::string(method.size(), 'z') + '"');
    hostile("\"format\":\"see baseline\"", "\"format\":\"see basement\"");
    hostile("\"exponent.", "\"Exponent.");
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
    const auto& tensor = file.at(name);
    const auto at = static_cast<std::size_t>(tensor.bytes.data() - file.file()->bytes().data());
    bytes.replace(at, tensor.bytes.size(),
                  std::string(tensor.bytes.size(), static_cast<char>(byte)));
    return with_checksum(bytes);
  };
  const auto refused = [&](const std::string& method, const std::string& name, std::uint8_t byte,
                           const std::string& part) {
    INFO(method << ' ' << name);
    see::save_compressed(path, see::compress_baseline(table, {.bytes = 2500, .method = method}));
    write_file(dir / "o", with_tensor(name, byte));
    CHECK(says(part, [&] { see::load_compressed(dir / "o"); }));
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
    see::save_compressed(path, see::compress_baseline(table, {.bytes = 2500, .method = method}));
    write_file(dir / "o", with_tensor("codes", 0xff));
    CHECK(rows_of(see::load_compressed(dir / "o")).allFinite());
  }
}

TEST_CASE("models and baselines are told apart", "[baseline]") {
  const Table table = correlated(300, 12);
  TempDir dir;
  see::save_compressed(dir / "b", made(table, "pq", 3));
  see::save_compressed(dir / "m",
                       see::compress_by_method(table, {.ratio = 3, .method = "trellis"}));
  CHECK_THROWS_AS(see::load_model<float>(dir / "b"), see::FileError);
  CHECK(says("not a baseline", [&] { see::load_baseline(dir / "m"); }));
  CHECK(see::load_baseline(dir / "b").fit.at("method") == "pq");
  CHECK(see::load_compressed(dir / "m").fit().at("method") == "trellis");
  CHECK(see::load_compressed(dir / "m").words()[7] == "w7");
}
