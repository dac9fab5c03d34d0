#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/io/mapped_file.hpp"
#include "see/knowledge/wordnet_morphy.hpp"

namespace see {

/// One meaning of a lemma.
struct WordNetSense {
  std::uint32_t synset = 0;
  std::uint32_t lemma = 0;
  std::uint32_t count = 0;   ///< how often a corpus was tagged with it; 0 where that is not known
  std::uint32_t number = 0;  ///< among the lemma's senses of the same part of speech, from 1
};

/// The relations of wninput(5WN) that are kept, from a synset to a more general or related one.
/// Relations between words are taken as relations of their synsets.
enum class WordNetRelation : std::uint8_t {
  hypernym,    ///< `@` and `@i`: a kind of, an instance of
  similar,     ///< `&` from a satellite to the head of its cluster of adjectives
  attribute,   ///< = between an adjective and the noun that it is a value of
  pertainym,   ///< `\` from an adjective to its noun, from an adverb to its adjective
  participle,  ///< `<` from an adjective to its verb
  derivation,  ///< + between parts of speech
  topic,       ///< ;c to the topic that a synset is used in
  also,        ///< ^ between adjectives or verbs of related meaning
  antonym,     ///< !
  holonym      ///< `#p`, `#m` and `#s` to what a noun is a part, a member or the substance of
};

struct WordNetLink {
  std::uint32_t synset = 0;
  WordNetRelation relation = WordNetRelation::hypernym;
};

namespace detail {

inline constexpr std::array wordnet_suffixes{"noun", "verb", "adj", "adv"};
inline constexpr unsigned wordnet_files = 45;  ///< lexicographer files, lexnames(5WN)

/// What a WordNet holds, in arrays; lists of lists as offsets and entries.
struct WordNetTables {
  std::array<std::uint32_t, 5> first_synset{};  ///< of each part of speech, then the number of all
  std::vector<std::uint32_t> offsets;           ///< of synsets, as the files name them
  std::vector<std::uint8_t> files;              ///< lexicographer files of synsets
  std::vector<std::uint32_t> heads;             ///< first lemmas of synsets
  std::vector<std::uint32_t> glosses;           ///< where the gloss starts in the file
  std::vector<std::uint32_t> first_link{0};
  std::vector<WordNetLink> links;
  Vocabulary lemmas;
  std::vector<std::uint32_t> first_sense;
  std::vector<WordNetSense> senses;  ///< of lemmas, by part of speech and number
  std::array<std::shared_ptr<const MappedFile>, 4> data;
  bool has_counts = false;

  std::optional<std::uint32_t> find(PartOfSpeech part, std::uint32_t offset) const {
    const auto p = static_cast<std::size_t>(part);
    const auto first = offsets.begin() + first_synset[p],
               last = offsets.begin() + first_synset[p + 1];
    const auto at = std::lower_bound(first, last, offset);
    if (at == last || *at != offset) return std::nullopt;
    return static_cast<std::uint32_t>(at - offsets.begin());
  }
};

inline std::optional<PartOfSpeech> part_of_letter(std::string_view letter) noexcept {
  if (letter == "n") return PartOfSpeech::noun;
  if (letter == "v") return PartOfSpeech::verb;
  if (letter == "a" || letter == "s") return PartOfSpeech::adjective;
  if (letter == "r") return PartOfSpeech::adverb;
  return std::nullopt;
}

inline std::optional<WordNetRelation> relation_of(std::string_view symbol,
                                                  bool satellite) noexcept {
  if (symbol == "@" || symbol == "@i") return WordNetRelation::hypernym;
  if (symbol == "&" && satellite) return WordNetRelation::similar;
  if (symbol == "=") return WordNetRelation::attribute;
  if (symbol == "\\") return WordNetRelation::pertainym;
  if (symbol == "<") return WordNetRelation::participle;
  if (symbol == "+") return WordNetRelation::derivation;
  if (symbol == ";c") return WordNetRelation::topic;
  if (symbol == "^") return WordNetRelation::also;
  if (symbol == "!") return WordNetRelation::antonym;
  if (symbol == "#p" || symbol == "#m" || symbol == "#s") return WordNetRelation::holonym;
  return std::nullopt;
}

}  // namespace detail
}  // namespace see
