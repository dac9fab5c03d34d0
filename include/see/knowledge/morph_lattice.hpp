#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/knowledge/key_numbers.hpp"
#include "see/knowledge/segmenter.hpp"

namespace see::detail {

/// All ways to cut the words of a vocabulary into candidate morphs, and what learning does with
/// them. Words fall into runs of one character class; the characters of all distinct runs, one run
/// after another, are positions 0, 1, ...; an edge leads from a position over the characters of a
/// candidate that stands there.
///
/// Candidates are the characters, the most frequent `max_characters` of them, and every stretch of
/// 2 to 24 of these that occurs twice, unless a stretch one longer has as many occurrences.
class MorphLattice {
 public:
  /// `weights`: of each word, or empty for 1 each. O(occurrences of candidates) time; memory some
  /// 30 bytes a character and 4 an edge, 12 an edge while it is built.
  MorphLattice(const Vocabulary& words, std::span<const double> weights,
               std::size_t max_characters) {
    collect_runs(words, weights);
    std::vector<Occurrence> occurrences = collect_characters(max_characters);
    collect_stretches(occurrences);
    sort_edges(occurrences);
  }

  std::size_t size() const noexcept { return morphs_.size(); }  ///< candidates left
  double count(std::size_t m) const noexcept { return morphs_[m].count; }

  /// The bytes of candidate `m`, in the vocabulary's memory.
  std::string_view form(std::size_t m) const {
    const Candidate& morph = morphs_[m];
    const std::string_view last = characters_[morph.position + morph.length - 1];
    const char* const first = characters_[morph.position].data();
    return {first, static_cast<std::size_t>(last.data() + last.size() - first)};
  }

  /// One step of expectation maximisation for p(m) = count(m) / sum of counts: count(m) becomes the
  /// number of times that m is expected in the runs, times their weights, by the forward and
  /// backward sums over all ways to cut. O(edges). Runs less likely than 1e-290 are left out.
  void expect() {
    const double total = total_count();
    std::vector<double> p(size());
    for (std::size_t m = 0; m < p.size(); ++m) p[m] = morphs_[m].count / total;
    std::vector<double> counts(p.size(), 0.0);
    std::vector<double> forward;
    std::vector<double> backward;
    for (std::size_t r = 0; r + 1 < run_first_.size(); ++r) {
      const std::uint32_t first = run_first_[r];
      const std::uint32_t n = run_first_[r + 1] - first;
      forward.assign(n + 1, 0.0);
      backward.assign(n + 1, 0.0);
      forward[0] = backward[n] = 1;
      for (std::uint32_t i = 0; i < n; ++i) {
        for (const Edge edge : edges(first + i))
          forward[i + edge.length()] += forward[i] * p[edge.morph()];
        if (!has_character(first + i)) forward[i + 1] += forward[i] * unknown_p;
      }
      if (!(forward[n] > 1e-290)) continue;
      for (std::uint32_t i = n; i-- > 0;) {
        for (const Edge edge : edges(first + i)) {
          const double path = p[edge.morph()] * backward[i + edge.length()];
          backward[i] += path;
          counts[edge.morph()] += weights_[r] / forward[n] * forward[i] * path;
        }
        if (!has_character(first + i)) backward[i] += unknown_p * backward[i + 1];
      }
    }
    for (std::size_t m = 0; m < p.size(); ++m) morphs_[m].count = std::max(counts[m], least_count);
  }

  /// Keeps all characters and those of the others whose loss costs most, `target` in all: with c(m)
  /// = -ln p(m), a loss costs count(m) * (c of the cheapest other way to cut m - c(m)).
  void shrink(std::size_t target) {
    const std::vector<double> losses = costs_of_loss();
    std::vector<std::uint32_t> order(size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return losses[a] > losses[b]; });
    std::vector<bool> keep(size(), false);
    for (std::size_t i = 0; i < std::min(order.size(), target); ++i) keep[order[i]] = true;
    remove(keep);
  }

 private:
  static constexpr std::uint32_t none = KeyNumbers::none;
  static constexpr std::uint32_t longest = 24;  // characters of a candidate
  static constexpr std::size_t most_candidates = std::size_t{1} << 27;
  static constexpr double unknown_p = 1e-9;  // of a character that is no candidate
  static constexpr double least_count = 1e-3;

  struct Candidate {
    std::uint32_t position;  // of an occurrence
    std::uint32_t length;    // in characters
    double count;            // of occurrences, weighted
  };

  /// A candidate, below 2^27, and its length, below 2^5.
  struct Edge {
    std::uint32_t bits;

