#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/torch/any_embedding.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/pretrained.hpp"
#include "see/torch/tensor.hpp"
#include "transformer/peer_forms.hpp"
#include "transformer/random_units.hpp"
#include "transformer/require.hpp"
#include "transformer/table_bytes.hpp"
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
  return is_peer_form(name) ||
         std::any_of(all.begin(), all.end(), [&](const auto& each) { return each.name == base; });
}

/// Each order is as likely as any other.
inline void shuffle(std::vector<std::string>& words, std::uint64_t seed) {
  see::Random random(seed);
  for (std::size_t left = words.size(); left > 1; --left)
    std::swap(words[left - 1], words[static_cast<std::size_t>(random.below(left))]);
}

inline see::torch::EntangledEmbedding trained(const see::EntangledEmbedding<float>& layer) {
  see::torch::EntangledEmbedding embedding(layer);
  embedding->freeze(false);
  return embedding;
}

/// A layer for `weight` (words x dim) of at most 4 * words * dim / ratio bytes, as table_bytes()
/// counts them. Methods are see's own, those of fit_method() and of is_peer_form(); what is codes
/// alone has no parameters.
inline see::torch::EntangledEmbedding fit_table(const torch::Tensor& weight,
                                                const FitTableOptions& options) {
  const FitMethod method = fit_method(options.method);
  see::Table table = see::torch::to_table(weight);
  std::vector<std::string> words = options.words;
  if (method.other_words) shuffle(words, options.seed);
  if (!words.empty())
    table = see::Table(see::Vocabulary::from(words), table.values(), table.rows(), table.dim());
  const std::uint64_t budget = see::byte_budget(table, options.ratio, {});
  if (is_peer_form(options.method))
    return trained(fit_peer_form(options.method, table,
                                 {.budget = budget,
                                  .order = options.order,
                                  .seed = options.seed,
                                  .run = see::torch::executor()}));
  see::CompressOptions compress{
      .ratio = options.ratio, .method = method.base, .run = see::torch::executor()};
  const see::Method& base = see::compress_method(method.base);
  if (base.seed) compress.seed = options.seed;
  if (base.knowledge)
    compress.knowledge =
        method.random_cuts ? random_cuts(table.words(), options.order, options.seed)
                           : knowledge_of(table.words(), options.wordnet,
                                          see::default_sememes(budget, table.dim(), base.direction),
                                          options.order);
  auto layer = see::compress(table, compress).embedding;
  if (method.random_units) layer = with_random_units(layer, table, options.seed, compress.run);
  return trained(layer);
}

/// Rounds the factors of a table to what its file keeps, once they are trained.
inline void round_table(see::torch::AnyEmbedding table) {
  if (!table->is_entangled() || !table->entangled()->layer().parts().has_terms()) return;
  const auto layer = table->entangled()->layer().stored_as(see::Storage::i8);
  table->entangle(trained(layer.stored_as(see::Storage::native)));
}

/// |fitted - weight|^2 / |weight|^2
inline double relative_error(const see::torch::EntangledEmbedding& fitted,
                             const torch::Tensor& weight) {
  const torch::NoGradGuard guard;
  return ((fitted->to_dense() - weight).square().sum() / weight.square().sum()).item<double>();
}

struct Compressed {
  double relative_error = 0;
  std::int64_t bytes_before = 0, bytes_after = 0;
  std::int64_t parameters_before = 0, parameters_after = 0;
};

/// Puts a fitted layer in the place of a dense table.
inline Compressed compress_table(see::torch::AnyEmbedding table, const FitTableOptions& options) {
  require(!table->is_entangled(),
          "a model whose table is compressed, needed one with a dense table");
  const torch::Tensor weight = table->dense()->weight.detach();
  Compressed result;
  result.bytes_before = table_bytes(table);
  result.parameters_before = table_parameters(table);
  const auto layer = fit_table(weight, options);
  result.relative_error = relative_error(layer, weight);
  table->entangle(layer);
  result.bytes_after = table_bytes(table, options.method);
  result.parameters_after = table_parameters(table);
  return result;
}

}  // namespace transformer
