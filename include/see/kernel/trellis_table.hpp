#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

namespace see::kernel {

/// Bits of the window that selects a value of a trellis code.
inline constexpr int least_window_bits = 8, most_window_bits = 16;

/// Most entries that share one window.
inline constexpr int trellis_columns = 4;

/// The value that window s selects for the v-th entry that shares it is table[(s * m_v) mod 2^L].
/// m_v is odd, so the low bits of the product are a permutation of the low bits of s, and what
/// trellis_table says of successors holds for every column.
inline constexpr std::uint32_t trellis_multipliers[trellis_columns] = {1, 0x9e5, 0x6a7, 0xc2d};

/// The quantile function of the standard normal distribution at p in (0, 1): Newton's method on
/// the distribution function.
inline double normal_quantile(double p) {
  const double tail = std::sqrt(-2 * std::log(std::min(p, 1 - p)));
  double x = tail - (2.30753 + 0.27061 * tail) / (1 + tail * (0.99229 + 0.04481 * tail));
  if (p < 0.5) x = -x;
  for (int i = 0; i < 4; ++i) {
    const double excess = 0.5 * std::erfc(-x / std::numbers::sqrt2) - p;
    x -= excess * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
  }
  return x;
}

/// The 2^L values of a trellis code with windows of L bits: the quantiles (i + 1/2) / 2^L of the
/// standard normal distribution, value s being number u(s). Digit i of u, most significant first,
/// is bit L-1-i of s, flipped by a hash of the bits of s below it (nested scrambling; Owen, Monte
/// Carlo and Quasi-Monte Carlo Methods in Scientific Computing, 1995). So u is a permutation, and
/// for every k the 2^k windows that may follow a window at rate k (equal in their low L-k bits)
/// hold one value of each 2^k-th of the distribution: a scalar quantizer of k bits whose
/// thresholds the earlier bits dither. O(L 2^L).
inline std::vector<float> trellis_table(int window_bits) {
  const auto hash = [](std::uint64_t z) {  // SplitMix64
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  };
  const std::uint32_t size = std::uint32_t{1} << window_bits;
  std::vector<float> table(size);
  for (std::uint32_t s = 0; s < size; ++s) {
    std::uint32_t u = 0;
    for (int bit = window_bits - 1; bit >= 0; --bit) {
      const std::uint64_t below = s & ((std::uint32_t{1} << bit) - 1);
      const auto flip = static_cast<std::uint32_t>(
          hash(64 * below + static_cast<std::uint64_t>(window_bits - 1 - bit)) & 1);
      u = 2 * u + (((s >> bit) & 1) ^ flip);
    }
    table[s] = static_cast<float>(normal_quantile((u + 0.5) / size));
  }
  return table;
}

}  // namespace see::kernel
