#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "see/codes/tensor_train.hpp"
#include "see/compress/baseline/codes_method.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

/// Method tt.
namespace see::detail {

/// Fits tensor trains to one table: TT-SVD from both ends to the core in the middle, which carries
/// the scale. Holds one copy of the table (padded with zeros) as ((w2, j2), (w3, j3)) x (w1, j1).
class TensorTrainFit {
 public:
  /// n d (n1 d1 + n3 d3) operations. `table` is to outlive this object.
  TensorTrainFit(const Table& table, const Executor& run)
      : TensorTrainFit(table, TrainShape::of(table.rows(), table.dim()), run) {}

  /// For trains of other sizes, whatever the ranks.
  TensorTrainFit(const Table& table, const TrainShape& shape, const Executor& run)
      : table_(table),
        run_(run),
        shape_(shape),
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
      if (best.ranks[0] == 0 || bound(trial) < least) {
        best = trial;
        least = bound(trial);
      }
    }
    return best;
  }

  /// What choose() compares: no train of these ranks by TT-SVD has a larger squared error.
  double bound(const TrainShape& shape) const {
    return first_tails_[static_cast<std::size_t>(shape.ranks[0])] +
           last_tails_[static_cast<std::size_t>(shape.ranks[1])];
  }

  /// The train of these ranks: n d r1 + (n2 d2 r1) (n3 d3)^2 operations or so. Throws unless the
  /// ranks are 1 to n1 d1 and 1 to n3 d3.
  std::shared_ptr<const TensorTrain> train(const TrainShape& shape) const {
    const Index slabs = shape_.product(1), last = shape_.product(2);
    const Index r1 = shape.ranks[0], r2 = shape.ranks[1];
    require(r1 >= 1 && r1 <= shape_.product(0) && r2 >= 1 && r2 <= last, "ranks of ", r1, " and ",
            r2, ", needed 1 to ", shape_.product(0), " and ", last);
    const RowMatrix<float> first = first_.vectors.leftCols(r1).cast<float>();
    RowMatrix<float> rest(slabs * r1, last);
    for_ranges(run_, static_cast<std::size_t>(slabs), 1, [&](std::size_t begin, std::size_t end) {
      for (auto s = static_cast<Index>(begin); s < static_cast<Index>(end); ++s)
        rest.middleRows(s * r1, r1) =
            product(first.transpose(), tensor_.middleRows(s * last, last).transpose());
    });
    const PrincipalDirections directions(second_moments(rest, run_));
    const RowMatrix<float> axes = directions.vectors.leftCols(r2).cast<float>();
    const RowMatrix<float> middle = product(rest, axes);
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
    RowMatrix<double> sums = RowMatrix<double>::Zero(last, last);
    for (Index s = 0; s < shape_.product(1); ++s) {
      const RowMatrix<double> slab = tensor_.middleRows(s * last, last).cast<double>();
      for_ranges(run_, static_cast<std::size_t>(last), 64, [&](std::size_t begin, std::size_t end) {
        const auto at = static_cast<Index>(begin), width = static_cast<Index>(end - begin);
        add_product(view(slab), view(slab.middleRows(at, width).transpose()), sums.data() + at,
                    last);
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

inline Model<float> fit_tensor_train_model(const FitRequest& request) {
  const Table& table = request.table;
  const CodesBudget budget(request, fit_notes(request.method));
  const auto plan = [&](const TrainShape& shape) {
    return [&shape](CodesContent& content) { TensorTrain::plan(content, shape); };
  };
  TrainShape smallest = TrainShape::of(table.rows(), table.dim());
  smallest.ranks = {1, 1};
  budget.require_room(plan(smallest));
  request.report("fitting", 0);
  const TensorTrainFit fit(table, request.options.run);
  request.report("fitting", 0.5);
  return budget.model(
      fit.train(fit.choose([&](const TrainShape& shape) { return budget.fits(plan(shape)); })));
}

inline constexpr Method tt_method{
    .name = "tt",
    .help = "a tensor train of three cores",
    .least = 0,
    .most = Method::any_magnitude,
    .fit = fit_tensor_train_model,
};

}  // namespace see::detail
