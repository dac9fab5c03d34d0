#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/kernel/kron_gradient.hpp"
#include "see/model/gather.hpp"
#include "see/model/gradient.hpp"
#include "see/model/parts.hpp"

namespace see::detail {

/// Memory that a Backward reuses from call to call; grows, never shrinks.
template <class Scalar>
struct BackwardWorkspace {
  // Aligned, since Eigen sums a row (LayerNorm) in an order that depends on where it lies.
  kernel::Buffer<Scalar> rows, inputs;
  std::vector<Scalar> products, widened;
  std::array<std::vector<kernel::SenseGradient<Scalar>>, 2> senses;
  std::array<std::vector<Index>, 2> places;
  kernel::GradientWorkspace<Scalar> kernel;

  /// This thread's workspace for Scalar.
  static BackwardWorkspace& of_thread() {
    static thread_local BackwardWorkspace workspace;
    return workspace;
  }
};

/// The vector-Jacobian product of the rows, by reverse-mode differentiation: adds to the gradients
/// of the parameters that are not frozen, which are the inventories in order, then the gains if
/// any, then LayerNorm's weight and bias if any.
///
/// Uses this thread's workspace: at most one lives in a thread at a time.
template <class Scalar>
class Backward {
 public:
  Backward(const EmbeddingParts<Scalar>& parts, const kernel::Layout& layout,
           const std::vector<bool>& frozen, Gradient<Scalar>& gradient)
      : parts_(parts),
        layout_(layout),
        frozen_(frozen),
        gradient_(gradient),
        work_(BackwardWorkspace<Scalar>::of_thread()),
        kron_sum_gradient_(kernel::choose_kron_sum_gradient<Scalar>(layout)),
        gain_parameter_(static_cast<int>(parts.inventories.size())) {
    wants_gains_ = parts.has_gains() && !is_frozen(gain_parameter_);
    wants_terms_ = wants_gains_;
    const SlotTable& table = parts.lexicon.table();
    slots_.clear();
    for (Index row = 0; row < table.rows(); ++row)
      for (int j = 0; j < table.order; ++j) {
        const int i = table.inventory(row, j);
        const Inventory<Scalar>& inventory = parts.inventories[static_cast<std::size_t>(i)];
        const bool narrow = inventory.storage() != Storage::native;
        slots_.push_back({&inventory, narrow ? nullptr : inventory.values().data(),
                          is_frozen(i) ? nullptr : &gradient[i], inventory.rank(),
                          inventory.rank() * inventory.dim()});
        wants_terms_ = wants_terms_ || !is_frozen(i);
        narrow_ = narrow_ || narrow;
      }
  }

  Backward(const Backward&) = delete;
  Backward& operator=(const Backward&) = delete;

  /// Adds the gradient of sum_i <out_gradient row i, E(id[i])>, the padding row left out.
  /// `out_gradient` has a row for each of `count` ids.
  template <class Id>
  void rows(const Id* id, Index count, ConstRowMatrixRef<Scalar> out_gradient) {
    if (wants_terms_) {
      prefetch_index(id, std::min(2 * batch, count));
      if (count > 0) ranks_[0] = find(id, std::min(batch, count), 0);
    }
    for (Index first = 0; first < count; first += block) block_rows(id, count, out_gradient, first);
  }

 private:
  static constexpr Index block = 64;  // rows that pass through the axes together
  static constexpr Index batch = 8;   // words whose units are prefetched together

  using Ranks = std::array<Index, batch>;  // senses of each word of a batch, 0 for padding

  /// What a slot of a sense reads and adds to.
  struct Slot {
    const Inventory<Scalar>* inventory;
    const Scalar* values;      // null in narrow storage
    SparseRows<Scalar>* part;  // null where frozen
    Index rank;
    Index length;  // of a unit, in numbers
  };

  static std::vector<Slot>& slots_of_thread() {
    static thread_local std::vector<Slot> slots;
    return slots;
  }

  bool is_frozen(int parameter) const { return frozen_[static_cast<std::size_t>(parameter)]; }

  template <class Id>
  bool is_padding(Id id) const noexcept {
    return parts_.padding_idx && static_cast<Index>(id) == *parts_.padding_idx;
  }

  template <class Id>
  void prefetch_index(const Id* id, Index count) const {
    for (Index i = 0; i < count; ++i) parts_.lexicon.prefetch(static_cast<Index>(id[i]));
  }

