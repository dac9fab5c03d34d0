#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "see/core/bits.hpp"
#include "see/core/types.hpp"
#include "see/kernel/trellis_table.hpp"

/// Decoding one row of a trellis code. The row is a circle of B bits; entry t reads the L bits from
/// bit o_t on (the first is the least significant) as a window s_t and is
///
///     y_t = sigma_t * table[(s_t * m_t) mod 2^L] + mean_t.
///
/// No entry waits for another, so the entries go through SIMD registers.
namespace see::kernel {

/// What all rows share. `table` holds 2^window_bits numbers.
struct TrellisCode {
  const float* table;
  int window_bits;
};

/// Low bits of a step: an offset.
inline constexpr int trellis_offset_bits = 14;

/// Entries come in groups of this many; the arrays of a TrellisClass are that much padded.
inline constexpr Index trellis_group = 16;

/// How the rows of one class are laid out. The arrays hold dim numbers, rounded up to a multiple of
/// trellis_group with zeros.
struct TrellisClass {
  const std::uint16_t* steps;  ///< o_t in the low 14 bits, the number of m_t in the high 2; o_t < B
  const std::uint16_t* sigma;  ///< the high half of a float; 0 for an entry without a code
  const std::int8_t* mean;     ///< in units of mean_scale
  float mean_scale;
  Index coded;         ///< all entries from this one on have sigma 0
  std::uint32_t bits;  ///< B
};

namespace detail {

/// The first L bits of the row's circle, which goes round more than once where B < L.
inline std::uint32_t trellis_head(const TrellisCode& code, const TrellisClass& layout,
                                  const std::uint8_t* codes, std::uint64_t start) noexcept {
  auto head = static_cast<std::uint32_t>(see::detail::read_word(codes, start));
  if (layout.bits < static_cast<std::uint32_t>(code.window_bits)) {
    head &= (1U << layout.bits) - 1;
    for (std::uint32_t filled = layout.bits; filled < 32; filled *= 2) head |= head << filled;
  }
  return head & ((1U << code.window_bits) - 1);
}

template <bool add, class Scalar>
void put(Scalar& out, Scalar value) noexcept {
  if constexpr (add)
    out += value;
  else
    out = value;
}

template <bool add, class Scalar>
void trellis_row_portable(const TrellisCode& code, const TrellisClass& layout, Index dim,
                          const std::uint8_t* codes, std::uint64_t start, std::uint32_t head,
                          Scalar* out) noexcept {
  const std::uint32_t mask = (1U << code.window_bits) - 1;
  for (Index t = 0; t < layout.coded; ++t) {
    const std::uint32_t step = layout.steps[t];
    const std::uint32_t offset = step & ((1U << trellis_offset_bits) - 1);
    const std::uint32_t left = layout.bits - offset;
    auto window = static_cast<std::uint32_t>(see::detail::read_word(codes, start + offset));
    if (left < static_cast<std::uint32_t>(code.window_bits))
      window = (window & ((1U << left) - 1)) | (head << left);
    const float value =
        code.table[(window * trellis_multipliers[step >> trellis_offset_bits]) & mask];
    const auto sigma = std::bit_cast<float>(std::uint32_t{layout.sigma[t]} << 16);
    const float mean = layout.mean_scale * static_cast<float>(layout.mean[t]);
    put<add>(out[t], static_cast<Scalar>(sigma * value + mean));
  }
  for (Index t = layout.coded; t < dim; ++t)
    put<add>(out[t], static_cast<Scalar>(layout.mean_scale * static_cast<float>(layout.mean[t])));
}

#if defined(__AVX512F__)

/// As trellis_row_portable, 16 entries at a time. A row that fits one register with its window is
/// read once; the windows of a longer one are gathered.
template <bool add>
void trellis_row_simd(const TrellisCode& code, const TrellisClass& layout, Index dim,
                      const std::uint8_t* codes, std::uint64_t start, std::uint32_t head,
                      float* out) noexcept {
  const std::uint8_t* bytes = codes + (start >> 3);
  const auto phase = static_cast<std::uint32_t>(start & 7), end = phase + layout.bits;
  const bool one_register = end <= 512;
  __m512i row = _mm512_setzero_si512();
  if (one_register)
    row = _mm512_maskz_loadu_epi32(static_cast<__mmask16>((1U << ((end + 31) / 32)) - 1), bytes);
  const __m512i mask = _mm512_set1_epi32(static_cast<int>((1U << code.window_bits) - 1));
  const __m512i low = _mm512_set1_epi32((1 << trellis_offset_bits) - 1);
  const __m512i one = _mm512_set1_epi32(1);
  const __m512i multipliers = _mm512_broadcast_i32x4(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(trellis_multipliers)));
  const __m512 mean_scale = _mm512_set1_ps(layout.mean_scale);
  const __m512i heads = _mm512_set1_epi32(static_cast<int>(head));
  const __m512i phases = _mm512_set1_epi32(static_cast<int>(phase));
  const __m512i size = _mm512_set1_epi32(static_cast<int>(layout.bits));
  const __m512i width = _mm512_set1_epi32(code.window_bits);
  for (Index t = 0; t < dim; t += trellis_group) {
    const auto* means = reinterpret_cast<const __m128i*>(layout.mean + t);
    __m512 value =
        _mm512_mul_ps(mean_scale, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(means))));
    if (t < layout.coded) {
      const auto* halves = reinterpret_cast<const __m256i*>(layout.steps + t);
      const __m512i steps = _mm512_cvtepu16_epi32(_mm256_loadu_si256(halves));
      halves = reinterpret_cast<const __m256i*>(layout.sigma + t);
      const __m512 sigma = _mm512_castsi512_ps(
          _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(halves)), 16));
      const __m512i offset = _mm512_and_si512(steps, low);
      const __m512i at = _mm512_add_epi32(offset, phases);
      __m512i window;
      if (one_register) {
        const __m512i word = _mm512_srli_epi32(at, 5);
        const __m512i shift = _mm512_and_si512(at, _mm512_set1_epi32(31));
        const __m512i first = _mm512_permutexvar_epi32(word, row);
        const __m512i second = _mm512_permutexvar_epi32(_mm512_add_epi32(word, one), row);
        window = _mm512_or_si512(
            _mm512_srlv_epi32(first, shift),
            _mm512_sllv_epi32(second, _mm512_sub_epi32(_mm512_set1_epi32(32), shift)));
      } else {
        window = _mm512_srlv_epi32(_mm512_i32gather_epi32(_mm512_srli_epi32(at, 3), bytes, 1),
                                   _mm512_and_si512(at, _mm512_set1_epi32(7)));
      }
      const __m512i left = _mm512_sub_epi32(size, offset);
      const __mmask16 wraps = _mm512_cmplt_epi32_mask(left, width);
      const __m512i kept = _mm512_sub_epi32(_mm512_sllv_epi32(one, left), one);
      window = _mm512_mask_or_epi32(window, wraps, _mm512_and_si512(window, kept),
                                    _mm512_sllv_epi32(heads, left));
      const __m512i multiplier =
          _mm512_permutexvar_epi32(_mm512_srli_epi32(steps, trellis_offset_bits), multipliers);
      const __m512i index = _mm512_and_si512(_mm512_mullo_epi32(window, multiplier), mask);
      value = _mm512_fmadd_ps(_mm512_i32gather_ps(index, code.table, 4), sigma, value);
    }
    const auto lanes_left =
        static_cast<__mmask16>(dim - t >= trellis_group ? 0xffff : (1U << (dim - t)) - 1);
    if constexpr (add) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(lanes_left, out + t));
    _mm512_mask_storeu_ps(out + t, lanes_left, value);
  }
}

