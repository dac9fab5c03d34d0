#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/tensor_train.hpp"
#include "see/compress/baseline/tensor_train_method.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"

namespace see::detail {

/// The lexicon of a tensor train: word (w1, w2, w3) has terms (a, b) of the units (w1, a),
/// (w2, a, b) and (w3, b). Ranks and digits give them all, but are stored: no IndexKind has them.
inline Lexicon tensor_train_lexicon(Index words, const TrainShape& shape) {
  const auto [n1, n2, n3] = shape.rows;
  const auto [r1, r2] = shape.ranks;
  const std::vector<Index> ranks(static_cast<std::size_t>(words), r1 * r2);
  std::vector<std::int32_t> units;
  units.reserve(static_cast<std::size_t>(words * r1 * r2 * 3));
  for (Index w = 0; w < words; ++w) {
    const Index w1 = w / (n2 * n3), w2 = w / n3 % n2, w3 = w % n3;
    for (Index a = 0; a < r1; ++a)
      for (Index b = 0; b < r2; ++b)
        for (const Index unit : {w1 * r1 + a, (w2 * r1 + a) * r2 + b, w3 * r2 + b})
          units.push_back(static_cast<std::int32_t>(unit));
  }
  return Lexicon(SlotTable::per_slot({n1 * r1, n2 * r1 * r2, n3 * r2}), ranks, units);
}

/// Units of each inventory of a tensor train.
inline std::array<Index, 3> tensor_train_units(const TrainShape& shape) {
  const auto [r1, r2] = shape.ranks;
  return {shape.rows[0] * r1, shape.rows[1] * r1 * r2, shape.rows[2] * r2};
}

/// The tensor train with the least bound of the error among those for which fits(shape) holds: of
/// shapes whose outer bases n1 = n3 go from 2 to the cube root of the rows, the largest factor of a
/// row in the middle, and of all ranks. Ranks of 0 where there is none.
template <class Fits>
TrainShape choose_tensor_train(const Table& table, const Executor& run, const Fits& fits) {
  TrainShape shape = TrainShape::of(table.rows(), table.dim()), best = shape;
  std::swap(shape.cols[1], shape.cols[2]);
  double least = 0;
  const Index first = table.rows() < 8 ? 1 : 2;
  for (Index outer = first; outer * outer * outer <= table.rows();
       outer += std::max<Index>(1, outer / 4)) {
    const Index between = (table.rows() + outer * outer - 1) / (outer * outer);
    shape.rows = {outer, between, outer};
    const TensorTrainFit fit(table, shape, run);
    const TrainShape chosen = fit.choose(fits);
    if (chosen.ranks[0] == 0 || (best.ranks[0] != 0 && fit.bound(chosen) >= least)) continue;
    best = chosen;
    least = fit.bound(chosen);
  }
  return best;
}

}  // namespace see::detail

namespace see {

/// A table as a tensor train of three cores (Khrulkov et al., arXiv 1901.10787; TT-Rec, arXiv
/// 2101.11714) that can be trained:
///
///     E(w) = sum over a < r1, b < r2 of  A[w1, a] (x) B[w2, a, b] (x) C[w3, b]
///
/// where w1, w2, w3 are the digits of w in bases n1, n2, n3, and the inventories have n1 r1,
/// n2 r1 r2 and n3 r2 units of one vector. Fitted by TT-SVD, rounded to halves, the entries of the
/// cores then brought to one size. Bases and ranks are those of the least bound of the error for
/// which all cores together have at most `numbers` entries, and a word at most `terms` terms r1 r2,
/// which is what it costs to read one. Throws where nothing is so small, or the table has no row.
///
/// Cost: n d (n1 d1 + n3 d3) operations or so for each of a dozen bases, one copy of the table, and
/// an index of r1 r2 terms a word, which follows from the word's number but is stored.
inline EntangledEmbedding<float> fit_tensor_train(const Table& table, Index numbers,
                                                  Index terms = 128,
                                                  const Executor& run = threads()) {
  detail::require(table.rows() >= 1, "a tensor train of a table without rows");
  const auto shape = detail::choose_tensor_train(table, run, [&](const auto& trial) {
    const auto units = detail::tensor_train_units(trial);
    return trial.ranks[0] * trial.ranks[1] <= terms &&
           units[0] * trial.cols[0] + units[1] * trial.cols[1] + units[2] * trial.cols[2] <=
               numbers;
  });
  detail::require(shape.ranks[0] >= 1, "a tensor train of ", numbers, " numbers and ", terms,
                  " terms for a table of ", table.rows(), " x ", table.dim(), ", needed more");
  const auto train = detail::TensorTrainFit(table, shape, run).train(shape);
  const auto units = detail::tensor_train_units(shape);
  const auto [r1, r2] = shape.ranks;
  std::array<std::vector<float>, 3> cores;
  std::array<double, 3> sizes;  // root mean squares of entries
  double common = 1;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto [dim, from] = std::pair(shape.cols[k], train->core(k));
    double squares = 0;
    for (Index u = 0; u < units[k]; ++u)
      for (Index j = 0; j < dim; ++j) {
        const Index digit = u / (units[k] / shape.rows[k]), bond = u % (units[k] / shape.rows[k]);
        const Index at = k == 2 ? (bond * shape.rows[2] + digit) * dim + j
                                : (digit * dim + j) * (k == 0 ? r1 : r1 * r2) + bond;
        cores[k].push_back(from[static_cast<std::size_t>(at)]);
        squares += double(cores[k].back()) * double(cores[k].back());
      }
    sizes[k] = std::sqrt(squares / static_cast<double>(cores[k].size()));
    common *= std::cbrt(sizes[k]);
  }
  EmbeddingParts<float> parts;
  parts.shape = Shape({shape.cols[0], shape.cols[1], shape.cols[2]}, table.dim());
  parts.lexicon = detail::tensor_train_lexicon(table.rows(), shape);
  for (std::size_t k = 0; k < 3; ++k) {
    if (common > 0)
      for (float& number : cores[k]) number *= static_cast<float>(common / sizes[k]);
    parts.inventories.emplace_back(std::move(cores[k]), units[k], 1, shape.cols[k]);
  }
  return EntangledEmbedding<float>(std::move(parts));
}

}  // namespace see
