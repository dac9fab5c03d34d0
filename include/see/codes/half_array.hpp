#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/finite.hpp"
#include "see/error.hpp"

namespace see::detail {

/// Numbers of half precision times a common power of two, widened: what a file with 2 bytes a
/// number gives back, whatever the unit of the table.
///
///     value_i = 2^exponent * half_i       (largest |half_i| in [2^14, 2^15], or all zero)
class HalfArray {
 public:
  static constexpr int least_exponent = -200;
  static constexpr int most_exponent = 120;

  HalfArray() = default;

  /// Rounds to nearest. Throws where a number is not finite once rounded.
  explicit HalfArray(std::vector<float> values) {
    float largest = 0;
    for (const float value : values) {
      require(is_finite(value), "a number is ", value, ", needed a finite one");
      largest = std::max(largest, std::abs(value));
    }
    if (largest > 0) exponent_ = std::ilogb(largest) - 14;
    const double up = std::ldexp(1.0, exponent_), down = std::ldexp(1.0, -exponent_);
    for (float& value : values) value = widened(narrowed(value, down), up);
    check(values);
    values_ = std::move(values);
  }

  /// Widens numbers of a file. Throws where one is not finite or the exponent is out of range.
  HalfArray(const Array<Eigen::half>& halves, int exponent) : exponent_(exponent) {
    require(exponent >= least_exponent && exponent <= most_exponent, "an exponent of ", exponent,
            ", needed ", least_exponent, " to ", most_exponent);
    std::vector<float> values(halves.size());
    const double up = std::ldexp(1.0, exponent);
    std::transform(halves.begin(), halves.end(), values.begin(),
                   [up](Eigen::half half) { return widened(half, up); });
    check(values);
    values_ = std::move(values);
  }

  std::size_t size() const noexcept { return values_.size(); }
  const float* data() const noexcept { return values_.data(); }
  float operator[](std::size_t i) const noexcept { return values_[i]; }
  int exponent() const noexcept { return exponent_; }

  /// The numbers as a file keeps them.
  std::vector<Eigen::half> halves() const {
    std::vector<Eigen::half> result(size());
    const double down = std::ldexp(1.0, -exponent_);
    std::transform(values_.begin(), values_.end(), result.begin(),
                   [down](float value) { return narrowed(value, down); });
    return result;
  }

 private:
  static void check(const std::vector<float>& values) {
    for (const float value : values)
      require(is_finite(value), "a number in half precision is ", value, ", needed a finite one");
  }

  static Eigen::half narrowed(float value, double down) {
    return Eigen::half(static_cast<float>(double{value} * down));
  }
  static float widened(Eigen::half half, double up) {
    return static_cast<float>(double{static_cast<float>(half)} * up);
  }

  Array<float> values_;
  int exponent_ = 0;
};

}  // namespace see::detail
