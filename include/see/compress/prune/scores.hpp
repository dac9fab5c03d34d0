#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/prune/row_loss.hpp"
#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"
#include "see/model/gradient.hpp"

/// Scores say how much a loss grows where a sense's term t = h_w g_{w,s} sum_i u^(i)_1 (x) ... is
/// set to zero, to second order: a number for each sense in the order of Lexicon::first_sense(),
/// for prune().
///
/// Where gains or inventories go with the position of a sense in its word (GainScope::term, a slot
/// table of several rows), senses can go from the last one on alone. There, fisher and activation
/// scores are what a sense costs on top of those behind it, products between them included, so that
/// the scores of the senses that a word loses add up to what it costs to lose them all.
namespace see {

namespace detail {

/// Whether the senses of a word can go from the last one on alone.
template <class Scalar>
bool drops_from_last(const EmbeddingParts<Scalar>& parts) {
  return parts.gain_scope == GainScope::term || parts.lexicon.table().rows() > 1;
}

template <class Scalar>
void require_terms(const EmbeddingParts<Scalar>& parts, const char* what) {
  require(parts.has_terms(), what, " of an embedding of codes alone, needed one with terms");
}

/// 1/2 weight_w t C t' of every term t or, with `joint`, of all terms from it to its word's last
/// one.
template <class Scalar>
std::vector<double> term_energies(const EmbeddingParts<Scalar>& parts, const RowLoss& loss,
                                  bool joint, const Executor& run) {
  const Lexicon& lexicon = parts.lexicon;
  const TermMetric metric(parts, loss.activation);
  std::vector<double> energies(static_cast<std::size_t>(lexicon.senses()), 0.0);
  constexpr std::size_t block = 256;
  for_ranges(run, static_cast<std::size_t>(lexicon.words()), block,
             [&](std::size_t first, std::size_t last) {
               for (auto w = static_cast<Index>(first); w < static_cast<Index>(last); ++w) {
                 if (w == parts.padding_idx) continue;
                 RowMatrix<double> rows = term_rows(parts, w);
                 for (Index s = rows.rows() - 1; s >= 0; --s) {
                   rows.row(s) *= scale_of(parts, w) * gain_of(parts, w, s);
                   if (joint && s + 1 < rows.rows()) rows.row(s) += rows.row(s + 1);
                 }
                 const RowMatrix<double> seen = metric.apply(rows);
                 const double weight =
                     loss.weights.empty() ? 1.0 : double{loss.weights[static_cast<std::size_t>(w)]};
                 for (Index s = 0; s < rows.rows(); ++s)
                   energies[static_cast<std::size_t>(lexicon.first_sense(w) + s)] =
                       weight / 2 * rows.row(s).dot(seen.row(s));
               }
             });
  return energies;
}

/// Joint losses of the senses from each one to its word's last, as what each adds.
inline void subtract_next(const Lexicon& lexicon, std::vector<double>& joint) {
  for (Index w = 0; w < lexicon.words(); ++w)
    for (Index s = lexicon.first_sense(w); s + 1 < lexicon.first_sense(w + 1); ++s)
      joint[static_cast<std::size_t>(s)] -= joint[static_cast<std::size_t>(s + 1)];
}

}  // namespace detail

/// 1/2 weight_w t C t' of every term t: what RowLoss gains where the term goes and the layer was at
/// its best before (Optimal Brain Damage: LeCun, Denker and Solla, NIPS 1989, with all of the
/// Hessian within a term). 0 for the padding row. O(senses (m product + p^2)). Throws where the
/// layer has no terms or a LayerNorm, or the loss does not fit it.
template <std::floating_point Scalar, int Order>
std::vector<double> activation_scores(const EntangledEmbedding<Scalar, Order>& layer,
                                      const RowLoss& loss = {}, const Executor& run = threads()) {
  const auto& parts = layer.parts();
  detail::require_terms(parts, "activation scores");
  detail::require(!parts.layer_norm,
                  "activation scores of an embedding with a LayerNorm, needed one without "
                  "(FisherScores take it)");
  detail::validate_loss(loss, layer.num_embeddings(), layer.embedding_dim());
  const bool joint = detail::drops_from_last(parts);
  std::vector<double> scores = detail::term_energies(parts, loss, joint, run);
  if (joint) detail::subtract_next(parts.lexicon, scores);
  return scores;
}

/// 1/2 |t|^2 of every term alone, before a LayerNorm: what to compare with. Throws where the layer
/// has no terms.
template <std::floating_point Scalar, int Order>
std::vector<double> size_scores(const EntangledEmbedding<Scalar, Order>& layer,
                                const Executor& run = threads()) {
  detail::require_terms(layer.parts(), "size scores");
  return detail::term_energies(layer.parts(), {}, false, run);
}

/// Uniform numbers in [0, 1), one a sense: what to compare with.
template <std::floating_point Scalar, int Order>
std::vector<double> random_scores(const EntangledEmbedding<Scalar, Order>& layer,
                                  std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<double> scores(static_cast<std::size_t>(layer.lexicon().senses()));
  for (double& score : scores) score = random.uniform();
  return scores;
}

/// What it costs to drop a unit, to the same order: the sum of the scores of the terms that it is
/// in; [i][u] for unit u of inventory i. O(senses order). Throws unless scores are one a sense.
inline std::vector<std::vector<double>> unit_scores(const Lexicon& lexicon,
                                                    std::span<const double> scores) {
  detail::require(std::cmp_equal(scores.size(), lexicon.senses()), "unit scores from ",
                  scores.size(), " scores, needed one for each of ", lexicon.senses(), " senses");
  std::vector<std::vector<double>> sums;
  for (const Index size : lexicon.table().sizes)
    sums.emplace_back(static_cast<std::size_t>(size), 0.0);
  for (Index w = 0; w < lexicon.words(); ++w)
    lexicon.for_senses(w, [&](Index s, const Index* units) {
      const Index row = lexicon.table().row_of(s);
      for (int j = 0; j < lexicon.order(); ++j) {
        const int inventory = lexicon.table().inventory(row, j);
        bool before = false;  // a term that has the unit twice counts once
        for (int k = 0; k < j; ++k)
          before =
              before || (units[k] == units[j] && lexicon.table().inventory(row, k) == inventory);
        if (!before)
          sums[static_cast<std::size_t>(inventory)][static_cast<std::size_t>(units[j])] +=
              scores[static_cast<std::size_t>(lexicon.first_sense(w) + s)];
      }
    });
  return sums;
}

/// Scores from gradients of the loss, a few batches of them: without term t a row moves by -t, and
/// over samples of gradients r of a row the loss changes by
///
///     sum_r 1/2 (r . t)^2 - (r . t)
///
/// The first part is the empirical Fisher information in the place of the Hessian (Fisher pruning:
/// Theis, Korshunova, Tejani and Huszar, arXiv 1801.05787), exact where the loss is the sum of
/// 1/2 (r . (E - E_0))^2; the second is zero in the mean where training has come to its end, and is
/// left out unless asked for. Through a LayerNorm t acts to first order.
///
/// \code
///     see::FisherScores<float> fisher(layer);
///     fisher.add(ids, rows - target);  // gradients by row, as layer.backward() takes them
///     auto smaller = see::prune(layer, fisher.scores(), 100000);
/// \endcode
template <std::floating_point Scalar>
class FisherScores {
 public:
  /// Keeps a copy of the layer, which shares its numbers. Throws where it has no terms.
  template <int Order>
  explicit FisherScores(const EntangledEmbedding<Scalar, Order>& layer)
      : layer_(with_sense_gains(layer.parts())),
        gradient_(layer_),
        joint_(detail::drops_from_last(layer.parts())),
        squares_(static_cast<std::size_t>(layer.lexicon().senses()), 0.0),
        sums_(squares_.size(), 0.0) {
    layer_.freeze();
    layer_.freeze_parameter(gain_parameter(), false);
  }

