#pragma once

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// The Gaussian reference: the least relative error that any code of `bits` bits a row can have on
/// rows drawn from a Gaussian whose covariance has these eigenvalues l_i (about the mean, which is
/// known for free). By reverse water-filling (Cover and Thomas, Elements of Information Theory,
/// section 10.3.3): with t such that sum_i max(0, log2(l_i / t) / 2) = bits, it is
/// sum_i min(l_i, t) / mean_square_norm, where mean_square_norm is the mean of |x|^2, mean
/// included. Real tables are mixtures, so a code that adapts to rows may go below it.
///
/// No bits: the share of the energy that lies about the mean. No spread: 0. Eigenvalues below zero,
/// which rounding leaves, count as zero. O(d log d). Throws where an eigenvalue is not finite,
/// mean_square_norm is not above 0 or bits is below 0.
inline double rate_distortion_bound(std::span<const double> eigenvalues, double mean_square_norm,
                                    double bits) {
  detail::require(std::isfinite(mean_square_norm) && mean_square_norm > 0,
                  "the mean square norm is ", mean_square_norm, ", needed a number above 0");
  detail::require(std::isfinite(bits) && bits >= 0, bits, " bits a row, needed at least 0");
  std::vector<double> spread;
  double log_product = 0;
  for (const double value : eigenvalues) {
    detail::require(std::isfinite(value), "a covariance eigenvalue is ", value,
                    ", needed a finite number");
    if (value <= 0) continue;
    spread.push_back(value);
    log_product += std::log2(value);
  }
  std::sort(spread.begin(), spread.end(), std::greater<>());

  double tail = 0;
  for (std::size_t active = spread.size(); active > 0; --active) {
    const double least = spread[active - 1];
    const double level = std::exp2((log_product - 2 * bits) / static_cast<double>(active));
    if (level <= least || active == 1)
      return (tail + static_cast<double>(active) * std::min(level, least)) / mean_square_norm;
    tail += least;
    log_product -= std::log2(least);
  }
  return 0;
}

/// What the Gaussian reference depends on.
struct Spectrum {
  std::vector<double> eigenvalues;  ///< of sum (x - mean)(x - mean)^T / rows, in increasing order
  double mean_square_norm = 0;      ///< sum |x|^2 / rows
  Index rows = 0;
};

/// Mean and covariance of all rows in double precision, in blocks of 4,096 rows: rows * dim^2 +
/// some 9 dim^3 operations, 12 * dim^2 + 4,096 * 12 * dim bytes or so. The result is the same for
/// any number of threads. Throws where there are no rows or a number is not finite.
template <RowSource Source>
Spectrum spectrum(const Source& source, const Executor& run = serial()) {
  const Index rows = source.num_embeddings();
  const Index dim = source.embedding_dim();
  detail::require(rows > 0 && dim > 0, "the spectrum of ", rows, " x ", dim,
                  " numbers, needed at least one");
  constexpr Index block = 4096;
  constexpr std::size_t panel = 1024;
  constexpr std::size_t tile = 32;
  RowMatrix<double> expanded(std::min(block, rows), dim);
  Eigen::MatrixXd moments = Eigen::MatrixXd::Zero(dim, dim);
  Vector<double> sum = Vector<double>::Zero(dim);
  for (Index first = 0; first < rows; first += block) {
    const Index size = std::min(block, rows - first);
    for_ranges(run, static_cast<std::size_t>(size), panel, [&](std::size_t begin, std::size_t end) {
      const auto at = static_cast<Index>(begin);
      RowMatrix<float> part(static_cast<Index>(end - begin), dim);
      detail::forward_range(source, first + at, part);
      expanded.middleRows(at, part.rows()) = part.cast<double>();
    });
    const auto x = expanded.topRows(size);
    // The lower triangle alone, a tile of columns at a time.
    for_ranges(run, static_cast<std::size_t>(dim), tile, [&](std::size_t begin, std::size_t end) {
      const auto at = static_cast<Index>(begin);
      const auto width = static_cast<Index>(end - begin);
      moments.block(at, at, dim - at, width).noalias() +=
          x.rightCols(dim - at).transpose() * x.middleCols(at, width);
      sum.segment(at, width) += x.middleCols(at, width).colwise().sum().transpose();
    });
  }
  detail::require(moments.diagonal().allFinite(),
                  "the spectrum of rows with a number that is not finite, needed finite numbers");

  const auto count = static_cast<double>(rows);
  Spectrum result;
  result.rows = rows;
  result.mean_square_norm = moments.trace() / count;
  moments /= count;
  sum /= count;
  moments.noalias() -= sum * sum.transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(moments, Eigen::EigenvaluesOnly);
  detail::require(solver.info() == Eigen::Success, "the eigenvalues of a covariance of ", dim,
                  " columns did not converge");
  const auto& values = solver.eigenvalues();
  result.eigenvalues.assign(values.data(), values.data() + values.size());
  return result;
}

/// The Gaussian reference for a model of `total_bytes`, everything counted: 8 * total_bytes / rows
/// bits a row. Throws where total_bytes is below 0 or all rows are zero.
inline double rate_distortion_bound(const Spectrum& spectrum, double total_bytes) {
  detail::require(spectrum.rows > 0, "the spectrum of ", spectrum.rows,
                  " rows, needed at least one");
  return rate_distortion_bound(spectrum.eigenvalues, spectrum.mean_square_norm,
                               8 * total_bytes / static_cast<double>(spectrum.rows));
}

/// The same for the rows of `source`; take spectrum() once where several sizes are asked for.
template <RowSource Source>
double rate_distortion_bound(const Source& source, double total_bytes,
                             const Executor& run = serial()) {
  return rate_distortion_bound(spectrum(source, run), total_bytes);
}

}  // namespace see
