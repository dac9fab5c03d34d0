#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "see/core/types.hpp"
#include "see/knowledge/wordnet.hpp"

namespace see::detail {

/// A forest over all synsets of a WordNet, with its lexicographer files as roots: node i is synset
/// i, node synset_count() + f file f. The parent of a noun or verb is its first hypernym; of a
/// satellite the head of its cluster; of another adjective or adverb what comes first of a noun
/// that it is a value of, a noun or adjective that it pertains to, a verb that it is a participle
/// of, one of these that it derives from, an adjective or adverb that it refers to (also, antonym);
/// of what has none of these its file. Cycles (among verbs, and where adjectives refer to each
/// other) are cut at their synset of the lowest number.
class WordNetTaxonomy {
 public:
  /// O(synsets + links). `wordnet` must outlive this object.
  explicit WordNetTaxonomy(const WordNet& wordnet)
      : wordnet_(&wordnet),
        parents_(static_cast<std::size_t>(wordnet.synset_count()) + wordnet_files) {
    for (std::size_t i = 0; i < parents_.size(); ++i) parents_[i] = static_cast<std::uint32_t>(i);
    for (Index s = 0; s < wordnet.synset_count(); ++s)
      parents_[static_cast<std::size_t>(s)] = first_parent(s);
    cut_cycles();
  }

  /// The parent of each node, itself for a file.
  const std::vector<std::uint32_t>& parents() const noexcept { return parents_; }

  Index node_count() const noexcept { return static_cast<Index>(parents_.size()); }

  /// The node of the lexicographer file that holds `synset`.
  std::uint32_t file_of(Index synset) const noexcept {
    return static_cast<std::uint32_t>(wordnet_->synset_count() +
                                      wordnet_->lexicographer_file(synset));
  }

  /// A synset's name (bank.n.01) or a file's (noun.artifact).
  std::string name(Index node) const {
    const Index file = node - wordnet_->synset_count();
    return file < 0 ? wordnet_->name(node) : std::string(names[static_cast<std::size_t>(file)]);
  }

  /// The node of that name, nothing where there is none.
  std::optional<Index> find(std::string_view name) const {
    for (std::size_t f = 0; f < names.size(); ++f)
      if (names[f] == name) return wordnet_->synset_count() + static_cast<Index>(f);
    return wordnet_->find(name);
  }

 private:
  static constexpr std::array<std::string_view, wordnet_files> names{
      "adj.all",          "adj.pert",           "adv.all",
      "noun.Tops",        "noun.act",           "noun.animal",
      "noun.artifact",    "noun.attribute",     "noun.body",
      "noun.cognition",   "noun.communication", "noun.event",
      "noun.feeling",     "noun.food",          "noun.group",
      "noun.location",    "noun.motive",        "noun.object",
      "noun.person",      "noun.phenomenon",    "noun.plant",
      "noun.possession",  "noun.process",       "noun.quantity",
      "noun.relation",    "noun.shape",         "noun.state",
      "noun.substance",   "noun.time",          "verb.body",
      "verb.change",      "verb.cognition",     "verb.communication",
      "verb.competition", "verb.consumption",   "verb.contact",
      "verb.creation",    "verb.emotion",       "verb.motion",
      "verb.perception",  "verb.possession",    "verb.social",
      "verb.stative",     "verb.weather",       "adj.ppl"};

  /// How early a relation is asked for a parent; none of the last is.
  static int rank(WordNetRelation relation) noexcept {
    switch (relation) {
      case WordNetRelation::hypernym:
      case WordNetRelation::similar:
        return 0;
      case WordNetRelation::attribute:
        return 1;
      case WordNetRelation::pertainym:
        return 2;
      case WordNetRelation::participle:
        return 3;
      case WordNetRelation::derivation:
        return 4;
      case WordNetRelation::also:
        return 5;
      case WordNetRelation::antonym:
        return 6;
      case WordNetRelation::topic:
      case WordNetRelation::holonym:
        return 7;
    }
    return 7;
  }

  std::uint32_t first_parent(Index synset) const {
    const PartOfSpeech part = wordnet_->part_of_speech(synset);
    const bool modifies = part == PartOfSpeech::adjective || part == PartOfSpeech::adverb;
    std::uint32_t parent = file_of(synset);
    int best = 7;
    for (const WordNetLink& link : wordnet_->links(synset)) {
      const PartOfSpeech other = wordnet_->part_of_speech(link.synset);
      const int now = rank(link.relation);
      const bool within = now == 0 || now >= 5;
      if (now >= best || (now > 0 && !modifies) || (within ? other != part : other >= part))
        continue;
      best = now;
      parent = link.synset;
    }
    return parent;
  }

  /// Follows parents from each synset in turn until it meets what it has seen before.
  void cut_cycles() {
    const auto synsets = static_cast<std::size_t>(wordnet_->synset_count());
    std::vector<std::uint32_t> seen_from(synsets, 0);
    for (std::size_t s = 0; s < synsets; ++s) {
      const auto mark = static_cast<std::uint32_t>(s + 1);
      std::size_t at = s;
      for (; at < synsets && seen_from[at] == 0; at = parents_[at]) seen_from[at] = mark;
      if (at >= synsets || seen_from[at] != mark) continue;
      std::size_t lowest = at;
      for (std::size_t i = parents_[at]; i != at; i = parents_[i]) lowest = std::min(lowest, i);
      parents_[lowest] = file_of(static_cast<Index>(lowest));
    }
  }

  const WordNet* wordnet_;
  std::vector<std::uint32_t> parents_;
};

}  // namespace see::detail
