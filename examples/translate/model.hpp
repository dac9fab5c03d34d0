#pragma once

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "see/torch/any_embedding.hpp"
#include "see/torch/distill_loss.hpp"
#include "transformer/block.hpp"
#include "transformer/tied_loss.hpp"
#include "translate/text.hpp"

namespace translate {

struct ModelOptions {
  std::int64_t source_words = 0, target_words = 0;
  std::int64_t dim = 128;   ///< even
  std::int64_t layers = 2;  ///< of the encoder, and of the decoder
  std::int64_t heads = 4;
  double dropout = 0.2;
};

/// sin and cos of position / 10000^(2 i / dim), one beside the other: positions first ... last - 1
/// by dim.
inline torch::Tensor wave_positions(std::int64_t first, std::int64_t last, std::int64_t dim) {
  const torch::Tensor at = torch::arange(first, last, torch::kFloat).unsqueeze(1);
  const torch::Tensor rates =
      torch::exp(torch::arange(0, dim, 2, torch::kFloat) * (-std::log(1e4) / double(dim)));
  return torch::stack({(at * rates).sin(), (at * rates).cos()}, -1).flatten(1);
}

/// An encoder-decoder transformer (Vaswani et al., arXiv 1706.03762) of pre-norm blocks. The input
/// of a block stack is sqrt(dim) * rows of a table + positions. The decoder's table is its output
/// layer too.
class TranslatorImpl : public torch::nn::Module {
 public:
  /// With fresh dense tables.
  explicit TranslatorImpl(const ModelOptions& options)
      : TranslatorImpl(options, see::torch::AnyEmbedding(options.source_words, options.dim),
                       see::torch::AnyEmbedding(options.target_words, options.dim)) {
    const torch::NoGradGuard guard;
    const double deviation = 1 / std::sqrt(static_cast<double>(options.dim));
    source_->dense()->weight.normal_(0, deviation);
    target_->dense()->weight.normal_(0, deviation);
  }

  TranslatorImpl(const ModelOptions& options, see::torch::AnyEmbedding source,
                 see::torch::AnyEmbedding target)
      : options_(options),
        source_(std::move(source)),
        target_(std::move(target)),
        norm_encoder_(torch::nn::LayerNormOptions({options.dim})),
        norm_decoder_(torch::nn::LayerNormOptions({options.dim})),
        drop_(options.dropout) {
    register_module("source", source_);
    register_module("target", target_);
    for (std::int64_t i = 0; i < options.layers; ++i) {
      BlockOptions block{options.dim, options.heads, options.dropout, false};
      encoder_->push_back(Block(block));
      block.cross = true;
      decoder_->push_back(Block(block));
    }
    register_module("encoder", encoder_);
    register_module("decoder", decoder_);
    register_module("norm_encoder", norm_encoder_);
    register_module("norm_decoder", norm_decoder_);
    register_module("drop", drop_);
  }

  const ModelOptions& options() const { return options_; }
  const see::torch::AnyEmbedding& source() const { return source_; }
  const see::torch::AnyEmbedding& target() const { return target_; }

  /// States of the sentences, which a decoder attends to.
  Memory encode(const Source& source) {
    return {run_encoder(rows(source_, source.ids), source.lengths, {}, nullptr), source.lengths};
  }

  /// Rows and states of all words that count: those of the sentences before those of the
  /// translations; states after each block and after the last norms. Logits where they are wanted.
  see::torch::ModelOutputs outputs(const Batch& batch) {
    see::torch::ModelOutputs outputs;
    const Source& source = batch.source;
    const torch::Tensor from = rows(source_, source.ids), to = rows(target_, batch.input);
    outputs.embeddings = torch::cat({at(from, source.places), at(to, batch.places)});
    const Memory memory{run_encoder(from, source.lengths, source.places, &outputs.hidden),
                        source.lengths};
    run_decoder(to, 0, memory, nullptr, batch.places, &outputs.hidden);
    if (batch.wants_logits) outputs.logits = target_->logits(outputs.hidden.back());
    return outputs;
  }

  /// Mean of the negative log-likelihood of a target, with label smoothing.
  torch::Tensor loss(const Batch& batch, double smoothing = 0) {
    const Memory memory = encode(batch.source);
    const torch::Tensor states =
        run_decoder(rows(target_, batch.input), 0, memory, nullptr, {}, nullptr);
    return tied_loss(target_, at(states, batch.places), batch.targets, smoothing);
  }

  /// Logits (hypotheses x words) of the word after `last`, which follow `seen` that the caches
  /// have; one cache for each block of the decoder. The hypotheses of a sentence lie one after
  /// another.
  torch::Tensor next(const torch::Tensor& last, std::int64_t seen, const Memory& memory,
                     std::vector<KeysValues>& caches) {
    caches.resize(static_cast<std::size_t>(options_.layers));
    const torch::Tensor states =
        run_decoder(rows(target_, last.unsqueeze(1)), seen, memory, &caches, {}, nullptr);
    return target_->logits(states.squeeze(1));
  }

 private:
  torch::Tensor rows(see::torch::AnyEmbedding& table, const torch::Tensor& ids) const {
    return table(ids) * std::sqrt(static_cast<double>(options_.dim));
  }

  static torch::Tensor at(const torch::Tensor& states, const torch::Tensor& places) {
    return states.flatten(0, 1).index_select(0, places);
  }

  torch::Tensor with_positions(const torch::Tensor& rows, std::int64_t first) {
    return drop_(rows + wave_positions(first, first + rows.size(1), options_.dim));
  }

  torch::Tensor run_encoder(const torch::Tensor& rows, const torch::Tensor& lengths,
                            const torch::Tensor& places, std::vector<torch::Tensor>* states) {
    torch::Tensor x = with_positions(rows, 0);
    for (const auto& block : *encoder_) {
      x = block->as<BlockImpl>()->forward(x, {.causal = false, .lengths = lengths});
      if (states) states->push_back(at(x, places));
    }
    x = norm_encoder_(x);
    if (states) states->push_back(at(x, places));
    return x;
  }

  torch::Tensor run_decoder(const torch::Tensor& rows, std::int64_t first, const Memory& memory,
                            std::vector<KeysValues>* caches, const torch::Tensor& places,
                            std::vector<torch::Tensor>* states) {
    torch::Tensor x = with_positions(rows, first);
    for (std::size_t i = 0; i < decoder_->size(); ++i) {
      x = decoder_->ptr<BlockImpl>(i)->forward(x, {.causal = true, .lengths = {}},
                                               caches ? &(*caches)[i] : nullptr, &memory);
      if (states) states->push_back(at(x, places));
    }
    x = norm_decoder_(x);
    if (states) states->push_back(at(x, places));
    return x;
  }

  ModelOptions options_;
  see::torch::AnyEmbedding source_, target_;
  torch::nn::ModuleList encoder_, decoder_;
  torch::nn::LayerNorm norm_encoder_, norm_decoder_;
  torch::nn::Dropout drop_;
};
TORCH_MODULE(Translator);

}  // namespace translate
