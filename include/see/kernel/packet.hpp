#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstring>
#include <utility>

#include "see/core/types.hpp"

/// The widest SIMD register that Eigen uses for Scalar under the compiler flags in force (one
/// number where it uses none). The few operations that the kernels need, so that Eigen's packet
/// functions are named in this header alone.
namespace see::kernel {

template <class Scalar>
using Packet = typename Eigen::internal::packet_traits<Scalar>::type;

/// Numbers in a Packet.
template <class Scalar>
inline constexpr Index lanes = Eigen::internal::unpacket_traits<Packet<Scalar>>::size;

/// From any address, aligned or not.
template <class Scalar>
inline Packet<Scalar> load(const Scalar* from) {
  return Eigen::internal::ploadu<Packet<Scalar>>(from);
}

template <class Scalar>
inline void store(Scalar* to, const Packet<Scalar>& packet) {
  Eigen::internal::pstoreu(to, packet);
}

template <class Scalar>
inline Packet<Scalar> broadcast(Scalar value) {
  return Eigen::internal::pset1<Packet<Scalar>>(value);
}

#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
namespace detail {

template <class Scalar, int... I>
inline Packet<Scalar> join_halves(Scalar low, Scalar high, std::integer_sequence<int, I...>) {
  constexpr int n = lanes<Scalar>;
  const Packet<Scalar> a = broadcast(low), b = broadcast(high);
  return (Packet<Scalar>)__builtin_shufflevector(a, b, (I < n / 2 ? I : I + n)...);
}

template <class Scalar>
struct HalfRegister {
  typedef Scalar type __attribute__((vector_size(lanes<Scalar> / 2 * sizeof(Scalar))));

