#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "see/core/storage.hpp"
#include "see/core/types.hpp"

namespace see {

namespace kernel {

/// The number that IEEE half-precision bits stand for. Without an instruction for it branch-free,
/// so that loops vectorise.
inline float from_half(std::uint16_t bits) {
#if defined(__F16C__)
  return _cvtsh_ss(bits);
#else
  constexpr float rebias = 0x1p112F;  // from the bias of half to that of float
  const auto magnitude = static_cast<std::uint32_t>(bits & 0x7fff) << 13;
  const float value = std::bit_cast<float>(magnitude) * rebias;
  const std::uint32_t special = magnitude >= 0x0f800000U ? 0x7f800000U : 0U;
  const auto sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | special | sign);
#endif
}

inline float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// out[0 .. n) = convert(in[0 .. n)), in runs of 16 and 8 whose loops are known when compiling.
template <class In, class Scalar, class Convert>
EIGEN_ALWAYS_INLINE void convert_all(const In* in, Index n, Scalar* out, const Convert& convert) {
  Index k = 0;
  for (; k + 16 <= n; k += 16)
    for (Index i = 0; i < 16; ++i) out[k + i] = convert(in[k + i]);
  for (; k + 8 <= n; k += 8)
    for (Index i = 0; i < 8; ++i) out[k + i] = convert(in[k + i]);
  for (; k < n; ++k) out[k] = convert(in[k]);
}

/// Widens as many of the n numbers of half precision as the machine has instructions for.
inline Index widen_halves(const std::uint16_t* in, Index n, float* out) {
  Index k = 0;
  (void)in, (void)n, (void)out;
#if defined(__AVX512F__)
  for (; k + 16 <= n; k += 16)
    _mm512_storeu_ps(out + k,
                     _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + k))));
#endif
#if defined(__F16C__)
  for (; k + 8 <= n; k += 8)
    _mm256_storeu_ps(out + k,
                     _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + k))));
#endif
  return k;
}

/// Widens as many of the n codes of a unit as the machine has instructions for.
inline Index widen_codes(const std::int8_t* in, const std::uint16_t* scales, Index n, float* out) {
  Index k = 0;
  (void)in, (void)scales, (void)n, (void)out;
#if defined(__AVX512F__)
  for (; k + 16 <= n; k += 16) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + k));
    _mm512_storeu_ps(out + k,
                     _mm512_mul_ps(_mm512_set1_ps(from_half(scales[k / see::detail::int8_block])),
                                   _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes))));
  }
#endif
#if defined(__AVX2__)
  for (; k + 8 <= n; k += 8) {
    const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(in + k));
    _mm256_storeu_ps(out + k,
                     _mm256_mul_ps(_mm256_set1_ps(from_half(scales[k / see::detail::int8_block])),
                                   _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes))));
  }
#endif
  return k;
}

/// Writes the n numbers from `in` on (Storage::f16 or bf16) to `out`.
template <class Scalar>
inline void widen(Storage storage, const std::uint16_t* in, Index n, Scalar* out) {
  if (storage != Storage::f16) {
    convert_all(in, n, out, [](std::uint16_t x) { return static_cast<Scalar>(from_bfloat16(x)); });
    return;
  }
  Index done = 0;
  if constexpr (std::is_same_v<Scalar, float>) done = widen_halves(in, n, out);
  convert_all(in + done, n - done, out + done,
              [](std::uint16_t x) { return static_cast<Scalar>(from_half(x)); });
}

/// The same for the n numbers of a unit in Storage::i8.
template <class Scalar>
inline void widen(const std::int8_t* in, const std::uint16_t* scales, Index n, Scalar* out) {
  Index done = 0;
  if constexpr (std::is_same_v<Scalar, float>) done = widen_codes(in, scales, n, out);
  while (done < n) {
    const auto scale = static_cast<Scalar>(from_half(scales[done / see::detail::int8_block]));
    const Index size = std::min(n - done, see::detail::int8_block - done % see::detail::int8_block);
    convert_all(in + done, size, out + done,
                [=](std::int8_t x) { return scale * static_cast<Scalar>(x); });
    done += size;
  }
}

}  // namespace kernel
}  // namespace see
