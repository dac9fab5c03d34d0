#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "see/core/types.hpp"

/// Axes of one byte a number: row i of the p x d axes is scales[i] * codes[i], without a rounding.
namespace see::detail {

inline constexpr float largest_code = 127;

/// `scale` with so few significant bits (16) that its product with any code is exact.
inline float short_scale(float scale) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(scale) + 0x80U) & 0xffffff00U);
}

/// Rounds each row of `width` numbers to codes times a scale, so that to_int8_axes() finds them.
inline void round_to_int8_axes(std::span<float> values, Index width) {
  const auto w = static_cast<std::size_t>(width);
  for (std::size_t begin = 0; begin < values.size(); begin += w) {
    const std::span<float> row = values.subspan(begin, w);
    float largest = 0;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    const float scale = short_scale(largest / largest_code);
    for (float& value : row)
      value = scale > 0 ? scale * std::clamp(std::round(value / scale), -largest_code, largest_code)
                        : 0.0F;
  }
}

struct Int8Axes {
  std::vector<std::int8_t> codes;
  std::vector<float> scales;  ///< one a row
};

/// The codes and scales of rows of `width` numbers; none where a row is not exactly such.
template <class Scalar>
std::optional<Int8Axes> to_int8_axes(std::span<const Scalar> values, Index width) {
  const auto w = static_cast<std::size_t>(width);
  Int8Axes axes;
  axes.codes.reserve(values.size());
  for (std::size_t begin = 0; begin < values.size(); begin += w) {
    const std::span<const Scalar> row = values.subspan(begin, w);
    Scalar largest = 0;
    for (const Scalar value : row) largest = std::max(largest, std::abs(value));
    const float scale = static_cast<float>(largest) / largest_code;
    for (const Scalar value : row) {
      const float code = scale > 0 ? std::round(static_cast<float>(value) / scale) : 0.0F;
      if (!(std::abs(code) <= largest_code) || static_cast<Scalar>(scale * code) != value)
        return std::nullopt;
      axes.codes.push_back(static_cast<std::int8_t>(code));
    }
    axes.scales.push_back(scale);
  }
  return axes;
}

}  // namespace see::detail
