#pragma once

#include <string_view>
#include <utility>

#include "see/compress/induced/induced_method.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/method.hpp"
#include "see/compress/row_weights.hpp"
#include "see/compress/trellis/trellis_method.hpp"
#include "see/core/row_source.hpp"
#include "see/model/model.hpp"

/// Method auto: the better of trellis codes, alone or beside terms, and induced sememes.
namespace see::detail {

inline Model<float> fit_auto_model(const FitRequest& request) {
  const CompressOptions& options = request.options;
  const bool plain = options.activation.size() == 0;
  if (plain && request.budget < least_trellis_bytes(request.table))
    return fit_induced_model(request);
  // With so many bits an entry codes leave next to nothing; the search for terms would take
  // minutes.
  constexpr double enough_bits = 6;
  const bool enough =
      32 * static_cast<double>(request.budget) >= enough_bits * dense_bytes(request.table);
  if (!plain || enough || !options.checkpoint.empty()) return fit_trellis_model(request);
  const auto error = [&](const Model<float>& model) {
    return weighted_error(TableRows(request.table), model.embedding, request.weights, options.run);
  };
  Model<float> best = trellis_model(request, true);
  double least = error(best);
  const auto try_too = [&](Model<float> other) {
    const double left = error(other);
    if (left >= least) return;
    least = left;
    best = std::move(other);
  };
  constexpr double hard = 0.5;  // from here on terms may do better
  if (best.embedding.parts().has_terms())
    try_too(fit_trellis_model(request));  // trials saw some rows
  if (least > hard) try_too(fit_induced_model(request));
  return best;
}

inline constexpr Method auto_method{
    .name = "auto",
    .help = "trellis, beside terms where these pay, or induced where that errs less",
    .weights = true,
    .activation = true,
    .checkpoint = true,
    .direction = true,
    .seed = true,
    .fit = fit_auto_model,
};

}  // namespace see::detail
