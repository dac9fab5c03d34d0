#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/scorer.hpp"
#include "see/nn/candidates.hpp"
#include "see/nn/layer.hpp"
#include "see/nn/softmax_states.hpp"
#include "see/nn/softmax_units.hpp"

namespace see::detail {

/// log(sum of exp) of numbers that come in blocks, kept as a maximum and a sum relative to it.
class LogSumExp {
 public:
  /// Adds exp of each number of an array; -infinity adds nothing.
  template <class Numbers>
  void add_all(const Numbers& numbers) {
    const auto maximum = numbers.maxCoeff();
    if (maximum == -std::numeric_limits<typename Numbers::Scalar>::infinity()) return;
    add(static_cast<double>(maximum), static_cast<double>((numbers - maximum).exp().sum()));
  }

  /// Adds sum * exp(maximum).
  void add(double maximum, double sum) {
    if (maximum > maximum_) {
      sum_ *= std::exp(maximum_ - maximum);
      maximum_ = maximum;
    }
    sum_ += sum * std::exp(maximum - maximum_);
  }
  void add(const LogSumExp& other) { add(other.maximum_, other.sum_); }

  double value() const { return maximum_ + std::log(sum_); }

 private:
  double maximum_ = std::numeric_limits<double>::lowest();
  double sum_ = 0;
};

template <std::floating_point Scalar, int Order>
Scorer<EntangledEmbedding<Scalar, Order>> make_scorer(
    const EntangledEmbedding<Scalar, Order>& layer, const Executor& run) {
  return Scorer<EntangledEmbedding<Scalar, Order>>(layer, run);
}

template <class Layer>
inline constexpr bool scores_by_units = false;
template <std::floating_point Scalar, int Order>
inline constexpr bool scores_by_units<EntangledEmbedding<Scalar, Order>> = true;

/// The losses of SoftmaxStates and their gradients over all words or candidates c of offset o_c
/// (see::sampled_cross_entropy), whose scores are s_ic - o_c; the target is always there, once and
/// without an offset.
///
/// Words of an entangled embedding go by UnitSoftmax where that is cheaper. Else two passes over
/// the candidates, in blocks: the first finds the losses, the second the gradients.
template <EmbeddingLayer Layer>
class SoftmaxBatch {
 public:
  using Scalar = typename Layer::Scalar;

  /// Throws where sizes do not fit, or a target (other than `ignored`) or a candidate is no row.
  /// `weights` of targets and candidates are kept by reference.
  template <IdRange Targets>
  SoftmaxBatch(const Layer& layer, ConstRowMatrixRef<Scalar> hidden, const Targets& targets,
               Index ignored, const Candidates* candidates, const SoftmaxTargets<Scalar>& kind = {})
      : layer_(layer),
        candidates_(candidates),
        batch_(layer.num_embeddings(), layer.embedding_dim(), hidden, targets, ignored, candidates,
               kind) {}

  const SoftmaxStates<Scalar>& states() const noexcept { return batch_; }

  /// The losses of the states that count.
  Vector<double> losses(const Executor& run) {
    Vector<double> losses(batch_.size());
    if constexpr (scores_by_units<Layer>)
      if (by_units()) {
        UnitSoftmax(layer_, batch_)(losses, nullptr, nullptr, nullptr, run);
        return losses;
      }
    find_losses(losses, run);
    return losses;
  }

  /// The same. With a weight for each state that counts, writes the gradient of the weighted sum
  /// of losses with respect to the hidden states of the batch (zero where the target is ignored)
  /// and, unless it is null, adds that with respect to the layer's parameters to `gradient`.
  /// Throws unless gradients of these forms can be written.
  Vector<double> losses_and_gradients(const Vector<Scalar>& weights,
                                      RowMatrixRef<Scalar> hidden_gradient,
                                      Gradient<Scalar>* gradient, const Executor& run) {
    const Index dim = layer_.embedding_dim();
    require(hidden_gradient.rows() == batch_.batch() && hidden_gradient.cols() == dim,
            "cross_entropy: a hidden gradient of ", hidden_gradient.rows(), " x ",
            hidden_gradient.cols(), ", needed ", batch_.batch(), " x ", dim);
    if (gradient) gradient->check_form(layer_.parameter_shapes());
    Vector<double> losses(batch_.size());
    RowMatrix<Scalar> to_hidden = RowMatrix<Scalar>::Zero(batch_.size(), dim);
    bool done = false;
    if constexpr (scores_by_units<Layer>)
      if ((done = by_units()))
        UnitSoftmax(layer_, batch_)(losses, &weights, &to_hidden, gradient, run);
    if (!done) {
      find_losses(losses, run);
      add_gradients(weights, to_hidden, gradient, run);
    }
    hidden_gradient.setZero();
    for (Index i = 0; i < batch_.size(); ++i)
      hidden_gradient.row(batch_.rows()[static_cast<std::size_t>(i)]) = to_hidden.row(i);
    return losses;
  }

