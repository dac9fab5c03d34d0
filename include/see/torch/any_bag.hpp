#pragma once

#include <torch/torch.h>

#include "see/torch/any_table.hpp"
#include "see/torch/bag.hpp"

namespace see::torch {

/// AnyEmbedding's sibling for bags: a torch::nn::EmbeddingBag until it is entangled, then an
/// EntangledEmbeddingBag. Its parameters are those of the module "table" within.
class AnyEmbeddingBagImpl : public detail::AnyTable<AnyEmbeddingBagImpl, ::torch::nn::EmbeddingBag,
                                                    EntangledEmbeddingBag> {
 public:
  static constexpr const char* type_name = "AnyEmbeddingBag";
  using AnyTable::AnyTable;

  Tensor forward(const Tensor& ids, const Tensor& offsets = {},
                 const Tensor& per_sample_weights = {}) {
    return is_entangled() ? entangled_->forward(ids, offsets, per_sample_weights)
                          : dense_->forward(ids, offsets, per_sample_weights);
  }

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, ::torch::nn::AnyValue(Tensor())},
                           {2, ::torch::nn::AnyValue(Tensor())})
};

TORCH_MODULE(AnyEmbeddingBag);

}  // namespace see::torch
