#pragma once

#include <Eigen/Core>
#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

/// Whether numbers are neither infinite nor NaN, by their bits: for -ffast-math, under which
/// compilers take every number for finite, so that std::isfinite is always true, and so is Eigen's
/// allFinite() by clang++. With these, readers and preconditions refuse such numbers there too.
///
/// What does not hold under -ffast-math: that a NaN among scores or cosines counts as the lowest;
/// that a zero row has cosine 0 where its norm overflows; that results are equal bit for bit on
/// every platform; and, since the program then takes denormals for zero, half-precision numbers
/// below 2^-14 where no instruction widens them (F16C).
namespace see::detail {

template <std::floating_point Scalar>
constexpr bool is_finite(Scalar x) noexcept {
  static_assert(std::numeric_limits<Scalar>::is_iec559 && sizeof(Scalar) <= 8);
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits exponent =
      sizeof(Scalar) == 4 ? Bits{0x7f800000} : Bits{0x7ff} << (8 * sizeof(Bits) - 12);
  return (std::bit_cast<Bits>(x) & exponent) != exponent;
}

/// Whether all coefficients are.
template <class Derived>
bool is_all_finite(const Eigen::DenseBase<Derived>& numbers) {
  for (Eigen::Index i = 0; i < numbers.rows(); ++i)
    for (Eigen::Index j = 0; j < numbers.cols(); ++j)
      if (!is_finite(numbers.derived().coeff(i, j))) return false;
  return true;
}

}  // namespace see::detail
