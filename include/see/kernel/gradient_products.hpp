#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/outer_sum.hpp"
#include "see/kernel/packet.hpp"
#include "see/kernel/packet_block.hpp"

/// The two products with a row's gradient that the gradients of its factors begin with.
namespace see::kernel::detail {

template <class Scalar, int... I, int... K>
EIGEN_ALWAYS_INLINE void weighted_rows_tile(std::integer_sequence<int, I...>,
                                            std::integer_sequence<int, K...>,
                                            const Scalar* const* left, const Scalar* matrix,
                                            Index rows, Index stride, Scalar* out) {
  constexpr int packets = sizeof...(K);
  Packet<Scalar> sum[] = {(static_cast<void>(I), broadcast(Scalar(0)))...};
  for (Index a = 0; a < rows; ++a, matrix += stride) {
    const Packet<Scalar> row[] = {load(matrix + K * lanes<Scalar>)...};
    ((sum[I] = multiply_add(broadcast(left[I / packets][a]), row[I % packets], sum[I])), ...);
  }
  (store(out + I / packets * stride + I % packets * lanes<Scalar>, sum[I]), ...);
}

/// out[t] = sum_{a < rows} left[t][a] * matrix[a] for t < Terms, for rows of `stride` numbers.
template <int Terms, class Scalar>
EIGEN_ALWAYS_INLINE void weighted_rows(const Scalar* const* left, const Scalar* matrix, Index rows,
                                       Index stride, Scalar* out) {
  constexpr int packets = registers<Scalar> >= 32 ? 4 : 2;
  Index k = 0;
  for (; k + packets * lanes<Scalar> <= stride; k += packets * lanes<Scalar>)
    weighted_rows_tile(Numbers<Terms * packets>(), Numbers<packets>(), left, matrix + k, rows,
                       stride, out + k);
  for (; k < stride; k += lanes<Scalar>)
    weighted_rows_tile(Numbers<Terms>(), Numbers<1>(), left, matrix + k, rows, stride, out + k);
}

template <int Rows, class Scalar, int... I, int... T>
EIGEN_ALWAYS_INLINE void dots_tile(std::integer_sequence<int, I...>,
                                   std::integer_sequence<int, T...>, const Scalar* const* right,
                                   const Scalar* matrix, Index rows, Index stride, Scalar* out) {
  constexpr int count = sizeof...(I), group = std::min<int>(count, lanes<Scalar>);
  Packet<Scalar> sum[] = {(static_cast<void>(I), broadcast(Scalar(0)))...};
  for (Index k = 0; k < stride; k += lanes<Scalar>) {
    const Packet<Scalar> number[] = {load(right[T] + k)...};
    ((sum[I] = multiply_add(load(matrix + I % Rows * stride + k), number[I / Rows], sum[I])), ...);
  }
  if (sizeof...(T) == 1 || rows == Rows) {
    for (int i = 0; i < count; i += group) store(out + i, sum_each<group>(sum + i));
    return;
  }
  Scalar sums[count + lanes<Scalar>];
  for (int i = 0; i < count; i += group) store(sums + i, sum_each<group>(sum + i));
  (std::copy_n(sums + T * Rows, Rows, out + T * rows), ...);
}

/// out[t * rows + a] = <matrix[a], right[t]> for t < Terms, over `stride` numbers. Whole registers
/// are written, in the order of the address.
template <int Terms, int Rows, class Scalar>
EIGEN_ALWAYS_INLINE void dots(const Scalar* const* right, const Scalar* matrix, Index rows,
                              Index stride, Scalar* out, Index first = 0) {
  Index a = first;
  for (; a + Rows <= rows; a += Rows)
    dots_tile<Rows>(Numbers<Terms * Rows>(), Numbers<Terms>(), right, matrix + a * stride, rows,
                    stride, out + a);
  if constexpr (Rows > 1)
    if (a < rows) dots<Terms, Rows / 2>(right, matrix, rows, stride, out, a);
}

/// Calls body(t, std::integral_constant<int, n>) for tiles of Most terms and one of the rest.
template <int Most, class Body>
EIGEN_ALWAYS_INLINE void for_terms(Index terms, const Body& body, Index t = 0) {
  for (; t + Most <= terms; t += Most) body(t, std::integral_constant<int, Most>());
  if constexpr (Most > 1)
    if (t < terms) for_terms<Most - 1>(terms, body, t);
}

}  // namespace see::kernel::detail