    static Edge of(std::uint32_t morph, std::uint32_t length) { return {morph << 5 | length}; }
    std::uint32_t morph() const noexcept { return bits >> 5; }
    std::uint32_t length() const noexcept { return bits & 31; }
  };

  struct Occurrence {
    std::uint32_t position;
    Edge edge;
  };

  std::span<const Edge> edges(std::uint32_t position) const noexcept {
    return {edges_.data() + edge_first_[position],
            edge_first_[position + 1] - edge_first_[position]};
  }

  /// Whether the character at `position` is a candidate: its edge comes first.
  bool has_character(std::uint32_t position) const noexcept {
    const auto at = edges(position);
    return !at.empty() && at[0].length() == 1;
  }

  double total_count() const {
    double total = 0;
    for (const Candidate& morph : morphs_) total += morph.count;
    return total;
  }

  void collect_runs(const Vocabulary& words, std::span<const double> weights) {
    std::unordered_map<std::string_view, std::size_t> numbers;
    run_first_.push_back(0);
    for (Index w = 0; w < words.size(); ++w) {
      const double weight = weights.empty() ? 1 : weights[static_cast<std::size_t>(w)];
      for (std::string_view word = words[w]; !word.empty();) {
        std::string_view run = take_run(word);
        const auto [found, is_new] = numbers.emplace(run, weights_.size());
        if (!is_new) {
          weights_[found->second] += weight;
          continue;
        }
        weights_.push_back(weight);
        for (; !run.empty(); run.remove_prefix(characters_.back().size()))
          characters_.push_back(run.substr(0, character_length(run)));
        require(characters_.size() < none, "a vocabulary of 2^32 characters or more");
        run_first_.push_back(static_cast<std::uint32_t>(characters_.size()));
      }
    }
  }

