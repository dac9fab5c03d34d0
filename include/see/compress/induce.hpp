#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/induce_plan.hpp"
#include "see/compress/induce_train.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/random.hpp"

namespace see {

/// How `induce` works; the defaults suit most tables.
struct InducedOptions {
  std::uint64_t seed = 1;
  Index beam = 8;             ///< partial codes followed while all rows are coded
  Index training_beam = 4;    ///< the same while the codebooks are learned
  Index preselect = 16;       ///< units of slot 1 that a search scores against all of slot 2
  int iterations = 15;        ///< of coding the sample and refitting the codebooks, at most
  double tolerance = 1e-3;    ///< relative fall of the error below which these end
  Index sample_rows = 20000;  ///< rows to learn the codebooks from
  int sweeps = 2;             ///< rounds of replacing single terms after the beam search
  Executor run = threads();
  ProgressCallback progress = {};
};

/// A learned code (see InducedPlan for the formula). Codebooks, scale table, mean and axes hold
/// half-precision values, so that storing them as such loses nothing. The terms of a row come in
/// the order of a greedy choice: the first ones alone are a coarser model of it.
struct InducedCode {
  InducedPlan plan;
  RowMatrix<float> codebook_a;             ///< U, K1 x q1
  RowMatrix<float> codebook_b;             ///< V, K2 x q2
  std::vector<std::uint16_t> index;        ///< units, in the order word, term, slot
  std::vector<std::size_t> begin{0};       ///< n + 1, where the units of each row begin in index
  Vector<float> gains;                     ///< as many as the most terms of a row
  std::vector<float> scale_table;          ///< 2^scale_bits, or empty
  std::vector<std::uint16_t> scale_index;  ///< n, or empty
  Vector<float> mean;                      ///< d, or empty
  RowMatrix<float> axes;                   ///< p x d, or empty
  FitStatus status = FitStatus::iteration_limit;
  double relative_error = 0;  ///< sum |x-y|^2 / sum |x|^2 over all rows (0 where all x are 0)

  Index rows() const noexcept { return static_cast<Index>(begin.size()) - 1; }

