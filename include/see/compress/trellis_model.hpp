#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/compress_options.hpp"
#include "see/compress/fit_residual.hpp"
#include "see/compress/induced_model.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/eval/row_source.hpp"
#include "see/io/model_file.hpp"
#include "see/model/embedding.hpp"
#include "see/model/int8_axes.hpp"

/// Residuals of models: of a mean and perhaps principal axes alone, or of what terms leave.
namespace see::detail {

/// An embedding of `rows` words without senses; its two inventories hold one unit each.
inline EmbeddingParts<float> parts_without_terms(Index rows, Index dim,
                                                 const PrincipalBasis& basis) {
  EmbeddingParts<float> parts;
  parts.shape = Shape::balanced(basis.axes.size() > 0 ? basis.axes.rows() : dim, 2);
  for (int j = 0; j < 2; ++j) parts.inventories.emplace_back(1, 1, parts.shape.factor_dim(j));
  const std::vector<Index> ranks(static_cast<std::size_t>(rows), 0), units;
  parts.lexicon = Lexicon(SlotTable::per_slot({1, 1}), ranks, units);
  const auto array = [](const auto& matrix) {
    return Array<float>(std::vector<float>(matrix.data(), matrix.data() + matrix.size()));
  };
  parts.basis = {array(basis.mean), array(basis.axes)};
  return parts;
}

/// Bytes of the model file of `parts` with a residual, at most, beside the residual's arrays.
inline std::uint64_t side_bytes(EmbeddingParts<float> parts, const Vocabulary& words) {
  const Index rows = parts.lexicon.words(), width = parts.shape.width();
  ResidualParts blank;
  blank.rows = rows;
  blank.dim = width;
  blank.classes = 1;
  blank.window_bits = 12;
  const auto cells = static_cast<std::size_t>(width);
  blank.row_classes = PackedArray(Array<std::uint8_t>(), static_cast<std::size_t>(rows), 0);
  blank.rates =
      PackedArray(std::span<const std::uint8_t>(std::vector<std::uint8_t>(cells, 0)), rate_bits);
  blank.sigmas = Array<std::uint8_t>(cells);
  blank.means = Array<std::int8_t>(cells);
  blank.mean_scales = {0.0F};
  const auto residual = std::make_shared<const Residual>(std::move(blank));
  parts.residual = residual;
  const Model<float> model{EntangledEmbedding<float>(std::move(parts)), words, longest_notes()};
  constexpr std::uint64_t longer_numbers = 96;  // of sizes and offsets in the real header
  return model_bytes(model, compressed_precision).total - residual->bytes() + longer_numbers;
}

/// The same without terms, with so many axes.
inline std::uint64_t trellis_side_bytes(const Table& table, Index axes) {
  PrincipalBasis basis;
  basis.mean = Vector<float>::Zero(table.dim());
  if (axes > 0) basis.axes = RowMatrix<float>::Zero(axes, table.dim());
  return side_bytes(parts_without_terms(table.rows(), table.dim(), basis), table.words());
}

/// The smallest model without terms in bytes.
inline std::uint64_t least_trellis_bytes(const Table& table) {
  return trellis_side_bytes(table, 0) + residual_overhead(table.rows(), table.dim(), 1) +
         packed_padding + static_cast<std::uint64_t>(table.rows());
}

/// weights[w] |x_w|^(-2 direction) for every row, scaled to a mean of 1; empty where all are alike.
inline std::vector<float> row_weights(ConstRowMatrixRef<float> table,
                                      const CompressOptions& options) {
  std::vector<float> weights = options.weights;
  if (weights.empty()) {
    if (options.direction == 0) return weights;
    weights.assign(static_cast<std::size_t>(table.rows()), 1.0F);
  }
  const double least = 1e-6 * double{table.squaredNorm()} / static_cast<double>(table.rows());
  double sum = 0;
  for (Index w = 0; w < table.rows(); ++w) {
    float& weight = weights[static_cast<std::size_t>(w)];
    const double energy = std::max(double{table.row(w).squaredNorm()}, least);
    if (options.direction > 0 && energy > 0)
      weight = static_cast<float>(double{weight} * std::pow(energy, -options.direction));
    sum += double{weight};
  }
  const double scale = static_cast<double>(weights.size()) / sum;
  for (float& weight : weights) weight = static_cast<float>(double{weight} * scale);
  return weights;
}

/// The matrix that takes a row about the mean to the coordinates that are nearest to it:
/// A' (A A')^-1 (d x p), A' where the axes A are orthonormal; empty where there are none.
inline RowMatrix<float> to_coordinates(const EmbeddingParts<float>& parts) {
  if (!parts.basis.has_axes()) return {};
  const Index width = parts.shape.width(), dim = parts.embedding_dim();
  const Eigen::MatrixXd axes =
      ConstRowMatrixMap<float>(parts.basis.axes.data(), width, dim).cast<double>();
  const Eigen::LDLT<Eigen::MatrixXd> gram(axes * axes.transpose());
  return gram.solve(axes).transpose().cast<float>();
}

/// What the terms of `parts` leave of the rows of `table`, in the coordinates of the axes if there
/// are any. `table` outlives what is returned.
inline AnyRows rest_of(const Table& table, const EmbeddingParts<float>& parts) {
  EmbeddingParts<float> terms = parts;
  terms.basis = {};
  terms.residual = {};
  const bool plain = parts.lexicon.senses() == 0;
  const auto layer = std::make_shared<const EntangledEmbedding<float>>(
      EntangledEmbedding<float>(std::move(terms)).stored_as(Storage::f16));
  const auto inverse = std::make_shared<const RowMatrix<float>>(to_coordinates(parts));
  const Array<float> mean = parts.basis.mean;
  const Index width = parts.shape.width();
  return {table.rows(), width,
          [=, source = TableRows(table)](std::span<const Index> ids, RowMatrixRef<float> out) {
            RowMatrix<float> rows(out.rows(), source.embedding_dim());
            source.forward(ids, rows);
            if (!mean.empty())
              rows.rowwise() -= Eigen::Map<const Eigen::RowVectorXf>(mean.data(), rows.cols());
            if (inverse->size() == 0)
              out = rows;
            else
              out.noalias() = rows * *inverse;
            if (plain) return;
            rows.resize(out.rows(), out.cols());
            layer->forward(ids, rows);
            out -= rows;
          }};
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

}  // namespace see::detail

namespace see {

/// `parts` (terms, perhaps none, mean, axes; no LayerNorm) with a residual for what they leave of
/// the rows of `table`, so that the model's file takes at most `budget` bytes. The terms count as
/// fp16 keeps them. Time and memory: fit_residual's; the table itself is read in blocks. Throws
/// where parts and table do not fit each other or the budget does not suffice.
inline EmbeddingParts<float> add_residual(EmbeddingParts<float> parts, const Table& table,
                                          std::uint64_t budget, const ResidualOptions& options = {},
                                          const Executor& run = serial()) {
  detail::require(parts.lexicon.words() == table.rows() && parts.embedding_dim() == table.dim(),
                  "a residual for ", parts.lexicon.words(), " words of ", parts.embedding_dim(),
                  " numbers, needed ", table.rows(), " of ", table.dim(), " as the table has");
  detail::require(!parts.layer_norm, "a residual under a LayerNorm, needed parts without");
  const std::uint64_t side = detail::side_bytes(parts, table.words());
  const std::uint64_t least =
      side + residual_overhead(table.rows(), parts.shape.width(), 1) + packed_padding;
  detail::require(budget >= least, "terms and a residual in ", budget, " bytes, needed at least ",
                  least);
  ResidualFit fit = fit_residual(detail::rest_of(table, parts), budget - side, options, run);
  parts.residual = std::make_shared<const Residual>(std::move(fit.residual));
  return parts;
}

namespace detail {

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

/// Codes a table in at most `budget` bytes, with as many principal axes as earn theirs: where they
/// weigh more than half a percent of the budget, rough fits of some rows decide. Throws where the
/// budget does not suffice and where progress returns false.
inline EmbeddingParts<float> trellis_parts(const Table& table, std::uint64_t budget,
                                           const CompressOptions& options) {
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
    return dim <= 4096 && budget > 2 * trellis_side_bytes(table, axes);
  };
  require(affords(dim) || !weighed, "an activation covariance for a model of ", budget,
          " bytes, needed at least ", 2 * trellis_side_bytes(table, dim),
          " for its axes, and at most 4096 columns");
  const std::vector<float> weights = row_weights(matrix, options);
  const Moments moments = see::moments(matrix, affords(1), options.run);
  const bool storable = moments.mean.cwiseAbs().maxCoeff() < double{largest_half};
  const auto start = [&](Index axes) {
    const PrincipalBasis basis =
        weighed ? activation_basis(moments, storable, options.activation)
                : fit_basis(moments, storable, axes > 0, axes > 0 ? axes : dim);
    return parts_without_terms(rows, dim, basis);
  };

