#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/compress_options.hpp"
#include "see/compress/knowledge/fit_knowledge.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/compress/knowledge/knowledge_notes.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/row_weights.hpp"
#include "see/compress/trellis/add_codes.hpp"
#include "see/core/finite.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/word_knowledge.hpp"
#include "see/model/embedding.hpp"
#include "see/model/int8_axes.hpp"
#include "see/model/model.hpp"

namespace see {

namespace detail {

/// Makes models of one table.
class KnowledgeModelMaker {
 public:
  KnowledgeModelMaker(const Table& table, const WordKnowledge& knowledge,
                      const KnowledgeModelOptions& options, std::uint64_t budget)
      : table_(table),
        matrix_(table.matrix().data(), table.rows(), table.dim()),
        knowledge_(knowledge),
        options_(options),
        budget_(budget),
        report_(options.progress) {}

  KnowledgeModel make() {
    report("planning", 0);
    const Candidate best = options_.residual ? best_hybrid() : best_alone();
    report("fitting", 0.5);
    Terms terms = fit_terms(best, options_.fit.fit, options_.residual);
    const double terms_error = error_of(terms.model);
    const std::uint64_t terms_bytes = model_bytes(terms.model).total;
    if (options_.residual) {
      report("coding", 0.7);
      terms.model =
          with_codes(terms.model, 0, [this](double done) { report("coding", 0.7 + 0.3 * done); });
    }
    terms.model.fit = notes_of(
        terms.report, {mean_share(matrix_), terms_error, error_of(terms.model), terms_bytes});
    return {std::move(terms.model), terms.report};
  }

 private:
  /// A lexicon that fits its share of the bytes.
  struct Candidate {
    KnowledgeLexicon lexicon;
    Index width = 0;
    std::uint64_t bytes = 0;
    bool axes = false;  ///< of the residual
    double error = std::numeric_limits<double>::infinity();
  };
  struct Terms {
    Model<float> model;
    KnowledgeReport report;
  };

  void report(std::string_view stage, double fraction) const { report_(stage, fraction); }

  Index width_of(const KnowledgePlan& plan) const {
    const auto width = static_cast<Index>(std::lround(plan.width * double(table_.dim())));
    return std::clamp<Index>(width, 1, table_.dim());
  }

  double error_of(const Model<float>& model) const {
    return fidelity(TableRows(table_), model.embedding, options_.run).relative_error;
  }

  /// The model of terms, with notes as long as they will be.
  Terms terms_of(const KnowledgeLexicon& lexicon, EntangledEmbedding<float> layer) const {
    Model<float> model{std::move(layer), table_.words(), notes_of(lexicon.report, {}),
                       to_notes(lexicon, knowledge_.sources), Precision::i8};
    return {std::move(model), lexicon.report};
  }

  /// Bytes of the file of a layer of units of `width` numbers.
  std::uint64_t planned_bytes(const KnowledgeLexicon& lexicon, Index width) const {
    const Index dim = table_.dim();
    std::vector<Index> dims(static_cast<std::size_t>(lexicon.filling.order), 1);
    dims.back() = width;
    auto parts = make_parts<float>(Shape(dims), lexicon.lexicon, 1);
    parts.basis.mean = std::vector<float>(static_cast<std::size_t>(dim));
    if (width < dim) parts.basis.axes = std::vector<float>(static_cast<std::size_t>(width * dim));
    return model_bytes(terms_of(lexicon, EntangledEmbedding<float>(std::move(parts))).model).total;
  }

  /// The lexicon of a plan with as many morphs as `budget` bytes hold, to a hundredth of them;
  /// `least_` becomes the smallest size that was met.
  std::optional<Candidate> within(const KnowledgePlan& plan, std::uint64_t budget) {
    const Index width = width_of(plan);
    KnowledgeLexiconOptions options = options_.lexicon;
    options.filling = plan.filling;
    options.distinct = options.distinct && !options_.residual;
    const double unit_bytes = 1.1 * static_cast<double>(width) + 8;
    Index low = 2, high = std::numeric_limits<std::uint32_t>::max();
    auto morphs = std::clamp<Index>(static_cast<Index>(double(budget) / unit_bytes / 2), 3, high);
    std::optional<Candidate> best;
    constexpr int most_tries = 8;
    Index units = -1;
    for (int i = 0; i < most_tries && low < morphs && morphs < high; ++i) {
      auto lexicon = make_knowledge_lexicon(table_.words(), knowledge_.annotation,
                                            knowledge_.morphemes(morphs), options);
      const std::uint64_t bytes = planned_bytes(lexicon, width);
      least_ = std::min(least_, bytes);
      const bool grew = lexicon.units.size() != std::exchange(units, lexicon.units.size());
      const double left = static_cast<double>(budget) - static_cast<double>(bytes);
      if (left >= 0) {
        low = morphs;
        if (!best || bytes > best->bytes) best = Candidate{std::move(lexicon), width, bytes};
        if (left < 0.01 * static_cast<double>(budget) || !grew) break;
      } else {
        high = morphs;
      }
      if (plan.filling.most_morphs == 0) break;
      const auto step = static_cast<Index>(left / unit_bytes - (left < 0 ? 1 : 0));
      Index next = morphs + (step == 0 ? 1 : step);
      if (next <= low || next >= high) next = low + (high - low) / 2;
      morphs = std::max<Index>(3, next);
    }
    if (best) widen(*best, budget);
    return best;
  }

