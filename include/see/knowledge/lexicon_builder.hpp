#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/knowledge/slot_filling.hpp"
#include "see/model/lexicon.hpp"

namespace see {

/// The inventory of units that a knowledge lexicon's slots draw from, in this order: sememes,
/// morphs, the classes of words without senses, distinctions, and where terms hold several units
/// the blank.
struct KnowledgeUnits {
  Vocabulary sememes;                ///< names
  Vocabulary morphs;                 ///< forms
  std::vector<double> morph_counts;  ///< in how many terms each is
  Index distinctions = 0;
  bool has_blank = false;

  Index morph(Index i) const noexcept { return sememes.size() + i; }
  Index word_class(detail::WordClass c) const noexcept {
    return morph(morphs.size()) + static_cast<Index>(c);
  }
  Index distinction(Index i) const noexcept {
    return morph(morphs.size()) + detail::word_classes + i;
  }
  Index blank() const noexcept { return distinction(distinctions); }
  Index size() const noexcept { return blank() + (has_blank ? 1 : 0); }

  /// What unit `u` stands for, 0 <= u < size().
  std::string name(Index u) const {
    static constexpr std::array<std::string_view, detail::word_classes> classes{
        "word of letters", "number", "word of letters and digits", "word of other characters"};
    if (u < sememes.size()) return std::string(sememes[u]);
    if (u < word_class(detail::WordClass::letters)) return std::string(morphs[u - sememes.size()]);
    if (u < distinction(0))
      return std::string(
          classes[static_cast<std::size_t>(u - word_class(detail::WordClass::letters))]);
    return u < blank() ? detail::text("distinction ", u - distinction(0)) : "blank";
  }
};

struct KnowledgeLexiconOptions {
  SlotFilling filling = {};
  bool distinct = true;     ///< no two distinct words have the same terms
  Index distinctions = 16;  ///< units that serve for nothing else, at most
};

/// What a knowledge lexicon is made of. A word has the row of another where both have the same
/// terms in any order.
struct KnowledgeReport {
  Index words = 0;
  Index with_senses = 0;  ///< words with a sense
  /// Words without a sense, but with a morph of two characters or more that another word has too;
  /// none where the filling takes no morphs.
  Index with_morphs_only = 0;
  Index with_neither = 0;
  double senses_a_word = 0;  ///< of words with senses, as many as are kept
  Index terms = 0;
  Index units = 0;              ///< all of them are in use, but for classes and distinctions
  Index collisions_before = 0;  ///< words that have the row of an earlier word, first
  Index told_by_units = 0;      ///< words that got more of their own units for that
  Index told_by_distinctions = 0;
  Index collisions = 0;  ///< in the end; 0 where rows are to be distinct and words are

  double share(Index count) const noexcept {
    return words == 0 ? 0 : static_cast<double>(count) / static_cast<double>(words);
  }
};

/// A lexicon made from knowledge, and what it takes to compose words that it lacks (compose()).
/// Inventory 0 holds the units, inventory 1 the roles where the filling has any: unit_roles of
/// them. Slots that share an inventory need equal factor dimensions.
struct KnowledgeLexicon {
  Lexicon lexicon;
  SlotFilling filling;
  KnowledgeUnits units;
  KnowledgeReport report;
};

namespace detail {

inline SlotTable slots_of(const SlotFilling& filling, Index units) {
  SlotTable table = SlotTable::shared(filling.order, units);
  if (filling.roles() > 0) table.sizes.push_back(unit_roles);
  std::fill_n(table.slots.begin(), filling.roles(), 1);
  return table;
}

/// The units of word `w` with the sememes and morphs numbered as in `units`; `sememe_units` and
/// `morph_units` give the number of each in there, -1 for none.
inline WordUnits word_units(Index w, std::string_view word, const SememeAnnotation& annotation,
                            std::span<const std::uint32_t> morphs,
                            std::span<const Index> sememe_units, std::span<const Index> morph_units,
                            const KnowledgeUnits& units) {
  WordUnits result;
  const auto first = annotation.first_sense[static_cast<std::size_t>(w)];
  for (Index s = first; s < first + annotation.senses_of(w); ++s) {
    auto& sense = result.senses.emplace_back();
    sense.share = static_cast<double>(annotation.shares[static_cast<std::size_t>(s)]);
    for (const auto id : annotation.sememes_of(s))
      if (sememe_units[id] >= 0) sense.sememes.push_back(sememe_units[id]);
  }
  for (const auto id : morphs)
    if (morph_units[id] >= 0) result.morphs.push_back(morph_units[id]);
  result.word_class = units.word_class(class_of_word(word));
  return result;
}

/// A row's terms in ascending order, as bytes: equal for rows of equal terms.
inline std::string row_key(const std::vector<Index>& row, int order) {
  const auto length = static_cast<std::size_t>(order);
  std::vector<std::span<const Index>> terms;
  for (std::size_t at = 0; at < row.size(); at += length)
    terms.emplace_back(row.data() + at, length);
  std::sort(terms.begin(), terms.end(), [](const auto& a, const auto& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  });
  std::string bytes;
  for (const auto& term : terms)
    for (const Index unit : term)
      for (int shift = 0; shift < 32; shift += 8)
        bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(unit) >> shift));
  return bytes;
}

