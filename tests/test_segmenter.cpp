#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/knowledge/segment_file.hpp"
#include "see/knowledge/segment_unsupervised.hpp"
#include "see/knowledge/subword.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

using Strings = std::vector<std::string>;

template <class S>
Strings surfaces(const S& segmenter, std::string_view word) {
  Strings parts;
  for (const Morph& morph : segment(segmenter, word)) parts.emplace_back(morph.surface);
  return parts;
}

template <class S>
Strings forms(const S& segmenter, std::string_view word) {
  Strings parts;
  for (const Morph& morph : segment(segmenter, word)) parts.push_back(morph.form);
  return parts;
}

/// Offsets at which a well-formed character or an ill-formed byte begins, by the bit patterns of
/// UTF-8 as a table of ranges (Unicode 15, table 3-7).
std::set<std::size_t> character_starts(std::string_view text) {
  const auto in = [&](std::size_t at, unsigned low, unsigned high) {
    return at < text.size() && static_cast<unsigned char>(text[at]) >= low &&
           static_cast<unsigned char>(text[at]) <= high;
  };
  std::set<std::size_t> starts;
  for (std::size_t at = 0; at < text.size();) {
    starts.insert(at);
    const bool c = in(at + 2, 0x80, 0xbf);
    if (in(at, 0xc2, 0xdf) && in(at + 1, 0x80, 0xbf))
      at += 2;
    else if (c && ((in(at, 0xe0, 0xe0) && in(at + 1, 0xa0, 0xbf)) ||
                   (in(at, 0xed, 0xed) && in(at + 1, 0x80, 0x9f)) ||
                   ((in(at, 0xe1, 0xec) || in(at, 0xee, 0xef)) && in(at + 1, 0x80, 0xbf))))
      at += 3;
    else if (c && in(at + 3, 0x80, 0xbf) &&
             ((in(at, 0xf0, 0xf0) && in(at + 1, 0x90, 0xbf)) ||
              (in(at, 0xf4, 0xf4) && in(at + 1, 0x80, 0x8f)) ||
              (in(at, 0xf1, 0xf3) && in(at + 1, 0x80, 0xbf))))
      at += 4;
    else
      at += 1;
  }
  return starts;
}

/// The laws of a segmenter: surfaces make the word and view it, no cut inside a character, equal
/// words get equal morphs.
template <class S>
void check_laws(const S& segmenter, const std::string& word) {
  INFO(json_quote(word));
  const std::vector<Morph> morphs = segment(segmenter, word);
  const std::set<std::size_t> starts = character_starts(word);
  std::size_t at = 0;
  bool views = true;
  bool cuts = true;
  bool names = true;
  for (const Morph& morph : morphs) {
    views = views && morph.surface.data() == word.data() + at && !morph.surface.empty();
    cuts = cuts && starts.count(at) == 1;
    names = names && !morph.form.empty();
    at += morph.surface.size();
  }
  CHECK(views);
  CHECK(cuts);
  CHECK(names);
  CHECK(at == word.size());
  const std::string copy(word);
  CHECK(forms(segmenter, copy) == forms(segmenter, word));
}

/// Bytes of all kinds: ASCII, characters of 2 to 4 bytes, heads and tails out of place, NUL.
Strings adversarial_words() {
  Strings words{"",
                "a",
                std::string(1, '\0'),
                std::string("un\0happy", 8),
                "\xc3",
                "\xa9",
                "caf\xc3\xa9",
                "caf\xc3",
                "\xc3\xc3\xa9\xa9",
                "\xed\xa0\x80",
                "\xf0\x9f\x98\x80\xf0\x9f\x98",
                "\xef\xbf\xbd",
                "\xe4\xb8\xad\xe5\x9b\xbd",
                "##",
                "##ing",
                "\xe2\x96\x81",
                "\xe2\x96\x81of\xe2\x96\x81the",
                "\xc4\xa0",
                "\xc4\xa0\xc4\xa0x\xc4\x8a",
                "@@",
                "a@@",
                "</w>",
                "[CLS]",
                "<0xE4>",
                "-",
                "---...",
                "1984",
                "x-ray's",
                std::string(3000, 'a'),
                std::string(999, '\xc3')};
  Random random(17);
  const Strings pieces{"un",
                       "happi",
                       "ness",
                       "\xc3\xa9",
                       "\xe4\xb8\xad",
                       "\xf0\x9f\x98\x80",
                       "\xc3",
                       "\xa9",
                       "1",
                       "-",
                       "'",
                       "\xe2\x96\x81",
                       "A",
                       "\xff",
                       " ",
                       "\t"};
  for (int i = 0; i < 400; ++i) {
    std::string word;
    for (std::size_t n = random.below(9); n > 0; --n) word += pieces[random.below(pieces.size())];
    words.push_back(word);
    for (char& byte : word) byte = static_cast<char>(random.below(256));
    words.push_back(word);
  }
  return words;
}

