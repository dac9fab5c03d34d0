#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "see/compress/baseline/tensor_train_layer.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"
#include "transformer/low_rank.hpp"
#include "transformer/morphte.hpp"
#include "transformer/table_bytes.hpp"
#include "transformer/word2ket.hpp"
#include "transformer/word2ketxs.hpp"

/// Layers of other papers, fitted to a table and then trained.
namespace transformer {

struct PeerOptions {
  std::uint64_t budget = 0;  ///< bytes, as file_bytes() counts them
  int order = 2;             ///< of word2ket and morphte
  std::uint64_t seed = 1;  ///< of morphte's first units and of word2ketxs; the others draw nothing
  see::Executor run = see::threads();
};

inline bool is_peer_form(const std::string& method) {
  const std::array names{"low_rank", "morphte", "tt", "word2ket", "word2ketxs"};
  return std::find(names.begin(), names.end(), method) != names.end();
}

/// The tensor train of the most numbers that keeps to the budget, without the bytes of its index.
inline see::EntangledEmbedding<float> fit_tt(const see::Table& table, std::uint64_t budget,
                                             const see::Executor& run) {
  constexpr see::Index most_terms = 128;  // a word: a step of training takes as long
  const auto most = static_cast<std::int64_t>(budget);
  for (std::int64_t numbers = most;;) {
    auto layer = see::fit_tensor_train(table, numbers, most_terms, run);
    const std::int64_t excess = file_bytes(layer, "tt") - most;
    if (excess <= 0) return layer;
    numbers -= excess;
  }
}

/// A layer of the form for a table (with its words for morphte) that keeps to the budget. Throws
/// where the form has none so small.
inline see::EntangledEmbedding<float> fit_peer_form(const std::string& method,
                                                    const see::Table& table,
                                                    const PeerOptions& options) {
  if (method == "low_rank") return fit_low_rank(table, options.budget);
  if (method == "tt") return fit_tt(table, options.budget, options.run);
  if (method == "word2ket") return fit_word2ket(table, options.budget, options.order, options.run);
  if (method == "word2ketxs")
    return fit_word2ketxs(table, options.budget, options.seed, options.run);
  if (method == "morphte")
    return fit_morphte(table, options.budget, options.order, options.seed, options.run);
  throw see::Error("no form " + method);
}

}  // namespace transformer
