#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"
#include "transformer/table_bytes.hpp"

namespace transformer {

/// The same rows from one term a word, of units with a vector for each of the first `rank`
/// products: two inventories in place of two a product, whose headers take bytes too.
inline see::EntangledEmbedding<float> with_wide_units(const see::EntangledEmbedding<float>& layer,
                                                      see::Index rank) {
  const auto& from = layer.parts();
  auto parts =
      see::make_word2ketxs<float>(layer.num_embeddings(), layer.embedding_dim(), 2, 1).parts();
  for (std::size_t slot = 0; slot < 2; ++slot) {
    const see::Index base = from.inventories[slot].size(), dim = from.inventories[slot].dim();
    see::Inventory<float> wide(base, rank, dim);
    for (see::Index unit = 0; unit < base; ++unit)
      for (see::Index k = 0; k < rank; ++k)
        wide.mutate(unit).vectors().row(k) =
            from.inventories[static_cast<std::size_t>(2 * k) + slot][unit].vectors().row(0);
    parts.inventories[slot] = std::move(wide);
  }
  return see::EntangledEmbedding<float>(std::move(parts));
}

/// word2ketXS of order 2, of the most products that keep to `budget` bytes, as see's method fits
/// them. Throws where there is no room for one.
inline see::EntangledEmbedding<float> fit_word2ketxs(const see::Table& table, std::uint64_t budget,
                                                     std::uint64_t seed, const see::Executor& run) {
  const auto narrow = [&](see::Index rank) {
    return see::make_word2ketxs<float>(table.rows(), table.dim(), 2, rank);
  };
  const auto fits = [&](see::Index rank) {
    return file_bytes(with_wide_units(narrow(rank), rank)) <= static_cast<std::int64_t>(budget);
  };
  if (!fits(1))
    throw see::Error("word2ketxs: a ratio that leaves no room for a product, needed a smaller one");
  see::Index rank = 1;
  while (rank < table.rows() && fits(rank + 1)) ++rank;
  // Room for the notes too, and perhaps for further products: the first are the largest.
  const std::uint64_t bytes =
      see::model_bytes(see::Model<float>{narrow(rank)}, see::Precision::f16).total + 4096;
  const see::CompressOptions options{
      .bytes = bytes, .method = "word2ketxs", .seed = seed, .run = run};
  const auto layer = see::compress(table, options).embedding;
  return with_wide_units(layer, std::min(rank, layer.lexicon().uniform_rank()));
}

}  // namespace transformer
