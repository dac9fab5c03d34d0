#pragma once

#include <algorithm>
#include <cstdint>

#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

/// Non-temporal stores, which bypass the caches: for outputs larger than any cache, they spare
/// reading each cache line before it is overwritten.
namespace see::kernel {

namespace detail {

template <class P, class Scalar>
inline void store_non_temporal(Scalar* to, const P& packet) {
  store(to, packet);
}
#if defined(EIGEN_VECTORIZE_SSE2)
inline void store_non_temporal(float* to, const __m128& packet) { _mm_stream_ps(to, packet); }
inline void store_non_temporal(double* to, const __m128d& packet) { _mm_stream_pd(to, packet); }
#endif
#if defined(EIGEN_VECTORIZE_AVX)
inline void store_non_temporal(float* to, const __m256& packet) { _mm256_stream_ps(to, packet); }
inline void store_non_temporal(double* to, const __m256d& packet) { _mm256_stream_pd(to, packet); }
#endif
#if defined(EIGEN_VECTORIZE_AVX512)
inline void store_non_temporal(float* to, const __m512& packet) { _mm512_stream_ps(to, packet); }
inline void store_non_temporal(double* to, const __m512d& packet) { _mm512_stream_pd(to, packet); }
#endif

/// Stores a packet, by a non-temporal store where `NonTemporal`: then `to` is aligned to the
/// packet's size.
template <bool NonTemporal, class Scalar>
EIGEN_ALWAYS_INLINE void write(Scalar* to, const Packet<Scalar>& packet) {
  if constexpr (NonTemporal)
    store_non_temporal(to, packet);
  else
    store(to, packet);
}

}  // namespace detail

/// Whether all rows, `stride` numbers apart, begin at a register's worth of bytes.
template <class Scalar>
inline bool is_aligned(const Scalar* first, Index stride) {
  constexpr auto bytes = static_cast<std::uintptr_t>(lanes<Scalar>) * sizeof(Scalar);
  return reinterpret_cast<std::uintptr_t>(first) % bytes == 0 && stride % lanes<Scalar> == 0;
}

/// Copies n numbers by non-temporal stores. A store_fence() is due before another thread reads
/// them.
template <class Scalar>
inline void copy_non_temporal(const Scalar* from, Index n, Scalar* to) {
  constexpr auto bytes = static_cast<std::uintptr_t>(lanes<Scalar>) * sizeof(Scalar);
  const auto offset = reinterpret_cast<std::uintptr_t>(to) % bytes;
  const Index head =
      offset == 0 ? 0 : std::min(n, static_cast<Index>((bytes - offset) / sizeof(Scalar)));
  std::copy_n(from, head, to);
  Index k = head;
  for (; k + lanes<Scalar> <= n; k += lanes<Scalar>)
    detail::store_non_temporal(to + k, load(from + k));
  std::copy_n(from + k, n - k, to + k);
}

/// Orders the non-temporal stores of this thread before its later stores.
inline void store_fence() {
#if defined(EIGEN_VECTORIZE_SSE2)
  _mm_sfence();
#endif
}

}  // namespace see::kernel