/// Each stem with each prefix, and with each ending, so that stems, prefixes and endings are all
/// that words share.
Strings derived_words() {
  Strings words;
  for (const std::string stem : {"happi", "dark", "kind", "bold", "weak", "fond", "mad", "sick",
                                 "good", "rude", "calm", "dull", "firm", "grim", "harsh", "loud"}) {
    for (const char* prefix : {"un", "over", "fore"}) words.push_back(prefix + stem);
    for (const char* ending : {"ness", "er", "est", "ly"}) words.push_back(stem + ending);
  }
  return words;
}

std::size_t distinct_forms(const auto& segmenter, const Strings& words) {
  std::set<std::string> met;
  for (const std::string& word : words)
    for (const Morph& morph : segment(segmenter, word)) met.insert(morph.form);
  return met.size();
}

struct SegmentationReader {
  TempDir dir;

  SegmentFile operator()(const std::string& text) {
    write_file(dir / "m", text);
    return SegmentFile(dir / "m");
  }
  std::string error(const std::string& text) {
    return message_of([&] { (*this)(text); });
  }
};

}  // namespace

static_assert(Segmenter<UnigramSegmenter> && !PartialSegmenter<UnigramSegmenter>);
static_assert(PartialSegmenter<SegmentFile>);
static_assert(Segmenter<SubwordSegmenter<UnigramSegmenter>>);
static_assert(Segmenter<FallbackSegmenter<SegmentFile, UnigramSegmenter>>);

TEST_CASE("Every segmenter keeps the laws on any bytes", "[knowledge]") {
  const Strings words = adversarial_words();
  const UnigramSegmenter learned = learn_morphs(Vocabulary::from(words), {.max_morphs = 60});
  const UnigramSegmenter of_others = learn_morphs(Vocabulary::from(derived_words()));
  const UnigramSegmenter bytes(Vocabulary::from(Strings{"\xc3", "f\xc3", "\xa9\xa9"}),
                               std::vector<double>{1, 1, 1});
  SegmentationReader read;
  const SegmentFile file = read("caf\xc3\xa9\tcaf \xc3\xa9\n2 un + happi + ness\n");
  for (const std::string& word : words) {
    check_laws(learned, word);
    check_laws(of_others, word);
    check_laws(bytes, word);
    check_laws(file, word);
    check_laws(FallbackSegmenter{file, learned}, word);
    for (int style = 0; style <= 5; ++style)
      check_laws(SubwordSegmenter(static_cast<SubwordStyle>(style), learned), word);
  }
}

TEST_CASE("Learned morphs are the parts that words share", "[knowledge]") {
  const Strings words = derived_words();
  const UnigramSegmenter segmenter = learn_morphs(Vocabulary::from(words), {.max_morphs = 60});
  CHECK(surfaces(segmenter, "unhappiness") == Strings{"un", "happi", "ness"});
  CHECK(surfaces(segmenter, "overharshly") == Strings{"over", "harsh", "ly"});
  CHECK(surfaces(segmenter, "dark") == Strings{"dark"});
  CHECK(surfaces(segmenter, "dark-kindly") == Strings{"dark", "-", "kind", "ly"});
  CHECK(forms(segmenter, "dark7") == Strings{"dark", "\xef\xbf\xbd"});
  CHECK(segment(segmenter, "").empty());
}

