#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "see/torch/cross_entropy.hpp"
#include "see/torch/operation.hpp"

namespace see::torch::detail {

/// cross_entropy(H W^T, targets) of a dense table W in torch's own operations, for blocks of dim /
/// 4 positions, so that their logits take a quarter of the gradient of W. As CrossEntropy,
/// gradients are found with a mean or a sum, and again for losses apart.
class DenseCrossEntropy final : public Operation {
 public:
  /// `hidden` is positions x dim, `targets` are as many int64.
  DenseCrossEntropy(Tensor weight, Tensor hidden, Tensor targets,
                    const CrossEntropyOptions& options, bool wants_gradients)
      : weight_(std::move(weight)),
        hidden_(std::move(hidden)),
        targets_(std::move(targets)),
        options_(options),
        reduction_(::torch::enumtype::reduction_get_enum(options.reduction())),
        wants_gradients_(wants_gradients) {
    options_.reduction(::torch::kNone);
  }

  Tensor forward() override {
    if (reduction_ == ::at::Reduction::None) return losses({});
    Tensor factor = ::torch::ones({}, hidden_.options());
    if (reduction_ == ::at::Reduction::Mean) {
      const Tensor counted = targets_.masked_select(targets_.ne(options_.ignore_index()));
      factor = options_.weight().defined()
                   ? options_.weight().index_select(0, counted).sum().reciprocal()
                   : ::torch::full({}, static_cast<double>(counted.numel()), hidden_.options())
                         .reciprocal();
    }
    return losses(wants_gradients_ ? factor.expand({hidden_.size(0)}) : Tensor()).sum() * factor;
  }

  variable_list backward(const Tensor& out_gradient) override {
    if (reduction_ == ::at::Reduction::None) {
      losses(out_gradient);
      return std::exchange(gradients_, {});
    }
    variable_list result;
    for (const Tensor& gradient : gradients_) result.push_back(gradient * out_gradient);
    return result;
  }

 private:
  /// The losses of all positions and, with a weight for each, the gradients of their weighted sum.
  Tensor losses(const Tensor& weights) {
    const std::int64_t positions = hidden_.size(0);
    const std::int64_t block = std::max<std::int64_t>(16, hidden_.size(1) / 4);
    Tensor out = ::torch::empty({positions}, hidden_.options());
    if (weights.defined())
      gradients_ = {::torch::zeros_like(weight_), ::torch::empty_like(hidden_)};
    for (std::int64_t first = 0; first < positions; first += block) {
      const std::int64_t count = std::min(block, positions - first);
      const Tensor hidden = hidden_.narrow(0, first, count);
      Tensor logits = ::torch::mm(hidden, weight_.t());
      const ::torch::AutoGradMode mode(weights.defined());
      logits.set_requires_grad(weights.defined());
      const Tensor some =
          ::torch::nn::CrossEntropyLoss(options_)(logits, targets_.narrow(0, first, count));
      out.narrow(0, first, count).copy_(some.detach());
      if (!weights.defined()) continue;
      const Tensor to_logits =
          ::torch::autograd::grad({some}, {logits}, {weights.narrow(0, first, count)})[0];
      const ::torch::NoGradGuard guard;
      gradients_[0].addmm_(to_logits.t(), hidden);
      gradients_[1].narrow(0, first, count).copy_(::torch::mm(to_logits, weight_));
    }
    return out;
  }

  Tensor weight_, hidden_, targets_;
  CrossEntropyOptions options_;
  ::at::Reduction::Reduction reduction_;
  bool wants_gradients_;
  variable_list gradients_;
};

/// The loss of the logits H W^T, H: ... x dim and targets of the sizes before.
inline Tensor dense_cross_entropy(const Tensor& weight, const Tensor& hidden, const Tensor& targets,
                                  const CrossEntropyOptions& options) {
  const bool wants_gradients =
      ::torch::GradMode::is_enabled() && (weight.requires_grad() || hidden.requires_grad());
  const Tensor states = hidden.reshape({-1, hidden.size(-1)});
  const Tensor losses = record(::c10::make_intrusive<DenseCrossEntropy>(
                                   weight.detach(), states.detach().contiguous(),
                                   targets.flatten().to(::at::kLong), options, wants_gradients),
                               {weight, states});
  return losses.dim() == 0 ? losses : losses.reshape(targets.sizes());
}

}  // namespace see::torch::detail
