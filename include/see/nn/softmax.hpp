#pragma once

#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/nn/candidates.hpp"
#include "see/nn/layer.hpp"
#include "see/nn/softmax_batch.hpp"

/// Softmax cross-entropy over the words of an embedding layer that serves as a tied output layer,
/// in memory that does not grow with the number of words:
///
///     loss_i = log(sum_w exp(<h_i, E(w)>)) - <h_i, E(t_i)>
///
/// \code
///     see::Gradient<float> gradient(layer);
///     see::RowMatrix<float> hidden_gradient(hidden.rows(), hidden.cols());
///     const double loss = see::cross_entropy(layer, hidden, targets, hidden_gradient, &gradient);
///     adam.step(layer, gradient);
/// \endcode
///
/// `hidden` is b x embedding_dim(), `targets` b row numbers. The padding row takes part with the
/// score 0 of its zero row. All losses are summed in double precision; losses and gradients are
/// equal for any executor. All functions throw, and write nothing, where a size does not fit, or a
/// target (other than ignore_index) or a candidate is no row.
namespace see {

/// What becomes of the losses of a batch, as in torch::nn::CrossEntropyLoss.
enum class Reduction { mean, sum };

struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;  ///< over the targets that are not ignored; 0 of none
  Index ignore_index = -100;              ///< a target of this number counts for nothing
};

namespace detail {

/// The factor that turns a total into what was asked for.
template <class Scalar>
double reduction_factor(const SoftmaxStates<Scalar>& states, Reduction reduction) {
  if (reduction == Reduction::sum) return 1;
  const double total = states.total_weight();
  return total == 0 ? 0 : 1 / total;
}

template <class Layer>
double loss_alone(SoftmaxBatch<Layer> batch, Reduction reduction, const Executor& run) {
  return batch.losses(run).sum() * reduction_factor(batch.states(), reduction);
}

template <class Layer, class Scalar = typename Layer::Scalar>
double loss_and_gradients(SoftmaxBatch<Layer> batch, Reduction reduction,
                          RowMatrixRef<Scalar> hidden_gradient, Gradient<Scalar>* gradient,
                          const Executor& run) {
  const double factor = reduction_factor(batch.states(), reduction);
  const Vector<Scalar> weights =
      Vector<Scalar>::Constant(batch.states().size(), static_cast<Scalar>(factor));
  return batch.losses_and_gradients(weights, hidden_gradient, gradient, run).sum() * factor;
}

}  // namespace detail

/// The loss alone. An entangled layer is scored without its rows. Memory: blocks of words, and two
/// numbers a state for each range of 4,096 words.
template <EmbeddingLayer Layer, IdRange Targets = IdList>
double cross_entropy(const Layer& layer, ConstRowMatrixRef<typename Layer::Scalar> hidden,
                     const Targets& targets, const CrossEntropyOptions& options = {},
                     const Executor& run = serial()) {
  return detail::loss_alone(
      detail::SoftmaxBatch<Layer>(layer, hidden, targets, options.ignore_index, nullptr),
      options.reduction, run);
}

/// The loss; `hidden_gradient` (b x embedding_dim(), must not overlap `hidden`) becomes its
/// gradient with respect to the hidden states; that with respect to the layer's parameters is
/// added to `gradient` unless it is null. Cost beside the loss: a look-up and a backward() of every
/// row and 3 * b * words * d multiply-adds. Memory: 16 times the gradients.
template <EmbeddingLayer Layer, IdRange Targets = IdList>
double cross_entropy(const Layer& layer, ConstRowMatrixRef<typename Layer::Scalar> hidden,
                     const Targets& targets, RowMatrixRef<typename Layer::Scalar> hidden_gradient,
                     Gradient<typename Layer::Scalar>* gradient,
                     const CrossEntropyOptions& options = {}, const Executor& run = serial()) {
  return detail::loss_and_gradients(
      detail::SoftmaxBatch<Layer>(layer, hidden, targets, options.ignore_index, nullptr),
      options.reduction, hidden_gradient, gradient, run);
}

/// The same with candidates, drawn once for the batch, in place of all words (Jean et al., arXiv
/// 1412.2007):
///
///     loss_i = log(exp(s_{i,t_i}) + sum_{c != t_i} exp(s_ic - log_expected_c)) - s_{i,t_i}
///
/// with s_iw = <h_i, E(w)>. Candidates that happen to be the target are left out, and the target,
/// which is always there, has no correction, so the expectation of what the logarithm is taken of
/// is that of all words.
template <EmbeddingLayer Layer, IdRange Targets = IdList>
double sampled_cross_entropy(const Layer& layer, ConstRowMatrixRef<typename Layer::Scalar> hidden,
                             const Targets& targets, const Candidates& candidates,
                             const CrossEntropyOptions& options = {},
                             const Executor& run = serial()) {
  return detail::loss_alone(
      detail::SoftmaxBatch<Layer>(layer, hidden, targets, options.ignore_index, &candidates),
      options.reduction, run);
}

/// The same with gradients, as cross_entropy() writes and adds them, which reach the rows of the
/// targets and candidates alone.
template <EmbeddingLayer Layer, IdRange Targets = IdList>
double sampled_cross_entropy(const Layer& layer, ConstRowMatrixRef<typename Layer::Scalar> hidden,
                             const Targets& targets, const Candidates& candidates,
                             RowMatrixRef<typename Layer::Scalar> hidden_gradient,
                             Gradient<typename Layer::Scalar>* gradient,
                             const CrossEntropyOptions& options = {},
                             const Executor& run = serial()) {
  return detail::loss_and_gradients(
      detail::SoftmaxBatch<Layer>(layer, hidden, targets, options.ignore_index, &candidates),
      options.reduction, hidden_gradient, gradient, run);
}

}  // namespace see