/// The `number`-th non-decreasing sequence of digits below `base`, by length, then in order; the
/// first is empty. No two have equal digits.
inline std::vector<Index> digit_multiset(Index number, Index base) {
  std::vector<Index> digits;
  for (; number > 0; --number) {
    std::size_t at = digits.size();
    while (at > 0 && digits[at - 1] == base - 1) --at;
    if (at == 0) {
      digits.assign(digits.size() + 1, 0);
    } else {
      std::fill(digits.begin() + static_cast<std::ptrdiff_t>(at) - 1, digits.end(),
                digits[at - 1] + 1);
    }
  }
  return digits;
}

class KnowledgeLexiconMaker {
 public:
  KnowledgeLexiconMaker(const Vocabulary& words, const SememeAnnotation& annotation,
                        const Morphemes& morphemes, const KnowledgeLexiconOptions& options)
      : words_(words), annotation_(annotation), morphemes_(morphemes), options_(options) {
    units_.sememes = annotation.sememes;
    units_.morphs = morphemes.forms;
    units_.distinctions = options.distinct ? options.distinctions : 0;
    units_.has_blank = options.filling.units_a_term > 1;
    sememe_units_.resize(static_cast<std::size_t>(units_.sememes.size()));
    morph_units_.resize(static_cast<std::size_t>(units_.morphs.size()));
    std::iota(sememe_units_.begin(), sememe_units_.end(), Index{0});
    std::iota(morph_units_.begin(), morph_units_.end(), units_.morph(0));
  }

  KnowledgeLexicon make() {
    count_coverage();
    for (Index w = 0; w < words_.size(); ++w) rows_.push_back(fill(w, options_.filling));
    tell_apart();
    drop_unused();
    KnowledgeLexicon result{{}, options_.filling, std::move(units_), report_};
    LexiconBuilder builder(slots_of(options_.filling, result.units.size()));
    const auto order = static_cast<std::size_t>(options_.filling.order);
    for (const auto& row : rows_) {
      builder.word();
      for (std::size_t at = 0; at < row.size(); at += order)
        builder.sense(std::span<const Index>(row.data() + at, order));
    }
    result.lexicon = builder.finish();
    result.report.terms = result.lexicon.senses();
    result.report.units = result.units.size();
    return result;
  }

 private:
  std::vector<Index> fill(Index w, const SlotFilling& filling) const {
    return fill_slots(word_units(w, words_[w], annotation_, morphemes_.of(w), sememe_units_,
                                 morph_units_, units_),
                      filling, units_.blank());
  }

  void count_coverage() {
    Index senses = 0;
    report_.words = words_.size();
    for (Index w = 0; w < words_.size(); ++w) {
      const Index kept = std::min(annotation_.senses_of(w), options_.filling.most_senses);
      senses += kept;
      const auto morphs = morphemes_.of(w);
      const bool shared = options_.filling.most_morphs > 0 &&
                          std::any_of(morphs.begin(), morphs.end(), [&](std::uint32_t m) {
                            const std::string_view form = morphemes_.forms[m];
                            return morphemes_.counts[m] > 1 && form.size() > character_length(form);
                          });
      ++(kept > 0 ? report_.with_senses : shared ? report_.with_morphs_only : report_.with_neither);
    }
    if (report_.with_senses > 0)
      report_.senses_a_word =
          static_cast<double>(senses) / static_cast<double>(report_.with_senses);
  }

