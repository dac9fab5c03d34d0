#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"
#include "see/model/embedding.hpp"

namespace see::detail {

/// How the senses that a row of the slot table serves are scored:
///  - table (order 1 or 2): the scores of all units, or of all pairs of units, then one look-up a
///    sense;
///  - partial: the hidden state contracted with every unit of the last slot, once for all words
///    that share it, then a dot product of m * q_1 ... q_{o-1} numbers a sense.
enum class ScoreWay { table, partial };

/// What scores need of a layer, whatever the hidden states: the way of each row of the slot table,
/// the factors of the first slots in whole registers, and with LayerNorm two numbers a word.
///
/// Shares the storage of the parts, whose inventories are in native storage.
template <class Scalar>
class ScoreWays {
 public:
  /// O(parameters); with LayerNorm, O(words) memory and a look-up of every row.
  ScoreWays(const EmbeddingParts<Scalar>& parts, const Executor& run)
      : parts_(parts),
        sums_(without_transforms(parts)),
        prefix_(parts.shape.product() / parts.shape.factor_dims().back()) {
    const Lexicon& lexicon = parts.lexicon;
    const SlotTable& table = lexicon.table();
    Index first_units = 1;
    for (Index row = 0; row < table.rows(); ++row)
      first_units = std::max(first_units, inventory(row, 0).size());
    shift_ = table.order == 1 ? 0 : bits_for(static_cast<std::uint64_t>(first_units));
    for (Index row = 0; row < table.rows(); ++row) ways_.push_back(cheapest(row));
    if (!parts.has_gains()) {
      Index most = lexicon.is_uniform() ? lexicon.uniform_rank() : 0;
      for (Index w = 0; !lexicon.is_uniform() && w < lexicon.words(); ++w)
        most = std::max(most, lexicon.rank(w));
      ones_.assign(static_cast<std::size_t>(most), Scalar(1));
    }
    for (Index row = 0; row < table.rows(); ++row)
      first_factors_.push_back(by_rows(1) || table.order == 1 ? Array<Scalar>()
                                                              : padded(inventory(row, 0), row));
    if (parts.layer_norm) measure_rows(run);
  }

  const EmbeddingParts<Scalar>& parts() const noexcept { return parts_; }

  /// The layer of the sums of products alone: cut, without basis and LayerNorm, and without scales
  /// unless there are codes, which are no part of what they scale.
  const EntangledEmbedding<Scalar>& sums() const noexcept { return sums_; }

  /// Whether `states` hidden states together are scored cheaper against rows of sums(), expanded a
  /// block at a time, than by the ways. Always with codes.
  bool by_rows(Index states) const {
    if (parts().codes) return true;
    const auto words = static_cast<double>(parts().lexicon.words());
    const double expand =
        senses() * (2 * vectors(0) * static_cast<double>(parts().shape.product()) + 300);
    const auto width = static_cast<double>(parts().shape.width());
    const auto count = static_cast<double>(states);
    return expand + count * words * width < count * (cost_ + (states > 8 ? 14 * uncached_ : 0));
  }

  ScoreWay way(Index row) const noexcept { return ways_[static_cast<std::size_t>(row)]; }

  /// Entries of the table of a row: the pair (a, b) is at a + (b << shift()), as in a stored index.
  Index table_size(Index row) const {
    return inventory(row, parts().shape.order() - 1).size() << shift_;
  }
  int shift() const noexcept { return shift_; }

  /// m * q_1 ... q_{o-1}, the numbers of a sense's left part, rounded up to whole registers.
  Index stride(Index row) const {
    constexpr Index step = kernel::lanes<Scalar>;
    return (parts().rank_of_row(row) * prefix_ + step - 1) / step * step;
  }
  Index prefix() const noexcept { return prefix_; }

  /// The numbers of the inventory that a slot names. The one place where scores read factors.
  const Scalar* values(Index row, int slot) const { return inventory(row, slot).values().data(); }
  const Inventory<Scalar>& inventory(Index row, int slot) const {
    const int number = parts().lexicon.table().inventory(row, slot);
    return parts().inventories[static_cast<std::size_t>(number)];
  }

  /// The units of slot 1, m * q_1 numbers each, stride() apart, for order 2.
  const Scalar* first_factors(Index row) const noexcept {
    return first_factors_[static_cast<std::size_t>(row)].data();
  }

  /// The gains of the senses of word `w`, ones where the layer has none.
  const Scalar* gains(Index w) const noexcept {
    if (!parts().has_gains()) return ones_.data();
    return parts().gains.data() +
           (parts().gain_scope == GainScope::sense ? parts().lexicon.first_sense(w) : 0);
  }

