#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "transformer/attention.hpp"
#include "transformer/require.hpp"

/// Parts of a pre-norm transformer, for decoders and encoders.
namespace transformer {

/// Keys and values that one block keeps between positions, side by side: batch x keys x (2 dim).
struct KeysValues {
  torch::Tensor own;     ///< of the positions so far
  torch::Tensor memory;  ///< of what a decoder attends to, which never changes
  torch::Tensor shares;  ///< of the last attention to it: batch x heads x queries x keys
};

/// Which keys a position sees.
struct Reach {
  bool causal = false;         ///< none behind it
  torch::Tensor lengths = {};  ///< those before lengths[b] in row b; undefined: all
};

/// softmax(Q K' / sqrt(dim / heads)) V over the keys in reach, heads side by side, then a linear
/// map.
class AttentionImpl : public torch::nn::Module {
 public:
  AttentionImpl(std::int64_t dim, std::int64_t heads)
      : heads_(heads), query_(dim, dim), memory_(dim, 2 * dim), out_(dim, dim) {
    require(heads >= 1 && dim % heads == 0, "attention of ", dim, " numbers and ", heads,
            " heads, needed a multiple of the heads");
    register_module("query", query_);
    register_module("memory", memory_);
    register_module("out", out_);
  }

  /// batch x keys x dim to keys and values.
  torch::Tensor project(const torch::Tensor& memory) { return memory_(memory); }

  /// `x` is batch x queries x dim. Sets `shares`, where it is given, to those of each key.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& keys_values,
                        const Reach& reach, torch::Tensor* shares = nullptr) {
    const auto both = attention(query_(x), keys_values, reach.lengths, heads_, reach.causal);
    if (shares) *shares = both[1];
    return out_(both[0]);
  }

 private:
  std::int64_t heads_;
  torch::nn::Linear query_, memory_, out_;
};
TORCH_MODULE(Attention);

/// What a decoder attends to: batch x keys x dim, of which lengths[b] count in row b.
struct Memory {
  torch::Tensor states, lengths;
};

struct BlockOptions {
  std::int64_t dim = 128;
  std::int64_t heads = 4;
  double dropout = 0.1;
  bool cross = false;  ///< attends to a memory too, as a decoder of a translator does
};

/// x + attention(norm(x)), then the same over a memory where there is one, then x + feed(norm(x)).
class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const BlockOptions& options)
      : self_(options.dim, options.heads),
        norm_self_(norm(options.dim)),
        norm_feed_(norm(options.dim)),
        wide_(options.dim, 4 * options.dim),
        narrow_(4 * options.dim, options.dim),
        drop_(options.dropout) {
    register_module("self", self_);
    register_module("norm_self", norm_self_);
    register_module("norm_feed", norm_feed_);
    register_module("wide", wide_);
    register_module("narrow", narrow_);
    register_module("drop", drop_);
    if (!options.cross) return;
    cross_ = register_module("cross", Attention(options.dim, options.heads));
    norm_cross_ = register_module("norm_cross", torch::nn::LayerNorm(norm(options.dim)));
  }

  /// `x` is batch x positions x dim. With a cache, its positions come after those that the cache
  /// has, and stay there; the memory then has as many rows as sentences, whose several hypotheses
  /// lie one after another in `x`, and is read at the first call alone.
  torch::Tensor forward(torch::Tensor x, const Reach& reach, KeysValues* cache = nullptr,
                        const Memory* memory = nullptr) {
    const torch::Tensor normed = norm_self_(x);
    torch::Tensor own = self_->project(normed);
    if (cache) {
      if (cache->own.defined()) own = torch::cat({cache->own, own}, 1);
      cache->own = own;
    }
    x = x + drop_(self_(normed, own, reach));
    if (cross_) x = x + drop_(look_at(*memory, norm_cross_(x), cache));
    return x + drop_(narrow_(torch::relu(wide_(norm_feed_(x)))));
  }

 private:
  static torch::nn::LayerNormOptions norm(std::int64_t dim) {
    return torch::nn::LayerNormOptions({dim});
  }

  torch::Tensor look_at(const Memory& memory, const torch::Tensor& x, KeysValues* cache) {
    const Reach reach{.causal = false, .lengths = memory.lengths};
    if (!cache) return cross_(x, cross_->project(memory.states), reach);
    if (!cache->memory.defined()) cache->memory = cross_->project(memory.states);
    const torch::Tensor queries = x.reshape({cache->memory.size(0), -1, x.size(-1)});
    return cross_(queries, cache->memory, reach, &cache->shares).view(x.sizes());
  }

  Attention self_, cross_ = nullptr;
  torch::nn::LayerNorm norm_self_, norm_feed_, norm_cross_ = nullptr;
  torch::nn::Linear wide_, narrow_;
  torch::nn::Dropout drop_;
};
TORCH_MODULE(Block);

}  // namespace transformer
