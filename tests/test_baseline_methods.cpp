#include <Eigen/SVD>
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
#include "temp_dir.hpp"

using namespace baselines;

TEST_CASE("half arrays keep numbers of any unit to half precision", "[baseline]") {
  for (const float unit : {1.0F, 3e-30F, 2e30F}) {
    const RowMatrix<float> values = unit * normal(1, 500, 1);
    const see::detail::HalfArray halves(std::vector<float>(values.data(), values.data() + 500));
    for (std::size_t i = 0; i < 500; ++i)
      CHECK(std::abs(halves[i] - values.data()[i]) <=
            std::max(std::abs(values.data()[i]) * 0x1p-11F, unit * 0x1p-36F));
    const auto stored = halves.halves();
    const see::detail::HalfArray back(see::Array<Eigen::half>(stored), halves.exponent());
    CHECK(std::equal(back.data(), back.data() + 500, halves.data()));
  }
  CHECK(see::detail::HalfArray(std::vector<float>{0, -0.0F})[0] == 0);
  CHECK_THROWS_AS(see::detail::HalfArray(std::vector<float>{std::nanf("")}), see::Error);
  CHECK_THROWS_AS(see::detail::HalfArray(std::vector<float>{std::numeric_limits<float>::max()}),
                  see::Error);
  const see::Array<Eigen::half> infinite{std::numeric_limits<Eigen::half>::infinity()};
  CHECK_THROWS_AS(see::detail::HalfArray(infinite, 0), see::Error);
  CHECK_THROWS_AS(see::detail::HalfArray(see::Array<Eigen::half>(1), 121), see::Error);
  CHECK_THROWS_AS(see::detail::HalfArray(see::Array<Eigen::half>(1), -201), see::Error);
}

TEST_CASE("int8 and int4 err by half a step at most", "[baseline]") {
  RowMatrix<float> values = normal(37, 21, 1);
  values.row(3).setZero();
  values.row(4) *= 100;
  const Table table = table_of(values);
  const RowMatrix<float> eight = rows_of(*see::detail::fit_block_codes<8>(table, see::serial()));
  const RowMatrix<float> four = rows_of(*see::detail::fit_block_codes<4>(table, see::serial()));
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
    const std::string before = " the smallest takes ";
    REQUIRE(message.find(before) != message.npos);
    const auto size = std::stoull(message.substr(message.find(before) + before.size()));
    const auto fitted = see::compress(table, {.bytes = size, .method = method});
    CHECK(see::model_bytes(fitted).total <= size);
    CHECK(see::model_bytes(fitted).total + 128 >= size);
    const auto same = see::compress(table, {.bytes = 10 * size, .method = method});
    CHECK(see::model_bytes(same).total == see::model_bytes(fitted).total);
    CHECK_THROWS_AS(see::compress(table, {.bytes = size - 1, .method = method}), see::Error);
  }
}

TEST_CASE("svd leaves the dropped singular values", "[baseline]") {
  const Table table = correlated(120, 16);
  const Eigen::VectorXd singular = table.matrix().cast<double>().bdcSvd().singularValues();
  const double energy = singular.squaredNorm();
  for (const Index rank : {1, 3, 8, 16}) {
    const double expected = singular.tail(16 - rank).squaredNorm();
    const double error =
        squared_error(*see::detail::fit_low_rank(table, rank, see::serial()), table);
    CHECK(error == Approx(expected).margin(1e-6 * energy));
  }
}

TEST_CASE("second moments are those of the definition, for any threads", "[baseline]") {
  const RowMatrix<float> x = normal(5000, 70, 2);
  const RowMatrix<double> wide = x.cast<double>();
  const see::Vector<double> mean = wide.colwise().mean().transpose();
  const Eigen::MatrixXd plain = see::detail::second_moments(x, see::threads(3));
  CHECK((plain - wide.transpose() * wide).cwiseAbs().maxCoeff() < 1e-8);
  CHECK(plain == see::detail::second_moments(x, see::serial()));
  const RowMatrix<double> centred = wide.rowwise() - mean.transpose();
  CHECK((see::detail::second_moments(x, see::serial(), &mean) - centred.transpose() * centred)
            .cwiseAbs()
            .maxCoeff() < 1e-8);
}

