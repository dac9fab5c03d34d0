#pragma once

#include <algorithm>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/non_temporal.hpp"
#include "see/model/backward.hpp"
#include "see/model/gather.hpp"
#include "see/model/gradient.hpp"
#include "see/model/parts.hpp"

namespace see::detail {

/// Rows E(w) = LayerNorm(mean + (cut_p(z(w)) + r(w)) A) of many words, and their derivatives: what
/// EntangledEmbedding calls once it has checked ids, sizes and shapes. Matrices have a row for each
/// id. Bodies stand outside of the class, so that see::compiled has them and programs do not.
template <class Scalar, class Id>
class EmbeddingRows {
 public:
  static constexpr Index largest_block = 64;  ///< rows that pass through the basis together

  EmbeddingRows(const EmbeddingParts<Scalar>& parts, const kernel::Layout& layout)
      : parts_(parts), layout_(layout) {}

  /// A `large` output is written by non-temporal stores: rows of nothing but terms as they are
  /// summed, if they are aligned; others are finished block by block in the L1 cache and copied.
  void forward(const Id* id, RowMatrixRef<Scalar> out, bool large) const;

  /// The change of the rows where inventories and gains move along the directions, to first order;
  /// without LayerNorm. `gain_direction` may be empty.
  void tangent(const Id* id, const std::vector<Inventory<Scalar>>& directions,
               const Array<Scalar>& gain_direction, RowMatrixRef<Scalar> out) const;

  /// Adds the gradient of sum_i <out_gradient row i, E(id[i])> by the tasks of `run`.
  void backward(const Id* id, ConstRowMatrixRef<Scalar> out_gradient,
                const std::vector<bool>& frozen, Gradient<Scalar>& gradient,
                const Executor& run) const;

 private:
  using Sums = Gather<Scalar>;

  void clear_padding(const Id* id, RowMatrixRef<Scalar> out) const;
  void finish(const Id* id, RowMatrixRef<Scalar> out) const;

  const EmbeddingParts<Scalar>& parts_;
  const kernel::Layout& layout_;
};

template <class Scalar, class Id>
void EmbeddingRows<Scalar, Id>::clear_padding(const Id* id, RowMatrixRef<Scalar> out) const {
  if (parts_.padding_idx)
    for (Index i = 0; i < out.rows(); ++i)
      if (static_cast<Index>(id[i]) == *parts_.padding_idx) out.row(i).setZero();
}

/// LayerNorm and padding of finished sums.
template <class Scalar, class Id>
void EmbeddingRows<Scalar, Id>::finish(const Id* id, RowMatrixRef<Scalar> out) const {
  if (parts_.layer_norm)
    for (Index i = 0; i < out.rows(); ++i)
      parts_.layer_norm->apply(out.data() + i * out.outerStride(), out.cols());
  clear_padding(id, out);
}

template <class Scalar, class Id>
void EmbeddingRows<Scalar, Id>::forward(const Id* id, RowMatrixRef<Scalar> out, bool large) const {
  const Basis<Scalar>& basis = parts_.basis;
  const Index dim = out.cols();
  const bool plain = !parts_.codes && !parts_.layer_norm && !basis.has_axes() && !basis.has_mean();
  const Scalar* const mean = basis.has_mean() ? basis.mean.data() : nullptr;
  Sums sums(parts_, layout_);
  auto pipeline = sums.begin(id, out.rows());
  const bool direct = large && plain && kernel::is_aligned(out.data(), out.outerStride());
  if (direct) sums.write_non_temporal();
  const bool copied = large && !direct;
  Index block = largest_block;
  if (copied) {  // rows that the L1 cache holds
    const Index rows = (16 << 10) / (dim * Index(sizeof(Scalar))) / Sums::batch * Sums::batch;
    block = std::clamp(rows, Sums::batch, largest_block);
  }
  for (Index first = 0; first < out.rows(); first += block) {
    const Index rows = std::min(block, out.rows() - first);
    auto to = out.middleRows(first, rows);
    if (copied) {
      RowMatrixMap<Scalar> cached(sums.block_buffer(rows * dim), rows, dim);
      sums.rows(pipeline, mean, cached);
      finish(id + first, cached);
      for (Index i = 0; i < rows; ++i)
        kernel::copy_non_temporal(cached.data() + i * dim, dim, to.data() + i * out.outerStride());
    } else {
      sums.rows(pipeline, mean, to);
      finish(id + first, to);
    }
  }
  if (large) kernel::store_fence();
}

template <class Scalar, class Id>
void EmbeddingRows<Scalar, Id>::tangent(const Id* id,
                                        const std::vector<Inventory<Scalar>>& directions,
                                        const Array<Scalar>& gain_direction,
                                        RowMatrixRef<Scalar> out) const {
  RowMatrix<Scalar> part(std::min(largest_block, out.rows()), out.cols());
  for (Index first = 0; first < out.rows(); first += largest_block) {
    const Index rows = std::min(largest_block, out.rows() - first);
    auto to = out.middleRows(first, rows);
    to.setZero();
    for (int slot = 0; slot < layout_.order; ++slot) {
      Sums(parts_, layout_, parts_.gains, slot, &directions)
          .rows(id + first, rows, part.topRows(rows));
      to += part.topRows(rows);
    }
    if (!gain_direction.empty()) {
      Sums(parts_, layout_, gain_direction).rows(id + first, rows, part.topRows(rows));
      to += part.topRows(rows);
    }
    clear_padding(id + first, to);
  }
}

template <class Scalar, class Id>
void EmbeddingRows<Scalar, Id>::backward(const Id* id, ConstRowMatrixRef<Scalar> out_gradient,
                                         const std::vector<bool>& frozen,
                                         Gradient<Scalar>& gradient, const Executor& run) const {
  gradient.add_ranges(run, out_gradient.rows(), [&](Index first, Index last, auto& into) {
    Backward<Scalar>(parts_, layout_, frozen, into)
        .rows(id + first, last - first, out_gradient.middleRows(first, last - first));
  });
}

#if defined(SEE_COMPILED)
extern template class EmbeddingRows<float, Index>;
extern template class EmbeddingRows<float, int>;
extern template class EmbeddingRows<double, Index>;
extern template class EmbeddingRows<double, int>;
#endif

}  // namespace see::detail
