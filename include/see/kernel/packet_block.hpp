#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

/// Registers narrower than the widest one, and the sums of several registers at once.
namespace see::kernel {

/// The register of half P's width, or P itself where there is none.
template <class P>
using Half = typename Eigen::internal::unpacket_traits<P>::half;

/// Numbers in a register of type P, and in the one of half its width.
template <class P>
inline constexpr int width = Eigen::internal::unpacket_traits<P>::size;
template <class P>
inline constexpr int half_width =
    Eigen::internal::unpacket_traits<typename Eigen::internal::unpacket_traits<P>::half>::size;

/// Calls body with a register of the narrowest type that holds `length` numbers or, where none
/// does, of P, the widest.
template <class P, class Body>
inline void with_register(Index length, const P& widest, const Body& body) {
  if constexpr (half_width<P> < width<P>)
    if (length <= half_width<P>) return with_register(length, Half<P>(), body);
  body(widest);
}

template <class P, class Scalar>
inline P load_as(const Scalar* from) {
  return Eigen::internal::ploadu<P>(from);
}

template <class P, class Scalar>
inline void store_as(Scalar* to, const P& packet) {
  Eigen::internal::pstoreu(to, packet);
}

template <class P, class Scalar>
inline P broadcast_as(Scalar value) {
  return Eigen::internal::pset1<P>(value);
}

namespace detail {

#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
inline constexpr bool has_shuffles = true;

/// Lanes of the 16-byte parts that shuffles stay in, or of the register where it is smaller.
template <class P>
inline constexpr int lanes_of_16_bytes =
    std::min(16 / static_cast<int>(sizeof(decltype(reduce(P())))), static_cast<int>(width<P>));

/// Where lane p of `pairwise` comes from, counting the lanes of b behind those of a. Runs of
/// `chunk` lanes of a and b alternate, within 16 bytes as long as a run is shorter than that.
template <class P>
constexpr int pairwise_source(int chunk, int p) {
  constexpr int group = lanes_of_16_bytes<P>;
  const int unit = chunk < group ? group : width<P>;
  const int run = p % unit / chunk;
  return run % 2 * width<P> + p / unit * unit + run / 2 * chunk + p % chunk;
}

/// Of two registers with the partial sums of `Chunk` rows each, one with half as many of both.
template <int Chunk, class P, int... I>
EIGEN_ALWAYS_INLINE P pairwise(const P& a, const P& b, std::integer_sequence<int, I...>) {
  constexpr int group = lanes_of_16_bytes<P>;
  constexpr int other = (Chunk < group ? group : width<P>) / 2;
  return (P)__builtin_shufflevector(a, b, pairwise_source<P>(Chunk, I)...) +
         (P)__builtin_shufflevector(a, b, (pairwise_source<P>(Chunk, I) + other)...);
}

/// The sums of the registers `row`, which hold partial sums of `Chunk` rows each. I counts the
/// pairs of them: fold expressions keep them in registers where g++ lets loops put them in memory.
template <int Chunk, class P, int... I>
EIGEN_ALWAYS_INLINE P tree_sum(const P* row, std::integer_sequence<int, I...>) {
  constexpr std::make_integer_sequence<int, width<P>> lane;
  if constexpr (Chunk == width<P>) {
    return row[0];
  } else if constexpr (sizeof...(I) == 0) {
    const P sum[] = {pairwise<Chunk>(row[0], row[0], lane)};
    return tree_sum<2 * Chunk>(sum, std::integer_sequence<int>());
  } else {
    const P sum[] = {pairwise<Chunk>(row[2 * I], row[2 * I + 1], lane)...};
    return tree_sum<2 * Chunk>(sum, std::make_integer_sequence<int, sizeof...(I) / 2>());
  }
}
#else
inline constexpr bool has_shuffles = false;
#endif

}  // namespace detail

/// Lane i becomes the sum of the numbers of rows[i], i < Count; Count is a power of two and at most
/// the width.
template <int Count, class P>
EIGEN_ALWAYS_INLINE P sum_each(const P* rows) {
  static_assert(Count <= width<P>);
  if constexpr (width<P> == 1) {
    return rows[0];
  } else {
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
    return detail::tree_sum<1>(rows, std::make_integer_sequence<int, Count / 2>());
#else
    decltype(reduce(rows[0])) sums[width<P>] = {};
    for (int i = 0; i < Count; ++i) sums[i] = reduce(rows[i]);
    return load_as<P>(sums);
#endif
  }
}

namespace detail {

template <class P, class Body>
inline void for_rest(Index at, Index length, const P&, const Body& body) {
  if (at + width<P> <= length) {
    body(at, std::integral_constant<int, width<P>>());
    at += width<P>;
  }
  if constexpr (half_width<P> < width<P>)
    for_rest(at, length, Half<P>(), body);
  else
    for (; at < length; ++at) body(at, std::integral_constant<int, 1>());
}

}  // namespace detail

/// Cuts [0, length) into pieces of whole registers, then narrower ones, then single numbers: calls
/// body(first, std::integral_constant<int, n>) for each.
template <class Scalar, class Body>
inline void for_pieces(Index length, const Body& body) {
  constexpr int n = lanes<Scalar>;
  const Index whole = length / n * n;
  for (Index at = 0; at < whole; at += n) body(at, std::integral_constant<int, n>());
  detail::for_rest(whole, length, Packet<Scalar>(), body);
}

/// to[0 .. length) += scale * from[0 .. length)
template <class Scalar>
inline void add_scaled(Scalar* to, Scalar scale, const Scalar* from, Index length) {
  for_pieces<Scalar>(length, [&](Index at, auto n) {
    using Piece = Eigen::Array<Scalar, n, 1>;
    Eigen::Map<Piece>(to + at) += scale * Eigen::Map<const Piece>(from + at);
  });
}

/// The same, meant for a length that is mostly the width of P.
template <class P, class Scalar>
inline void add_scaled_as(Scalar* to, Scalar scale, const Scalar* from, Index length) {
  if (length == width<P>)
    store_as(to, multiply_add(broadcast_as<P>(scale), load_as<P>(from), load_as<P>(to)));
  else
    add_scaled(to, scale, from, length);
}

}  // namespace see::kernel
