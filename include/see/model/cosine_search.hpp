#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/scorer.hpp"
#include "see/model/similarity.hpp"

namespace see {

/// The rows of largest cosine with a query among all rows of a layer (any EmbeddingLayer or
/// RowSource), by scores and one number a row, without a table of rows:
///
///     cos(x, w) = <x, E(w)> / (|x| |E(w)|)
///
/// \code
///     see::CosineSearch search(layer);
///     std::vector<see::Scored<float>> near = search.nearest(word, 10);
/// \endcode
///
/// Memory: sizeof(Scalar) a word, and Scorer's. Shares the layer's storage as it is when the search
/// is made. Const members may be called from several threads at once; results are equal for any
/// executor. Cosines are rounded to Scalar, so words that tie to within rounding may come in either
/// order; eval/neighbors.hpp orders them in double precision, at the price of expanding every row.
template <detail::ScoredRows LayerType>
class CosineSearch {
 public:
  using Layer = LayerType;
  using Scalar = detail::RowScalar<Layer>;

  /// A look-up of every row.
  explicit CosineSearch(Layer layer, const Executor& run = serial())
      : scorer_(std::move(layer), run), inverses_(row_norms(scorer_.layer(), run)) {
    for (Scalar& number : inverses_) {
      const Scalar inverse = Scalar(1) / number;
      all_finite_ = all_finite_ && detail::is_finite(number);
      number = number > 0 && detail::is_finite(inverse) && detail::is_finite(number) ? inverse
                                                                                     : Scalar(0);
    }
  }

  const Layer& layer() const noexcept { return scorer_.layer(); }

  /// For each row of `queries` (any number x embedding_dim(), of any lengths) the k words of
  /// largest cosine (all where there are fewer), nearest first, of equal cosines the smaller number
  /// first. A row or query that is zero or not finite has cosine 0 with everything. Throws where
  /// the queries have another width or k < 0.
  std::vector<std::vector<Scored<Scalar>>> nearest(ConstRowMatrixRef<Scalar> queries, Index k,
                                                   const Executor& run = serial()) const {
    RowMatrix<Scalar> unit = queries;
    for (Index i = 0; i < unit.rows(); ++i) {
      const Scalar norm = unit.row(i).stableNorm();
      if (norm > 0 && detail::is_finite(norm))
        unit.row(i) /= norm;
      else
        unit.row(i).setZero();
    }
    auto result = scorer_.top_k(unit, k, run, [&](Index word, auto scores) {
      scores.rowwise() *= Eigen::Map<const Eigen::Array<Scalar, 1, Eigen::Dynamic>>(
          inverses_.data() + word, scores.cols());
      if (!all_finite_)
        for (Index w = 0; w < scores.cols(); ++w)
          if (inverses_[static_cast<std::size_t>(word + w)] == 0) scores.col(w).setZero();
    });
    for (auto& words : result)
      for (Scored<Scalar>& each : words) each.score = std::clamp<Scalar>(each.score, -1, 1);
    return result;
  }

  /// The k words nearest to `word`, itself left out. Throws where it is no row or k < 0.
  std::vector<Scored<Scalar>> nearest(Index word, Index k, const Executor& run = serial()) const {
    const Index rows = layer().num_embeddings();
    detail::require(k >= 0, "CosineSearch::nearest: the nearest ", k, " rows, needed 0 or more");
    detail::require(word >= 0 && word < rows, "CosineSearch::nearest: id ", word,
                    ", needed one of ", rows, " rows");
    RowMatrix<Scalar> query(1, layer().embedding_dim());
    layer().forward(std::span<const Index>(&word, 1), query);
    std::vector<Scored<Scalar>> words = nearest(query, std::min(k, rows) + 1, run)[0];
    std::erase_if(words, [&](const Scored<Scalar>& each) { return each.row == word; });
    words.resize(std::min(words.size(), static_cast<std::size_t>(k)));
    return words;
  }

 private:
  Scorer<Layer> scorer_;
  std::vector<Scalar> inverses_;  // 1 / |E(w)|, 0 where the row is zero or not finite
  bool all_finite_ = true;
};

}  // namespace see