  /// Terms of row w.
  Index rank(Index w) const noexcept {
    const auto at = static_cast<std::size_t>(w);
    return static_cast<Index>(begin[at + 1] - begin[at]) / 2;
  }
};

/// Rows [first, first + count) as the code gives them (count x d). O(count (terms + d) p).
/// Throws where there are fewer rows.
inline RowMatrix<float> decode(const InducedCode& code, Index first, Index count) {
  detail::require(first >= 0 && count >= 0 && first + count <= code.rows(), "decoding rows ", first,
                  " to ", first + count, " of ", code.rows());
  const detail::TermModel model{code.codebook_a, code.codebook_b, code.gains, {}};
  RowMatrix<float> coefficients(count, code.plan.width), grid;
  for (Index i = 0; i < count; ++i) {
    const auto w = static_cast<std::size_t>(first + i);
    const std::size_t length = code.begin[w + 1] - code.begin[w];
    detail::sum_terms(model, std::span(code.index).subspan(code.begin[w], length), grid);
    const float scale = code.scale_table.empty() ? 1.0F : code.scale_table[code.scale_index[w]];
    coefficients.row(i) =
        scale * Eigen::Map<const Eigen::RowVectorXf>(grid.data(), code.plan.width);
  }
  return from_basis({code.mean, code.axes}, coefficients);
}

/// All rows as the code gives them (n x d).
inline RowMatrix<float> decode(const InducedCode& code) { return decode(code, 0, code.rows()); }

/// sum |x-y|^2 / sum |x|^2 between the rows x of `table` and those y of `code`; 0 where every x is
/// 0.
inline double relative_error(ConstRowMatrixRef<float> table, const InducedCode& code,
                             const Executor& run) {
  const Vector<double> zero = Vector<double>::Zero(2);
  const Vector<double> sums = detail::reduce_ranges(
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

namespace detail {

/// The steps of `induce`, in order: learn, code, polish.
class Inducer {
 public:
  /// `all_rows`: rows that the plan is for, of which the grid may be a sample.
  Inducer(const TermGrid& grid, const InducedPlan& plan, Index all_rows,
          const InducedOptions& options)
      : grid_(grid),
        plan_(plan),
        options_(options),
        random_(options.seed),
        terms_(terms_for(grid.rows, plan, all_rows)) {}

  /// Learns codebooks from a sample of the rows. Returns the sample's squared error, relative to
  /// its energy, under the last model and codes.
  double learn() {
    TermCodes codes;
    const RowMatrix<float> sample = draw_sample(codes);
    const double energy = std::max(static_cast<double>(sample.squaredNorm()), 1e-30);
    const auto n = static_cast<std::size_t>(sample.rows());
    const SearchEffort effort{options_.training_beam, options_.preselect, 0};
    model_ = first_model(sample, plan_, random_);
    double error = std::numeric_limits<double>::infinity();
    for (int i = 0; i < options_.iterations && !cancelled(); ++i) {
      encode_rows(sample, 0, n, model_, effort, codes, options_.run);
      for (int round = 0; round < 2; ++round) refit(sample, codes, model_, options_.run);
      const double before = error;
      error = squared_error(sample, model_, codes, options_.run) / energy;
      sort_scales(model_, codes);
      report("learning", 0.4 * (i + 1) / options_.iterations, error);
      if (!(error < (1 - options_.tolerance) * before)) {
        if (!cancelled()) status_ = FitStatus::converged;
        break;
      }
    }
    return error;
  }

  /// Codes all rows, in twenty parts between which progress is reported.
  void code() {
    const auto n = static_cast<std::size_t>(grid_.rows.rows());
    codes_ = TermCodes(terms_);
    const std::size_t part = grain_for(n, 20, 1024);
    for (std::size_t first = 0; first < n; first += part) {
      const SearchEffort effort =
          cancelled() ? SearchEffort{1, options_.preselect, 0} : full_effort();
      const std::size_t last = std::min(n, first + part);
      encode_rows(grid_.rows, first, last, model_, effort, codes_, options_.run);
      report("coding", 0.4 + 0.5 * static_cast<double>(last) / static_cast<double>(n),
             std::numeric_limits<double>::quiet_NaN());
    }
  }

  /// Refits the model to all rows, improves their codes under it, and rounds it.
  void polish() {
    if (!cancelled()) {
      refit(grid_.rows, codes_, model_, options_.run);
      sort_scales(model_, codes_);
      const SearchEffort effort{0, options_.preselect, 1};
      encode_rows(grid_.rows, 0, codes_.scale.size(), model_, effort, codes_, options_.run);
      refit(grid_.rows, codes_, model_, options_.run);
    }
    round_model(grid_.rows, codes_, model_, options_.run);
    sort_scales(model_, codes_);
  }

  /// What was learned, without mean, axes and error; the inducer is spent.
  InducedCode take() {
    InducedCode result;
    result.plan = plan_;
    result.codebook_a = std::move(model_.u);
    result.codebook_b = std::move(model_.v);
    result.gains = model_.gains * grid_.unit;
    result.gains.conservativeResize(*std::max_element(terms_.begin(), terms_.end()));
    result.index = std::move(codes_.index);
    result.begin = std::move(codes_.begin);
    if (plan_.scale_bits > 0) {
      result.scale_table = std::move(model_.scales);
      result.scale_index = std::move(codes_.scale);
    }
    result.status = status_;
    return result;
  }

  bool cancelled() const noexcept { return status_ == FitStatus::cancelled; }

  void report(std::string_view stage, double fraction, double error) {
    if (cancelled() || !options_.progress) return;
    if (!options_.progress({stage, fraction, error})) status_ = FitStatus::cancelled;
  }

 private:
  SearchEffort full_effort() const { return {options_.beam, options_.preselect, options_.sweeps}; }

  /// The rows to learn from; `codes` gets room for theirs.
  RowMatrix<float> draw_sample(TermCodes& codes) {
    const auto n = static_cast<std::size_t>(grid_.rows.rows());
    const auto wanted = static_cast<std::size_t>(std::max<Index>(1, options_.sample_rows));
    if (n <= wanted) {
      codes = TermCodes(terms_);
      return grid_.rows;
    }
    std::vector<std::uint16_t> terms;
    const auto chosen = sample_without_replacement(n, wanted, random_);
    RowMatrix<float> sample(static_cast<Index>(wanted), grid_.rows.cols());
    for (std::size_t i = 0; i < wanted; ++i) {
      sample.row(static_cast<Index>(i)) = grid_.rows.row(static_cast<Index>(chosen[i]));
      terms.push_back(terms_[chosen[i]]);
    }
    codes = TermCodes(terms);
    return sample;
  }

  const TermGrid& grid_;
  const InducedPlan& plan_;
  const InducedOptions& options_;
  Random random_;
  std::vector<std::uint16_t> terms_;
  TermModel model_;
  TermCodes codes_;
  FitStatus status_ = FitStatus::iteration_limit;
};

/// Throws unless a table has rows, the plan's columns and finite numbers.
inline void validate_induced_input(ConstRowMatrixRef<float> table, Index dim) {
  require(table.rows() >= 1 && table.cols() >= 1, "inducing from a table of ", table.rows(), " x ",
          table.cols(), ", needed at least one row and column");
  require(table.cols() == dim, "an induced plan for ", dim, " columns and a table of ",
          table.cols());
  require(table.allFinite(), "inducing from a table with a number that is not finite");
  require(table.cwiseAbs().maxCoeff() <= 1e15F, "inducing from a table with a number of ",
          table.cwiseAbs().maxCoeff(), ", needed at most 1e15 in magnitude");
}

}  // namespace detail

/// Learns codebooks, codes and frame of the given form for `table` (n x d). The codebooks are
/// learned from a sample by turns of coding it and least-squares refits; then all rows are coded
/// with a beam search, the model is refitted to them, and single terms are improved (Babenko and
/// Lempitsky, "Additive quantization", CVPR 2014, with Kronecker products for codewords).
/// Deterministic for a seed, whatever the executor. Where progress returns
/// false, the remaining rows are coded greedily and the status is `cancelled`.
///
/// Cost: about (iterations * sample + 2 n) * beam * terms * (K1 + preselect * K2) * q2
/// multiply-adds and n (q1 q2 + terms) numbers of memory. Throws on an invalid plan or table.
inline InducedCode induce(ConstRowMatrixRef<float> table, const InducedPlan& plan,
                          const InducedOptions& options = {}) {
  validate(plan);
  detail::validate_induced_input(table, plan.dim);
  PrincipalBasis basis =
      fit_basis(moments(table, plan.basis, options.run), plan.mean, plan.basis, plan.width);
  InducedCode code;
  {
    const detail::TermGrid grid = detail::make_grid(table, basis, plan, options.run);
    detail::Inducer inducer(grid, plan, table.rows(), options);
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

}  // namespace see
