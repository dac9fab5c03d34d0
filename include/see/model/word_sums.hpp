#pragma once

#include <vector>

#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/model/parts.hpp"

namespace see::detail {

/// Computes cut_p(z(w)) A, the part of an embedding that its factors and gains decide. One slot may
/// read a set of directions in place of the inventories, which gives a directional derivative.
///
/// Uses this thread's workspace: at most one lives in a thread at a time.
template <class Scalar, int Order>
class WordSums {
 public:
  WordSums(const EmbeddingParts<Scalar>& parts, const kernel::Layout& layout,
           const Array<Scalar>& gains, int direction_slot = -1,
           const std::vector<Inventory<Scalar>>* directions = nullptr)
      : parts_(parts),
        layout_(layout),
        gains_(gains),
        order_(Order == Eigen::Dynamic ? layout.order : Order),
        work_(kernel::Workspace<Scalar>::of_thread()) {
    const SlotTable& table = parts.lexicon.table();
    work_.slots.clear();
    for (Index row = 0; row < table.rows(); ++row)
      for (int j = 0; j < table.order; ++j) {
        const auto& source = j == direction_slot ? *directions : parts.inventories;
        const auto& inventory = source[static_cast<std::size_t>(table.inventory(row, j))];
        work_.slots.push_back({inventory.values().data(), inventory.rank(), inventory.dim()});
      }
  }

  WordSums(const WordSums&) = delete;
  WordSums& operator=(const WordSums&) = delete;

  kernel::Workspace<Scalar>& work() noexcept { return work_; }

  /// Fills work().terms with the work().count terms of word `w`.
  void collect(Index w) {
    const Lexicon& lexicon = parts_.lexicon;
    const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
    const SlotTable& table = lexicon.table();
    std::size_t count = 0;
    lexicon.for_senses(w, [&](Index s, const Index* units) {
      const auto* slot = work_.slots.data() + table.row_of(s) * order_;
      kernel::Term<Scalar> term;
      term.gain = scale;
      if (parts_.has_gains())
        term.gain *= gains_[static_cast<std::size_t>(parts_.gain_number(w, s))];
      for (int j = 0; j < order_; ++j)
        term.factors[static_cast<std::size_t>(j)] =
            slot[j].values + units[j] * slot[j].rank * slot[j].dim;
      const auto vectors = static_cast<std::size_t>(slot[0].rank);
      if (work_.terms.size() < count + vectors) work_.terms.resize(2 * (count + vectors));
      for (std::size_t i = 0; i < vectors; ++i) {
        work_.terms[count++] = term;
        for (int j = 0; j < order_; ++j) term.factors[static_cast<std::size_t>(j)] += slot[j].dim;
      }
    });
    work_.count = static_cast<Index>(count);
  }

  /// out = cut_p(z(id)) A for `count` ids, without the mean. With axes the rows go through one
  /// matrix product.
  template <class Id>
  void rows(const Id* id, Index count, RowMatrixRef<Scalar> out) {
    const Index width = parts_.shape.width();
    const Basis<Scalar>& basis = parts_.basis;
    Scalar* to = out.data();
    Index stride = out.outerStride();
    if (basis.has_axes()) {
      to = kernel::detail::at_least(work_.scratch, count * width);
      stride = width;
    }
    for (Index i = 0; i < count; ++i) {
      collect(static_cast<Index>(id[i]));
      kernel::kron_sum<Order>(layout_, work_, to + i * stride, width);
    }
    if (basis.has_axes())
      out.noalias() = ConstRowMatrixMap<Scalar>(to, count, width) *
                      ConstRowMatrixMap<Scalar>(basis.axes.data(), width, out.cols());
  }

 private:
  const EmbeddingParts<Scalar>& parts_;
  const kernel::Layout& layout_;
  const Array<Scalar>& gains_;
  int order_;
  kernel::Workspace<Scalar>& work_;
};

}  // namespace see::detail
