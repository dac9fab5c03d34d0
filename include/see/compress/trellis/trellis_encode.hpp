#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/trellis/water_filling.hpp"
#include "see/core/bits.hpp"
#include "see/core/random.hpp"
#include "see/core/types.hpp"
#include "see/kernel/trellis.hpp"
#include "see/kernel/trellis_table.hpp"

namespace see::detail {

/// A window of a row and the consecutive entries that it codes.
struct TrellisStep {
  int bits;           ///< by which the window moves from the step before (the first: from the last)
  int entries;        ///< 1 to 4
  std::size_t first;  ///< entry
};

/// The steps of a class of rows, in the order of the entries.
inline std::vector<TrellisStep> trellis_steps(const ClassRates& rates) {
  std::vector<TrellisStep> steps;
  for (std::size_t t = 0; t < rates.pattern.size(); ++t) {
    if (rates.pattern[t] < 0) continue;
    const TrellisPattern& pattern = trellis_patterns[static_cast<std::size_t>(rates.pattern[t])];
    steps.push_back({pattern.bits, pattern.entries, t});
  }
  return steps;
}

/// best[j] = min_i cost[i * n + j], for i < 2^K, and choice[j] = the i that has it. The low K bits
/// of the costs, which are numbers >= 0 and so ordered as their bits are, hold i.
template <int K>
void choose_successors(const float* cost, std::uint32_t* best, std::uint8_t* choice,
                       std::size_t n) {
  constexpr std::uint32_t count = 1U << K, mask = count - 1;
  const auto labelled = [&](std::uint32_t i, std::size_t j) {
    return (std::bit_cast<std::uint32_t>(cost[i * n + j]) & ~mask) | i;
  };
  if constexpr (K <= 3) {
    for (std::size_t j = 0; j < n; ++j) {
      std::uint32_t least = labelled(0, j);
      for (std::uint32_t i = 1; i < count; ++i) least = std::min(least, labelled(i, j));
      best[j] = least;
      choice[j] = static_cast<std::uint8_t>(least & mask);
    }
  } else {
    for (std::size_t j = 0; j < n; ++j) best[j] = labelled(0, j);
    for (std::uint32_t i = 1; i < count; ++i)
      for (std::size_t j = 0; j < n; ++j) best[j] = std::min(best[j], labelled(i, j));
    for (std::size_t j = 0; j < n; ++j) choice[j] = static_cast<std::uint8_t>(best[j] & mask);
  }
}

/// to[2 * j] = to[2 * j + 1] = from[j], a float or the bits of one, for j < n.
template <class From>
void copy_to_pairs(const From* from, float* to, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    const auto value = std::bit_cast<float>(from[j]);
    to[2 * j] = value;
    to[2 * j + 1] = value;
  }
}

/// to[2 * j] and to[2 * j + 1] += from[j] for j < n, likewise.
template <class From>
void add_to_pairs(const From* from, float* to, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    const auto value = std::bit_cast<float>(from[j]);
    to[2 * j] += value;
    to[2 * j + 1] += value;
  }
}

/// cost[j * 2^bits + i] += best[j] for i < 2^bits, j < n, in loops that compilers vectorise.
/// `scratch` holds 2^bits n numbers.
inline void add_successors(int bits, const std::uint32_t* best, float* cost, float* scratch,
                           std::size_t n) {
  if (bits == 1) return add_to_pairs(best, cost, n);
  if (bits <= 3) {
    copy_to_pairs(best, scratch, n);
    if (bits == 2) return add_to_pairs(scratch, cost, 2 * n);
    copy_to_pairs(scratch, scratch + 2 * n, 2 * n);
    return add_to_pairs(scratch + 2 * n, cost, 4 * n);
  }
  const std::size_t count = std::size_t{1} << bits;
  for (std::size_t j = 0; j < n; ++j) {
    const auto value = std::bit_cast<float>(best[j]);
    float* successors = cost + j * count;
    for (std::size_t i = 0; i < count; ++i) successors[i] += value;
  }
}

/// Calls f<K>() for the K in 1 ... 8 that `bits` is.
template <class F>
void with_rate(int bits, const F& f) {
  switch (bits) {
    case 1:
      return f.template operator()<1>();
    case 2:
      return f.template operator()<2>();
    case 3:
      return f.template operator()<3>();
    case 4:
      return f.template operator()<4>();
    case 5:
      return f.template operator()<5>();
    case 6:
      return f.template operator()<6>();
    case 7:
      return f.template operator()<7>();
    default:
      return f.template operator()<8>();
  }
}

