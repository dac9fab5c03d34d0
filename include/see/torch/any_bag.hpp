#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <utility>

#include "see/torch/bag.hpp"

namespace see::torch {

/// AnyEmbedding's sibling for bags: a torch::nn::EmbeddingBag until it is entangled, then an
/// EntangledEmbeddingBag. Its parameters are those of the module "table" within.
class AnyEmbeddingBagImpl : public ::torch::nn::Cloneable<AnyEmbeddingBagImpl> {
 public:
  AnyEmbeddingBagImpl(std::int64_t num_embeddings, std::int64_t embedding_dim)
      : AnyEmbeddingBagImpl(::torch::nn::EmbeddingBagOptions(num_embeddings, embedding_dim)) {}
  explicit AnyEmbeddingBagImpl(const ::torch::nn::EmbeddingBagOptions& options)
      : AnyEmbeddingBagImpl(::torch::nn::EmbeddingBag(options)) {}
  /// Holds this very module.
  explicit AnyEmbeddingBagImpl(::torch::nn::EmbeddingBag dense) : dense_(std::move(dense)) {
    register_module("table", dense_);
  }
  explicit AnyEmbeddingBagImpl(EntangledEmbeddingBag entangled) : entangled_(std::move(entangled)) {
    register_module("table", entangled_);
  }

  bool is_entangled() const noexcept { return !entangled_.is_empty(); }

  /// The table where it is of this kind. Throws where it is of the other.
  ::torch::nn::EmbeddingBag dense() const {
    see::detail::require(!is_entangled(), "AnyEmbeddingBag: a dense table, but it is entangled");
    return dense_;
  }
  EntangledEmbeddingBag entangled() const {
    see::detail::require(is_entangled(), "AnyEmbeddingBag: an entangled table, but it is dense");
    return entangled_;
  }

  std::int64_t num_embeddings() const {
    return is_entangled() ? entangled_->num_embeddings() : dense_->options.num_embeddings();
  }
  std::int64_t embedding_dim() const {
    return is_entangled() ? entangled_->embedding_dim() : dense_->options.embedding_dim();
  }

  /// Puts an entangled table in the place of the one that it has, as AnyEmbedding does.
  void entangle(EntangledEmbeddingBag table) {
    see::detail::require(
        table->num_embeddings() == num_embeddings() && table->embedding_dim() == embedding_dim(),
        "AnyEmbeddingBag: a table of ", table->num_embeddings(), " x ", table->embedding_dim(),
        ", needed ", num_embeddings(), " x ", embedding_dim());
    replace_module("table", table);
    entangled_ = std::move(table);
    dense_ = nullptr;
  }

  Tensor forward(const Tensor& ids, const Tensor& offsets = {},
                 const Tensor& per_sample_weights = {}) {
    return is_entangled() ? entangled_->forward(ids, offsets, per_sample_weights)
                          : dense_->forward(ids, offsets, per_sample_weights);
  }

  /// Makes a table of its own for a copy, which Cloneable fills.
  void reset() override {
    if (is_entangled()) {
      entangled_ = EntangledEmbeddingBag(std::make_shared<EntangledEmbeddingBagImpl>(*entangled_));
      register_module("table", entangled_);
    } else {
      dense_ = ::torch::nn::EmbeddingBag(std::make_shared<::torch::nn::EmbeddingBagImpl>(*dense_));
      register_module("table", dense_);
    }
  }

  void pretty_print(std::ostream& stream) const override {
    stream << "see::torch::AnyEmbeddingBag";
  }

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, ::torch::nn::AnyValue(Tensor())},
                           {2, ::torch::nn::AnyValue(Tensor())})

 private:
  ::torch::nn::EmbeddingBag dense_{nullptr};
  EntangledEmbeddingBag entangled_{nullptr};
};

TORCH_MODULE(AnyEmbeddingBag);

}  // namespace see::torch