 private:
  using Block = Eigen::Array<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  static constexpr Index block_size = 256;  // candidates whose rows are expanded together
  // Candidates a task of the first pass.
  static constexpr std::size_t grain = Scorer<Layer>::range_size;
  static constexpr std::size_t parts = 16;  // tasks of the second pass

  Index count() const {
    return candidates_ ? static_cast<Index>(candidates_->ids.size()) : layer_.num_embeddings();
  }

  bool by_units() const {
    return !candidates_ && UnitIndex::serves(layer_.parts()) &&
           UnitIndex::is_cheaper(layer_.parts(), batch_.size());
  }

  /// The first pass; leaves what add_gradients() needs.
  void find_losses(Vector<double>& losses, const Executor& run) {
    target_rows_ = layer_.forward(batch_.targets());
    const auto size = static_cast<std::size_t>(batch_.size());
    std::vector<LogSumExp> sums((static_cast<std::size_t>(count()) + grain - 1) / grain * size);
    std::vector<double> softs(batch_.is_soft() ? sums.size() : 0);
    const auto add_block = [&](Index state, Index first, std::size_t range, const auto& scores) {
      Block block = scores;
      const std::size_t at = range * size + static_cast<std::size_t>(state);
      for (Index i = 0; batch_.is_soft() && i < block.rows(); ++i)
        for (Index k = 0; k < block.cols(); ++k)
          softs[at + static_cast<std::size_t>(i)] +=
              batch_.soft(first + k) * static_cast<double>(block(i, k));
      prepare(state, first, block);
      for (Index i = 0; i < block.rows(); ++i)
        sums[at + static_cast<std::size_t>(i)].add_all(block.row(i));
    };
    if constexpr (requires { make_scorer(layer_, run); }) {
      if (candidates_)
        score_by_rows(run, add_block);
      else
        make_scorer(layer_, run).for_blocks(batch_.hidden(), run, add_block);
    } else {
      score_by_rows(run, add_block);
    }
    logs_.resize(batch_.size());
    target_scores_.resize(batch_.size());
    for (Index i = 0; i < batch_.size(); ++i) {
      target_scores_[i] = static_cast<double>(batch_.hidden().row(i).dot(target_rows_.row(i)));
      LogSumExp all;
      all.add(target_scores_[i], 1);
      double soft = 0;
      for (auto at = static_cast<std::size_t>(i); at < sums.size(); at += size) {
        all.add(sums[at]);
        if (batch_.is_soft()) soft += softs[at];
      }
      logs_[i] = all.value();
      losses[i] = batch_.loss(i, logs_[i], target_scores_[i], soft);
    }
  }

