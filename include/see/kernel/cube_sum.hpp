#pragma once

#include <algorithm>
#include <span>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/non_temporal.hpp"
#include "see/kernel/outer_sum.hpp"
#include "see/kernel/packet.hpp"

/// Sums of product states of three factors of one small dimension: accumulated in registers
/// straight from the factors, with no memory between.
namespace see::kernel {

/// Whether rows of a product of three factors of `Dim` numbers are whole registers, at most 32,
/// made of factors that are registers or halves of one.
template <int Dim, class Scalar>
inline constexpr bool is_register_cube = Dim % 8 == 0 && Dim* Dim <= 32 * lanes<Scalar> &&
                                         (Dim % lanes<Scalar> == 0 || Dim * 2 == lanes<Scalar>);

namespace detail {

/// Register `Column` of gain * (b (x) c).
template <int Dim, int Column, class Scalar>
EIGEN_ALWAYS_INLINE Packet<Scalar> cube_column(const Scalar* b, const Scalar* c,
                                               const Packet<Scalar>& gain) {
  constexpr int width = lanes<Scalar>;
  if constexpr (Dim * 2 == width)
    return multiply(spread_pair<Column>(b), multiply(gain, twice(c)));
  else
    return multiply(broadcast(b[Column * width / Dim]),
                    multiply(gain, load(c + Column * width % Dim)));
}

template <bool NonTemporal, int Dim, int First, class Scalar, int... I, int... K>
EIGEN_ALWAYS_INLINE void cube_tile(std::integer_sequence<int, I...>,
                                   std::integer_sequence<int, K...>,
                                   std::span<const Sense<Scalar>> senses, Index row, Scalar* out) {
  constexpr int packets = sizeof...(K);
  Packet<Scalar> sum[] = {(static_cast<void>(I), broadcast(Scalar(0)))...};
  for (const Sense<Scalar>& sense : senses) {
    const Scalar* a = sense.units[0] + row;
    const Scalar* b = sense.units[1];
    const Scalar* c = sense.units[2];
    const Packet<Scalar> gain = broadcast(sense.gain);
    for (Index i = 0; i < sense.vectors; ++i, a += Dim, b += Dim, c += Dim) {
      const Packet<Scalar> right[] = {cube_column<Dim, First + K>(b, c, gain)...};
      ((sum[I] = multiply_add(broadcast(a[I / packets]), right[I % packets], sum[I])), ...);
    }
  }
  out += row * Dim * Dim + First * lanes<Scalar>;
  (write<NonTemporal>(out + I / packets * Dim * Dim + I % packets * lanes<Scalar>, sum[I]), ...);
}

template <bool NonTemporal, int Dim, class Scalar, int... Tile>
EIGEN_ALWAYS_INLINE void cube_tiles(std::integer_sequence<int, Tile...>,
                                    std::span<const Sense<Scalar>> senses, Scalar* out) {
  constexpr int columns = Dim * Dim / lanes<Scalar>;
  constexpr int packets = columns / static_cast<int>(sizeof...(Tile));
  constexpr int rows = std::min(Dim, registers<Scalar> / 2 / packets);
  static_assert(Dim % rows == 0 && columns % packets == 0);
  const auto column = [&]<int First>(std::integral_constant<int, First>) {
    for (Index row = 0; row < Dim; row += rows)
      cube_tile<NonTemporal, Dim, First>(Numbers<rows * packets>(), Numbers<packets>(), senses, row,
                                         out);
  };
  (column(std::integral_constant<int, Tile * packets>()), ...);
}

}  // namespace detail

/// out[0 .. Dim^3) = the sum of the senses' product states, as kron_sum's. `NonTemporal`: by
/// non-temporal stores, for an `out` that is aligned to a register. Cost: Dim^3 multiply-adds a
/// term, and two multiplications for each `rows` of them.
template <bool NonTemporal, int Dim, class Scalar>
void cube_sum(std::span<const Sense<Scalar>> senses, Scalar* out) {
  constexpr int columns = Dim * Dim / static_cast<int>(lanes<Scalar>);
  detail::cube_tiles<NonTemporal, Dim>(detail::Numbers<(columns + 1) / 2>(), senses, out);
}

}  // namespace see::kernel