TEST_CASE("An inventory of morphs stays within its bound", "[knowledge]") {
  Strings words = derived_words();
  const Strings others = adversarial_words();
  words.insert(words.end(), others.begin(), others.end());
  const Vocabulary vocabulary = Vocabulary::from(words);
  for (const Index most : {3, 4, 10, 50, 200}) {
    INFO(most);
    const UnigramSegmenter segmenter = learn_morphs(vocabulary, {.max_morphs = most});
    CHECK(segmenter.morphs().size() < most);
    CHECK(distinct_forms(segmenter, words) <= static_cast<std::size_t>(most));
  }
}

TEST_CASE("Learning takes weights and is deterministic", "[knowledge]") {
  const Strings words = derived_words();
  const Vocabulary vocabulary = Vocabulary::from(words);
  const std::vector<double> ones(words.size(), 1.0);
  const UnigramSegmenter plain = learn_morphs(vocabulary, {.max_morphs = 40});
  const UnigramSegmenter weighted = learn_morphs(vocabulary, {.max_morphs = 40, .weights = ones});
  REQUIRE(plain.morphs().size() == weighted.morphs().size());
  for (Index m = 0; m < plain.morphs().size(); ++m)
    CHECK(plain.morphs()[m] == weighted.morphs()[m]);
  for (const std::string& word : words) CHECK(segment(plain, word) == segment(weighted, word));

  // Stems of 16 words each against one stem in two heavy words.
  Strings rare{"zyxwvu", "zyxwvuer"};
  rare.insert(rare.end(), words.begin(), words.end());
  std::vector<double> weights(rare.size(), 1.0);
  const auto zyxwvu = [&] {
    return surfaces(learn_morphs(Vocabulary::from(rare), {.max_morphs = 44, .weights = weights}),
                    "zyxwvu")
        .size();
  };
  CHECK(zyxwvu() > 1);
  weights[0] = weights[1] = 100;
  CHECK(zyxwvu() == 1);

  const std::vector<double> ranks = rank_weights(3);
  CHECK(ranks[0] == Approx(1 + std::log(3.0)));
  CHECK(ranks[2] == Approx(1));
}

TEST_CASE("Learning and unigram models refuse what they cannot use", "[knowledge]") {
  const Vocabulary words = Vocabulary::from(Strings{"ab", "ba"});
  const std::vector<double> one{1};
  const std::vector<double> bad{1, 0};
  const std::vector<double> two{1, 1};
  CHECK(says<Error>("needed at least 3", [&] { learn_morphs(words, {.max_morphs = 2}); }));
  CHECK(says<Error>("1 weights for 2 words", [&] { learn_morphs(words, {.weights = one}); }));
  CHECK(says<Error>("word 1 has the weight 0", [&] { learn_morphs(words, {.weights = bad}); }));
  CHECK(says<Error>("1 counts for 2 morphs", [&] { UnigramSegmenter(words, one); }));
  CHECK(says<Error>("morph 1 has the count 0", [&] { UnigramSegmenter(words, bad); }));
  CHECK(says<Error>("morph 0 is empty", [&] {
    UnigramSegmenter(Vocabulary::from(Strings{"", "a"}), two);
  }));
  CHECK(says<Error>("occurs twice", [&] {
    UnigramSegmenter(Vocabulary::from(Strings{"a", "a"}), two);
  }));
  CHECK(learn_morphs({}).morphs().empty());
  CHECK(forms(learn_morphs({}), "ab") == Strings(2, "\xef\xbf\xbd"));
}

TEST_CASE("The likeliest segmentation wins", "[knowledge]") {
  // All ways to cut the word, by brute force over the places between its letters.
  const Strings morphs{"a", "b", "ab", "ba", "aba", "bb"};
  const std::vector<double> counts{5, 3, 7, 2, 1.5, 2.5};
  const UnigramSegmenter segmenter(Vocabulary::from(morphs), counts);
  Random random(3);
  for (int trial = 0; trial < 50; ++trial) {
    std::string word;
    for (std::size_t n = 1 + random.below(9); n > 0; --n) word += "ab"[random.below(2)];
    const auto likelihood = [&](const Strings& parts) {
      double p = 1;
      for (const std::string& part : parts) {
        const auto at = std::find(morphs.begin(), morphs.end(), part);
        if (at == morphs.end()) return 0.0;
        p *= counts[static_cast<std::size_t>(at - morphs.begin())] / 21;
      }
      return p;
    };
    double best = 0;
    for (unsigned cuts = 0; cuts < 1U << (word.size() - 1); ++cuts) {
      Strings parts{word.substr(0, 1)};
      for (std::size_t i = 1; i < word.size(); ++i) {
        if (cuts >> (i - 1) & 1) parts.emplace_back();
        parts.back() += word[i];
      }
      best = std::max(best, likelihood(parts));
    }
    INFO(word);
    CHECK(likelihood(surfaces(segmenter, word)) == Approx(best));
  }
}