  /// The second pass: adds gradients to `to_hidden`, a row for each state that counts, and
  /// `gradient`.
  void add_gradients(const Vector<Scalar>& weights, RowMatrix<Scalar>& to_hidden,
                     Gradient<Scalar>* gradient, const Executor& run) const {
    const auto size = static_cast<std::size_t>(count());
    const std::size_t part = std::max<std::size_t>(1, (size / block_size + parts) / parts) *
                             static_cast<std::size_t>(block_size);
    std::vector<RowMatrix<Scalar>> sums((size + part - 1) / part);
    std::vector<Gradient<Scalar>> to_layer;
    if (gradient) to_layer.assign(sums.size(), Gradient<Scalar>(layer_));
    const RowMatrix<Scalar>& hidden = batch_.hidden();
    const auto all = [&](Index i) {
      return weights[i] * static_cast<Scalar>(batch_.hard(i) + batch_.soft_total());
    };
    for_ranges(run, size, part, [&](std::size_t first, std::size_t last) {
      RowMatrix<Scalar>& own = sums[first / part];
      own.setZero(hidden.rows(), hidden.cols());
      for_row_blocks(first, last, [&](Index at, const std::vector<Index>& ids, const auto& rows) {
        Block shares = (hidden * rows.transpose()).array();
        prepare(0, at, shares);
        for (Index i = 0; i < batch_.size(); ++i)
          shares.row(i) = all(i) * (shares.row(i) - static_cast<Scalar>(logs_[i])).exp();
        for (Index k = 0; batch_.is_soft() && k < shares.cols(); ++k)
          shares.col(k) -= static_cast<Scalar>(batch_.soft(at + k)) * weights.array();
        own.noalias() += shares.matrix() * rows;
        if (!gradient) return;
        const RowMatrix<Scalar> to_rows = shares.matrix().transpose() * hidden;
        layer_.backward(ids, to_rows, to_layer[first / part]);
      });
    });
    Vector<Scalar> target_shares(batch_.size());  // (hard + sum of soft) p - hard
    for (Index i = 0; i < batch_.size(); ++i) {
      const double apart = target_scores_[i] - logs_[i];
      target_shares[i] = weights[i] * static_cast<Scalar>(batch_.hard(i) * std::expm1(apart) +
                                                          batch_.soft_total() * std::exp(apart));
    }
    to_hidden += target_shares.asDiagonal() * target_rows_;
    for (const auto& each : sums) to_hidden += each;
    if (!gradient) return;
    const RowMatrix<Scalar> to_targets = target_shares.asDiagonal() * hidden;
    layer_.backward(batch_.targets(), to_targets, *gradient);
    for (const auto& each : to_layer) gradient->add(each);
  }

  /// Subtracts the offsets from scores of the candidates from `first` on, and takes out those that
  /// are the target.
  void prepare(Index state, Index first, Block& scores) const {
    for (Index k = 0; candidates_ && k < scores.cols(); ++k)
      scores.col(k) -=
          static_cast<Scalar>(candidates_->log_expected[static_cast<std::size_t>(first + k)]);
    for (Index i = 0; i < scores.rows(); ++i) {
      const Index target = batch_.targets()[static_cast<std::size_t>(state + i)];
      const auto take_out = [&](Index k) {
        scores(i, k) = -std::numeric_limits<Scalar>::infinity();
      };
      if (!candidates_ && target >= first && target < first + scores.cols())
        take_out(target - first);
      for (Index k = 0; candidates_ && k < scores.cols(); ++k)
        if (candidates_->ids[static_cast<std::size_t>(first + k)] == target) take_out(k);
    }
  }

  /// visit(first, ids, rows) for blocks of candidates and their expanded rows.
  template <class Visit>
  void for_row_blocks(std::size_t first, std::size_t last, const Visit& visit) const {
    std::vector<Index> ids;
    RowMatrix<Scalar> rows;
    for (; first < last; first += static_cast<std::size_t>(block_size)) {
      ids.resize(std::min(last - first, static_cast<std::size_t>(block_size)));
      if (candidates_)
        std::copy_n(candidates_->ids.begin() + static_cast<std::ptrdiff_t>(first), ids.size(),
                    ids.begin());
      else
        std::iota(ids.begin(), ids.end(), static_cast<Index>(first));
      rows.resize(static_cast<Index>(ids.size()), batch_.hidden().cols());
      layer_.forward(ids, rows);
      visit(static_cast<Index>(first), ids, rows);
    }
  }

  /// As Scorer::for_blocks(), by rows.
  template <class Visit>
  void score_by_rows(const Executor& run, const Visit& visit) const {
    for_ranges(run, static_cast<std::size_t>(count()), grain,
               [&](std::size_t first, std::size_t last) {
                 for_row_blocks(first, last, [&](Index at, const auto&, const auto& rows) {
                   const RowMatrix<Scalar> scores = batch_.hidden() * rows.transpose();
                   visit(Index{0}, at, first / grain, scores);
                 });
               });
  }

  const Layer& layer_;
  const Candidates* candidates_;
  SoftmaxStates<Scalar> batch_;
  RowMatrix<Scalar> target_rows_;        // E(t_i)
  Vector<double> target_scores_, logs_;  // s_{i,t_i} and L_i
};

}  // namespace see::detail
