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
#include "see/compress/trellis/water_filling.hpp"
#include "see/core/finite.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see::detail {

/// Classes of rows that spread alike: a mixture of Gaussians without correlations, each row in one.
struct RowClasses {
  RowMatrix<float> mean;             ///< classes x dim
  std::vector<ClassSpread> spreads;  ///< classes; variances about the means
  std::vector<std::uint32_t> of_row;
};

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

/// `count` rows, evenly spread.
inline RowMatrix<float> spread_rows(const AnyRows& rows, Index count,
                                    std::vector<std::size_t>& ids) {
  RowMatrix<float> sample(count, rows.embedding_dim());
  ids.clear();
  std::vector<Index> chosen;
  for (Index i = 0; i < count; ++i)
    chosen.push_back(
        static_cast<Index>(static_cast<double>(i) * double(rows.num_embeddings()) / double(count)));
  ids.assign(chosen.begin(), chosen.end());
  constexpr Index block = 256;
  for (Index at = 0; at < count; at += block) {
    const Index some = std::min(block, count - at);
    rows.forward(std::span<const Index>(chosen).subspan(std::size_t(at), std::size_t(some)),
                 sample.middleRows(at, some));
  }
  return sample;
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
  require(is_all_finite(classes.mean), "coding rows with a number that is not finite");
}

/// Puts each row x of weight omega into the class c with the least
///
///     sum_{t coded} log(v_{c,t} / level_c) + (x_t - mean_{c,t})^2 / v_{c,t} + omega / omega_c
///     + sum_{t not coded} omega / omega_c (x_t - mean_{c,t})^2 / level_c
///
/// where omega_c is the mean weight of the class, level_c = price / (2 log(2) omega_c) the variance
/// that earns no bits, and entries of larger variance v are coded. In units of price / (2 log(2))
/// that is the price of the row's bits, its weighted error and what it costs that the entries
/// spread otherwise than the class does; for equal weights twice the negative log-likelihood, up to
/// a constant. Two matrix products, four for unequal weights: O(rows * dim * classes).
inline void assign_rows(const AnyRows& source, std::span<const float> weights, double price,
                        RowClasses& classes, const Executor& run) {
  struct Form {  // sum_t square_t x_t^2 + linear_t x_t + constant, for every class
    RowMatrix<float> square, linear;
    std::vector<float> constant;
    void start(RowMatrix<float>& sums, Index rows) const {
      sums.resize(rows, static_cast<Index>(constant.size()));
      for (Index i = 0; i < rows; ++i)
        std::copy(constant.begin(), constant.end(), sums.data() + i * sums.cols());
    }
    void add_to(RowMatrix<float>& sums, const RowMatrix<float>& rows) const {
      const RowMatrix<float> squares = rows.cwiseAbs2();
      add_product(view(squares), view(square), sums.data(), sums.cols());
      add_product(view(rows), view(linear), sums.data(), sums.cols());
    }
  };
  const Index dim = source.embedding_dim(), count = classes.mean.rows();
  const RowMatrix<float> zero = RowMatrix<float>::Zero(dim, count);
  const std::vector<float> zeros(static_cast<std::size_t>(count), 0.0F);
  Form plain{zero, zero, zeros}, weighted{zero, zero, zeros};
  for (Index c = 0; c < count; ++c) {
    const auto number = static_cast<std::size_t>(c);
    const ClassSpread& spread = classes.spreads[number];
    plain.constant[number] = std::numeric_limits<float>::max();
    if (spread.rows == 0) continue;
    const double omega = std::max(spread.weight / spread.rows, 1e-30);
    const double level = std::max(price / (2 * std::numbers::ln2 * omega), 1e-30);
    double constant = 0, by_weight = 0;
    for (Index t = 0; t < dim; ++t) {
      const double variance = spread.variance[static_cast<std::size_t>(t)];
      const double mean = classes.mean(c, t);
      const bool coded = variance > level;
      const bool of_weight = !coded && !weights.empty();
      const double square = 1 / (coded ? variance : of_weight ? level * omega : level);
      Form& form = of_weight ? weighted : plain;
      form.square(t, c) = static_cast<float>(square);
      form.linear(t, c) = static_cast<float>(-2 * mean * square);
      (of_weight ? by_weight : constant) += mean * mean * square;
      if (coded) constant += std::log(variance / level);
      if (coded) by_weight += 1 / omega;
    }
    plain.constant[number] = static_cast<float>(constant);
    weighted.constant[number] = static_cast<float>(by_weight);
  }
  classes.of_row.resize(static_cast<std::size_t>(source.num_embeddings()));
  const std::size_t grain = grain_for(classes.of_row.size(), 64, 2 * rows_at_once);
  for_ranges(run, classes.of_row.size(), grain, [&](std::size_t begin, std::size_t end) {
    RowMatrix<float> score, more;
    for_row_blocks(source, begin, end, [&](std::size_t first, const RowMatrix<float>& rows) {
      plain.start(score, rows.rows());
      plain.add_to(score, rows);
      if (!weights.empty()) {
        weighted.start(more, rows.rows());
        weighted.add_to(more, rows);
        for (Index i = 0; i < rows.rows(); ++i)
          score.row(i) += weights[first + static_cast<std::size_t>(i)] * more.row(i);
      }
      for (Index i = 0; i < rows.rows(); ++i) {
        Index best = 0;
        score.row(i).minCoeff(&best);
        classes.of_row[first + static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(best);
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

}  // namespace see::detail
