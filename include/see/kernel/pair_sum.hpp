#pragma once

#include <algorithm>
#include <span>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/non_temporal.hpp"
#include "see/kernel/outer_sum.hpp"
#include "see/kernel/packet.hpp"

/// Sums of product states of two factors of any dimensions: accumulated in registers straight from
/// the factors, with no memory between.
namespace see::kernel {

namespace detail {

/// One product state more in the accumulators of a tile: sum_rk += left_r * gain * right_k.
template <class Scalar, int... I, int... K>
EIGEN_ALWAYS_INLINE void pair_term(std::integer_sequence<int, I...>,
                                   std::integer_sequence<int, K...>, const Scalar* left,
                                   const Scalar* right, const Index* column,
                                   const Packet<Scalar>& gain, Packet<Scalar>* sum) {
  constexpr int packets = sizeof...(K);
  const Packet<Scalar> numbers[] = {multiply(gain, load(right + column[K]))...};
  ((sum[I] = multiply_add(broadcast(left[I / packets]), numbers[I % packets], sum[I])), ...);
}

/// Where a sum of product states of two factors goes.
template <class Scalar>
struct PairOut {
  Scalar* out;
  Index width;        ///< numbers of `out`
  bool non_temporal;  ///< then `out` is aligned to a register, and rows are whole ones

