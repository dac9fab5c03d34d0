#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/second_moments.hpp"
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
  detail::require(detail::is_finite(mean_square_norm) && mean_square_norm > 0,
                  "the mean square norm is ", mean_square_norm, ", needed a number above 0");
  detail::require(detail::is_finite(bits) && bits >= 0, bits, " bits a row, needed at least 0");
  std::vector<double> spread;
  double log_product = 0;
  for (const double value : eigenvalues) {
    detail::require(detail::is_finite(value), "a covariance eigenvalue is ", value,
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

/// Mean and covariance of all rows in double precision: rows * dim^2 + 4 dim^3 / 3 operations,
/// some 16 * dim^2 + 2,048 * 12 * dim bytes, and 8 * dim for every 256 rows. The result is the same
/// for any number of threads. Throws where there are no rows or a number is not finite.
template <RowSource Source>
Spectrum spectrum(const Source& source, const Executor& run = serial()) {
  const Index rows = source.num_embeddings();
  const Index dim = source.embedding_dim();
  detail::require(rows > 0 && dim > 0, "the spectrum of ", rows, " x ", dim,
                  " numbers, needed at least one");
  std::vector<Vector<double>> sums((static_cast<std::size_t>(rows) + 255) / 256);
  RowMatrix<double> moments =
      detail::sum_of_squares<double>(rows, dim, run, [&](Index first, RowMatrixRef<double> block) {
        RowMatrix<float> part(block.rows(), dim);
        detail::forward_range(source, first, part);
        block = part.cast<double>();
        sums[static_cast<std::size_t>(first) / 256] = block.colwise().sum().transpose();
      });
  Vector<double> sum = Vector<double>::Zero(dim);
  for (const Vector<double>& part : sums) sum += part;
  detail::require(detail::is_all_finite(moments.diagonal()),
                  "the spectrum of rows with a number that is not finite, needed finite numbers");

  const auto count = static_cast<double>(rows);
  Spectrum result;
  result.rows = rows;
  result.mean_square_norm = moments.trace() / count;
  moments /= count;
  sum /= count;
  moments.noalias() -= sum * sum.transpose();
  const auto values = detail::symmetric_eigen(moments, false).values;
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
