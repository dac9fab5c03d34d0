#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/row_weights.hpp"
#include "see/compress/trellis/add_codes.hpp"
#include "see/compress/truncate.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/model/model.hpp"

namespace see {

namespace detail {

/// The dense table that a model stands for.
inline Table rebuilt_table(const Model<float>& model, const Executor& run) {
  const Index rows = model.embedding.num_embeddings(), dim = model.embedding.embedding_dim();
  std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(dim));
  constexpr std::size_t block = 1024;
  for_ranges(run, static_cast<std::size_t>(rows), block, [&](std::size_t first, std::size_t last) {
    Eigen::Map<RowMatrix<float>> out(values.data() + first * std::size_t(dim),
                                     static_cast<Index>(last - first), dim);
    forward_range(model.embedding, static_cast<Index>(first), out);
  });
  return {model.words, Array<float>(std::move(values)), rows, dim};
}

/// A model whose terms have names, as they are, with new codes in what they leave of the budget;
/// none where the model is no such one or its terms take more than half of the budget.
inline std::optional<Model<float>> with_terms_kept(const Model<float>& model, const Table& rebuilt,
                                                   const CompressOptions& options) {
  const bool plain =
      options.weights.empty() && options.activation.size() == 0 && options.checkpoint.empty();
  EmbeddingParts<float> parts = model.embedding.parts();
  if (model.knowledge.empty() || !parts.codes || options.method != "auto" || !plain)
    return std::nullopt;
  parts.codes = {};
  Model<float> smaller = model;
  smaller.embedding = EntangledEmbedding<float>(std::move(parts));
  for (auto& [name, value] : fit_notes("")) smaller.fit.try_emplace(name, value);
  smaller.fit.erase("residual_explains");
  const std::uint64_t budget = byte_budget(rebuilt, options);
  if (model_bytes(smaller).total > budget / 2 || !has_room_for_codes(smaller, budget))
    return std::nullopt;
  const ProgressReport report(options.progress);
  const std::vector<float> weights = row_weights(rebuilt.matrix(), options);
  add_codes(smaller, rebuilt, budget,
            {.weights = weights, .progress = [&](double done) { report("coding", done); }},
            options.run);
  const Fidelity fidelity = see::fidelity(TableRows(rebuilt), smaller.embedding, options.run);
  smaller.fit["relative_error"] = note_number(fidelity.relative_error);
  return smaller;
}

}  // namespace detail

SEE_INLINE Model<float> truncate(const Model<float>& model, const CompressOptions& options) {
  const std::uint64_t bytes = model_bytes(model).total;
  const Table rebuilt = detail::rebuilt_table(model, options.run);
  const std::uint64_t budget = byte_budget(rebuilt, options);
  detail::require(budget < bytes, "truncating a model of ", bytes, " bytes to ", budget,
                  ", needed fewer than it has");
  auto kept = detail::with_terms_kept(model, rebuilt, options);
  Model<float> smaller = kept ? std::move(*kept) : compress(rebuilt, options);
  smaller.fit["lost"] = smaller.fit["relative_error"];
  smaller.fit.erase("relative_error");
  smaller.fit.erase("mean_cosine");
  return smaller;
}

}  // namespace see
