#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "catch.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/random.hpp"

using see::Index;
using see::RowMatrix;

namespace {

template <class Scalar>
RowMatrix<Scalar> normal(Index rows, Index cols, std::uint64_t seed) {
  see::Random random(seed);
  RowMatrix<Scalar> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<Scalar>(random.normal());
  return values;
}

/// Products of every layout and of odd sizes, against Eigen's.
template <class Scalar>
void check_products() {
  const double tolerance = 50 * double(std::numeric_limits<Scalar>::epsilon());
  for (const Index rows : {1, 3, 4, 17, 261})
    for (const Index inner : {1, 5, 300})
      for (const Index cols : {1, 7, 33}) {
        INFO(rows << " x " << inner << " x " << cols);
        const auto a = normal<Scalar>(rows, inner, 1), b = normal<Scalar>(inner, cols, 2);
        const RowMatrix<Scalar> at = a.transpose(), bt = b.transpose();
        const RowMatrix<Scalar> expected = a.lazyProduct(b);
        const double size = 1 + double(expected.norm());
        const auto near = [&](const RowMatrix<Scalar>& found) {
          return found.rows() == rows && found.cols() == cols &&
                 double((found - expected).norm()) <= tolerance * size;
        };
        CHECK(near(see::detail::product(a, b)));
        CHECK(near(see::detail::product(at.transpose(), b)));
        CHECK(near(see::detail::product(a, bt.transpose())));
        CHECK(near(see::detail::product(at.transpose(), bt.transpose())));
        RowMatrix<Scalar> wide(rows + 2, inner + 3);
        wide.setConstant(7);
        wide.block(1, 2, rows, inner) = a;
        CHECK(near(see::detail::product(wide.block(1, 2, rows, inner), b)));
      }
}

}  // namespace

TEST_CASE("products of every layout are those of the definition", "[linear_algebra]") {
  check_products<float>();
  check_products<double>();
}

TEST_CASE("a product of no terms is zero, and sums are added to", "[linear_algebra]") {
  CHECK(see::detail::product(RowMatrix<float>(3, 0), RowMatrix<float>(0, 2)).isZero(0));
  const auto a = normal<float>(5, 6, 1), b = normal<float>(6, 4, 2);
  RowMatrix<double> sums = RowMatrix<double>::Ones(5, 4);
  see::detail::add_product(see::detail::view(a), see::detail::view(b), sums.data(), 4);
  const RowMatrix<double> expected =
      RowMatrix<double>::Ones(5, 4) + a.cast<double>().lazyProduct(b.cast<double>());
  CHECK((sums - expected).norm() < 1e-5);
}

TEST_CASE("eigenvectors are orthonormal and give the matrix back", "[linear_algebra]") {
  for (const Index n : {1, 2, 3, 10, 65}) {
    INFO(n);
    const auto x = normal<double>(n, n, 3);
    RowMatrix<double> a = x + x.transpose();
    if (n == 10) a.row(4).setZero(), a.col(4).setZero();
    const auto eigen = see::detail::symmetric_eigen(a);
    const RowMatrix<double>& v = eigen.vectors;  // a row each
    REQUIRE(v.rows() == n);
    CHECK(std::is_sorted(eigen.values.begin(), eigen.values.end()));
    const RowMatrix<double> one = v * v.transpose(),
                            back = v.transpose() * eigen.values.asDiagonal() * v;
    CHECK((one - RowMatrix<double>::Identity(n, n)).norm() < 1e-12 * double(n));
    CHECK((back - a).norm() < 1e-13 * double(n) * (1 + a.norm()));
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(a);
    CHECK((eigen.values - solver.eigenvalues()).norm() < 1e-12 * (1 + a.norm()));
    const auto values = see::detail::symmetric_eigen(a, false).values;
    CHECK((values - eigen.values).norm() < 1e-12 * (1 + a.norm()));
  }
}

TEST_CASE("eigenvalues of equal, tiny and huge numbers come out", "[linear_algebra]") {
  for (const double unit : {1e-150, 1.0, 1e150}) {
    const RowMatrix<double> same = unit * RowMatrix<double>::Identity(6, 6);
    CHECK((see::detail::symmetric_eigen(same).values / unit - Eigen::VectorXd::Ones(6)).norm() <
          1e-12);
    const RowMatrix<double> ones = unit * RowMatrix<double>::Ones(6, 6);
    const auto values = see::detail::symmetric_eigen(ones).values;
    CHECK(values[5] / unit == Approx(6));
    CHECK(values.head(5).norm() / unit < 1e-12);
  }
  CHECK(see::detail::symmetric_eigen(RowMatrix<double>::Zero(4, 4)).values.isZero(0));
  RowMatrix<double> bad = RowMatrix<double>::Ones(3, 3);
  bad(2, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(see::detail::symmetric_eigen(bad), see::Error);
}

TEST_CASE("positive definite systems are solved, others refused", "[linear_algebra]") {
  for (const Index n : {1, 2, 9, 70}) {
    const auto x = normal<double>(n, n, 5), right = normal<double>(n, 3, 6);
    const RowMatrix<double> a = x * x.transpose() + RowMatrix<double>::Identity(n, n);
    RowMatrix<double> factor = a, solution = right;
    REQUIRE(see::detail::solve_positive(factor, solution));
    CHECK((a * solution - right).norm() < 1e-10 * double(n) * (1 + right.norm()));
  }
  RowMatrix<double> a = -RowMatrix<double>::Identity(3, 3), b = RowMatrix<double>::Ones(3, 1);
  CHECK_FALSE(see::detail::solve_positive(a, b));
}

TEST_CASE("orthonormal columns span what the columns do", "[linear_algebra]") {
  RowMatrix<float> x = normal<float>(40, 6, 8);
  x.col(3) = 2 * x.col(1);
  const RowMatrix<float> q = see::detail::orthonormal_columns(x);
  RowMatrix<float> gram = q.transpose() * q;
  CHECK(gram(3, 3) < 1e-5F);
  gram(3, 3) = 1;
  CHECK((gram - RowMatrix<float>::Identity(6, 6)).norm() < 1e-5F);
  CHECK((x - q * (q.transpose() * x)).norm() < 1e-4F * x.norm());
}
