#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "see/nn/softmax_batch.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/head.hpp"

/// Softmax cross-entropy over the words of a tied embedding, fused with the output layer.
namespace see::torch {

/// Options of cross_entropy: torch's.
using CrossEntropyOptions = ::torch::nn::CrossEntropyLossOptions;

namespace detail {

/// The losses of hidden states. Their mean or sum is found in one go with its gradients, where
/// those are wanted; losses apart are found again when the weights of their gradients are known.
template <class Scalar>
class CrossEntropy final : public Operation {
 public:
  CrossEntropy(std::shared_ptr<View<Scalar>> view, Tensor hidden, const Tensor& targets,
               const CrossEntropyOptions& options, std::optional<Candidates> candidates,
               bool wants_gradients)
      : view_(std::move(view)),
        hidden_(std::move(hidden)),
        candidates_(std::move(candidates)),
        reduction_(::torch::enumtype::reduction_get_enum(options.reduction())),
        smoothing_(options.label_smoothing()),
        ignore_index_(options.ignore_index()),
        wants_gradients_(wants_gradients) {
    targets_ = to_ids(targets, "cross_entropy");
    std::vector<std::int64_t> sizes = hidden_.sizes().vec();
    sizes.pop_back();
    require(targets_.sizes() == sizes, "cross_entropy: targets of ", name_of(targets_.sizes()),
            ", needed ", name_of(sizes), " as the hidden states");
    require(smoothing_ >= 0 && smoothing_ <= 1, "cross_entropy: label_smoothing of ", smoothing_,
            ", needed 0 to 1");
    require(!candidates_ || smoothing_ == 0,
            "sampled_cross_entropy: label_smoothing, needed 0 with candidates");
    if (!options.weight().defined()) return;
    require_type(options.weight(), type_of<Scalar>(), "cross_entropy", "weights of classes");
    require(options.weight().dim() == 1 && options.weight().size(0) == layer().num_embeddings(),
            "cross_entropy: weights of classes of ", name_of(options.weight().sizes()), ", needed ",
            layer().num_embeddings());
    weights_ = options.weight().detach().contiguous();
  }

  Tensor forward() override {
    auto states = batch();
    if (reduction_ == ::at::Reduction::None) {
      const Vector<double> losses = states.losses(executor());
      Tensor out = ::torch::zeros(targets_.sizes(), type_of<Scalar>());
      for (Index i = 0; i < losses.size(); ++i)
        out.template data_ptr<Scalar>()[place(states, i)] = static_cast<Scalar>(losses[i]);
      return out;
    }
    double factor = 1;
    if (reduction_ == ::at::Reduction::Mean) {
      const double total = states.states().total_weight();
      factor = total == 0 ? 0 : 1 / total;
    }
    const Vector<Scalar> shares =
        Vector<Scalar>::Constant(states.states().size(), static_cast<Scalar>(factor));
    const double sum =
        wants_gradients_ ? find_gradients(states, shares) : states.losses(executor()).sum();
    return ::torch::tensor(static_cast<Scalar>(factor * sum), type_of<Scalar>());
  }

  variable_list backward(const Tensor& out_gradient) override {
    if (reduction_ == ::at::Reduction::None) {
      auto states = batch();
      Vector<Scalar> shares(states.states().size());
      for (Index i = 0; i < shares.size(); ++i)
        shares[i] = out_gradient.template data_ptr<Scalar>()[place(states, i)];
      find_gradients(states, shares);
      return std::exchange(gradients_, {});
    }
    const auto factor = static_cast<double>(out_gradient.template item<Scalar>());
    variable_list result;
    for (const Tensor& gradient : gradients_)
      result.push_back(gradient.defined() ? gradient * factor : Tensor());
    return result;
  }

 private:
  using Batch = see::detail::SoftmaxBatch<see::EntangledEmbedding<Scalar>>;

  const see::EntangledEmbedding<Scalar>& layer() const { return view_->layer(); }

  Batch batch() const {
    see::detail::SoftmaxTargets<Scalar> kind{.smoothing = smoothing_};
    if (weights_.defined())
      kind.weights = {weights_.template data_ptr<Scalar>(),
                      static_cast<std::size_t>(weights_.numel())};
    return with_ids(targets_, [&](auto words) {
      return Batch(layer(), as_matrix<Scalar>(hidden_, layer().embedding_dim()), words,
                   ignore_index_, candidates_ ? &*candidates_ : nullptr, kind);
    });
  }

