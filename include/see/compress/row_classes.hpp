#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/water_filling.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/row_source.hpp"

namespace see {

/// Classes of rows that spread alike: a mixture of Gaussians without correlations, each row in one.
struct RowClasses {
  RowMatrix<float> mean;             ///< classes x dim
  std::vector<ClassSpread> spreads;  ///< classes; variances about the means
  std::vector<std::uint32_t> of_row;
};

namespace detail {

/// Rows that are read at once.
inline constexpr std::size_t rows_at_once = 256;

/// Calls body(first, rows) for the rows [begin, end), a matrix of at most rows_at_once at a time.
template <class Body>
void for_row_blocks(const AnyRows& source, std::size_t begin, std::size_t end, const Body& body) {
  RowMatrix<float> rows;
  for (std::size_t first = begin; first < end; first += rows_at_once) {
    rows.resize(static_cast<Index>(std::min(rows_at_once, end - first)), source.embedding_dim());
    forward_range(source, static_cast<Index>(first), rows);
    body(first, std::as_const(rows));
  }
}

/// Means, variances, counts and weights of the classes for the rows' classes as they stand.
/// A class without rows keeps zeros. Throws where a number is not finite. O(rows * dim).
inline void measure_classes(const AnyRows& source, std::span<const float> weights,
                            std::size_t count, RowClasses& classes, const Executor& run) {
  const auto n = static_cast<std::size_t>(source.num_embeddings());
  const Index dim = source.embedding_dim();
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
    for_row_blocks(source, begin, end, [&](std::size_t first, const RowMatrix<float>& rows) {
      for (Index i = 0; i < rows.rows(); ++i) {
        const std::size_t w = first + static_cast<std::size_t>(i);
        const std::uint32_t c = classes.of_row[w];
        const double weight = weights.empty() ? 1.0 : double{weights[w]};
        const auto row = rows.row(i).cast<double>().array();
        sums.rows[c] += 1;
        sums.weight[c] += weight;
        sums.first.row(c).array() += weight * row;
        sums.second.row(c).array() += weight * row.square();
      }
    });
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
  require(classes.mean.allFinite(), "coding rows with a number that is not finite");
}

/// Puts each row x of weight omega into the class c with the least
///
///     sum_t log(v_{c,t} / level_c) + omega / omega_c (x_t - mean_{c,t})^2 / v_{c,t}
///
/// where omega_c is the mean weight of the class, level_c = price / (2 log(2) omega_c) the variance
/// that earns no bits and v_{c,t} = max(variance, level_c). Up to a constant and at a high rate it
/// is, in units of price / (2 log(2)), the price of the row's bits and its weighted error; for
/// equal weights twice the negative log-likelihood. Two matrix products: O(rows * dim * classes).
inline void assign_rows(const AnyRows& source, std::span<const float> weights, double price,
                        RowClasses& classes, const Executor& run) {
  const Index dim = source.embedding_dim(), count = classes.mean.rows();
  RowMatrix<float> square(dim, count), linear(dim, count);
  Eigen::RowVectorXf constant(count), logs(count);
  for (Index c = 0; c < count; ++c) {
    const ClassSpread& spread = classes.spreads[static_cast<std::size_t>(c)];
    if (spread.rows == 0) {
      square.col(c).setZero();
      linear.col(c).setZero();
      constant[c] = 0;
      logs[c] = std::numeric_limits<float>::max();
      continue;
    }
    const double omega = std::max(spread.weight / spread.rows, 1e-30);
    const double level = std::max(price / (2 * std::numbers::ln2 * omega), 1e-30);
    double sum = 0, log_sum = 0;
    for (Index t = 0; t < dim; ++t) {
      const double variance = std::max(spread.variance[static_cast<std::size_t>(t)], level);
      const double mean = classes.mean(c, t);
      square(t, c) = static_cast<float>(1 / (variance * omega));
      linear(t, c) = static_cast<float>(-2 * mean / (variance * omega));
      sum += mean * mean / (variance * omega);
      log_sum += std::log(variance / level);
    }
    constant[c] = static_cast<float>(sum);
    logs[c] = static_cast<float>(log_sum);
  }
  classes.of_row.resize(static_cast<std::size_t>(source.num_embeddings()));
  const std::size_t grain = grain_for(classes.of_row.size(), 64, 2 * rows_at_once);
  for_ranges(run, classes.of_row.size(), grain, [&](std::size_t begin, std::size_t end) {
    RowMatrix<float> score;
    for_row_blocks(source, begin, end, [&](std::size_t first, const RowMatrix<float>& rows) {
      score.noalias() = rows.cwiseAbs2() * square;
      score.noalias() += rows * linear;
      for (Index i = 0; i < rows.rows(); ++i) {
        const std::size_t w = first + static_cast<std::size_t>(i);
        const float weight = weights.empty() ? 1.0F : weights[w];
        Index best = 0;
        (weight * (score.row(i) + constant) + logs).minCoeff(&best);
        classes.of_row[w] = static_cast<std::uint32_t>(best);
      }
    });
  });
}

/// Twice as many classes: rows of each that spread more, and less, than its variances say.
inline void split_classes(const AnyRows& rows, std::span<const float> weights, double price,
                          RowClasses& classes, const Executor& run) {
  const Index count = classes.mean.rows();
  classes.mean = classes.mean.replicate(2, 1).eval();
  const std::vector<ClassSpread> twins = classes.spreads;
  classes.spreads.insert(classes.spreads.end(), twins.begin(), twins.end());
  for (Index c = 0; c < 2 * count; ++c)
    for (double& variance : classes.spreads[static_cast<std::size_t>(c)].variance)
      variance *= c < count ? 0.7 : 1.4;
  assign_rows(rows, weights, price, classes, run);
}

}  // namespace detail
}  // namespace see
