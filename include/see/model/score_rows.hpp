#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"

namespace see::detail {

template <class Rows>
struct ScalarOfRows {
  using type = float;
};
template <class Rows>
requires std::floating_point<typename Rows::Scalar>
struct ScalarOfRows<Rows> {
  using type = typename Rows::Scalar;
};

/// The numbers that a layer's or another source's rows are made of: its Scalar, or float where it
/// names none.
template <class Rows>
using RowScalar = typename ScalarOfRows<Rows>::type;

/// What can be scored: an EmbeddingLayer of any precision, or a RowSource.
template <class Rows>
concept ScoredRows = requires(const Rows& rows, std::span<const Index> ids,
                              RowMatrixRef<RowScalar<Rows>> out) {
  { rows.num_embeddings() } -> std::convertible_to<Index>;
  { rows.embedding_dim() } -> std::convertible_to<Index>;
  rows.forward(ids, out);
};

/// ScorePlan of rows of which nothing else is known.
template <ScoredRows Rows>
class RowPlan {
 public:
  RowPlan(Rows rows, const Executor&) : rows_(std::move(rows)) {}
  const Rows& layer() const noexcept { return rows_; }

 private:
  Rows rows_;
};

/// ScoreBatch by rows alone, expanded a block at a time for up to 64 hidden states.
template <ScoredRows Rows>
class RowBatch {
 public:
  using Scalar = RowScalar<Rows>;

  static Index best_size(const RowPlan<Rows>&, Index left) { return std::min<Index>(left, 64); }

  RowBatch(const RowPlan<Rows>& plan, ConstRowMatrixRef<Scalar> hidden, const Executor&)
      : rows_(plan.layer()), hidden_(hidden) {}

  Index states() const noexcept { return hidden_.rows(); }
  Index lanes() const noexcept { return hidden_.rows(); }

  /// out[k * lanes() + i] = <state i, row word(k)> for k < count.
  template <class Word>
  void score(Index count, const Word& word, Scalar* out) const {
    std::vector<Index> ids(static_cast<std::size_t>(count));
    for (Index k = 0; k < count; ++k) ids[static_cast<std::size_t>(k)] = word(k);
    RowMatrix<Scalar> rows(count, hidden_.cols());
    rows_.forward(std::span<const Index>(ids), rows);
    RowMatrixMap<Scalar>(out, count, lanes()).noalias() = rows * hidden_.transpose();
  }

 private:
  const Rows& rows_;
  RowMatrix<Scalar> hidden_;
};

}  // namespace see::detail
