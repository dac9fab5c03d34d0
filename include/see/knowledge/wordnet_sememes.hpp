#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/tree_cut.hpp"
#include "see/knowledge/wordnet.hpp"
#include "see/knowledge/wordnet_taxonomy.hpp"

namespace see {

/// How many sememes a synset is annotated with, of each kind.
struct WordNetSememeOptions {
  Index nearest = 3;  ///< at most, by the length of the path to them; at least 1
  bool file = true;   ///< then its lexicographer file, which tells its part of speech and field
  Index gloss = 2;    ///< then at most, of the words that define it
};

namespace detail {

/// The weight of the sense of a word that comes `rank`-th, from 0: its count, and a little that
/// falls with its rank for senses that were never counted.
inline double sense_weight(const WordNetSense& sense, std::size_t rank) noexcept {
  return static_cast<double>(sense.count) + 1 / static_cast<double>(rank + 1);
}

/// How far a link leads.
inline std::size_t length_of(WordNetRelation relation) noexcept {
  switch (relation) {
    case WordNetRelation::hypernym:
    case WordNetRelation::similar:
    case WordNetRelation::pertainym:
      return 2;
    case WordNetRelation::attribute:
    case WordNetRelation::participle:
    case WordNetRelation::derivation:
    case WordNetRelation::topic:
    case WordNetRelation::also:
    case WordNetRelation::antonym:
      return 3;
    case WordNetRelation::holonym:
      return 4;
  }
  return 4;
}

}  // namespace detail

/// The senses of every word of `words`, by WordNet::look_up, some microseconds each.
inline std::vector<std::vector<WordNetSense>> look_up_all(const WordNet& wordnet,
                                                          const Vocabulary& words,
                                                          const Executor& run = serial()) {
  std::vector<std::vector<WordNetSense>> senses(static_cast<std::size_t>(words.size()));
  for_ranges(run, senses.size(), 4096, [&](std::size_t first, std::size_t last) {
    for (std::size_t w = first; w < last; ++w)
      senses[w] = wordnet.look_up(words[static_cast<Index>(w)]);
  });
  return senses;
}

/// Nodes of a WordNet's taxonomy that serve as sememes, and the sememes of each synset.
class WordNetSememes {
 public:
  using Options = WordNetSememeOptions;

  /// Takes the named synsets and lexicographer files (WordNetTaxonomy::name), sememe i the i-th of
  /// them, as a model keeps them. Throws where a name is not known or comes twice, and where a
  /// synset would have no sememe because no ancestor of it is among them.
  WordNetSememes(const WordNet& wordnet, Vocabulary names, Options options = {})
      : wordnet_(&wordnet), taxonomy_(wordnet), names_(std::move(names)), options_(options) {
    detail::require(options.nearest >= 1 && options.gloss >= 0, options.nearest,
                    " nearest sememes and ", options.gloss,
                    " of the gloss, needed at least 1 and 0");
    sememe_at_.assign(static_cast<std::size_t>(taxonomy_.node_count()), -1);
    for (Index i = 0; i < names_.size(); ++i) {
      const auto node = taxonomy_.find(names_[i]);
      detail::require(node.has_value(), "sememe ", i, " is \"", names_[i],
                      "\", which this WordNet lacks");
      auto& at = sememe_at_[static_cast<std::size_t>(*node)];
      detail::require(at < 0, "sememes ", at, " and ", i, " are both \"", names_[i], '"');
      at = i;
    }
    annotate_synsets();
  }

