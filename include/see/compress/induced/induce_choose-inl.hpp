#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/induced/induce-inl.hpp"
#include "see/compress/induced/induce_choose.hpp"
#include "see/compress/row_weights.hpp"
#include "see/model/shape.hpp"

namespace see::detail {

/// Searches for the plan of least error within a byte budget by short fits to a sample.
class PlanSearch {
 public:
  PlanSearch(ConstRowMatrixRef<float> table, std::size_t budget, std::span<const float> weights,
             const Executor& run)
      : table_(table),
        rows_(table.rows()),
        dim_(table.cols()),
        budget_(budget),
        weights_(weights),
        run_(run) {
    const bool axes = dim_ >= 2 && axes_bytes(dim_) <= budget_ / 2;
    moments_ = moments(table, axes, run, weights);
    draw_sample();
    const bool storable = moments_.mean.cwiseAbs().maxCoeff() < largest_half;
    const double share = moments_.mean.squaredNorm() / std::max(moments_.energy, 1e-300);
    frames_.push_back({storable && share > 22 / static_cast<double>(rows_), false, dim_});
    if (!axes) return;
    std::vector<Index> widths{useful_width(moments_), dim_};
    if (!weights.empty()) widths.push_back(useful_width(moments(table, true, run)));
    for (const Index width : widths)
      if (std::ranges::none_of(frames_,
                               [&](const Frame& f) { return f.basis && f.width == width; }))
        frames_.push_back({storable, true, width});
  }

  /// The best plan found: in each frame a climb over the number of unit bits, up and down from a
  /// middling one until two steps in a row bring nothing.
  InducedPlan best() {
    best_ = smallest_induced_plan(dim_);
    least_ = trial(best_);
    for (const Frame& frame : frames_) {
      int start = std::min(most_bits(), 16);
      while (start > 0 && !possible(frame, start)) --start;
      double least = best_of(frame, start);
      for (const int step : {1, -1})
        for (int bits = start + step, misses = 0; bits >= 1 && bits <= most_unit_bits && misses < 2;
             bits += step) {
          const double error = best_of(frame, bits);
          misses = error < least ? 0 : misses + 1;
          least = std::min(least, error);
        }
    }
    deal_by_energy();
    return best_;
  }

 private:
  /// Both slots together. Larger codebooks gain less than 1% on real tables and double the time.
  static constexpr int most_unit_bits = 17;

  struct Frame {
    bool mean, basis;
    Index width;
  };

  std::size_t axes_bytes(Index width) const { return 2 * static_cast<std::size_t>(width * dim_); }

  /// Rows that trials see, some of them the first; weights often go with the order of rows.
  void draw_sample() {
    Random random(1);
    const auto n = static_cast<std::size_t>(rows_);
    auto chosen = sample_without_replacement(n, std::min<std::size_t>(n, 4000), random);
    if (!weights_.empty())
      for (std::size_t i = chosen.size(); i > 1; --i)
        std::swap(chosen[i - 1], chosen[random.below(i)]);
    sample_.resize(static_cast<Index>(chosen.size()), dim_);
    for (std::size_t i = 0; i < chosen.size(); ++i)
      sample_.row(static_cast<Index>(i)) = table_.row(static_cast<Index>(chosen[i]));
    if (!weights_.empty())
      for (const std::size_t w : chosen) sample_weights_.push_back(weights_[w]);
  }

  /// Principal axes above the water level of the Gaussian reference at the rate that is left beside
  /// them: only they would get bits (Cover and Thomas, Elements of Information Theory, 10.3.3).
  Index useful_width(const Moments& moments) const {
    const auto eigen = symmetric_eigen(moments.covariance, false);
    const Eigen::VectorXd variances = eigen.values.reverse().cwiseMax(0.0);
    double logarithms = 0;
    for (Index width = 1; width < dim_; ++width) {
      if (!(variances(width) > 0)) return width;
      logarithms += 0.5 * std::log2(variances(width - 1));
      const double level = 0.5 * std::log2(variances(width)) * static_cast<double>(width);
      const auto left = static_cast<double>(budget_ - axes_bytes(width));
      if (logarithms - level >= 8 * left / static_cast<double>(rows_)) return width;
    }
    return dim_;
  }

