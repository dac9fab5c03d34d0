#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "see/core/types.hpp"
#include "see/kernel/cube_sum.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/outer_sum.hpp"
#include "see/kernel/packet.hpp"
#include "see/kernel/pair_sum.hpp"

namespace see::kernel {

namespace detail {

/// The first 2 * sizeof...(Pair) numbers of `left`, two a register, times `numbers`.
template <class Scalar, int... Pair>
EIGEN_ALWAYS_INLINE void multiply_pairs(const Scalar* left, const Packet<Scalar>& numbers,
                                        Scalar* out, std::integer_sequence<int, Pair...>) {
  (store(out + Pair * lanes<Scalar>, multiply(spread_pair<Pair>(left), numbers)), ...);
}

/// left (x) right for a left of `rows` numbers and a right of `Length` (0: length) numbers, times
/// gain. Whole registers are read from `right` and written to `out`.
template <int Length, class Scalar>
EIGEN_ALWAYS_INLINE void scaled_pair(const Scalar* left, Index rows, Scalar gain,
                                     const Scalar* right, Index length, Scalar* out) {
  constexpr Index width = lanes<Scalar>;
  const Packet<Scalar> scale = broadcast(gain);
  if constexpr (Length > 0 && Length * 2 == width) {
    const Packet<Scalar> numbers = multiply(scale, twice(right));
    for (; rows >= Length; rows -= Length, left += Length, out += Length * Length)
      multiply_pairs(left, numbers, out, std::make_integer_sequence<int, Length / 2>());
    for (; rows >= 2; rows -= 2, left += 2, out += width)
      store(out, multiply(half_and_half(left[0], left[1]), numbers));
    if (rows == 1) store(out, multiply(broadcast(left[0]), numbers));
  } else if constexpr (Length > 0 && Length % width == 0) {
    constexpr int packets = Length / width;
    Packet<Scalar> numbers[packets];
    for (int k = 0; k < packets; ++k) numbers[k] = multiply(scale, load(right + k * width));
    for (Index y = 0; y < rows; ++y, out += Length)
      for (int k = 0; k < packets; ++k)
        store(out + k * width, multiply(broadcast(left[y]), numbers[k]));
  } else {
    kron_pair(left, rows, gain, right, length, out);
  }
}

/// out = gain * right, in whole registers.
template <int Length, class Scalar>
EIGEN_ALWAYS_INLINE void scaled_copy(Scalar gain, const Scalar* right, Index length, Scalar* out) {
  if constexpr (Length > 0 && Length * 2 == lanes<Scalar>) {
    store(out, multiply(broadcast(gain), twice(right)));
  } else if constexpr (Length > 0 && Length % lanes<Scalar> == 0) {
    for (int k = 0; k < Length; k += lanes<Scalar>)
      store(out + k, multiply(broadcast(gain), load(right + k)));
  } else {
    scale_padded(gain, right, length, out);
  }
}

/// Whether scaled_pair and scaled_copy read nothing behind `right`.
template <int Length, class Scalar>
inline constexpr bool reads_exactly = Length > 0 &&
                                      (Length % lanes<Scalar> == 0 || Length * 2 == lanes<Scalar>);

/// rows x cols numbers from `from`, rows `stride` apart, to `out`, where they lie densely. Up to
/// lanes - 1 numbers behind each row of `from` are read.
template <class Scalar>
inline void pack_rows(const Scalar* from, Index rows, Index cols, Index stride, Scalar* out,
                      Index width) {
  for (; rows > 0 && width - cols >= lanes<Scalar>;
       --rows, width -= cols, from += stride, out += cols)
    for (Index k = 0; k < cols; k += lanes<Scalar>) store(out + k, load(from + k));
  for (; width > 0; width -= cols, from += stride, out += cols)
    std::copy_n(from, std::min(width, cols), out);
}

}  // namespace detail

/// out[0 .. width) = the first `width` entries of the sum of the senses' product states (entry
/// (i1, ..., io) at ((i1 * q2 + i2) * q3 + i3) ...).
///
/// Cost: terms * product multiply-adds and at most 2 * terms * (prefix + suffix) to set them up.
/// `out` must not overlap the factors. Allocates only where `work` must grow.
///
/// `Shape` is Layout, or a Cube where the dimensions are known when compiling.
template <bool NonTemporal = false, class Shape, class Scalar>
void kron_sum(const Shape& layout, Workspace<Scalar>& work, std::span<const Sense<Scalar>> senses,
              Scalar* out, Index width) {
  using namespace detail;
  constexpr int known = Shape::known_dim;
  constexpr int rows = Shape::known_prefix, cols = Shape::template known_stride<Scalar>;
  const int order = layout.order, split = layout.split;
  const Index* const dims = layout.dims.data();
  const Index stride = cols > 0 ? cols : layout.stride;
  Index terms = 0;
  for (const auto& sense : senses) terms += sense.vectors;
  if (terms == 0) {
    std::fill(out, out + width, Scalar(0));
    return;
  }
  constexpr Index slack = lanes<Scalar>;
  Scalar* const suffixes = at_least(work.suffixes, terms * stride + slack);
  Scalar* const chain =
      at_least(work.chain, 2 * (std::max(layout.prefix, layout.suffix) + slack) + slack);
  Scalar* own = split == 1 ? nullptr : at_least(work.prefixes, terms * layout.prefix + slack);
  const Scalar** const prefixes = at_least(work.prefix_of, terms);
  const Scalar** prefix = prefixes;
  Scalar* suffix = suffixes;
  for (const Sense<Scalar>& sense : senses)
    for (Index i = 0; i < sense.vectors; ++i, ++prefix, suffix += stride) {
      std::array<const Scalar*, Shape::most_factors> factors;
      for (int j = 0; j < order; ++j) {
        const auto slot = static_cast<std::size_t>(j);
        factors[slot] = sense.units[slot] + i * dims[j];
      }
      const Scalar* const* const tail = factors.data() + split;
      const Index last = dims[order - 1];
      const bool exact = reads_exactly<known, Scalar> || sense.slack ||
                         (sense.vectors - i - 1) * last >= lanes<Scalar>;
      if (order - split == 1 && exact)
        scaled_copy<known>(sense.gain, tail[0], last, suffix);
      else if (order - split == 2 && exact)
        scaled_pair<known>(tail[0], dims[split], sense.gain, tail[1], last, suffix);
      else
        kron_chain(tail, dims + split, order - split, sense.gain, suffix, layout.suffix, chain);
      if (split == 1) {
        *prefix = factors[0];
        continue;
      }
      if (split == 0)
        own[0] = Scalar(1);
      else
        kron_chain(factors.data(), dims, split, Scalar(1), own, layout.prefix, chain);
      *prefix = own;
      own += layout.prefix;
    }
  if (stride == layout.suffix && width == layout.prefix * layout.suffix) {
    outer_sum<NonTemporal, rows, cols>(prefixes, layout.prefix, suffixes, stride, stride, terms,
                                       out, stride);
    return;
  }
  Scalar* sum = at_least(work.sum, layout.prefix * stride);
  outer_sum<false, rows, cols>(prefixes, layout.prefix, suffixes, stride, stride, terms, sum,
                               stride);
  pack_rows(sum, layout.prefix, layout.suffix, stride, out, width);
}

namespace detail {

template <bool NonTemporal, int Dim, class Scalar>
void kron_sum_of_cube(const Layout&, Workspace<Scalar>& work, std::span<const Sense<Scalar>> senses,
                      Scalar* out, Index width) {
  if constexpr (is_register_cube<Dim, Scalar>)
    if (width == Dim * Dim * Dim) return cube_sum<NonTemporal, Dim>(senses, out);
  kron_sum<NonTemporal>(Cube<3, Dim>(), work, senses, out, width);
}

}  // namespace detail

/// The kron_sum that suits `layout` best: of two factors straight from these, unless there are so
/// many rows that terms are better set up once for all tiles, and of three with dimensions that are
/// known when compiling where they are equal and common.
template <class Scalar, bool NonTemporal = false>
KronSum<Scalar> choose_kron_sum(const Layout& layout) {
  const auto& dims = layout.dims;
  if (layout.order == 2 && dims[0] <= 48)
    return choose_pair_sum<Scalar, NonTemporal>(dims[0], dims[1]);
  if (layout.order == 3 && dims[0] == dims[1] && dims[0] == dims[2]) {
    if (dims[0] == 8) return detail::kron_sum_of_cube<NonTemporal, 8, Scalar>;
    if (dims[0] == 16) return detail::kron_sum_of_cube<NonTemporal, 16, Scalar>;
  }
  return kron_sum<NonTemporal, Layout, Scalar>;
}

}  // namespace see::kernel
