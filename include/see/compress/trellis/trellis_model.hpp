#pragma once

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/compress_options.hpp"
#include "see/compress/plan/paying_terms.hpp"
#include "see/compress/row_weights.hpp"
#include "see/compress/trellis/add_residual.hpp"
#include "see/compress/trellis/fit_residual.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/int8_axes.hpp"

/// Models whose rows are coded by a trellis: alone, or beside terms that pay.
namespace see::detail {

/// Bytes of a model without terms beside its residual's arrays, with so many axes.
inline std::uint64_t trellis_side_bytes(const Table& table, Index axes, bool mean) {
  PrincipalBasis basis;
  if (mean) basis.mean = Vector<float>::Zero(table.dim());
  if (axes > 0) basis.axes = RowMatrix<float>::Zero(axes, table.dim());
  return side_bytes(parts_without_terms(table.rows(), table.dim(), basis), table.words());
}

/// The smallest model without terms in bytes.
inline std::uint64_t least_trellis_bytes(const Table& table) {
  return trellis_side_bytes(table, 0, false) + residual_overhead(table.rows(), table.dim(), 1) +
         packed_padding + static_cast<std::uint64_t>(table.rows());
}

/// The frame of the table in which `activation` weighs errors by the identity:
/// A = V' S^-1 with S' S = activation and V the principal axes of the rows times S.
inline PrincipalBasis activation_basis(const Moments& moments, bool with_mean,
                                       const RowMatrix<float>& activation) {
  const Index d = activation.rows();
  const Eigen::MatrixXd given = activation.cast<double>();
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver((given + given.transpose()) / 2);
  const double largest = solver.eigenvalues().maxCoeff();
  require(largest > 0 && solver.eigenvalues().minCoeff() > -1e-4 * largest,
          "an activation covariance with eigenvalues from ", solver.eigenvalues().minCoeff(),
          " to ", largest, ", needed none below 0 and one above");
  // A floor keeps directions that the layer hardly sees from growing without bound.
  const Eigen::VectorXd root = solver.eigenvalues().cwiseMax(1e-3 * largest).cwiseSqrt();
  const Eigen::MatrixXd& turn = solver.eigenvectors();
  const Eigen::MatrixXd weigh = turn * root.asDiagonal() * turn.transpose();
  const Eigen::MatrixXd back = turn * root.cwiseInverse().asDiagonal() * turn.transpose();
  Moments seen = moments;
  seen.covariance = weigh * moments.covariance * weigh;
  PrincipalBasis basis = fit_basis(moments, with_mean, false, d);
  basis.axes = (fit_basis(seen, false, true, d).axes.cast<double>() * back).cast<float>() /
               static_cast<float>(back.norm() / std::sqrt(double(d)));
  round_to_int8_axes({basis.axes.data(), static_cast<std::size_t>(basis.axes.size())}, d);
  return basis;
}

/// Some rows of a source, evenly spread, and all where these are not more. Views `source`.
inline AnyRows thinned(const AnyRows& source, Index most) {
  const Index all = source.num_embeddings(), count = std::min(all, most);
  return {count, source.embedding_dim(),
          [&source, all, count](std::span<const Index> ids, RowMatrixRef<float> out) {
            std::vector<Index> chosen;
            for (const Index id : ids)
              chosen.push_back(
                  static_cast<Index>(static_cast<double>(id) * double(all) / double(count)));
            source.forward(std::span<const Index>(chosen), out);
          }};
}

/// Codes a table in at most `budget` bytes, with a mean and as many principal axes as earn theirs:
/// where these weigh some thousandths of the budget, rough fits of some rows decide. `with_terms`:
/// and with induced terms, where PayingTerms finds any. Throws where the budget does not suffice
/// and where progress returns false.
inline EmbeddingParts<float> trellis_parts(const Table& table, std::uint64_t budget,
                                           const CompressOptions& options, bool with_terms) {
  const ConstRowMatrixMap<float> matrix(table.matrix().data(), table.rows(), table.dim());
  const Index rows = table.rows(), dim = table.dim();
  const bool weighed = options.activation.size() > 0;
  require(matrix.allFinite(), "compressing a table with a number that is not finite");
  const std::uint64_t least = least_trellis_bytes(table);
  require(budget >= least, "a model of ", rows, " x ", dim, " in ", budget,
          " bytes by method trellis, the smallest takes ", least, " bytes");
  const auto report = [&](std::string_view stage, double fraction) {
    require(!options.progress || options.progress({stage, fraction, std::nan("")}),
            "compressing was cancelled");
  };
  report("planning", 0);
  const auto affords = [&](Index axes) {
    return dim <= 4096 && budget > 2 * trellis_side_bytes(table, axes, true);
  };
  require(affords(dim) || !weighed, "an activation covariance for a model of ", budget,
          " bytes, needed at least ", 2 * trellis_side_bytes(table, dim, true),
          " for its axes, and at most 4096 columns");
  const std::vector<float> weights = row_weights(matrix, options);
  const Moments moments = see::moments(matrix, affords(1), options.run);
  const auto start = [&](Index axes, bool mean) {
    const PrincipalBasis basis = weighed
                                     ? activation_basis(moments, mean, options.activation)
                                     : fit_basis(moments, mean, axes > 0, axes > 0 ? axes : dim);
    return parts_without_terms(rows, dim, basis);
  };

  // What a fit with these axes and mean leaves of some rows, the energy along other axes included.
  const auto rough_error = [&](Index axes, bool mean) {
    const EmbeddingParts<float> parts = start(axes, mean);
    const AnyRows all = rest_of(table, parts), some = thinned(all, 32768);
    const Index count = some.num_embeddings();
    const double share = static_cast<double>(count) / static_cast<double>(rows);
    std::vector<float> some_weights;
    for (Index i = 0; i < count && !weights.empty(); ++i)
      some_weights.push_back(weights[static_cast<std::size_t>(double(i) / share)]);
    const auto bytes = static_cast<std::uint64_t>(
        share * static_cast<double>(budget - trellis_side_bytes(table, axes, mean)));
    report("planning", 0.05);
    double error =
        fit_residual(some, bytes, {.weights = some_weights, .window_bits = 8}, options.run).error;
    if (axes > 0 && axes < dim) {
      const Eigen::MatrixXd kept =
          ConstRowMatrixMap<float>(parts.basis.axes.data(), axes, dim).cast<double>();
      double lost =
          moments.covariance.trace() - (kept * moments.covariance * kept.transpose()).trace();
      if (!mean) lost += moments.mean.squaredNorm() - (kept * moments.mean).squaredNorm();
      error += std::max(0.0, lost) * static_cast<double>(count);
    }
    return error;
  };
  const auto cost = [&](Index axes) {
    return trellis_side_bytes(table, axes, true) - trellis_side_bytes(table, 0, false);
  };
  bool mean =
      moments.mean.cwiseAbs().maxCoeff() < double{largest_half} && budget >= least + cost(0);
  Index axes = affords(dim) ? dim : 0;
  if (!weighed && affords(1) && cost(dim) > budget / 200) {
    axes = 0;
    double best = rough_error(0, mean), before = std::numeric_limits<double>::infinity();
    for (const int eighths : {8, 6, 5, 4, 3, 2, 1}) {
      const Index some = std::max<Index>(1, dim * eighths / 8);
      if (!affords(some)) continue;
      const double error = rough_error(some, mean);
      if (error < best) {
        best = error;
        axes = some;
      }
      if (error > before) break;
      before = error;
    }
  }
  // Classes of rows have means of their own, so that the table's is worth little.
  if (mean && cost(0) > budget / 500) mean = rough_error(axes, true) < rough_error(axes, false);

  EmbeddingParts<float> parts = start(axes, mean);
  if (with_terms) {
    report("planning", 0.1);
    if (const auto plan = PayingTerms(table, parts, budget, weights, options.run).best())
      parts = to_parts(
          induce(matrix, *plan, {.seed = options.seed, .weights = weights, .run = options.run}));
  }
  ResidualFit fit =
      fit_residual(rest_of(table, parts), budget - side_bytes(parts, table.words()),
                   {.weights = weights,
                    .progress = [&](double done) { report("coding", 0.1 + 0.9 * done); },
                    .checkpoint = options.checkpoint},
                   options.run);
  parts.residual = std::make_shared<const Residual>(std::move(fit.residual));
  return parts;
}

}  // namespace see::detail
