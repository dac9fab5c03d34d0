#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/io/json_quote.hpp"

namespace see {

/// A stretch of a word and the name of the unit that it is an occurrence of.
struct Morph {
  std::string_view surface;  ///< bytes of the word that was segmented, not empty
  std::string form;  ///< the unit's name: the surface, or how a dictionary spells it ("happy" where
                     ///< the word has "happi"), or U+FFFD for what an inventory of bounded size
                     ///< leaves out; not empty

  friend bool operator==(const Morph&, const Morph&) = default;
};

namespace detail {

/// The form of a character that an inventory of bounded size leaves out: U+FFFD.
inline constexpr std::string_view unknown_character = "\xef\xbf\xbd";

}  // namespace detail

/// Cuts words into morphs: segment(word, morphs) replaces `morphs` by those of `word` in order.
/// Laws, for any bytes:
///  - the surfaces, one after another, are the word; an empty word has no morphs;
///  - no cut lies inside a well-formed UTF-8 character;
///  - equal words get equal morphs.
/// Surfaces view the word's memory.
template <class S>
concept Segmenter = requires(const S& segmenter, std::string_view word,
                             std::vector<Morph>& morphs) {
  segmenter.segment(word, morphs);
};

/// A segmenter that has evidence for some words and only a guess for others.
template <class S>
concept PartialSegmenter = Segmenter<S> && requires(const S& segmenter, std::string_view word) {
  { segmenter.knows(word) } -> std::convertible_to<bool>;
};

/// Asks `first` about the words that it knows and `second` about all others:
///
/// \code
///     FallbackSegmenter segmenter{SegmentFile("morphs.txt"), learn_morphs(words)};
/// \endcode
template <PartialSegmenter First, Segmenter Second>
struct FallbackSegmenter {
  First first;
  Second second;

  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    if (first.knows(word))
      first.segment(word, morphs);
    else
      second.segment(word, morphs);
  }
  bool knows(std::string_view word) const {
    if constexpr (PartialSegmenter<Second>)
      return first.knows(word) || second.knows(word);
    else
      return first.knows(word);
  }
};
template <class First, class Second>
FallbackSegmenter(First, Second) -> FallbackSegmenter<First, Second>;

/// The morphs of one word.
template <Segmenter S>
std::vector<Morph> segment(const S& segmenter, std::string_view word) {
  std::vector<Morph> morphs;
  segmenter.segment(word, morphs);
  return morphs;
}

namespace detail {

/// Bytes of the character at the head of `text` (not empty); an ill-formed byte is one of its own.
inline std::size_t character_length(std::string_view text) {
  return std::max<std::size_t>(1, utf8_length(text));
}

/// Morphs do not reach across classes: a hyphen or a digit never joins a letter.
enum class CharacterClass { letter, digit, other };

/// Apostrophes go with letters ("n't", "'s"), as does every character beyond ASCII.
constexpr CharacterClass class_of(char head) noexcept {
  const auto byte = static_cast<unsigned char>(head);
  const unsigned lower = byte | 0x20U;
  if (byte >= 0x80 || byte == '\'' || (lower >= 'a' && lower <= 'z')) return CharacterClass::letter;
  return byte >= '0' && byte <= '9' ? CharacterClass::digit : CharacterClass::other;
}

/// The longest head of `word` (not empty) whose characters are of one class. Bytes of a character
/// beyond ASCII are all letters, so that a cut between classes is a cut between characters.
inline std::string_view take_run(std::string_view& word) noexcept {
  std::size_t length = 1;
  while (length < word.size() && class_of(word[length]) == class_of(word[0])) ++length;
  const std::string_view run = word.substr(0, length);
  word.remove_prefix(length);
  return run;
}

inline void append_morph(std::vector<Morph>& morphs, std::string_view surface,
                         std::string_view form) {
  morphs.push_back({surface, std::string(form)});
}

}  // namespace detail
}  // namespace see