  /// The most unit bits (of both slots together) whose codebooks take at most a third of the
  /// budget.
  int most_bits() const {
    int bits = 0;
    while (bits < most_unit_bits &&
           3 * fixed_bytes(form({false, false, dim_}, bits + 1)) <= budget_)
      ++bits;
    return bits;
  }

  /// A plan without terms and row scales; slot 2 gets the odd bit.
  InducedPlan form(const Frame& frame, int bits) const {
    InducedPlan plan;
    plan.dim = dim_;
    plan.width = frame.width;
    const Shape shape = Shape::balanced(frame.width, 2);
    plan.q1 = shape.factor_dim(0);
    plan.q2 = shape.factor_dim(1);
    plan.units1 = Index{1} << (bits / 2);
    plan.units2 = Index{1} << (bits - bits / 2);
    plan.mean = frame.mean;
    plan.basis = frame.basis;
    return plan;
  }

  Index most_terms(const InducedPlan& plan) const {
    const Index useful = term_bits(plan) == 0 ? 1 : 2 * plan.width;
    return terms_within(plan, rows_, budget_, std::min<Index>(useful, 1024));
  }

  bool possible(const Frame& frame, int bits) const { return most_terms(form(frame, bits)) >= 1; }

  /// The most scale bits, up to 6, that fit beside the plan's terms.
  int spare_scale_bits(InducedPlan plan) const {
    for (plan.scale_bits = 6; plan.scale_bits > 0; --plan.scale_bits)
      if (payload_bytes(plan, rows_) <= budget_) break;
    return plan.scale_bits;
  }

  /// Tries the plans of this frame and bits: the most terms with the scale bits that are left, and
  /// one term less where few were left. Records the best plan, in which larger codebooks must
  /// bring three hundredths to pay for a slower search; returns the least error.
  double best_of(const Frame& frame, int bits) {
    InducedPlan plan = form(frame, bits);
    plan.terms = most_terms(plan);
    double error = std::numeric_limits<double>::infinity();
    for (int left = 2; left > 0 && plan.terms >= 1; --left, --plan.terms) {
      plan.scale_bits = spare_scale_bits(plan);
      if (plan.scale_bits >= 3) left = 1;
      const double now = trial(plan);
      error = std::min(error, now);
      const bool slower = plan.units1 * plan.units2 > best_.units1 * best_.units2;
      if (now >= (slower ? 0.97 : 1.0) * least_) continue;
      best_ = plan;
      least_ = now;
    }
    return error;
  }

  /// The best plan with as many bytes, its terms dealt out by the weighted energy of the rows; none
  /// where that cannot be. Most terms of a row: the least 2^b - 1 of at least one and a half times
  /// as many.
  std::optional<InducedPlan> dealt(int scale_bits) const {
    InducedPlan plan = best_;
    plan.terms = 1;
    while (2 * plan.terms < 3 * best_.terms) plan.terms = 2 * plan.terms + 1;
    plan.senses = rows_;
    plan.scale_bits = scale_bits;
    const std::size_t least = payload_bytes(plan, rows_);
    if (least > budget_ || term_bits(plan) == 0) return {};
    plan.senses += static_cast<Index>(8 * (budget_ - least)) / term_bits(plan);
    plan.senses = std::min(plan.senses, rows_ * plan.terms);
    while (payload_bytes(plan, rows_) > budget_) --plan.senses;
    return plan;
  }

  /// Deals the terms of the best plan out where that pays: an equal deal leaves an error in
  /// proportion to the mean energy, this one to the geometric mean, with fewer terms for the bits
  /// that say how many a row has. Where rows have weights, trials decide.
  void deal_by_energy() {
    if (weights_.empty()) {
      const auto plan = dealt(3);
      if (!plan) return;
      const double fewer = static_cast<double>(rank_bits(*plan)) / term_bits(*plan);
      if (energy_spread() * std::exp(term_decay(*plan) * fewer) < 1) best_ = *plan;
      return;
    }
    std::optional<InducedPlan> better;
    for (const int scale_bits : {0, 3}) {
      const auto plan = dealt(scale_bits);
      const double error = plan ? trial(*plan) : std::numeric_limits<double>::infinity();
      if (error >= least_) continue;
      better = plan;
      least_ = error;
    }
    if (better) best_ = *better;
  }

