#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/compress/prune/drop_order.hpp"
#include "see/compress/prune/scores.hpp"
#include "see/core/bits.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"

namespace see {

namespace detail {

/// `count` numbers of each of the rows `kept`.
template <class T>
Array<T> take_rows(const Array<T>& values, std::span<const Index> kept, Index count) {
  std::vector<T> taken;
  taken.reserve(kept.size() * static_cast<std::size_t>(count));
  for (const Index row : kept)
    taken.insert(taken.end(), values.data() + row * count, values.data() + (row + 1) * count);
  return taken;
}

/// The units `kept`, in their storage and bit for bit.
template <class Scalar>
Inventory<Scalar> take_units(const Inventory<Scalar>& inventory, std::span<const Index> kept) {
  const Index rank = inventory.rank(), dim = inventory.dim(), size = std::ssize(kept);
  switch (inventory.storage()) {
    case Storage::native:
      return {take_rows(inventory.values(), kept, rank * dim), size, rank, dim};
    case Storage::i8:
      return {take_rows(inventory.codes(), kept, rank * dim),
              take_rows(inventory.halves(), kept, int8_scales(rank * dim)), size, rank, dim};
    default:
      return {inventory.storage(), take_rows(inventory.halves(), kept, rank * dim), size, rank,
              dim};
  }
}

/// A model without some of its senses.
template <class Scalar>
class SensePruner {
 public:
  explicit SensePruner(const Model<Scalar>& model)
      : model_(model), parts_(model.embedding.parts()), lexicon_(parts_.lexicon) {}

  /// The order in which senses go by their scores.
  std::vector<Index> order(std::span<const double> scores) const {
    if (drops_from_last(parts_)) return order_from_last(lexicon_, scores);
    return DropOrder(lexicon_, scores, prices()).run();
  }

  /// The model without the senses `gone`: units that none of the others has go too, and what is
  /// left is numbered anew in its order. An inventory keeps one unit at least. Where a model has
  /// names of units, those without a name stay: the knowledge counts on them.
  Model<Scalar> without(std::span<const Index> gone) const {
    std::vector<bool> stays(static_cast<std::size_t>(lexicon_.senses()), true);
    for (const Index s : gone) stays[static_cast<std::size_t>(s)] = false;
    const std::vector<std::vector<Index>> kept = units_kept(stays);
    Model<Scalar> model = model_;
    EmbeddingParts<Scalar> parts = parts_;
    for (std::size_t i = 0; i < kept.size(); ++i)
      parts.inventories[i] = take_units(parts_.inventories[i], kept[i]);
    parts.lexicon = lexicon_without(stays, kept);
    take_gains(stays, parts);
    if (parts.codes && parts.lexicon.senses() == 0) return with_codes_alone();
    EntangledEmbedding<Scalar> embedding(std::move(parts));
    for (int i = 0; i < static_cast<int>(embedding.parameter_shapes().size()); ++i)
      embedding.freeze_parameter(i, model_.embedding.is_frozen(i));
    model.embedding = std::move(embedding);
    take_names(kept[0], model.knowledge);
    return model;
  }

 private:
  /// The model without terms, as a file of codes and no sense is read.
  Model<Scalar> with_codes_alone() const {
    Model<Scalar> model = model_;
    EmbeddingParts<Scalar> parts = parts_;
    parts.shape = Shape({parts_.shape.width()});
    parts.inventories.clear();
    parts.lexicon = Lexicon::without_senses(lexicon_.words());
    parts.gain_scope = GainScope::none;
    parts.gains = {};
    parts.word_scale = {};
    model.embedding = EntangledEmbedding<Scalar>(std::move(parts));
    model.knowledge = {};
    return model;
  }

  bool has_own_units() const { return lexicon_.kind() == IndexKind::own; }

  bool is_named(std::size_t inventory, Index unit) const {
    return model_.knowledge.empty() || (inventory == 0 && unit < model_.knowledge.names.size());
  }

  /// Bits of a number of an inventory of units of `length` numbers.
  double bits_a_number(Index length) const {
    switch (model_.precision) {
      case Precision::f64:
        return 64;
      case Precision::f32:
        return 32;
      case Precision::i8:
        return 8 + 16 * static_cast<double>(int8_scales(length)) / static_cast<double>(length);
      default:
        return 16;
    }
  }