/// Searches the codes of rows, one row after another; a thread needs one of its own. Holds
/// (max_steps / 2 + 24) * 2^window_bits bytes or so.
class TrellisEncoder {
 public:
  TrellisEncoder(int window_bits, std::size_t max_steps)
      : window_bits_(window_bits), size_(std::size_t{1} << window_bits) {
    const std::vector<float> table = kernel::trellis_table(window_bits);
    for (const std::uint32_t multiplier : kernel::trellis_multipliers)
      for (std::uint32_t s = 0; s < size_; ++s)
        columns_.push_back(table[(s * multiplier) & (size_ - 1)]);
    cost_.resize(size_);
    best_.resize(size_ / 2);
    scratch_.resize(size_);
    choice_.resize(max_steps * (size_ / 2));
    windows_.resize(max_steps);
  }

  /// The value of window s for the v-th entry of a step.
  float value(int v, std::uint32_t s) const {
    return columns_[static_cast<std::size_t>(v) * size_ + s];
  }

  /// The windows of the steps of a row that come near the least sum of (x_t - sigma_t value_t)^2
  /// over the entries of all steps and that close to a circle. A Viterbi search across the seam,
  /// both its ends free, fixes the window at the seam; a second one finds the best path that begins
  /// and ends there, and others hold it at steps further on, where its window is more at ease,
  /// which can but lower the sum. A row with fewer bits than a window is searched exhaustively.
  /// O(2^window_bits * entries). At least one step; rates of at least 1.
  std::span<const std::uint32_t> encode(std::span<const TrellisStep> steps, const float* x,
                                        const float* sigma) {
    int bits = 0;
    for (const TrellisStep& step : steps) bits += step.bits;
    if (bits < window_bits_) {
      search_all(steps, bits, x, sigma);
      return {windows_.data(), steps.size()};
    }
    const std::size_t count = steps.size();
    const int stretch = 3 * window_bits_;
    std::size_t before = 0, after = 0;
    for (int sum = 0; before < count && sum < stretch; ++before)
      sum += steps[count - 1 - before].bits;
    for (int sum = 0; after < count && sum < stretch; ++after) sum += steps[after].bits;
    if (before + after > count) {
      after = count / 2;
      before = count - after;
    }
    search(steps, (count - before) % count, before + after, x, sigma, nullptr);
    const std::uint32_t seam = windows_[before % count];
    search(steps, 0, count, x, sigma, &seam);
    const std::size_t turns = bits < 8 * window_bits_ ? 3 : 1;
    for (std::size_t k = 1; k <= turns; ++k) {
      const std::size_t at = count * k / (turns + 1);
      const std::uint32_t window = windows_[at];
      search(steps, at, count, x, sigma, &window);
      std::rotate(windows_.begin(), windows_.begin() + static_cast<std::ptrdiff_t>(count - at),
                  windows_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    return {windows_.data(), count};
  }

 private:
  /// cost_[s] = sum over the entries of the step of (x_t - sigma_t value_t(s))^2.
  void price(const TrellisStep& step, const float* x, const float* sigma) {
    float* cost = cost_.data();
    for (int v = 0; v < step.entries; ++v) {
      const float* values = columns_.data() + static_cast<std::size_t>(v) * size_;
      const float target = x[step.first + std::size_t(v)],
                  scale = sigma[step.first + std::size_t(v)];
      if (v == 0) {
        for (std::size_t s = 0; s < size_; ++s) {
          const float error = target - scale * values[s];
          cost[s] = error * error;
        }
      } else {
        for (std::size_t s = 0; s < size_; ++s) {
          const float error = target - scale * values[s];
          cost[s] += error * error;
        }
      }
    }
  }

  /// The best windows of the `length` steps from step `first` on, around the circle; with `seam`,
  /// of all steps, the first window and the one that follows the last being *seam.
  void search(std::span<const TrellisStep> steps, std::size_t first, std::size_t length,
              const float* x, const float* sigma, const std::uint32_t* seam) {
    const std::size_t count = steps.size();
    const auto next_bits = [&](std::size_t i) { return steps[(first + i + 1) % count].bits; };
    for (std::size_t i = length; i-- > 0;) {
      const int bits = next_bits(i);
      const std::size_t n = size_ >> bits;
      const bool last = i + 1 == length;
      if (!last) {
        with_rate(bits, [&]<int K>() {
          choose_successors<K>(cost_.data(), best_.data(), choice_.data() + i * (size_ / 2), n);
        });
      } else if (seam) {
        std::fill_n(best_.begin(), n, std::bit_cast<std::uint32_t>(1e30F));
        best_[*seam & (n - 1)] = 0;
      }
      price(steps[(first + i) % count], x, sigma);
      if (!last || seam) add_successors(bits, best_.data(), cost_.data(), scratch_.data(), n);
    }
    std::size_t window = seam ? *seam
                              : static_cast<std::size_t>(
                                    std::min_element(cost_.begin(), cost_.end()) - cost_.begin());
    for (std::size_t i = 0; i < length; ++i) {
      windows_[i] = static_cast<std::uint32_t>(window);
      if (i + 1 == length) break;
      const int bits = next_bits(i);
      const std::size_t low = window >> bits;
      window = low | std::size_t{choice_[i * (size_ / 2) + low]} << (window_bits_ - bits);
    }
  }

  /// The same for a row of fewer bits than a window, by trying all of its 2^bits codes.
  void search_all(std::span<const TrellisStep> steps, int bits, const float* x,
                  const float* sigma) {
    const std::uint32_t codes = 1U << bits;
    const auto window = [&](std::uint32_t code, int offset) {
      std::uint32_t circle = (code >> offset | code << (bits - offset)) & (codes - 1);
      for (int filled = bits; filled < window_bits_; filled *= 2) circle |= circle << filled;
      return circle & static_cast<std::uint32_t>(size_ - 1);
    };
    std::fill_n(cost_.begin(), codes, 0.0F);
    int offset = 0;
    for (const TrellisStep& step : steps) {
      if (&step != steps.data()) offset += step.bits;
      for (std::uint32_t code = 0; code < codes; ++code) {
        const std::uint32_t s = window(code, offset);
        for (int v = 0; v < step.entries; ++v) {
          const std::size_t t = step.first + std::size_t(v);
          const float error = x[t] - sigma[t] * value(v, s);
          cost_[code] += error * error;
        }
      }
    }
    const auto best = static_cast<std::uint32_t>(
        std::min_element(cost_.begin(), cost_.begin() + codes) - cost_.begin());
    offset = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (i > 0) offset += steps[i].bits;
      windows_[i] = window(best, offset);
    }
  }

  int window_bits_;
  std::size_t size_;                  // 2^window_bits
  std::vector<float> columns_;        // trellis_columns x size
  std::vector<float> cost_;           // size
  std::vector<std::uint32_t> best_;   // size / 2: bits of costs
  std::vector<float> scratch_;        // size
  std::vector<std::uint8_t> choice_;  // steps x size / 2
  std::vector<std::uint32_t> windows_;
};

/// Appends the circle of bits that the windows of a row read.
inline void write_windows(std::span<const TrellisStep> steps,
                          std::span<const std::uint32_t> windows, BitWriter& writer) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const int bits = steps[(i + 1) % steps.size()].bits;
    writer.write(windows[i] & ((1U << bits) - 1), bits);
  }
}