  /// Chooses at most `count` sememes, such that the senses of `words` (each word weighs 1, divided
  /// over its senses by detail::sense_weight) are covered evenly: the cut_tree of the taxonomy, its
  /// 45 lexicographer files first. O(words + count * synsets) at worst; 0.05 s for 2,000 of
  /// WordNet 3.0. Throws for a count below 45.
  static WordNetSememes choose(const WordNet& wordnet,
                               std::span<const std::vector<WordNetSense>> words, Index count,
                               Options options = {}) {
    const detail::WordNetTaxonomy taxonomy(wordnet);
    std::vector<double> weights(static_cast<std::size_t>(taxonomy.node_count()), 0);
    for (const auto& senses : words) {
      double sum = 0;
      for (std::size_t i = 0; i < senses.size(); ++i) sum += detail::sense_weight(senses[i], i);
      for (std::size_t i = 0; i < senses.size(); ++i)
        weights[senses[i].synset] += detail::sense_weight(senses[i], i) / sum;
    }
    std::vector<std::string> names;
    for (const auto node : detail::cut_tree(taxonomy.parents(), weights, count).nodes)
      names.push_back(taxonomy.name(node));
    return {wordnet, Vocabulary::from(names), options};
  }

  const Vocabulary& names() const noexcept { return names_; }

  /// The sememes of a synset, one at least and none twice. First the nearest synsets among them,
  /// nearest first, where a path goes along any links (hypernym, similar and pertainym of length 2,
  /// holonym 4, others 3) and from a synset to its parent in the taxonomy (2), and no path is
  /// longer than 16; of equally near ones the later, finer one first. Where there are none, the
  /// sememe of its cluster. Then the synset's file, then the clusters of the words of its gloss,
  /// files excepted.
  std::span<const std::uint32_t> of(Index synset) const noexcept {
    const auto at = static_cast<std::size_t>(synset);
    return {ids_.data() + first_[at], ids_.data() + first_[at + 1]};
  }

  /// The sememe whose cluster a synset is in.
  std::uint32_t cluster_of(Index synset) const noexcept {
    return static_cast<std::uint32_t>(sememe_at_[cluster_node(synset)]);
  }

 private:
  static constexpr std::size_t longest_path = 16;

  std::size_t cluster_node(Index synset) const noexcept {
    auto node = static_cast<std::size_t>(synset);
    while (sememe_at_[node] < 0) node = taxonomy_.parents()[node];
    return node;
  }

  void annotate_synsets() {
    const Index synsets = wordnet_->synset_count();
    for (Index s = 0; s < synsets; ++s) require_covered(s);
    const auto glosses = options_.gloss > 0 ? gloss_synsets() : GlossSynsets();
    reached_from_.assign(static_cast<std::size_t>(synsets), -1);
    first_.push_back(0);
    for (Index s = 0; s < synsets; ++s) {
      add_nearest(s);
      if (ids_.size() == first_.back()) add(cluster_of(s));
      if (options_.file) add(sememe_at_[taxonomy_.file_of(s)]);
      const auto most = ids_.size() + static_cast<std::size_t>(options_.gloss);
      if (options_.gloss > 0)
        for (const auto other : glosses[static_cast<std::size_t>(s)])
          if (ids_.size() < most && cluster_node(other) < static_cast<std::size_t>(synsets))
            add(cluster_of(other));
      first_.push_back(static_cast<std::uint32_t>(ids_.size()));
    }
  }

  void require_covered(Index synset) const {
    auto node = static_cast<std::uint32_t>(synset);
    while (sememe_at_[node] < 0) {
      const auto parent = taxonomy_.parents()[node];
      detail::require(parent != node, "no sememe is above \"", wordnet_->name(synset), '"');
      node = parent;
    }
  }

  /// Adds a sememe to the list of the current synset unless it is there or is none.
  void add(Index sememe) {
    const auto id = static_cast<std::uint32_t>(sememe);
    if (sememe >= 0 && std::find(ids_.begin() + first_.back(), ids_.end(), id) == ids_.end())
      ids_.push_back(id);
  }