  static type load(const Scalar* from) {
    type numbers;
    std::memcpy(&numbers, from, sizeof numbers);
    return numbers;
  }
};

template <int Pair, class Scalar, int... I>
inline Packet<Scalar> spread(const Scalar* from, std::integer_sequence<int, I...>) {
  constexpr int half = sizeof...(I) / 2;
  const auto numbers = HalfRegister<Scalar>::load(from);
  return (Packet<Scalar>)__builtin_shufflevector(numbers, numbers, (2 * Pair + I / half)...);
}

template <class Scalar, int... I>
inline Packet<Scalar> repeat_half(const Scalar* from, std::integer_sequence<int, I...>) {
  constexpr int half = sizeof...(I) / 2;
  const auto numbers = HalfRegister<Scalar>::load(from);
  return (Packet<Scalar>)__builtin_shufflevector(numbers, numbers, (I % half)...);
}

}  // namespace detail

/// `low` in the first half of the lanes, `high` in the second.
template <class Scalar>
inline Packet<Scalar> half_and_half(Scalar low, Scalar high) {
  return detail::join_halves(low, high, std::make_integer_sequence<int, lanes<Scalar>>());
}

/// from[2 * Pair] in the first half of the lanes, from[2 * Pair + 1] in the second; reads lanes / 2
/// numbers.
template <int Pair, class Scalar>
inline Packet<Scalar> spread_pair(const Scalar* from) {
  return detail::spread<Pair>(from, std::make_integer_sequence<int, lanes<Scalar>>());
}

/// The lanes / 2 numbers at `from`, in both halves of the lanes.
template <class Scalar>
inline Packet<Scalar> twice(const Scalar* from) {
  return detail::repeat_half(from, std::make_integer_sequence<int, lanes<Scalar>>());
}
#else
template <class Scalar>
inline Packet<Scalar> half_and_half(Scalar low, Scalar high) {
  Scalar numbers[lanes<Scalar>];
  std::fill_n(numbers, lanes<Scalar> / 2, low);
  std::fill_n(numbers + lanes<Scalar> / 2, lanes<Scalar> / 2, high);
  return load(numbers);
}

template <int Pair, class Scalar>
inline Packet<Scalar> spread_pair(const Scalar* from) {
  return half_and_half(from[2 * Pair], from[2 * Pair + 1]);
}

template <class Scalar>
inline Packet<Scalar> twice(const Scalar* from) {
  Scalar numbers[lanes<Scalar>];
  std::copy_n(from, lanes<Scalar> / 2, numbers);
  std::copy_n(from, lanes<Scalar> / 2, numbers + lanes<Scalar> / 2);
  return load(numbers);
}
#endif

template <class P>
inline P multiply(const P& a, const P& b) {
  return Eigen::internal::pmul(a, b);
}

/// a * b + c, fused where the machine can.
template <class P>
inline P multiply_add(const P& a, const P& b, const P& c) {
  return Eigen::internal::pmadd(a, b, c);
}

/// Prefetches the cache lines of the first 512 of the `bytes` bytes from `at` on.
inline void prefetch(const void* at, Index bytes) {
#if defined(__GNUC__)
  const char* const first = static_cast<const char*>(at);
  const Index last = std::min<Index>(bytes, 512) - 1;
  __builtin_prefetch(first);
  // As many times for every address, so that the branch is predicted.
  for (Index line = 64; line < last; line += 64) __builtin_prefetch(first + line);
  __builtin_prefetch(first + last);
#else
  (void)at, (void)bytes;
#endif
}

/// The sum of the packet's numbers.
template <class P>
inline auto reduce(const P& packet) {
  return Eigen::internal::predux(packet);
}

/// sum_{k < n} a_k b_k, added up in an order that does not depend on where the numbers lie.
template <class Scalar>
inline Scalar dot(const Scalar* a, const Scalar* b, Index n) {
  Packet<Scalar> sums = broadcast(Scalar(0));
  Index k = 0;
  for (; k + lanes<Scalar> <= n; k += lanes<Scalar>)
    sums = multiply_add(load(a + k), load(b + k), sums);
  Scalar sum = reduce(sums);
  for (; k < n; ++k) sum += a[k] * b[k];
  return sum;
}

/// sum_{k < n} x_k likewise.
template <class Scalar>
inline Scalar sum(const Scalar* x, Index n) {
  const Packet<Scalar> ones = broadcast(Scalar(1));
  Packet<Scalar> sums = broadcast(Scalar(0));
  Index k = 0;
  for (; k + lanes<Scalar> <= n; k += lanes<Scalar>) sums = multiply_add(load(x + k), ones, sums);
  Scalar sum = reduce(sums);
  for (; k < n; ++k) sum += x[k];
  return sum;
}

/// out[i] = the highest of x[i], x[i + stride], ... of `count` >= 1 numbers, for i < n; not a
/// number where one of them is none.
template <class Scalar>
inline void highest_of_rows(const Scalar* x, Index stride, Index n, Index count, Scalar* out) {
  const auto higher = [](const auto& a, const auto& b) {
    return Eigen::internal::pmax<Eigen::PropagateNaN>(a, b);
  };
  Index i = 0;
  for (; i + lanes<Scalar> <= n; i += lanes<Scalar>) {
    Packet<Scalar> most = load(x + i);
    for (Index k = 1; k < count; ++k) most = higher(load(x + i + k * stride), most);
    store(out + i, most);
  }
  for (; i < n; ++i) {
    out[i] = x[i];
    for (Index k = 1; k < count; ++k) out[i] = higher(x[i + k * stride], out[i]);
  }
}

/// x_k = x_k * factor_k + term_k for k < n, rounded alike wherever the numbers lie.
template <class Scalar>
inline void scale_and_shift(Scalar* x, const Scalar* factor, const Scalar* term, Index n) {
  Index k = 0;
  for (; k + lanes<Scalar> <= n; k += lanes<Scalar>)
    store(x + k, multiply_add(load(x + k), load(factor + k), load(term + k)));
  for (; k < n; ++k) x[k] = x[k] * factor[k] + term[k];
}

}  // namespace see::kernel