  static Index place(const Batch& batch, Index i) {
    return batch.states().rows()[static_cast<std::size_t>(i)];
  }

  /// Lets gradients_ be those of the weighted sum of losses; returns the sum of losses.
  double find_gradients(Batch& batch, const Vector<Scalar>& shares) {
    Tensor to_hidden = ::torch::empty(hidden_.sizes(), type_of<Scalar>());
    double sum = 0;
    gradients_ = view_->gradients([&](Gradient<Scalar>& gradient) {
      sum = batch
                .losses_and_gradients(shares, as_matrix<Scalar>(to_hidden, layer().embedding_dim()),
                                      layer().is_frozen() ? nullptr : &gradient, executor())
                .sum();
    });
    gradients_.push_back(to_hidden);
    return sum;
  }

  std::shared_ptr<View<Scalar>> view_;
  Tensor hidden_, targets_, weights_;
  std::optional<Candidates> candidates_;
  ::at::Reduction::Reduction reduction_;
  double smoothing_;
  std::int64_t ignore_index_;
  bool wants_gradients_;
  variable_list gradients_;
};

inline Tensor cross_entropy(const EntangledEmbedding& embedding, const Tensor& hidden,
                            const Tensor& targets, const CrossEntropyOptions& options,
                            std::optional<Candidates> candidates) {
  bool wants_gradients = hidden.defined() && hidden.requires_grad();
  for (const Tensor& tensor : embedding->tensors())
    wants_gradients = wants_gradients || tensor.requires_grad();
  wants_gradients = wants_gradients && ::torch::GradMode::is_enabled();
  return apply_to_hidden(
      embedding, hidden, "cross_entropy", [&](const auto& view, const Tensor& states) {
        using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
        return ::c10::make_intrusive<CrossEntropy<Scalar>>(view, states, targets, options,
                                                           std::move(candidates), wants_gradients);
      });
}

}  // namespace detail

/// torch::nn::functional::cross_entropy(logits(embedding, hidden), targets, options) without the
/// logits of all positions at once and without a gradient of rows for all words:
///
///     loss_i = (1 - e) c_{t_i} (L_i - s_{i,t_i}) + e / words * sum_w c_w (L_i - s_iw)
///     L_i = log(sum_w exp(s_iw)),   s_iw = <h_i, E(w)>
///
/// with label smoothing e and weights c of classes (else 1), over the targets that are not
/// ignore_index; the mean divides by the sum of c_{t_i}. Where that is 0, so is the mean (torch:
/// not a number). `targets` has the sizes of `hidden` without the last, and so has the loss with
/// the reduction kNone, which finds its gradients in backward. Those of a mean or a sum are found
/// with it, forward.
///
/// An embedding of order 2 without codes and LayerNorm is scored and differentiated from its
/// factors, where that is cheaper than by rows (see::detail::UnitSoftmax). Memory: 17 times the
/// gradients, and for each thread the scores of 16 to 64 positions, or the rows of 256 words. Loss
/// and gradients have the same bits for any number of threads. Throws where sizes or types do not
/// fit, a target is no row, or an option is out of range.
///
/// \code{.cpp}
///     auto loss = see::torch::cross_entropy(embed, hidden, targets);
/// \endcode
inline Tensor cross_entropy(const EntangledEmbedding& embedding, const Tensor& hidden,
                            const Tensor& targets, const CrossEntropyOptions& options = {}) {
  return detail::cross_entropy(embedding, hidden, targets, options, std::nullopt);
}

/// The same with candidates, drawn once for the batch, in place of all words: see the function of
/// the core library (see/nn/softmax.hpp). Without label smoothing.
inline Tensor sampled_cross_entropy(const EntangledEmbedding& embedding, const Tensor& hidden,
                                    const Tensor& targets, Candidates candidates,
                                    const CrossEntropyOptions& options = {}) {
  return detail::cross_entropy(embedding, hidden, targets, options, std::move(candidates));
}

}  // namespace see::torch
