#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <type_traits>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/kron_sum.hpp"
#include "see/kernel/matrix_product.hpp"
#include "see/model/parts.hpp"

namespace see::detail {

/// Calls f with the order as a constant, where code for that order alone pays, or Eigen::Dynamic.
template <class Function>
auto with_order(int order, const Function& f) {
  if (order == 2) return f(std::integral_constant<int, 2>());
  if (order == 3) return f(std::integral_constant<int, 3>());
  return f(std::integral_constant<int, Eigen::Dynamic>());
}

/// Computes (cut_p(z(w)) + r(w)) A, an embedding before mean and LayerNorm. One slot may read a set
/// of directions in place of the inventories, which gives a directional derivative: the sums are
/// then those of the terms alone, without r(w).
///
/// Uses this thread's workspace: at most one lives in a thread at a time.
template <class Scalar>
class Gather {
 public:
  static constexpr Index batch = 4;  ///< words whose units are prefetched together

  Gather(const EmbeddingParts<Scalar>& parts, const kernel::Layout& layout)
      : Gather(parts, layout, parts.gains) {
    with_codes_ = parts.codes != nullptr;
  }

  /// For derivatives: other gains, or directions for one slot, and no codes.
  Gather(const EmbeddingParts<Scalar>& parts, const kernel::Layout& layout,
         const Array<Scalar>& gains, int direction_slot = -1,
         const std::vector<Inventory<Scalar>>* directions = nullptr)
      : parts_(parts),
        layout_(layout),
        gains_(gains),
        sum_(kernel::choose_kron_sum<Scalar>(layout)),
        work_(kernel::Workspace<Scalar>::of_thread()) {
    const SlotTable& table = parts.lexicon.table();
    slots_.clear();
    for (Index row = 0; row < table.rows(); ++row)
      for (int j = 0; j < table.order; ++j) {
        const auto& source = j == direction_slot ? *directions : parts.inventories;
        const auto& inventory = source[static_cast<std::size_t>(table.inventory(row, j))];
        const bool narrow = inventory.storage() != Storage::native;
        const Index length = inventory.rank() * inventory.dim();
        slots_.push_back({&inventory, narrow ? nullptr : inventory.values().data(),
                          inventory.size() - (kernel::lanes<Scalar> + length - 1) / length,
                          inventory.rank(), length});
        narrow_ = narrow_ || narrow;
      }
  }

  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  /// Lets rows() write by non-temporal stores: into rows whose first numbers are aligned to a
  /// packet, and for layers of nothing but terms.
  void write_non_temporal() { sum_ = kernel::choose_kron_sum<Scalar, true>(layout_); }

  /// A buffer of `size` numbers, this thread's until the next call.
  Scalar* block_buffer(Index size) { return kernel::detail::at_least(work_.block, size); }

  /// A software pipeline over words: while a batch of them is summed, the units of the next batch
  /// are prefetched, and the index entries of the one behind that.
  template <class Id>
  struct Pipeline {
    const Id* id;
    Index count;
    Index next = 0;  ///< a multiple of batch, or count
    std::array<Index, batch> ranks[2]{};
  };

  /// Begins with `count` words.
  template <class Id>
  Pipeline<Id> begin(const Id* id, Index count) {
    Pipeline<Id> pipeline{id, count};
    prefetch_index(id, std::min(2 * batch, count));
    if (count > 0) pipeline.ranks[0] = find(id, std::min(batch, count), 0);
    return pipeline;
  }

