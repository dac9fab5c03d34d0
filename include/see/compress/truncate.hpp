#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/compress/compress_options.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/io/model_file.hpp"

namespace see {

namespace detail {

/// A model whose terms have names, as they are, with a new residual in what they leave of the
/// budget; none where the model is no such one or its terms take more than half of the budget.
inline std::optional<Model<float>> with_terms_kept(const Model<float>& model, const Table& rebuilt,
                                                   const CompressOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  EmbeddingParts<float> parts = model.embedding.parts();
  const bool plain =
      options.weights.empty() && options.activation.size() == 0 && options.checkpoint.empty();
  if (model.knowledge.empty() || !parts.residual || options.method != "auto" || !plain)
    return std::nullopt;
  parts.residual = {};
  const EntangledEmbedding<float> terms(std::move(parts));
  Model<float> smaller{terms, model.words, longest_knowledge_notes(), model.knowledge};
  smaller.fit.insert(model.fit.begin(), model.fit.end());
  const std::uint64_t budget = byte_budget(rebuilt, options);
  const std::uint64_t bytes = model_bytes(smaller, knowledge_precision).total;
  if (bytes > budget / 2 || !has_room_for_residual(rebuilt, bytes, budget)) return std::nullopt;
  const std::vector<float> weights = row_weights(rebuilt.matrix(), options);
  const auto progress = [&](double done) {
    require(!options.progress || options.progress({"coding", done, std::nan("")}),
            "compressing was cancelled");
  };
  smaller.embedding = with_residual_in(terms, rebuilt, bytes, budget,
                                       {.weights = weights, .progress = progress}, options.run);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const Fidelity fidelity = see::fidelity(TableRows(rebuilt), smaller.embedding, options.run);
  smaller.fit = model.fit;
  smaller.fit["relative_error"] = fixed(fidelity.relative_error, 6);
  smaller.fit["seconds"] = fixed(seconds.count(), 1);
  smaller.fit.erase("residual_explains");
  return smaller;
}

}  // namespace detail

/// A smaller model from a larger one, without the table that it was made from: the rows that the
/// model rebuilds are compressed anew. The error of what comes out is about the sum of both errors,
/// since what the first coder lost the second cannot see. The notes have "lost", the relative error
/// against `model`, in place of "relative_error" and "mean_cosine", which only the table could
/// tell. Memory: the dense table and what compress() needs. Throws as compress(), and where
/// the size asked for is not below the model's.
///
/// A model made from knowledge with a residual keeps its terms, and so the names of units and the
/// composing of words that it lacks, where they take at most half of the bytes and the method is
/// auto; it is to be written with knowledge_precision, all others with compressed_precision.
///
/// \code
///     const auto smaller = see::truncate(see::load_model("vectors.see"), {.ratio = 40});
/// \endcode
inline Model<float> truncate(const Model<float>& model, const CompressOptions& options) {
  const std::uint64_t bytes = model_bytes(model, compressed_precision).total;
  const Index rows = model.embedding.num_embeddings(), dim = model.embedding.embedding_dim();
  std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(dim));
  constexpr std::size_t block = 1024;
  for_ranges(options.run, static_cast<std::size_t>(rows), block,
             [&](std::size_t first, std::size_t last) {
               Eigen::Map<RowMatrix<float>> out(values.data() + first * std::size_t(dim),
                                                static_cast<Index>(last - first), dim);
               detail::forward_range(model.embedding, static_cast<Index>(first), out);
             });
  const Table rebuilt(model.words, Array<float>(std::move(values)), rows, dim);
  const std::uint64_t budget = detail::byte_budget(rebuilt, options);
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
