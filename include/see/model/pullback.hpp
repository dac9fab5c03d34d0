#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/kernel/kron_gradient.hpp"
#include "see/model/gradient.hpp"
#include "see/model/parts.hpp"
#include "see/model/word_sums.hpp"

namespace see::detail {

/// Memory that a Pullback reuses from call to call; grows, never shrinks.
template <class Scalar>
struct PullbackWorkspace {
  // Aligned, since Eigen sums a row (LayerNorm) in an order that depends on where it lies.
  kernel::Buffer<Scalar> rows, inputs;
  std::vector<Scalar> products, widened;
  std::vector<kernel::SenseGradient<Scalar>> senses;
  std::vector<Index> places;
  kernel::GradientWorkspace<Scalar> kernel;

  /// This thread's workspace for Scalar.
  static PullbackWorkspace& of_thread() {
    static thread_local PullbackWorkspace workspace;
    return workspace;
  }
};

/// Carries the gradients of embedding rows back to the parameters that are not frozen: the
/// inventories in order, then the gains if any, then LayerNorm's weight and bias if any.
///
/// Uses this thread's workspace: at most one lives in a thread at a time.
template <class Scalar, int Order>
class Pullback {
 public:
  Pullback(const EmbeddingParts<Scalar>& parts, const kernel::Layout& layout,
           const std::vector<bool>& frozen, Gradient<Scalar>& gradient)
      : parts_(parts),
        layout_(layout),
        frozen_(frozen),
        gradient_(gradient),
        work_(PullbackWorkspace<Scalar>::of_thread()),
        gain_parameter_(static_cast<int>(parts.inventories.size())) {
    wants_gains_ = parts.has_gains() && !is_frozen(gain_parameter_);
    wants_terms_ = wants_gains_;
    for (int i = 0; i < gain_parameter_; ++i) {
      wants_terms_ = wants_terms_ || !is_frozen(i);
      const Inventory<Scalar>& inventory = parts.inventories[static_cast<std::size_t>(i)];
      if (inventory.storage() != Storage::native)
        widened_unit_ = std::max(widened_unit_, inventory.rank() * inventory.dim());
    }
  }

  Pullback(const Pullback&) = delete;
  Pullback& operator=(const Pullback&) = delete;

  /// Adds the gradient of sum_i <out_gradient row i, E(id[i])>, the padding row left out.
  /// `out_gradient` has a row for each of `count` ids.
  template <class Id>
  void rows(const Id* id, Index count, ConstRowMatrixRef<Scalar> out_gradient) {
    for (Index first = 0; first < count; first += block)
      block_rows(id + first, std::min(block, count - first), out_gradient, first);
  }

 private:
  static constexpr Index block = 64;  // rows that pass through the axes together

  bool is_frozen(int parameter) const { return frozen_[static_cast<std::size_t>(parameter)]; }

  template <class Id>
  bool is_padding(Id id) const noexcept {
    return parts_.padding_idx && static_cast<Index>(id) == *parts_.padding_idx;
  }

  template <class Id>
  void block_rows(const Id* id, Index count, ConstRowMatrixRef<Scalar> out_gradient, Index first) {
    const Index dim = parts_.embedding_dim(), width = parts_.shape.width();
    const Scalar* from = out_gradient.data() + first * out_gradient.outerStride();
    Index stride = out_gradient.outerStride();
    if (parts_.layer_norm) {
      RowMatrixMap<Scalar> rows(kernel::detail::at_least(work_.rows, count * dim), count, dim);
      rows = out_gradient.middleRows(first, count);
      through_layer_norm(id, rows);
      from = rows.data();
      stride = dim;
    }
    if (!wants_terms_) return;
    const bool is_far = !parts_.layer_norm && !parts_.basis.has_axes();
    if (parts_.basis.has_axes()) {
      RowMatrixMap<Scalar> products(kernel::detail::at_least(work_.products, count * width), count,
                                    width);
      products.noalias() =
          Eigen::Map<const RowMatrix<Scalar>, 0, Eigen::OuterStride<>>(from, count, dim, stride) *
          ConstRowMatrixMap<Scalar>(parts_.basis.axes.data(), width, dim).transpose();
      from = products.data();
      stride = width;
    }
    for (Index i = 0; i < count; ++i) {
      if (i + 1 < count && is_far)
        kernel::prefetch(from + (i + 1) * stride, width * Index(sizeof(Scalar)));
      if (!is_padding(id[i])) through_terms(static_cast<Index>(id[i]), from + i * stride, width);
    }
  }

