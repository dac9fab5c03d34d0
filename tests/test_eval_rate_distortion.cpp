#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/eval/rate_distortion.hpp"

using namespace see;

namespace {

RowMatrix<float> random_rows(Index rows, Index dim, std::uint64_t seed) {
  Random random(seed);
  RowMatrix<float> values(rows, dim);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < dim; ++j)
      values(i, j) = static_cast<float>(random.normal() / (1 + static_cast<double>(j)) + 0.5);
  return values;
}

/// The level t by bisection.
double by_bisection(const std::vector<double>& eigenvalues, double bits) {
  double low = 0, high = 0;
  for (const double value : eigenvalues) high = std::max(high, value);
  for (int step = 0; step < 2000; ++step) {
    const double t = (low + high) / 2;
    double rate = 0;
    for (const double value : eigenvalues)
      if (value > t) rate += 0.5 * std::log2(value / t);
    (rate > bits ? low : high) = t;
  }
  double distortion = 0;
  for (const double value : eigenvalues) distortion += std::min(value, high);
  return distortion;
}

}  // namespace

TEST_CASE("rate_distortion_bound: equal eigenvalues give 2^(-2b/d)") {
  for (const int d : {1, 7, 100}) {
    const std::vector<double> eigenvalues(static_cast<std::size_t>(d), 0.3);
    for (const double bits : {0.0, 0.5, 10.0, 200.0})
      REQUIRE(rate_distortion_bound(eigenvalues, 0.3 * d, bits) ==
              Approx(std::exp2(-2 * bits / d)));
  }
}

TEST_CASE("rate_distortion_bound agrees with bisection, falls with bits and is convex") {
  Random random(41);
  std::vector<double> eigenvalues;
  for (int i = 0; i < 30; ++i) eigenvalues.push_back(std::exp(3 * random.normal()));
  eigenvalues.insert(eigenvalues.end(), {0.0, 0.0, -1e-17});
  double before = std::numeric_limits<double>::infinity(), slope = -before;
  for (double bits = 0; bits < 120; bits += 1.5) {
    const double bound = rate_distortion_bound(eigenvalues, 2, bits);
    REQUIRE(bound == Approx(by_bisection(eigenvalues, bits) / 2));
    REQUIRE(bound < before);
    if (bits > 0) {
      REQUIRE(bound - before >= slope);
      slope = bound - before;
    }
    before = bound;
  }
}

TEST_CASE("rate_distortion_bound: no bits, no spread, many bits, tiny eigenvalues") {
  const std::vector<double> some{1, 4, 0, 2}, flat{0, 0, -1e-20}, tiny{1e-300, 1};
  REQUIRE(rate_distortion_bound(some, 14, 0) == Approx(0.5));
  REQUIRE(rate_distortion_bound(flat, 1, 0) == 0);
  REQUIRE(rate_distortion_bound(flat, 1, 10) == 0);
  REQUIRE(rate_distortion_bound({}, 1, 10) == 0);
  REQUIRE(rate_distortion_bound(some, 14, 1e9) == 0);
  REQUIRE(rate_distortion_bound(tiny, 1, 3) == Approx(1.0 / 64));
}

TEST_CASE("rate_distortion_bound refuses what is no number") {
  const std::vector<double> some{1, 2}, bad{1, std::nan("")};
  const double infinity = std::numeric_limits<double>::infinity();
  REQUIRE_THROWS_AS(rate_distortion_bound(bad, 1, 1), Error);
  REQUIRE_THROWS_AS(rate_distortion_bound(some, 0, 1), Error);
  REQUIRE_THROWS_AS(rate_distortion_bound(some, infinity, 1), Error);
  REQUIRE_THROWS_AS(rate_distortion_bound(some, 1, -1), Error);
  REQUIRE_THROWS_AS(rate_distortion_bound(some, 1, infinity), Error);
  REQUIRE_THROWS_AS(rate_distortion_bound(Spectrum{}, 1), Error);
}

TEST_CASE("spectrum agrees with the centred covariance and does not depend on threads") {
  for (const Index rows : {1, 5, 4097}) {
    for (const Index dim : {1, 40}) {
      CAPTURE(rows, dim);
      const auto x = random_rows(rows, dim, 42);
      const RowMatrix<double> wide = x.cast<double>();
      const RowMatrix<double> centred = wide.rowwise() - wide.colwise().mean();
      const Eigen::MatrixXd covariance = centred.transpose() * centred / static_cast<double>(rows);
      const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
      const auto found = spectrum(TableRows(x));
      REQUIRE(found.rows == rows);
      REQUIRE(found.mean_square_norm == Approx(wide.squaredNorm() / static_cast<double>(rows)));
      REQUIRE(found.eigenvalues.size() == static_cast<std::size_t>(dim));
      for (Index i = 0; i < dim; ++i)
        REQUIRE(found.eigenvalues[static_cast<std::size_t>(i)] ==
                Approx(solver.eigenvalues()[i]).margin(1e-13));
      REQUIRE(spectrum(TableRows(x), threads(3)).eigenvalues == found.eigenvalues);
    }
  }
}

TEST_CASE("rate_distortion_bound of a table: bytes are shared by the rows") {
  const auto x = random_rows(300, 6, 43);
  const TableRows source(x);
  const auto shape = spectrum(source);
  REQUIRE(rate_distortion_bound(source, 600) ==
          rate_distortion_bound(shape.eigenvalues, shape.mean_square_norm, 16));
  REQUIRE(rate_distortion_bound(source, 600, threads(2)) == rate_distortion_bound(shape, 600));
  REQUIRE(rate_distortion_bound(source, 0) < 1);

  const RowMatrix<float> one = x.topRows(1), same = one.replicate(9, 1);
  REQUIRE(rate_distortion_bound(TableRows(one), 0) == Approx(0).margin(1e-14));
  REQUIRE(rate_distortion_bound(TableRows(same), 0) == Approx(0).margin(1e-14));
}

TEST_CASE("spectrum and bound refuse tables without numbers") {
  const RowMatrix<float> empty(0, 3), narrow(3, 0), zero = RowMatrix<float>::Zero(4, 3);
  REQUIRE_THROWS_AS(spectrum(TableRows(empty)), Error);
  REQUIRE_THROWS_AS(spectrum(TableRows(narrow)), Error);
  REQUIRE_THROWS_AS(rate_distortion_bound(TableRows(zero), 1), Error);
  RowMatrix<float> bad = random_rows(4, 3, 44);
  bad(2, 1) = std::numeric_limits<float>::infinity();
  REQUIRE_THROWS_AS(spectrum(TableRows(bad)), Error);
}
