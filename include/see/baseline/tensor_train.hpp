#pragma once

#include <algorithm>
#include <array>
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
#include "see/model/shape.hpp"

namespace see {

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
class TensorTrain final : public BaselineRows {
 public:
  /// Adopts the cores. Throws where sizes do not fit.
  TensorTrain(Index rows, Index dim, const TrainShape& shape, std::array<HalfArray, 3> cores)
      : BaselineRows(rows, dim), shape_(shape), cores_(std::move(cores)) {
    const auto shapes = shape.core_shapes();
    for (std::size_t k = 0; k < 3; ++k) {
      Index count = 1;
      for (const Index size : shapes[k]) count *= size;
      detail::require(count >= 1 && std::cmp_equal(cores_[k].size(), count), "core ", k, " of ",
                      cores_[k].size(), " numbers, needed ", count);
    }
    detail::require(shape.rows[0] * shape.rows[1] * shape.rows[2] >= rows &&
                        shape.cols[0] * shape.cols[1] * shape.cols[2] >= dim,
                    "a tensor train too small for a table of ", rows, " x ", dim);
  }

  static std::shared_ptr<const TensorTrain> read(const BaselineReader& file) {
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
  std::string_view method() const noexcept override { return "tt"; }

  void store(BaselineContent& content) const override {
    const auto shapes = shape_.core_shapes();
    for (std::size_t k = 0; k < 3; ++k)
      content.add("core." + std::to_string(k), shapes[k], cores_[k]);
  }

  /// As store(), but for the numbers.
  static void plan(BaselineContent& content, const TrainShape& shape) {
    const auto shapes = shape.core_shapes();
    for (std::size_t k = 0; k < 3; ++k) content.plan_halves("core." + std::to_string(k), shapes[k]);
  }

 private:
  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    const auto [n1, n2, n3] = shape_.rows;
    const auto [d1, d2, d3] = shape_.cols;
    const auto [r1, r2] = shape_.ranks;
    const ConstRowMatrixMap<float> last(cores_[2].data(), r2, n3 * d3);
    RowMatrix<float> middle(d1, r2), product(d1, d2 * d3);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Index w = ids[i], w1 = w / (n2 * n3), w2 = w / n3 % n2, w3 = w % n3;
      const ConstRowMatrixMap<float> first(cores_[0].data() + w1 * d1 * r1, d1, r1);
      for (Index j2 = 0; j2 < d2; ++j2) {
        const ConstRowMatrixMap<float> second(cores_[1].data() + (w2 * d2 + j2) * r1 * r2, r1, r2);
        middle.noalias() = first * second;
        product.middleCols(j2 * d3, d3).noalias() = middle * last.middleCols(w3 * d3, d3);
      }
      std::copy_n(product.data(), embedding_dim(),
                  out.data() + static_cast<Index>(i) * out.outerStride());
    }
  }

  TrainShape shape_;
  std::array<HalfArray, 3> cores_;
};

/// Fits tensor trains to one table: TT-SVD from both ends to the core in the middle, which carries
/// the scale. Holds one copy of the table (padded with zeros) as ((w2, j2), (w3, j3)) x (w1, j1).
class TensorTrainFit {
 public:
  /// n d (n1 d1 + n3 d3) operations. `table` is to outlive this object.
  TensorTrainFit(const Table& table, const Executor& run)
      : table_(table),
        run_(run),
        shape_(TrainShape::of(table.rows(), table.dim())),
        tensor_(unfold(table, shape_)),
        first_(second_moments(tensor_, run)),
        first_tails_(first_.tails()),
        last_tails_(PrincipalDirections(last_moments()).tails()) {}

  /// The ranks that leave the least error by the bound of TT-SVD, the sum of the dropped squared
  /// singular values at both bonds, among those for which fits(shape) holds; ranks of 0 where none
  /// do. `fits` is monotone: where it holds, it does for smaller ranks.
  template <class Fits>
  TrainShape choose(const Fits& fits) const {
    TrainShape best = shape_;
    double least = 0;
    for (Index r1 = 1; r1 <= shape_.product(0); ++r1) {
      TrainShape trial = shape_;
      const auto holds = [&](Index r2) {
        trial.ranks = {r1, r2};
        return fits(trial);
      };
      if (!holds(1)) break;
      Index low = 1, high = shape_.product(2);
      while (low < high) {
        const Index middle = (low + high + 1) / 2;
        if (holds(middle))
          low = middle;
        else
          high = middle - 1;
      }
      trial.ranks = {r1, low};
      const double bound =
          first_tails_[static_cast<std::size_t>(r1)] + last_tails_[static_cast<std::size_t>(low)];
      if (best.ranks[0] == 0 || bound < least) {
        best = trial;
        least = bound;
      }
    }
    return best;
  }

