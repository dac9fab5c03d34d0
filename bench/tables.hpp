#pragma once

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"
#include "see/model/gradient.hpp"

/// What the benchmarks share: tables and layers of fixed seeds, and the counters that they report.
namespace bench {

using see::Index;

/// `count` uniform row numbers below `rows`.
inline std::vector<Index> random_ids(Index count, Index rows, std::uint64_t seed = 7) {
  see::Random random(seed);
  std::vector<Index> ids(static_cast<std::size_t>(count));
  for (Index& id : ids) id = static_cast<Index>(random.below(static_cast<std::size_t>(rows)));
  return ids;
}

/// `count` row numbers, shuffles of all `rows` one after another, so that no row comes again before
/// the others have been.
inline std::vector<Index> shuffled_ids(Index count, Index rows, std::uint64_t seed = 7) {
  see::Random random(seed);
  std::vector<Index> all(static_cast<std::size_t>(rows)), ids;
  std::iota(all.begin(), all.end(), Index{0});
  while (static_cast<Index>(ids.size()) < count) {
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.below(i)]);
    ids.insert(ids.end(), all.begin(), all.end());
  }
  ids.resize(static_cast<std::size_t>(count));
  return ids;
}

/// A dense table whose every number is written, so that every page of it is there. It lives as long
/// as the program.
inline const see::RowMatrix<float>& dense_table(Index rows, Index dim) {
  static std::map<std::pair<Index, Index>, see::RowMatrix<float>> tables;
  see::RowMatrix<float>& table = tables[{rows, dim}];
  if (table.size() == 0) {
    table.resize(rows, dim);
    for (Index r = 0; r < rows; ++r) table.row(r).setConstant(static_cast<float>(r % 1000));
  }
  return table;
}

/// Rows near one of `rows` / 25 centres, with a spectrum that falls as those of real tables do: the
/// variance along axis j of a random basis goes with 1 / (1 + j / 4).
inline see::RowMatrix<float> clustered_table(Index rows, Index dim, std::uint64_t seed = 3) {
  see::Random random(seed);
  const auto normal = [&] { return static_cast<float>(random.normal()); };
  const see::RowMatrix<float> mix = see::RowMatrix<float>::NullaryExpr(dim, dim, normal);
  const see::RowMatrix<float> centres =
      see::RowMatrix<float>::NullaryExpr(1 + rows / 25, dim, normal);
  see::RowMatrix<float> table(rows, dim);
  for (Index r = 0; r < rows; ++r) {
    const auto centre = static_cast<Index>(random.below(static_cast<std::size_t>(centres.rows())));
    for (Index j = 0; j < dim; ++j)
      table(r, j) = (0.7F * centres(centre, j) + 0.7F * normal()) /
                    std::sqrt(1 + 0.25F * static_cast<float>(j));
  }
  return table * mix / std::sqrt(static_cast<float>(dim));
}

/// "word0", "word1", ...
inline see::Vocabulary numbered_words(Index count) {
  std::vector<std::string> words;
  for (Index i = 0; i < count; ++i) words.push_back("word" + std::to_string(i));
  return see::Vocabulary::from(words);
}

/// The matrix as a table, with numbered words where asked for.
inline see::Table to_table(const see::RowMatrix<float>& matrix, bool named) {
  return {named ? numbered_words(matrix.rows()) : see::Vocabulary(),
          std::vector<float>(matrix.data(), matrix.data() + matrix.size()), matrix.rows(),
          matrix.cols()};
}

/// Words of `senses` random senses each; all slots share one inventory of `units` units of
/// `vectors` vectors (MorphTE where senses is 1, SEE where vectors is 1).
inline see::EmbeddingParts<float> shared_parts(Index words, Index width, int order, Index units,
                                               Index senses, Index vectors) {
  const std::vector<Index> ranks(static_cast<std::size_t>(words), senses);
  return see::make_parts(see::Shape::cube(width, order),
                         see::Lexicon(see::SlotTable::shared(order, units), ranks,
                                      random_ids(words * senses * order, units)),
                         vectors);
}

/// The form of a table of 100 columns compressed with induced sememes: 9 terms of 10 x 10, 256
/// units a slot, a gain a term, a mean and 100 x 100 axes.
inline see::EmbeddingParts<float> induced_parts(Index words) {
  constexpr Index dim = 100, terms = 9;
  const std::vector<Index> ranks(static_cast<std::size_t>(words), terms);
  see::EmbeddingParts<float> parts = see::make_parts(
      see::Shape({10, 10}),
      see::Lexicon(see::SlotTable::per_slot({256, 256}), ranks, random_ids(words * terms * 2, 256)),
      1, {.gains = see::GainScope::term});
  see::Random random(5);
  std::vector<float> axes(dim * dim);
  for (float& value : axes) value = static_cast<float>(random.normal());
  parts.basis = {see::Array<float>(dim), std::move(axes)};
  return parts;
}

/// Layers whose look-ups share their work among threads.
template <class Layer>
concept ForwardOn = requires(const Layer& layer, std::span<const Index> ids,
                             see::RowMatrixRef<float> out, const see::Executor& run) {
  layer.forward(ids, out, run);
};

/// Layers whose gradients do.
template <class Layer>
concept BackwardOn = requires(const Layer& layer, std::span<const Index> ids,
                              see::ConstRowMatrixRef<float> out_gradient,
                              see::Gradient<float>& gradient, const see::Executor& run) {
  layer.backward(ids, out_gradient, gradient, run);
};

/// Bytes of the layer's model file, numbers in float32, without words.
template <class Layer>
double file_bytes(const Layer& layer) {
  using Scalar = typename Layer::Scalar;
  const see::Model<Scalar> model{see::EntangledEmbedding<Scalar>(layer.parts())};
  return static_cast<double>(see::model_bytes(model, see::Precision::f32).total);
}

/// Bytes of a dense table in float32.
inline double dense_bytes(Index rows, Index dim) {
  return 4 * static_cast<double>(rows) * static_cast<double>(dim);
}

/// Reports rows a second, time a row, and the bytes of what the rows came from.
inline void report_rows(benchmark::State& state, Index rows_a_run, double bytes) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * rows_a_run);
  state.counters["per_row"] = benchmark::Counter(
      static_cast<double>(rows_a_run),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes"] =
      benchmark::Counter(bytes, benchmark::Counter::kDefaults, benchmark::Counter::OneK::kIs1024);
}

}  // namespace bench
