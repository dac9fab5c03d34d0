#pragma once

#include <Eigen/Core>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "see/core/finite.hpp"

namespace see::detail {

/// The kinds of numbers that tables come in.
enum class Number { b8, i8, u8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64 };

static_assert(std::endian::native == std::endian::little,
              "the file formats store little-endian numbers, which are used without a swap");

/// The column of the first number of `row` that is not finite, `count` where all are.
inline std::size_t finite_prefix(const float* row, std::size_t count) noexcept {
  bool finite = true;
  for (std::size_t i = 0; i < count; ++i) finite &= is_finite(row[i]);
  if (finite) return count;
  std::size_t i = 0;
  while (is_finite(row[i])) ++i;
  return i;
}

inline std::size_t size_of(Number kind) noexcept {
  switch (kind) {
    case Number::b8:
    case Number::i8:
    case Number::u8:
      return 1;
    case Number::i16:
    case Number::u16:
    case Number::f16:
    case Number::bf16:
      return 2;
    case Number::i32:
    case Number::u32:
    case Number::f32:
      return 4;
    case Number::i64:
    case Number::u64:
    case Number::f64:
      return 8;
  }
  return 0;
}

template <class T>
void to_floats(const std::byte* from, bool swapped, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i, from += sizeof(T)) {
    std::byte bytes[sizeof(T)];
    std::memcpy(bytes, from, sizeof(T));
    if (swapped)
      for (std::size_t b = 0; b < sizeof(T) / 2; ++b) std::swap(bytes[b], bytes[sizeof(T) - 1 - b]);
    T value;
    std::memcpy(static_cast<void*>(&value), bytes, sizeof(T));
    to[i] = static_cast<float>(value);
  }
}

/// Converts `count` numbers at `from`, of any alignment, rounding to nearest. `swapped`:
/// big-endian.
inline void to_floats(Number kind, const std::byte* from, bool swapped, float* to,
                      std::size_t count) {
  switch (kind) {
    case Number::b8:
    case Number::u8:
      return to_floats<std::uint8_t>(from, swapped, to, count);
    case Number::i8:
      return to_floats<std::int8_t>(from, swapped, to, count);
    case Number::i16:
      return to_floats<std::int16_t>(from, swapped, to, count);
    case Number::u16:
      return to_floats<std::uint16_t>(from, swapped, to, count);
    case Number::i32:
      return to_floats<std::int32_t>(from, swapped, to, count);
    case Number::u32:
      return to_floats<std::uint32_t>(from, swapped, to, count);
    case Number::i64:
      return to_floats<std::int64_t>(from, swapped, to, count);
    case Number::u64:
      return to_floats<std::uint64_t>(from, swapped, to, count);
    case Number::f16:
      return to_floats<Eigen::half>(from, swapped, to, count);
    case Number::bf16:
      return to_floats<Eigen::bfloat16>(from, swapped, to, count);
    case Number::f32:
      return to_floats<float>(from, swapped, to, count);
    case Number::f64:
      return to_floats<double>(from, swapped, to, count);
  }
}

}  // namespace see::detail