  /// Gives units as many numbers as `budget` bytes hold. Where one more unit would take one more
  /// bit of every term, morphs alone leave some percent of the bytes.
  void widen(Candidate& candidate, std::uint64_t budget) const {
    const Index a_number = candidate.lexicon.units.size() + table_.dim();
    const auto more = static_cast<Index>(budget - candidate.bytes) / a_number;
    Index width = std::min(table_.dim(), candidate.width + more);
    for (; width > candidate.width; --width) {
      const std::uint64_t bytes = planned_bytes(candidate.lexicon, width);
      if (bytes > budget) continue;
      candidate.width = width;
      candidate.bytes = bytes;
    }
  }

  FitOptions rough() const {
    FitOptions options = options_.fit.fit;
    options.iterations = std::min(options.iterations, 2);
    options.inner_iterations = std::min(options.inner_iterations, 15);
    return options;
  }

  /// The plan whose rough fit errs least in `budget` bytes; none where none fits.
  std::optional<Candidate> best_terms(std::uint64_t budget, const std::vector<KnowledgePlan>& plans,
                                      double done) {
    std::optional<Candidate> best;
    for (const KnowledgePlan& plan : plans) {
      report("planning", done);
      auto candidate = within(plan, budget);
      if (!candidate) continue;
      if (plans.size() > 1)
        candidate->error = error_of(fit_terms(*candidate, rough(), false).model);
      if (!best || candidate->error < best->error) best = std::move(candidate);
    }
    return best;
  }

  Candidate best_alone() {
    auto best = best_terms(budget_, options_.plans, 0);
    require(best.has_value(), "a model of ", table_.rows(), " x ", table_.dim(), " in ", budget_,
            " bytes from this knowledge, the smallest that was found takes ", least_, " bytes");
    return std::move(*best);
  }

  /// The plans with units of full width, each once.
  std::vector<KnowledgePlan> plans_beside_residual() const {
    std::vector<KnowledgePlan> plans;
    for (const KnowledgePlan& plan : options_.plans)
      if (std::none_of(plans.begin(), plans.end(),
                       [&](const auto& other) { return other.filling == plan.filling; }))
        plans.push_back({plan.filling, 1});
    return plans;
  }

  /// For each share the plan that errs least in it, and one that has morphs only for words without
  /// senses; of these the one that a rough residual beside it serves best, with or without axes.
  Candidate best_hybrid() {
    std::optional<Candidate> best;
    const std::vector<KnowledgePlan> plans = plans_beside_residual();
    KnowledgePlan apart = plans.front();
    apart.filling.most_morphs = std::max<Index>(2, apart.filling.most_morphs);
    apart.filling.morphs_beside_senses = 0;
    const auto axes_bytes = static_cast<std::uint64_t>(table_.dim() * table_.dim());
    const auto consider = [&](Candidate candidate, bool axes) {
      constexpr int quick = 8;
      candidate.axes = axes;
      const Terms terms = fit_terms(candidate, {.iterations = 0}, true);
      if (!has_room_for_codes(terms.model, budget_)) return;
      candidate.error = error_of(with_codes(fit_terms(candidate, rough(), true).model, quick));
      if (!best || candidate.error < best->error) best = std::move(candidate);
    };
    const bool room = 4 * axes_bytes <= budget_;
    double done = 0;
    for (const double share : options_.shares) {
      const auto bytes = static_cast<std::uint64_t>(share * static_cast<double>(budget_));
      const double before = best ? best->error : std::numeric_limits<double>::infinity();
      if (auto candidate = best_terms(bytes, plans, done)) consider(std::move(*candidate), room);
      if (auto candidate = within(apart, bytes)) consider(std::move(*candidate), room);
      if (best && best->error >= before) break;
      done += 0.4 / static_cast<double>(options_.shares.size());
    }
    require(best.has_value(), "a model of ", table_.rows(), " x ", table_.dim(), " in ", budget_,
            " bytes from this knowledge with a residual, the smallest size of terms that was "
            "found is ",
            least_, " bytes");
    if (room && axes_bytes > budget_ / 200) consider(*best, false);
    return std::move(*best);
  }

