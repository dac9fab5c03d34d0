#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/induced/induce.hpp"
#include "see/compress/induced/induce_plan.hpp"
#include "see/compress/induced/induced_model.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/planned_codes.hpp"
#include "see/compress/row_weights.hpp"
#include "see/compress/trellis/add_codes.hpp"
#include "see/compress/trellis/fit_trellis.hpp"
#include "see/compress/trellis/row_classes.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"
#include "see/model/trellis_codes.hpp"

/// Terms and codes in one budget: which terms, if any, leave less to the codes than their bytes
/// would have taken off it.
namespace see::detail {

/// Searches the terms that trellis codes are better off with, by trials on some rows: what rough
/// codes in the bytes that are left leave of them. Starts without terms and goes on to
/// more units, more terms a word and row scales for as long as that pays.
class PayingTerms {
 public:
  /// `bare`: a model of the table without terms, whose mean and axes the terms share, its codes
  /// still to come; `weights`: one a row, or none.
  PayingTerms(const Model<float>& bare, const Table& table, std::uint64_t budget,
              std::span<const float> weights, const Executor& run)
      : table_(table), budget_(budget), run_(run) {
    std::vector<std::size_t> ids;
    const RowMatrix<float> rows =
        spread_rows(AnyRows(TableRows(table)), sample_rows(table.rows()), ids);
    sample_ = Table({}, std::vector<float>(rows.data(), rows.data() + rows.size()), rows.rows(),
                    rows.cols());
    if (!weights.empty())
      for (const std::size_t w : ids) weights_.push_back(weights[w]);
    const EmbeddingParts<float>& parts = bare.embedding.parts();
    start_.dim = table.dim();
    start_.width = parts.shape.width();
    start_.mean = parts.basis.has_mean();
    start_.basis = parts.basis.has_axes();
    const Shape shape = Shape::balanced(start_.width, 2);
    start_.q1 = shape.factor_dim(0);
    start_.q2 = shape.factor_dim(1);
    EmbeddingParts<float> some = parts;
    const auto rows_of_sample = static_cast<Index>(ids.size());
    some.lexicon = Lexicon::without_senses(rows_of_sample);
    some.codes = std::make_shared<const PlannedCodes>(rows_of_sample, start_.width);
    least_ = error(std::move(some), side_of(bare));
  }

  /// The plan of the terms, or none where codes alone do better.
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
    Model<float> whole = blank_model(plan, table_);
    whole.fit = fit_notes("mixed", std::numeric_limits<std::uint64_t>::max());
    const std::uint64_t side = side_of(whole);
    if (side + trellis_bytes(table_.rows(), plan.width, 1, packed_padding) > budget_) return false;
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

  /// What rough codes leave of the sample beside `parts` in the sample's share of the bytes
  /// that are left, what lies outside of the axes included.
  double error(EmbeddingParts<float> parts, std::uint64_t side) const {
    const double share = double(sample_.rows()) / double(table_.rows());
    const auto bytes = static_cast<std::uint64_t>(share * double(budget_ - side));
    const std::uint64_t least =
        trellis_bytes(sample_.rows(), parts.shape.width(), 1, packed_padding);
    TrellisFit fit = fit_trellis(rest_of(sample_, parts, Storage::f16), std::max(bytes, least),
                                 {.weights = weights_, .window_bits = 8}, run_);
    parts.codes = std::make_shared<const TrellisCodes>(std::move(fit.codes));
    const EntangledEmbedding<float> layer(std::move(parts));
    return weighted_error(TableRows(sample_), layer, weights_, run_);
  }

  /// Bytes of the file of a model beside the arrays of its codes.
  std::uint64_t side_of(const Model<float>& model) const {
    return bytes_with_trellis(model, 1, budget_) -
           trellis_bytes(table_.rows(), model.embedding.shape().width(), 1, budget_);
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