  /// out = (cut_p(z(w)) + r(w)) A + `start` for the next words w of the pipeline, without start
  /// where it is null. `out` has as many rows as there are words left, or a multiple of batch.
  template <class Id>
  void rows(Pipeline<Id>& pipeline, const Scalar* start, RowMatrixRef<Scalar> out) {
    const Index width = parts_.shape.width(), rows = out.rows();
    const Basis<Scalar>& basis = parts_.basis;
    Scalar* to = out.data();
    Index stride = out.outerStride();
    if (basis.has_axes()) {
      to = kernel::detail::at_least(work_.scratch, rows * width);
      stride = width;
    }
    const bool terms = parts_.lexicon.senses() > 0 || !with_codes_;
    if (!terms) pipeline.next += rows;
    for (Index done = 0; terms && done < rows; done += batch) {
      const Index turn = pipeline.next / batch % 2, size = std::min(batch, rows - done);
      pipeline.next += size;
      if (const Index later = pipeline.next + batch; later < pipeline.count)
        prefetch_index(pipeline.id + later, std::min(batch, pipeline.count - later));
      if (pipeline.next < pipeline.count)
        pipeline.ranks[1 - turn] = find(pipeline.id + pipeline.next,
                                        std::min(batch, pipeline.count - pipeline.next), 1 - turn);
      Index sense = 0;
      for (Index i = 0; i < size; ++i) {
        const Index rank = pipeline.ranks[turn][std::size_t(i)];
        if (narrow_) widen(rank, turn, sense);
        const std::span senses(work_.senses[std::size_t(turn)].data() + sense, std::size_t(rank));
        sum_(layout_, work_, senses, to + (done + i) * stride, width);
        sense += rank;
      }
    }
    if (with_codes_)
      add_codes(pipeline.id + pipeline.next - rows,
                RowMatrixStride(to, rows, width, Eigen::OuterStride<>(stride)));
    if (basis.has_axes())
      kernel::matrix_product(to, width, rows, basis.axes.data(), out.cols(), width, out.cols(),
                             start, out.data(), out.outerStride());
    else if (start)
      out.rowwise() +=
          Eigen::Map<const Eigen::RowVector<Scalar, Eigen::Dynamic>>(start, out.cols());
  }

  /// The same for `count` ids at once, without a start.
  template <class Id>
  void rows(const Id* id, Index count, RowMatrixRef<Scalar> out) {
    Pipeline<Id> pipeline = begin(id, count);
    rows(pipeline, nullptr, out);
  }

 private:
  using Ranks = std::array<Index, batch>;  // senses of each word of a batch

  using RowMatrixStride = Eigen::Map<RowMatrix<Scalar>, 0, Eigen::OuterStride<>>;

  /// r(w) added to the rows of `to`.
  template <class Id>
  void add_codes(const Id* id, RowMatrixStride to) const {
    constexpr Index most = 64;
    std::array<Index, most> words;
    for (Index first = 0; first < to.rows(); first += most) {
      const Index count = std::min(most, to.rows() - first);
      std::copy_n(id + first, count, words.begin());
      const auto some = std::span<const Index>(words).first(std::size_t(count));
      if (parts_.lexicon.senses() == 0)
        parts_.codes->write_rows(some, RowMatrixRef<Scalar>(to.middleRows(first, count)));
      else
        parts_.codes->add_rows(some, RowMatrixRef<Scalar>(to.middleRows(first, count)));
    }
  }

  template <class Id>
  void prefetch_index(const Id* id, Index count) const {
    for (Index i = 0; i < count; ++i) parts_.lexicon.prefetch(static_cast<Index>(id[i]));
  }

  /// Fills work_.senses[turn] with the senses of `count` words, and prefetches their units.
  template <class Id>
  Ranks find(const Id* id, Index count, Index turn) {
    return with_order(layout_.order,
                      [&](auto known) { return find_of_order<known()>(id, count, turn); });
  }

  template <int Known, class Id>
  Ranks find_of_order(const Id* id, Index count, Index turn) {
    const int order = Known == Eigen::Dynamic ? layout_.order : Known;
    const Lexicon& lexicon = parts_.lexicon;
    const Index last_row = lexicon.table().rows() - 1;
    Ranks ranks{};
    Index total = 0;
    for (Index i = 0; i < count; ++i)
      total += ranks[std::size_t(i)] = lexicon.rank(static_cast<Index>(id[i]));
    auto& senses = work_.senses[std::size_t(turn)];
    if (senses.size() < std::size_t(total)) senses.resize(std::size_t(total));
    if constexpr (Known != Eigen::Dynamic)
      if (last_row == 0 && !narrow_) {
        point_at_units<Known>(id, count, senses.data());
        return ranks;
      }
    kernel::Sense<Scalar>* sense = senses.data();
    Index* number = kernel::detail::at_least(work_.units[std::size_t(turn)], total * order);
    for (Index i = 0; i < count; ++i) {
      const auto w = static_cast<Index>(id[i]);
      const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
      const Scalar* gain = parts_.has_gains() ? gains_.data() + parts_.gain_number(w, 0) : nullptr;
      lexicon.for_senses<Known>(w, [&](Index s, const Index* units) {
        const Slot* const slots = slots_.data() + std::min(s, last_row) * order;
        for (int j = 0; j < order; ++j) {
          const Slot& slot = slots[j];
          *number++ = units[j];
          if (slot.values) {
            const Scalar* const unit = slot.values + units[j] * slot.length;
            kernel::prefetch(unit, slot.length * Index(sizeof(Scalar)));
            sense->units[std::size_t(j)] = unit;
          } else {
            slot.inventory->prefetch(units[j]);
          }
        }
        const Slot& last = slots[order - 1];
        sense->vectors = last.rank;
        sense->slack = !last.values || units[order - 1] < last.slack_end;
        sense->gain = gain ? scale * gain[s] : scale;
        ++sense;
      });
    }
    return ranks;
  }

