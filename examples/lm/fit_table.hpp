#pragma once

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/compress/fit.hpp"
#include "see/core/random.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/pretrained.hpp"

/// Layers that take the place of a trained table.
namespace lm {

struct FitTableOptions {
  double ratio = 10;
  std::string method = "induced";
  std::uint64_t seed = 1;
};

/// The induced layer with other units in its terms, drawn at random, and its factors fitted anew:
/// as many numbers and bytes, shared without a reason.
inline see::EntangledEmbedding<float> with_random_units(const see::EntangledEmbedding<float>& layer,
                                                        const see::Table& table,
                                                        std::uint64_t seed) {
  see::EmbeddingParts<float> parts = layer.parts();
  const see::Lexicon& lexicon = layer.lexicon();
  const see::SlotTable& slots = lexicon.table();
  see::Random random(seed);
  std::vector<see::Index> ranks, units;
  for (see::Index word = 0; word < lexicon.words(); ++word) {
    ranks.push_back(lexicon.rank(word));
    for (see::Index sense = 0; sense < ranks.back(); ++sense)
      for (int slot = 0; slot < slots.order; ++slot) {
        const auto inventory = static_cast<std::size_t>(slots.inventory(slots.row_of(sense), slot));
        const auto size = static_cast<std::size_t>(slots.sizes[inventory]);
        units.push_back(static_cast<see::Index>(random.below(size)));
      }
  }
  parts.lexicon = see::Lexicon(slots, ranks, units);
  see::BuildOptions build{.gains = parts.gain_scope, .seed = seed};
  const double energy = table.matrix().squaredNorm();
  build.deviation = std::sqrt(energy / static_cast<double>(table.rows() * table.dim()));
  auto fresh =
      see::make_parts<float>(parts.shape, parts.lexicon, parts.inventories.at(0).rank(), build);
  parts.inventories = std::move(fresh.inventories);
  parts.gains = std::move(fresh.gains);
  see::EntangledEmbedding<float> other(std::move(parts));
  see::fit(other, table.matrix(), {.iterations = 20});
  return other;
}

/// A layer for `weight` (words x dim) of at most 4 * words * dim / ratio bytes, as a model file
/// counts them. Methods are see's own, and `random`; what is codes alone has no parameters.
inline see::torch::EntangledEmbedding fit_table(const torch::Tensor& weight,
                                                const FitTableOptions& options) {
  const see::Table table = see::torch::to_table(weight);
  const bool is_random = options.method == "random";
  see::CompressOptions compress{.ratio = options.ratio};
  compress.method = is_random ? "induced" : options.method;
  if (see::compress_method(compress.method).seed) compress.seed = options.seed;
  auto layer = see::compress(table, compress).embedding;
  if (is_random) layer = with_random_units(layer, table, options.seed);
  see::torch::EntangledEmbedding embedding(layer);
  embedding->freeze(false);
  return embedding;
}

/// |fitted - weight|^2 / |weight|^2
inline double relative_error(const see::torch::EntangledEmbedding& fitted,
                             const torch::Tensor& weight) {
  const torch::NoGradGuard guard;
  return ((fitted->to_dense() - weight).square().sum() / weight.square().sum()).item<double>();
}

}  // namespace lm
