#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"
#include "transformer/table_bytes.hpp"
#include "transformer/table_tensor.hpp"

namespace transformer {

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
  const torch::Tensor gains = u.slice(1, 0, rank).to(torch::kFloat).contiguous();
  const float* const first = gains.data_ptr<float>();
  parts.gains = std::vector<float>(first, first + gains.numel());
  for (see::Index i = 0; i < rank; ++i)
    parts.inventories[static_cast<std::size_t>(i)] = to_inventory(v.slice(1, i, i + 1).t());
  return see::EntangledEmbedding<float>(std::move(parts));
}

/// The largest rank that keeps to `budget` bytes. Throws where there is none.
inline see::EntangledEmbedding<float> fit_low_rank(const see::Table& table, std::uint64_t budget) {
  const auto [u, singular, vt] = torch::linalg_svd(to_tensor(table), false);
  const torch::Tensor root = singular.sqrt();  // halves of one size on both sides
  const torch::Tensor left = u * root, right = vt.t() * root;
  const auto most = static_cast<see::Index>(budget);
  for (auto rank = std::min(singular.size(0), most / (table.rows() + table.dim()) + 1); rank >= 1;
       --rank) {
    auto layer = low_rank(left, right, rank);
    if (file_bytes(layer, "low_rank") <= most) return layer;
  }
  throw see::Error("low_rank: a ratio that leaves no room for a vector, needed a smaller one");
}

}  // namespace transformer