  /// Mean of a row before LayerNorm and the inverse of its deviation.
  Scalar mean(Index w) const noexcept { return means_[static_cast<std::size_t>(w)]; }
  Scalar inverse(Index w) const noexcept { return inverses_[static_cast<std::size_t>(w)]; }

 private:
  static EmbeddingParts<Scalar> without_transforms(EmbeddingParts<Scalar> parts) {
    if (!parts.codes) parts.word_scale = {};
    parts.basis = {};
    parts.layer_norm.reset();
    parts.padding_idx.reset();
    return parts;
  }

  double senses() const { return static_cast<double>(parts().lexicon.senses()); }
  double vectors(Index row) const { return static_cast<double>(parts().rank_of_row(row)); }

  /// The way of the fewer multiply-adds for all words; a look-up counts as eight, and a dot product
  /// as sixteen more than its length. Adds them to cost_, and to uncached_ the look-ups in tables
  /// that leave a cache of 2 MB where they are those of 16 states.
  ScoreWay cheapest(Index row) {
    const int order = parts().shape.order();
    const double here = senses() / static_cast<double>(parts().lexicon.table().rows());
    const double m = vectors(row);
    const auto prefix = static_cast<double>(prefix_);
    const double contract = static_cast<double>(inventory(row, order - 1).size()) * m *
                            static_cast<double>(parts().shape.product());
    const auto entries = static_cast<double>(table_size(row));
    const double table = contract + entries * m * prefix + 8 * here;
    const double partial = contract + here * (m * prefix * (order > 2 ? 2 : 1) + 16);
    const bool fits = order == 1 || (order == 2 && entries <= (1 << 20));
    cost_ += fits ? std::min(table, partial) : partial;
    if (!fits || (order == 2 && table >= partial)) return ScoreWay::partial;
    if (16 * sizeof(Scalar) * entries > (1 << 21)) uncached_ += here;
    return ScoreWay::table;
  }

  Array<Scalar> padded(const Inventory<Scalar>& from, Index row) const {
    const Index length = from.rank() * from.dim(), step = stride(row);
    if (parts().shape.order() != 2 || way(row) == ScoreWay::table || length == step)
      return from.values();
    std::vector<Scalar> copy(static_cast<std::size_t>(from.size() * step));
    RowMatrixMap<Scalar>(copy.data(), from.size(), step).leftCols(length) =
        ConstRowMatrixMap<Scalar>(values(row, 0), from.size(), length);
    return copy;
  }

  /// Mean and inverse deviation of every row before LayerNorm, from two passes over its numbers.
  void measure_rows(const Executor& run) {
    EmbeddingParts<Scalar> plain = parts();
    const LayerNorm<Scalar> norm = *plain.layer_norm;
    plain.layer_norm.reset();
    const EntangledEmbedding<Scalar> bare(std::move(plain));
    const auto words = static_cast<std::size_t>(bare.num_embeddings());
    means_.resize(words);
    inverses_.resize(words);
    for_ranges(run, words, 256, [&](std::size_t first, std::size_t last) {
      std::vector<Index> ids(last - first);
      std::iota(ids.begin(), ids.end(), static_cast<Index>(first));
      RowMatrix<Scalar> rows = bare.forward(ids);
      for (std::size_t w = first; w < last; ++w) {
        auto row = rows.row(static_cast<Index>(w - first));
        means_[w] = row.mean();
        inverses_[w] = norm.normalize(row.data(), row.size());
      }
    });
  }

  EmbeddingParts<Scalar> parts_;
  EntangledEmbedding<Scalar> sums_;
  Index prefix_;  // q_1 ... q_{o-1}
  int shift_ = 0;
  double cost_ = 0, uncached_ = 0;
  std::vector<ScoreWay> ways_;
  std::vector<Scalar> ones_;
  std::vector<Array<Scalar>> first_factors_;
  std::vector<Scalar> means_, inverses_;
};

/// A layer, its narrow inventories widened, and how it is scored.
template <class Scalar, int Order>
class ScorePlan : public ScoreWays<Scalar> {
 public:
  using Layer = EntangledEmbedding<Scalar, Order>;

  /// Shares the layer's storage as it is now.
  ScorePlan(const Layer& layer, const Executor& run)
      : ScorePlan(run, layer.stored_as(Storage::native)) {}

  const Layer& layer() const noexcept { return layer_; }

 private:
  ScorePlan(const Executor& run, Layer native)
      : ScoreWays<Scalar>(native.parts(), run), layer_(std::move(native)) {}

  Layer layer_;
};

}  // namespace see::detail
