#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/slot_filling.hpp"
#include "see/model/knowledge_notes.hpp"
#include "see/model/model.hpp"

/// What a knowledge lexicon needs beside its layer to compose words, to and from model files.
namespace see {

/// The names of the sememes and morphs of `knowledge` and its settings, for Model::knowledge.
/// `sources` are kept among the settings.
inline KnowledgeNotes to_notes(const KnowledgeLexicon& knowledge, Metadata sources = {}) {
  const KnowledgeUnits& units = knowledge.units;
  const SlotFilling& filling = knowledge.filling;
  std::vector<std::string_view> names;
  for (Index i = 0; i < units.sememes.size(); ++i) names.push_back(units.sememes[i]);
  for (Index i = 0; i < units.morphs.size(); ++i) names.push_back(units.morphs[i]);
  KnowledgeNotes notes{Vocabulary::from(names), std::move(sources)};
  const auto set = [&](const char* name, Index value) {
    notes.settings[name] = std::to_string(value);
  };
  set("sememes", units.sememes.size());
  set("distinctions", units.distinctions);
  set("units_a_term", filling.units_a_term);
  set("most_senses", filling.most_senses);
  set("sememes_a_sense", filling.sememes_a_sense);
  set("most_morphs", filling.most_morphs);
  if (filling.morphs_beside_senses < filling.most_morphs)
    set("morphs_beside_senses", filling.morphs_beside_senses);
  return notes;
}

namespace detail {

inline Index knowledge_setting(const KnowledgeNotes& notes, std::string_view name) {
  const auto found = notes.settings.find(name);
  require(found != notes.settings.end(), "a model whose knowledge lacks \"", name, '"');
  const std::string& digits = found->second;
  Index value = -1;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  require(error == std::errc() && stop == digits.data() + digits.size() && value >= 0,
          "a model whose knowledge has \"", name, "\" \"", digits, "\", needed a whole number");
  return value;
}

/// In how many terms of the lexicon each unit from `first` on is, `count` of them. O(terms).
inline std::vector<double> count_terms(const Lexicon& lexicon, int roles, Index first,
                                       Index count) {
  std::vector<double> counts(static_cast<std::size_t>(count), 0);
  Index units[max_order];
  for (Index w = 0; w < lexicon.words(); ++w)
    for (Index s = 0; s < lexicon.rank(w); ++s) {
      lexicon.units(w, s, units);
      for (int j = roles; j < lexicon.order(); ++j)
        if (units[j] >= first && units[j] < first + count)
          ++counts[static_cast<std::size_t>(units[j] - first)];
    }
  return counts;
}

}  // namespace detail

/// The knowledge that a model was made with, as Composer takes it: to_notes() undone, with the
/// counts of morphs from the model's lexicon. Of the report only words, terms and units are known.
/// O(terms). Throws where the model has no knowledge or its names and settings do not fit its
/// lexicon.
template <std::floating_point Scalar>
KnowledgeLexicon knowledge_of(const Model<Scalar>& model) {
  const KnowledgeNotes& notes = model.knowledge;
  detail::require(!notes.empty(), "a model without names of units, needed one made from knowledge");
  const Lexicon& lexicon = model.embedding.lexicon();
  const auto narrow = [&](const char* name) {
    const Index value = detail::knowledge_setting(notes, name);
    detail::require(value <= max_order, "a model whose knowledge has \"", name, "\" ", value,
                    ", needed at most ", max_order);
    return static_cast<int>(value);
  };
  KnowledgeLexicon result{lexicon, {}, {}, {}};
  result.filling = {lexicon.order(), narrow("units_a_term"),
                    detail::knowledge_setting(notes, "most_senses"),
                    detail::knowledge_setting(notes, "sememes_a_sense"),
                    detail::knowledge_setting(notes, "most_morphs")};
  if (notes.settings.contains("morphs_beside_senses"))
    result.filling.morphs_beside_senses = detail::knowledge_setting(notes, "morphs_beside_senses");
  result.filling.validate();
  const Index sememes = detail::knowledge_setting(notes, "sememes");
  detail::require(sememes <= notes.names.size(), "a model whose knowledge names ",
                  notes.names.size(), " units, needed its ", sememes, " sememes");
  std::vector<std::string_view> names;
  for (Index i = 0; i < notes.names.size(); ++i) names.push_back(notes.names[i]);
  const auto middle = names.begin() + static_cast<std::ptrdiff_t>(sememes);
  KnowledgeUnits& units = result.units;
  units.sememes = Vocabulary::from(std::vector<std::string_view>(names.begin(), middle));
  units.morphs = Vocabulary::from(std::vector<std::string_view>(middle, names.end()));
  units.has_blank = result.filling.units_a_term > 1;
  units.distinctions = detail::knowledge_setting(notes, "distinctions");
  detail::require(units.distinctions <= lexicon.table().sizes[0],
                  "a model whose knowledge has more distinctions than units");
  detail::require(lexicon.table() == detail::slots_of(result.filling, units.size()),
                  "a model of other units than its knowledge has");
  units.morph_counts =
      detail::count_terms(lexicon, result.filling.roles(), units.morph(0), units.morphs.size());
  result.report.words = lexicon.words();
  result.report.terms = lexicon.senses();
  result.report.units = units.size();
  return result;
}

/// Words of which nothing is known.
inline SememeAnnotation no_senses(Index words) {
  SememeAnnotation annotation;
  for (Index w = 0; w < words; ++w) annotation.end_word();
  return annotation;
}

}  // namespace see
