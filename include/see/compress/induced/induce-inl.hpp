#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "see/compress/basis.hpp"
#include "see/compress/induced/induce.hpp"
#include "see/compress/induced/induce_state.hpp"
#include "see/compress/induced/induce_train.hpp"
#include "see/compress/row_weights.hpp"
#include "see/core/finite.hpp"
#include "see/core/random.hpp"

namespace see::detail {

SEE_INLINE RowMatrix<float> decode(const InducedCode& code, Index first, Index count) {
  require(first >= 0 && count >= 0 && first + count <= code.rows(), "decoding rows ", first, " to ",
          first + count, " of ", code.rows());
  const TermModel model{code.codebook_a, code.codebook_b, code.gains, {}};
  RowMatrix<float> coefficients(count, code.plan.width), grid;
  for (Index i = 0; i < count; ++i) {
    const auto w = static_cast<std::size_t>(first + i);
    const std::size_t length = code.begin[w + 1] - code.begin[w];
    sum_terms(model, std::span(code.index).subspan(code.begin[w], length), grid);
    const float scale = code.scale_table.empty() ? 1.0F : code.scale_table[code.scale_index[w]];
    coefficients.row(i) =
        scale * Eigen::Map<const Eigen::RowVectorXf>(grid.data(), code.plan.width);
  }
  return from_basis({code.mean, code.axes}, coefficients);
}

SEE_INLINE double relative_error(ConstRowMatrixRef<float> table, const InducedCode& code,
                                 const Executor& run) {
  const Vector<double> zero = Vector<double>::Zero(2);
  const Vector<double> sums = reduce_ranges(
      run, static_cast<std::size_t>(table.rows()), zero,
      [&](Vector<double>& sum, std::size_t first, std::size_t last) {
        for (std::size_t at = first; at < last; at += 256) {
          const auto start = static_cast<Index>(at);
          const auto count = static_cast<Index>(std::min<std::size_t>(256, last - at));
          const auto rows = table.middleRows(start, count);
          sum(0) += (rows - decode(code, start, count)).template cast<double>().squaredNorm();
          sum(1) += rows.template cast<double>().squaredNorm();
        }
      });
  return sums(1) > 0 ? sums(0) / sums(1) : 0.0;
}

/// The steps of `induce`, in order: learn, code, polish.
class Inducer {
 public:
  /// Goes on from `state`. `all_rows`: rows that its plan is for, of which the grid may be a
  /// sample; `checkpoint`: what keeps the state, or null.
  Inducer(const TermGrid& grid, InducedState state, Index all_rows, const InducedOptions& options,
          Checkpoint* checkpoint = nullptr)
      : grid_(grid),
        state_(std::move(state)),
        options_(options),
        checkpoint_(checkpoint),
        report_(options.progress),
        random_(options.seed),
        terms_(terms_for(grid, state_.plan, all_rows)) {}

  /// Learns codebooks from a sample of the rows. Returns the sample's squared error, relative to
  /// its energy (both weighted), under the last model and codes.
  double learn() {
    const auto over = [&] {
      return state_.status != FitStatus::iteration_limit ||
             state_.iterations >= options_.iterations;
    };
    if (state_.iterations > 0 && over()) return state_.error;
    TermCodes codes;
    const TermGrid sample = draw_sample(codes);
    const double energy = std::max(weighted_energy(sample.rows, sample.weights), 1e-30);
    const auto n = static_cast<std::size_t>(sample.rows.rows());
    const SearchEffort effort{options_.training_beam, options_.preselect, 0};
    TermModel& model = state_.model;
    if (state_.iterations == 0) model = first_model(sample.rows, state_.plan, random_);
    while (!over()) {
      encode_rows(sample.rows, 0, n, model, effort, codes, options_.run);
      for (int round = 0; round < 2; ++round) refit(sample, codes, model, options_.run);
      const double before = state_.error;
      state_.error = squared_error(sample, model, codes, options_.run) / energy;
      sort_scales(model, codes);
      ++state_.iterations;
      if (!(state_.error < (1 - options_.tolerance) * before)) state_.status = FitStatus::converged;
      report("learning", 0.4 * state_.iterations / options_.iterations, state_.error);
    }
    return state_.error;
  }

  /// Codes all rows, in twenty parts between which progress is reported. Throws FileError where the
  /// state was kept for other rows.
  void code() {
    const auto n = static_cast<std::size_t>(grid_.rows.rows());
    TermCodes codes(terms_);
    const TermCodes& done = state_.codes;
    require<FileError>(state_.coded <= n && done.scale.size() == state_.coded &&
                           done.index.size() == codes.begin[state_.coded],
                       "a checkpoint of ", state_.coded, " rows of ", done.index.size() / 2,
                       " terms, needed those of the table");
    std::ranges::copy(done.index, codes.index.begin());
    std::ranges::copy(done.scale, codes.scale.begin());
    state_.codes = std::move(codes);
    const std::size_t part = grain_for(n, 20, 1024);
    while (state_.coded < n) {
      const std::size_t last = std::min(n, state_.coded + part);
      encode_rows(grid_.rows, state_.coded, last, state_.model, full_effort(), state_.codes,
                  options_.run);
      state_.coded = last;
      report("coding", 0.4 + 0.5 * static_cast<double>(last) / static_cast<double>(n),
             std::numeric_limits<double>::quiet_NaN());
    }
  }