#elif defined(__AVX2__)

/// As trellis_row_portable, 8 entries at a time.
template <bool add>
void trellis_row_simd(const TrellisCode& code, const TrellisClass& layout, Index dim,
                      const std::uint8_t* codes, std::uint64_t start, std::uint32_t head,
                      float* out) noexcept {
  const auto* bytes = reinterpret_cast<const int*>(codes + (start >> 3));
  const __m256i mask = _mm256_set1_epi32(static_cast<int>((1U << code.window_bits) - 1));
  const __m256i one = _mm256_set1_epi32(1), heads = _mm256_set1_epi32(static_cast<int>(head));
  const __m256i phases = _mm256_set1_epi32(static_cast<int>(start & 7));
  const __m256i size = _mm256_set1_epi32(static_cast<int>(layout.bits));
  const __m256i width = _mm256_set1_epi32(code.window_bits);
  const __m256i multipliers = _mm256_broadcastsi128_si256(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(trellis_multipliers)));
  const __m256 mean_scale = _mm256_set1_ps(layout.mean_scale);
  for (Index t = 0; t < dim; t += 8) {
    const auto* means = reinterpret_cast<const __m128i*>(layout.mean + t);
    __m256 value =
        _mm256_mul_ps(mean_scale, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(means))));
    if (t < layout.coded) {
      const auto* halves = reinterpret_cast<const __m128i*>(layout.steps + t);
      const __m256i steps = _mm256_cvtepu16_epi32(_mm_loadu_si128(halves));
      halves = reinterpret_cast<const __m128i*>(layout.sigma + t);
      const __m256 sigma = _mm256_castsi256_ps(
          _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(halves)), 16));
      const __m256i offset =
          _mm256_and_si256(steps, _mm256_set1_epi32((1 << trellis_offset_bits) - 1));
      const __m256i at = _mm256_add_epi32(offset, phases);
      __m256i window = _mm256_srlv_epi32(_mm256_i32gather_epi32(bytes, _mm256_srli_epi32(at, 3), 1),
                                         _mm256_and_si256(at, _mm256_set1_epi32(7)));
      const __m256i left = _mm256_sub_epi32(size, offset);
      const __m256i kept = _mm256_sub_epi32(_mm256_sllv_epi32(one, left), one);
      const __m256i closed =
          _mm256_or_si256(_mm256_and_si256(window, kept), _mm256_sllv_epi32(heads, left));
      window = _mm256_blendv_epi8(window, closed, _mm256_cmpgt_epi32(width, left));
      const __m256i multiplier =
          _mm256_permutevar8x32_epi32(multipliers, _mm256_srli_epi32(steps, trellis_offset_bits));
      const __m256i index = _mm256_and_si256(_mm256_mullo_epi32(window, multiplier), mask);
      const __m256 scaled = _mm256_mul_ps(_mm256_i32gather_ps(code.table, index, 4), sigma);
      value = _mm256_add_ps(scaled, value);
    }
    if (dim - t >= 8) {
      if constexpr (add) value = _mm256_add_ps(value, _mm256_loadu_ps(out + t));
      _mm256_storeu_ps(out + t, value);
    } else {
      alignas(32) float last[8];
      _mm256_store_ps(last, value);
      for (Index i = 0; t + i < dim; ++i) put<add>(out[t + i], last[i]);
    }
  }
}

#endif

}  // namespace detail

/// Prefetches the cache line at `address`, where the compiler can.
inline void prefetch([[maybe_unused]] const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#endif
}

/// out[t] = y_t, or out[t] += y_t where `add`, for t = 0 ... dim - 1, of the row whose bits begin
/// at bit `start` of `codes`. Bits beyond the last byte of the row that packed_padding provides
/// must be readable. About a look-up an entry; entries from layout.coded on cost a copy of their
/// mean.
template <bool add, class Scalar>
void trellis_row(const TrellisCode& code, const TrellisClass& layout, Index dim,
                 const std::uint8_t* codes, std::uint64_t start, Scalar* out) noexcept {
  std::uint32_t head = 0;
  if (layout.coded > 0) head = detail::trellis_head(code, layout, codes, start);
#if defined(__AVX2__)
  if constexpr (std::is_same_v<Scalar, float>) {
    detail::trellis_row_simd<add>(code, layout, dim, codes, start, head, out);
    return;
  }
#endif
  detail::trellis_row_portable<add>(code, layout, dim, codes, start, head, out);
}

}  // namespace see::kernel