  /// The same where all senses read the same inventories, in native storage: what tells of these
  /// stays in registers.
  template <int Known, class Id>
  void point_at_units(const Id* id, Index count, kernel::Sense<Scalar>* sense) {
    std::array<const Scalar*, std::size_t(Known)> values;
    std::array<Index, std::size_t(Known)> length;
    for (std::size_t j = 0; j < std::size_t(Known); ++j) {
      values[j] = slots_[j].values;
      length[j] = slots_[j].length;
    }
    const Index vectors = slots_[std::size_t(Known) - 1].rank;
    const Index slack_end = slots_[std::size_t(Known) - 1].slack_end;
    for (Index i = 0; i < count; ++i) {
      const auto w = static_cast<Index>(id[i]);
      const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
      const Scalar* gain = parts_.has_gains() ? gains_.data() + parts_.gain_number(w, 0) : nullptr;
      parts_.lexicon.template for_senses<Known>(
          w, [&, values, length, vectors, slack_end](Index s, const Index* units) {
            const auto point_at = [&](std::size_t j) {
              const Scalar* const unit = values[j] + units[j] * length[j];
              kernel::prefetch(unit, length[j] * Index(sizeof(Scalar)));
              sense->units[j] = unit;
            };
            point_at(0);  // spares a loop, which g++ keeps
            point_at(1);
            if constexpr (Known == 3) point_at(2);
            sense->vectors = vectors;
            sense->slack = units[Known - 1] < slack_end;
            sense->gain = gain ? scale * gain[s] : scale;
            ++sense;
          });
    }
  }

  /// Lets the `rank` senses of a word, from work_.senses[turn][first] on, point at widened copies
  /// of the units of narrow storage.
  void widen(Index rank, Index turn, Index first) {
    const int order = layout_.order;
    const Index last_row = parts_.lexicon.table().rows() - 1;
    const auto slots_of = [&](Index s) { return slots_.data() + std::min(s, last_row) * order; };
    Index length = kernel::lanes<Scalar>;
    for (Index s = 0; s < rank; ++s)
      for (int j = 0; j < order; ++j) length += slots_of(s)[j].length;
    Scalar* to = kernel::detail::at_least(work_.widened, length);
    kernel::Sense<Scalar>* sense = work_.senses[std::size_t(turn)].data() + first;
    const Index* number = work_.units[std::size_t(turn)].data() + first * order;
    for (Index s = 0; s < rank; ++s, ++sense)
      for (int j = 0; j < order; ++j, ++number) {
        const Slot& slot = slots_of(s)[j];
        if (slot.values) continue;
        slot.inventory->read(*number, to);
        sense->units[std::size_t(j)] = to;
        to += slot.length;
      }
  }

  struct Slot {
    const Inventory<Scalar>* inventory;
    const Scalar* values;  // null in narrow storage
    Index slack_end;       // behind units before this one a register can be read
    Index rank;
    Index length;  // of a unit, in numbers
  };

  static std::vector<Slot>& slots_of_thread() {
    static thread_local std::vector<Slot> slots;
    return slots;
  }

  const EmbeddingParts<Scalar>& parts_;
  const kernel::Layout& layout_;
  const Array<Scalar>& gains_;
  bool with_codes_ = false;
  bool narrow_ = false;
  std::vector<Slot>& slots_ = slots_of_thread();
  kernel::KronSum<Scalar> sum_;
  kernel::Workspace<Scalar>& work_;
};

}  // namespace see::detail
