#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/fit.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"
#include "transformer/table_bytes.hpp"
#include "transformer/table_tensor.hpp"

namespace transformer {

/// For each row of `rows` (words x product of dims) the factors, words x dims[j], of a product near
/// to it: the largest singular vectors of the row as a matrix of dims[0] rows, the second cut in
/// the same way. The nearest product where there are two factors.
inline std::vector<torch::Tensor> nearest_products(const torch::Tensor& rows,
                                                   const std::vector<see::Index>& dims) {
  std::vector<torch::Tensor> factors;
  torch::Tensor rest = rows, size = torch::ones({rows.size(0), 1}, rows.options());
  for (std::size_t j = 0; j + 1 < dims.size(); ++j) {
    const auto [u, singular, vt] =
        torch::linalg_svd(rest.reshape({rows.size(0), dims[j], -1}), false);
    factors.push_back(u.select(2, 0));
    rest = vt.select(1, 0);
    size = size * singular.slice(1, 0, 1);
  }
  factors.push_back(dims.size() == 1 ? rows : rest);
  for (torch::Tensor& factor : factors)
    factor = factor * size.pow(1 / static_cast<double>(dims.size()));
  return factors;
}

/// word2ket of an order (LayerNorm apart): each word has terms of its own, as many as keep to
/// `budget` bytes, one after the other near to what those before it leave, then all fitted
/// together. Throws where there is no room for one.
inline see::EntangledEmbedding<float> fit_word2ket(const see::Table& table, std::uint64_t budget,
                                                   int order, const see::Executor& run) {
  const auto blank = [&](see::Index rank) {
    return see::make_word2ket<float>(table.rows(), table.dim(), order, rank, {});
  };
  const auto fits = [&](see::Index rank) {
    return file_bytes(blank(rank)) <= static_cast<std::int64_t>(budget);
  };
  if (!fits(1))
    throw see::Error("word2ket of order " + std::to_string(order) + " in " +
                     std::to_string(budget) + " bytes, the smallest takes " +
                     std::to_string(file_bytes(blank(1))));
  see::Index rank = 1;
  while (rank < table.dim() && fits(rank + 1)) ++rank;
  auto parts = blank(rank).parts();
  const auto& dims = parts.shape.factor_dims();
  auto rest = torch::zeros({table.rows(), parts.shape.product()}, torch::kDouble);
  rest.slice(1, 0, table.dim()).copy_(to_tensor(table));
  std::vector<std::vector<torch::Tensor>> by_slot(dims.size());
  for (see::Index term = 0; term < rank; ++term) {
    const auto factors = nearest_products(rest, dims);
    torch::Tensor product = torch::ones({table.rows(), 1}, rest.options());
    for (std::size_t j = 0; j < dims.size(); ++j) {
      by_slot[j].push_back(factors[j]);
      product = (product.unsqueeze(2) * factors[j].unsqueeze(1)).flatten(1);
    }
    rest = rest - product;
  }
  for (std::size_t j = 0; j < dims.size(); ++j)
    parts.inventories[j] = to_inventory(torch::stack(by_slot[j], 1).flatten(0, 1));
  see::EntangledEmbedding<float> layer(std::move(parts));
  see::fit(layer, table.matrix(), {.iterations = 30, .run = run});
  return layer;
}

}  // namespace transformer