  /// Words by equal rows, two or more each, in the order of their first words; of a word that
  /// occurs twice the first occurrence. O(all terms).
  std::vector<std::vector<Index>> collisions() const {
    std::unordered_map<std::string, std::size_t> found;
    found.reserve(rows_.size());
    std::vector<std::vector<Index>> groups;
    for (Index w = 0; w < words_.size(); ++w) {
      if (words_.find(words_[w]) != w) continue;
      const auto& row = rows_[static_cast<std::size_t>(w)];
      const auto [at, fresh] = found.emplace(row_key(row, options_.filling.order), groups.size());
      if (fresh) groups.emplace_back();
      groups[at->second].push_back(w);
    }
    std::erase_if(groups, [](const auto& group) { return group.size() < 2; });
    return groups;
  }

  /// Adds to `row` the first term of `all` whose units it lacks; false where there is none.
  bool add_missing(std::vector<Index>& row, const std::vector<Index>& all) const {
    for (auto term = all.begin(); term != all.end(); term += options_.filling.order)
      if (!has_units(options_.filling, row, &*term)) {
        row.insert(row.end(), term, term + options_.filling.order);
        return true;
      }
    return false;
  }

  static Index repeats(const std::vector<std::vector<Index>>& groups) {
    Index count = 0;
    for (const auto& group : groups) count += static_cast<Index>(group.size()) - 1;
    return count;
  }

  /// Words that have the row of an earlier one get more of their own units while they have any;
  /// what is then still equal gets distinctions.
  void tell_apart() {
    auto groups = collisions();
    report_.collisions_before = report_.collisions = repeats(groups);
    if (!options_.distinct) return;
    SlotFilling everything = options_.filling;
    everything.most_senses = everything.sememes_a_sense = everything.most_morphs =
        everything.morphs_beside_senses = std::numeric_limits<Index>::max();
    std::vector<bool> extended(rows_.size(), false);
    for (bool any = true; any && !groups.empty(); groups = collisions()) {
      any = false;
      for (const auto& group : groups)
        for (std::size_t i = 1; i < group.size(); ++i) {
          const auto w = static_cast<std::size_t>(group[i]);
          if (!add_missing(rows_[w], fill(group[i], everything))) continue;
          any = true;
          extended[w] = true;
        }
      if (!any) break;
    }
    report_.told_by_units = std::count(extended.begin(), extended.end(), true);
    report_.told_by_distinctions = repeats(groups);
    for (const auto& group : groups)
      for (std::size_t i = 1; i < group.size(); ++i)
        distinguish(rows_[static_cast<std::size_t>(group[i])], static_cast<Index>(i));
    report_.collisions = 0;
    for (Index w = 0; w < words_.size(); ++w)
      rows_[static_cast<std::size_t>(w)] = rows_[static_cast<std::size_t>(*words_.find(words_[w]))];
  }

  /// Digits are terms of their own, which may come twice in a row.
  void distinguish(std::vector<Index>& row, Index number) {
    for (const Index digit : digit_multiset(number, units_.distinctions)) {
      std::vector<Index> term;
      TermWriter writer(options_.filling, units_.blank(), term);
      writer.add(units_.distinction(digit), UnitRole::distinction);
      row.insert(row.end(), term.begin(), term.end());
    }
  }

  /// Renumbers units so that all sememes, morphs and distinctions are in use.
  void drop_unused() {
    const auto order = static_cast<std::size_t>(options_.filling.order);
    const auto roles = static_cast<std::size_t>(options_.filling.roles());
    std::vector<double> uses(static_cast<std::size_t>(units_.size()), 0);
    const auto for_units = [&](const auto& visit) {
      for (auto& row : rows_)
        for (std::size_t at = 0; at < row.size(); at += order)
          for (std::size_t j = roles; j < order; ++j) visit(row[at + j]);
    };
    for_units([&](Index u) { ++uses[static_cast<std::size_t>(u)]; });
    std::vector<Index> renumbered(uses.size(), -1);
    Index next = 0;
    const auto keep = [&](Index first, Index last, bool all) {
      std::vector<Index> kept;
      for (Index u = first; u < last; ++u)
        if (all || uses[static_cast<std::size_t>(u)] > 0) {
          renumbered[static_cast<std::size_t>(u)] = next++;
          kept.push_back(u);
        }
      return kept;
    };
    std::vector<std::string_view> sememes, morphs;
    std::vector<double> counts;
    for (const Index u : keep(0, units_.morph(0), false)) sememes.push_back(units_.sememes[u]);
    for (const Index u : keep(units_.morph(0), units_.word_class(WordClass::letters), false)) {
      morphs.push_back(units_.morphs[u - units_.morph(0)]);
      counts.push_back(uses[static_cast<std::size_t>(u)]);
    }
    keep(units_.word_class(WordClass::letters), units_.distinction(0), true);
    const auto distinctions = keep(units_.distinction(0), units_.blank(), false);
    keep(units_.blank(), units_.size(), true);
    for_units([&](Index& u) { u = renumbered[static_cast<std::size_t>(u)]; });
    units_ = {Vocabulary::from(sememes), Vocabulary::from(morphs), std::move(counts),
              static_cast<Index>(distinctions.size()), units_.has_blank};
  }

