#pragma once

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "lm/text.hpp"
#include "see/torch/any_embedding.hpp"
#include "see/torch/distill_loss.hpp"
#include "transformer/block.hpp"
#include "transformer/tied_loss.hpp"

namespace lm {

struct ModelOptions {
  std::int64_t words = 0;
  std::int64_t dim = 128;
  std::int64_t layers = 2;
  std::int64_t heads = 4;
  std::int64_t length = 64;  ///< positions
  double dropout = 0.1;
};

/// A decoder-only transformer: rows of the table plus learned positions, pre-norm blocks, a last
/// norm, and the same table as output layer.
class LanguageModelImpl : public torch::nn::Module {
 public:
  /// With a fresh dense table.
  explicit LanguageModelImpl(const ModelOptions& options)
      : LanguageModelImpl(options, see::torch::AnyEmbedding(options.words, options.dim)) {
    const torch::NoGradGuard guard;
    table_->dense()->weight.normal_(0, 1 / std::sqrt(static_cast<double>(options.dim)));
  }

  LanguageModelImpl(const ModelOptions& options, see::torch::AnyEmbedding table)
      : options_(options),
        table_(std::move(table)),
        norm_(torch::nn::LayerNormOptions({options.dim})),
        drop_(options.dropout) {
    register_module("table", table_);
    positions_ =
        register_parameter("positions", 0.02 * torch::randn({options.length, options.dim}));
    for (std::int64_t i = 0; i < options.layers; ++i) {
      blocks_->push_back(Block(BlockOptions{options.dim, options.heads, options.dropout}));
    }
    register_module("blocks", blocks_);
    register_module("norm", norm_);
    register_module("drop", drop_);
  }

  const ModelOptions& options() const { return options_; }
  const see::torch::AnyEmbedding& table() const { return table_; }

  /// Embeddings, the states after each block and after the last norm; logits where they are wanted.
  see::torch::ModelOutputs outputs(const Batch& batch) {
    see::torch::ModelOutputs outputs;
    outputs.embeddings = table_(batch.ids);
    run(outputs.embeddings, 0, nullptr, &outputs.hidden);
    if (batch.wants_logits) outputs.logits = table_->logits(outputs.hidden.back());
    return outputs;
  }

  /// Mean of the negative log-likelihood of a target.
  torch::Tensor loss(const Batch& batch) {
    return tied_loss(table_, run(table_(batch.ids), 0, nullptr, nullptr), batch.targets);
  }

  /// Logits of the word after the last of `ids` (1 x positions), which follow `first` that the
  /// caches have seen; one cache for each block.
  torch::Tensor next(const torch::Tensor& ids, std::int64_t first,
                     std::vector<KeysValues>& caches) {
    caches.resize(static_cast<std::size_t>(options_.layers));
    const torch::Tensor hidden = run(table_(ids), first, &caches, nullptr);
    return table_->logits(hidden.select(1, -1)).squeeze(0);
  }

 private:
  torch::Tensor run(const torch::Tensor& rows, std::int64_t first, std::vector<KeysValues>* caches,
                    std::vector<torch::Tensor>* states) {
    const std::int64_t count = rows.size(1);
    torch::Tensor x = drop_(rows + positions_.slice(0, first, first + count));
    for (std::size_t i = 0; i < blocks_->size(); ++i) {
      x = blocks_->ptr<BlockImpl>(i)->forward(x, Reach{.causal = true},
                                              caches ? &(*caches)[i] : nullptr);
      if (states) states->push_back(x);
    }
    x = norm_(x);
    if (states) states->push_back(x);
    return x;
  }

  ModelOptions options_;
  see::torch::AnyEmbedding table_;
  torch::Tensor positions_;
  torch::nn::ModuleList blocks_;
  torch::nn::LayerNorm norm_;
  torch::nn::Dropout drop_;
};
TORCH_MODULE(LanguageModel);

}  // namespace lm