  /// Terms as the file keeps them; `turned`: in the principal axes of what they leave, if the
  /// candidate has any.
  Terms fit_terms(const Candidate& candidate, FitOptions fit, bool turned) const {
    KnowledgeFitOptions options = options_.fit;
    options.width = candidate.width;
    options.fit = std::move(fit);
    options.fit.run = options_.run;
    EmbeddingParts<float> parts = fit_knowledge(candidate.lexicon, matrix_, options).parts();
    round_to_half(parts.basis.mean);
    if (parts.basis.has_axes())
      round_to_int8_axes({parts.basis.axes.mutate(), parts.basis.axes.size()}, table_.dim());
    if (turned && candidate.axes) turn(parts);
    for (auto& inventory : parts.inventories) inventory = inventory.stored_as(Storage::i8);
    return terms_of(candidate.lexicon, EntangledEmbedding<float>(std::move(parts)));
  }

  static void round_to_half(Array<float>& values) {
    float* const numbers = values.mutate();
    for (std::size_t i = 0; i < values.size(); ++i) numbers[i] = detail::round_to_half(numbers[i]);
  }

  /// Turns units of full width into the principal axes of what the terms leave of the table.
  void turn(EmbeddingParts<float>& parts) const {
    const Index dim = table_.dim();
    const EntangledEmbedding<float> layer(parts);
    RowMatrix<float> rest(table_.rows(), dim);
    std::vector<Index> ids(static_cast<std::size_t>(table_.rows()));
    std::iota(ids.begin(), ids.end(), Index{0});
    layer.forward(ids, rest);
    rest = matrix_ - rest;
    const PrincipalBasis basis = fit_basis(moments(rest, true, options_.run), false, true, dim);
    const auto& units = parts.inventories[0];
    const RowMatrix<float> turned = product(
        ConstRowMatrixMap<float>(units.values().data(), units.size(), dim), basis.axes.transpose());
    parts.inventories[0] = Inventory<float>(
        Array<float>(std::vector<float>(turned.data(), turned.data() + turned.size())),
        units.size(), 1, dim);
    parts.basis.axes =
        Array<float>(std::vector<float>(basis.axes.data(), basis.axes.data() + basis.axes.size()));
  }

  /// The terms with codes in what the budget leaves.
  Model<float> with_codes(Model<float> terms, int window_bits,
                          std::function<void(double)> progress = {}) const {
    CompressOptions weighing;
    weighing.direction = options_.direction;
    const std::vector<float> weights = row_weights(matrix_, weighing);
    add_codes(terms, table_, budget_,
              {.weights = weights, .window_bits = window_bits, .progress = std::move(progress)},
              options_.run);
    return terms;
  }

  Metadata notes_of(const KnowledgeReport& report, const ExplainedShares& shares) const {
    std::optional<std::uint64_t> coded;
    if (options_.residual) coded = budget_;
    return knowledge_notes(options_.residual ? "hybrid" : "see", {}, report, shares, coded);
  }

  const Table& table_;
  ConstRowMatrixMap<float> matrix_;
  const WordKnowledge& knowledge_;
  const KnowledgeModelOptions& options_;
  std::uint64_t budget_;
  ProgressReport report_;
  std::uint64_t least_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace detail

SEE_INLINE KnowledgeModel compress_on(const Table& table, const WordKnowledge& knowledge,
                                      const KnowledgeModelOptions& options) {
  detail::require(!table.words().empty(),
                  "a model from knowledge of a table without words, needed their names");
  detail::require(table.rows() > 0 && table.dim() > 0 && detail::is_all_finite(table.matrix()),
                  "a model from knowledge of a table of ", table.rows(), " x ", table.dim(),
                  ", needed at least one row and column of finite numbers");
  detail::require_half_range(table.matrix(), options.residual ? "hybrid" : "see",
                             !options.residual);
  detail::require(!options.plans.empty(), "a model from knowledge without a plan, needed one");
  detail::require(!options.residual || !options.shares.empty(),
                  "a hybrid model without shares for its terms, needed one");
  detail::require(options.direction >= 0 && options.direction <= 1, "a direction of ",
                  options.direction, ", needed 0 to 1");
  for (const double share : options.shares)
    detail::require(share > 0 && share < 1, "a share of ", share, " for terms, needed 0 to 1");
  for (const KnowledgePlan& plan : options.plans) {
    detail::require(plan.width > 0 && plan.width <= 1, "units of ", plan.width,
                    " of the columns, needed above 0, at most 1");
    detail::require(plan.filling.units_a_term == 1, "a plan for terms of ",
                    plan.filling.units_a_term, " units, needed 1");
  }
  const std::uint64_t budget = byte_budget(table, options.ratio, options.bytes);
  KnowledgeModel result = detail::KnowledgeModelMaker(table, knowledge, options, budget).make();
  const Fidelity fidelity = see::fidelity(TableRows(table), result.model.embedding, options.run);
  result.model.fit["relative_error"] = detail::note_number(fidelity.relative_error);
  result.model.fit["mean_cosine"] = detail::note_number(fidelity.mean_cosine);
  return result;
}

}  // namespace see
