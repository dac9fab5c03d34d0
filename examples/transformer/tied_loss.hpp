#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "see/nn/dense.hpp"
#include "see/nn/softmax.hpp"
#include "see/torch/any_embedding.hpp"

/// Cross-entropy over the words of a tied table that never has the logits of all positions.
namespace transformer {

/// see::cross_entropy of a dense table: torch's own has all logits, and is as fast as the BLAS that
/// LibTorch was given, which may be the reference one.
class DenseLoss : public torch::autograd::Function<DenseLoss> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& weight, const torch::Tensor& hidden,
                               const torch::Tensor& targets, bool wants_gradients) {
    using see::torch::as_matrix;
    using see::torch::executor;
    const std::int64_t words = weight.size(0), dim = weight.size(1);
    const torch::Tensor table = weight.detach().contiguous(), states = hidden.detach().contiguous();
    const torch::Tensor ids = targets.contiguous();
    const std::span<const std::int64_t> next(ids.data_ptr<std::int64_t>(),
                                             static_cast<std::size_t>(ids.numel()));
    const auto size = static_cast<std::size_t>(table.numel());
    const see::DenseEmbedding<float> layer(
        see::Array<float>(std::span<const float>(table.data_ptr<float>(), size),
                          std::make_shared<torch::Tensor>(table)),
        words, dim);
    const see::CrossEntropyOptions options{.reduction = see::Reduction::mean};
    double loss = 0;
    if (wants_gradients) {
      see::Gradient<float> gradient(layer);
      torch::Tensor to_states = torch::empty_like(states), to_table = torch::zeros_like(table);
      loss = see::cross_entropy(layer, as_matrix<float>(states, dim), next,
                                as_matrix<float>(to_states, dim), &gradient, options, executor());
      const auto& rows = gradient[0];
      auto dense = as_matrix<float>(to_table, dim);
      for (std::size_t k = 0; k < rows.touched().size(); ++k)
        dense.row(rows.touched()[k]) = rows.row(k);
      context->saved_data["table"] = to_table;
      context->saved_data["states"] = to_states;
    } else {
      loss = see::cross_entropy(layer, as_matrix<float>(states, dim), next, options, executor());
    }
    return torch::tensor(static_cast<float>(loss));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list out_gradients) {
    return {context->saved_data["table"].toTensor() * out_gradients[0],
            context->saved_data["states"].toTensor() * out_gradients[0], torch::Tensor(),
            torch::Tensor()};
  }
};

/// What label smoothing adds to the mean loss: s * mean of (<h, row of the target> - <h, mean
/// row>), as (1 - s) * loss + s * mean over words of -log p says with logits <h, row>.
inline torch::Tensor smoothing_term(const torch::Tensor& weight, const torch::Tensor& hidden,
                                    const torch::Tensor& targets, double smoothing) {
  const torch::Tensor words = targets.flatten(), counts = words.ne(-100);
  const torch::Tensor rows = weight.index_select(0, words.clamp_min(0)) - weight.mean(0);
  const torch::Tensor apart = (hidden.reshape({words.numel(), -1}) * rows).sum(-1);
  return smoothing * (apart * counts).sum() / counts.sum().clamp_min(1);
}

/// The mean over the targets that are not -100 of -log softmax(<hidden, rows>)[target], with label
/// smoothing as torch has it.
inline torch::Tensor tied_loss(const see::torch::AnyEmbedding& table, const torch::Tensor& hidden,
                               const torch::Tensor& targets, double smoothing = 0) {
  if (table->is_entangled())
    return table->cross_entropy(hidden, targets,
                                see::torch::CrossEntropyOptions().label_smoothing(smoothing));
  const torch::Tensor& weight = table->dense()->weight;
  const bool wants_gradients =
      torch::GradMode::is_enabled() && (weight.requires_grad() || hidden.requires_grad());
  const torch::Tensor loss = DenseLoss::apply(weight, hidden, targets, wants_gradients);
  return smoothing == 0 ? loss : loss + smoothing_term(weight, hidden, targets, smoothing);
}

}  // namespace transformer
