#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "see/compress/compress.hpp"
#include "see/compress/methods.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/compress/row_weights.hpp"
#include "see/core/finite.hpp"
#include "see/core/progress.hpp"
#include "see/core/row_source.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"

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
                                     activation.cols() == table.dim() && is_all_finite(activation)),
          "an activation covariance of ", activation.rows(), " x ", activation.cols(),
          ", needed finite numbers, ", table.dim(), " x ", table.dim());
  require(table.rows() > 0 && table.dim() > 0, "compressing a table of ", table.rows(), " x ",
          table.dim(), ", needed at least one row and column");
  require(is_all_finite(table.matrix()), "compressing a table with a number that is not finite");
}

/// Throws unless the method can take numbers of the table's magnitude.
inline void validate_magnitude(const Table& table, const Method& method) {
  Index row = 0, column = 0;
  const double largest = double(table.matrix().cwiseAbs().maxCoeff(&row, &column));
  require(largest == 0 || (largest >= method.least && largest <= method.most),
          "compressing a table whose largest number is ", double(table.matrix()(row, column)),
          " (row ", row, ", column ", column, "), needed ", method.least, " to ", method.most,
          " in magnitude for method ", method.name, ": scale the table");
}

}  // namespace detail

SEE_INLINE Model<float> compress(const Table& table, const CompressOptions& options) {
  const Method& method = compress_method(options.method);
  detail::validate_options(table, options, method);
  detail::validate_magnitude(table, method);
  const detail::FitRequest request{table,
                                   options,
                                   method.name,
                                   byte_budget(table, options),
                                   detail::row_weights(table.matrix(), options),
                                   detail::ProgressReport(options.progress)};
  Model<float> model = method.fit(request);
  const Fidelity fidelity = see::fidelity(TableRows(table), model.embedding, options.run);
  detail::require_better_than_zeros(fidelity.relative_error, request);
  model.fit["relative_error"] = detail::note_number(fidelity.relative_error);
  model.fit["mean_cosine"] = detail::note_number(fidelity.mean_cosine);
  const std::uint64_t bytes = model_bytes(model).total;
  detail::require(bytes <= request.budget, "a model of ", bytes, " bytes for a budget of ",
                  request.budget);
  request.report("done", 1, fidelity.relative_error);
  return model;
}

}  // namespace see
