#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/fit.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"

namespace see {

struct KnowledgeFitOptions {
  Index width = 0;  ///< numbers of a unit, at most the table's columns; 0: as many as these
  FitOptions fit = {.iterations = 8, .inner_iterations = 40, .tolerance = 1e-3};
};

/// A layer on the lexicon of `knowledge`, of one unit a term, fitted to `table`: roles are numbers
/// r and units vectors u of `width` numbers, and with the table's mean
///
///     E(w) = mean + sum_terms r u A
///
/// is the least squares fit of that form with as many numbers a unit as the table has columns, cut
/// to the `width` directions A (width x columns, orthonormal) along which the fitted rows vary
/// most. Words that the table lacks can be composed (Composer).
///
/// `table` has a row for each word. Throws where it has not, where a term holds more units than
/// one, the width exceeds the columns, or fit() throws. Cost: that of fit(), then O(units *
/// columns^2).
inline EntangledEmbedding<float> fit_knowledge(const KnowledgeLexicon& knowledge,
                                               ConstRowMatrixRef<float> table,
                                               const KnowledgeFitOptions& options = {}) {
  const Index words = knowledge.lexicon.words(), dim = table.cols();
  const Index width = options.width == 0 ? dim : options.width;
  detail::require(knowledge.filling.units_a_term == 1, "fitting terms of ",
                  knowledge.filling.units_a_term, " units, needed 1");
  detail::require(table.rows() == words && words > 0, "fitting a lexicon of ", words,
                  " words to a table of ", table.rows(), " rows, needed as many, and one at least");
  detail::require(width >= 1 && width <= dim, "units of ", width, " numbers, needed 1 to the ", dim,
                  " columns of the table");
  const Eigen::RowVectorXf mean = table.colwise().mean();
  std::vector<Index> dims(static_cast<std::size_t>(knowledge.filling.order), 1);
  dims.back() = dim;
  auto parts = make_parts<float>(Shape(dims), knowledge.lexicon, 1, {.deviation = 0.01});
  if (parts.inventories.size() > 1)
    std::fill_n(parts.inventories[1].mutate(), detail::unit_roles, 1.0F);
  RowMatrix<float> rows = table.rowwise() - mean;
  EntangledEmbedding<float> fitted(std::move(parts));
  fit(fitted, rows, options.fit);

  EmbeddingParts<float> result = fitted.parts();
  result.basis.mean = Array<float>(std::vector<float>(mean.data(), mean.data() + dim));
  if (width == dim) return EntangledEmbedding<float>(std::move(result));
  std::vector<Index> ids(static_cast<std::size_t>(words));
  std::iota(ids.begin(), ids.end(), Index{0});
  fitted.forward(ids, rows);
  const auto eigen = detail::symmetric_eigen(detail::second_moments(rows, options.fit.run));
  const RowMatrix<float> axes = eigen.vectors.bottomRows(width).colwise().reverse().cast<float>();
  const auto& units = result.inventories[0];
  const RowMatrix<float> turned = detail::product(
      ConstRowMatrixMap<float>(units.values().data(), units.size(), dim), axes.transpose());
  const auto array = [](const RowMatrix<float>& matrix) {
    return Array<float>(std::vector<float>(matrix.data(), matrix.data() + matrix.size()));
  };
  result.inventories[0] = Inventory<float>(array(turned), units.size(), 1, width);
  dims.back() = width;
  result.shape = Shape(dims);
  result.basis.axes = array(axes);
  return EntangledEmbedding<float>(std::move(result));
}

}  // namespace see
