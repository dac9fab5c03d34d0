#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/segment_unigram.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

using Terms = std::vector<Index>;
using Names = std::vector<std::string>;

constexpr Index role(detail::UnitRole r, int offset = 0) { return static_cast<Index>(r) + offset; }

/// word: morphs / sememes / sememes ..., a sense between slashes; all senses share alike but the
/// first, which has twice as much.
struct Source {
  Vocabulary words;
  SememeAnnotation annotation;
  Morphemes morphemes;
};

Source parse(const Names& lines, const Names& sememes) {
  Source source;
  source.annotation.sememes = Vocabulary::from(sememes);
  Names words, forms;
  std::map<std::string, std::uint32_t> numbers;
  source.morphemes.first = {0};
  for (const std::string& line : lines) {
    std::vector<Names> parts(1);
    std::string token;
    for (const char c : line + " ") {
      if (c != ' ') {
        token += c;
        continue;
      }
      if (token == "/") {
        parts.emplace_back();
      } else if (!token.empty()) {
        parts.back().push_back(token);
      }
      token.clear();
    }
    words.push_back(parts[0].at(0));
    for (std::size_t i = 1; i < parts[0].size(); ++i) {
      const std::string& form = parts[0][i];
      const auto [at, fresh] = numbers.emplace(form, static_cast<std::uint32_t>(forms.size()));
      if (fresh) forms.push_back(form), source.morphemes.counts.push_back(0);
      source.morphemes.units.push_back(at->second);
      ++source.morphemes.counts[at->second];
    }
    source.morphemes.first.push_back(source.morphemes.units.size());
    for (std::size_t s = 1; s < parts.size(); ++s) {
      std::vector<std::uint32_t> ids;
      for (const std::string& name : parts[s])
        ids.push_back(static_cast<std::uint32_t>(std::find(sememes.begin(), sememes.end(), name) -
                                                 sememes.begin()));
      source.annotation.add_sense(0, s == 1 ? 2 : 1, ids);
    }
    source.annotation.end_word();
  }
  source.words = Vocabulary::from(words);
  source.morphemes.forms = Vocabulary::from(forms);
  return source;
}

KnowledgeLexicon make(const Source& source, const KnowledgeLexiconOptions& options = {}) {
  return make_knowledge_lexicon(source.words, source.annotation, source.morphemes, options);
}

/// The terms of word `w` by the names of their units, in their order.
std::vector<Names> unit_names(const KnowledgeLexicon& knowledge, Index w) {
  std::vector<Names> terms;
  Index units[max_order];
  for (Index s = 0; s < knowledge.lexicon.rank(w); ++s) {
    knowledge.lexicon.units(w, s, units);
    Names& names = terms.emplace_back();
    for (int j = knowledge.filling.roles(); j < knowledge.filling.order; ++j)
      names.push_back(knowledge.units.name(units[j]));
  }
  return terms;
}

/// The terms of word `w` as a multiset.
std::multiset<Terms> row(const Lexicon& lexicon, Index w) {
  std::multiset<Terms> terms;
  for (Index s = 0; s < lexicon.rank(w); ++s) {
    Terms term(static_cast<std::size_t>(lexicon.order()));
    lexicon.units(w, s, term.data());
    terms.insert(term);
  }
  return terms;
}

/// Words that have the row of an earlier, other word, counted pair by pair.
Index count_collisions(const Lexicon& lexicon, const Vocabulary& words) {
  Index count = 0;
  for (Index w = 0; w < lexicon.words(); ++w) {
    bool repeated = false, copy = false;
    for (Index v = 0; v < w; ++v) {
      copy = copy || words[v] == words[w];
      repeated = repeated || row(lexicon, v) == row(lexicon, w);
    }
    count += repeated && !copy;
  }
  return count;
}

const Names small_sememes{"animal", "money", "water", "act", "unused"};
const Names small_lines{
    "bank bank / money act / water",
    "banks bank s / money act / water",
    "goose goose / animal / act animal",
    "qzx qz x",
    "qz qz",
    "42 4 2",
    "!! ! !",
};

/// Random knowledge with few units, so that many words are equal.
Source random_source(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  Names lines;
  for (std::size_t w = 0; w < count; ++w) {
    std::string line = w % 10 == 9 ? "word0" : "word" + std::to_string(w);
    if (w % 10 == 9) {
      line = lines[0];
    } else {
      for (auto n = random.below(4); n > 0; --n) line += " m" + std::to_string(random.below(3));
      for (auto n = random.below(4); n > 0; --n) {
        line += " / " + small_sememes[random.below(4)];
        if (random.below(2) == 0) line += " " + small_sememes[random.below(4)];
      }
    }
    lines.push_back(line);
  }
  return parse(lines, small_sememes);
}

