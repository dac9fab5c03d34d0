#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <utility>

#include "see/torch/cross_entropy.hpp"
#include "see/torch/dense_cross_entropy.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/head.hpp"

namespace see::torch {

/// An embedding that is dense until it is entangled: a member of this type, in place of one of
/// torch::nn::Embedding, lets entangle() exchange the table under a model's feet. Its parameters
/// are those of the module "table" within. `logits` and `cross_entropy` are the tied output head of
/// either kind.
class AnyEmbeddingImpl : public ::torch::nn::Cloneable<AnyEmbeddingImpl> {
 public:
  AnyEmbeddingImpl(std::int64_t num_embeddings, std::int64_t embedding_dim)
      : AnyEmbeddingImpl(::torch::nn::EmbeddingOptions(num_embeddings, embedding_dim)) {}
  explicit AnyEmbeddingImpl(const ::torch::nn::EmbeddingOptions& options)
      : AnyEmbeddingImpl(::torch::nn::Embedding(options)) {}
  /// Holds this very module.
  explicit AnyEmbeddingImpl(::torch::nn::Embedding dense) : dense_(std::move(dense)) {
    register_module("table", dense_);
  }
  explicit AnyEmbeddingImpl(EntangledEmbedding entangled) : entangled_(std::move(entangled)) {
    register_module("table", entangled_);
  }

  bool is_entangled() const noexcept { return !entangled_.is_empty(); }

  /// The table where it is of this kind. Throws where it is of the other.
  ::torch::nn::Embedding dense() const {
    see::detail::require(!is_entangled(), "AnyEmbedding: a dense table, but it is entangled");
    return dense_;
  }
  EntangledEmbedding entangled() const {
    see::detail::require(is_entangled(), "AnyEmbedding: an entangled table, but it is dense");
    return entangled_;
  }

  std::int64_t num_embeddings() const {
    return is_entangled() ? entangled_->num_embeddings() : dense_->options.num_embeddings();
  }
  std::int64_t embedding_dim() const {
    return is_entangled() ? entangled_->embedding_dim() : dense_->options.embedding_dim();
  }

  /// Puts an entangled table in the place of the one that it has; an optimizer that was made before
  /// does not know the new parameters. Throws unless it is of the same size.
  void entangle(EntangledEmbedding table) {
    see::detail::require(
        table->num_embeddings() == num_embeddings() && table->embedding_dim() == embedding_dim(),
        "AnyEmbedding: a table of ", table->num_embeddings(), " x ", table->embedding_dim(),
        ", needed ", num_embeddings(), " x ", embedding_dim());
    replace_module("table", table);
    entangled_ = std::move(table);
    dense_ = nullptr;
  }

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

  /// Makes a table of its own for a copy, which Cloneable fills.
  void reset() override {
    if (is_entangled()) {
      entangled_ = EntangledEmbedding(std::make_shared<EntangledEmbeddingImpl>(*entangled_));
      register_module("table", entangled_);
    } else {
      dense_ = ::torch::nn::Embedding(std::make_shared<::torch::nn::EmbeddingImpl>(*dense_));
      register_module("table", dense_);
    }
  }

  void pretty_print(std::ostream& stream) const override { stream << "see::torch::AnyEmbedding"; }

 private:
  ::torch::nn::Embedding dense_{nullptr};
  EntangledEmbedding entangled_{nullptr};
};

TORCH_MODULE(AnyEmbedding);

}  // namespace see::torch