  DropPrices prices() const {
    const SlotTable& table = lexicon_.table();
    DropPrices prices{0, {}};
    if (parts_.gain_scope == GainScope::sense) prices.sense = std::max(16.0, bits_a_number(32));
    for (int j = 0; j < table.order && !has_own_units(); ++j)
      prices.sense +=
          bits_for(static_cast<std::uint64_t>(table.sizes[std::size_t(table.inventory(0, j))]));
    for (std::size_t i = 0; i < parts_.inventories.size(); ++i) {
      const Index length = parts_.inventories[i].rank() * parts_.inventories[i].dim();
      const double bits = static_cast<double>(length) * bits_a_number(length);
      prices.unit.push_back(!has_own_units() && is_named(i, 0) ? bits : 0.0);
      if (has_own_units()) prices.sense += bits;
    }
    return prices;
  }

  template <class Visit>
  void for_remaining(const std::vector<bool>& stays, const Visit& visit) const {
    for (Index w = 0; w < lexicon_.words(); ++w)
      lexicon_.for_senses(w, [&](Index s, const Index* units) {
        if (stays[static_cast<std::size_t>(lexicon_.first_sense(w) + s)]) visit(w, s, units);
      });
  }

  std::size_t inventory_of(Index s, int slot) const {
    const SlotTable& table = lexicon_.table();
    return static_cast<std::size_t>(table.inventory(table.row_of(s), slot));
  }

  /// The numbers of the units of each inventory that stay.
  std::vector<std::vector<Index>> units_kept(const std::vector<bool>& stays) const {
    std::vector<std::vector<bool>> used;
    for (const Index size : lexicon_.table().sizes)
      used.emplace_back(static_cast<std::size_t>(size), false);
    for_remaining(stays, [&](Index w, Index s, const Index* units) {
      const auto number = static_cast<std::size_t>(lexicon_.first_sense(w) + s);
      for (std::size_t i = 0; i < used.size() && has_own_units(); ++i) used[i][number] = true;
      for (int j = 0; j < lexicon_.order(); ++j)
        used[inventory_of(s, j)][static_cast<std::size_t>(units[j])] = true;
    });
    std::vector<std::vector<Index>> kept(used.size());
    for (std::size_t i = 0; i < used.size(); ++i) {
      for (Index u = 0; std::cmp_less(u, used[i].size()); ++u)
        if (used[i][static_cast<std::size_t>(u)] || !is_named(i, u)) kept[i].push_back(u);
      if (kept[i].empty()) kept[i].push_back(0);
    }
    return kept;
  }

  Lexicon lexicon_without(const std::vector<bool>& stays,
                          const std::vector<std::vector<Index>>& kept) const {
    SlotTable table = lexicon_.table();
    std::vector<std::vector<Index>> number(kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      number[i].resize(static_cast<std::size_t>(table.sizes[i]));
      table.sizes[i] = std::ssize(kept[i]);
      for (std::size_t k = 0; k < kept[i].size(); ++k)
        number[i][static_cast<std::size_t>(kept[i][k])] = static_cast<Index>(k);
    }
    std::vector<Index> ranks(static_cast<std::size_t>(lexicon_.words()), 0), units;
    for_remaining(stays, [&](Index w, Index s, const Index* before) {
      ++ranks[static_cast<std::size_t>(w)];
      for (int j = 0; j < lexicon_.order(); ++j)
        units.push_back(number[inventory_of(s, j)][static_cast<std::size_t>(before[j])]);
    });
    if (has_own_units())
      return Lexicon::implicit(IndexKind::own, std::move(table), lexicon_.words(), ranks);
    return {std::move(table), ranks, units};
  }

  void take_gains(const std::vector<bool>& stays, EmbeddingParts<Scalar>& parts) const {
    std::vector<Scalar> gains;
    if (parts.gain_scope == GainScope::sense)
      for (std::size_t s = 0; s < stays.size(); ++s)
        if (stays[s]) gains.push_back(parts_.gains[s]);
    if (parts.gain_scope == GainScope::term) {
      Index most = 0;
      for (Index w = 0; w < parts.lexicon.words(); ++w)
        most = std::max(most, parts.lexicon.rank(w));
      gains.assign(parts_.gains.begin(), parts_.gains.begin() + most);
    }
    if (parts.has_gains()) parts.gains = std::move(gains);
  }

