#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/nn/candidates.hpp"

namespace see::detail {

/// How targets become distributions: torch's label smoothing and weights of classes.
template <class Scalar>
struct SoftmaxTargets {
  double smoothing = 0;
  std::span<const Scalar> weights = {};  ///< a number a word; empty: ones
};

/// The hidden states of a batch whose targets count, side by side, and what their losses are made
/// of. With scores s_iw and L_i the log of the sum of exp(s_iw), the loss of state i is
///
///     (hard_i + sum of soft) * L_i - hard_i * s_{i,t_i} - sum_w soft(w) * s_iw
///
/// where, with weights c and label smoothing e, hard_i = (1 - e) c(t_i), soft(w) = e c(w) / words.
template <class Scalar>
class SoftmaxStates {
 public:
  /// Throws where sizes do not fit, or a target (other than `ignored`) or a candidate is no row.
  template <IdRange Targets>
  SoftmaxStates(Index words, Index dim, ConstRowMatrixRef<Scalar> hidden, const Targets& targets,
                Index ignored, const Candidates* candidates,
                const SoftmaxTargets<Scalar>& kind = {})
      : batch_(hidden.rows()), weights_(kind.weights) {
    require(hidden.cols() == dim, "cross_entropy: hidden states of ", batch_, " x ", hidden.cols(),
            ", needed ", batch_, " x ", dim);
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
      check_batch(candidates->ids, words, std::ssize(candidates->ids), 1, 1,
                  "sampled_cross_entropy, candidates");
    }
    require(weights_.empty() || std::cmp_equal(weights_.size(), words),
            "cross_entropy: weights of ", weights_.size(), " classes, needed ", words);
    hidden_.resize(size(), hidden.cols());
    for (Index i = 0; i < size(); ++i)
      hidden_.row(i) = hidden.row(rows_[static_cast<std::size_t>(i)]);
    if (words > 0) each_ = kind.smoothing / static_cast<double>(words);
    hard_ = 1 - kind.smoothing;
    for (Index w = 0; is_soft() && w < words; ++w) soft_total_ += soft(w);
  }

  /// Of the batch, with those whose targets are ignored.
  Index batch() const noexcept { return batch_; }
  /// Of the states whose targets count.
  Index size() const noexcept { return static_cast<Index>(rows_.size()); }

  /// Places in the batch, targets and hidden states of those that count.
  const std::vector<Index>& rows() const noexcept { return rows_; }
  const std::vector<Index>& targets() const noexcept { return targets_; }
  const RowMatrix<Scalar>& hidden() const noexcept { return hidden_; }

  bool is_soft() const noexcept { return each_ > 0; }
  double soft(Index word) const noexcept { return each_ * weight(word); }
  double soft_total() const noexcept { return soft_total_; }
  double hard(Index i) const noexcept { return hard_ * weight(target(i)); }

  /// The sum of the weights of the targets, by which a mean divides.
  double total_weight() const noexcept {
    double total = 0;
    for (const Index word : targets_) total += weight(word);
    return total;
  }

  /// What a loss is, `soft` being the sum of soft(w) * s_iw.
  double loss(Index i, double log_sum, double target_score, double soft) const noexcept {
    return hard(i) * (log_sum - target_score) + (soft_total_ * log_sum - soft);
  }

 private:
  Index target(Index i) const noexcept { return targets_[static_cast<std::size_t>(i)]; }
  double weight(Index word) const noexcept {
    return weights_.empty() ? 1.0 : static_cast<double>(weights_[static_cast<std::size_t>(word)]);
  }

  Index batch_;
  std::vector<Index> rows_, targets_;
  RowMatrix<Scalar> hidden_;
  std::span<const Scalar> weights_;
  double each_ = 0, hard_ = 1, soft_total_ = 0;
};

}  // namespace see::detail
