#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "see/codes/low_rank.hpp"
#include "see/compress/baseline/codes_method.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

/// Method svd.
namespace see::detail {

/// The factors from the eigenvectors of X^T X, the right ones orthonormal: n d^2 + O(d^3)
/// operations. Throws unless 1 <= rank <= dim.
inline std::shared_ptr<const LowRank> fit_low_rank(const Table& table, Index rank,
                                                   const Executor& run) {
  const Index rows = table.rows(), dim = table.dim();
  require(rank >= 1 && rank <= dim, "a rank of ", rank, ", needed 1 to ", dim);
  const PrincipalDirections directions(second_moments(table.matrix(), run));
  const RowMatrix<float> kept = directions.vectors.leftCols(rank).transpose().cast<float>();
  HalfArray right(std::vector<float>(kept.data(), kept.data() + kept.size()));
  const ConstRowMatrixMap<float> axes(right.data(), rank, dim);
  std::vector<float> left(static_cast<std::size_t>(rows * rank));
  for_ranges(run, static_cast<std::size_t>(rows), 2048, [&](std::size_t begin, std::size_t end) {
    const auto first = static_cast<Index>(begin), count = static_cast<Index>(end - begin);
    RowMatrixMap<float>(left.data() + first * rank, count, rank) =
        product(table.matrix().middleRows(first, count), axes.transpose());
  });
  return std::make_shared<const LowRank>(rows, dim, rank, HalfArray(std::move(left)),
                                         std::move(right));
}

inline Model<float> fit_low_rank_model(const FitRequest& request) {
  const Table& table = request.table;
  const CodesBudget budget(request, fit_notes(request.method));
  const auto plan = [&](Index rank) {
    return [&table, rank](CodesContent& content) {
      LowRank::plan(content, table.rows(), table.dim(), rank);
    };
  };
  budget.require_room(plan(1));
  request.report("fitting", 0);
  const Index rank = largest(std::min(table.rows(), table.dim()),
                             [&](Index some) { return budget.fits(plan(some)); });
  return budget.model(fit_low_rank(table, rank, request.options.run));
}

inline constexpr Method svd_method{
    .name = "svd",
    .help = "two thin matrices, the nearest of their rank",
    .least = 0,
    .most = Method::any_magnitude,
    .fit = fit_low_rank_model,
};

}  // namespace see::detail
