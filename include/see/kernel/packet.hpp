#pragma once

#include <Eigen/Core>

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

template <class P>
inline P multiply(const P& a, const P& b) {
  return Eigen::internal::pmul(a, b);
}

/// a * b + c, fused where the machine can.
template <class P>
inline P multiply_add(const P& a, const P& b, const P& c) {
  return Eigen::internal::pmadd(a, b, c);
}

/// The sum of the packet's numbers.
template <class P>
inline auto reduce(const P& packet) {
  return Eigen::internal::predux(packet);
}

}  // namespace see::kernel