  const Vocabulary& words_;
  const SememeAnnotation& annotation_;
  const Morphemes& morphemes_;
  const KnowledgeLexiconOptions& options_;
  KnowledgeUnits units_;
  std::vector<Index> sememe_units_, morph_units_;
  std::vector<std::vector<Index>> rows_;  ///< the terms of each word
  KnowledgeReport report_;
};

}  // namespace detail

/// The lexicon of `words` from their senses and morphs, which are of the same words:
///
/// \code
///     const auto senses = look_up_all(wordnet, words);
///     const auto annotation = annotate(senses, WordNetSememes::choose(wordnet, senses, 2000));
///     const auto knowledge = make_knowledge_lexicon(words, annotation,
///                                                   build_morphemes(words, segmenter, 8000));
/// \endcode
///
/// fill_slots() says which terms a word has. Sememes and morphs that no term has are left out of
/// the units. Words that occur twice keep equal rows. Deterministic. O(words) but for the terms of
/// equal rows. Throws where the sources are of other words or an option is out of range.
inline KnowledgeLexicon make_knowledge_lexicon(const Vocabulary& words,
                                               const SememeAnnotation& annotation,
                                               const Morphemes& morphemes,
                                               const KnowledgeLexiconOptions& options = {}) {
  detail::require(annotation.words() == words.size() && morphemes.words() == words.size(),
                  "knowledge of ", annotation.words(), " and ", morphemes.words(),
                  " words, needed the ", words.size(), " of the vocabulary");
  options.filling.validate();
  detail::require(options.distinctions >= 1, options.distinctions,
                  " distinctions, needed at least 1");
  return detail::KnowledgeLexiconMaker(words, annotation, morphemes, options).make();
}

/// The senses that `first` knows of each word, of words that it does not know those of `second`.
/// Sememes of equal names are one. Throws where they are not of equally many words.
inline SememeAnnotation fall_back(const SememeAnnotation& first, const SememeAnnotation& second) {
  detail::require(first.words() == second.words(), "senses of ", first.words(), " and of ",
                  second.words(), " words, needed equally many");
  SememeAnnotation result;
  std::vector<std::string_view> names;
  for (Index i = 0; i < first.sememes.size(); ++i) names.push_back(first.sememes[i]);
  std::vector<std::uint32_t> numbers;
  for (Index i = 0; i < second.sememes.size(); ++i) {
    const auto found = first.sememes.find(second.sememes[i]);
    numbers.push_back(
        static_cast<std::uint32_t>(found ? *found : static_cast<Index>(names.size())));
    if (!found) names.push_back(second.sememes[i]);
  }
  result.sememes = Vocabulary::from(names);
  std::vector<std::uint32_t> ids;
  for (Index w = 0; w < first.words(); ++w) {
    const bool known = first.senses_of(w) > 0;
    const SememeAnnotation& source = known ? first : second;
    const auto from = source.first_sense[static_cast<std::size_t>(w)];
    for (Index s = from; s < from + source.senses_of(w); ++s) {
      ids.clear();
      for (const auto id : source.sememes_of(s)) ids.push_back(known ? id : numbers[id]);
      const auto at = static_cast<std::size_t>(s);
      result.add_sense(source.senses[at], static_cast<double>(source.shares[at]), ids);
    }
    result.end_word();
  }
  return result;
}

}  // namespace see
