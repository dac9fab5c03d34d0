#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/baseline/baseline_rows.hpp"
#include "see/baseline/half_array.hpp"
#include "see/core/parallel.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/kernel/packet_block.hpp"

namespace see {

/// svd: the product of two thin matrices of half precision, the nearest of that rank to the table
/// (Eckart and Young, Psychometrika 1, 1936):
///
///     y_w = sum over k < rank of  left(w, k) right(k, .)      (left: n x rank, right: rank x d)
class LowRank final : public BaselineRows {
 public:
  /// Adopts the factors. Throws where sizes do not fit.
  LowRank(Index rows, Index dim, Index rank, HalfArray left, HalfArray right)
      : BaselineRows(rows, dim), rank_(rank), left_(std::move(left)), right_(std::move(right)) {
    detail::require(rank >= 1 && std::cmp_equal(left_.size(), rows * rank) &&
                        std::cmp_equal(right_.size(), rank * dim),
                    "factors of ", left_.size(), " and ", right_.size(), " numbers, needed ", rows,
                    " x ", rank, " and ", rank, " x ", dim);
  }

  /// The factors from the eigenvectors of X^T X, the right ones orthonormal: n d^2 + O(d^3)
  /// operations. Throws unless 1 <= rank <= dim.
  static std::shared_ptr<const LowRank> fit(const Table& table, Index rank, const Executor& run) {
    const Index rows = table.rows(), dim = table.dim();
    detail::require(rank >= 1 && rank <= dim, "a rank of ", rank, ", needed 1 to ", dim);
    const PrincipalDirections directions(second_moments(table.matrix(), run));
    const RowMatrix<float> kept = directions.vectors.leftCols(rank).transpose().cast<float>();
    HalfArray right(std::vector<float>(kept.data(), kept.data() + kept.size()));
    const ConstRowMatrixMap<float> axes(right.data(), rank, dim);
    std::vector<float> left(static_cast<std::size_t>(rows * rank));
    for_ranges(run, static_cast<std::size_t>(rows), 2048, [&](std::size_t begin, std::size_t end) {
      const auto first = static_cast<Index>(begin), count = static_cast<Index>(end - begin);
      RowMatrixMap<float>(left.data() + first * rank, count, rank).noalias() =
          table.matrix().middleRows(first, count) * axes.transpose();
    });
    return std::make_shared<const LowRank>(rows, dim, rank, HalfArray(std::move(left)),
                                           std::move(right));
  }

  static std::shared_ptr<const LowRank> read(const BaselineReader& file) {
    const Index rank = file.size("right", 0);
    return std::make_shared<const LowRank>(file.rows(), file.dim(), rank,
                                           file.halves("left", {file.rows(), rank}),
                                           file.halves("right", {rank, file.dim()}));
  }

  Index rank() const noexcept { return rank_; }
  std::string_view method() const noexcept override { return "svd"; }

  void store(BaselineContent& content) const override {
    content.add("left", {num_embeddings(), rank_}, left_);
    content.add("right", {rank_, embedding_dim()}, right_);
  }

  /// As store(), but for the numbers.
  static void plan(BaselineContent& content, const Table& table, Index rank) {
    content.plan_halves("left", {table.rows(), rank});
    content.plan_halves("right", {rank, table.dim()});
  }

 private:
  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      float* const row = out.data() + static_cast<Index>(i) * out.outerStride();
      std::fill_n(row, embedding_dim(), 0.0F);
      for (Index k = 0; k < rank_; ++k)
        kernel::add_scaled(row, left_.data()[ids[i] * rank_ + k],
                           right_.data() + k * embedding_dim(), embedding_dim());
    }
  }

  Index rank_;
  HalfArray left_;
  HalfArray right_;
};

}  // namespace see
