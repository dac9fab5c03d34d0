#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/json_quote.hpp"
#include "see/knowledge/key_numbers.hpp"
#include "see/knowledge/segmenter.hpp"

namespace see {
/// Cuts a word into the morphs m1 ... mk of an inventory that maximise
///
///     p(m1) * ... * p(mk),   p(m) = count(m) / sum of all counts
///
/// (Viterbi search over runs of letters, digits or other characters). A character that no morph
/// covers becomes a morph of form unknown_character, dearer than any other. All forms are
/// therefore among morphs() or unknown_character. Cost: O(bytes * longest morph) a word.
class UnigramSegmenter {
 public:
  UnigramSegmenter() = default;

  /// `counts` has a weight above 0 for each morph. Throws where one is not, where a morph is empty
  /// or occurs twice.
  UnigramSegmenter(Vocabulary morphs, std::span<const double> counts) : morphs_(std::move(morphs)) {
    detail::require(static_cast<std::size_t>(morphs_.size()) == counts.size(), counts.size(),
                    " counts for ", morphs_.size(), " morphs");
    double total = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      detail::require(counts[i] > 0 && counts[i] <= std::numeric_limits<double>::max(), "morph ", i,
                      " has the count ", counts[i], ", needed a finite number above 0");
      total += counts[i];
    }
    for (std::size_t i = 0; i < counts.size(); ++i) add(static_cast<Index>(i), counts[i] / total);
  }

  const Vocabulary& morphs() const noexcept { return morphs_; }

  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    morphs.clear();
    while (!word.empty()) segment_run(detail::take_run(word), morphs);
  }

 private:
  static constexpr float unreached = std::numeric_limits<float>::infinity();

  /// The cheapest way to a position of a run.
  struct Step {
    float cost = unreached;
    bool is_cut = false;  // between characters
    bool is_known = true;
    std::size_t from = 0;
  };

  void add(Index morph, double p) {
    const std::string_view bytes = morphs_[morph];
    detail::require(!bytes.empty(), "morph ", morph, " is empty");
    std::uint64_t node = 0;  // the root; node n + 1 is key n
    for (const char byte : bytes) node = children_.insert(key(node, byte)) + 1;
    if (cost_.size() < children_.size() + 1) cost_.resize(children_.size() + 1, unreached);
    detail::require(cost_[node] == unreached, "morph ", morph,
                    " occurs twice: ", json_quote(bytes));
    cost_[node] = static_cast<float>(-std::log(p));
    unknown_cost_ = std::max(unknown_cost_, cost_[node] + 10);
  }

  static std::uint64_t key(std::uint64_t node, char byte) noexcept {
    return node << 8 | static_cast<unsigned char>(byte);
  }

  void segment_run(std::string_view run, std::vector<Morph>& morphs) const {
    std::vector<Step> best(run.size() + 1);
    for (std::size_t at = 0; at < run.size(); at += detail::character_length(run.substr(at)))
      best[at].is_cut = true;
    best[run.size()].is_cut = true;
    best[0].cost = 0;
    for (std::size_t at = 0; at < run.size(); ++at)
      if (best[at].is_cut) extend(run, at, best);

    const std::size_t begin = morphs.size();
    for (std::size_t end = run.size(); end > 0; end = best[end].from) {
      const std::string_view surface = run.substr(best[end].from, end - best[end].from);
      detail::append_morph(morphs, surface,
                           best[end].is_known ? surface : detail::unknown_character);
    }
    std::reverse(morphs.begin() + static_cast<std::ptrdiff_t>(begin), morphs.end());
  }

  /// Relaxes the steps of all morphs that begin at `at`, and of the unknown character where no
  /// morph is the character there.
  void extend(std::string_view run, std::size_t at, std::vector<Step>& best) const {
    const auto reach = [&](std::size_t end, float cost, bool is_known) {
      if (best[at].cost + cost < best[end].cost)
        best[end] = {best[at].cost + cost, true, is_known, at};
    };
    const std::size_t first = at + detail::character_length(run.substr(at));
    std::uint64_t node = 0;
    bool is_covered = false;
    for (std::size_t end = at + 1; end <= run.size(); ++end) {
      const std::uint32_t child = children_.find(key(node, run[end - 1]));
      if (child == detail::KeyNumbers::none) break;
      node = std::uint64_t{child} + 1;
      if (cost_[node] == unreached || !best[end].is_cut) continue;
      is_covered = is_covered || end == first;
      reach(end, cost_[node], true);
    }
    if (!is_covered) reach(first, unknown_cost_, false);
  }

  Vocabulary morphs_;
  detail::KeyNumbers children_;  // (node, byte) -> node - 1
  std::vector<float> cost_;      // of each node, the root first
  float unknown_cost_ = 10;
};

}  // namespace see
