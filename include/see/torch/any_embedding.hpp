#pragma once

#include <torch/torch.h>

#include "see/torch/any_table.hpp"
#include "see/torch/cross_entropy.hpp"
#include "see/torch/dense_cross_entropy.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/head.hpp"

namespace see::torch {

/// An embedding that is dense until it is entangled: a member of this type, in place of one of
/// torch::nn::Embedding, lets entangle() exchange the table under a model's feet. Its parameters
/// are those of the module "table" within. `logits` and `cross_entropy` are the tied output head of
/// either kind.
class AnyEmbeddingImpl
    : public detail::AnyTable<AnyEmbeddingImpl, ::torch::nn::Embedding, EntangledEmbedding> {
 public:
  static constexpr const char* type_name = "AnyEmbedding";
  using AnyTable::AnyTable;

  Tensor forward(const Tensor& ids) {
    return is_entangled() ? entangled_->forward(ids) : dense_->forward(ids);
  }

  /// H E^T, as see::torch::logits.
  Tensor logits(const Tensor& hidden) const {
    if (is_entangled()) return see::torch::logits(entangled_, hidden);
    return ::torch::matmul(hidden, dense_->weight.t());
  }

  /// The loss of logits(hidden), as see::torch::cross_entropy. Of a dense table it is torch's, but
  /// has the logits of blocks of positions alone, up to 2^22 of them.
  Tensor cross_entropy(const Tensor& hidden, const Tensor& targets,
                       const CrossEntropyOptions& options = {}) const {
    if (is_entangled()) return see::torch::cross_entropy(entangled_, hidden, targets, options);
    return detail::dense_cross_entropy(dense_->weight, hidden, targets, options);
  }
};

TORCH_MODULE(AnyEmbedding);

}  // namespace see::torch
