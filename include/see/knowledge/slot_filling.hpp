#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/knowledge/segmenter.hpp"
#include "see/model/lexicon.hpp"

namespace see {

/// How what is known of a word fills the slots of its terms (what Lexicon calls senses).
///
/// The last g = `units_a_term` slots of a term hold units, all slots before them the term's role,
/// which says what the units are to the word:
///
///  - g = 1, order 2 (the default): every sememe of a word's senses and every morph has a term of
///    its own, role (x) unit. A row is linear in the units, so that units learned from some words
///    serve others; roles weigh and turn them (tensor products of fillers and roles: Smolensky,
///    Artificial Intelligence 46, 1990). A sememe of several senses has one term. At order 1 there
///    is no role; above 2 every slot but the last holds the same role, which says no more.
///  - g = order: a sense is one product of its units and the word's, as in SEE (arXiv 2412.12204),
///    or more where it has more units than slots; there are no roles.
///
/// For g > 1 the units of a sense, a sememe and a morph in turn while both last, are cut into
/// groups of g, and what has too few units is filled up with the blank unit; a group that the word
/// has already is dropped. A word without senses has one sense: its class, then its morphs.
struct SlotFilling {
  int order = 2;
  int units_a_term = 1;
  Index most_senses = 4;      ///< of a word are kept, the most frequent ones
  Index sememes_a_sense = 5;  ///< are kept, the most telling ones
  Index most_morphs = 6;      ///< of a word are kept: the first ones and the last one
  Index morphs_beside_senses =
      std::numeric_limits<Index>::max();  ///< of these, where it has senses

  bool operator==(const SlotFilling&) const = default;

  int roles() const noexcept { return order - units_a_term; }  ///< slots that hold the role

  /// Throws where a number is out of range.
  void validate() const {
    detail::require(order >= 1 && order <= max_order, "terms of order ", order, ", needed 1 to ",
                    max_order);
    detail::require(units_a_term >= 1 && units_a_term <= order, units_a_term,
                    " units a term, needed 1 to the order ", order);
    detail::require(most_senses >= 0 && sememes_a_sense >= 1 && most_morphs >= 0, most_senses,
                    " senses of ", sememes_a_sense, " sememes and ", most_morphs,
                    " morphs, needed at least 0, 1 and 0");
    detail::require(morphs_beside_senses >= 0, morphs_beside_senses,
                    " morphs beside senses, needed at least 0");
  }
};

namespace detail {

/// What words look like of which no source knows a sense: names, mostly, and numbers.
enum class WordClass { letters, number, mixed, other };

inline constexpr Index word_classes = 4;

/// `letters` where the word has letters and no digit, `number` for the converse, `mixed` for both,
/// `other` for neither. Characters beyond ASCII are letters.
inline WordClass class_of_word(std::string_view word) noexcept {
  bool letters = false, digits = false;
  for (const char c : word) {
    const auto kind = class_of(c);
    letters = letters || (kind == CharacterClass::letter && c != '\'');
    digits = digits || kind == CharacterClass::digit;
  }
  if (letters) return digits ? WordClass::mixed : WordClass::letters;
  return digits ? WordClass::number : WordClass::other;
}

/// What a unit is to a word. A sememe's role says how much of the word's use has it, in quarters of
/// one, and whether it is the first of a sense; a morph's where it stands.
enum class UnitRole : std::uint8_t {
  first_sememe,                       ///< and the 3 after it: of falling share
  further_sememe = first_sememe + 4,  ///< and the 3 after it
  only_morph = further_sememe + 4,
  head_morph,
  inner_morph,
  tail_morph,
  word_class,
  distinction,  ///< tells words apart that are equal else
};

inline constexpr Index unit_roles = static_cast<Index>(UnitRole::distinction) + 1;

/// What is known of one word, in unit numbers.
struct WordUnits {
  struct Sense {
    double share = 1;
    std::vector<Index> sememes;
  };
  std::vector<Sense> senses;  ///< the most frequent first
  std::vector<Index> morphs;  ///< in the order of the word
  Index word_class = 0;       ///< unit of its class
};

/// Whether one of `terms` has the units of `term`, in whatever role.
inline bool has_units(const SlotFilling& filling, const std::vector<Index>& terms,
                      const Index* term) noexcept {
  for (auto at = terms.begin(); at != terms.end(); at += filling.order)
    if (std::equal(at + filling.roles(), at + filling.order, term + filling.roles())) return true;
  return false;
}

/// Appends terms of units and roles to a row.
class TermWriter {
 public:
  /// `blank`: the unit that fills up, for units_a_term > 1. `terms` is written to.
  TermWriter(const SlotFilling& filling, Index blank, std::vector<Index>& terms)
      : filling_(filling), blank_(blank), terms_(terms) {}