  /// Adds a batch: row i of `gradients` is that of the loss with respect to E(ids[i]), a sample of
  /// its own. Where the loss is a mean over n samples, `samples` is n. Throws, and adds nothing,
  /// where an id is no row or the gradients are not ids.size() x embedding_dim(). Cost: that of
  /// backward() without its inventories, row by row.
  template <IdRange Ids = IdList>
  void add(const Ids& ids, ConstRowMatrixRef<Scalar> gradients, double samples = 1) {
    detail::check_batch(ids, layer_.num_embeddings(), gradients.rows(), gradients.cols(),
                        layer_.embedding_dim(), "FisherScores::add");
    const auto id = detail::id_span(ids);
    const Array<Scalar>& gains = layer_.parts().gains;
    for (std::size_t i = 0; i < id.size(); ++i) {
      const auto w = static_cast<Index>(id[i]);
      if (w == layer_.padding_idx()) continue;
      gradient_.zero();
      layer_.backward(id.subspan(i, 1), gradients.row(static_cast<Index>(i)), gradient_);
      SparseRows<Scalar>& part = gradient_[gain_parameter()];
      const Index first = layer_.lexicon().first_sense(w);
      double dot = 0;  // r . t
      for (Index s = first + layer_.lexicon().rank(w) - 1; s >= first; --s) {
        const auto at = static_cast<std::size_t>(s);
        const double one = static_cast<double>(*part.at(s)) * static_cast<double>(gains[at]);
        dot = joint_ ? dot + one : one;
        squares_[at] += samples * dot * dot;
        sums_[at] += dot;
      }
    }
  }

  /// The scores of what was added so far; with the first-order part too, where asked for.
  std::vector<double> scores(bool first_order = false) const {
    std::vector<double> scores(squares_.size());
    for (std::size_t s = 0; s < scores.size(); ++s)
      scores[s] = squares_[s] / 2 - (first_order ? sums_[s] : 0.0);
    if (joint_) detail::subtract_next(layer_.lexicon(), scores);
    return scores;
  }

 private:
  /// The same rows with a gain for each sense, so that the gradient of a gain times the gain is
  /// r . t.
  static EmbeddingParts<Scalar> with_sense_gains(EmbeddingParts<Scalar> parts) {
    detail::require_terms(parts, "fisher scores");
    std::vector<Scalar> gains;
    for (Index w = 0; w < parts.lexicon.words(); ++w)
      for (Index s = 0; s < parts.lexicon.rank(w); ++s)
        gains.push_back(static_cast<Scalar>(detail::gain_of(parts, w, s)));
    parts.gain_scope = GainScope::sense;
    parts.gains = std::move(gains);
    return parts;
  }

  int gain_parameter() const { return static_cast<int>(layer_.parts().inventories.size()); }

  EntangledEmbedding<Scalar> layer_;
  Gradient<Scalar> gradient_;
  bool joint_;
  std::vector<double> squares_, sums_;  // of r . t over samples
};

template <std::floating_point Scalar, int Order>
FisherScores(const EntangledEmbedding<Scalar, Order>&) -> FisherScores<Scalar>;

}  // namespace see
