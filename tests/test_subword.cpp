#include <map>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/core/vocabulary.hpp"
#include "see/knowledge/subword.hpp"

using namespace see;

TEST_CASE("Pieces of each style read as text and place", "[knowledge]") {
  using Style = SubwordStyle;
  using Place = detail::PiecePlace;
  struct Case {
    Style style;
    std::string token, surface;
    Place place;
    std::string mark;
  };
  for (const Case& c : std::vector<Case>{
           {Style::whole_words, "the", "the", Place::begins, ""},
           {Style::whole_words, "##ing", "##ing", Place::begins, ""},
           {Style::word_piece, "##ing", "ing", Place::continues, "##"},
           {Style::word_piece, "run", "run", Place::begins, ""},
           {Style::word_piece, "##", "##", Place::begins, ""},
           {Style::word_piece, "[unused12]", "", Place::special, ""},
           {Style::word_piece, "[", "[", Place::begins, ""},
           {Style::sentence_piece, "\xe2\x96\x81the", "the", Place::begins, "\xe2\x96\x81"},
           {Style::sentence_piece, "ing", "ing", Place::continues, ""},
           {Style::sentence_piece, "\xe2\x96\x81", "", Place::begins, "\xe2\x96\x81"},
           {Style::sentence_piece, "\xe2\x96\x81of\xe2\x96\x81it", "of it", Place::begins,
            "\xe2\x96\x81"},
           {Style::sentence_piece, "</s>", "", Place::special, ""},
           {Style::sentence_piece, "<0x0A>", "\n", Place::continues, ""},
           {Style::byte_level, "\xc4\xa0the", "the", Place::begins, "\xc4\xa0"},
           {Style::byte_level, "ing", "ing", Place::continues, ""},
           {Style::byte_level, "\xc4\xa0\x63\x61\x66\xc3\x83\xc2\xa9", "caf\xc3\xa9", Place::begins,
            "\xc4\xa0"},
           {Style::byte_level, "\xc4\x8a\xc4\xa0", "\n ", Place::continues, ""},
           {Style::byte_level, "<|endoftext|>", "", Place::special, ""},
           {Style::byte_level, "\xe4\xb8\xad", "\xe4\xb8\xad", Place::continues, ""},
           {Style::trailing_at, "un@@", "un", Place::goes_on, "@@"},
           {Style::trailing_at, "ness", "ness", Place::ends, ""},
           {Style::trailing_at, "@@", "@@", Place::ends, ""},
           {Style::end_of_word, "ness</w>", "ness", Place::ends, "</w>"},
           {Style::end_of_word, "un", "un", Place::goes_on, ""},
           {Style::end_of_word, "</w>", "", Place::ends, "</w>"},
           {Style::end_of_word, "<unk>", "", Place::special, ""}}) {
    INFO(c.token);
    const detail::SubwordPiece piece = detail::read_piece(c.token, c.style);
    CHECK(piece.surface == c.surface);
    CHECK(piece.place == c.place);
    CHECK(piece.mark == c.mark);
  }
}

TEST_CASE("Byte-level spelling is one to one", "[knowledge]") {
  std::map<std::string, int> spelt;
  for (unsigned code = 0; code < 0x200; ++code) {
    std::string character;
    detail::append_utf8(character, code);
    const int byte = detail::byte_of_character(character);
    if (byte >= 0) CHECK(spelt.emplace(character, byte).second);
  }
  std::set<int> bytes;
  for (const auto& [character, byte] : spelt) bytes.insert(byte);
  CHECK(spelt.size() == 256);
  CHECK(spelt["\xc2\xac"] == 172);
  CHECK(spelt["\xc5\x83"] == 173);
  CHECK(spelt["\xc4\xa0"] == ' ');
  CHECK(bytes.size() == 256);
}

TEST_CASE("The style of a vocabulary is detected", "[knowledge]") {
  const auto detect = [](const std::vector<std::string>& pieces) {
    return detect_subword_style(Vocabulary::from(pieces));
  };
  CHECK(detect({"[CLS]", "the", "##ing", "##s"}) == SubwordStyle::word_piece);
  CHECK(detect({"<s>", "\xe2\x96\x81the", "ing"}) == SubwordStyle::sentence_piece);
  CHECK(detect({"!", "\xc4\xa0the", "\xc4\xa0of", "ing"}) == SubwordStyle::byte_level);
  CHECK(detect({"<unk>", "un@@", "ness"}) == SubwordStyle::trailing_at);
  CHECK(detect({"un", "ness</w>", "s</w>"}) == SubwordStyle::end_of_word);
  CHECK(detect({"the", "###", "##", "@@"}) == SubwordStyle::whole_words);
  CHECK(detect({}) == SubwordStyle::whole_words);
  std::vector<std::string> words(40, "word");
  words.push_back("##ing");
  CHECK(detect(words) == SubwordStyle::whole_words);
}