  /// The train of these ranks: n d r1 + (n2 d2 r1) (n3 d3)^2 operations or so. Throws unless the
  /// ranks are 1 to n1 d1 and 1 to n3 d3.
  std::shared_ptr<const TensorTrain> train(const TrainShape& shape) const {
    const Index slabs = shape_.product(1), last = shape_.product(2);
    const Index r1 = shape.ranks[0], r2 = shape.ranks[1];
    detail::require(r1 >= 1 && r1 <= shape_.product(0) && r2 >= 1 && r2 <= last, "ranks of ", r1,
                    " and ", r2, ", needed 1 to ", shape_.product(0), " and ", last);
    const RowMatrix<float> first = first_.vectors.leftCols(r1).cast<float>();
    RowMatrix<float> rest(slabs * r1, last);
    for_ranges(run_, static_cast<std::size_t>(slabs), 1, [&](std::size_t begin, std::size_t end) {
      for (auto s = static_cast<Index>(begin); s < static_cast<Index>(end); ++s)
        rest.middleRows(s * r1, r1).noalias() =
            first.transpose() * tensor_.middleRows(s * last, last).transpose();
    });
    const PrincipalDirections directions(second_moments(rest, run_));
    const RowMatrix<float> axes = directions.vectors.leftCols(r2).cast<float>();
    RowMatrix<float> middle(slabs * r1, r2);
    middle.noalias() = rest * axes;
    const RowMatrix<float> turned = axes.transpose();
    const auto halves = [](const RowMatrix<float>& values) {
      return HalfArray(std::vector<float>(values.data(), values.data() + values.size()));
    };
    return std::make_shared<const TensorTrain>(
        table_.rows(), table_.dim(), shape,
        std::array<HalfArray, 3>{halves(first), halves(middle), halves(turned)});
  }

 private:
  static RowMatrix<float> unfold(const Table& table, const TrainShape& shape) {
    const auto [n1, n2, n3] = shape.rows;
    const auto [d1, d2, d3] = shape.cols;
    RowMatrix<float> tensor =
        RowMatrix<float>::Zero(shape.product(1) * shape.product(2), shape.product(0));
    for (Index w = 0; w < table.rows(); ++w) {
      const float* const row = table.values().data() + w * table.dim();
      const Index w1 = w / (n2 * n3), w2 = w / n3 % n2, w3 = w % n3;
      for (Index j = 0; j < table.dim(); ++j) {
        const Index j1 = j / (d2 * d3), j2 = j / d3 % d2, j3 = j % d3;
        tensor((w2 * d2 + j2) * n3 * d3 + w3 * d3 + j3, w1 * d1 + j1) = row[j];
      }
    }
    return tensor;
  }

  /// X^T X of the unfolding whose columns are (w3, j3).
  Eigen::MatrixXd last_moments() const {
    const Index last = shape_.product(2);
    Eigen::MatrixXd sums = Eigen::MatrixXd::Zero(last, last);
    for (Index s = 0; s < shape_.product(1); ++s) {
      const RowMatrix<double> slab = tensor_.middleRows(s * last, last).cast<double>();
      for_ranges(run_, static_cast<std::size_t>(last), 64, [&](std::size_t begin, std::size_t end) {
        const auto at = static_cast<Index>(begin), width = static_cast<Index>(end - begin);
        sums.middleCols(at, width).noalias() += slab * slab.middleRows(at, width).transpose();
      });
    }
    return sums;
  }

  const Table& table_;
  Executor run_;
  TrainShape shape_;
  RowMatrix<float> tensor_;
  PrincipalDirections first_;
  std::vector<double> first_tails_;
  std::vector<double> last_tails_;
};

}  // namespace see