  // What a fit with so many axes leaves of some rows, the energy along other axes included.
  const auto rough_error = [&](Index axes) {
    const EmbeddingParts<float> parts = start(axes);
    const AnyRows all = rest_of(table, parts), some = thinned(all, 32768);
    const Index count = some.num_embeddings();
    const double share = static_cast<double>(count) / static_cast<double>(rows);
    std::vector<float> some_weights;
    for (Index i = 0; i < count && !weights.empty(); ++i)
      some_weights.push_back(weights[static_cast<std::size_t>(double(i) / share)]);
    const auto bytes = static_cast<std::uint64_t>(
        share * static_cast<double>(budget - trellis_side_bytes(table, axes)));
    report("planning", 0.05);
    double error =
        fit_residual(some, bytes, {.weights = some_weights, .window_bits = 8}, options.run).error;
    if (axes > 0) {
      const Eigen::MatrixXd kept =
          ConstRowMatrixMap<float>(parts.basis.axes.data(), axes, dim).cast<double>();
      const double lost =
          moments.covariance.trace() - (kept * moments.covariance * kept.transpose()).trace();
      error += std::max(0.0, lost) * static_cast<double>(count);
    }
    return error;
  };
  Index axes = affords(dim) ? dim : 0;
  if (!weighed && affords(1) &&
      trellis_side_bytes(table, dim) - trellis_side_bytes(table, 0) > budget / 200) {
    axes = 0;
    double best = rough_error(0), before = std::numeric_limits<double>::infinity();
    for (const int eighths : {8, 6, 5, 4, 3, 2, 1}) {
      const Index some = std::max<Index>(1, dim * eighths / 8);
      if (!affords(some)) continue;
      const double error = rough_error(some);
      if (error < best) {
        best = error;
        axes = some;
      }
      if (error > before) break;
      before = error;
    }
  }

  EmbeddingParts<float> parts = start(axes);
  ResidualFit fit =
      fit_residual(rest_of(table, parts), budget - trellis_side_bytes(table, axes),
                   {.weights = weights,
                    .progress = [&](double done) { report("coding", 0.1 + 0.9 * done); },
                    .checkpoint = options.checkpoint},
                   options.run);
  parts.residual = std::make_shared<const Residual>(std::move(fit.residual));
  return parts;
}

}  // namespace detail
}  // namespace see
