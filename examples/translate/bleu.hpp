#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "see/core/random.hpp"
#include "transformer/require.hpp"

/// BLEU of a corpus (Papineni et al., ACL 2002).
namespace translate {

/// What BLEU counts, of a sentence or, added up, of a corpus.
struct BleuCounts {
  std::array<std::int64_t, 4> matches = {};  ///< n-grams found in the reference, each as often as
                                             ///< it is there at most
  std::array<std::int64_t, 4> total = {};    ///< n-grams
  std::int64_t words = 0, reference_words = 0;

  BleuCounts& operator+=(const BleuCounts& other) {
    for (std::size_t n = 0; n < 4; ++n) {
      matches[n] += other.matches[n];
      total[n] += other.total[n];
    }
    words += other.words;
    reference_words += other.reference_words;
    return *this;
  }
};

inline BleuCounts count_bleu(const std::vector<std::string>& words,
                             const std::vector<std::string>& reference) {
  BleuCounts counts;
  counts.words = std::ssize(words);
  counts.reference_words = std::ssize(reference);
  for (std::size_t n = 1; n <= 4; ++n) {
    using Gram = std::vector<std::string>;
    const auto grams = [n](const std::vector<std::string>& line) {
      std::map<Gram, std::int64_t> found;
      for (auto first = line.begin(); line.end() - first >= static_cast<std::ptrdiff_t>(n); ++first)
        ++found[Gram(first, first + static_cast<std::ptrdiff_t>(n))];
      return found;
    };
    const auto needed = grams(reference);
    for (const auto& [gram, times] : grams(words)) {
      counts.total[n - 1] += times;
      if (const auto found = needed.find(gram); found != needed.end())
        counts.matches[n - 1] += std::min(times, found->second);
    }
  }
  return counts;
}

/// 100 * min(1, exp(1 - reference words / words)) * (p1 p2 p3 p4)^(1/4), where pn is the share of
/// n-grams that match; one of none is 1 / (2^k * n-grams) instead, for the k-th n of that kind
/// (sacreBLEU's smoothing "exp"). 0 where nothing matches or there are no 4-grams.
inline double bleu(const BleuCounts& counts) {
  double sum = 0, halves = 1;
  const auto matches = counts.matches;
  if (std::all_of(matches.begin(), matches.end(), [](auto count) { return count == 0; })) return 0;
  for (std::size_t n = 0; n < 4; ++n) {
    if (counts.total[n] == 0) return 0;
    const auto total = static_cast<double>(counts.total[n]);
    if (matches[n] == 0) halves *= 2;
    sum +=
        std::log(matches[n] == 0 ? 1 / (halves * total) : static_cast<double>(matches[n]) / total);
  }
  const double excess =
      1 - static_cast<double>(counts.reference_words) / static_cast<double>(counts.words);
  return 100 * std::exp(std::min(0.0, excess) + sum / 4);
}

/// Counts of each sentence. Throws where there are not as many references.
inline std::vector<BleuCounts> count_bleu(const std::vector<std::vector<std::string>>& sentences,
                                          const std::vector<std::vector<std::string>>& references) {
  transformer::require(sentences.size() == references.size(), "bleu: ", sentences.size(),
                       " sentences and ", references.size(), " references, needed as many");
  std::vector<BleuCounts> counts;
  for (std::size_t i = 0; i < sentences.size(); ++i)
    counts.push_back(count_bleu(sentences[i], references[i]));
  return counts;
}

inline double bleu(std::span<const BleuCounts> sentences) {
  BleuCounts sum;
  for (const BleuCounts& each : sentences) sum += each;
  return bleu(sum);
}

/// BLEU of one system less that of another, and its interval of 95%.
struct BleuDifference {
  double of_a = 0, of_b = 0;
  double difference = 0, low = 0, high = 0;
};

/// Paired bootstrap (Koehn, EMNLP 2004): sentences are drawn as often as there are, with
/// replacement, the same of both systems; the interval has the 2.5th to 97.5th percentile of the
/// difference. Throws where there are no sentences, or not as many of both.
inline BleuDifference compare_bleu(const std::vector<BleuCounts>& a,
                                   const std::vector<BleuCounts>& b, int resamples,
                                   std::uint64_t seed) {
  transformer::require(a.size() == b.size() && !a.empty() && resamples >= 1,
                       "compare_bleu: ", a.size(), " and ", b.size(), " sentences, ", resamples,
                       " resamples, needed as many of both and one or more");
  see::Random random(seed);
  std::vector<double> differences;
  for (int i = 0; i < resamples; ++i) {
    BleuCounts of_a, of_b;
    for (std::size_t k = 0; k < a.size(); ++k) {
      const std::size_t drawn = random.below(a.size());
      of_a += a[drawn];
      of_b += b[drawn];
    }
    differences.push_back(bleu(of_a) - bleu(of_b));
  }
  std::sort(differences.begin(), differences.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(resamples - 1);
    return differences[static_cast<std::size_t>(std::lround(place))];
  };
  const double own = bleu(a), other = bleu(b);
  return {own, other, own - other, at(0.025), at(0.975)};
}

}  // namespace translate