  void take_names(std::span<const Index> kept, KnowledgeNotes& notes) const {
    if (notes.empty()) return;
    const bool has_sememes = notes.settings.contains("sememes");
    const Index before = has_sememes ? knowledge_setting(notes, "sememes") : 0;
    std::vector<std::string_view> names;
    Index sememes = 0;
    for (const Index u : kept) {
      if (u >= model_.knowledge.names.size()) break;
      names.push_back(model_.knowledge.names[u]);
      if (u < before) ++sememes;
    }
    if (names.empty()) {
      notes = {};
      return;
    }
    notes.names = Vocabulary::from(names);
    if (has_sememes) notes.settings["sememes"] = std::to_string(sememes);
  }

  const Model<Scalar>& model_;
  const EmbeddingParts<Scalar>& parts_;
  const Lexicon& lexicon_;
};

}  // namespace detail

/// A model of at most `bytes` bytes, all but the words counted (model_bytes), from one that has
/// terms: senses go in the order of their score a byte until the file is as small, and units that
/// no sense has any more go with them; what is left keeps its numbers. A unit whose senses are
/// cheap beside the bytes that it takes goes with all of them. With one sense more the file would
/// be too large. A word may lose all senses, as a lexicon may have words of none; a layer of codes
/// that loses all of all words is one of codes alone. A sense of infinite score stays. The model
/// comes back as it is where it is small enough.
///
/// `scores` has a number for each sense, as activation_scores(), FisherScores, size_scores() and
/// random_scores() give it. Words, gains, word scales, codes, basis, LayerNorm, padding row, what
/// is frozen and the precision stay, and names of units with their units; the notes lose
/// "relative_error" and "mean_cosine". fit_gains() makes up for part of what is lost.
///
/// Senses of a word go from its last one on where gains or inventories go with their positions
/// (GainScope::term, a slot table of several rows). Cost: O(senses order log) and some 20 times
/// that of model_bytes(). Throws where scores are not one a sense, or one is not a number; where
/// units are digits of word numbers (word2ketXS), so that they are all words'; and where no terms
/// are left to go, naming the bytes that stay.
template <std::floating_point Scalar>
Model<Scalar> prune(const Model<Scalar>& model, std::span<const double> scores,
                    std::uint64_t bytes) {
  const Lexicon& lexicon = model.embedding.lexicon();
  detail::require_terms(model.embedding.parts(), "pruning");
  detail::require(lexicon.kind() != IndexKind::digits,
                  "pruning an embedding whose units are digits of word numbers, needed an index of "
                  "kind stored or own");
  detail::require(std::cmp_equal(scores.size(), lexicon.senses()), "pruning by ", scores.size(),
                  " scores, needed one for each of ", lexicon.senses(), " senses");
  for (std::size_t s = 0; s < scores.size(); ++s)
    detail::require(scores[s] > -std::numeric_limits<double>::infinity(), "pruning by a score of ",
                    scores[s], " for sense ", s, ", needed a number or infinity");
  if (model_bytes(model).total <= bytes) return model;
  Model<Scalar> start = model;
  start.fit.erase("relative_error");
  start.fit.erase("mean_cosine");
  const detail::SensePruner<Scalar> pruner(start);
  const std::vector<Index> order = pruner.order(scores);
  const auto smaller = [&](std::size_t count) {
    return pruner.without(std::span(order).first(count));
  };
  const auto fits = [&](std::size_t count) { return model_bytes(smaller(count)).total <= bytes; };
  if (fits(0)) return smaller(0);              // units without a sense were all that was too much
  std::size_t few = 0, enough = order.size();  // too large without `few`, small without `enough`
  const std::uint64_t least = model_bytes(smaller(enough)).total;
  detail::require(least <= bytes, "pruning to ", bytes, " bytes, needed ", least,
                  " or more, which stay without the terms that may go");
  while (enough - few > 1) {
    const std::size_t middle = few + (enough - few) / 2;
    (fits(middle) ? enough : few) = middle;
  }
  return smaller(enough);
}

/// The same for a layer, in the bytes of the file of a model of it alone.
template <std::floating_point Scalar, int Order>
EntangledEmbedding<Scalar, Order> prune(const EntangledEmbedding<Scalar, Order>& layer,
                                        std::span<const double> scores, std::uint64_t bytes,
                                        Precision precision = Precision::f32) {
  Model<Scalar> model{EntangledEmbedding<Scalar>(layer)};
  model.precision = precision;
  return EntangledEmbedding<Scalar, Order>(prune(model, scores, bytes).embedding);
}

}  // namespace see
