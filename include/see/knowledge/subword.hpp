#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/io/json_quote.hpp"
#include "see/knowledge/segmenter.hpp"

namespace see {

/// How a vocabulary of pieces marks where words begin or end.
enum class SubwordStyle {
  whole_words,     ///< no marks
  word_piece,      ///< "##ing" continues a word (BERT)
  sentence_piece,  ///< U+2581 "▁the" begins one (Llama, T5)
  byte_level,      ///< U+0120 "Ġthe" begins one, bytes are spelt as characters (GPT-2)
  trailing_at,     ///< "un@@" does not end its word (subword-nmt)
  end_of_word,     ///< "ness</w>" ends its word (GPT)
};

namespace detail {

/// What a piece's mark, or the lack of it, says.
enum class PiecePlace {
  begins,     ///< first piece of a word, perhaps all of it
  continues,  ///< a later one
  ends,       ///< last piece of a word, perhaps all of it
  goes_on,    ///< an earlier one
  special,    ///< no text: "[CLS]", "<s>", "<|endoftext|>"
};

struct SubwordPiece {
  std::string surface;  ///< the text, without mark and spelling; empty for special pieces
  PiecePlace place = PiecePlace::begins;
  std::string_view mark;  ///< as the piece has it, empty where it has none
};

inline constexpr std::string_view begin_mark = "\xe2\x96\x81";  // U+2581
inline constexpr std::string_view space_mark = "\xc4\xa0";      // U+0120

/// A piece, and for each byte of its surface where the characters that spell it end in the token.
struct SpelledPiece {
  SubwordPiece piece;
  std::vector<std::size_t> ends;
  bool is_byte = false;  // a piece such as <0x0A>
};

/// Whether `token` is a word in brackets, such as [CLS] or <s>.
inline bool is_special_token(std::string_view token) noexcept {
  if (token.size() < 3) return false;
  const bool brackets = (token.front() == '[' && token.back() == ']') ||
                        (token.front() == '<' && token.back() == '>');
  return brackets && std::any_of(token.begin(), token.end(),
                                 [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; });
}

/// The byte of a SentencePiece byte token such as <0x0A>; -1 for any other token.
inline int byte_of_token(std::string_view token) noexcept {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int byte = 0;
  for (const char c : token.substr(3, 2)) {
    const std::size_t digit = std::string_view("0123456789ABCDEF").find(c);
    if (digit == std::string_view::npos) return -1;
    byte = byte * 16 + static_cast<int>(digit);
  }
  return byte;
}

/// The byte that a byte-level vocabulary spells by `character`, -1 where it spells none: printable
/// Latin-1 stands for itself, U+0100 onwards for the other bytes in order.
inline int byte_of_character(std::string_view character) {
  static const std::array<int, 324> bytes = [] {
    std::array<int, 324> table;
    table.fill(-1);
    std::size_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
      table[itself ? static_cast<std::size_t>(byte) : next++] = byte;
    }
    return table;
  }();
  const auto head = static_cast<unsigned char>(character[0]);
  std::size_t code = head;
  if (character.size() == 2)
    code = (head & 0x1fU) << 6 | (static_cast<unsigned char>(character[1]) & 0x3fU);
  else if (character.size() > 2 || head >= 0x80)
    return -1;
  return code < bytes.size() ? bytes[code] : -1;
}

/// Appends the text that `body` spells, which stands `offset` bytes into the token.
inline void append_spelling(SpelledPiece& out, std::string_view body, std::size_t offset,
                            SubwordStyle style) {
  while (!body.empty()) {
    const std::string_view character = body.substr(0, character_length(body));
    body.remove_prefix(character.size());
    offset += character.size();
    const int byte = style == SubwordStyle::byte_level ? byte_of_character(character) : -1;
    if (byte >= 0)
      out.piece.surface.push_back(static_cast<char>(byte));
    else if (style == SubwordStyle::sentence_piece && character == begin_mark)
      out.piece.surface.push_back(' ');
    else
      out.piece.surface += character;
    out.ends.resize(out.piece.surface.size(), offset);
  }
}

inline SpelledPiece spell_piece(std::string_view token, SubwordStyle style) {
  SpelledPiece out;
  const auto finish = [&](PiecePlace place, std::size_t head, std::size_t tail) {
    out.piece.place = place;
    out.piece.mark = head > 0 ? token.substr(0, head) : token.substr(token.size() - tail);
    append_spelling(out, token.substr(head, token.size() - head - tail), head, style);
    return std::move(out);
  };
  if (style == SubwordStyle::end_of_word) {
    const std::string_view mark = "</w>";
    return token.ends_with(mark)     ? finish(PiecePlace::ends, 0, mark.size())
           : is_special_token(token) ? SpelledPiece{{{}, PiecePlace::special, {}}, {}, false}
                                     : finish(PiecePlace::goes_on, 0, 0);
  }
  if (const int byte = byte_of_token(token); byte >= 0)
    return {
        {std::string(1, static_cast<char>(byte)), PiecePlace::continues, {}}, {token.size()}, true};
  if (is_special_token(token)) return {{{}, PiecePlace::special, {}}, {}, false};
  const auto begins_if = [&](std::string_view mark) {
    return token.starts_with(mark) ? finish(PiecePlace::begins, mark.size(), 0)
                                   : finish(PiecePlace::continues, 0, 0);
  };
  switch (style) {
    case SubwordStyle::word_piece:
      return token.starts_with("##") && token.size() > 2 ? finish(PiecePlace::continues, 2, 0)
                                                         : finish(PiecePlace::begins, 0, 0);
    case SubwordStyle::sentence_piece:
      return begins_if(begin_mark);
    case SubwordStyle::byte_level:
      return begins_if(space_mark);
    case SubwordStyle::trailing_at:
      return token.ends_with("@@") && token.size() > 2 ? finish(PiecePlace::goes_on, 0, 2)
                                                       : finish(PiecePlace::ends, 0, 0);
    default:
      return finish(PiecePlace::begins, 0, 0);
  }
}

/// The text and place of one piece, whatever its bytes.
inline SubwordPiece read_piece(std::string_view token, SubwordStyle style) {
  return spell_piece(token, style).piece;
}

}  // namespace detail

