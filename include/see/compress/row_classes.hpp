#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/water_filling.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// Classes of rows that spread alike: a mixture of Gaussians without correlations, each row in one.
struct RowClasses {
  RowMatrix<float> mean;             ///< classes x dim
  std::vector<ClassSpread> spreads;  ///< classes; variances about the means
  std::vector<std::uint32_t> of_row;
};

namespace detail {

/// Means, variances, counts and weights of the classes for the rows' classes as they stand.
/// A class without rows keeps zeros. O(rows * dim).
inline void measure_classes(ConstRowMatrixRef<float> rows, std::span<const float> weights,
                            std::size_t count, RowClasses& classes, const Executor& run) {
  const auto n = static_cast<std::size_t>(rows.rows());
  const Index dim = rows.cols();
  const auto classes_count = static_cast<Index>(count);
  const std::size_t grain = grain_for(n, 16, 1024);
  struct Sums {
    RowMatrix<double> first, second;
    std::vector<double> rows, weight;
  };
  std::vector<Sums> parts((n + grain - 1) / grain);
  for_ranges(run, n, grain, [&](std::size_t begin, std::size_t end) {
    Sums& sums = parts[begin / grain];
    sums.first.setZero(classes_count, dim);
    sums.second.setZero(classes_count, dim);
    sums.rows.assign(count, 0);
    sums.weight.assign(count, 0);
    for (std::size_t w = begin; w < end; ++w) {
      const std::uint32_t c = classes.of_row[w];
      const double weight = weights.empty() ? 1.0 : double{weights[w]};
      const auto row = rows.row(static_cast<Index>(w)).cast<double>().array();
      sums.rows[c] += 1;
      sums.weight[c] += weight;
      sums.first.row(c).array() += weight * row;
      sums.second.row(c).array() += weight * row.square();
    }
  });
  for (std::size_t r = 1; r < parts.size(); ++r) {
    parts[0].first += parts[r].first;
    parts[0].second += parts[r].second;
    for (std::size_t c = 0; c < count; ++c) {
      parts[0].rows[c] += parts[r].rows[c];
      parts[0].weight[c] += parts[r].weight[c];
    }
  }
  classes.mean.setZero(classes_count, dim);
  classes.spreads.assign(count, {});
  for (std::size_t c = 0; c < count; ++c) {
    ClassSpread& spread = classes.spreads[c];
    spread.rows = parts[0].rows[c];
    spread.weight = parts[0].weight[c];
    spread.variance.assign(static_cast<std::size_t>(dim), 0.0);
    if (spread.weight <= 0) continue;
    for (Index t = 0; t < dim; ++t) {
      const auto at = static_cast<Index>(c);
      const double mean = parts[0].first(at, t) / spread.weight;
      classes.mean(at, t) = static_cast<float>(mean);
      spread.variance[static_cast<std::size_t>(t)] =
          std::max(0.0, parts[0].second(at, t) / spread.weight - mean * mean);
    }
  }
}

/// Puts each row into the class c with the least
///     sum_t log(v_{c,t}) + (x_t - mean_{c,t})^2 / v_{c,t},  v_{c,t} = max(variance, level of c),
/// twice the negative log-likelihood: at a high rate it is, up to a constant, the bits that the row
/// takes at equal error. The level, price * rows / (2 log(2) weight), is the variance that earns no
/// bits. Two matrix products: O(rows * dim * classes).
inline void assign_rows(ConstRowMatrixRef<float> rows, double price, RowClasses& classes,
                        const Executor& run) {
  const Index dim = rows.cols(), count = classes.mean.rows();
  RowMatrix<float> square(dim, count), linear(dim, count);
  Eigen::RowVectorXf constant(count);
  for (Index c = 0; c < count; ++c) {
    const ClassSpread& spread = classes.spreads[static_cast<std::size_t>(c)];
    if (spread.rows == 0) {
      square.col(c).setZero();
      linear.col(c).setZero();
      constant[c] = std::numeric_limits<float>::max();
      continue;
    }
    const double level = std::max(
        price * spread.rows / (2 * std::numbers::ln2 * std::max(spread.weight, 1e-30)), 1e-30);
    double sum = 0;
    for (Index t = 0; t < dim; ++t) {
      const double variance = std::max(spread.variance[static_cast<std::size_t>(t)], level);
      const double mean = classes.mean(c, t);
      square(t, c) = static_cast<float>(1 / variance);
      linear(t, c) = static_cast<float>(-2 * mean / variance);
      sum += std::log(variance) + mean * mean / variance;
    }
    constant[c] = static_cast<float>(sum);
  }
  classes.of_row.resize(static_cast<std::size_t>(rows.rows()));
  for_ranges(run, classes.of_row.size(), 512, [&](std::size_t begin, std::size_t end) {
    const auto part = rows.middleRows(static_cast<Index>(begin), static_cast<Index>(end - begin));
    RowMatrix<float> score = part.cwiseAbs2() * square;
    score.noalias() += part * linear;
    score.rowwise() += constant;
    for (std::size_t w = begin; w < end; ++w) {
      Index best = 0;
      score.row(static_cast<Index>(w - begin)).minCoeff(&best);
      classes.of_row[w] = static_cast<std::uint32_t>(best);
    }
  });
}

/// Twice as many classes: rows of each that spread more, and less, than its variances say.
inline void split_classes(ConstRowMatrixRef<float> rows, double price, RowClasses& classes,
                          const Executor& run) {
  const Index count = classes.mean.rows();
  classes.mean = classes.mean.replicate(2, 1).eval();
  const std::vector<ClassSpread> twins = classes.spreads;
  classes.spreads.insert(classes.spreads.end(), twins.begin(), twins.end());
  for (Index c = 0; c < 2 * count; ++c)
    for (double& variance : classes.spreads[static_cast<std::size_t>(c)].variance)
      variance *= c < count ? 0.7 : 1.4;
  assign_rows(rows, price, classes, run);
}

}  // namespace detail
}  // namespace see