  /// The `block` rows from `first` on, or those that there are.
  template <class Id>
  void block_rows(const Id* id, Index all, ConstRowMatrixRef<Scalar> out_gradient, Index first) {
    const Index count = std::min(block, all - first);
    const Index dim = parts_.embedding_dim(), width = parts_.shape.width();
    const Scalar* from = out_gradient.data() + first * out_gradient.outerStride();
    Index stride = out_gradient.outerStride();
    if (parts_.layer_norm) {
      RowMatrixMap<Scalar> rows(kernel::detail::at_least(work_.rows, count * dim), count, dim);
      rows = out_gradient.middleRows(first, count);
      layer_norm_backward(id + first, rows);
      from = rows.data();
      stride = dim;
    }
    if (!wants_terms_) return;
    if (parts_.basis.has_axes()) {
      RowMatrixMap<Scalar> products(kernel::detail::at_least(work_.products, count * width), count,
                                    width);
      products.noalias() =
          Eigen::Map<const RowMatrix<Scalar>, 0, Eigen::OuterStride<>>(from, count, dim, stride) *
          ConstRowMatrixMap<Scalar>(parts_.basis.axes.data(), width, dim).transpose();
      from = products.data();
      stride = width;
    }
    const bool in_cache = parts_.layer_norm || parts_.basis.has_axes();
    for (Index i = 0; i < count; i += batch) {
      const Index next = first + i + batch, turn = next / batch % 2;
      if (next + batch < all)
        prefetch_index(id + next + batch, std::min(batch, all - next - batch));
      if (next < all)
        ranks_[std::size_t(turn)] = find(id + next, std::min(batch, all - next), turn);
      add_batch(id + first + i, std::min(batch, count - i), 1 - turn, from + i * stride, stride,
                in_cache ? 0 : all - first - i);
    }
  }

  /// The words of a batch that find() has found. `uncached` rows from `from` on, of this batch and
  /// later ones, may be in no cache.
  template <class Id>
  void add_batch(const Id* id, Index count, Index turn, const Scalar* from, Index stride,
                 Index uncached) {
    const Index width = parts_.shape.width();
    Index sense = 0;
    for (Index i = 0; i < count; ++i) {
      // The start of the next row: the hardware prefetcher fetches the rest.
      if (i + 1 < uncached)
        kernel::prefetch(from + (i + 1) * stride, width * Index(sizeof(Scalar)));
      const Index rank = ranks_[std::size_t(turn)][std::size_t(i)];
      if (!is_padding(id[i]))
        terms_backward(static_cast<Index>(id[i]), rank, turn, sense, from + i * stride, width);
      sense += rank;
    }
  }

  /// Replaces the gradients of rows by those of LayerNorm's inputs.
  template <class Id>
  void layer_norm_backward(const Id* id, RowMatrixMap<Scalar>& rows) {
    const Index dim = rows.cols();
    RowMatrixMap<Scalar> inputs(kernel::detail::at_least(work_.inputs, rows.size()), rows.rows(),
                                dim);
    Gather<Scalar>(parts_, layout_).rows(id, rows.rows(), inputs);
    if (parts_.basis.has_mean())
      inputs.rowwise() +=
          Eigen::Map<const Eigen::RowVector<Scalar, Eigen::Dynamic>>(parts_.basis.mean.data(), dim);
    const int weight = gradient_.size() - 2;
    Scalar* into[2] = {nullptr, nullptr};
    for (int k = 0; k < 2; ++k)
      if (!is_frozen(weight + k))
        into[k] = gradient_[weight + k].data(gradient_[weight + k].touch(0));
    for (Index i = 0; i < rows.rows(); ++i)
      if (!is_padding(id[i]))
        parts_.layer_norm->pull_back(&inputs(i, 0), &rows(i, 0), dim, into[0], into[1]);
  }

  /// Fills work_.senses[turn] with the senses of `count` words, makes room for the rows of the
  /// gradient that they reach (which may move rows), and prefetches what they read and add to.
  template <class Id>
  Ranks find(const Id* id, Index count, Index turn) {
    return with_order(layout_.order,
                      [&](auto known) { return find_of_order<known()>(id, count, turn); });
  }

