#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see::detail {

/// A way to code consecutive entries: `bits` new bits for a window that `entries` entries share.
struct TrellisPattern {
  int bits;
  int entries;
};

/// Rates of 1/4, 1/3, 1/2, 1, 3/2, 2, 5/2, 3, ..., 8 bits an entry.
inline constexpr std::array<TrellisPattern, 13> trellis_patterns{{{1, 4},
                                                                  {1, 3},
                                                                  {1, 2},
                                                                  {1, 1},
                                                                  {3, 2},
                                                                  {2, 1},
                                                                  {5, 2},
                                                                  {3, 1},
                                                                  {4, 1},
                                                                  {5, 1},
                                                                  {6, 1},
                                                                  {7, 1},
                                                                  {8, 1}}};

/// Error that each pattern leaves, relative to the variance of the entries, all of one variance.
using TrellisDistortion = std::array<double, trellis_patterns.size()>;

/// How rows of one class spread and what their errors weigh.
struct ClassSpread {
  std::vector<double> variance;  ///< dim: mean of (x_t - mean_t)^2, weighted by the row weights
  double rows = 0;
  double weight = 0;  ///< sum of the row weights
};

/// The patterns of one class: pattern[t] codes the entries from t on; -1 for an entry without code,
/// and for those that the pattern of an entry before covers.
struct ClassRates {
  std::vector<int> pattern;  ///< dim
  std::uint32_t bits = 0;    ///< a row
  double distortion = 0;     ///< expected weighted squared error of all rows of the class
};

/// The patterns that minimise weight * E[error of a row] + price * rows * bits of a row: reverse
/// water-filling over integer and fractional rates, exact for the given distortions, by dynamic
/// programming over the entries from the last on. O(dim * patterns).
inline ClassRates fill_class(const ClassSpread& spread, const TrellisDistortion& distortion,
                             double price) {
  const std::size_t dim = spread.variance.size();
  std::vector<double> cost(dim + 1, 0.0);
  ClassRates rates;
  rates.pattern.assign(dim, -1);
  for (std::size_t t = dim; t-- > 0;) {
    double sum = 0;
    std::array<double, 5> variance{};  // of the first n entries from t on
    for (std::size_t n = 1; n <= 4 && t + n <= dim; ++n)
      variance[n] = sum += spread.weight * spread.variance[t + n - 1];
    cost[t] = cost[t + 1] + variance[1];
    for (std::size_t p = 0; p < trellis_patterns.size(); ++p) {
      const auto n = static_cast<std::size_t>(trellis_patterns[p].entries);
      if (t + n > dim) continue;
      const double total = cost[t + n] + variance[n] * distortion[p] +
                           price * spread.rows * trellis_patterns[p].bits;
      if (total < cost[t]) {
        cost[t] = total;
        rates.pattern[t] = static_cast<int>(p);
      }
    }
  }
  for (std::size_t t = 0; t < dim;) {
    const int p = rates.pattern[t];
    const std::size_t n = p < 0 ? 1 : std::size_t(trellis_patterns[std::size_t(p)].entries);
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0) rates.pattern[t + i] = -1;
      rates.distortion +=
          spread.weight * spread.variance[t + i] * (p < 0 ? 1.0 : distortion[std::size_t(p)]);
    }
    if (p >= 0) rates.bits += static_cast<std::uint32_t>(trellis_patterns[std::size_t(p)].bits);
    t += n;
  }
  return rates;
}

/// What water_fill found.
struct WaterFilling {
  std::vector<ClassRates> classes;
  double price = 0;       ///< fall of the weighted error a bit
  double bits = 0;        ///< of all rows
  double distortion = 0;  ///< expected weighted squared error of all rows
};

/// The rates of all classes for at most `budget` bits, all rows together: one price for all (Shoham
/// and Gersho, Efficient bit allocation for an arbitrary set of quantizers, IEEE Trans. ASSP 36,
/// 1988), found by bisection; what is left goes to single classes at lower prices, in their order.
/// O(100 * classes * dim * patterns). Throws where the budget is below 0.
inline WaterFilling water_fill(std::span<const ClassSpread> spreads,
                               const TrellisDistortion& distortion, double budget) {
  require(budget >= 0, "a trellis code of ", budget, " bits, needed at least 0");
  const auto fill = [&](double price) {
    WaterFilling result;
    result.price = price;
    for (const ClassSpread& spread : spreads) {
      result.classes.push_back(fill_class(spread, distortion, price));
      result.bits += spread.rows * result.classes.back().bits;
    }
    return result;
  };
  double largest = 0;
  for (const ClassSpread& spread : spreads)
    for (const double variance : spread.variance)
      if (spread.rows > 0) largest = std::max(largest, variance * spread.weight / spread.rows);
  // No pattern earns more than the variance of its four entries for a bit.
  double high = 4 * largest + std::numeric_limits<double>::min(), low = high * 1e-9;
  WaterFilling result = fill(high);
  for (int i = 0; i < 48; ++i) {
    const double middle = std::sqrt(low * high);
    WaterFilling trial = fill(middle);
    if (trial.bits > budget) {
      low = middle;
    } else {
      high = middle;
      result = std::move(trial);
    }
  }
  for (std::size_t c = 0; c < spreads.size(); ++c) {
    const double others = result.bits - spreads[c].rows * result.classes[c].bits;
    double above = high, below = high / 4;
    for (int i = 0; i < 12; ++i) {
      const double middle = std::sqrt(above * below);
      ClassRates trial = fill_class(spreads[c], distortion, middle);
      const double bits = others + spreads[c].rows * trial.bits;
      if (bits > budget) {
        below = middle;
      } else {
        above = middle;
        result.classes[c] = std::move(trial);
        result.bits = bits;
      }
    }
  }
  for (const ClassRates& rates : result.classes) result.distortion += rates.distortion;
  return result;
}

}  // namespace see::detail
