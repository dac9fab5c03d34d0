#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <type_traits>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/kron_sum.hpp"
#include "see/kernel/outer_sum.hpp"
#include "see/kernel/packet_block.hpp"

/// From the gradient of a product of factors to those of the factors.
namespace see::kernel {

/// The terms of one sense, gain * sum_{i < vectors} f_{i,1} (x) ... (x) f_{i,o}, and where their
/// gradients go. f_{i,j} is the q_j numbers from factors[j] + i * q_j on, its gradient is added to
/// those from to[j] + i * q_j on (null: not wanted).
template <class Scalar>
struct SenseGradient {
  std::array<const Scalar*, max_factors> factors;
  std::array<Scalar*, max_factors> to;
  Index vectors;
  Scalar gain;
  Scalar gain_gradient;
};

namespace detail {

/// out = left (x) right for a left of `rows` numbers and a right of n, with registers of type P; up
/// to width<P> - 1 more are written. `padded` has room for n + width<P>.
template <class P, class Scalar>
inline void pair_product(const Scalar* left, Index rows, const Scalar* right, Index n, Scalar* out,
                         Scalar* padded) {
  if (n % width<P> != 0) {
    std::copy_n(right, n, padded);
    right = padded;
  }
  Index y = 0;
  if (n <= width<P>) {
    const P number = load_as<P>(right);
    for (; y + 4 <= rows; y += 4)
      for (int r = 0; r < 4; ++r)
        store_as(out + (y + r) * n, multiply(broadcast_as<P>(left[y + r]), number));
  }
  for (; y < rows; ++y) {
    const P factor = broadcast_as<P>(left[y]);
    for (Index k = 0; k < n; k += width<P>)
      store_as(out + y * n + k, multiply(factor, load_as<P>(right + k)));
  }
}

/// The product of `count` factors, each vector i of its unit, of `length` numbers behind which up
/// to lanes - 1 more are written. `Known` is their dimension where it is known when compiling.
template <int Known, class Scalar>
EIGEN_ALWAYS_INLINE void vector_product(const Scalar* const* factors, const Index* dims, int count,
                                        Index i, Index length, Scalar* out, Scalar* scratch) {
  if constexpr (reads_exactly<Known, Scalar>) {
    if (count == 1) return scaled_copy<Known>(Scalar(1), factors[0] + i * Known, Known, out);
    if (count == 2)
      return scaled_pair<Known>(factors[0] + i * Known, Known, Scalar(1), factors[1] + i * Known,
                                Known, out);
  }
  if (count == 2) {
    with_register(dims[1], Packet<Scalar>(), [&](auto type) {
      using P = decltype(type);
      pair_product<P>(factors[0] + i * dims[0], dims[0], factors[1] + i * dims[1], dims[1], out,
                      scratch);
    });
    return;
  }
  std::array<const Scalar*, max_factors> at;
  for (int j = 0; j < count; ++j) at[static_cast<std::size_t>(j)] = factors[j] + i * dims[j];
  kron_chain(at.data(), dims, count, Scalar(1), out, length, scratch);
}

template <class P, class Scalar, int... R>
EIGEN_ALWAYS_INLINE void pair_gradients_tile(std::integer_sequence<int, R...>, const Scalar* matrix,
                                             Index cols, const Scalar* left, const Scalar* right,
                                             bool adds, Scalar* to_left, Scalar* to_right) {
  P dot[] = {(static_cast<void>(R), broadcast_as<P>(Scalar(0)))...};
  for (Index k = 0; k < cols; k += width<P>) {
    const P factor = load_as<P>(right + k);
    const P row[] = {load_as<P>(matrix + R * cols + k)...};
    P sum = adds ? load_as<P>(to_right + k) : broadcast_as<P>(Scalar(0));
    ((sum = multiply_add(broadcast_as<P>(left[R]), row[R], sum)), ...);
    ((dot[R] = multiply_add(row[R], factor, dot[R])), ...);
    store_as(to_right + k, sum);
  }
  store_as(to_left, sum_each<sizeof...(R)>(dot));
}

/// to_left[0 .. rows) = matrix right, and to_right = matrix^T left or, where `adds`, more by that,
/// for rows of `cols` numbers, in tiles of Rows rows, then of half as many, and so on.
template <int Rows, class P, class Scalar>
EIGEN_ALWAYS_INLINE void pair_gradients_by_rows(const Scalar* matrix, Index rows, Index cols,
                                                const Scalar* left, const Scalar* right, bool adds,
                                                Scalar* to_left, Scalar* to_right) {
  for (; rows >= Rows; rows -= Rows, matrix += Rows * cols, left += Rows, to_left += Rows) {
    pair_gradients_tile<P>(Numbers<Rows>(), matrix, cols, left, right, adds, to_left, to_right);
    adds = true;
  }
  if constexpr (Rows > 1)
    if (rows > 0)
      pair_gradients_by_rows<Rows / 2, P>(matrix, rows, cols, left, right, adds, to_left, to_right);
}

/// to_left = matrix right and to_right = matrix^T left, with registers of type P. Up to width<P> -
/// 1 numbers behind `matrix` are read and must be finite; as many are written behind the results.
/// `padded` has room for cols + width<P>.
template <class P, class Scalar>
EIGEN_ALWAYS_INLINE void pair_gradients(const Scalar* matrix, Index rows, Index cols,
                                        const Scalar* left, const Scalar* right, Scalar* to_left,
                                        Scalar* to_right, Scalar* padded) {
  if (cols % width<P> != 0) {
    std::copy_n(right, cols, padded);
    store_as(padded + cols, broadcast_as<P>(Scalar(0)));
    right = padded;
  }
  pair_gradients_by_rows<std::min(8, width<P>), P>(matrix, rows, cols, left, right, false, to_left,
                                                   to_right);
}

/// Adds the gradients of gain * <matrix, f_1 (x) ... (x) f_count>, with vector i of each factor's
/// unit, to vector i at to[j]. Up to lanes - 1 numbers behind `matrix` are read and must be finite.
/// `scratch` has room for 8 * (length of matrix + 4 * lanes).
template <class Scalar>
void add_factor_gradients(const Scalar* const* factors, Scalar* const* to, const Index* dims,
                          int count, Index i, const Scalar* matrix, Scalar gain, Scalar* scratch) {
  if (count == 1) {
    if (to[0]) add_scaled(to[0] + i * dims[0], gain, matrix, dims[0]);
    return;
  }
  constexpr Index slack = lanes<Scalar>;
  const int split = count / 2;
  Index rows = 1, cols = 1;
  for (int j = 0; j < count; ++j) (j < split ? rows : cols) *= dims[j];
  const Scalar* left = factors[0] + i * dims[0];
  const Scalar* right = factors[split] + i * dims[split];
  Scalar* to_left = scratch;
  Scalar* to_right = to_left + rows + slack;
  Scalar* next = to_right + cols + slack;
  if (split > 1) {
    Scalar* product = next;
    next += rows + slack;
    vector_product<0>(factors, dims, split, i, rows, product, next);
    left = product;
  }
  if (count - split > 1) {
    Scalar* product = next;
    next += cols + slack;
    vector_product<0>(factors + split, dims + split, count - split, i, cols, product, next);
    right = product;
  }
  with_register(cols, Packet<Scalar>(), [&](auto type) {
    using P = decltype(type);
    pair_gradients<P>(matrix, rows, cols, left, right, to_left, to_right, next);
  });
  store(to_left + rows, broadcast(Scalar(0)));
  store(to_right + cols, broadcast(Scalar(0)));
  add_factor_gradients(factors, to, dims, split, i, to_left, gain, next);
  add_factor_gradients(factors + split, to + split, dims + split, count - split, i, to_right, gain,
                       next);
}

/// The narrowest register that holds Length numbers, or the widest one: its type, as a value.
template <int Length, class P>
constexpr auto narrowest(const P& widest) {
  if constexpr (half_width<P> < width<P> && Length <= half_width<P>)
    return narrowest<Length>(Half<P>());
  else
    return widest;
}

/// with_register, where the length may be known when compiling.
template <int Known, class Scalar, class Body>
EIGEN_ALWAYS_INLINE void with_register_for(Index length, const Body& body) {
  if constexpr (Known > 0)
    body(narrowest<Known>(Packet<Scalar>()));
  else
    with_register(length, Packet<Scalar>(), body);
}

/// <a, b> over n numbers, a power of Known where that is not 0.
template <int Known, class Scalar>
EIGEN_ALWAYS_INLINE Scalar dot(const Scalar* a, const Scalar* b, Index n) {
  Scalar sum = 0;
  if constexpr (reads_exactly<Known, Scalar>)
    if (n >= Known) {
      using P = decltype(narrowest<Known>(Packet<Scalar>()));
      P sums = broadcast_as<P>(Scalar(0));
      for (Index k = 0; k < n; k += width<P>)
        sums = multiply_add(load_as<P>(a + k), load_as<P>(b + k), sums);
      return reduce(sums);
    }
  for (Index k = 0; k < n; ++k) sum += a[k] * b[k];
  return sum;
}

/// add_factor_gradients for every vector of every sense, the first of which reads `matrix` and each
/// later one `stride` numbers on. The factors are those from slot `first` on. `Known` is their
/// dimension where it is known when compiling.
template <int Known, class Scalar>
inline void add_sense_gradients(std::span<const SenseGradient<Scalar>> senses, const Index* dims,
                                int first, int count, const Scalar* matrix, Index stride,
                                Scalar* scratch) {
  dims += first;
  if (count > 2) {
    for (const SenseGradient<Scalar>& sense : senses)
      for (Index i = 0; i < sense.vectors; ++i, matrix += stride)
        add_factor_gradients(sense.factors.data() + first, sense.to.data() + first, dims, count, i,
                             matrix, sense.gain, scratch);
    return;
  }
  const Index rows = Known > 0 ? Known : dims[0], cols = Known > 0 ? Known : dims[count - 1];
  with_register_for<Known, Scalar>(cols, [&](auto type) {
    using P = decltype(type);
    Scalar* to_left = scratch + cols + lanes<Scalar>;
    Scalar* to_right = to_left + rows + lanes<Scalar>;
    for (const SenseGradient<Scalar>& sense : senses) {
      const auto* factors = sense.factors.data() + first;
      const auto* to = sense.to.data() + first;
      for (Index i = 0; i < sense.vectors; ++i, matrix += stride) {
        if (count == 1) {
          if (to[0]) add_scaled_as<P>(to[0] + i * cols, sense.gain, matrix, cols);
          continue;
        }
        pair_gradients<P>(matrix, rows, cols, factors[0] + i * rows, factors[1] + i * cols, to_left,
                          to_right, scratch);
        if (to[0]) add_scaled_as<P>(to[0] + i * rows, sense.gain, to_left, rows);
        if (to[1]) add_scaled_as<P>(to[1] + i * cols, sense.gain, to_right, cols);
      }
    }
  });
}

}  // namespace detail
}  // namespace see::kernel