  /// Replaces the gradients of rows by those of LayerNorm's inputs.
  template <class Id>
  void through_layer_norm(const Id* id, RowMatrixMap<Scalar>& rows) {
    const Index dim = rows.cols();
    RowMatrixMap<Scalar> inputs(kernel::detail::at_least(work_.inputs, rows.size()), rows.rows(),
                                dim);
    WordSums<Scalar, Order>(parts_, layout_).rows(id, rows.rows(), inputs);
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

  void through_terms(Index w, const Scalar* product, Index width) {
    const std::span<kernel::SenseGradient<Scalar>> senses = collect(w);
    kernel::kron_sum_gradient<Order>(layout_, senses, work_.kernel, product, width, wants_gains_);
    if (!wants_gains_) return;
    const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
    SparseRows<Scalar>& part = gradient_[gain_parameter_];
    for (std::size_t s = 0; s < senses.size(); ++s)
      *part.data(part.touch(parts_.gain_number(w, static_cast<Index>(s)))) +=
          scale * senses[s].gain_gradient;
  }

  /// The senses of word `w`. Makes room for the rows of the gradient that they reach (which may
  /// move rows), then points at them.
  std::span<kernel::SenseGradient<Scalar>> collect(Index w) {
    const Lexicon& lexicon = parts_.lexicon;
    const SlotTable& table = lexicon.table();
    const int order = Order == Eigen::Dynamic ? layout_.order : Order;
    const Index count = lexicon.rank(w);
    const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
    kernel::SenseGradient<Scalar>* senses = kernel::detail::at_least(work_.senses, count);
    Scalar* widened = kernel::detail::at_least(
        work_.widened, count * order * widened_unit_ + kernel::lanes<Scalar>);
    Index* places = kernel::detail::at_least(work_.places, count * order);
    lexicon.for_senses(w, [&](Index s, const Index* units) {
      const Index row = table.row_of(s);
      kernel::SenseGradient<Scalar>& sense = senses[s];
      sense.vectors = parts_.rank_of_row(row);
      sense.gain = scale;
      if (parts_.has_gains())
        sense.gain *= parts_.gains[static_cast<std::size_t>(parts_.gain_number(w, s))];
      for (int j = 0; j < order; ++j) {
        const int i = table.inventory(row, j);
        const Inventory<Scalar>& inventory = parts_.inventories[static_cast<std::size_t>(i)];
        const Scalar*& factor = sense.factors[static_cast<std::size_t>(j)];
        if (inventory.storage() == Storage::native) {
          factor = inventory[units[j]].data();
        } else {
          inventory.read(units[j], widened);
          factor = widened;
          widened += widened_unit_;
        }
        places[s * order + j] = is_frozen(i) ? -1 : gradient_[i].touch(units[j]);
      }
    });
    for (Index s = 0; s < count; ++s)
      for (int j = 0; j < order; ++j) {
        const auto slot = static_cast<std::size_t>(j);
        const Index place = places[s * order + j];
        senses[s].to[slot] =
            place < 0 ? nullptr : gradient_[table.inventory(table.row_of(s), j)].data(place);
      }
    return {senses, static_cast<std::size_t>(count)};
  }

  const EmbeddingParts<Scalar>& parts_;
  const kernel::Layout& layout_;
  const std::vector<bool>& frozen_;
  Gradient<Scalar>& gradient_;
  PullbackWorkspace<Scalar>& work_;
  int gain_parameter_;
  Index widened_unit_ = 0;  // the most numbers of a unit of narrow storage
  bool wants_gains_ = false, wants_terms_ = false;
};

}  // namespace see::detail
