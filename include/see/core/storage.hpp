#pragma once

#include "see/core/types.hpp"

namespace see {

/// How the numbers of an inventory lie in memory: as the scalar that they are computed with, in 16
/// bits (IEEE half precision, or the upper half of a float), or in 8 with a half-precision scale
/// for every 32 numbers of a unit (x = scale * code).
enum class Storage { native, f16, bf16, i8 };

namespace detail {

/// Numbers of a unit that share a scale in Storage::i8 (the last block of a unit may have fewer).
inline constexpr Index int8_block = 32;

/// Scales of a unit of `length` numbers in Storage::i8.
constexpr Index int8_scales(Index length) { return (length + int8_block - 1) / int8_block; }

}  // namespace detail

/// How a model file stores factors, gains, scales and basis, the wider first. Gains of
/// GainScope::term take F32 at least. i8: factors as Storage::i8, the rest as F16.
enum class Precision { f64, f32, f16, bf16, i8 };

}  // namespace see
