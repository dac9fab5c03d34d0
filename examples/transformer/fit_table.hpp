#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/compress/fit.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/core/random.hpp"
#include "see/file/model_bytes.hpp"
#include "see/torch/any_embedding.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/pretrained.hpp"
#include "transformer/word_sources.hpp"

/// Layers that take the place of a trained table.
namespace transformer {

struct FitTableOptions {
  double ratio = 10;
  std::string method = "induced";
  std::uint64_t seed = 1;
  std::vector<std::string> words = {};  ///< of the table, for methods that know of words
  std::string wordnet = {};             ///< a folder; empty: no senses
  int order = 2;                        ///< of the terms of these methods
};

/// How a compressed table lies in its file, and to what it is rounded after training.
inline constexpr see::Precision table_precision = see::Precision::i8;

/// As many threads as torch has.
inline see::Executor as_torch() {
  return see::threads(static_cast<unsigned>(torch::get_num_threads()));
}

/// A method of see, or one that compares with it: what see makes, and how units are then drawn.
struct FitMethod {
  std::string base;           ///< of see
  bool random_units = false;  ///< terms hold other units, drawn at random
  bool other_words = false;   ///< a word has the senses and morphs of another, drawn at random
  bool random_cuts = false;   ///< morphs are random pieces of words, which have no senses
};

inline FitMethod fit_method(const std::string& name) {
  if (name == "random") return {"induced", true};
  if (name == "senses_random") return {.base = "senses", .other_words = true};
  if (name == "senses_coded_random") return {.base = "senses_coded", .other_words = true};
  if (name == "senses_cut") return {.base = "senses", .random_cuts = true};
  return {name};
}

/// Whether there is a method of this name.
inline bool is_method(const std::string& name) {
  const auto all = see::compress_methods();
  const std::string base = fit_method(name).base;
  return name == "low_rank" ||
         std::any_of(all.begin(), all.end(), [&](const auto& each) { return each.name == base; });
}

/// Each order is as likely as any other.
inline void shuffle(std::vector<std::string>& words, std::uint64_t seed) {
  see::Random random(seed);
  for (std::size_t left = words.size(); left > 1; --left)
    std::swap(words[left - 1], words[static_cast<std::size_t>(random.below(left))]);
}

/// The layer with other units in its terms, drawn at random, and its factors fitted anew:
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
  see::fit(other, table.matrix(), {.iterations = 20, .run = as_torch()});
  return other;
}

/// The truncated singular value decomposition as a layer that can be trained: a word has a gain of
/// its own for each of `rank` vectors that all words share, and no index.
inline see::EntangledEmbedding<float> low_rank(const torch::Tensor& u, const torch::Tensor& v,
                                               see::Index rank) {
  const see::Index words = u.size(0), dim = v.size(0);
  see::SlotTable slots{1, std::vector<see::Index>(static_cast<std::size_t>(rank), 1), {}};
  for (int i = 0; i < static_cast<int>(rank); ++i) slots.slots.push_back(i);
  const std::vector<see::Index> ranks(static_cast<std::size_t>(words), rank);
  const std::vector<see::Index> units(static_cast<std::size_t>(words * rank), 0);
  auto parts = see::make_parts<float>(see::Shape({dim}), see::Lexicon(slots, ranks, units), 1,
                                      {.gains = see::GainScope::sense});
  const torch::Tensor gains = u.slice(1, 0, rank).contiguous();
  const float* const first = gains.data_ptr<float>();
  parts.gains = std::vector<float>(first, first + gains.numel());
  for (see::Index i = 0; i < rank; ++i) {
    const torch::Tensor axis = v.select(1, i).contiguous();
    const float* const numbers = axis.data_ptr<float>();
    parts.inventories[static_cast<std::size_t>(i)] = see::Inventory<float>(
        see::Array<float>(std::vector<float>(numbers, numbers + dim)), 1, 1, dim);
  }
  return see::EntangledEmbedding<float>(std::move(parts));
}

