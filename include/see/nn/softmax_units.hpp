#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/model/embedding.hpp"
#include "see/model/unit_scores.hpp"
#include "see/nn/softmax_states.hpp"

namespace see::detail {

/// The losses of hidden states against all words of an embedding of order 2 and, where they are
/// wanted, their gradients, from its factors (UnitScores): a few states at a time, whose scores are
/// found once and become the gradients with respect to them in place.
///
/// Memory: the index of senses by units, and a block of scores, at most 2^21 or 16 a word, for each
/// thread; where gradients are wanted, 16 times these.
template <class Scalar, int Order>
class UnitSoftmax {
 public:
  using Layer = EntangledEmbedding<Scalar, Order>;

  UnitSoftmax(const Layer& layer, const SoftmaxStates<Scalar>& states)
      : layer_(layer), states_(states), index_(layer.parts()) {
    constexpr Index step = std::max<Index>(16, kernel::lanes<Scalar>);
    const Index fits = (Index{1} << 21) / std::max<Index>(1, layer.num_embeddings());
    lanes_ = std::clamp<Index>(std::min<Index>(fits, states.size() / 16) / step * step, step, 64);
  }

  /// losses[i] for each state; with `weights`, one a state, the gradients of sum_i weights[i] *
  /// losses[i]: a row a state is added to `hidden_gradient`, and the layer's to `gradient` unless
  /// it is null.
  void operator()(Vector<double>& losses, const Vector<Scalar>* weights,
                  RowMatrix<Scalar>* hidden_gradient, Gradient<Scalar>* gradient,
                  const Executor& run) const {
    const auto groups = static_cast<std::size_t>((states_.size() + lanes_ - 1) / lanes_);
    const std::size_t grain = (groups + 15) / 16;
    std::vector<Gradient<Scalar>> parts;
    if (gradient)
      parts.assign(groups == 0 ? 0 : (groups - 1) / grain + 1, Gradient<Scalar>(layer_));
    for_ranges(run, groups, grain, [&](std::size_t first, std::size_t last) {
      UnitScores<Scalar> scores(layer_.parts(), index_, lanes_);
      std::vector<Scalar> block(static_cast<std::size_t>(layer_.num_embeddings() * lanes_));
      for (; first < last; ++first) {
        const Index at = static_cast<Index>(first) * lanes_;
        const Index count = std::min(lanes_, states_.size() - at);
        scores.begin(states_.hidden().middleRows(at, count));
        scores.score(block.data());
        find_losses(at, count, block.data(), losses, weights);
        if (weights)
          scores.pull_back(
              block.data(), hidden_gradient->middleRows(at, count),
              gradient ? &parts[static_cast<std::size_t>(at / lanes_) / grain] : nullptr,
              [&](int parameter) { return layer_.is_frozen(parameter); });
      }
    });
    for (const auto& part : parts) gradient->add(part);
  }

 private:
  using Lanes = Eigen::Array<Scalar, Eigen::Dynamic, 1>;
  using Sums = Eigen::Array<double, Eigen::Dynamic, 1>;
  using Block = Eigen::Map<Eigen::Array<Scalar, Eigen::Dynamic, Eigen::Dynamic>>;

  /// Calls visit(first word, lanes x words of scores) for blocks that a cache holds.
  template <class Visit>
  void for_blocks(Scalar* scores, const Visit& visit) const {
    const Index words = layer_.num_embeddings();
    for (Index first = 0; first < words; first += 128)
      visit(first, Block(scores + first * lanes_, lanes_, std::min<Index>(128, words - first)));
  }

  /// Losses from scores and, with weights, in place of the scores their gradients,
  ///
  ///     weight_i * ((hard_i + sum of soft) * p_iw - [w = t_i] hard_i - soft(w)).
  void find_losses(Index at, Index count, Scalar* scores, Vector<double>& losses,
                   const Vector<Scalar>* weights) const {
    Lanes top = Block(scores, lanes_, 1).col(0);
    Sums soft = Sums::Zero(lanes_), sums = Sums::Zero(lanes_);
    for_blocks(scores, [&](Index first, const Block& block) {
      top = top.max(block.rowwise().maxCoeff());
      for (Index k = 0; states_.is_soft() && k < block.cols(); ++k)
        soft += states_.soft(first + k) * block.col(k).template cast<double>();
    });
    const auto target_of = [&](Index i) {
      return scores + states_.targets()[static_cast<std::size_t>(at + i)] * lanes_ + i;
    };
    Lanes target_scores = Lanes::Zero(lanes_);
    for (Index i = 0; i < count; ++i) target_scores[i] = *target_of(i);
    for_blocks(scores, [&](Index, Block block) {
      block = (block.colwise() - top).exp();
      sums += block.rowwise().sum().template cast<double>();
    });
    Lanes factors = Lanes::Zero(lanes_);
    std::vector<Scalar> of_targets(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) {
      const double apart = static_cast<double>(target_scores[i]) - static_cast<double>(top[i]);
      const double target = std::log(sums[i]) - apart;  // L_i - s_{i,t_i}
      losses[at + i] =
          states_.loss(at + i, target, 0,
                       soft[i] - states_.soft_total() * static_cast<double>(target_scores[i]));
      if (!weights) continue;
      const auto weight = static_cast<double>((*weights)[at + i]);
      const double hard = states_.hard(at + i), all = states_.soft_total();
      factors[i] = static_cast<Scalar>(weight * (hard + all) / sums[i]);
      of_targets[static_cast<std::size_t>(i)] =
          static_cast<Scalar>(weight * (hard * std::expm1(-target) + all * std::exp(-target)));
    }
    if (!weights) return;
    for_blocks(scores, [&](Index, Block block) { block.colwise() *= factors; });
    for (Index i = 0; i < count; ++i) *target_of(i) = of_targets[static_cast<std::size_t>(i)];
    if (!states_.is_soft()) return;
    Lanes scaled = Lanes::Zero(lanes_);
    scaled.head(count) = weights->segment(at, count).array();
    for_blocks(scores, [&](Index first, Block block) {
      for (Index k = 0; k < block.cols(); ++k)
        block.col(k) -= static_cast<Scalar>(states_.soft(first + k)) * scaled;
    });
  }

  const Layer& layer_;
  const SoftmaxStates<Scalar>& states_;
  UnitIndex index_;
  Index lanes_;
};

}  // namespace see::detail
