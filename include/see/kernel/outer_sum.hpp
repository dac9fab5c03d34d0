#pragma once

#include <algorithm>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/non_temporal.hpp"
#include "see/kernel/packet.hpp"

namespace see::kernel {

namespace detail {

/// SIMD registers that the machine has.
template <class Scalar>
inline constexpr int registers = lanes<Scalar> * sizeof(Scalar) >= 64 ||
#if defined(__aarch64__)
                                         true
#else
                                         false
#endif
                                     ? 32
                                     : 16;

/// Most rows of a tile of `Packets` registers a row, so that its accumulators, a right-hand row and
/// a broadcast number stay in registers.
template <class Scalar, int Packets>
inline constexpr int most_rows = std::min(10, (registers<Scalar> - Packets - 1) / Packets);

template <int N>
using Numbers = std::make_integer_sequence<int, N>;

template <bool NonTemporal, class Scalar, int... I, int... K>
EIGEN_ALWAYS_INLINE void outer_sum_tile(std::integer_sequence<int, I...>,
                                        std::integer_sequence<int, K...>, const Scalar* const* left,
                                        Index row, const Scalar* right, Index stride, Index terms,
                                        Scalar* out, Index out_stride) {
  constexpr int packets = sizeof...(K);
  Packet<Scalar> sum[] = {(static_cast<void>(I), broadcast(Scalar(0)))...};
  for (Index t = 0; t < terms; ++t, right += stride) {
    const Scalar* const numbers = left[t] + row;
    const Packet<Scalar> against[] = {load(right + K * lanes<Scalar>)...};
    ((sum[I] = multiply_add(broadcast(numbers[I / packets]), against[I % packets], sum[I])), ...);
  }
  (write<NonTemporal>(out + I / packets * out_stride + I % packets * lanes<Scalar>, sum[I]), ...);
}

/// out[r][0 .. Packets * lanes) = sum_t left[t][row + r] * right[t][...] for r < Rows.
template <bool NonTemporal, int Rows, int Packets, class Scalar>
EIGEN_ALWAYS_INLINE void outer_sum_tile(const Scalar* const* left, Index row, const Scalar* right,
                                        Index stride, Index terms, Scalar* out, Index out_stride) {
  outer_sum_tile<NonTemporal>(Numbers<Rows * Packets>(), Numbers<Packets>(), left, row, right,
                              stride, terms, out, out_stride);
}

/// The same for `rows` rows, in tiles of Rows rows, then of half as many, and so on.
template <bool NonTemporal, int Rows, int Packets, class Scalar>
EIGEN_ALWAYS_INLINE void outer_sum_rows(const Scalar* const* left, Index row, Index rows,
                                        const Scalar* right, Index stride, Index terms, Scalar* out,
                                        Index out_stride) {
  for (; rows >= Rows; rows -= Rows, row += Rows)
    outer_sum_tile<NonTemporal, Rows, Packets>(left, row, right, stride, terms,
                                               out + row * out_stride, out_stride);
  if constexpr (Rows > 1)
    if (rows > 0)
      outer_sum_rows<NonTemporal, Rows / 2, Packets>(left, row, rows, right, stride, terms, out,
                                                     out_stride);
}

/// `Known` is the number of rows where it is known when compiling, else 0.
template <bool NonTemporal, int Known, int Packets, class Scalar>
EIGEN_ALWAYS_INLINE void outer_sum_columns(const Scalar* const* left, Index rows,
                                           const Scalar* right, Index stride, Index terms,
                                           Scalar* out, Index out_stride) {
  constexpr int most = most_rows<Scalar, Packets>;
  constexpr int tiles = Known == 0 ? 1 : (Known + most - 1) / most;
  constexpr int tile = Known == 0 ? (most >= 8   ? 8
                                     : most >= 4 ? 4
                                     : most >= 2 ? 2
                                                 : 1)
                                  : (Known + tiles - 1) / tiles;
  outer_sum_rows<NonTemporal, tile, Packets>(left, 0, Known == 0 ? rows : Known, right, stride,
                                             terms, out, out_stride);
}

}  // namespace detail

/// out[r][c] = sum_t left[t][r] * right[t][c] for r < rows and c < cols, cols a multiple of the
/// lanes; rows of `right` and `out` are `stride` and `out_stride` numbers apart. Accumulators stay
/// in registers. Cost: terms * rows * cols multiply-adds.
/// `Rows` and `Cols` are rows and cols where they are known when compiling, else 0.
template <bool NonTemporal = false, int Rows = 0, int Cols = 0, class Scalar>
EIGEN_ALWAYS_INLINE void outer_sum(const Scalar* const* left, Index rows, const Scalar* right,
                                   Index cols, Index stride, Index terms, Scalar* out,
                                   Index out_stride) {
  using namespace detail;
  constexpr Index wide = 4 * lanes<Scalar>;
  if constexpr (Cols > 0) cols = Cols;
  for (; cols >= wide; cols -= wide, right += wide, out += wide)
    outer_sum_columns<NonTemporal, Rows, 4>(left, rows, right, stride, terms, out, out_stride);
  constexpr int last = static_cast<int>(Cols % wide / lanes<Scalar>);
  const auto packets = Cols > 0 ? last : cols / lanes<Scalar>;
  if ((Cols == 0 || last == 3) && packets == 3)
    outer_sum_columns<NonTemporal, Rows, 3>(left, rows, right, stride, terms, out, out_stride);
  if ((Cols == 0 || last == 2) && packets == 2)
    outer_sum_columns<NonTemporal, Rows, 2>(left, rows, right, stride, terms, out, out_stride);
  if ((Cols == 0 || last == 1) && packets == 1)
    outer_sum_columns<NonTemporal, Rows, 1>(left, rows, right, stride, terms, out, out_stride);
}

}  // namespace see::kernel
