#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/compress/plan/method.hpp"
#include "see/compress/plan/paying_terms.hpp"
#include "see/compress/trellis/activation_basis.hpp"
#include "see/compress/trellis/add_codes.hpp"
#include "see/compress/trellis/fit_trellis.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

/// Method trellis: models whose rows are trellis codes, alone or beside terms that pay.
namespace see::detail {

/// A model without terms in a frame, its codes still to come.
inline Model<float> trellis_frame(const Table& table, const PrincipalBasis& basis, Metadata notes) {
  return {EntangledEmbedding<float>(parts_without_terms(table.rows(), table.dim(), basis)),
          table.words(),
          std::move(notes),
          {},
          Precision::f16};
}

/// Bytes of the file of such a model beside the arrays of its codes.
inline std::uint64_t frame_bytes(const Table& table, Index axes, bool mean) {
  PrincipalBasis basis;
  if (mean) basis.mean = Vector<float>::Zero(table.dim());
  if (axes > 0) basis.axes = RowMatrix<float>::Zero(axes, table.dim());
  const Index width = axes > 0 ? axes : table.dim();
  return bytes_with_trellis(trellis_frame(table, basis, fit_notes("trellis")), 1, packed_padding) -
         trellis_bytes(table.rows(), width, 1, packed_padding);
}

/// The smallest model without terms in bytes.
inline std::uint64_t least_trellis_bytes(const Table& table) {
  return frame_bytes(table, 0, false) +
         trellis_bytes(table.rows(), table.dim(), 1, packed_padding) +
         static_cast<std::uint64_t>(table.rows());
}

/// Some rows of a source, evenly spread, and all where these are not more. Views `source`.
inline AnyRows thinned(const AnyRows& source, Index most) {
  const Index all = source.num_embeddings(), count = std::min(all, most);
  return {count, source.embedding_dim(),
          [&source, all, count](std::span<const Index> ids, RowMatrixRef<float> out) {
            std::vector<Index> chosen;
            for (const Index id : ids)
              chosen.push_back(
                  static_cast<Index>(static_cast<double>(id) * double(all) / double(count)));
            source.forward(std::span<const Index>(chosen), out);
          }};
}

/// Chooses the frame of a table for trellis codes in a budget: whether a mean, and how many
/// principal axes earn their bytes. Where these weigh some thousandths of the budget, rough fits of
/// some rows decide.
class FrameChoice {
 public:
  explicit FrameChoice(const FitRequest& request)
      : request_(request),
        matrix_(request.table.matrix().data(), request.table.rows(), request.table.dim()),
        moments_(see::detail::moments(matrix_, affords(1), request.options.run)) {}

  /// Throws where an activation covariance needs axes that the budget does not hold.
  PrincipalBasis choose() const {
    const Table& table = request_.table;
    const Index dim = table.dim();
    const bool weighed = request_.options.activation.size() > 0;
    require(affords(dim) || !weighed, "an activation covariance for a model of ", request_.budget,
            " bytes, needed at least ", 2 * frame_bytes(table, dim, true),
            " for its axes, and at most 4096 columns");
    bool mean = moments_.mean.cwiseAbs().maxCoeff() < double{largest_half} &&
                request_.budget >= least_trellis_bytes(table) + cost(0);
    Index axes = affords(dim) ? dim : 0;
    if (!weighed && affords(1) && cost(dim) > request_.budget / 200) axes = best_axes(mean);
    // Classes of rows have means of their own, so that the table's is worth little.
    if (mean && cost(0) > request_.budget / 500)
      mean = rough_error(axes, true) < rough_error(axes, false);
    return frame(axes, mean);
  }

 private:
  bool affords(Index axes) const {
    return request_.table.dim() <= 4096 &&
           request_.budget > 2 * frame_bytes(request_.table, axes, true);
  }

  std::uint64_t cost(Index axes) const {
    return frame_bytes(request_.table, axes, true) - frame_bytes(request_.table, 0, false);
  }

  PrincipalBasis frame(Index axes, bool mean) const {
    if (request_.options.activation.size() > 0)
      return activation_basis(moments_, mean, request_.options.activation);
    return fit_basis(moments_, mean, axes > 0, axes > 0 ? axes : request_.table.dim());
  }