  /// Makes the most frequent characters candidates; returns where they stand.
  std::vector<Occurrence> collect_characters(std::size_t max_characters) {
    std::unordered_map<std::string_view, std::uint32_t> numbers;
    std::vector<Candidate> found;
    std::vector<std::uint32_t> number_at(characters_.size());
    for (std::size_t r = 0; r < weights_.size(); ++r)
      for (std::uint32_t at = run_first_[r]; at < run_first_[r + 1]; ++at) {
        const auto next = static_cast<std::uint32_t>(found.size());
        const std::uint32_t number = numbers.emplace(characters_[at], next).first->second;
        if (number == next) found.push_back({at, 1, 0});
        found[number].count += weights_[r];
        number_at[at] = number;
      }
    std::vector<std::uint32_t> order(found.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return found[a].count > found[b].count;
    });
    order.resize(std::min(order.size(), max_characters));
    std::vector<std::uint32_t> candidate(found.size(), none);
    for (const std::uint32_t number : order) {
      candidate[number] = static_cast<std::uint32_t>(morphs_.size());
      morphs_.push_back(found[number]);
    }
    characters_kept_ = morphs_.size();
    std::vector<Occurrence> occurrences;
    for (std::uint32_t at = 0; at < number_at.size(); ++at)
      if (candidate[number_at[at]] != none)
        occurrences.push_back({at, Edge::of(candidate[number_at[at]], 1)});
    return occurrences;
  }

  /// Adds longer candidates, length by length, to those of one character. A stretch is known by the
  /// candidates one shorter at its first and at its second position.
  void collect_stretches(std::vector<Occurrence>& occurrences) {
    std::vector<bool> ends_run(characters_.size() + 1, false);
    std::vector<double> weight_at(characters_.size());
    for (std::size_t r = 0; r < weights_.size(); ++r) {
      ends_run[run_first_[r + 1]] = true;
      std::fill(weight_at.begin() + run_first_[r], weight_at.begin() + run_first_[r + 1],
                weights_[r]);
    }
    std::vector<std::uint32_t> shorter(characters_.size() + 1, none);  // candidate at each position
    std::vector<std::uint32_t> times(size(), 0);
    is_closed_.assign(size(), true);
    for (const Occurrence& at : occurrences) shorter[at.position] = at.edge.morph();

    for (std::size_t level = 0; level < occurrences.size();) {
      const std::uint32_t length = occurrences[level].edge.length() + 1;
      if (length > longest) break;
      KeyNumbers keys;
      std::vector<Occurrence> met;
      std::vector<Candidate> found;
      std::vector<std::uint32_t> found_times;
      for (; level < occurrences.size(); ++level) {
        const std::uint32_t at = occurrences[level].position;
        if (ends_run[at + length - 1] || shorter[at + 1] == none) continue;
        const auto key = keys.insert(std::uint64_t{shorter[at]} << 32 | shorter[at + 1]);
        if (key == found.size()) {
          found.push_back({at, length, 0});
          found_times.push_back(0);
        }
        found[key].count += weight_at[at];
        ++found_times[key];
        if (key < most_candidates) met.push_back({at, Edge::of(key, length)});
      }
      std::vector<std::uint32_t> candidate(found.size(), none);
      for (std::size_t key = 0; key < found.size() && size() < most_candidates; ++key) {
        if (found_times[key] < 2) continue;
        candidate[key] = static_cast<std::uint32_t>(size());
        for (const std::uint32_t at : {found[key].position, found[key].position + 1})
          if (times[shorter[at]] == found_times[key]) is_closed_[shorter[at]] = false;
        morphs_.push_back(found[key]);
        times.push_back(found_times[key]);
        is_closed_.push_back(true);
      }
      std::fill(shorter.begin(), shorter.end(), none);
      for (const Occurrence& at : met)
        if (const std::uint32_t morph = candidate[at.edge.morph()]; morph != none) {
          shorter[at.position] = morph;
          occurrences.push_back({at.position, Edge::of(morph, length)});
        }
    }
  }

  /// Makes the edges of the candidates that are kept, ordered by position, the shortest first.
  void sort_edges(const std::vector<Occurrence>& occurrences) {
    const std::vector<std::uint32_t> renumbered = renumber(is_closed_);
    edge_first_.assign(characters_.size() + 1, 0);
    for (const Occurrence& at : occurrences)
      if (renumbered[at.edge.morph()] != none) ++edge_first_[at.position + 1];
    std::partial_sum(edge_first_.begin(), edge_first_.end(), edge_first_.begin());
    edges_.resize(edge_first_.back());
    std::vector<std::size_t> next(edge_first_.begin(), edge_first_.end() - 1);
    for (const Occurrence& at : occurrences)
      if (const std::uint32_t morph = renumbered[at.edge.morph()]; morph != none)
        edges_[next[at.position]++] = Edge::of(morph, at.edge.length());
    is_closed_ = {};
  }

  /// Drops the candidates that are not to be kept; returns the new numbers, `none` for the dropped.
  std::vector<std::uint32_t> renumber(const std::vector<bool>& keep) {
    std::vector<std::uint32_t> renumbered(size(), none);
    std::size_t kept = 0;
    for (std::size_t m = 0; m < renumbered.size(); ++m) {
      if (!keep[m]) continue;
      renumbered[m] = static_cast<std::uint32_t>(kept);
      morphs_[kept++] = morphs_[m];
    }
    morphs_.resize(kept);
    return renumbered;
  }

  void remove(const std::vector<bool>& keep) {
    const std::vector<std::uint32_t> renumbered = renumber(keep);
    std::size_t kept = 0;
    std::size_t first = 0;
    for (std::size_t at = 0; at + 1 < edge_first_.size(); ++at) {
      const std::size_t last = edge_first_[at + 1];
      for (; first < last; ++first)
        if (const std::uint32_t morph = renumbered[edges_[first].morph()]; morph != none)
          edges_[kept++] = Edge::of(morph, edges_[first].length());
      edge_first_[at + 1] = kept;
    }
    edges_.resize(kept);
  }

  std::vector<double> costs_of_loss() const {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    const double total = total_count();
    const auto cost = [&](std::size_t m) { return std::log(total / morphs_[m].count); };
    std::vector<double> costs(size());
    for (std::size_t m = 0; m < costs.size(); ++m) costs[m] = cost(m);
    std::vector<double> losses(size(), infinite);
    double best[longest + 1];
    for (std::size_t m = characters_kept_; m < losses.size(); ++m) {
      const Candidate& morph = morphs_[m];
      std::fill_n(best, morph.length + 1, infinite);
      best[0] = 0;
      for (std::uint32_t i = 0; i < morph.length; ++i)
        for (const Edge edge : edges(morph.position + i))
          if (i + edge.length() <= morph.length && edge.morph() != m)
            best[i + edge.length()] =
                std::min(best[i + edge.length()], best[i] + costs[edge.morph()]);
      losses[m] = morph.count * (best[morph.length] - costs[m]);
    }
    return losses;
  }

  std::vector<double> weights_;               // of each run
  std::vector<std::uint32_t> run_first_;      // each run's first position, and the end
  std::vector<std::string_view> characters_;  // at each position
  std::vector<std::size_t> edge_first_;       // each position's first edge, and the end
  std::vector<Edge> edges_;
  std::vector<Candidate> morphs_;  // the characters first
  std::vector<bool> is_closed_;    // no candidate one longer has as many occurrences
  std::size_t characters_kept_ = 0;
};

}  // namespace see::detail