  /// Geometric over arithmetic mean of the centred energies of the sample's rows.
  double energy_spread() const {
    double logarithms = 0, sum = 0;
    for (Index w = 0; w < sample_.rows(); ++w) {
      const double energy =
          (sample_.row(w).cast<double>().transpose() - moments_.mean).squaredNorm() + 1e-30;
      logarithms += std::log(energy);
      sum += energy;
    }
    const auto n = static_cast<double>(sample_.rows());
    return std::exp(logarithms / n) / (sum / n);
  }

  /// Estimated relative error of a plan: a short fit to the sample, its error scaled by what
  /// fitting P codebook numbers to m instead of n rows hides, (1 - P / (n p)) / (1 - P / (m p)),
  /// plus the energy outside of the frame.
  double trial(const InducedPlan& plan) const {
    if (payload_bytes(plan, rows_) > budget_) return std::numeric_limits<double>::infinity();
    const Index terms = plan.senses > 0 ? plan.senses / rows_ : plan.terms;
    const Index m = std::min(sample_.rows(), std::max<Index>(300, 40000 / terms));
    const auto rows = sample_.topRows(m);
    const auto weights = weights_of_rows(sample_weights_, 0, m);
    const PrincipalBasis& basis = frame_of(plan);
    const TermGrid grid = make_grid(rows, basis, plan, weights, run_);
    InducedOptions options;
    options.training_beam = 2;
    options.iterations = 4;
    options.run = run_;
    const double coded = Inducer(grid, {.plan = plan}, rows_, options).learn();

    const double centred = basis.mean.size() > 0
                               ? weighted_energy(rows.rowwise() - basis.mean.transpose(), weights)
                               : weighted_energy(rows, weights);
    const double inside =
        weighted_energy(grid.rows, weights) * static_cast<double>(grid.unit * grid.unit);
    const double parameters = static_cast<double>(plan.units1 * plan.q1 + plan.units2 * plan.q2);
    const double width = static_cast<double>(plan.width);
    const double all = 1 - parameters / (static_cast<double>(rows_) * width);
    const double seen = 1 - parameters / (static_cast<double>(m) * width);
    const double hidden = all > 0 && seen > 0.1 ? all / seen : 1.0;
    const double energy = std::max(weighted_energy(rows, weights), 1e-30);
    return (coded * hidden * inside + std::max(0.0, centred - inside)) / energy;
  }

  /// The frame of a plan; the last one is kept.
  const PrincipalBasis& frame_of(const InducedPlan& plan) const {
    const bool same = basis_ && basis_form_.mean == plan.mean && basis_form_.basis == plan.basis &&
                      basis_form_.width == plan.width;
    if (!same) basis_ = fit_basis(moments_, plan.mean, plan.basis, plan.width);
    basis_form_ = plan;
    return *basis_;
  }

  ConstRowMatrixRef<float> table_;
  Index rows_, dim_;
  std::size_t budget_;
  std::span<const float> weights_;
  const Executor& run_;
  Moments moments_;
  RowMatrix<float> sample_;
  std::vector<float> sample_weights_;
  std::vector<Frame> frames_;
  InducedPlan best_;
  double least_ = 0;
  mutable std::optional<PrincipalBasis> basis_;
  mutable InducedPlan basis_form_;
};

SEE_INLINE InducedPlan plan_induced(ConstRowMatrixRef<float> table, std::size_t payload_budget,
                                    const Executor& run, std::span<const float> weights) {
  validate_induced_input(table, table.cols());
  validate_weights(weights, table.rows());
  const std::size_t least = smallest_induced_payload(table.rows(), table.cols());
  require(payload_budget >= least, "an induced code of ", table.rows(), " x ", table.cols(),
          " numbers in ", payload_budget, " bytes, needed at least ", least);
  return PlanSearch(table, payload_budget, weights, run).best();
}

}  // namespace see::detail