  /// Stores a packet at out[at ...) as far as it lies before `width`.
  EIGEN_ALWAYS_INLINE void put(const Packet<Scalar>& numbers, Index at) const {
    if (width - at >= lanes<Scalar>) {
      if (non_temporal)
        write<true>(out + at, numbers);
      else
        store(out + at, numbers);
    } else if (width > at) {
      Scalar copy[lanes<Scalar>];
      store(copy, numbers);
      std::copy_n(copy, width - at, out + at);
    }
  }
};

/// The tile whose first row is `row`, of packets at columns column[0], column[1], ...
template <class Scalar, int... I, int... K>
EIGEN_ALWAYS_INLINE void pair_tile(std::integer_sequence<int, I...> all,
                                   std::integer_sequence<int, K...> packets, Index rows, Index cols,
                                   std::span<const Sense<Scalar>> senses, Index row,
                                   const Index* column, const PairOut<Scalar>& to) {
  constexpr int count = sizeof...(K), height = static_cast<int>(sizeof...(I)) / count;
  Packet<Scalar> sum[] = {(static_cast<void>(I), broadcast(Scalar(0)))...};
  for (const Sense<Scalar>& sense : senses) {
    const Scalar* left = sense.units[0] + row;
    const Scalar* right = sense.units[1];
    const Packet<Scalar> gain = broadcast(sense.gain);
    if (count > 1 || cols >= lanes<Scalar> || sense.slack) {
      for (Index i = 0; i < sense.vectors; ++i, left += rows, right += cols)
        pair_term(all, packets, left, right, column, gain, sum);
    } else {
      Scalar copy[lanes<Scalar>] = {};
      for (Index i = 0; i < sense.vectors; ++i, left += rows, right += cols) {
        std::copy_n(right, cols, copy);
        pair_term(all, packets, left, copy, column, gain, sum);
      }
    }
  }
  Scalar* const out = to.out + row * cols;
  if (count == 1 || (row + height) * cols > to.width)
    (to.put(sum[I], (row + I / count) * cols + column[I % count]), ...);
  else if (to.non_temporal)
    (write<true>(out + I / count * cols + column[I % count], sum[I]), ...);
  else
    (store(out + I / count * cols + column[I % count], sum[I]), ...);
}

template <int Height, class Scalar, int... K>
EIGEN_ALWAYS_INLINE void pair_tiles(std::integer_sequence<int, K...> packets, Index rows,
                                    Index cols, std::span<const Sense<Scalar>> senses,
                                    const PairOut<Scalar>& to) {
  constexpr Index size = Index{sizeof...(K)} * lanes<Scalar>;
  for (Index block = 0; block < cols; block += size) {
    // What a packet would reach too far it begins sooner: some columns come out a second time.
    const Index column[] = {
        std::max<Index>(0, std::min(block + K * lanes<Scalar>, cols - lanes<Scalar>))...};
    for (Index row = 0; row < rows; row += Height)
      pair_tile(Numbers<Height* static_cast<int>(sizeof...(K))>(), packets, rows, cols, senses,
                std::min(row, rows - Height), column, to);
  }
}

/// For dimensions that are not known when compiling; the same code for both kinds of stores.
template <int Height, int Packets, class Scalar>
void pair_sum_of_any(const Layout& layout, std::span<const Sense<Scalar>> senses,
                     const PairOut<Scalar>& to) {
  pair_tiles<Height>(Numbers<Packets>(), layout.dims[0], layout.dims[1], senses, to);
}

/// pair_sum in tiles of `Height` rows, at most q_1, and `Packets` registers. `Dim`: q_1 and q_2
/// where they are equal and known when compiling, else 0.
template <bool NonTemporal, int Height, int Packets, int Dim, class Scalar>
void pair_sum(const Layout& layout, Workspace<Scalar>&, std::span<const Sense<Scalar>> senses,
              Scalar* out, Index width) {
  if constexpr (Dim > 0)
    if (width == Dim * Dim)
      return pair_tiles<Height>(Numbers<Packets>(), Dim, Dim, senses,
                                PairOut<Scalar>{out, Dim * Dim, NonTemporal});
  pair_sum_of_any<Height, Packets>(layout, senses, PairOut<Scalar>{out, width, NonTemporal});
}

/// Registers in the row of a tile, 1 to 4, so that rows of `cols` numbers take the fewest tiles.
template <class Scalar>
constexpr Index tile_packets(Index cols) {
  constexpr Index most = registers<Scalar> >= 32 ? 4 : 2;
  const Index packets = (cols + lanes<Scalar> - 1) / lanes<Scalar>;
  const Index tiles = (packets + most - 1) / most;
  return (packets + tiles - 1) / tiles;
}

/// Rows that tiles may have.
using TileHeights = std::integer_sequence<int, 1, 4, 6, 8, 10, 16>;

/// Whether accumulators, a right-hand row and a number stay in registers.
template <class Scalar>
constexpr bool tile_fits(Index height, Index packets) {
  return (height + 1) * packets < registers<Scalar>;
}

/// Rows of the tiles of `packets` registers a row that take `rows` rows the least: each costs its
/// rows, and as much as about two more to set it up.
template <class Scalar, int... Height>
constexpr Index tile_height(Index rows, Index packets, std::integer_sequence<int, Height...>) {
  Index best = 1;
  const auto cost = [&](Index height) { return (rows + height - 1) / height * (height + 2); };
  for (const Index height : {Height...})
    if (height <= rows && tile_fits<Scalar>(height, packets) && cost(height) <= cost(best))
      best = height;
  return best;
}

template <bool NonTemporal, int Packets, class Scalar, int... Height>
KronSum<Scalar> pair_sum_of_height(Index height, std::integer_sequence<int, Height...>) {
  KronSum<Scalar> found = nullptr;
  const auto choose = [&]<int H>(std::integral_constant<int, H>) {
    if constexpr (tile_fits<Scalar>(H, Packets))
      if (H == height) found = pair_sum<NonTemporal, H, Packets, 0, Scalar>;
  };
  (choose(std::integral_constant<int, Height>()), ...);
  return found;
}

template <bool NonTemporal, class Scalar, int... Dim>
KronSum<Scalar> pair_sum_of_square(Index dim, std::integer_sequence<int, Dim...>) {
  KronSum<Scalar> found = nullptr;
  const auto choose = [&]<int D>(std::integral_constant<int, D>) {
    constexpr int packets = tile_packets<Scalar>(D),
                  height = tile_height<Scalar>(D, packets, TileHeights());
    if constexpr (!NonTemporal || D % lanes<Scalar> == 0)
      if (D == dim) found = pair_sum<NonTemporal, height, packets, D, Scalar>;
  };
  (choose(std::integral_constant<int, Dim>()), ...);
  return found;
}

}  // namespace detail

/// The function that sets
///
///     out[0 .. width) = the first `width` entries of the sum of the senses' product states
///
/// of two factors of q_1 and q_2 numbers, as kron_sum does, at the price of q_1 q_2 multiply-adds a
/// term, each rounded up to whole tiles. Equal dimensions that are common are known to it when
/// compiling. `NonTemporal`: by non-temporal stores, for an `out` that is aligned to a register and
/// rows that are whole ones.
template <class Scalar, bool NonTemporal>
KronSum<Scalar> choose_pair_sum(Index rows, Index cols) {
  using namespace detail;
  if constexpr (NonTemporal)
    if (cols % lanes<Scalar> != 0) return choose_pair_sum<Scalar, false>(rows, cols);
  if (rows == cols)
    if (const auto found = pair_sum_of_square<NonTemporal, Scalar>(
            rows, std::integer_sequence<int, 8, 10, 16, 32>()))
      return found;
  const Index packets = tile_packets<Scalar>(cols);
  const Index height = tile_height<Scalar>(rows, packets, TileHeights());
  if (packets == 1) return pair_sum_of_height<NonTemporal, 1, Scalar>(height, TileHeights());
  if constexpr (registers<Scalar> >= 32) {
    if (packets == 3) return pair_sum_of_height<NonTemporal, 3, Scalar>(height, TileHeights());
    if (packets == 4) return pair_sum_of_height<NonTemporal, 4, Scalar>(height, TileHeights());
  }
  return pair_sum_of_height<NonTemporal, 2, Scalar>(height, TileHeights());
}

}  // namespace see::kernel
