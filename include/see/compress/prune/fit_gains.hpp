#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/prune/row_loss.hpp"
#include "see/core/bits.hpp"
#include "see/core/finite.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"

namespace see {

namespace detail {

/// Normal equations of gains: sum of weight T C T' and, in the last column, of weight T C (x - y)'
/// over words, T having the terms of a word at gains of 1.
struct GainSystem {
  RowMatrix<double> sums;

  /// The step of the gains. A ridge of a millionth of the mean diagonal keeps what the rows leave
  /// open; zero where nothing is to be solved.
  Vector<double> solve() const {
    const Index n = sums.rows();
    RowMatrix<double> normal = sums.leftCols(n), step = sums.rightCols(1);
    const double ridge = 1e-6 * normal.trace() / static_cast<double>(std::max<Index>(n, 1));
    normal.diagonal().array() += ridge;
    if (!(ridge > 0) || !solve_positive(normal, step) || !is_all_finite(step))
      return Vector<double>::Zero(n);
    return step.col(0);
  }
};

/// Least-squares gains and word scales, in turns.
template <class Scalar, RowSource Target>
class GainFit {
 public:
  GainFit(EmbeddingParts<Scalar> parts, const Target& target, const RowLoss& loss,
          const Executor& run)
      : parts_(std::move(parts)),
        target_(target),
        loss_(loss),
        metric_(parts_, loss.activation),
        run_(run) {}

  EmbeddingParts<Scalar> run() {
    if (parts_.gain_scope == GainScope::term) fit_shared_gains();
    if (parts_.gain_scope == GainScope::sense) fit_own_gains();
    if (!parts_.word_scale.empty()) choose_scales();
    return std::move(parts_);
  }

 private:
  static constexpr std::size_t block = 256;

  /// Calls visit(w, T, C (x_w - y_w)', weight) for words with senses, but for the padding row;
  /// begin(range) before each range of them.
  template <class Begin, class Visit>
  void for_words(const Begin& begin, const Visit& visit) const {
    const EntangledEmbedding<Scalar> layer(parts_);
    for_ranges(
        run_, static_cast<std::size_t>(layer.num_embeddings()), block,
        [&](std::size_t first, std::size_t last) {
          const auto start = static_cast<Index>(first);
          const auto count = static_cast<Index>(last - first);
          RowMatrix<float> x(count, layer.embedding_dim());
          forward_range(target_, start, x);
          std::vector<Index> ids(last - first);
          std::iota(ids.begin(), ids.end(), start);
          RowMatrix<double> missing = x.cast<double>() - layer.forward(ids).template cast<double>();
          if (metric_.pull.size() > 0) missing = product(missing, metric_.pull);
          begin(first / block);
          for (Index i = 0; i < count; ++i) {
            const Index w = start + i;
            if (w == parts_.padding_idx || parts_.lexicon.rank(w) == 0) continue;
            const double weight =
                loss_.weights.empty() ? 1.0 : double{loss_.weights[static_cast<std::size_t>(w)]};
            visit(first / block, w, term_rows(parts_, w), missing.row(i), weight);
          }
        });
  }

  template <class Missing>
  RowMatrix<double> system_of(Index w, const RowMatrix<double>& terms, const Missing& missing,
                              double weight) const {
    const Index rank = terms.rows();
    const double scale = scale_of(parts_, w);
    RowMatrix<double> system(rank, rank + 1);
    system.leftCols(rank) =
        weight * scale * scale * product(metric_.apply(terms), terms.transpose());
    system.rightCols(1) = weight * scale * product(terms, missing.transpose());
    return system;
  }

  void fit_own_gains() {
    Vector<double> steps = Vector<double>::Zero(parts_.lexicon.senses());
    for_words([](std::size_t) {},
              [&](std::size_t, Index w, const RowMatrix<double>& terms, const auto& missing,
                  double weight) {
                steps.segment(parts_.gain_number(w, 0), terms.rows()) =
                    GainSystem{system_of(w, terms, missing, weight)}.solve();
              });
    move_gains(steps);
  }

