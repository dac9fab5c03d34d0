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

/// Hidden states h_i with targets t_i, and candidates c of offset o_c (all words, of offset 0,
/// where none are given). With scores s_iw = <h_i, E(w)> the loss of state i is
///
///     L_i - s_{i,t_i},   L_i = log(exp(s_{i,t_i}) + sum_{c != t_i} exp(s_ic - o_c))
///
/// Two passes over the candidates, in blocks: the first finds L_i, the second the gradients.
template <EmbeddingLayer Layer>
class SoftmaxBatch {
 public:
  using Scalar = typename Layer::Scalar;

  /// Throws where sizes do not fit, or a target (other than `ignored`) or a candidate is no row.
  template <IdRange Targets>
  SoftmaxBatch(const Layer& layer, ConstRowMatrixRef<Scalar> hidden, const Targets& targets,
               Index ignored, const Candidates* candidates)
      : layer_(layer), candidates_(candidates), batch_(hidden.rows()) {
    const Index words = layer.num_embeddings();
    require(hidden.cols() == layer.embedding_dim(), "cross_entropy: hidden states of ", batch_,
            " x ", hidden.cols(), ", needed ", batch_, " x ", layer.embedding_dim());
    const auto target_of = id_span(targets);
    require(std::cmp_equal(target_of.size(), batch_), "cross_entropy: ", target_of.size(),
            " targets of ", batch_, " hidden states");
    for (Index i = 0; i < batch_; ++i) {
      const auto target = +target_of[static_cast<std::size_t>(i)];
      if (std::cmp_equal(target, ignored)) continue;
      require(std::cmp_greater_equal(target, 0) && std::cmp_less(target, words),
              "cross_entropy: target ", target, " at position ", i, ", needed one of ", words,
              " rows");
      rows_.push_back(i);
      targets_.push_back(static_cast<Index>(target));
    }
    if (candidates) {
      require(candidates->log_expected.size() == candidates->ids.size(),
              "sampled_cross_entropy: candidates with ", candidates->log_expected.size(),
              " expected counts, needed ", candidates->ids.size());
      check_batch(candidates->ids, words, count(), 1, 1, "sampled_cross_entropy, candidates");
    }
    hidden_.resize(states(), hidden.cols());
    for (Index i = 0; i < states(); ++i)
      hidden_.row(i) = hidden.row(rows_[static_cast<std::size_t>(i)]);
  }

  /// States whose target is not ignored.
  Index states() const noexcept { return static_cast<Index>(rows_.size()); }

  /// sum_i (L_i - s_{i,t_i}); leaves what add_gradients() needs.
  double total_loss(const Executor& run) {
    target_rows_ = layer_.forward(targets_);
    const auto size = static_cast<std::size_t>(states());
    std::vector<LogSumExp> sums((static_cast<std::size_t>(count()) + grain - 1) / grain * size);
    const auto add_block = [&](Index state, Index first, std::size_t range, const auto& scores) {
      Block block = scores;
      prepare(state, first, block);
      for (Index i = 0; i < block.rows(); ++i)
        sums[range * size + static_cast<std::size_t>(state + i)].add_all(block.row(i));
    };
    if constexpr (requires { make_scorer(layer_, run); }) {
      if (candidates_)
        score_by_rows(run, add_block);
      else
        make_scorer(layer_, run).for_blocks(hidden_, run, add_block);
    } else {
      score_by_rows(run, add_block);
    }
    double loss = 0;
    logs_.resize(states());
    target_scores_.resize(states());
    for (Index i = 0; i < states(); ++i) {
      target_scores_[i] = static_cast<double>(hidden_.row(i).dot(target_rows_.row(i)));
      LogSumExp all;
      all.add(target_scores_[i], 1);
      for (auto at = static_cast<std::size_t>(i); at < sums.size(); at += size) all.add(sums[at]);
      logs_[i] = all.value();
      loss += logs_[i] - target_scores_[i];
    }
    return loss;
  }

