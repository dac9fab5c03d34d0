#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "see/core/storage.hpp"
#include "see/core/types.hpp"
#include "see/model/parts.hpp"

namespace see::detail {

/// A sense, seen from its unit of the last slot.
struct SenseOfUnit {
  std::uint32_t word;
  std::uint32_t first;  ///< its unit of slot 1
  std::uint32_t gain;   ///< number of its gain; 0 without gains
};

/// The senses of an embedding of order 2 by the row of the slot table and the unit of the last slot
/// that they name: what is computed for a unit is then read by all of its senses in turn, from a
/// cache. The padding row has none. Memory: 12 bytes a sense.
class UnitIndex {
 public:
  /// Whether an embedding can be scored and differentiated by units: order 2, rows that are
  /// multiples of their sums of products but for a basis, and factors of type Scalar.
  template <class Scalar>
  static bool serves(const EmbeddingParts<Scalar>& parts) {
    bool native = parts.has_terms() && parts.shape.order() == 2 && !parts.codes &&
                  !parts.layer_norm && std::in_range<std::uint32_t>(parts.lexicon.words());
    for (const auto& inventory : parts.inventories)
      native = native && inventory.storage() == Storage::native;
    return native;
  }

  /// Whether the loss of `states` hidden states and its gradients take fewer multiply-adds by units
  /// than by expanded rows. By units, one counts as two, since its operands are shorter, states
  /// come in sixteens, and the index takes as long as 200 a sense.
  template <class Scalar>
  static bool is_cheaper(const EmbeddingParts<Scalar>& parts, Index states) {
    const SlotTable& table = parts.lexicon.table();
    const auto product = static_cast<double>(parts.shape.product());
    const auto prefix = static_cast<double>(parts.shape.factor_dims()[0]);
    const auto senses = static_cast<double>(parts.lexicon.senses());
    const auto words = static_cast<double>(parts.lexicon.words());
    const auto width = static_cast<double>(parts.shape.width());
    double vectors = 0, units = 0;
    for (Index row = 0; row < table.rows(); ++row) {
      const auto m = static_cast<double>(parts.rank_of_row(row));
      const auto& last = parts.inventories[static_cast<std::size_t>(table.inventory(row, 1))];
      vectors += m / static_cast<double>(table.rows());
      units += m * static_cast<double>(last.size());
    }
    const auto count = static_cast<double>(states), padded = std::ceil(count / 16) * 16;
    const double by_units = 2 * (3 * senses * (vectors * prefix + 8) + 4 * units * product);
    const double expand = senses * (4 * vectors * product + 600);
    return padded * by_units + 200 * senses < count * 4 * words * width + expand;
  }

  template <class Scalar>
  explicit UnitIndex(const EmbeddingParts<Scalar>& parts) {
    const Lexicon& lexicon = parts.lexicon;
    const SlotTable& table = lexicon.table();
    rows_.push_back(0);
    for (Index row = 0; row < table.rows(); ++row) {
      const auto& last = parts.inventories[static_cast<std::size_t>(table.inventory(row, 1))];
      rows_.push_back(rows_.back() + static_cast<std::size_t>(last.size()));
    }
    const auto for_senses = [&](const auto& visit) {
      for (Index w = 0; w < lexicon.words(); ++w) {
        if (parts.padding_idx && w == *parts.padding_idx) continue;
        lexicon.for_senses<2>(w, [&](Index s, const Index* unit) {
          const auto row = static_cast<std::size_t>(table.row_of(s));
          visit(w, s, unit, rows_[row] + static_cast<std::size_t>(unit[1]));
        });
      }
    };
    begins_.assign(rows_.back() + 2, 0);
    for_senses([&](Index, Index, const Index*, std::size_t unit) { ++begins_[unit + 2]; });
    for (std::size_t i = 2; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
    senses_.resize(begins_.back());
    for_senses([&](Index w, Index s, const Index* unit, std::size_t last) {
      senses_[begins_[last + 1]++] = {
          static_cast<std::uint32_t>(w), static_cast<std::uint32_t>(unit[0]),
          parts.has_gains() ? static_cast<std::uint32_t>(parts.gain_number(w, s)) : 0U};
    });
  }

  /// The senses of a row of the slot table that name `unit`, by rising words.
  std::span<const SenseOfUnit> senses(Index row, Index unit) const noexcept {
    const std::size_t at = rows_[static_cast<std::size_t>(row)] + static_cast<std::size_t>(unit);
    return {senses_.data() + begins_[at], senses_.data() + begins_[at + 1]};
  }

 private:
  std::vector<std::size_t> rows_;    // where the units of each row of the slot table begin
  std::vector<std::size_t> begins_;  // where the senses of each unit begin
  std::vector<SenseOfUnit> senses_;
};

}  // namespace see::detail