TEST_CASE("A segmentation file is read in both forms", "[knowledge]") {
  SegmentationReader read;
  const SegmentFile file = read(
      "\xef\xbb\xbf# Output from Morfessor\n12 un + happi + ness\r\n\n3 geese\n2 run + ning\n"
      "1 c + + + +\nunkindly\tun kind ly\n#tag\t# tag\n7 unhappi + ness\n2.5 walk");
  CHECK(file.words().size() == 8);
  CHECK(surfaces(file, "unhappiness") == Strings{"un", "happi", "ness"});
  CHECK(surfaces(file, "geese") == Strings{"geese"});
  CHECK(surfaces(file, "running") == Strings{"run", "ning"});
  CHECK(surfaces(file, "c++") == Strings{"c", "+", "+"});
  CHECK(surfaces(file, "unkindly") == Strings{"un", "kind", "ly"});
  CHECK(surfaces(file, "#tag") == Strings{"#", "tag"});
  CHECK(file.knows("walk"));
  CHECK_FALSE(file.knows("unwalk"));
  CHECK(surfaces(file, "unwalkness") == Strings{"un", "walk", "ness"});
  CHECK(surfaces(file, "sg") == Strings{"s", "g"});
  CHECK(forms(file, "z") == Strings{"\xef\xbf\xbd"});
  const UnigramSegmenter letters(Vocabulary::from(Strings{"g", "e", "s"}),
                                 std::vector<double>{1, 1, 1});
  const FallbackSegmenter both{file, letters};
  CHECK(surfaces(both, "geese") == Strings{"geese"});
  CHECK(surfaces(both, "geeses") == Strings{"g", "e", "e", "s", "e", "s"});
  CHECK(both.knows("geese"));
  CHECK_FALSE(both.knows("geeses"));
}

