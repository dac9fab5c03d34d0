#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/compress/compress_options.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/row_source.hpp"
#include "see/io/model_file.hpp"

namespace see {

/// A smaller model from a larger one, without the table that it was made from: the rows that the
/// model rebuilds are compressed anew. The error of what comes out is about the sum of both errors,
/// since what the first coder lost the second cannot see. The notes have "lost", the relative error
/// against `model`, in place of "relative_error" and "mean_cosine", which only the table could
/// tell. Memory: the dense table and what compress() needs. Throws as compress().
///
///     const auto smaller = see::truncate(see::load_model("vectors.see"), {.ratio = 40});
inline Model<float> truncate(const Model<float>& model, const CompressOptions& options) {
  const Index rows = model.embedding.num_embeddings(), dim = model.embedding.embedding_dim();
  std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(dim));
  constexpr std::size_t block = 1024;
  for_ranges(options.run, static_cast<std::size_t>(rows), block,
             [&](std::size_t first, std::size_t last) {
               Eigen::Map<RowMatrix<float>> out(values.data() + first * std::size_t(dim),
                                                static_cast<Index>(last - first), dim);
               detail::forward_range(model.embedding, static_cast<Index>(first), out);
             });
  Model<float> smaller =
      compress(Table(model.words, Array<float>(std::move(values)), rows, dim), options);
  smaller.fit["lost"] = smaller.fit["relative_error"];
  smaller.fit.erase("relative_error");
  smaller.fit.erase("mean_cosine");
  return smaller;
}

}  // namespace see