  void fit_shared_gains() {
    const auto most = static_cast<Index>(parts_.gains.size());
    const auto words = static_cast<std::size_t>(parts_.lexicon.words());
    std::vector<RowMatrix<double>> sums((words + block - 1) / block);
    for_words([&](std::size_t range) { sums[range] = RowMatrix<double>::Zero(most, most + 1); },
              [&](std::size_t range, Index w, const RowMatrix<double>& terms, const auto& missing,
                  double weight) {
                const RowMatrix<double> system = system_of(w, terms, missing, weight);
                sums[range].topLeftCorner(terms.rows(), terms.rows()) +=
                    system.leftCols(terms.rows());
                sums[range].topRightCorner(terms.rows(), 1) += system.rightCols(1);
              });
    GainSystem all{RowMatrix<double>::Zero(most, most + 1)};
    for (const auto& sum : sums) all.sums += sum;
    move_gains(all.solve());
  }

  void move_gains(const Vector<double>& steps) {
    Scalar* const gains = parts_.gains.mutate();
    for (Index s = 0; s < steps.size(); ++s) gains[s] += static_cast<Scalar>(steps[s]);
  }

  /// Each word's entry of the table of scales that leaves the least loss.
  void choose_scales() {
    const Array<Scalar>& table = parts_.word_scale.table;
    std::vector<std::uint32_t> chosen;
    for (Index w = 0; w < parts_.lexicon.words(); ++w)
      chosen.push_back(
          static_cast<std::uint32_t>(parts_.word_scale.index[static_cast<std::size_t>(w)]));
    for_words([](std::size_t) {},
              [&](std::size_t, Index w, RowMatrix<double> terms, const auto& missing, double) {
                for (Index s = 0; s < terms.rows(); ++s) terms.row(s) *= gain_of(parts_, w, s);
                const RowMatrix<double> sum = terms.colwise().sum();
                const double square = metric_.apply(sum).row(0).dot(sum.row(0));
                const double scale = scale_of(parts_, w), toward = missing.dot(sum.row(0));
                double least = 0;  // of square h^2 - 2 toward h for a change h of the scale
                for (std::size_t k = 0; k < table.size(); ++k) {
                  const double change = static_cast<double>(table[k]) - scale;
                  const double loss = change * (square * change - 2 * toward);
                  if (loss < least) {
                    least = loss;
                    chosen[static_cast<std::size_t>(w)] = static_cast<std::uint32_t>(k);
                  }
                }
              });
    parts_.word_scale.index =
        PackedArray(std::span<const std::uint32_t>(chosen), parts_.word_scale.index.bits());
  }

  EmbeddingParts<Scalar> parts_;
  const Target& target_;
  const RowLoss& loss_;
  TermMetric metric_;
  const Executor& run_;
};

}  // namespace detail

/// The layer with the gains that minimise RowLoss against the rows x_w of `target`, all else fixed,
/// then with each word's best entry of the table of scales: after pruning, what is left makes up
/// for what is gone (the update of Optimal Brain Surgeon, Hassibi and Stork, NIPS 1992, on the
/// gains), the target being the layer before. The loss is quadratic in the gains, so that one
/// Newton step ends there. The file keeps its size.
///
/// O(senses (m product + p^2) + sum_w R(w)^3) for gains of senses; gains of terms share one system.
/// Equal for any executor. Throws where the layer has neither gains nor word scales, or has a
/// LayerNorm, or the target or the loss is of another size.
template <std::floating_point Scalar, int Order, RowSource Target>
EntangledEmbedding<Scalar, Order> fit_gains(const EntangledEmbedding<Scalar, Order>& layer,
                                            const Target& target, const RowLoss& loss = {},
                                            const Executor& run = threads()) {
  const auto& parts = layer.parts();
  detail::require(parts.has_terms() && (parts.has_gains() || !parts.word_scale.empty()),
                  "fit_gains: an embedding without gains and word scales, needed one of them");
  detail::require(!parts.layer_norm,
                  "fit_gains: an embedding with a LayerNorm, needed one without");
  detail::require(target.num_embeddings() == layer.num_embeddings() &&
                      target.embedding_dim() == layer.embedding_dim(),
                  "fit_gains: a target of ", target.num_embeddings(), " x ", target.embedding_dim(),
                  ", needed ", layer.num_embeddings(), " x ", layer.embedding_dim());
  detail::validate_loss(loss, layer.num_embeddings(), layer.embedding_dim());
  EntangledEmbedding<Scalar, Order> fitted(
      detail::GainFit<Scalar, Target>(parts, target, loss, run).run());
  for (int i = 0; i < static_cast<int>(fitted.parameter_shapes().size()); ++i)
    fitted.freeze_parameter(i, layer.is_frozen(i));
  return fitted;
}

}  // namespace see
