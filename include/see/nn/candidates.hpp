#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/random.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

/// Words drawn at random to stand for all words in a softmax.
namespace see {

/// A distribution over words 0 ... n - 1.
template <class Sampler>
concept CandidateSampler = requires(const Sampler& sampler, Random& random, Index word) {
  { sampler.draw(random) } -> std::same_as<Index>;
  { sampler.probability(word) } -> std::same_as<double>;
};

/// Every word as likely as every other.
class UniformSampler {
 public:
  /// Throws unless words >= 1.
  explicit UniformSampler(Index words) : words_(words) {
    detail::require(words >= 1, "a sampler of ", words, " words, needed 1 or more");
  }

  Index draw(Random& random) const {
    return static_cast<Index>(random.below(static_cast<std::size_t>(words_)));
  }
  double probability(Index) const noexcept { return 1 / static_cast<double>(words_); }

 private:
  Index words_;
};

/// P(w) = log((w + 2) / (w + 1)) / log(n + 1): Zipf's law, for words sorted from the most frequent.
class LogUniformSampler {
 public:
  /// Throws unless words >= 1.
  explicit LogUniformSampler(Index words)
      : words_(words), log_range_(std::log1p(static_cast<double>(words))) {
    detail::require(words >= 1, "a sampler of ", words, " words, needed 1 or more");
  }

  Index draw(Random& random) const {
    const auto word = static_cast<Index>(std::exp(random.uniform() * log_range_)) - 1;
    return std::clamp<Index>(word, 0, words_ - 1);
  }
  double probability(Index word) const noexcept {
    return std::log1p(1 / (static_cast<double>(word) + 1)) / log_range_;
  }

 private:
  Index words_;
  double log_range_;
};

/// P(w) = count_w^power / sum_v count_v^power; word2vec draws with power 3/4. Eight bytes a word.
class UnigramSampler {
 public:
  /// Throws unless the counts are positive and finite and there is one.
  explicit UnigramSampler(std::span<const double> counts, double power = 0.75) {
    detail::require(!counts.empty(), "a sampler of 0 words, needed 1 or more");
    for (const double count : counts) {
      detail::require(count > 0 && detail::is_finite(count), "a word with count ", count,
                      ", needed a positive number");
      sums_.push_back((sums_.empty() ? 0 : sums_.back()) + std::pow(count, power));
    }
  }

  /// O(log n).
  Index draw(Random& random) const {
    const auto found =
        std::upper_bound(sums_.begin(), sums_.end() - 1, random.uniform() * sums_.back());
    return static_cast<Index>(found - sums_.begin());
  }
  double probability(Index word) const noexcept {
    const auto w = static_cast<std::size_t>(word);
    return (sums_[w] - (w == 0 ? 0 : sums_[w - 1])) / sums_.back();
  }

 private:
  std::vector<double> sums_;  // running sums of count^power
};

/// Words that stand for all words in a softmax, repetitions allowed. Each entry counts as
/// exp(-log_expected) words, log_expected being the logarithm of how often its word is expected
/// among them.
struct Candidates {
  std::vector<Index> ids;
  std::vector<double> log_expected;  ///< of each id: log(count * P(id)) for independent draws

  /// All words, each once: what makes a sampled softmax the whole one.
  static Candidates all(Index words) {
    Candidates result;
    for (Index w = 0; w < words; ++w) result.ids.push_back(w);
    result.log_expected.assign(result.ids.size(), 0);
    return result;
  }
};

/// `count` independent draws.
template <CandidateSampler Sampler>
Candidates sample_candidates(const Sampler& sampler, Index count, Random& random) {
  Candidates result;
  for (Index i = 0; i < count; ++i) {
    const Index word = sampler.draw(random);
    result.ids.push_back(word);
    result.log_expected.push_back(std::log(static_cast<double>(count) * sampler.probability(word)));
  }
  return result;
}

}  // namespace see
