#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/compress_options.hpp"
#include "see/compress/fit.hpp"
#include "see/compress/induced/induce_state.hpp"
#include "see/compress/induced/induced_model.hpp"
#include "see/compress/row_weights.hpp"
#include "see/compress/trellis/trellis_model.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"
#include "see/model/builders.hpp"

namespace see {

/// Names that CompressOptions::method takes beside "auto".
inline std::vector<std::string> compress_methods() { return {"induced", "trellis"}; }

namespace detail {

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

/// 64 bits that stand for all that decides an induced model.
inline std::uint64_t induction_key(const Table& table, std::uint64_t budget,
                                   std::span<const float> weights, const CompressOptions& options) {
  const std::uint64_t rows = hash_rows(AnyRows(TableRows(table)), options.run);
  const std::array<std::uint32_t, 5> numbers{
      0x1d0cedU,  // other than a trellis, whatever the rest
      static_cast<std::uint32_t>(budget), static_cast<std::uint32_t>(budget >> 32),
      static_cast<std::uint32_t>(options.seed), static_cast<std::uint32_t>(options.seed >> 32)};
  return hash_numbers(std::span<const std::uint32_t>(numbers), hash_numbers(weights, rows));
}

/// The parts of a model of at most `budget` bytes; `status` becomes how the fit ended. Method
/// "mixed" is trellis, beside terms where these pay.
inline EmbeddingParts<float> compressed_parts(const Table& table, std::uint64_t budget,
                                              const std::string& method,
                                              const CompressOptions& options,
                                              std::span<const float> weights, FitStatus& status) {
  if (method != "induced") {
    status = FitStatus::converged;
    return trellis_parts(table, budget, options, method == "mixed");
  }
  Checkpoint checkpoint;
  if (!options.checkpoint.empty())
    checkpoint = {options.checkpoint, induction_key(table, budget, weights, options)};
  std::optional<InducedState> state = restored_induction(checkpoint);
  if (!state) state = InducedState{.plan = plan_within(table, budget, weights, options.run)};
  const InducedCode code = induce_from(
      table.matrix(), std::move(*state),
      {.seed = options.seed, .weights = weights, .run = options.run, .progress = options.progress},
      &checkpoint);
  status = code.status;
  return to_parts(code);
}

}  // namespace detail

/// Compresses a table to a model, the form of which is chosen for the size: that of a file written
/// with compressed_precision. The model's notes (Model::fit) say how well it came out.
/// Deterministic for a seed, for any executor. Throws on an empty table, an unknown method, a
/// number that is not finite, or a size that cannot be reached; the message names the smallest that
/// can. Where progress returns false, compress throws, and a checkpoint has what is done; without
/// one, method induced goes on to a rough end with the status "cancelled" among the notes instead.
/// A run that goes on from a checkpoint gives the bits of one that was not interrupted, and throws
/// FileError where table, size, objective or seed are others than in the checkpoint. The caller
/// removes the file when the model is safe. Memory of trellis: the table once (mapped or not), a
/// sample of at most 49,152 rows twice, the model, 16 bytes a row and some MiB a thread; induced
/// copies the table once. Time is linear in rows.
inline Model<float> compress(const Table& table, const CompressOptions& options) {
  const auto methods = compress_methods();
  detail::require(options.method == "auto" || std::ranges::count(methods, options.method) == 1,
                  "method \"", options.method, "\", needed auto, induced or trellis");
  detail::require(options.direction >= 0 && options.direction <= 1, "a direction of ",
                  options.direction, ", needed 0 to 1");
  detail::validate_weights(options.weights, table.rows());
  const RowMatrix<float>& activation = options.activation;
  detail::require(
      activation.size() == 0 || (activation.rows() == table.dim() &&
                                 activation.cols() == table.dim() && activation.allFinite()),
      "an activation covariance of ", activation.rows(), " x ", activation.cols(),
      ", needed finite numbers, ", table.dim(), " x ", table.dim());
  const bool plain = activation.size() == 0;
  detail::require(plain || options.method != "induced",
                  "an activation covariance for method induced, needed method trellis or auto");
  detail::require(table.rows() > 0 && table.dim() > 0, "compressing a table of ", table.rows(),
                  " x ", table.dim(), ", needed at least one row and column");
  const std::uint64_t budget = detail::byte_budget(table, options);
  const std::vector<float> weights = detail::row_weights(table.matrix(), options);
  const auto made = [&](const std::string& method) {
    const auto start = std::chrono::steady_clock::now();
    FitStatus status{};
    Model<float> model{EntangledEmbedding<float>(detail::compressed_parts(
                           table, budget, method, options, weights, status)),
                       table.words(),
                       {}};
    const Fidelity fidelity = see::fidelity(TableRows(table), model.embedding, options.run);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const bool terms = model.embedding.parts().lexicon.senses() > 0;
    model.fit = {{"method", method == "mixed" && !terms ? "trellis" : method},
                 {"seed", std::to_string(options.seed)},
                 {"status", std::string(to_string(status))},
                 {"relative_error", detail::fixed(fidelity.relative_error, 6)},
                 {"mean_cosine", detail::fixed(fidelity.mean_cosine, 6)},
                 {"seconds", detail::fixed(seconds.count(), 1)}};
    const double error = weights.empty() ? fidelity.relative_error
                                         : detail::weighted_error(TableRows(table), model.embedding,
                                                                  weights, options.run);
    return std::pair(std::move(model), error);
  };
  if (options.method != "auto") return made(options.method).first;
  if (plain && budget < detail::least_trellis_bytes(table)) return made("induced").first;
  // With so many bits an entry codes leave next to nothing; the search for terms would take
  // minutes.
  constexpr double enough_bits = 6;
  const double entries = static_cast<double>(table.rows()) * static_cast<double>(table.dim());
  const bool enough = 8 * static_cast<double>(budget) >= enough_bits * entries;
  if (!plain || enough || !options.checkpoint.empty()) return made("trellis").first;
  auto best = made("mixed");
  const auto try_too = [&](const std::string& method) {
    auto other = made(method);
    if (other.second < best.second) best = std::move(other);
  };
  constexpr double hard = 0.5;  // from here on terms may do better
  if (best.first.fit.at("method") == "mixed") try_too("trellis");  // trials saw some rows only
  if (best.second > hard) try_too("induced");
  return std::move(best.first);
}

/// A trainable layer that starts from a dense table, compressed; method auto is induced here, since
/// a residual is constant.
inline EntangledEmbedding<float> from_pretrained(const Table& table, CompressOptions options) {
  if (options.method == "auto") options.method = "induced";
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
