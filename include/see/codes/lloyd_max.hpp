#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <vector>

namespace see::detail {

/// The scalar quantizer of 2^bits levels with the least mean squared error for standard normal
/// numbers (Max, IRE Trans. IT-6, 1960; Lloyd, IEEE Trans. IT-28, 1982): every level is the mean of
/// the numbers nearest to it.
struct LloydMax {
  static constexpr int most_bits = 8;

  std::vector<float> levels;      ///< 2^bits, rising, symmetric about 0
  std::vector<float> thresholds;  ///< midpoints of neighbouring levels
  double distortion = 1;          ///< E (x - level(x))^2

  /// The number of the level nearest to x. O(bits).
  std::size_t nearest(float x) const noexcept {
    return static_cast<std::size_t>(std::upper_bound(thresholds.begin(), thresholds.end(), x) -
                                    thresholds.begin());
  }

  /// The quantizer of 0 to most_bits bits, made at the first call.
  static const LloydMax& of(int bits) {
    static const std::array<LloydMax, most_bits + 1> all = [] {
      std::array<LloydMax, most_bits + 1> made;
      for (int b = 0; b <= most_bits; ++b) made[static_cast<std::size_t>(b)] = solve(b);
      return made;
    }();
    return all[static_cast<std::size_t>(bits)];
  }

 private:
  /// The mass of normal numbers between a and b (0 <= a < b) and the mean of those.
  struct Cell {
    double mass;
    double mean;

    static double density(double x) {
      return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
    }
    static double above(double x) { return std::erfc(x / std::numbers::sqrt2) / 2; }

    Cell(double a, double b) : mass(above(a) - above(b)), mean((density(a) - density(b)) / mass) {}
  };

  /// Newton's method on level_i = mean of cell i for the positive levels; its matrix is
  /// tridiagonal. It starts from even quantiles of the density to the power 1/3, which is that of
  /// a normal of variance 3 (Panter and Dite, Proc. IRE 39, 1951).
  static LloydMax solve(int bits) {
    if (bits == 0) return {{0.0F}, {}, 1.0};
    constexpr double inf = std::numeric_limits<double>::infinity();
    const std::size_t n = std::size_t{1} << (bits - 1);
    std::vector<double> level(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double share = (double(i) + 0.5) / double(n);
      double low = 0, high = 10;
      for (int k = 0; k < 60; ++k) {
        const double middle = (low + high) / 2;
        (std::erf(middle / std::sqrt(6.0)) < share ? low : high) = middle;
      }
      level[i] = low;
    }
    const auto edge = [&](std::size_t i) {
      return i == 0 ? 0.0 : i == n ? inf : (level[i - 1] + level[i]) / 2;
    };
    for (int step = 0; step < 50; ++step) {
      std::vector<double> upper(n), change(n);
      double largest = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const Cell cell(edge(i), edge(i + 1));
        // Half of the derivatives of the mean by the lower and the upper edge.
        const double a =
            i == 0 ? 0 : Cell::density(edge(i)) * (cell.mean - edge(i)) / cell.mass / 2;
        const double b =
            i + 1 == n ? 0 : Cell::density(edge(i + 1)) * (edge(i + 1) - cell.mean) / cell.mass / 2;
        const double before = i == 0 ? 0 : upper[i - 1], step_before = i == 0 ? 0 : change[i - 1];
        const double pivot = 1 - a - b + a * before;
        upper[i] = -b / pivot;
        change[i] = (cell.mean - level[i] + a * step_before) / pivot;
      }
      for (std::size_t i = n; i-- > 0;) {
        if (i + 1 < n) change[i] -= upper[i] * change[i + 1];
        level[i] += change[i];
        largest = std::max(largest, std::abs(change[i]));
      }
      if (largest < 1e-14) break;
    }
    LloydMax result;
    for (std::size_t i = n; i-- > 0;) result.levels.push_back(static_cast<float>(-level[i]));
    for (std::size_t i = 0; i < n; ++i) {
      result.levels.push_back(static_cast<float>(level[i]));
      const Cell cell(edge(i), edge(i + 1));
      result.distortion -= 2 * cell.mass * cell.mean * cell.mean;
    }
    for (std::size_t i = 0; i + 1 < result.levels.size(); ++i)
      result.thresholds.push_back((result.levels[i] + result.levels[i + 1]) / 2);
    return result;
  }
};

}  // namespace see::detail
