#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "see/core/metadata.hpp"
#include "see/core/types.hpp"
#include "see/io/number.hpp"

namespace see {

/// A named block of numbers, row-major and little-endian. `bytes` belongs to someone else.
struct Tensor {
  std::string name;
  std::string dtype;  ///< as in safetensors: "F32", "U8", ...
  std::vector<Index> shape;
  std::span<const std::byte> bytes;
};

namespace detail {

struct Dtype {
  std::string_view name;
  int bits;
  std::optional<Number> number;
};

inline constexpr Dtype dtypes[] = {
    {"BOOL", 8, Number::b8},  {"U8", 8, Number::u8},        {"I8", 8, Number::i8},
    {"U16", 16, Number::u16}, {"I16", 16, Number::i16},     {"U32", 32, Number::u32},
    {"I32", 32, Number::i32}, {"U64", 64, Number::u64},     {"I64", 64, Number::i64},
    {"F16", 16, Number::f16}, {"BF16", 16, Number::bf16},   {"F32", 32, Number::f32},
    {"F64", 64, Number::f64}, {"F8_E5M2", 8, std::nullopt}, {"F8_E4M3", 8, std::nullopt},
    {"F8_E8M0", 8, {}},       {"F6_E2M3", 6, std::nullopt}, {"F6_E3M2", 6, std::nullopt},
    {"F4", 4, std::nullopt},  {"C64", 64, std::nullopt},
};

inline const Dtype* find_dtype(std::string_view name) noexcept {
  for (const Dtype& dtype : dtypes)
    if (dtype.name == name) return &dtype;
  return nullptr;
}

inline std::size_t alignment(const Dtype& dtype) noexcept {
  return dtype.bits < 8 ? 1 : static_cast<std::size_t>(dtype.bits) / 8;
}

/// The safetensors name of T.
template <class T>
constexpr std::string_view dtype_name() {
  if constexpr (std::is_same_v<T, float>) return "F32";
  if constexpr (std::is_same_v<T, double>) return "F64";
  if constexpr (std::is_same_v<T, bool>) return "BOOL";
  if constexpr (std::is_same_v<T, Eigen::half>) return "F16";
  if constexpr (std::is_same_v<T, Eigen::bfloat16>) return "BF16";
  if constexpr (std::is_same_v<T, char> || std::is_same_v<T, std::byte>) return "U8";
  if constexpr (std::is_integral_v<T>) {
    constexpr bool sign = std::is_signed_v<T>;
    switch (sizeof(T)) {
      case 1:
        return sign ? "I8" : "U8";
      case 2:
        return sign ? "I16" : "U16";
      case 4:
        return sign ? "I32" : "U32";
      default:
        return sign ? "I64" : "U64";
    }
  }
}

/// "2 x 3", "scalar" for no dimensions.
inline std::string shape_text(std::span<const Index> shape) {
  std::string out;
  for (const Index size : shape) {
    if (!out.empty()) out += " x ";
    out += size < 0 ? std::string("any") : std::to_string(size);
  }
  return out.empty() ? "scalar" : out;
}

/// Bytes of a tensor; nothing where they are no whole number or do not fit 63 bits.
inline std::optional<std::uint64_t> tensor_bytes(const Dtype& dtype, std::span<const Index> shape) {
  std::uint64_t count = 1;
  for (const Index size : shape) {
    const auto factor = static_cast<std::uint64_t>(size);
    if (size < 0) return std::nullopt;
    if (factor != 0 && count > std::numeric_limits<std::uint64_t>::max() / 128 / factor)
      return std::nullopt;
    count *= factor;
  }
  const std::uint64_t bits = count * static_cast<std::uint64_t>(dtype.bits);
  return bits % 8 == 0 ? std::optional(bits / 8) : std::nullopt;
}

}  // namespace detail
}  // namespace see