TEST_CASE("a tensor train of its own ranks comes back to half precision", "[baseline]") {
  const Index rows = 59, dim = 30;  // 60 = 3 x 4 x 5 rows: the last is padding
  see::detail::TrainShape shape = see::detail::TrainShape::of(rows, dim);
  shape.ranks = {3, 2};
  const auto forms = shape.core_shapes();
  std::array<see::detail::HalfArray, 3> cores;
  for (std::size_t k = 0; k < 3; ++k) {
    Index count = 1;
    for (const Index size : forms[k]) count *= size;
    const RowMatrix<float> values = normal(1, count, k + 1);
    cores[k] = see::detail::HalfArray(std::vector<float>(values.data(), values.data() + count));
  }
  // A last row of zeros would raise the ranks: take a train of all rows that the digits name.
  const Index full = shape.rows[0] * shape.rows[1] * shape.rows[2];
  const see::detail::TensorTrain train(full, dim, shape, cores);
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
  const see::detail::TensorTrainFit fit(table, see::serial());
  const double energy = dense.cast<double>().squaredNorm();
  CHECK(squared_error(*fit.train(shape), table) < 1e-5 * energy);
  see::detail::TrainShape less = shape;
  less.ranks = {2, 2};
  CHECK(squared_error(*fit.train(less), table) > 1e-3 * energy);
  const see::detail::TrainShape chosen =
      fit.choose([](const see::detail::TrainShape& s) { return s.ranks[0] + s.ranks[1] <= 5; });
  CHECK(chosen.ranks == std::array<Index, 2>{3, 2});
}

TEST_CASE("a tensor train errs by no more than the values dropped at its bonds", "[baseline]") {
  const Table table = correlated(100, 12);
  const see::detail::TensorTrainFit fit(table, see::threads(2));
  see::detail::TrainShape shape = see::detail::TrainShape::of(100, 12);
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
  const RowMatrix<float> centroids = see::detail::k_means(points, 9, 200, 1, [] {});
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
  CHECK_THROWS_AS(see::detail::k_means(points, 0, 5, 1, [] {}), see::Error);
  CHECK_THROWS_AS(see::detail::k_means(points.topRows(0), 2, 5, 1, [] {}), see::Error);
  CHECK_THROWS_AS(see::detail::k_means(points / 0.0F, 2, 5, 1, [] {}), see::Error);
}

TEST_CASE("no centroid of k-means is left without points", "[baseline]") {
  RowMatrix<float> points(64, 1);  // 60 points in one place, a little apart, and four far away
  for (Index i = 0; i < 64; ++i) points(i, 0) = i < 60 ? 1e-3F * float(i) : 100.0F * float(i);
  const RowMatrix<float> centroids = see::detail::k_means(points, 16, 100, 3, [] {});
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
        see::detail::ProductFit::fit(table, {.parts = parts, .bits = 4}, 1, see::serial(), nothing);
    const RowMatrix<float> rows = rows_of(*codes);
    CHECK((rows - values).cwiseAbs().maxCoeff() <= 4 * 0x1p-11F);
    const auto rough =
        see::detail::ProductFit::fit(table, {.parts = parts, .bits = 3}, 1, see::serial(), nothing);
    CHECK(squared_error(*rough, table) > 100 * squared_error(*codes, table));
  }
}

