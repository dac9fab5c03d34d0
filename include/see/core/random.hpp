#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

#include "see/error.hpp"

namespace see {

/// A small random generator (SplitMix64; Steele, Lea and Flood, OOPSLA 2014) whose whole output,
/// distributions included, is the same on every platform, unlike the standard distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// Uniform in {0, ..., n - 1}, n >= 1 (bias below n / 2^53).
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>(uniform() * static_cast<double>(n));
  }

  /// Standard normal, by Box and Muller's transform.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::uint64_t state_;
};

namespace detail {

/// `count` distinct numbers of {0, ..., n - 1} in increasing order, all subsets equally likely.
/// O(n) time (Knuth, TAOCP 3.4.2, algorithm S). Throws where count > n.
inline std::vector<std::size_t> sample_without_replacement(std::size_t n, std::size_t count,
                                                           Random& random) {
  require(count <= n, "cannot draw ", count, " distinct numbers out of ", n);
  std::vector<std::size_t> chosen;
  chosen.reserve(count);
  for (std::size_t i = 0; i < n && chosen.size() < count; ++i)
    if (random.below(n - i) < count - chosen.size()) chosen.push_back(i);
  return chosen;
}

}  // namespace detail
}  // namespace see
