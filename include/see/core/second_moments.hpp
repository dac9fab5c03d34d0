#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see::detail {

/// X^T X of `rows` rows that fill(first, block) writes into a block of Scalar: products of at most
/// 256 rows are summed as Scalar, the rest in double. n d^2 operations over tiles of columns, 8 d^2
/// bytes and a block of 2,048 rows; equal for any number of threads.
template <class Scalar, class Fill>
RowMatrix<double> sum_of_squares(Index rows, Index dim, const Executor& run, const Fill& fill) {
  constexpr Index most = 2048;
  constexpr std::size_t panel = 256, tile = 32;
  RowMatrix<double> sums = RowMatrix<double>::Zero(dim, dim);
  RowMatrix<Scalar> block(std::min(most, rows), dim);
  for (Index first = 0; first < rows; first += most) {
    const Index size = std::min(most, rows - first);
    for_ranges(run, static_cast<std::size_t>(size), panel, [&](std::size_t begin, std::size_t end) {
      const auto at = static_cast<Index>(begin);
      fill(first + at, block.middleRows(at, static_cast<Index>(end - begin)));
    });
    const auto filled = block.topRows(size);
    for_ranges(run, static_cast<std::size_t>(dim), tile, [&](std::size_t begin, std::size_t end) {
      const auto at = static_cast<Index>(begin), width = static_cast<Index>(end - begin);
      add_product(view(filled.middleCols(at, width).transpose()), view(filled.rightCols(dim - at)),
                  sums.data() + at * (dim + 1), dim);
    });
  }
  for (Index i = 0; i < dim; ++i)
    for (Index j = 0; j < i; ++j) sums(i, j) = sums(j, i);
  return sums;
}

/// X^T X of the rows of a table, in double, d x d; where `mean` is given, of the rows less the
/// mean. Cost and memory as detail::sum_of_squares.
inline Eigen::MatrixXd second_moments(ConstRowMatrixRef<float> table, const Executor& run,
                                      const Vector<double>* mean = nullptr) {
  return sum_of_squares<double>(table.rows(), table.cols(), run,
                                [&](Index first, RowMatrixRef<double> rows) {
                                  rows = table.middleRows(first, rows.rows()).cast<double>();
                                  if (mean) rows.rowwise() -= mean->transpose();
                                });
}

/// Where the number of the largest magnitude stands among n >= 1, the first of these.
template <class Scalar>
const Scalar* largest_entry(const Scalar* x, Index n) {
  return std::max_element(x, x + n, [](Scalar a, Scalar b) { return std::abs(a) < std::abs(b); });
}

/// Eigenvectors (columns) of a symmetric matrix in the order of falling eigenvalues, which are not
/// negative; each vector's largest entry is positive.
struct PrincipalDirections {
  Vector<double> values;
  Eigen::MatrixXd vectors;

  /// O(d^3). Throws where the eigenvalues do not converge.
  explicit PrincipalDirections(const Eigen::MatrixXd& symmetric) {
    const auto eigen = symmetric_eigen(symmetric);
    const Index n = eigen.values.size();
    values.resize(n);
    vectors.resize(n, n);
    for (Index i = 0; i < n; ++i) {
      const double* const vector = eigen.vectors.data() + (n - 1 - i) * n;
      const double* const largest = largest_entry(vector, n);
      for (Index j = 0; j < n; ++j) vectors(j, i) = *largest < 0 ? -vector[j] : vector[j];
      values[i] = std::max(eigen.values[n - 1 - i], 0.0);
    }
  }

  /// tails()[r]: the sum of all values but the first r.
  std::vector<double> tails() const {
    std::vector<double> sums(static_cast<std::size_t>(values.size()) + 1, 0.0);
    for (std::size_t r = sums.size() - 1; r-- > 0;)
      sums[r] = sums[r + 1] + values[static_cast<Index>(r)];
    return sums;
  }
};

}  // namespace see::detail
