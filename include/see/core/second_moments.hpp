#pragma once

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cstddef>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// X^T X of the rows of a table, in double, d x d; where `mean` is given, of the rows less the
/// mean. n d^2 operations over tiles of columns, 8 d^2 bytes and a block of 2,048 rows; equal for
/// any number of threads.
inline Eigen::MatrixXd second_moments(ConstRowMatrixRef<float> table, const Executor& run,
                                      const Vector<double>* mean = nullptr) {
  constexpr Index block = 2048;
  constexpr std::size_t tile = 32;
  const Index dim = table.cols();
  Eigen::MatrixXd sums = Eigen::MatrixXd::Zero(dim, dim);
  for (Index first = 0; first < table.rows(); first += block) {
    RowMatrix<double> rows =
        table.middleRows(first, std::min(block, table.rows() - first)).cast<double>();
    if (mean) rows.rowwise() -= mean->transpose();
    for_ranges(run, static_cast<std::size_t>(dim), tile, [&](std::size_t begin, std::size_t end) {
      const auto at = static_cast<Index>(begin), width = static_cast<Index>(end - begin);
      sums.block(at, at, dim - at, width).noalias() +=
          rows.rightCols(dim - at).transpose() * rows.middleCols(at, width);
    });
  }
  sums.triangularView<Eigen::StrictlyUpper>() = sums.transpose();
  return sums;
}

/// Eigenvectors (columns) of a symmetric matrix in the order of falling eigenvalues, which are not
/// negative; each vector's largest entry is positive.
struct PrincipalDirections {
  Vector<double> values;
  Eigen::MatrixXd vectors;

  /// O(d^3). Throws where the eigenvalues do not converge.
  explicit PrincipalDirections(const Eigen::MatrixXd& symmetric) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
    detail::require(solver.info() == Eigen::Success, "the eigenvalues of a matrix of ",
                    symmetric.rows(), " columns did not converge");
    values = solver.eigenvalues().reverse().cwiseMax(0.0);
    vectors = solver.eigenvectors().rowwise().reverse();
    for (Index i = 0; i < vectors.cols(); ++i) {
      Index largest = 0;
      vectors.col(i).cwiseAbs().maxCoeff(&largest);
      if (vectors(largest, i) < 0) vectors.col(i) *= -1;
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

}  // namespace see
