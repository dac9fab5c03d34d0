#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/codes_file.hpp"
#include "see/codes/half_array.hpp"
#include "see/error.hpp"
#include "see/kernel/packet_block.hpp"
#include "see/model/row_codes.hpp"

namespace see::detail {

/// svd: the product of two thin matrices of half precision, the nearest of that rank to the table
/// (Eckart and Young, Psychometrika 1, 1936):
///
///     y_w = sum over k < rank of  left(w, k) right(k, .)      (left: n x rank, right: rank x d)
class LowRank final : public RowCodes {
 public:
  /// Adopts the factors. Throws where sizes do not fit.
  LowRank(Index rows, Index dim, Index rank, HalfArray left, HalfArray right)
      : RowCodes(rows, dim), rank_(rank), left_(std::move(left)), right_(std::move(right)) {
    require(rank >= 1 && std::cmp_equal(left_.size(), rows * rank) &&
                std::cmp_equal(right_.size(), rank * dim),
            "factors of ", left_.size(), " and ", right_.size(), " numbers, needed ", rows, " x ",
            rank, " and ", rank, " x ", dim);
  }

  static std::shared_ptr<const LowRank> read(const CodesReader& file) {
    const Index rank = file.size("right", 0);
    return std::make_shared<const LowRank>(file.rows(), file.dim(), rank,
                                           file.halves("left", {file.rows(), rank}),
                                           file.halves("right", {rank, file.dim()}));
  }

  Index rank() const noexcept { return rank_; }
  std::string_view kind() const noexcept override { return "svd"; }

  void store(CodesContent& content) const {
    content.add("left", {num_embeddings(), rank_}, left_);
    content.add("right", {rank_, embedding_dim()}, right_);
  }

  /// As store(), but for the numbers.
  static void plan(CodesContent& content, Index rows, Index dim, Index rank) {
    content.plan_halves("left", {rows, rank});
    content.plan_halves("right", {rank, dim});
  }

  using RowCodes::write_rows;
  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      float* const row = out.data() + static_cast<Index>(i) * out.outerStride();
      std::fill_n(row, embedding_dim(), 0.0F);
      for (Index k = 0; k < rank_; ++k)
        kernel::add_scaled(row, left_.data()[ids[i] * rank_ + k],
                           right_.data() + k * embedding_dim(), embedding_dim());
    }
  }

 private:
  Index rank_;
  HalfArray left_;
  HalfArray right_;
};

}  // namespace see::detail