  template <int Known, class Id>
  Ranks find_of_order(const Id* id, Index count, Index turn) {
    const Lexicon& lexicon = parts_.lexicon;
    const int order = Known == Eigen::Dynamic ? layout_.order : Known;
    const Index last_row = lexicon.table().rows() - 1;
    Ranks ranks{};
    Index total = 0;
    for (Index i = 0; i < count; ++i)
      if (!is_padding(id[i]))
        total += ranks[std::size_t(i)] = lexicon.rank(static_cast<Index>(id[i]));
    auto* sense = kernel::detail::at_least(work_.senses[std::size_t(turn)], total);
    Index* place = kernel::detail::at_least(work_.places[std::size_t(turn)], total * order);
    for (Index i = 0; i < count; ++i) {
      if (is_padding(id[i])) continue;
      const auto w = static_cast<Index>(id[i]);
      const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
      const Scalar* gain =
          parts_.has_gains() ? parts_.gains.data() + parts_.gain_number(w, 0) : nullptr;
      if (wants_gains_)
        gradient_[gain_parameter_].prefetch(parts_.gain_number(w, 0), ranks[std::size_t(i)]);
      lexicon.for_senses<Known>(w, [&](Index s, const Index* units) {
        const Slot* slot = slots_.data() + std::min(s, last_row) * order;
        sense->vectors = slot->rank;
        sense->gain = gain ? scale * gain[s] : scale;
        for (int j = 0; j < order; ++j, ++slot, ++place) {
          const Index unit = units[j], bytes = slot->length * Index(sizeof(Scalar));
          if (slot->values) {
            const Scalar* const values = slot->values + unit * slot->length;
            kernel::prefetch(values, bytes);
            sense->factors[std::size_t(j)] = values;
          } else {
            slot->inventory->prefetch(unit);
          }
          if (!slot->part) continue;
          *place = slot->part->touch(unit);
          kernel::prefetch(slot->part->data(*place), bytes);
        }
        ++sense;
      });
    }
    return ranks;
  }

  /// The gradient `product` of the sum of the `rank` senses of word `w`, which are those from
  /// work_.senses[turn][first] on.
  void terms_backward(Index w, Index rank, Index turn, Index first, const Scalar* product,
                      Index width) {
    const int order = layout_.order;
    const Index last_row = parts_.lexicon.table().rows() - 1;
    kernel::SenseGradient<Scalar>* senses = work_.senses[std::size_t(turn)].data() + first;
    const Index* place = work_.places[std::size_t(turn)].data() + first * order;
    for (Index s = 0; s < rank; ++s) {
      const Slot* slot = slots_.data() + std::min(s, last_row) * order;
      for (std::size_t j = 0; j < std::size_t(order); ++j, ++slot, ++place)
        senses[s].to[j] = slot->part ? slot->part->data(*place) : nullptr;
    }
    if (narrow_) widen(w, rank, senses);
    kron_sum_gradient_(layout_, {senses, static_cast<std::size_t>(rank)}, work_.kernel, product,
                       width, wants_gains_);
    if (!wants_gains_) return;
    const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
    SparseRows<Scalar>& part = gradient_[gain_parameter_];
    for (Index s = 0; s < rank; ++s)
      *part.data(part.touch(parts_.gain_number(w, s))) += scale * senses[s].gain_gradient;
  }

  /// Lets the senses of `w` point at widened copies of the units of narrow storage.
  void widen(Index w, Index rank, kernel::SenseGradient<Scalar>* senses) {
    const int order = layout_.order;
    const Index last_row = parts_.lexicon.table().rows() - 1;
    const auto slots_of = [&](Index s) { return slots_.data() + std::min(s, last_row) * order; };
    Index length = kernel::lanes<Scalar>;
    for (Index s = 0; s < rank; ++s)
      for (int j = 0; j < order; ++j) length += slots_of(s)[j].length;
    Scalar* to = kernel::detail::at_least(work_.widened, length);
    parts_.lexicon.for_senses(w, [&](Index s, const Index* units) {
      const Slot* slot = slots_of(s);
      for (int j = 0; j < order; ++j, ++slot) {
        if (slot->values) continue;
        slot->inventory->read(units[j], to);
        senses[s].factors[std::size_t(j)] = to;
        to += slot->length;
      }
    });
  }

  const EmbeddingParts<Scalar>& parts_;
  const kernel::Layout& layout_;
  const std::vector<bool>& frozen_;
  Gradient<Scalar>& gradient_;
  BackwardWorkspace<Scalar>& work_;
  kernel::KronSumGradient<Scalar> kron_sum_gradient_;
  int gain_parameter_;
  std::vector<Slot>& slots_ = slots_of_thread();
  std::array<Ranks, 2> ranks_{};
  bool wants_gains_ = false, wants_terms_ = false, narrow_ = false;
};

}  // namespace see::detail