  /// Appends a term of `count` units, at most units_a_term, unless the row has one of these units.
  void add(const Index* units, std::size_t count, UnitRole role) {
    std::array<Index, max_order> term;
    term.fill(blank_);
    std::fill_n(term.begin(), filling_.roles(), static_cast<Index>(role));
    std::copy_n(units, count, term.begin() + filling_.roles());
    if (!has_units(filling_, terms_, term.data()))
      terms_.insert(terms_.end(), term.begin(), term.begin() + filling_.order);
  }
  void add(Index unit, UnitRole role) { add(&unit, 1, role); }

 private:
  const SlotFilling& filling_;
  Index blank_;
  std::vector<Index>& terms_;
};

inline UnitRole morph_role(std::size_t at, std::size_t count) noexcept {
  if (count == 1) return UnitRole::only_morph;
  return at == 0           ? UnitRole::head_morph
         : at + 1 == count ? UnitRole::tail_morph
                           : UnitRole::inner_morph;
}

/// The role of a sememe that `share` of a word's use has.
inline UnitRole sememe_role(UnitRole kind, double share) noexcept {
  const int quarter = std::clamp(static_cast<int>(4 * share), 0, 3);
  return static_cast<UnitRole>(static_cast<int>(kind) + 3 - quarter);
}

/// One term for each sememe and morph.
inline void fill_single(const WordUnits& word, const std::vector<WordUnits::Sense>& senses,
                        const std::vector<Index>& morphs, TermWriter& writer) {
  struct Weighed {
    Index sememe;
    UnitRole kind;
    double share;
  };
  std::vector<Weighed> sememes;
  for (const auto& sense : senses)
    for (std::size_t i = 0; i < sense.sememes.size(); ++i) {
      const auto same = std::find_if(sememes.begin(), sememes.end(), [&](const Weighed& other) {
        return other.sememe == sense.sememes[i];
      });
      if (same != sememes.end()) {
        same->share += sense.share;
        if (i == 0) same->kind = UnitRole::first_sememe;
      } else {
        sememes.push_back({sense.sememes[i],
                           i == 0 ? UnitRole::first_sememe : UnitRole::further_sememe,
                           sense.share});
      }
    }
  for (const Weighed& s : sememes) writer.add(s.sememe, sememe_role(s.kind, s.share));
  if (sememes.empty()) writer.add(word.word_class, UnitRole::word_class);
  for (std::size_t i = 0; i < morphs.size(); ++i)
    writer.add(morphs[i], morph_role(i, morphs.size()));
}

/// Groups of units of each sense.
inline void fill_groups(const WordUnits& word, const std::vector<WordUnits::Sense>& senses,
                        const std::vector<Index>& morphs, std::size_t group, TermWriter& writer) {
  const auto write = [&](const std::vector<Index>& units, UnitRole role) {
    for (std::size_t at = 0; at < units.size(); at += group)
      writer.add(units.data() + at, std::min(group, units.size() - at), role);
  };
  std::vector<Index> units;
  for (const auto& sense : senses) {
    units.clear();
    for (std::size_t i = 0; i < std::max(sense.sememes.size(), morphs.size()); ++i) {
      if (i < sense.sememes.size()) units.push_back(sense.sememes[i]);
      if (i < morphs.size()) units.push_back(morphs[i]);
    }
    write(units, sememe_role(UnitRole::first_sememe, sense.share));
  }
  if (!senses.empty()) return;
  units = {word.word_class};
  units.insert(units.end(), morphs.begin(), morphs.end());
  write(units, UnitRole::word_class);
}

/// The terms of a word, order numbers each: the role, then units. One term at least. Cost:
/// quadratic in the units of the word.
inline std::vector<Index> fill_slots(const WordUnits& word, const SlotFilling& filling,
                                     Index blank) {
  const auto limit = [](auto& list, Index most) {
    if (static_cast<Index>(list.size()) > most) list.resize(static_cast<std::size_t>(most));
  };
  std::vector<WordUnits::Sense> senses = word.senses;
  std::erase_if(senses, [](const auto& sense) { return sense.sememes.empty(); });
  limit(senses, filling.most_senses);
  double shares = 0;
  for (auto& sense : senses) {
    limit(sense.sememes, filling.sememes_a_sense);
    shares += sense.share;
  }
  for (auto& sense : senses) sense.share /= shares;
  std::vector<Index> morphs = word.morphs;
  limit(morphs, senses.empty() ? filling.most_morphs
                               : std::min(filling.most_morphs, filling.morphs_beside_senses));
  if (!morphs.empty()) morphs.back() = word.morphs.back();
  std::vector<Index> terms;
  TermWriter writer(filling, blank, terms);
  if (filling.units_a_term == 1)
    fill_single(word, senses, morphs, writer);
  else
    fill_groups(word, senses, morphs, static_cast<std::size_t>(filling.units_a_term), writer);
  return terms;
}

}  // namespace detail
}  // namespace see
