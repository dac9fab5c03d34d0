#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/random.hpp"
#include "see/core/vocabulary.hpp"
#include "see/knowledge/knowledge_sources.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/knowledge/segmenter.hpp"
#include "see/knowledge/word_knowledge.hpp"

/// What is known of the words of a table, and the controls that know nothing.
namespace transformer {

/// Senses by the WordNet in a folder, if there is one, and morphs learned from the words; terms of
/// `order`.
inline std::shared_ptr<const see::WordKnowledge> knowledge_of(const see::Vocabulary& words,
                                                              const std::string& wordnet,
                                                              see::Index sememes, int order) {
  const auto sources =
      std::make_shared<const see::KnowledgeSources>(see::KnowledgeFiles{.wordnet = wordnet});
  see::WordKnowledge knowledge = *sources->knowledge_of_words(words, sememes, order);
  knowledge.morphemes = [sources, cut = std::move(knowledge.morphemes)](see::Index most) {
    return cut(most);
  };
  return std::make_shared<const see::WordKnowledge>(std::move(knowledge));
}

/// Cuts a word before every character with one chance in three, drawn from its letters and a seed.
struct RandomCuts {
  std::uint64_t seed;

  void segment(std::string_view word, std::vector<see::Morph>& morphs) const {
    see::Random random(seed ^ std::hash<std::string_view>()(word));
    morphs.clear();
    std::size_t first = 0;
    for (std::size_t at = 1; at <= word.size(); ++at) {
      const bool within = at < word.size() && (static_cast<unsigned char>(word[at]) & 0xC0) == 0x80;
      if (at < word.size() && (within || random.below(3) != 0)) continue;
      const std::string_view part = word.substr(first, at - first);
      morphs.push_back({part, std::string(part)});
      first = at;
    }
  }
};

/// No senses, and morphs that are random pieces of the words.
inline std::shared_ptr<const see::WordKnowledge> random_cuts(const see::Vocabulary& words,
                                                             int order, std::uint64_t seed) {
  see::WordKnowledge knowledge;
  for (see::Index w = 0; w < words.size(); ++w) knowledge.annotation.end_word();
  knowledge.morphemes = [words, seed](see::Index most) {
    return see::build_morphemes(words, RandomCuts{seed}, most);
  };
  knowledge.order = order;
  return std::make_shared<const see::WordKnowledge>(std::move(knowledge));
}

}  // namespace transformer