  /// Dijkstra's algorithm with a bucket for each length that can wait.
  void add_nearest(Index synset) {
    const auto synsets = static_cast<std::uint32_t>(wordnet_->synset_count());
    const auto most = ids_.size() + static_cast<std::size_t>(options_.nearest);
    for (auto& bucket : buckets_) bucket.clear();
    buckets_[0].push_back(static_cast<std::uint32_t>(synset));
    std::size_t waiting = 1;
    for (std::size_t length = 0; length <= longest_path && waiting > 0 && ids_.size() < most;
         ++length) {
      auto& bucket = buckets_[length % buckets_.size()];
      std::vector<Index> found;
      for (const auto node : bucket) {
        --waiting;
        if (node >= synsets || reached_from_[node] == synset) continue;
        reached_from_[node] = synset;
        found.push_back(sememe_at_[node]);
        const auto reach = [&](std::uint32_t next, std::size_t step) {
          buckets_[(length + step) % buckets_.size()].push_back(next);
          ++waiting;
        };
        for (const WordNetLink& link : wordnet_->links(node))
          reach(link.synset, detail::length_of(link.relation));
        reach(taxonomy_.parents()[node], 2);
      }
      bucket.clear();
      std::sort(found.begin(), found.end(), std::greater<>());
      for (const Index sememe : found)
        if (ids_.size() < most) add(sememe);
    }
  }

  using GlossSynsets = std::vector<std::vector<std::uint32_t>>;

  /// For each synset the most frequent senses of the words of its gloss before the examples, in
  /// their order, without those that more than one gloss in a hundred has.
  GlossSynsets gloss_synsets() const {
    const auto synsets = static_cast<std::size_t>(wordnet_->synset_count());
    GlossSynsets found(synsets);
    std::vector<std::size_t> uses(synsets, 0);
    std::unordered_map<std::string, std::optional<std::uint32_t>> senses;
    for (std::size_t s = 0; s < synsets; ++s) {
      std::string_view rest = wordnet_->gloss(static_cast<Index>(s));
      rest = rest.substr(0, rest.find('"'));
      while (!rest.empty()) {
        const std::string word = take_word(rest);
        if (word.size() <= 2) continue;
        const auto [at, fresh] = senses.emplace(word, std::nullopt);
        if (fresh)
          if (const auto meant = wordnet_->look_up(word); !meant.empty())
            at->second = meant.front().synset;
        auto& list = found[s];
        if (!at->second || *at->second == s ||
            std::find(list.begin(), list.end(), *at->second) != list.end())
          continue;
        list.push_back(*at->second);
        ++uses[*at->second];
      }
    }
    for (auto& list : found)
      std::erase_if(list, [&](std::uint32_t s) { return uses[s] > synsets / 100 + 1; });
    return found;
  }

  /// Cuts the next run of letters, '-' and '\'' off `rest`, and one byte after it.
  static std::string take_word(std::string_view& rest) {
    const auto inside = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '\'';
    };
    std::size_t length = 0;
    while (length < rest.size() && inside(rest[length])) ++length;
    std::string word(rest.substr(0, length));
    rest.remove_prefix(std::min(rest.size(), length + 1));
    return word;
  }

  const WordNet* wordnet_;
  detail::WordNetTaxonomy taxonomy_;
  Vocabulary names_;
  Options options_;
  std::vector<Index> sememe_at_;  ///< of each node, -1 for none
  std::vector<std::uint32_t> first_, ids_;
  std::vector<Index> reached_from_;
  std::array<std::vector<std::uint32_t>, 5> buckets_;
};

/// The senses of words (row w those of word w) with their sememes; a sense's number is its synset,
/// its share proportional to its count + 1 / its rank.
inline SememeAnnotation annotate(std::span<const std::vector<WordNetSense>> words,
                                 const WordNetSememes& sememes) {
  SememeAnnotation annotation;
  annotation.sememes = sememes.names();
  for (const auto& senses : words) {
    for (std::size_t i = 0; i < senses.size(); ++i)
      annotation.add_sense(senses[i].synset, detail::sense_weight(senses[i], i),
                           sememes.of(senses[i].synset));
    annotation.end_word();
  }
  return annotation;
}

}  // namespace see