/// The error that each pattern leaves on normal numbers, the scale of the table fitted, measured on
/// `rows` rows of 48 entries. O(rows * patterns * 48 * 2^window_bits).
inline TrellisDistortion measure_distortion(int window_bits, int rows) {
  constexpr std::size_t entries = 48;
  TrellisEncoder encoder(window_bits, entries);
  TrellisDistortion distortion{};
  for (std::size_t p = 0; p < trellis_patterns.size(); ++p) {
    ClassRates rates;
    rates.pattern.assign(entries, -1);
    const auto group = static_cast<std::size_t>(trellis_patterns[p].entries);
    for (std::size_t t = 0; t < entries; t += group) rates.pattern[t] = static_cast<int>(p);
    const std::vector<TrellisStep> steps = trellis_steps(rates);
    float scale = 0.95F;
    for (int pass = 0; pass < 3; ++pass) {
      Random random(17);
      double energy = 0, product = 0, square = 0;
      for (int r = 0; r < rows; ++r) {
        std::array<float, entries> x, sigma;
        for (float& value : x) value = static_cast<float>(random.normal());
        sigma.fill(scale);
        const auto windows = encoder.encode(steps, x.data(), sigma.data());
        for (std::size_t i = 0; i < steps.size(); ++i)
          for (int v = 0; v < steps[i].entries; ++v) {
            const double value = encoder.value(v, windows[i]);
            const double target = x[steps[i].first + std::size_t(v)];
            energy += target * target;
            product += target * value;
            square += value * value;
          }
      }
      scale = static_cast<float>(product / square);
      distortion[p] = 1 - product * product / (square * energy);
    }
  }
  return distortion;
}

}  // namespace see::detail
