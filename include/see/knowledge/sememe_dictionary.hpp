#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/word_key.hpp"
#include "see/knowledge/wordnet_morphy.hpp"

namespace see {

/// Which part of a name `english|chinese` names a sememe. Sememes whose chosen parts are equal are
/// one sememe; a name without '|' is taken whole.
enum class SememeNaming { both, english, chinese };

namespace detail {

inline std::string_view part_of_name(std::string_view name, SememeNaming naming) noexcept {
  const auto bar = name.find('|');
  if (naming == SememeNaming::both || bar == name.npos) return name;
  const std::string_view part =
      naming == SememeNaming::english ? name.substr(0, bar) : name.substr(bar + 1);
  return part.empty() ? name : part;
}

}  // namespace detail

/// Words whose senses are lists of sememes, as HowNet and BabelSememe define them. A list is a
/// concept; words that share it share its number. Words are kept by detail::word_key, so case
/// does not matter and a blank is '_'.
class SememeDictionary {
 public:
  struct Sense {
    std::uint32_t concept_id = 0;
    double weight = 0;
  };

  explicit SememeDictionary(SememeNaming naming = SememeNaming::both) : naming_(naming) {}

  /// The concept that these sememes make, in their order, each counted once.
  std::uint32_t add_concept(std::span<const std::string_view> names) {
    std::vector<std::uint32_t> list;
    for (const std::string_view name : names) {
      const std::string_view part = detail::part_of_name(name, naming_);
      const auto fresh = static_cast<std::uint32_t>(names_.size());
      const auto [at, added] = name_ids_.emplace(part, fresh);
      if (added) names_.emplace_back(part);
      if (std::find(list.begin(), list.end(), at->second) == list.end()) list.push_back(at->second);
    }
    const auto fresh = static_cast<std::uint32_t>(first_.size() - 1);
    const auto [at, added] = concepts_.emplace(list, fresh);
    if (added) {
      ids_.insert(ids_.end(), list.begin(), list.end());
      first_.push_back(static_cast<std::uint32_t>(ids_.size()));
    }
    return at->second;
  }

  /// Adds `weight` to a sense of `word`, which gets it where it has it not yet.
  void add_sense(std::string_view word, std::uint32_t concept_id, double weight) {
    auto& senses = words_[detail::word_key(word)];
    for (Sense& sense : senses)
      if (sense.concept_id == concept_id) {
        sense.weight += weight;
        return;
      }
    senses.push_back({concept_id, weight});
  }

  Index word_count() const noexcept { return static_cast<Index>(words_.size()); }
  Index concept_count() const noexcept { return static_cast<Index>(first_.size()) - 1; }
  Index sememe_count() const noexcept { return static_cast<Index>(names_.size()); }
  std::string_view sememe(Index i) const noexcept { return names_[static_cast<std::size_t>(i)]; }

  /// The sememes of a concept.
  std::span<const std::uint32_t> sememes_of(Index concept_id) const noexcept {
    const auto at = static_cast<std::size_t>(concept_id);
    return {ids_.data() + first_[at], ids_.data() + first_[at + 1]};
  }

  /// The senses of a word as it stands in a text, the heaviest first, equal ones as they were
  /// added; of a word that is not in the dictionary, those of its dictionary forms.
  std::vector<Sense> look_up(std::string_view word, const Morphy& morphy) const {
    const std::string key = detail::word_key(word);
    std::vector<Sense> found;
    const auto add = [&](const std::string& form) {
      if (const auto at = words_.find(form); at != words_.end())
        for (const Sense& sense : at->second)
          if (std::none_of(found.begin(), found.end(), [&](const Sense& other) {
                return other.concept_id == sense.concept_id;
              }))
            found.push_back(sense);
    };
    add(key);
    if (found.empty()) {
      const auto contains = [&](const std::string& form) { return words_.contains(form); };
      for (const PartOfSpeech part : detail::parts_of_speech)
        for (const std::string& base : morphy.bases(key, part, contains)) add(base);
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Sense& a, const Sense& b) { return a.weight > b.weight; });
    return found;
  }

 private:
  SememeNaming naming_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> name_ids_;
  std::vector<std::uint32_t> first_{0}, ids_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> concepts_;
  std::unordered_map<std::string, std::vector<Sense>> words_;
};

/// The senses of each word of `words`; a sense's number is its concept's, shares follow weights.
inline SememeAnnotation annotate(const Vocabulary& words, const SememeDictionary& dictionary,
                                 const Morphy& morphy = {}) {
  SememeAnnotation annotation;
  std::vector<std::string_view> names;
  for (Index i = 0; i < dictionary.sememe_count(); ++i) names.push_back(dictionary.sememe(i));
  annotation.sememes = Vocabulary::from(names);
  for (Index w = 0; w < words.size(); ++w) {
    for (const auto& sense : dictionary.look_up(words[w], morphy))
      annotation.add_sense(sense.concept_id, sense.weight, dictionary.sememes_of(sense.concept_id));
    annotation.end_word();
  }
  return annotation;
}

}  // namespace see