std::vector<SlotFilling> fillings() {
  std::vector<SlotFilling> all;
  for (int order = 1; order <= 4; ++order)
    for (int held = 1; held <= order; ++held) all.push_back({order, held, 2, 2, 2});
  return all;
}

}  // namespace

TEST_CASE("Slots: each sememe and morph has a term, with its role before it") {
  const detail::WordUnits word{
      {{0.5, {10, 11}}, {0.25, {12, 10}}, {0.25, {13, 12}}}, {20, 21, 22}, 30};
  const SlotFilling filling;
  using R = detail::UnitRole;
  REQUIRE(detail::fill_slots(word, filling, -1) ==
          Terms{role(R::first_sememe), 10, role(R::further_sememe, 1), 11, role(R::first_sememe, 1),
                12, role(R::first_sememe, 2), 13, role(R::head_morph), 20, role(R::inner_morph), 21,
                role(R::tail_morph), 22});
  // Shares are those among the senses that are kept.
  REQUIRE(
      detail::fill_slots(word, {.most_senses = 1, .sememes_a_sense = 1, .most_morphs = 2}, -1) ==
      Terms{role(R::first_sememe), 10, role(R::head_morph), 20, role(R::tail_morph), 22});
  REQUIRE(detail::fill_slots(word, {.order = 1, .most_senses = 0, .most_morphs = 1}, -1) ==
          Terms{30, 22});
  REQUIRE(detail::fill_slots({{}, {20}, 30}, filling, -1) ==
          Terms{role(R::word_class), 30, role(R::only_morph), 20});
  REQUIRE(detail::fill_slots({{{1, {}}}, {}, 30}, filling, -1) == Terms{role(R::word_class), 30});
  REQUIRE(detail::fill_slots({{}, {20, 20}, 30}, {.order = 3}, -1) ==
          Terms{role(R::word_class), role(R::word_class), 30, role(R::head_morph),
                role(R::head_morph), 20});
}

TEST_CASE("Slots: a sense is a product of its units where a term holds them all") {
  const detail::WordUnits word{{{0.75, {10, 11}}, {0.25, {12}}}, {20}, 30};
  REQUIRE(detail::fill_slots(word, {.units_a_term = 2}, 99) == Terms{10, 20, 11, 99, 12, 20});
  REQUIRE(detail::fill_slots(word, {.units_a_term = 2, .sememes_a_sense = 1}, 99) ==
          Terms{10, 20, 12, 20});
  REQUIRE(detail::fill_slots(word, {.order = 3, .units_a_term = 3}, 99) ==
          Terms{10, 20, 11, 12, 20, 99});
  using R = detail::UnitRole;
  REQUIRE(detail::fill_slots(word, {.order = 3, .units_a_term = 2}, 99) ==
          Terms{role(R::first_sememe), 10, 20, role(R::first_sememe), 11, 99,
                role(R::first_sememe, 2), 12, 20});
  REQUIRE(detail::fill_slots({{}, {20, 21}, 30}, {.units_a_term = 2}, 99) == Terms{30, 20, 21, 99});
  // A group that the word has already is dropped.
  REQUIRE(detail::fill_slots({{{0.5, {10}}, {0.5, {10}}}, {}, 30}, {.units_a_term = 2}, 99) ==
          Terms{10, 99});
}

TEST_CASE("A word's class is told by its characters") {
  REQUIRE(detail::class_of_word("paris") == detail::WordClass::letters);
  REQUIRE(detail::class_of_word("o'neill-") == detail::WordClass::letters);
  REQUIRE(detail::class_of_word("\xc3\xa9") == detail::WordClass::letters);
  REQUIRE(detail::class_of_word("1,984") == detail::WordClass::number);
  REQUIRE(detail::class_of_word("b2b") == detail::WordClass::mixed);
  REQUIRE(detail::class_of_word("'") == detail::WordClass::other);
  REQUIRE(detail::class_of_word("") == detail::WordClass::other);
}

