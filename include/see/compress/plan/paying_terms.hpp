#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/induced/induce.hpp"
#include "see/compress/induced/induce_plan.hpp"
#include "see/compress/induced/induced_model.hpp"
#include "see/compress/row_weights.hpp"
#include "see/compress/trellis/add_residual.hpp"
#include "see/compress/trellis/fit_residual.hpp"
#include "see/compress/trellis/row_classes.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/model/embedding.hpp"

/// Terms and a residual in one budget: which terms, if any, leave less to the residual than their
/// bytes would have taken off it.
namespace see::detail {

/// Searches the terms that a residual is better off with, by trials on some rows: what a
/// rough residual of the bytes that are left leaves of them. Starts without terms and goes on to
/// more units, more terms a word and row scales for as long as that pays.
class PayingTerms {
 public:
  /// `bare`: parts of the table without terms, whose mean and axes the terms share; `weights`: one
  /// a row, or none.
  PayingTerms(const Table& table, const EmbeddingParts<float>& bare, std::uint64_t budget,
              std::span<const float> weights, const Executor& run)
      : table_(table), budget_(budget), run_(run) {
    std::vector<std::size_t> ids;
    const RowMatrix<float> rows =
        spread_rows(AnyRows(TableRows(table)), sample_rows(table.rows()), ids);
    sample_ = Table({}, std::vector<float>(rows.data(), rows.data() + rows.size()), rows.rows(),
                    rows.cols());
    if (!weights.empty())
      for (const std::size_t w : ids) weights_.push_back(weights[w]);
    start_.dim = table.dim();
    start_.width = bare.shape.width();
    start_.mean = bare.basis.has_mean();
    start_.basis = bare.basis.has_axes();
    start_.q1 = bare.shape.factor_dim(0);
    start_.q2 = bare.shape.factor_dim(1);
    const std::vector<Index> ranks(ids.size(), 0), units;
    EmbeddingParts<float> some = bare;
    some.lexicon = Lexicon(SlotTable::per_slot({1, 1}), ranks, units);
    least_ = error(some, side_bytes(bare, table.words()));
  }

  /// The plan of the terms, or none where a residual alone does better.
  std::optional<InducedPlan> best() {
    for (const auto& [units, terms] : {std::pair<Index, Index>{64, 1}, {64, 4}}) {
      InducedPlan plan = start_;
      plan.units1 = plan.units2 = units;
      plan.terms = terms;
      consider(plan);
    }
    for (bool better = best_.has_value(); better;) {
      const InducedPlan from = *best_;
      better = false;
      for (const int move : {0, 1, 2, 3}) {
        InducedPlan plan = from;
        if (move == 0) plan.terms *= 2;
        if (move == 1) plan.terms += 1;
        if (move == 2) plan.units1 = plan.units2 = std::min<Index>(2 * from.units1, 4096);
        if (move == 3) plan.scale_bits = 4 - from.scale_bits;
        better = consider(plan) || better;
      }
    }
    return best_;
  }

 private:
  /// An eighth of the rows, but 4096 to 16384: classes of rows need many, trials take their time.
  static Index sample_rows(Index rows) {
    return std::min(rows, std::clamp<Index>(rows / 8, 4096, 16384));
  }

  /// Takes the plan where it leaves two percent less than the best so far.
  bool consider(const InducedPlan& plan) {
    const EmbeddingParts<float> whole = blank_model(plan, table_).embedding.parts();
    const std::uint64_t side = side_bytes(whole, table_.words());
    if (side + residual_overhead(table_.rows(), plan.width, 1) + packed_padding > budget_)
      return false;
    const InducedCode code = induce(sample_.matrix(), plan,
                                    {.beam = 2,
                                     .training_beam = 2,
                                     .iterations = 5,
                                     .sweeps = 0,
                                     .weights = weights_,
                                     .run = run_});
    // The codebooks know the sample better than other rows.
    const double numbers = double(plan.units1 * plan.q1 + plan.units2 * plan.q2);
    const double width = double(plan.width);
    const double known = 1 - numbers / (double(sample_.rows()) * width);
    if (known < 0.1) return false;
    const double hidden = (1 - numbers / (double(table_.rows()) * width)) / known;
    const double left = hidden * error(to_parts(code), side);
    if (left >= 0.98 * least_) return false;
    least_ = left;
    best_ = plan;
    return true;
  }

  /// What a rough residual leaves of the sample beside `parts` in the sample's share of the bytes
  /// that are left, what lies outside of the axes included.
  double error(EmbeddingParts<float> parts, std::uint64_t side) const {
    const double share = double(sample_.rows()) / double(table_.rows());
    const auto bytes = static_cast<std::uint64_t>(share * double(budget_ - side));
    const std::uint64_t least =
        residual_overhead(sample_.rows(), parts.shape.width(), 1) + packed_padding;
    ResidualFit fit = fit_residual(rest_of(sample_, parts), std::max(bytes, least),
                                   {.weights = weights_, .window_bits = 8}, run_);
    parts.residual = std::make_shared<const Residual>(std::move(fit.residual));
    const EntangledEmbedding<float> layer(std::move(parts));
    return weighted_error(TableRows(sample_), layer, weights_, run_);
  }

  const Table& table_;
  std::uint64_t budget_;
  const Executor& run_;
  Table sample_;
  std::vector<float> weights_;  ///< of the sample's rows, or none
  InducedPlan start_;
  double least_ = 0;
  std::optional<InducedPlan> best_;
};

}  // namespace see::detail
