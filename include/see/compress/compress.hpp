#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/compress/fit.hpp"
#include "see/compress/induce.hpp"
#include "see/compress/induce_choose.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"
#include "see/eval/row_source.hpp"
#include "see/io/model_file.hpp"
#include "see/model/builders.hpp"

namespace see {

/// How to compress a table. Exactly one of `ratio` and `bytes` is given; every byte of the model
/// file but the vocabulary's counts, header included.
struct CompressOptions {
  std::optional<double> ratio = {};         ///< 4 * rows * dim / bytes is to be at least this
  std::optional<std::uint64_t> bytes = {};  ///< the file is to have at most so many bytes
  std::string method = "auto";              ///< one of compress_methods(), or auto
  std::uint64_t seed = 1;
  Executor run = threads();
  ProgressCallback progress = {};
};

/// Names that CompressOptions::method takes beside "auto".
inline std::vector<std::string> compress_methods() { return {"induced"}; }

/// How the numbers of a compressed model are stored (term gains excepted, which are F32).
inline constexpr Precision compressed_precision = Precision::f16;

/// An induced code as the parts of an embedding: order 2, one inventory a slot, as many senses a
/// word as its row has terms, one gain a term.
inline EmbeddingParts<float> to_parts(const InducedCode& code) {
  const InducedPlan& plan = code.plan;
  const auto inventory = [](const RowMatrix<float>& codebook) {
    std::vector<float> values(codebook.data(), codebook.data() + codebook.size());
    return Inventory<float>(std::move(values), codebook.rows(), 1, codebook.cols());
  };
  const auto array = [](const auto& matrix) {
    return Array<float>(std::vector<float>(matrix.data(), matrix.data() + matrix.size()));
  };
  EmbeddingParts<float> parts;
  parts.shape = Shape({plan.q1, plan.q2}, plan.width);
  parts.inventories = {inventory(code.codebook_a), inventory(code.codebook_b)};
  std::vector<Index> ranks;
  for (Index w = 0; w < code.rows(); ++w) ranks.push_back(code.rank(w));
  parts.lexicon = Lexicon(SlotTable::per_slot({plan.units1, plan.units2}), ranks, code.index);
  parts.gain_scope = GainScope::term;
  parts.gains = array(code.gains);
  if (!code.scale_table.empty())
    parts.word_scale = {
        Array<float>(code.scale_table),
        PackedArray(std::span<const std::uint16_t>(code.scale_index), plan.scale_bits)};
  parts.basis = {array(code.mean), array(code.axes)};
  return parts;
}

namespace detail {

inline std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// A model of the size that `plan` leads to, its numbers all zero.
inline Model<float> blank_model(const InducedPlan& plan, const Table& table) {
  InducedCode code;
  code.plan = plan;
  code.codebook_a = RowMatrix<float>::Zero(plan.units1, plan.q1);
  code.codebook_b = RowMatrix<float>::Zero(plan.units2, plan.q2);
  Index left = plan.senses > 0 ? plan.senses : table.rows() * plan.terms;
  for (Index rows = table.rows(); rows > 0; --rows) {
    const Index rank = std::min(plan.terms, left - (rows - 1));
    left -= rank;
    code.begin.push_back(code.begin.back() + static_cast<std::size_t>(2 * rank));
  }
  code.index.resize(code.begin.back());
  code.gains = Vector<float>::Zero(code.rank(0));
  if (plan.scale_bits > 0) {
    code.scale_table.resize(std::size_t{1} << plan.scale_bits);
    code.scale_index.resize(static_cast<std::size_t>(table.rows()));
  }
  if (plan.mean) code.mean = Vector<float>::Zero(plan.dim);
  if (plan.basis) code.axes = RowMatrix<float>::Zero(plan.width, plan.dim);
  return {EntangledEmbedding<float>(to_parts(code)), table.words(), {}};
}

/// Notes on a fit, at least as long as any real ones.
inline Metadata longest_notes() {
  return {{"method", "induced"},         {"seed", std::string(20, '9')},
          {"status", "iteration limit"}, {"relative_error", std::string(12, '9')},
          {"mean_cosine", "-0.999999"},  {"seconds", std::string(10, '9')}};
}

/// Bytes of the file (without vocabulary) of a model with this plan.
inline std::uint64_t planned_bytes(const InducedPlan& plan, const Table& table) {
  Model<float> blank = blank_model(plan, table);
  blank.fit = longest_notes();
  return model_bytes(blank, compressed_precision).total;
}

/// The budget in bytes that the options ask for. Throws unless exactly one of ratio and bytes is
/// given and it is positive.
inline std::uint64_t byte_budget(const Table& table, const CompressOptions& options) {
  require(options.ratio.has_value() != options.bytes.has_value(),
          "a size to compress to: needed exactly one of ratio and bytes");
  if (options.bytes) return *options.bytes;
  require(*options.ratio > 0, "a ratio of ", *options.ratio, ", needed a positive number");
  const double dense = 4.0 * static_cast<double>(table.rows()) * static_cast<double>(table.dim());
  return static_cast<std::uint64_t>(std::min(dense / *options.ratio, 1e18));
}

/// The plan for a model file of at most `budget` bytes. Throws where there is none, naming the
/// smallest size.
inline InducedPlan plan_within(const Table& table, std::uint64_t budget,
                               const CompressOptions& options) {
  const InducedPlan smallest = smallest_induced_plan(table.dim());
  const std::uint64_t least = planned_bytes(smallest, table);
  require(budget >= least, "a model of ", table.rows(), " x ", table.dim(), " in ", budget,
          " bytes cannot be reached, the smallest takes ", least, " bytes (ratio ",
          fixed(4.0 * double(table.rows()) * double(table.dim()) / double(least), 2), ")");
  InducedPlan full = smallest;
  full.mean = full.basis = true;
  full.terms = 2;
  full.senses = table.rows() + 1;
  full.scale_bits = 8;
  const std::uint64_t header = planned_bytes(full, table) - payload_bytes(full, table.rows()) + 64;
  if (budget < header + payload_bytes(smallest, table.rows())) return smallest;
  const InducedPlan plan = plan_induced(table.matrix(), budget - header, options.run);
  require(planned_bytes(plan, table) <= budget, "a plan of ", planned_bytes(plan, table),
          " bytes for a budget of ", budget);
  return plan;
}

}  // namespace detail

/// Compresses a table to a model with induced sememes, the form of which is chosen for the size;
/// the model's notes (Model::fit) say how well it came out. Deterministic for a seed, for any
/// executor. Throws on an empty table, an unknown method, or a size that cannot be reached; the
/// message names the smallest that can. Where progress returns false, the status among the notes is
/// "cancelled".
inline Model<float> compress(const Table& table, const CompressOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  detail::require(options.method == "auto" || options.method == "induced", "method \"",
                  options.method, "\", needed auto or induced");
  detail::require(table.rows() > 0 && table.dim() > 0, "compressing a table of ", table.rows(),
                  " x ", table.dim(), ", needed at least one row and column");
  const InducedPlan plan = detail::plan_within(table, detail::byte_budget(table, options), options);
  const InducedCode code =
      induce(table.matrix(), plan,
             {.seed = options.seed, .run = options.run, .progress = options.progress});
  Model<float> model{EntangledEmbedding<float>(to_parts(code)), table.words(), {}};
  const Fidelity fidelity = see::fidelity(TableRows(table), model.embedding, options.run);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  model.fit = {{"method", "induced"},
               {"seed", std::to_string(options.seed)},
               {"status", std::string(to_string(code.status))},
               {"relative_error", detail::fixed(fidelity.relative_error, 6)},
               {"mean_cosine", detail::fixed(fidelity.mean_cosine, 6)},
               {"seconds", detail::fixed(seconds.count(), 1)}};
  return model;
}

/// A trainable layer that starts from a dense table, compressed.
inline EntangledEmbedding<float> from_pretrained(const Table& table,
                                                 const CompressOptions& options) {
  return compress(table, options).embedding;
}

/// A trainable layer of a given shape and lexicon whose factors are fitted to a dense table; units
/// have `vectors` vectors.
template <std::floating_point Scalar = float>
EntangledEmbedding<Scalar> from_pretrained(const Table& table, const Shape& shape, Lexicon lexicon,
                                           Index vectors, const BuildOptions& build = {},
                                           const FitOptions& options = {}) {
  EntangledEmbedding<Scalar> layer(make_parts<Scalar>(shape, std::move(lexicon), vectors, build));
  fit(layer, table.matrix(), options);
  return layer;
}

}  // namespace see
