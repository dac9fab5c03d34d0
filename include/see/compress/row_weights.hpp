#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/compress_options.hpp"
#include "see/core/finite.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"

/// How much the error of each row counts. No weights: each row counts 1.
namespace see::detail {

inline double weight_of(std::span<const float> weights, std::size_t w) {
  return weights.empty() ? 1.0 : double{weights[w]};
}

/// Throws unless there are none, or one a row, finite and above 0.
inline void validate_weights(std::span<const float> weights, Index rows) {
  require(weights.empty() || std::cmp_equal(weights.size(), rows), weights.size(), " weights for ",
          rows, " rows");
  for (const float weight : weights)
    require(detail::is_finite(weight) && weight > 0, "a row weight of ", weight,
            ", needed a finite number above 0");
}

/// Those of the rows [first, first + count).
inline std::span<const float> weights_of_rows(std::span<const float> weights, Index first,
                                              Index count) {
  if (weights.empty()) return weights;
  return weights.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

/// Multiplies row w by weight_w^power.
template <class Scalar>
void weigh_rows(RowMatrixRef<Scalar> rows, std::span<const float> weights, double power) {
  if (weights.empty()) return;
  for (Index w = 0; w < rows.rows(); ++w)
    rows.row(w) *=
        static_cast<Scalar>(std::pow(weight_of(weights, static_cast<std::size_t>(w)), power));
}

/// sum_w weight_w |x_w|^2.
template <class Rows>
double weighted_energy(const Eigen::MatrixBase<Rows>& rows, std::span<const float> weights) {
  if (weights.empty()) return static_cast<double>(rows.squaredNorm());
  double sum = 0;
  for (Index w = 0; w < rows.rows(); ++w)
    sum += weight_of(weights, static_cast<std::size_t>(w)) *
           static_cast<double>(rows.row(w).squaredNorm());
  return sum;
}

/// weights[w] |x_w|^(-2 direction) for every row, scaled to a mean of 1; empty where all are alike.
inline std::vector<float> row_weights(ConstRowMatrixRef<float> table,
                                      const CompressOptions& options) {
  std::vector<float> weights = options.weights;
  if (weights.empty()) {
    if (options.direction == 0) return weights;
    weights.assign(static_cast<std::size_t>(table.rows()), 1.0F);
  }
  const double least = 1e-6 * double{table.squaredNorm()} / static_cast<double>(table.rows());
  double sum = 0;
  for (Index w = 0; w < table.rows(); ++w) {
    float& weight = weights[static_cast<std::size_t>(w)];
    const double energy = std::max(double{table.row(w).squaredNorm()}, least);
    if (options.direction > 0 && energy > 0)
      weight = static_cast<float>(double{weight} * std::pow(energy, -options.direction));
    sum += double{weight};
  }
  const double scale = static_cast<double>(weights.size()) / sum;
  for (float& weight : weights) weight = static_cast<float>(double{weight} * scale);
  if (std::ranges::count(weights, weights.front()) == std::ssize(weights)) weights.clear();
  return weights;
}

/// sum_w weight_w |x_w - y_w|^2 / sum_w weight_w |x_w|^2; without weights fidelity's error.
template <RowSource Original, RowSource Compressed>
double weighted_error(const Original& original, const Compressed& compressed,
                      std::span<const float> weights, const Executor& run) {
  if (weights.empty()) return fidelity(original, compressed, run).relative_error;
  constexpr std::size_t block = 1024;
  const Index dim = original.embedding_dim();
  std::vector<double> errors((weights.size() + block - 1) / block), energies(errors.size());
  for_ranges(run, weights.size(), block, [&](std::size_t first, std::size_t last) {
    const auto start = static_cast<Index>(first), count = static_cast<Index>(last - first);
    const auto some = weights_of_rows(weights, start, count);
    RowMatrix<float> x(count, dim), y(count, dim);
    forward_range(original, start, x);
    forward_range(compressed, start, y);
    energies[first / block] = weighted_energy(x, some);
    x -= y;
    errors[first / block] = weighted_energy(x, some);
  });
  const double energy = std::accumulate(energies.begin(), energies.end(), 0.0);
  const double error = std::accumulate(errors.begin(), errors.end(), 0.0);
  return energy > 0 ? error / energy : error > 0 ? std::numeric_limits<double>::infinity() : 0.0;
}

}  // namespace see::detail
