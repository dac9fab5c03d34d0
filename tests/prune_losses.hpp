#pragma once

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "oracle.hpp"
#include "see/compress/prune/row_loss.hpp"
#include "see/compress/prune/scores.hpp"
#include "see/core/random.hpp"
#include "see/model/embedding.hpp"

/// Losses of rows without some of their senses, by the definition, and scores to prune by.
namespace prune_losses {

using namespace see;

inline constexpr double infinity = std::numeric_limits<double>::infinity();

template <class Scalar>
std::vector<Index> senses_of(const EmbeddingParts<Scalar>& parts, Index w, Index from) {
  std::vector<Index> senses(static_cast<std::size_t>(parts.lexicon.rank(w) - from));
  std::iota(senses.begin(), senses.end(), parts.lexicon.first_sense(w) + from);
  return senses;
}

/// Row w without the senses whose number is in `gone`, by the definition.
inline Vector<double> row_without(EmbeddingParts<double> parts, Index w,
                                  const std::vector<Index>& gone) {
  std::vector<double> gains;
  for (Index v = 0; v < parts.lexicon.words(); ++v)
    for (Index s = 0; s < parts.lexicon.rank(v); ++s)
      gains.push_back(
          std::ranges::count(gone, std::ssize(gains)) > 0 ? 0.0 : detail::gain_of(parts, v, s));
  parts.gain_scope = GainScope::sense;
  parts.gains = std::move(gains);
  return oracle::row(parts, w);
}

/// Calls check(w, gone, score of all of them) for what may go of one word: a sense, or the last
/// ones.
template <class Check>
void for_losses(const EmbeddingParts<double>& parts, const std::vector<double>& scores,
                const Check& check) {
  for (Index w = 0; w < parts.lexicon.words(); ++w)
    for (Index s = 0; s < parts.lexicon.rank(w); ++s) {
      const Index first = parts.lexicon.first_sense(w) + s;
      std::vector<Index> gone{first};
      if (detail::drops_from_last(parts)) gone = senses_of(parts, w, s);
      double score = 0;
      for (const Index sense : gone) score += scores[std::size_t(sense)];
      check(w, gone, score);
    }
}

inline RowMatrix<double> random_matrix(Index rows, Index cols, Random& random) {
  return RowMatrix<double>::NullaryExpr(rows, cols, [&](Index, Index) { return random.normal(); });
}

inline RowLoss random_loss(Index rows, Index dim, Random& random) {
  RowLoss loss;
  for (Index w = 0; w < rows; ++w) loss.weights.push_back(float(random.uniform()));
  const RowMatrix<float> v = random_matrix(dim + 2, dim, random).cast<float>();
  loss.activation = v.transpose() * v;
  return loss;
}

inline double loss_of(const RowLoss& loss, Index w, const Vector<double>& change) {
  const double weight = loss.weights.empty() ? 1.0 : double{loss.weights[std::size_t(w)]};
  return loss.activation.size() == 0
             ? weight / 2 * change.squaredNorm()
             : weight / 2 * change.dot(loss.activation.cast<double>() * change);
}

/// Setups without LayerNorm that have terms.
inline std::vector<oracle::Setup> linear_setups() {
  std::vector<oracle::Setup> setups = oracle::setups();
  std::erase_if(setups, [](const auto& setup) { return setup.layer_norm; });
  return setups;
}

inline std::vector<double> uniform_scores(Index senses) {
  Random random(3);
  std::vector<double> scores(static_cast<std::size_t>(senses));
  for (double& score : scores) score = random.uniform();
  return scores;
}

}  // namespace prune_losses