/// The style whose mark most pieces have; whole_words where fewer than one in 20 have any. O(size).
inline SubwordStyle detect_subword_style(const Vocabulary& pieces) {
  std::array<Index, 6> votes{};
  for (Index i = 0; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i];
    const auto vote = [&](SubwordStyle style, bool has_mark) {
      votes[static_cast<std::size_t>(style)] += has_mark;
    };
    vote(SubwordStyle::word_piece, piece.starts_with("##") && piece.size() > 2 && piece[2] != '#');
    vote(SubwordStyle::sentence_piece, piece.starts_with(detail::begin_mark));
    vote(SubwordStyle::byte_level, piece.starts_with(detail::space_mark));
    vote(SubwordStyle::trailing_at, piece.ends_with("@@") && piece.size() > 2);
    vote(SubwordStyle::end_of_word, piece.ends_with("</w>"));
  }
  const auto most = std::max_element(votes.begin(), votes.end());
  return *most > 0 && *most * 20 >= pieces.size() ? static_cast<SubwordStyle>(most - votes.begin())
                                                  : SubwordStyle::whole_words;
}

/// The text of each piece in order, empty for special ones: what to learn morphs from and to look
/// up in a lexicon.
inline Vocabulary piece_surfaces(const Vocabulary& pieces, SubwordStyle style) {
  std::vector<std::string> surfaces;
  surfaces.reserve(static_cast<std::size_t>(pieces.size()));
  for (Index i = 0; i < pieces.size(); ++i)
    surfaces.push_back(detail::read_piece(pieces[i], style).surface);
  return Vocabulary::from(surfaces);
}

/// Cuts pieces: the mark is a morph of its own, which all pieces with it share, and `inner` cuts
/// the text, so that "Ġunhappy", "unhappy" and "##unhappy" have morphs in common and are still told
/// apart. A special or byte piece is one morph. Surfaces are stretches of the piece as it is spelt.
template <Segmenter Inner>
class SubwordSegmenter {
 public:
  SubwordSegmenter(SubwordStyle style, Inner inner) : style_(style), inner_(std::move(inner)) {}

  SubwordStyle style() const noexcept { return style_; }
  const Inner& inner() const noexcept { return inner_; }

  void segment(std::string_view token, std::vector<Morph>& morphs) const {
    const detail::SpelledPiece spelled = detail::spell_piece(token, style_);
    const detail::SubwordPiece& piece = spelled.piece;
    morphs.clear();
    if (token.empty()) return;
    if (piece.place == detail::PiecePlace::special || spelled.is_byte)
      return detail::append_morph(morphs, token, token);
    inner_.segment(piece.surface, morphs);
    const bool begins_marked = !piece.mark.empty() && piece.mark.data() == token.data();
    std::size_t begin = begins_marked ? piece.mark.size() : 0;
    std::size_t read = 0;  // bytes of the surface
    for (Morph& morph : morphs) {
      read += morph.surface.size();
      const std::size_t end = spelled.ends[read - 1];
      morph.surface = token.substr(begin, end - begin);
      begin = end;
    }
    if (piece.mark.empty()) return;
    const Morph mark{piece.mark, std::string(piece.mark)};
    morphs.insert(begins_marked ? morphs.begin() : morphs.end(), mark);
  }

 private:
  SubwordStyle style_;
  Inner inner_;
};

}  // namespace see
