#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/fit_residual.hpp"
#include "see/compress/induced_model.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/io/model_file.hpp"
#include "see/model/embedding.hpp"

/// Models that are a mean, perhaps principal axes, and a residual for every row: no terms.
namespace see::detail {

/// An embedding of `rows` words without senses; its two inventories hold one unit each.
inline EmbeddingParts<float> parts_without_terms(Index rows, Index dim,
                                                 const PrincipalBasis& basis) {
  EmbeddingParts<float> parts;
  parts.shape = Shape::balanced(dim, 2);
  for (int j = 0; j < 2; ++j) parts.inventories.emplace_back(1, 1, parts.shape.factor_dim(j));
  const std::vector<Index> ranks(static_cast<std::size_t>(rows), 0), units;
  parts.lexicon = Lexicon(SlotTable::per_slot({1, 1}), ranks, units);
  const auto array = [](const auto& matrix) {
    return Array<float>(std::vector<float>(matrix.data(), matrix.data() + matrix.size()));
  };
  parts.basis = {array(basis.mean), array(basis.axes)};
  return parts;
}

/// Bytes of a model file without terms beside the residual's arrays, at most.
inline std::uint64_t trellis_side_bytes(const Table& table, bool axes) {
  const Index dim = table.dim();
  PrincipalBasis basis;
  basis.mean = Vector<float>::Zero(dim);
  if (axes) basis.axes = RowMatrix<float>::Zero(dim, dim);
  ResidualParts blank;
  blank.rows = table.rows();
  blank.dim = dim;
  blank.classes = 1;
  blank.window_bits = 12;
  const auto cells = static_cast<std::size_t>(dim);
  blank.row_classes = PackedArray(Array<std::uint8_t>(), static_cast<std::size_t>(table.rows()), 0);
  blank.rates =
      PackedArray(std::span<const std::uint8_t>(std::vector<std::uint8_t>(cells, 0)), rate_bits);
  blank.sigmas = Array<std::uint8_t>(cells);
  blank.means = Array<std::int8_t>(cells);
  blank.mean_scales = {0.0F};
  Model<float> model{
      EntangledEmbedding<float>(parts_without_terms(table.rows(), table.dim(), basis))};
  EmbeddingParts<float> parts = model.embedding.parts();
  const auto residual = std::make_shared<const Residual>(std::move(blank));
  parts.residual = residual;
  model = {EntangledEmbedding<float>(std::move(parts)), table.words(), longest_notes()};
  constexpr std::uint64_t longer_numbers = 96;  // of sizes and offsets in the real header
  return model_bytes(model, compressed_precision).total - residual->bytes() + longer_numbers;
}

/// The smallest model without terms in bytes.
inline std::uint64_t least_trellis_bytes(const Table& table) {
  return trellis_side_bytes(table, false) + residual_overhead(table.rows(), table.dim(), 1) +
         packed_padding + static_cast<std::uint64_t>(table.rows());
}

/// |x|^(-2 direction) for every row, scaled to a mean of 1; empty where direction is 0.
inline std::vector<float> direction_weights(ConstRowMatrixRef<float> table, double direction) {
  std::vector<float> weights;
  if (direction == 0) return weights;
  const double least = 1e-6 * double{table.squaredNorm()} / static_cast<double>(table.rows());
  double sum = 0;
  for (Index w = 0; w < table.rows(); ++w) {
    const double energy = std::max(double{table.row(w).squaredNorm()}, least);
    weights.push_back(static_cast<float>(energy > 0 ? std::pow(energy, -direction) : 1.0));
    sum += double{weights.back()};
  }
  const double scale = static_cast<double>(weights.size()) / sum;
  for (float& weight : weights) weight = static_cast<float>(double{weight} * scale);
  return weights;
}

/// The rows about the mean, in the coordinates of the axes, of what of these there is.
inline RowMatrix<float> coordinates(ConstRowMatrixRef<float> table, const PrincipalBasis& basis,
                                    const Executor& run) {
  RowMatrix<float> result(table.rows(), table.cols());
  for_ranges(run, static_cast<std::size_t>(table.rows()), 4096,
             [&](std::size_t first, std::size_t last) {
               const auto at = static_cast<Index>(first), count = static_cast<Index>(last - first);
               RowMatrix<float> centred = table.middleRows(at, count);
               if (basis.mean.size() > 0) centred.rowwise() -= basis.mean.transpose();
               if (basis.axes.size() == 0)
                 result.middleRows(at, count) = centred;
               else
                 result.middleRows(at, count).noalias() = centred * basis.axes.transpose();
             });
  return result;
}

/// Codes a table in at most `budget` bytes, with principal axes where they earn theirs: where both
/// ways are open, a quick fit of a sample decides. Throws where the budget does not suffice and
/// where progress returns false.
inline EmbeddingParts<float> trellis_parts(const Table& table, std::uint64_t budget,
                                           double direction, const Executor& run,
                                           const ProgressCallback& progress) {
  const ConstRowMatrixMap<float> matrix(table.matrix().data(), table.rows(), table.dim());
  require(matrix.allFinite(), "compressing a table with a number that is not finite");
  const std::uint64_t least = least_trellis_bytes(table);
  require(budget >= least, "a model of ", table.rows(), " x ", table.dim(), " in ", budget,
          " bytes by method trellis, the smallest takes ", least, " bytes");
  const auto report = [&](std::string_view stage, double fraction) {
    require(!progress || progress({stage, fraction, std::nan("")}), "compressing was cancelled");
  };
  report("planning", 0);
  const std::vector<float> weights = direction_weights(matrix, direction);
  const std::uint64_t side[2] = {trellis_side_bytes(table, false), trellis_side_bytes(table, true)};
  const bool room = budget > 2 * side[1] && table.dim() <= 4096;
  const Moments moments = see::moments(matrix, room, run);
  const bool storable = moments.mean.cwiseAbs().maxCoeff() < double{largest_half};
  const auto fitted = [&](bool axes, int window_bits) {
    const PrincipalBasis basis = fit_basis(moments, storable, axes, table.dim());
    ResidualFit fit =
        fit_residual(coordinates(matrix, basis, run), budget - side[axes],
                     {.weights = weights,
                      .window_bits = window_bits,
                      .progress = [&](double fraction) { report("coding", 0.1 + 0.9 * fraction); }},
                     run);
    return std::pair(basis, std::move(fit));
  };
  constexpr int quick = 8;
  bool axes = room;
  if (room && side[1] - side[0] > budget / 200)
    axes = fitted(true, quick).second.error < fitted(false, quick).second.error;
  auto [basis, fit] = fitted(axes, 0);
  EmbeddingParts<float> parts = parts_without_terms(table.rows(), table.dim(), basis);
  parts.residual = std::make_shared<const Residual>(std::move(fit.residual));
  return parts;
}

}  // namespace see::detail
