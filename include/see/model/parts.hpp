#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/lexicon.hpp"
#include "see/model/row_codes.hpp"
#include "see/model/sememe.hpp"
#include "see/model/shape.hpp"
#include "see/model/transform.hpp"

namespace see {

/// What gains go with the senses: none (all 1), one for each position of a sense in its word
/// (`term`, shared by all words), or one for each sense of each word.
enum class GainScope { none, term, sense };

/// What an entangled embedding is made of; EntangledEmbedding states the formula. Without
/// inventories it has no terms: rows are those of the codes, the lexicon is without_senses() and
/// the shape is the codes' width alone.
template <class Scalar>
struct EmbeddingParts {
  Shape shape;
  std::vector<Inventory<Scalar>> inventories;
  Lexicon lexicon;
  GainScope gain_scope = GainScope::none;
  Array<Scalar> gains = {};
  WordScale<Scalar> word_scale = {};
  std::shared_ptr<const RowCodes> codes = {};  ///< constant; null: none
  Basis<Scalar> basis = {};
  std::optional<LayerNorm<Scalar>> layer_norm = {};
  std::optional<Index> padding_idx = {};  ///< negative: counted from the end

  /// d: the columns of the axes, or the shape's width where there are none.
  Index embedding_dim() const noexcept {
    return basis.has_axes() ? static_cast<Index>(basis.axes.size()) / shape.width() : shape.width();
  }

  bool has_terms() const noexcept { return !inventories.empty(); }
  bool has_gains() const noexcept { return gain_scope != GainScope::none; }

  /// The number of the gain of sense `s` of word `w` among the gains.
  Index gain_number(Index w, Index s) const noexcept {
    return gain_scope == GainScope::term ? s : lexicon.first_sense(w) + s;
  }

  /// Vectors a unit has in the inventories of slot-table row `row`.
  Index rank_of_row(Index row) const noexcept {
    return inventories[static_cast<std::size_t>(lexicon.table().inventory(row, 0))].rank();
  }

  /// Throws unless the parts fit each other: the lexicon's order is the shape's; each slot names an
  /// inventory whose dim is the slot's factor dimension and whose size is the one that the lexicon
  /// counts on; the inventories of one sense have equal rank; gains, scales, codes, basis and
  /// LayerNorm have the sizes that their scope and the dimensions ask for; the padding row exists.
  void validate() const {
    validate_slots();
    validate_gains();
    validate_transforms();
    detail::require(
        !codes ||
            (codes->num_embeddings() == lexicon.words() && codes->embedding_dim() == shape.width()),
        "codes of ", codes ? codes->num_embeddings() : 0, " x ", codes ? codes->embedding_dim() : 0,
        ", needed ", lexicon.words(), " words of width ", shape.width());
    const Index words = lexicon.words();
    detail::require(!padding_idx || (*padding_idx >= -words && *padding_idx < words),
                    "padding_idx ", padding_idx.value_or(0), ", needed one of ", words, " rows");
  }

 private:
  void validate_slots() const {
    if (!has_terms()) {
      detail::require(codes != nullptr, "an embedding without terms and codes, needed one of them");
      detail::require(lexicon.senses() == 0 && lexicon.table().sizes.empty(), "a lexicon of ",
                      lexicon.senses(), " senses without inventories");
      return;
    }
    const SlotTable& table = lexicon.table();
    detail::require(lexicon.order() == shape.order(), "a lexicon of order ", lexicon.order(),
                    ", needed the shape's ", shape.order());
    detail::require(inventories.size() == table.sizes.size(), inventories.size(),
                    " inventories, needed the lexicon's ", table.sizes.size());
    for (std::size_t i = 0; i < table.sizes.size(); ++i)
      detail::require(inventories[i].size() == table.sizes[i], "inventory ", i, " has ",
                      inventories[i].size(), " units, needed the lexicon's ", table.sizes[i]);
    for (Index row = 0; row < table.rows(); ++row)
      for (int j = 0; j < table.order; ++j) {
        const auto& inventory = inventories[static_cast<std::size_t>(table.inventory(row, j))];
        detail::require(inventory.dim() == shape.factor_dim(j), "slot ", j,
                        " draws units of dimension ", inventory.dim(), ", needed ",
                        shape.factor_dim(j));
        detail::require(inventory.rank() == rank_of_row(row), "slot ", j, " draws units of ",
                        inventory.rank(), " vectors, needed the ", rank_of_row(row), " of slot 0");
      }
  }

  void validate_gains() const {
    Index needed = 0;
    if (gain_scope == GainScope::sense) needed = lexicon.senses();
    if (gain_scope == GainScope::term) {
      if (lexicon.is_uniform()) needed = lexicon.words() == 0 ? 0 : lexicon.uniform_rank();
      for (Index w = 0; !lexicon.is_uniform() && w < lexicon.words(); ++w)
        needed = std::max(needed, lexicon.rank(w));
    }
    detail::require(static_cast<Index>(gains.size()) == needed, gains.size(), " gains, needed ",
                    needed);
    if (word_scale.empty()) return;
    const PackedArray& index = word_scale.index;
    detail::require(static_cast<Index>(index.size()) == lexicon.words() &&
                        (std::uint64_t{1} << index.bits()) == word_scale.table.size(),
                    "word scales of ", index.size(), " words with a table of ",
                    word_scale.table.size(), ", needed ", lexicon.words(), " words and 2^",
                    index.bits(), " entries");
  }

  void validate_transforms() const {
    const auto width = static_cast<std::size_t>(shape.width());
    detail::require(basis.axes.size() % width == 0, "axes of ", basis.axes.size(),
                    " numbers, needed a multiple of the width ", width);
    const auto d = static_cast<std::size_t>(embedding_dim());
    detail::require(!basis.has_mean() || basis.mean.size() == d, "a mean of ", basis.mean.size(),
                    " numbers, needed ", d);
    if (!layer_norm) return;
    detail::require(layer_norm->weight.size() == d && layer_norm->bias.size() == d,
                    "a LayerNorm of ", layer_norm->weight.size(), " weights and ",
                    layer_norm->bias.size(), " biases, needed ", d, " of each");
    detail::require(layer_norm->epsilon >= 0, "a LayerNorm with epsilon ", layer_norm->epsilon,
                    ", needed 0 or more");
  }
};

}  // namespace see
