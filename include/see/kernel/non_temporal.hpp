#pragma once

#include <algorithm>
#include <cstdint>

#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

/// Stores that pass the caches by: for outputs so large that no cache would keep them, they spare
/// reading each line before it is overwritten.
namespace see::kernel {

namespace detail {

template <class P, class Scalar>
inline void stream_packet(Scalar* to, const P& packet) {
  store(to, packet);
}
#if defined(EIGEN_VECTORIZE_SSE2)
inline void stream_packet(float* to, const __m128& packet) { _mm_stream_ps(to, packet); }
inline void stream_packet(double* to, const __m128d& packet) { _mm_stream_pd(to, packet); }
#endif
#if defined(EIGEN_VECTORIZE_AVX)
inline void stream_packet(float* to, const __m256& packet) { _mm256_stream_ps(to, packet); }
inline void stream_packet(double* to, const __m256d& packet) { _mm256_stream_pd(to, packet); }
#endif
#if defined(EIGEN_VECTORIZE_AVX512)
inline void stream_packet(float* to, const __m512& packet) { _mm512_stream_ps(to, packet); }
inline void stream_packet(double* to, const __m512d& packet) { _mm512_stream_pd(to, packet); }
#endif

/// Stores a packet, by a non-temporal store where `NonTemporal`: then `to` is aligned to the
/// packet's size.
template <bool NonTemporal, class Scalar>
EIGEN_ALWAYS_INLINE void write(Scalar* to, const Packet<Scalar>& packet) {
  if constexpr (NonTemporal)
    stream_packet(to, packet);
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

/// Copies n numbers. finish_streaming() comes before anything reads them in another thread.
template <class Scalar>
inline void stream(const Scalar* from, Index n, Scalar* to) {
  constexpr auto bytes = static_cast<std::uintptr_t>(lanes<Scalar>) * sizeof(Scalar);
  const auto past = reinterpret_cast<std::uintptr_t>(to) % bytes;
  const Index head =
      past == 0 ? 0 : std::min(n, static_cast<Index>((bytes - past) / sizeof(Scalar)));
  std::copy_n(from, head, to);
  Index k = head;
  for (; k + lanes<Scalar> <= n; k += lanes<Scalar>) detail::stream_packet(to + k, load(from + k));
  std::copy_n(from + k, n - k, to + k);
}

inline void finish_streaming() {
#if defined(EIGEN_VECTORIZE_SSE2)
  _mm_sfence();
#endif
}

}  // namespace see::kernel