  Index best_axes(bool mean) const {
    const Index dim = request_.table.dim();
    Index axes = 0;
    double best = rough_error(0, mean), before = std::numeric_limits<double>::infinity();
    for (const int eighths : {8, 6, 5, 4, 3, 2, 1}) {
      const Index some = std::max<Index>(1, dim * eighths / 8);
      if (!affords(some)) continue;
      const double error = rough_error(some, mean);
      if (error < best) {
        best = error;
        axes = some;
      }
      if (error > before) break;
      before = error;
    }
    return axes;
  }

  /// What a rough fit with these axes and mean leaves of some rows, the energy along other axes
  /// included.
  double rough_error(Index axes, bool mean) const {
    const Table& table = request_.table;
    const EmbeddingParts<float> parts =
        parts_without_terms(table.rows(), table.dim(), frame(axes, mean));
    const AnyRows all = rest_of(table, parts, Storage::f16), some = thinned(all, 32768);
    const Index count = some.num_embeddings();
    const double share = static_cast<double>(count) / static_cast<double>(table.rows());
    std::vector<float> weights;
    for (Index i = 0; i < count && !request_.weights.empty(); ++i)
      weights.push_back(request_.weights[static_cast<std::size_t>(double(i) / share)]);
    const auto bytes = static_cast<std::uint64_t>(
        share * static_cast<double>(request_.budget - frame_bytes(table, axes, mean)));
    request_.report("planning", 0.05);
    double error =
        fit_trellis(some, bytes, {.weights = weights, .window_bits = 8}, request_.options.run)
            .error;
    if (axes == 0 || axes == table.dim()) return error;
    const RowMatrix<double> kept =
        ConstRowMatrixMap<float>(parts.basis.axes.data(), axes, table.dim()).cast<double>();
    double lost =
        moments_.covariance.trace() - product(kept, moments_.covariance).cwiseProduct(kept).sum();
    if (!mean) lost += moments_.mean.squaredNorm() - (kept * moments_.mean).squaredNorm();
    return error + std::max(0.0, lost) * static_cast<double>(count);
  }

  const FitRequest& request_;
  ConstRowMatrixMap<float> matrix_;
  Moments moments_;
};

/// Codes a table with a mean and as many principal axes as earn theirs. `with_terms`: and with
/// induced terms, where PayingTerms finds any; the method is then noted as "mixed". Throws where
/// the budget does not suffice.
inline Model<float> trellis_model(const FitRequest& request, bool with_terms) {
  const Table& table = request.table;
  const Executor& run = request.options.run;
  require_budget(table, "trellis", request.budget, least_trellis_bytes(table));
  request.report("planning", 0);
  Model<float> model = trellis_frame(table, FrameChoice(request).choose(), fit_notes("trellis"));
  if (with_terms) {
    request.report("planning", 0.1);
    PayingTerms terms(model, table, request.budget, request.weights, run);
    if (const auto plan = terms.best()) {
      model.embedding = EntangledEmbedding<float>(to_parts(
          induce(ConstRowMatrixMap<float>(table.matrix().data(), table.rows(), table.dim()), *plan,
                 {.seed = request.options.seed,
                  .weights = request.weights,
                  .run = run,
                  .progress = request.report.part(0.1, 0.5)})));
      model.fit = fit_notes("mixed", request.options.seed);
    }
  }
  const double coded = model.embedding.parts().has_terms() ? 0.5 : 0.1;
  add_codes(model, table, request.budget,
            {.weights = request.weights,
             .progress = [&](double done) { request.report("coding", coded + (1 - coded) * done); },
             .checkpoint = request.options.checkpoint},
            run);
  return model;
}

inline Model<float> fit_trellis_model(const FitRequest& request) {
  return trellis_model(request, false);
}

inline constexpr Method trellis_method{
    .name = "trellis",
    .help = "trellis codes of the rows: the least error at most sizes",
    .weights = true,
    .activation = true,
    .checkpoint = true,
    .direction = true,
    .fit = fit_trellis_model,
};

}  // namespace see::detail
