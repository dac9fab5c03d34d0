#pragma once

#include <cstdint>
#include <string>

#include "see/file/model_bytes.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"
#include "see/torch/any_embedding.hpp"

/// What a table takes, which is what ratios count.
namespace transformer {

/// Bytes of a layer as a model file has it with factors of eight bits, without the words. Of method
/// tt without the index, since the digits of a word's number are its units, and of low_rank with
/// gains of eight bits too, and a scale of two bytes for those of a word.
inline std::int64_t file_bytes(const see::EntangledEmbedding<float>& layer,
                               const std::string& method = "") {
  const auto bytes = see::model_bytes(see::Model<float>{layer}, see::Precision::i8);
  auto total = static_cast<std::int64_t>(bytes.total);
  if (method == "tt") total -= static_cast<std::int64_t>(bytes.index);
  if (method == "low_rank")
    total += layer.num_embeddings() * (layer.lexicon().rank(0) + 2) -
             static_cast<std::int64_t>(bytes.gains);
  return total;
}

/// Bytes of a table of a method, as file_bytes() counts them; of a dense one 4 a number.
inline std::int64_t table_bytes(const see::torch::AnyEmbedding& table,
                                const std::string& method = "") {
  if (!table->is_entangled()) return 4 * table->num_embeddings() * table->embedding_dim();
  return file_bytes(table->entangled()->layer(), method);
}

/// Numbers of the table that are trained; 0 where it is codes.
inline std::int64_t table_parameters(const see::torch::AnyEmbedding& table) {
  std::int64_t numbers = 0;
  for (const auto& tensor : table->parameters()) numbers += tensor.numel();
  return numbers;
}

}  // namespace transformer
