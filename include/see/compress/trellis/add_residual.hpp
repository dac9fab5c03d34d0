#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/induced/induced_model.hpp"
#include "see/compress/trellis/fit_residual.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/io/model_file.hpp"
#include "see/model/embedding.hpp"

/// A residual for what terms leave of a table, and models of a residual alone.
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

/// The matrix that takes a row about the mean to the coordinates that are nearest to it:
/// A' (A A')^-1 (d x p), A' where the axes A are orthonormal; empty where there are none.
inline RowMatrix<float> to_coordinates(const EmbeddingParts<float>& parts) {
  if (!parts.basis.has_axes()) return {};
  const Index width = parts.shape.width(), dim = parts.embedding_dim();
  RowMatrix<double> axes =
      ConstRowMatrixMap<float>(parts.basis.axes.data(), width, dim).cast<double>();
  RowMatrix<double> gram = product(axes, axes.transpose());
  require(solve_positive(gram, axes), "axes that depend on each other");
  return axes.transpose().cast<float>();
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
              out = product(rows, *inverse);
            if (plain) return;
            rows.resize(out.rows(), out.cols());
            layer->forward(ids, rows);
            out -= rows;
          }};
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

}  // namespace see
