#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace see::cli {

enum class Scale { linear, log };

/// One axis of a plot. Invariant: at least two ticks in increasing order, the first no more than
/// the least value and the last no less than the greatest; log ticks are above 0.
class Axis {
 public:
  /// Covers the values; those that are not finite, and for a log scale not above 0, have no place
  /// on it and do not count.
  Axis(std::span<const double> values, Scale scale) : scale_(scale) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const double value : values) {
      if (!has(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (!(low <= high)) low = high = 1;
    if (scale == Scale::log)
      tick_log(low, high);
    else
      tick_linear(low, high);
  }

  Scale scale() const noexcept { return scale_; }
  const std::vector<double>& ticks() const noexcept { return ticks_; }

  bool has(double value) const noexcept {
    return std::isfinite(value) && (scale_ == Scale::linear || value > 0);
  }

  /// Where on the axis a value lies: 0 at the first tick, 1 at the last, increasing.
  double at(double value) const noexcept {
    const double first = measure(ticks_.front()), last = measure(ticks_.back());
    return (measure(value) - first) / (last - first);
  }

 private:
  double measure(double value) const noexcept {
    return scale_ == Scale::log ? std::log(value) : value;
  }

  /// Multiples of 1, 2 or 5 times a power of ten, some six of them.
  void tick_linear(double low, double high) {
    if (low == high) high = low + std::max(1e-6, std::abs(low) / 10);
    const double rough = (high - low) / 5;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double leading = rough / power;
    const double step = power * (leading <= 1 ? 1 : leading <= 2 ? 2 : leading <= 5 ? 5 : 10);
    const double first = std::floor(low / step), last = std::ceil(high / step);
    for (double i = first; i <= last; ++i) ticks_.push_back(i * step);
  }

  /// Powers of ten, every n-th where they are many, or where that gives fewer than four ticks the
  /// coarsest of some subdivisions that gives four, else the finest.
  void tick_log(double low, double high) {
    static const std::vector<std::vector<double>> subdivisions = {
        {1}, {1, 3}, {1, 2, 5}, {1, 1.5, 2, 3, 4, 5, 6, 8}};
    const double begin = std::floor(std::log10(low)), end = std::ceil(std::log10(high));
    const double stride = std::max(1.0, std::ceil((end - begin) / 8));
    for (const auto& leading : subdivisions) {
      std::vector<double> all;
      for (double power = begin - stride; power <= end + stride; power += stride)
        for (const double value : leading) all.push_back(value * std::pow(10, power));
      const auto first = std::upper_bound(all.begin(), all.end(), low) - 1;
      const auto last = std::max(std::lower_bound(all.begin(), all.end(), high), first + 1);
      ticks_.assign(first, last + 1);
      if (ticks_.size() >= 4) return;
    }
  }

  Scale scale_;
  std::vector<double> ticks_;
};

}  // namespace see::cli