  /// Writes weight times the gradient of the total loss with respect to the hidden states (all of
  /// them, zero where the target is ignored) and, unless it is null, adds that with respect to the
  /// layer's parameters to `gradient`.
  void add_gradients(Scalar weight, RowMatrixRef<Scalar> hidden_gradient,
                     Gradient<Scalar>* gradient, const Executor& run) const {
    const auto size = static_cast<std::size_t>(count());
    const std::size_t part = std::max<std::size_t>(1, (size / block_size + parts) / parts) *
                             static_cast<std::size_t>(block_size);
    std::vector<RowMatrix<Scalar>> to_hidden((size + part - 1) / part);
    std::vector<Gradient<Scalar>> to_layer;
    if (gradient) to_layer.assign(to_hidden.size(), Gradient<Scalar>(layer_));
    for_ranges(run, size, part, [&](std::size_t first, std::size_t last) {
      RowMatrix<Scalar>& own = to_hidden[first / part];
      own.setZero(hidden_.rows(), hidden_.cols());
      for_row_blocks(first, last, [&](Index at, const std::vector<Index>& ids, const auto& rows) {
        Block shares = (hidden_ * rows.transpose()).array();
        prepare(0, at, shares);
        for (Index i = 0; i < states(); ++i)
          shares.row(i) = weight * (shares.row(i) - static_cast<Scalar>(logs_[i])).exp();
        own.noalias() += shares.matrix() * rows;
        if (!gradient) return;
        const RowMatrix<Scalar> to_rows = shares.matrix().transpose() * hidden_;
        layer_.backward(ids, to_rows, to_layer[first / part]);
      });
    });
    Vector<Scalar> target_shares(states());  // p - 1
    for (Index i = 0; i < states(); ++i)
      target_shares[i] = weight * static_cast<Scalar>(std::expm1(target_scores_[i] - logs_[i]));
    RowMatrix<Scalar> total = target_shares.asDiagonal() * target_rows_;
    for (const auto& each : to_hidden) total += each;
    hidden_gradient.setZero();
    for (Index i = 0; i < states(); ++i)
      hidden_gradient.row(rows_[static_cast<std::size_t>(i)]) = total.row(i);
    if (!gradient) return;
    const RowMatrix<Scalar> to_targets = target_shares.asDiagonal() * hidden_;
    layer_.backward(targets_, to_targets, *gradient);
    for (const auto& each : to_layer) gradient->add(each);
  }

  /// Throws unless gradients of these forms can be written.
  void check_gradients(const RowMatrixRef<Scalar>& hidden_gradient,
                       const Gradient<Scalar>* gradient) const {
    require(hidden_gradient.rows() == batch_ && hidden_gradient.cols() == hidden_.cols(),
            "cross_entropy: a hidden gradient of ", hidden_gradient.rows(), " x ",
            hidden_gradient.cols(), ", needed ", batch_, " x ", hidden_.cols());
    if (gradient) gradient->check_form(layer_.parameter_shapes());
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

  /// Subtracts the offsets from scores of the candidates from `first` on, and takes out those that
  /// are the target.
  void prepare(Index state, Index first, Block& scores) const {
    for (Index k = 0; candidates_ && k < scores.cols(); ++k)
      scores.col(k) -=
          static_cast<Scalar>(candidates_->log_expected[static_cast<std::size_t>(first + k)]);
    for (Index i = 0; i < scores.rows(); ++i) {
      const Index target = targets_[static_cast<std::size_t>(state + i)];
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
      rows.resize(static_cast<Index>(ids.size()), hidden_.cols());
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
                   const RowMatrix<Scalar> scores = hidden_ * rows.transpose();
                   visit(Index{0}, at, first / grain, scores);
                 });
               });
  }

  const Layer& layer_;
  const Candidates* candidates_;
  Index batch_;
  std::vector<Index> rows_, targets_;    // of the states that are not ignored: where they stand
  RowMatrix<Scalar> hidden_;             // these states
  RowMatrix<Scalar> target_rows_;        // E(t_i)
  Vector<double> target_scores_, logs_;  // s_{i,t_i} and L_i
};

}  // namespace see::detail
