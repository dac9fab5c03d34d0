#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/planned_codes.hpp"
#include "see/compress/trellis/fit_trellis.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"

/// Trellis codes for what terms leave of a table, or for all of it where there are no terms.
namespace see::detail {

/// An embedding of `rows` rows without terms in a frame, its codes still to come.
inline EmbeddingParts<float> parts_without_terms(Index rows, Index dim,
                                                 const PrincipalBasis& basis) {
  const auto array = [](const auto& matrix) {
    return Array<float>(std::vector<float>(matrix.data(), matrix.data() + matrix.size()));
  };
  const Index width = basis.axes.size() > 0 ? basis.axes.rows() : dim;
  EmbeddingParts<float> parts;
  parts.shape = Shape({width});
  parts.lexicon = Lexicon::without_senses(rows);
  parts.codes = std::make_shared<const PlannedCodes>(rows, width);
  parts.basis = {array(basis.mean), array(basis.axes)};
  return parts;
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
inline AnyRows rest_of(const Table& table, const EmbeddingParts<float>& parts, Storage storage) {
  std::shared_ptr<const EntangledEmbedding<float>> layer;
  if (parts.has_terms()) {
    EmbeddingParts<float> terms = parts;
    terms.basis = {};
    terms.codes = {};
    layer = std::make_shared<const EntangledEmbedding<float>>(
        EntangledEmbedding<float>(std::move(terms)).stored_as(storage));
  }
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
            if (!layer) return;
            rows.resize(out.rows(), out.cols());
            layer->forward(ids, rows);
            out -= rows;
          }};
}

/// How the terms of a model lie in its file.
inline Storage storage_in_file(const Model<float>& model) {
  return model.precision == Precision::i8     ? Storage::i8
         : model.precision == Precision::bf16 ? Storage::bf16
         : model.precision == Precision::f16  ? Storage::f16
                                              : Storage::native;
}

}  // namespace see::detail

namespace see::detail {

/// Gives `model` (terms, perhaps none, mean, axes; no LayerNorm) trellis codes of what it leaves of
/// the rows of `table`, so that its file takes at most `budget` bytes (the vocabulary not counted):
/// all of them but for what whole bits a row leave over. Terms count as the model's precision keeps
/// them, and notes as long as they are. Returns the error that is left, weighted. Time and memory:
/// fit_trellis's; the table itself is read in blocks. Throws where model and table do not fit each
/// other or the budget does not suffice.
inline double add_codes(Model<float>& model, const Table& table, std::uint64_t budget,
                        const TrellisOptions& options = {}, const Executor& run = serial()) {
  EmbeddingParts<float> parts = model.embedding.parts();
  require(parts.lexicon.words() == table.rows() && parts.embedding_dim() == table.dim(),
          "codes for ", parts.lexicon.words(), " rows of ", parts.embedding_dim(),
          " numbers, needed ", table.rows(), " of ", table.dim(), " as the table has");
  require(!parts.layer_norm, "codes under a LayerNorm, needed a model without");
  const std::uint64_t least = bytes_with_trellis(model, 1, packed_padding);
  require(budget >= least, "a model with codes in ", budget, " bytes, needed at least ", least);
  TrellisFit fit = fit_trellis(
      rest_of(table, parts, storage_in_file(model)),
      [&](Index classes) { return room_for_trellis(model, classes, budget); }, options, run);
  parts.codes = std::make_shared<const TrellisCodes>(std::move(fit.codes));
  model.embedding = EntangledEmbedding<float>(std::move(parts));
  return fit.error;
}

}  // namespace see::detail