TEST_CASE("A knowledge lexicon: units, terms and report of a small vocabulary") {
  const Source source = parse(small_lines, small_sememes);
  const KnowledgeLexicon knowledge = make(source);
  const KnowledgeUnits& units = knowledge.units;
  REQUIRE(units.sememes.size() == 4);  // "unused" is not
  REQUIRE_FALSE(units.sememes.find("unused"));
  REQUIRE(units.morphs.size() == 8);
  REQUIRE(units.distinctions == 0);
  REQUIRE(units.morph_counts[static_cast<std::size_t>(*units.morphs.find("bank"))] == 2);
  REQUIRE(unit_names(knowledge, 1) ==
          std::vector<Names>{{"money"}, {"act"}, {"water"}, {"bank"}, {"s"}});
  REQUIRE(unit_names(knowledge, 3) == std::vector<Names>{{"word of letters"}, {"qz"}, {"x"}});
  REQUIRE(unit_names(knowledge, 5) == std::vector<Names>{{"number"}, {"4"}, {"2"}});
  REQUIRE(unit_names(knowledge, 6) == std::vector<Names>{{"word of other characters"}, {"!"}});

  const KnowledgeReport& report = knowledge.report;
  REQUIRE(report.words == 7);
  REQUIRE(report.with_senses == 3);
  REQUIRE(report.with_morphs_only == 2);  // "qz" and "qzx", which share "qz"
  REQUIRE(report.with_neither == 2);
  REQUIRE(report.share(report.with_senses) == Approx(3.0 / 7));
  REQUIRE(report.senses_a_word == 2);
  REQUIRE(report.terms == knowledge.lexicon.senses());
  REQUIRE(report.units == units.size());
  REQUIRE(report.collisions_before == 0);
  REQUIRE(report.collisions == 0);

  const KnowledgeLexicon product = make(source, {.filling = {.units_a_term = 2}});
  REQUIRE(product.lexicon.table() == SlotTable::shared(2, product.units.size()));
  REQUIRE(product.units.name(product.units.size() - 1) == "blank");
  REQUIRE(unit_names(product, 0) ==
          std::vector<Names>{{"money", "bank"}, {"act", "blank"}, {"water", "bank"}});
  REQUIRE(KnowledgeReport().share(0) == 0);

  const KnowledgeLexicon of_senses = make(source, {.filling = {.most_morphs = 0}});
  REQUIRE(of_senses.report.with_senses == 3);
  REQUIRE(of_senses.report.with_morphs_only == 0);
  REQUIRE(of_senses.report.with_neither == 4);

  const KnowledgeLexicon apart = make(source, {.filling = {.morphs_beside_senses = 0}});
  REQUIRE(unit_names(apart, 1) == std::vector<Names>{{"money"}, {"act"}, {"water"}, {"bank"}});
  REQUIRE(unit_names(apart, 3) == unit_names(knowledge, 3));
  REQUIRE(apart.report.with_morphs_only == 2);
  REQUIRE(apart.report.collisions == 0);
  REQUIRE_THROWS_AS(make(source, {.filling = {.morphs_beside_senses = -1}}), Error);
}

TEST_CASE("Equal words are told apart by what else is known of them, then by distinctions") {
  const Source source =
      parse({"a x / animal money", "b x / animal water", "c x y z / animal", "d x / animal", "a x"},
            small_sememes);
  const SlotFilling tight{.sememes_a_sense = 1, .most_morphs = 1};
  const KnowledgeLexicon knowledge = make(source, {.filling = tight, .distinctions = 1});
  // c keeps its last morph, so a, b and d are equal; the second a stays as the first.
  REQUIRE(knowledge.report.collisions_before == 2);
  REQUIRE(knowledge.report.told_by_units == 1);
  REQUIRE(knowledge.report.told_by_distinctions == 1);
  REQUIRE(unit_names(knowledge, 0) == std::vector<Names>{{"animal"}, {"x"}});
  REQUIRE(unit_names(knowledge, 1) == std::vector<Names>{{"animal"}, {"x"}, {"water"}});
  REQUIRE(unit_names(knowledge, 3) == std::vector<Names>{{"animal"}, {"x"}, {"distinction 0"}});
  REQUIRE(row(knowledge.lexicon, 4) == row(knowledge.lexicon, 0));
  REQUIRE(knowledge.units.distinctions == 1);

  const KnowledgeLexicon equal = make(source, {.filling = tight, .distinct = false});
  REQUIRE(equal.report.collisions == 2);
  REQUIRE(equal.report.collisions == equal.report.collisions_before);
  REQUIRE(row(equal.lexicon, 1) == row(equal.lexicon, 0));
}

