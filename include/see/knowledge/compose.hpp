#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/knowledge/segment_unigram.hpp"
#include "see/knowledge/slot_filling.hpp"
#include "see/model/embedding.hpp"

namespace see {

/// From what the row of a word was composed: how many of each kind.
struct Composition {
  Index senses = 0;          ///< that have a sememe among the units
  Index sememes = 0;         ///< terms that begin with a sememe
  Index morphs = 0;          ///< terms that begin with a morph
  std::vector<Index> terms;  ///< as detail::fill_slots() gives them

  /// Whether anything but the look of the word went into its row.
  bool is_known() const noexcept { return sememes + morphs > 0; }
};

/// Rows of words that a layer does not have: row i belongs to word i. Factors, mean and axes are
/// shared with the layer.
template <std::floating_point Scalar>
struct ComposedWords {
  EntangledEmbedding<Scalar> embedding;
  std::vector<Composition> compositions;
};

/// Composes words outside of a vocabulary.
class Composer {
 public:
  /// `knowledge` is what the layer's lexicon was made with; its words are not looked at.
  explicit Composer(const KnowledgeLexicon& knowledge)
      : filling_(knowledge.filling),
        units_(knowledge.units),
        segmenter_(units_.morphs, units_.morph_counts) {}

  /// Cuts words into the units' own morphs by how often these are used, where the segmenter that
  /// the lexicon was made with is not at hand.
  const UnigramSegmenter& segmenter() const noexcept { return segmenter_; }

  /// The terms of each of `words`, as the lexicon's own words have them, from their senses and
  /// morphs by the same sources. Sememes go by name, morphs by form. A sememe that is no unit is
  /// passed over; of a form that is none, the units that its letters can be cut into serve.
  std::vector<Composition> compose(const Vocabulary& words, const SememeAnnotation& annotation,
                                   const Morphemes& morphemes) const {
    detail::require(annotation.words() == words.size() && morphemes.words() == words.size(),
                    "knowledge of ", annotation.words(), " and ", morphemes.words(),
                    " words, needed the ", words.size(), " to compose");
    std::vector<Index> sememe_units, morph_units;
    for (Index i = 0; i < annotation.sememes.size(); ++i)
      sememe_units.push_back(units_.sememes.find(annotation.sememes[i]).value_or(-1));
    for (Index i = 0; i < units_.morphs.size(); ++i) morph_units.push_back(units_.morph(i));
    std::vector<Composition> result;
    std::vector<std::uint32_t> morphs;
    for (Index w = 0; w < words.size(); ++w) {
      morphs.clear();
      for (const auto id : morphemes.of(w)) add_morphs(morphemes.forms[id], morphs);
      const detail::WordUnits word =
          detail::word_units(w, words[w], annotation, morphs, sememe_units, morph_units, units_);
      result.push_back(count(word));
    }
    return result;
  }

  /// The same as rows of `layer`, whose lexicon is that of the knowledge; a word scale is the mean
  /// of the layer's. Throws also where the layer has gains for each sense, which unseen words lack,
  /// or for each term, or another slot table.
  template <std::floating_point Scalar, int Order>
  ComposedWords<Scalar> compose(const EntangledEmbedding<Scalar, Order>& layer,
                                const Vocabulary& words, const SememeAnnotation& annotation,
                                const Morphemes& morphemes) const {
    const EmbeddingParts<Scalar>& parts = layer.parts();
    detail::require(parts.gain_scope == GainScope::none,
                    "composing words with a layer that has gains, needed one without");
    detail::require(parts.lexicon.table() == detail::slots_of(filling_, units_.size()),
                    "composing words with a layer of other units than the knowledge has");
    auto compositions = compose(words, annotation, morphemes);
    LexiconBuilder builder(parts.lexicon.table());
    const auto order = static_cast<std::size_t>(filling_.order);
    for (const Composition& composition : compositions) {
      builder.word();
      for (std::size_t at = 0; at < composition.terms.size(); at += order)
        builder.sense(std::span<const Index>(composition.terms.data() + at, order));
    }
    EmbeddingParts<Scalar> composed;
    composed.shape = parts.shape;
    composed.inventories = parts.inventories;
    composed.lexicon = builder.finish();
    composed.word_scale = mean_scale(parts.word_scale, parts.lexicon.words(), words.size());
    composed.basis = parts.basis;
    composed.layer_norm = parts.layer_norm;
    return {EntangledEmbedding<Scalar>(std::move(composed)), std::move(compositions)};
  }

 private:
  /// Adds the numbers among the units' morphs that serve for `form`.
  void add_morphs(std::string_view form, std::vector<std::uint32_t>& morphs) const {
    if (const auto found = units_.morphs.find(form)) {
      morphs.push_back(static_cast<std::uint32_t>(*found));
      return;
    }
    for (const Morph& part : segment(segmenter_, form))
      if (const auto found = units_.morphs.find(part.form))
        morphs.push_back(static_cast<std::uint32_t>(*found));
  }

  Composition count(const detail::WordUnits& word) const {
    Composition result;
    result.terms = detail::fill_slots(word, filling_, units_.blank());
    for (const auto& sense : word.senses) result.senses += !sense.sememes.empty();
    result.senses = std::min(result.senses, filling_.most_senses);
    for (std::size_t at = 0; at < result.terms.size();
         at += static_cast<std::size_t>(filling_.order)) {
      const Index unit = result.terms[at + static_cast<std::size_t>(filling_.roles())];
      ++(unit < units_.morph(0) ? result.sememes : result.morphs);
      if (unit >= units_.word_class(detail::WordClass::letters)) --result.morphs;
    }
    return result;
  }

  template <class Scalar>
  static WordScale<Scalar> mean_scale(const WordScale<Scalar>& scale, Index known, Index words) {
    if (scale.empty()) return {};
    double sum = 0;
    for (Index w = 0; w < known; ++w) sum += static_cast<double>(scale(w));
    const auto mean = static_cast<Scalar>(sum / static_cast<double>(std::max<Index>(1, known)));
    const std::vector<std::uint32_t> zeros(static_cast<std::size_t>(words), 0);
    return {Array<Scalar>(std::vector<Scalar>{mean}),
            PackedArray(std::span<const std::uint32_t>(zeros), 0)};
  }

  SlotFilling filling_;
  KnowledgeUnits units_;
  UnigramSegmenter segmenter_;
};

}  // namespace see