TEST_CASE("every part of product codes is the nearest centroid", "[baseline]") {
  const Table table = correlated(500, 11);
  const auto codes =
      see::detail::ProductFit::fit(table, {.parts = 4, .bits = 5}, 1, see::serial(), nothing);
  const RowMatrix<float> rows = rows_of(*codes);
  for (Index m = 0; m < 4; ++m) {
    const Index first = see::detail::ProductCodes::begin(m, 4, 11);
    const Index width = see::detail::ProductCodes::begin(m + 1, 4, 11) - first;
    for (Index w = 0; w < 500; w += 9) {
      const auto target = table.matrix().row(w).segment(first, width);
      const float error = (rows.row(w).segment(first, width) - target).norm();
      for (Index other = 0; other < 500; other += 7)
        CHECK(error <= (rows.row(other).segment(first, width) - target).norm() * (1 + 1e-4F));
    }
  }
  const auto refused = [&](const see::detail::ProductPlan& plan) {
    return says<see::Error>(
        "needed", [&] { see::detail::ProductFit::fit(table, plan, 1, see::serial(), nothing); });
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
  CHECK(see::detail::LloydMax::of(1).distortion == Approx(0.3634).margin(1e-4));
  CHECK(see::detail::LloydMax::of(2).distortion == Approx(0.1175).margin(1e-4));
  CHECK(see::detail::LloydMax::of(3).distortion == Approx(0.03454).margin(1e-5));
  CHECK(see::detail::LloydMax::of(4).distortion == Approx(0.0095).margin(1e-5));
  CHECK(see::detail::LloydMax::of(0).distortion == 1);
  for (int bits = 0; bits <= see::detail::LloydMax::most_bits; ++bits) {
    const see::detail::LloydMax& table = see::detail::LloydMax::of(bits);
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
      const auto at = [](int b) { return see::detail::LloydMax::of(b).distortion; };
      CHECK(at(bits - 1) - at(bits) < at(bits - 2) - at(bits - 1));
    }
  }
}

TEST_CASE("bits go where they help most, and no more than there are", "[baseline]") {
  const std::vector<double> variances{9, 4, 4, 1, 0.01, 0};
  for (const Index bits : {0, 1, 4, 9, 20, 100}) {
    const see::detail::PrincipalPlan plan = see::detail::fill_bits(variances, bits);
    CHECK(plan.row_bits() <= bits);
    CHECK((plan.row_bits() == bits || bits > 5 * see::detail::LloydMax::most_bits));
    CHECK(std::is_sorted(plan.rates.rbegin(), plan.rates.rend()));
    CHECK(plan.axes() <= 5);
  }
  // Against all ways to share six bits among four coordinates.
  double least = std::numeric_limits<double>::infinity();
  const auto error = [&](std::size_t i, int rate) {
    return variances[i] * see::detail::LloydMax::of(rate).distortion;
  };
  for (int a = 0; a <= 6; ++a)
    for (int b = 0; a + b <= 6; ++b)
      for (int c = 0; a + b + c <= 6; ++c)
        least = std::min(least, error(0, a) + error(1, b) + error(2, c) + error(3, 6 - a - b - c));
  CHECK(see::detail::fill_bits(std::span(variances).first(4), 6).distortion == Approx(least));
}

TEST_CASE("principal codes err as Gaussian rows are expected to", "[baseline]") {
  const Table table = correlated(4000, 12);
  const see::detail::PrincipalFit fit(table, see::threads(2));
  for (const Index most : {6, 20, 40}) {
    const see::detail::PrincipalPlan plan =
        fit.choose([&](Index, Index bits) { return bits <= most; });
    CHECK(plan.row_bits() == most);
    const auto codes = fit.code(plan, nothing);
    CHECK(squared_error(*codes, table) / 4000 == Approx(plan.distortion).epsilon(0.05));
  }
  const see::detail::PrincipalPlan one = fit.choose([](Index axes, Index) { return axes <= 1; });
  CHECK(one.axes() == 1);
  const see::detail::PrincipalPlan none = fit.choose([](Index, Index) { return false; });
  CHECK(none.axes() == 0);
  const RowMatrix<float> mean = rows_of(*fit.code(none, nothing));
  CHECK((mean.row(0) - table.matrix().colwise().mean()).norm() < 1e-2F);
  CHECK(mean.row(0) == mean.row(3999));
}

TEST_CASE("word2ketXS of full rank holds the table, of less its largest part", "[baseline]") {
  const Table table = correlated(36, 12);  // 6 x 6 words, 3 x 4 columns
  const auto layer = [&](Index rank) {
    return see::detail::fit_word2ketxs(table, rank, 1, see::serial(), nothing);
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
