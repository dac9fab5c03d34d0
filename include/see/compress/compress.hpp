#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/compress/compress_options.hpp"
#include "see/compress/fit.hpp"
#include "see/compress/methods.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/compress/row_weights.hpp"
#include "see/core/progress.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/model/builders.hpp"
#include "see/model/model.hpp"

namespace see {

namespace detail {

/// Throws unless the method can use all that the options give.
inline void validate_options(const Table& table, const CompressOptions& options,
                             const Method& method) {
  const auto refuse = [&](bool given, bool taken, const char* what) {
    require(!given || taken, what, " for method ", method.name, ", which cannot use it");
  };
  const RowMatrix<float>& activation = options.activation;
  refuse(!options.weights.empty(), method.weights, "weights");
  refuse(activation.size() > 0, method.activation, "an activation covariance");
  refuse(!options.checkpoint.empty(), method.checkpoint, "a checkpoint");
  refuse(options.direction != 0, method.direction, "a direction");
  refuse(options.knowledge != nullptr, method.knowledge, "knowledge of the words");
  require(!method.knowledge || options.knowledge, "method ", method.name,
          " without knowledge of the words, needed CompressOptions::knowledge");
  require(options.direction >= 0 && options.direction <= 1, "a direction of ", options.direction,
          ", needed 0 to 1");
  validate_weights(options.weights, table.rows());
  require(activation.size() == 0 || (activation.rows() == table.dim() &&
                                     activation.cols() == table.dim() && activation.allFinite()),
          "an activation covariance of ", activation.rows(), " x ", activation.cols(),
          ", needed finite numbers, ", table.dim(), " x ", table.dim());
  require(table.rows() > 0 && table.dim() > 0, "compressing a table of ", table.rows(), " x ",
          table.dim(), ", needed at least one row and column");
  require(table.matrix().allFinite(), "compressing a table with a number that is not finite");
}

}  // namespace detail

/// Compresses a table to a model by any of compress_methods(), so that its file, as save_model()
/// writes it, has at most the bytes that the options give. The model's notes (Model::fit) say how
/// well it came out. Deterministic for a seed, for any executor.
///
/// Throws on an empty table, an unknown method, an option that the method cannot use, a number that
/// is not finite, or a size that cannot be reached; the message names the smallest that can. Where
/// progress returns false, throws Cancelled, and a checkpoint has what is done: a run that goes on
/// from it gives the bits of one that was not interrupted. Throws FileError where table, size,
/// objective or seed are others than in the checkpoint; the caller removes its file when the model
/// is safe. Memory of trellis: the table once (mapped or not), a sample of at most 49,152 rows
/// twice, the model, 16 bytes a row and some MiB a thread; induced copies the table once. Time is
/// linear in rows.
///
///     see::save_model("vectors.see", see::compress(table, {.ratio = 20}));
inline Model<float> compress(const Table& table, const CompressOptions& options) {
  const Method& method = compress_method(options.method);
  detail::validate_options(table, options, method);
  const detail::FitRequest request{table,
                                   options,
                                   method.name,
                                   detail::byte_budget(table, options),
                                   detail::row_weights(table.matrix(), options),
                                   ProgressReport(options.progress)};
  Model<float> model = method.fit(request);
  const Fidelity fidelity = see::fidelity(TableRows(table), model.embedding, options.run);
  model.fit["relative_error"] = detail::note_number(fidelity.relative_error);
  model.fit["mean_cosine"] = detail::note_number(fidelity.mean_cosine);
  const std::uint64_t bytes = model_bytes(model).total;
  detail::require(bytes <= request.budget, "a model of ", bytes, " bytes for a budget of ",
                  request.budget);
  request.report("done", 1, fidelity.relative_error);
  return model;
}

/// A trainable layer that starts from a dense table, compressed; method auto is induced here, since
/// codes are constant.
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