TEST_CASE("No two distinct words have equal rows, for any order and filling") {
  const Source source = random_source(3, 120);
  for (const SlotFilling& filling : fillings())
    for (const Index distinctions : {1, 3}) {
      INFO(filling.order << " slots, " << filling.units_a_term << " units a term");
      const KnowledgeLexicon equal = make(source, {filling, false, distinctions});
      const KnowledgeLexicon knowledge = make(source, {filling, true, distinctions});
      CHECK(equal.report.collisions == count_collisions(equal.lexicon, source.words));
      CHECK(equal.report.collisions > 20);
      CHECK(knowledge.report.collisions_before == equal.report.collisions);
      CHECK(count_collisions(knowledge.lexicon, source.words) == 0);
      CHECK(knowledge.report.collisions == 0);
      CHECK(row(knowledge.lexicon, 9) == row(knowledge.lexicon, 0));
      CHECK(knowledge.lexicon.order() == filling.order);

      std::set<Index> used;
      Index units[max_order];
      for (Index w = 0; w < source.words.size(); ++w)
        for (Index s = 0; s < knowledge.lexicon.rank(w); ++s) {
          knowledge.lexicon.units(w, s, units);
          used.insert(units + filling.roles(), units + filling.order);
          for (int j = 0; j < filling.roles(); ++j) CHECK(units[j] == units[0]);
        }
      for (Index u = 0; u < knowledge.units.size(); ++u)
        if (u < knowledge.units.word_class(detail::WordClass::letters) ||
            (u >= knowledge.units.distinction(0) && u < knowledge.units.blank()))
          CHECK(used.count(u) == 1);
      const KnowledgeLexicon again = make(source, {filling, true, distinctions});
      CHECK(std::equal(again.lexicon.packed().begin(), again.lexicon.packed().end(),
                       knowledge.lexicon.packed().begin(), knowledge.lexicon.packed().end()));
    }
}

TEST_CASE("Multisets of digits are all different, the shortest first") {
  for (const Index base : {1, 2, 5}) {
    std::set<Terms> met;
    std::size_t length = 0;
    for (Index n = 0; n < 60; ++n) {
      Terms digits = detail::digit_multiset(n, base);
      CHECK(digits.size() >= length);
      length = digits.size();
      for (const Index digit : digits) CHECK((digit >= 0 && digit < base));
      std::sort(digits.begin(), digits.end());
      CHECK(met.insert(digits).second);
    }
  }
  CHECK(detail::digit_multiset(0, 4).empty());
  CHECK(detail::digit_multiset(4, 4) == Terms{3});
}

TEST_CASE("Where the first source knows no sense the second is asked") {
  const Source first = parse({"bank b / money", "goose g", "x x"}, {"money", "animal"});
  const Source second = parse({"bank b / act", "goose g / water / animal money", "x x"},
                              {"act", "water", "money", "animal"});
  const SememeAnnotation both = fall_back(first.annotation, second.annotation);
  const auto names = [&](Index s) {
    Names list;
    for (const auto id : both.sememes_of(s)) list.emplace_back(both.sememes[id]);
    return list;
  };
  REQUIRE(both.words() == 3);
  REQUIRE(both.senses_of(0) == 1);
  REQUIRE(names(0) == Names{"money"});
  REQUIRE(both.senses_of(1) == 2);
  REQUIRE(names(1) == Names{"water"});
  REQUIRE(names(2) == Names{"animal", "money"});
  REQUIRE(both.shares[1] == Approx(2.0 / 3));
  REQUIRE(both.senses_of(2) == 0);
  REQUIRE(both.sememes.size() == 4);
  REQUIRE(says<Error>("senses of 3 and of 0 words",
                      [&] { fall_back(first.annotation, SememeAnnotation()); }));
}

TEST_CASE("A knowledge lexicon of sources that do not fit is refused") {
  const Source source = parse(small_lines, small_sememes);
  const Source other = parse({"a a"}, small_sememes);
  const auto refused = [&](const KnowledgeLexiconOptions& options, const std::string& message) {
    CHECK(says<Error>(message, [&] { make(source, options); }));
  };
  refused({.filling = {.order = 0}}, "terms of order 0");
  refused({.filling = {.order = max_order + 1}}, "needed 1 to");
  refused({.filling = {.units_a_term = 0}}, "0 units a term, needed 1 to the order 2");
  refused({.filling = {.units_a_term = 3}}, "3 units a term");
  refused({.filling = {.most_senses = -1}}, "-1 senses of");
  refused({.filling = {.sememes_a_sense = 0}}, "of 0 sememes");
  refused({.filling = {.most_morphs = -1}}, "-1 morphs");
  refused({.distinctions = 0}, "0 distinctions, needed at least 1");
  CHECK(says<Error>("knowledge of 7 and 1 words, needed the 7", [&] {
    make_knowledge_lexicon(source.words, source.annotation, other.morphemes);
  }));
  CHECK(says<Error>("knowledge of 1 and 7 words, needed the 7", [&] {
    make_knowledge_lexicon(source.words, other.annotation, source.morphemes);
  }));
}

TEST_CASE("A knowledge lexicon of no words") {
  const Source source = parse({}, small_sememes);
  const KnowledgeLexicon knowledge = make(source);
  REQUIRE(knowledge.lexicon.words() == 0);
  REQUIRE(knowledge.report.terms == 0);
}
