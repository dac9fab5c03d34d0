#pragma once

#include <torch/torch.h>

#include <cmath>
#include <cstdint>

#include "see/error.hpp"

/// Parts of a pre-norm transformer, for decoders and encoders.
namespace lm {

/// Keys and values of the positions so far, of one attention.
struct KeysValues {
  torch::Tensor keys, values;
};

/// What a position may not look at, as -inf to be added to scores: `queries` last positions of
/// `keys`, none of which sees one behind it.
inline torch::Tensor causal_mask(std::int64_t queries, std::int64_t keys) {
  return torch::full({queries, keys}, -INFINITY).triu(keys - queries + 1);
}

/// softmax(Q K' / sqrt(dim / heads) + mask) V, heads side by side, then a linear map.
class AttentionImpl : public torch::nn::Module {
 public:
  AttentionImpl(std::int64_t dim, std::int64_t heads)
      : heads_(heads), query_(dim, dim), memory_(dim, 2 * dim), out_(dim, dim) {
    see::detail::require(heads >= 1 && dim % heads == 0, "attention of ", dim, " numbers and ",
                         heads, " heads, needed a multiple of the heads");
    register_module("query", query_);
    register_module("memory", memory_);
    register_module("out", out_);
  }

  /// `x` is batch x queries x dim, `memory` batch x keys x dim; `mask` is added to the scores, or
  /// undefined. With a cache, the memory comes after what it has, and stays there.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& memory,
                        const torch::Tensor& mask, KeysValues* cache = nullptr) {
    const torch::Tensor query = by_head(query_(x));
    const auto both = memory_(memory).chunk(2, -1);
    torch::Tensor keys = by_head(both[0]), values = by_head(both[1]);
    if (cache) {
      if (cache->keys.defined()) {
        keys = torch::cat({cache->keys, keys}, 2);
        values = torch::cat({cache->values, values}, 2);
      }
      *cache = {keys, values};
    }
    const double scale = 1 / std::sqrt(static_cast<double>(query.size(-1)));
    torch::Tensor scores = torch::matmul(query * scale, keys.transpose(-2, -1));
    if (mask.defined()) scores = scores + mask;
    const torch::Tensor mixed = torch::matmul(torch::softmax(scores, -1), values);
    return out_(mixed.transpose(1, 2).reshape(x.sizes()));
  }

 private:
  torch::Tensor by_head(const torch::Tensor& x) const {
    return x.view({x.size(0), x.size(1), heads_, -1}).transpose(1, 2).contiguous();
  }

  std::int64_t heads_;
  torch::nn::Linear query_, memory_, out_;
};
TORCH_MODULE(Attention);

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

  torch::Tensor forward(torch::Tensor x, const torch::Tensor& mask, KeysValues* cache = nullptr,
                        const torch::Tensor& memory = {}, const torch::Tensor& memory_mask = {}) {
    const torch::Tensor normed = norm_self_(x);
    x = x + drop_(self_(normed, normed, mask, cache));
    if (cross_) x = x + drop_(cross_(norm_cross_(x), memory, memory_mask));
    return x + drop_(narrow_(torch::relu(wide_(norm_feed_(x)))));
  }

 private:
  static torch::nn::LayerNormOptions norm(std::int64_t dim) {
    return torch::nn::LayerNormOptions({dim});
  }

  Attention self_, cross_ = nullptr;
  torch::nn::LayerNorm norm_self_, norm_feed_, norm_cross_ = nullptr;
  torch::nn::Linear wide_, narrow_;
  torch::nn::Dropout drop_;
};
TORCH_MODULE(Block);

}  // namespace lm