  /// Refits the model to all rows, improves their codes under it, and rounds it.
  void polish() {
    TermModel& model = state_.model;
    TermCodes& codes = state_.codes;
    refit(grid_, codes, model, options_.run);
    sort_scales(model, codes);
    const SearchEffort effort{0, options_.preselect, 1};
    encode_rows(grid_.rows, 0, codes.scale.size(), model, effort, codes, options_.run);
    refit(grid_, codes, model, options_.run);
    round_model(grid_, codes, model, options_.run);
    sort_scales(model, codes);
  }

  /// What was learned, without mean, axes and error; the inducer is spent.
  InducedCode take() {
    InducedCode result;
    result.plan = state_.plan;
    result.codebook_a = std::move(state_.model.u);
    result.codebook_b = std::move(state_.model.v);
    result.gains = state_.model.gains * grid_.unit;
    result.gains.conservativeResize(*std::max_element(terms_.begin(), terms_.end()));
    result.index = std::move(state_.codes.index);
    result.begin = std::move(state_.codes.begin);
    if (state_.plan.scale_bits > 0) {
      result.scale_table = std::move(state_.model.scales);
      result.scale_index = std::move(state_.codes.scale);
    }
    result.status = state_.status;
    return result;
  }

 private:
  /// Keeps the state and tells the caller of it. Where that one wants no more, the state is kept
  /// and Cancelled thrown.
  void report(std::string_view stage, double fraction, double error) {
    if (checkpoint_) keep(*checkpoint_, state_, false);
    try {
      report_(stage, fraction, error);
    } catch (const Cancelled&) {
      if (checkpoint_) keep(*checkpoint_, state_, true);
      throw;
    }
  }

  SearchEffort full_effort() const { return {options_.beam, options_.preselect, options_.sweeps}; }

  /// The rows to learn from; `codes` gets room for theirs.
  TermGrid draw_sample(TermCodes& codes) {
    const auto n = static_cast<std::size_t>(grid_.rows.rows());
    const auto wanted = static_cast<std::size_t>(std::max<Index>(1, options_.sample_rows));
    if (n <= wanted) {
      codes = TermCodes(terms_);
      return grid_;
    }
    std::vector<std::uint16_t> terms;
    const auto chosen = sample_without_replacement(n, wanted, random_);
    TermGrid sample;
    sample.rows.resize(static_cast<Index>(wanted), grid_.rows.cols());
    for (std::size_t i = 0; i < wanted; ++i) {
      sample.rows.row(static_cast<Index>(i)) = grid_.rows.row(static_cast<Index>(chosen[i]));
      if (!grid_.weights.empty()) sample.weights.push_back(grid_.weights[chosen[i]]);
      terms.push_back(terms_[chosen[i]]);
    }
    codes = TermCodes(terms);
    return sample;
  }

  const TermGrid& grid_;
  InducedState state_;
  const InducedOptions& options_;
  Checkpoint* checkpoint_;
  ProgressReport report_;
  Random random_;
  std::vector<std::uint16_t> terms_;
};

SEE_INLINE void validate_induced_input(ConstRowMatrixRef<float> table, Index dim) {
  require(table.rows() >= 1 && table.cols() >= 1, "inducing from a table of ", table.rows(), " x ",
          table.cols(), ", needed at least one row and column");
  require(table.cols() == dim, "an induced plan for ", dim, " columns and a table of ",
          table.cols());
  require(is_all_finite(table), "inducing from a table with a number that is not finite");
  require(table.cwiseAbs().maxCoeff() <= 1e15F, "inducing from a table with a number of ",
          table.cwiseAbs().maxCoeff(), ", needed at most 1e15 in magnitude");
}

SEE_INLINE InducedCode induce_from(ConstRowMatrixRef<float> table, InducedState state,
                                   const InducedOptions& options, Checkpoint* checkpoint) {
  const InducedPlan plan = state.plan;
  validate(plan);
  validate_induced_input(table, plan.dim);
  validate_weights(options.weights, table.rows());
  PrincipalBasis basis = fit_basis(moments(table, plan.basis, options.run, options.weights),
                                   plan.mean, plan.basis, plan.width);
  InducedCode code;
  {
    const TermGrid grid = make_grid(table, basis, plan, options.weights, options.run);
    Inducer inducer(grid, std::move(state), table.rows(), options, checkpoint);
    inducer.learn();
    inducer.code();
    inducer.polish();
    code = inducer.take();
  }
  code.mean = std::move(basis.mean);
  code.axes = std::move(basis.axes);
  code.relative_error = relative_error(table, code, options.run);
  return code;
}

SEE_INLINE InducedCode induce(ConstRowMatrixRef<float> table, const InducedPlan& plan,
                              const InducedOptions& options) {
  return induce_from(table, {.plan = plan}, options, nullptr);
}

}  // namespace see::detail