/// The largest rank whose model file keeps to the ratio. Throws where there is none.
inline see::EntangledEmbedding<float> fit_low_rank(const torch::Tensor& weight, double ratio) {
  const auto [u, singular, vt] = torch::linalg_svd(weight.to(torch::kDouble), false);
  const torch::Tensor root = singular.sqrt();  // halves of one size on both sides
  const torch::Tensor left = (u * root).to(torch::kFloat);
  const torch::Tensor right = (vt.t() * root).to(torch::kFloat);
  const double budget = 4 * static_cast<double>(weight.numel()) / ratio;
  const auto vectors = static_cast<double>(weight.size(0) + weight.size(1));
  const auto rank = std::min<see::Index>(singular.size(0), std::lround(budget / vectors) - 3);
  if (rank >= 1) return low_rank(left, right, rank);
  throw see::Error("low_rank: a ratio that leaves no room for a vector, needed a smaller one");
}

inline see::torch::EntangledEmbedding trained(const see::EntangledEmbedding<float>& layer) {
  see::torch::EntangledEmbedding embedding(layer);
  embedding->freeze(false);
  return embedding;
}

/// A layer for `weight` (words x dim) of at most 4 * words * dim / ratio bytes, as a model file
/// counts them. Methods are see's own and those of fit_method(), `low_rank` too; what is codes
/// alone has no parameters.
inline see::torch::EntangledEmbedding fit_table(const torch::Tensor& weight,
                                                const FitTableOptions& options) {
  see::Table table = see::torch::to_table(weight);
  if (options.method == "low_rank") return trained(fit_low_rank(weight, options.ratio));
  const FitMethod method = fit_method(options.method);
  see::CompressOptions compress{.ratio = options.ratio, .method = method.base, .run = as_torch()};
  const see::Method& base = see::compress_method(method.base);
  if (base.seed) compress.seed = options.seed;
  if (base.knowledge) {
    std::vector<std::string> names = options.words;
    if (method.other_words) shuffle(names, options.seed);
    const auto words = see::Vocabulary::from(names);
    table = see::Table(words, table.values(), table.rows(), table.dim());
    const auto budget = see::byte_budget(table, compress);
    compress.knowledge =
        method.random_cuts
            ? random_cuts(words, options.order, options.seed)
            : knowledge_of(words, options.wordnet, see::default_sememes(budget, table.dim(), false),
                           options.order);
  }
  auto layer = see::compress(table, compress).embedding;
  if (method.random_units) layer = with_random_units(layer, table, options.seed);
  return trained(layer);
}

/// |fitted - weight|^2 / |weight|^2
inline double relative_error(const see::torch::EntangledEmbedding& fitted,
                             const torch::Tensor& weight) {
  const torch::NoGradGuard guard;
  return ((fitted->to_dense() - weight).square().sum() / weight.square().sum()).item<double>();
}

/// Bytes of the table as a model file has it with factors of eight bits, which is what ratios
/// count; a dense one: 4 a number.
inline std::int64_t table_bytes(const see::torch::AnyEmbedding& table) {
  if (!table->is_entangled()) return 4 * table->num_embeddings() * table->embedding_dim();
  const see::Model<float> model{table->entangled()->layer()};
  return static_cast<std::int64_t>(see::model_bytes(model, table_precision).total);
}

/// Rounds the factors of a table to what its file keeps, once they are trained.
inline void round_table(see::torch::AnyEmbedding table) {
  if (!table->is_entangled() || !table->entangled()->layer().parts().has_terms()) return;
  const auto layer = table->entangled()->layer().stored_as(see::Storage::i8);
  table->entangle(trained(layer.stored_as(see::Storage::native)));
}

/// Numbers of the table that are trained; 0 where it is codes.
inline std::int64_t table_parameters(const see::torch::AnyEmbedding& table) {
  std::int64_t numbers = 0;
  for (const auto& tensor : table->parameters()) numbers += tensor.numel();
  return numbers;
}

struct Compressed {
  double relative_error = 0;
  std::int64_t bytes_before = 0, bytes_after = 0;
  std::int64_t parameters_before = 0, parameters_after = 0;
};

/// Puts a fitted layer in the place of a dense table.
inline Compressed compress_table(see::torch::AnyEmbedding table, const FitTableOptions& options) {
  see::detail::require(!table->is_entangled(),
                       "a model whose table is compressed, needed one with a dense table");
  const torch::Tensor weight = table->dense()->weight.detach();
  Compressed result;
  result.bytes_before = table_bytes(table);
  result.parameters_before = table_parameters(table);
  const auto layer = fit_table(weight, options);
  result.relative_error = relative_error(layer, weight);
  table->entangle(layer);
  result.bytes_after = table_bytes(table);
  result.parameters_after = table_parameters(table);
  return result;
}

}  // namespace transformer
