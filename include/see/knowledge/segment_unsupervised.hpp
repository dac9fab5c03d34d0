#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/knowledge/morph_lattice.hpp"
#include "see/knowledge/segment_unigram.hpp"

namespace see {

struct LearnMorphsOptions {
  /// Size of the inventory, unknown_character among it, at least 3. At most half of it are single
  /// characters, the most frequent ones.
  Index max_morphs = 8000;
  /// Of each word: finite numbers above 0; empty: 1 each. Words that weigh more are rather kept
  /// whole; logarithms of counts serve better than counts (Morfessor's "log damping").
  std::span<const double> weights = {};
};

/// Weights for words whose counts are unknown but which are listed by frequency: 1 + ln(words /
/// rank) for ranks from 1, the logarithm of a Zipfian count.
inline std::vector<double> rank_weights(Index words) {
  std::vector<double> weights(static_cast<std::size_t>(std::max<Index>(words, 0)));
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = 1 + std::log(static_cast<double>(words) / static_cast<double>(i + 1));
  return weights;
}

/// Learns an inventory of morphs from the words alone: the unigram model of UnigramSegmenter, by
/// expectation maximisation over all stretches of characters that occur twice, while those whose
/// loss costs least are pruned away until max_morphs are left (Kudo, ACL 2018; Groenroos, Virpioja
/// and Kurimo, LREC 2020). Cost: O(characters * candidates at a position), some dozen passes.
/// Deterministic. Throws where an option is out of range.
///
/// \code
///     auto segmenter = see::learn_morphs(words, {.max_morphs = 4000});
///     for (const see::Morph& morph : see::segment(segmenter, "unhappiness"))
///       std::cout << morph.form << ' ';
/// \endcode
inline UnigramSegmenter learn_morphs(const Vocabulary& words,
                                     const LearnMorphsOptions& options = {}) {
  detail::require(options.max_morphs >= 3, "an inventory of at most ", options.max_morphs,
                  " morphs, needed at least 3");
  detail::require(
      options.weights.empty() || options.weights.size() == static_cast<std::size_t>(words.size()),
      options.weights.size(), " weights for ", words.size(), " words");
  for (std::size_t i = 0; i < options.weights.size(); ++i)
    detail::require(
        options.weights[i] > 0 && options.weights[i] <= std::numeric_limits<double>::max(), "word ",
        i, " has the weight ", options.weights[i], ", needed a finite number above 0");

  constexpr int steps = 2;           // of expectation maximisation before each pruning
  constexpr double shrinkage = 0.6;  // what one pruning leaves
  const auto most = static_cast<std::size_t>(options.max_morphs) - 1;
  detail::MorphLattice lattice(words, options.weights, (most + 1) / 2);
  const auto settle = [&] {
    for (int i = 0; i < steps; ++i) lattice.expect();
  };
  settle();
  while (lattice.size() > most) {
    const double left = shrinkage * static_cast<double>(lattice.size());
    lattice.shrink(std::max(most, static_cast<std::size_t>(left)));
    settle();
  }
  std::vector<std::string_view> forms;
  std::vector<double> counts;
  for (std::size_t m = 0; m < lattice.size(); ++m) {
    forms.push_back(lattice.form(m));
    counts.push_back(lattice.count(m));
  }
  return {Vocabulary::from(forms), counts};
}

}  // namespace see
