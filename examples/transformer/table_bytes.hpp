#pragma once

#include <cstdint>
#include <string>

#include "see/file/model_bytes.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"
#include "see/torch/any_embedding.hpp"

/// What a table takes, which is what ratios count.
namespace transformer {

/// Whether the layers of a method need the index that they store. A tensor train does not: the
/// digits of a word's number are its units. Those of word2ket and word2ketxs store none, and which
/// morphemes or sememes a word has no number tells.
inline bool needs_index(const std::string& method) { return method != "tt"; }

/// Bytes of a layer as a model file has it with factors in halves, without the words, and without
/// the index where that follows from the word's number.
inline std::int64_t bytes_in_halves(const see::EntangledEmbedding<float>& layer,
                                    bool has_index = true) {
  const auto bytes = see::model_bytes(see::Model<float>{layer}, see::Precision::f16);
  return static_cast<std::int64_t>(bytes.total - (has_index ? 0 : bytes.index));
}

/// Bytes of a table of a method, as bytes_in_halves() counts them; of a dense one 4 a number.
inline std::int64_t table_bytes(const see::torch::AnyEmbedding& table,
                                const std::string& method = "") {
  if (!table->is_entangled()) return 4 * table->num_embeddings() * table->embedding_dim();
  return bytes_in_halves(table->entangled()->layer(), needs_index(method));
}

/// Numbers of the table that are trained; 0 where it is codes.
inline std::int64_t table_parameters(const see::torch::AnyEmbedding& table) {
  std::int64_t numbers = 0;
  for (const auto& tensor : table->parameters()) numbers += tensor.numel();
  return numbers;
}

}  // namespace transformer
