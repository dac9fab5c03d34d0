#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/codes_file.hpp"
#include "see/codes/half_array.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/error.hpp"
#include "see/model/row_codes.hpp"
#include "see/model/shape.hpp"

namespace see::detail {

/// The sizes of a tensor train of three cores for an n x d table: n1 n2 n3 >= n and d1 d2 d3 >= d
/// with near-equal factors, the first digit of a row or column the most significant.
struct TrainShape {
  std::array<Index, 3> rows;
  std::array<Index, 3> cols;
  std::array<Index, 2> ranks = {0, 0};

  static TrainShape of(Index rows, Index cols) {
    const Shape n = Shape::balanced(rows, 3), d = Shape::balanced(cols, 3);
    return {{n.factor_dim(0), n.factor_dim(1), n.factor_dim(2)},
            {d.factor_dim(0), d.factor_dim(1), d.factor_dim(2)}};
  }

  Index product(int k) const noexcept {
    return rows[static_cast<std::size_t>(k)] * cols[static_cast<std::size_t>(k)];
  }
  std::array<std::vector<Index>, 3> core_shapes() const {
    return {std::vector<Index>{rows[0], cols[0], ranks[0]},
            std::vector<Index>{rows[1], cols[1], ranks[0], ranks[1]},
            std::vector<Index>{ranks[1], rows[2], cols[2]}};
  }
};

/// tt: a table as a tensor train (Oseledets, SIAM J. Sci. Comput. 33, 2011) whose cores take digits
/// of the row and of the column together (Khrulkov et al., arXiv 1901.10787), of half precision:
///
///     y(w, j) = sum over a, b of  G1(w1, j1, a) G2(w2, j2, a, b) G3(b, w3, j3)
class TensorTrain final : public RowCodes {
 public:
  /// Adopts the cores. Throws where sizes do not fit.
  TensorTrain(Index rows, Index dim, const TrainShape& shape, std::array<HalfArray, 3> cores)
      : RowCodes(rows, dim), shape_(shape), cores_(std::move(cores)) {
    const auto shapes = shape.core_shapes();
    for (std::size_t k = 0; k < 3; ++k) {
      Index count = 1;
      for (const Index size : shapes[k]) count *= size;
      require(count >= 1 && std::cmp_equal(cores_[k].size(), count), "core ", k, " of ",
              cores_[k].size(), " numbers, needed ", count);
    }
    require(shape.rows[0] * shape.rows[1] * shape.rows[2] >= rows &&
                shape.cols[0] * shape.cols[1] * shape.cols[2] >= dim,
            "a tensor train too small for a table of ", rows, " x ", dim);
  }

  static std::shared_ptr<const TensorTrain> read(const CodesReader& file) {
    TrainShape shape = TrainShape::of(file.rows(), file.dim());
    shape.ranks = {file.size("core.0", 2), file.size("core.2", 0)};
    const auto form = shape.core_shapes();
    return std::make_shared<const TensorTrain>(
        file.rows(), file.dim(), shape,
        std::array<HalfArray, 3>{
            file.halves("core.0", {form[0][0], form[0][1], form[0][2]}),
            file.halves("core.1", {form[1][0], form[1][1], form[1][2], form[1][3]}),
            file.halves("core.2", {form[2][0], form[2][1], form[2][2]})});
  }

  const TrainShape& shape() const noexcept { return shape_; }
  /// Core k + 1, in the order of TrainShape::core_shapes().
  std::span<const float> core(std::size_t k) const noexcept {
    return {cores_[k].data(), cores_[k].size()};
  }
  std::string_view kind() const noexcept override { return "tt"; }

  void store(CodesContent& content) const {
    const auto shapes = shape_.core_shapes();
    for (std::size_t k = 0; k < 3; ++k)
      content.add("core." + std::to_string(k), shapes[k], cores_[k]);
  }

  /// As store(), but for the numbers.
  static void plan(CodesContent& content, const TrainShape& shape) {
    const auto shapes = shape.core_shapes();
    for (std::size_t k = 0; k < 3; ++k) content.plan_halves("core." + std::to_string(k), shapes[k]);
  }

  using RowCodes::write_rows;
  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    const auto [n1, n2, n3] = shape_.rows;
    const auto [d1, d2, d3] = shape_.cols;
    const auto [r1, r2] = shape_.ranks;
    const ConstRowMatrixMap<float> last(cores_[2].data(), r2, n3 * d3);
    RowMatrix<float> middle, row(d1, d2 * d3);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Index w = ids[i], w1 = w / (n2 * n3), w2 = w / n3 % n2, w3 = w % n3;
      const ConstRowMatrixMap<float> first(cores_[0].data() + w1 * d1 * r1, d1, r1);
      for (Index j2 = 0; j2 < d2; ++j2) {
        const ConstRowMatrixMap<float> second(cores_[1].data() + (w2 * d2 + j2) * r1 * r2, r1, r2);
        middle = product(first, second);
        row.middleCols(j2 * d3, d3) = product(middle, last.middleCols(w3 * d3, d3));
      }
      std::copy_n(row.data(), embedding_dim(),
                  out.data() + static_cast<Index>(i) * out.outerStride());
    }
  }

 private:
  TrainShape shape_;
  std::array<HalfArray, 3> cores_;
};

}  // namespace see::detail