TEST_CASE("A malformed segmentation file is refused in one sentence", "[knowledge]") {
  SegmentationReader read;
  const std::string good = "1 a + b\n";
  for (const auto& [line, part] : std::vector<std::pair<std::string, std::string>>{
           {"un + happy", "found \"un\", needed a count above 0"},
           {"0 un + happy", "needed a count above 0"},
           {"-2 un", "needed a count above 0"},
           {"nan un", "needed a count above 0"},
           {"3x un", "needed a count above 0"},
           {"4", "a count without a morph"},
           {"4 un happy", "found \"happy\" after the morph \"un\", needed +"},
           {"4 un +", "no morph after the last +"},
           {"\tun", "no word before the tab"},
           {"happy\t", "the morphs make \"\", needed \"happy\""},
           {"happy\thap py s", "the morphs make \"happys\", needed \"happy\""},
           {"caf\xc3\xa9\tcaf\xc3 \xa9", "a cut inside a character"},
           {"1 caf\xc3 + \xa9", "a cut inside a character"}}) {
    const std::string message = read.error(good + line + "\n" + good);
    INFO(message);
    CHECK(message.find("/m: line 2: ") != std::string::npos);
    CHECK(message.find(part) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK(read.error("\n# nothing\n").find("/m: holds no segmentation") != std::string::npos);
  CHECK(refuses([&] { SegmentFile(read.dir / "absent"); }));
}

TEST_CASE("A mark is a morph of its own", "[knowledge]") {
  const UnigramSegmenter inner = learn_morphs(Vocabulary::from(derived_words()));
  const auto cut = [&](SubwordStyle style, std::string_view token) {
    return forms(SubwordSegmenter(style, inner), token);
  };
  CHECK(cut(SubwordStyle::word_piece, "##darkness") == Strings{"##", "dark", "ness"});
  CHECK(cut(SubwordStyle::sentence_piece,
            "\xe2\x96\x81"
            "darkness") == Strings{"\xe2\x96\x81", "dark", "ness"});
  CHECK(cut(SubwordStyle::byte_level,
            "\xc4\xa0"
            "darkness") == Strings{"\xc4\xa0", "dark", "ness"});
  CHECK(cut(SubwordStyle::trailing_at, "darkness@@") == Strings{"dark", "ness", "@@"});
  CHECK(cut(SubwordStyle::end_of_word, "darkness</w>") == Strings{"dark", "ness", "</w>"});
  CHECK(cut(SubwordStyle::sentence_piece, "<0x0A>") == Strings{"<0x0A>"});
  CHECK(cut(SubwordStyle::word_piece, "[CLS]") == Strings{"[CLS]"});
  const UnigramSegmenter accents(Vocabulary::from(Strings{"caf", "\xc3\xa9"}),
                                 std::vector<double>{1, 1});
  const SubwordSegmenter spelt(SubwordStyle::byte_level, accents);
  CHECK(forms(spelt,
              "\xc4\xa0"
              "caf\xc3\x83\xc2\xa9") == Strings{"\xc4\xa0", "caf", "\xc3\xa9"});
  CHECK(surfaces(spelt,
                 "\xc4\xa0"
                 "caf\xc3\x83\xc2\xa9") == Strings{"\xc4\xa0", "caf", "\xc3\x83\xc2\xa9"});

  const Vocabulary text =
      piece_surfaces(Vocabulary::from(Strings{"[CLS]", "the", "##ing"}), SubwordStyle::word_piece);
  CHECK(text[0].empty());
  CHECK(text[1] == "the");
  CHECK(text[2] == "ing");
}

TEST_CASE("Morphemes number the morphs of each word in order", "[knowledge]") {
  Strings words = derived_words();
  words.push_back("");
  const Vocabulary vocabulary = Vocabulary::from(words);
  const UnigramSegmenter segmenter = learn_morphs(vocabulary, {.max_morphs = 60});
  const Morphemes morphemes = build_morphemes(vocabulary, segmenter);
  REQUIRE(morphemes.words() == vocabulary.size());
  std::vector<std::size_t> counts(static_cast<std::size_t>(morphemes.size()), 0);
  for (Index w = 0; w < vocabulary.size(); ++w) {
    Strings named;
    for (const std::uint32_t unit : morphemes.of(w)) {
      named.emplace_back(morphemes.forms[unit]);
      ++counts[unit];
    }
    CHECK(named == forms(segmenter, vocabulary[w]));
  }
  CHECK(counts == morphemes.counts);
  CHECK(std::is_sorted(counts.rbegin(), counts.rend()));
  CHECK(counts.back() >= 1);
  CHECK(morphemes.of(vocabulary.size() - 1).empty());
}

TEST_CASE("Morphemes of a bounded inventory still make up the words", "[knowledge]") {
  struct Whole {
    void segment(std::string_view word, std::vector<Morph>& morphs) const {
      morphs.clear();
      if (!word.empty()) morphs.push_back({word, std::string(word)});
    }
  };
  Strings words = derived_words();
  for (int i = 0; i < 5; ++i) words.push_back("dark");
  const Vocabulary vocabulary = Vocabulary::from(words);
  CHECK(build_morphemes(vocabulary, Whole{}).size() == 113);
  for (const Index most : {3, 20, 60, 112}) {
    INFO(most);
    const Morphemes morphemes = build_morphemes(vocabulary, Whole{}, most);
    CHECK(morphemes.size() <= most);
    for (Index w = 0; w < vocabulary.size(); ++w) {
      std::string word;
      std::size_t unknown = 0;
      for (const std::uint32_t unit : morphemes.of(w)) {
        word += morphemes.forms[unit];
        unknown += morphemes.forms[unit] == detail::unknown_character;
      }
      if (unknown == 0) CHECK(word == vocabulary[w]);
      CHECK((unknown == 0 || most < 60));
    }
    if (most >= 60) CHECK(morphemes.of(vocabulary.size() - 1).size() == 1);
  }
  CHECK(says<Error>("needed at least 3", [&] { build_morphemes(vocabulary, Whole{}, 2); }));
}
