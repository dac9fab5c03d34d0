#pragma once

#include <algorithm>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/outer_sum.hpp"
#include "see/kernel/packet.hpp"

namespace see::kernel {

namespace detail {

/// What a tile of a product reads and writes.
template <class Scalar>
struct ProductTile {
  const Scalar* left;   ///< first number of the first row of the tile
  Index left_stride;    ///< between rows
  const Scalar* right;  ///< first number of the tile's columns
  Index right_stride;
  Index inner;          ///< numbers in a row of `left`
  const Scalar* start;  ///< what the sums begin with, or null for 0
  Scalar* out;
  Index out_stride;
};

template <class Scalar, int... I, int... R, int... K>
EIGEN_ALWAYS_INLINE void product_tile(std::integer_sequence<int, I...>,
                                      std::integer_sequence<int, R...>,
                                      std::integer_sequence<int, K...>,
                                      const ProductTile<Scalar>& at) {
  constexpr int packets = sizeof...(K);
  const Packet<Scalar> first[] = {
      (at.start ? load(at.start + K * lanes<Scalar>) : broadcast(Scalar(0)))...};
  Packet<Scalar> sum[] = {first[I % packets]...};
  const Scalar* const left[] = {at.left + R * at.left_stride...};
  const Scalar* right = at.right;
  for (Index t = 0; t < at.inner; ++t, right += at.right_stride) {
    const Packet<Scalar> against[] = {load(right + K * lanes<Scalar>)...};
    ((sum[I] = multiply_add(broadcast(left[I / packets][t]), against[I % packets], sum[I])), ...);
  }
  (store(at.out + I / packets * at.out_stride + I % packets * lanes<Scalar>, sum[I]), ...);
}

/// `rows` rows in tiles of Rows rows, then of half as many, and so on.
template <int Rows, int Packets, class Scalar>
EIGEN_ALWAYS_INLINE void product_rows(ProductTile<Scalar> at, Index rows) {
  for (; rows >= Rows; rows -= Rows) {
    product_tile(Numbers<Rows * Packets>(), Numbers<Rows>(), Numbers<Packets>(), at);
    at.left += Rows * at.left_stride;
    at.out += Rows * at.out_stride;
  }
  if constexpr (Rows > 1)
    if (rows > 0) product_rows<Rows / 2, Packets>(at, rows);
}

template <int Packets, class Scalar>
void product_columns(const ProductTile<Scalar>& at, Index rows) {
  constexpr int most = most_rows<Scalar, Packets>;
  product_rows<(most >= 8 ? 8 : most), Packets>(at, rows);
}

}  // namespace detail

/// out = start + left * right for a left of rows x inner, a right of inner x cols and an out of
/// rows x cols numbers, row-major, rows `left_stride` and so on apart; `start` has cols numbers and
/// is added to every row (null: 0). Nothing may overlap `out`.
///
/// For few rows and a right that a cache holds: packs nothing and allocates nothing. Every entry
/// is one sum in the order of `inner`, so it does not depend on the rows around it.
/// Cost: rows * inner * cols multiply-adds.
template <class Scalar>
void matrix_product(const Scalar* left, Index left_stride, Index rows, const Scalar* right,
                    Index right_stride, Index inner, Index cols, const Scalar* start, Scalar* out,
                    Index out_stride) {
  using namespace detail;
  constexpr Index width = lanes<Scalar>;
  if (cols < width) {
    for (Index r = 0; r < rows; ++r)
      for (Index c = 0; c < cols; ++c) {
        Scalar sum = start ? start[c] : Scalar(0);
        for (Index t = 0; t < inner; ++t)
          sum += left[r * left_stride + t] * right[t * right_stride + c];
        out[r * out_stride + c] = sum;
      }
    return;
  }
  const auto tile = [&](Index c) {
    return ProductTile<Scalar>{left,         left_stride, right + c,
                               right_stride, inner,       start ? start + c : nullptr,
                               out + c,      out_stride};
  };
  constexpr int most = registers<Scalar> >= 32 ? 4 : 3;  // packets in the row of a tile
  Index c = 0;
  for (; c + most * width <= cols; c += most * width) product_columns<most>(tile(c), rows);
  if (c == 0)
    for (; c + width <= cols; c += width) product_columns<1>(tile(c), rows);
  if (c == cols) return;
  // The last tile ends with the row: some of its columns come out a second time, the same.
  const Index packets = (cols - c + width - 1) / width;
  c = cols - packets * width;
  if (packets == 1) product_columns<1>(tile(c), rows);
  if (packets == 2) product_columns<2>(tile(c), rows);
  if (packets == 3) product_columns<3>(tile(c), rows);
  if constexpr (most == 4)
    if (packets == 4) product_columns<4>(tile(c), rows);
}

}  // namespace see::kernel
