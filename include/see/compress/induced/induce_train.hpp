#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/induced/induce_plan.hpp"
#include "see/compress/induced/induce_refit.hpp"
#include "see/compress/induced/induce_search.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"

namespace see::detail {

/// The grid of a table's rows and their weights. O(n p d) with axes, O(n d) without.
inline TermGrid make_grid(ConstRowMatrixRef<float> table, const PrincipalBasis& basis,
                          const InducedPlan& plan, std::span<const float> weights,
                          const Executor& run) {
  const auto n = static_cast<std::size_t>(table.rows());
  TermGrid grid;
  grid.rows.setZero(table.rows(), plan.q1 * plan.q2);
  grid.weights.assign(weights.begin(), weights.end());
  const double energy =
      reduce_ranges(run, n, 0.0, [&](double& sum, std::size_t first, std::size_t last) {
        for (std::size_t at = first; at < last; at += 1024) {
          const auto start = static_cast<Index>(at);
          const auto count = static_cast<Index>(std::min<std::size_t>(1024, last - at));
          auto part = grid.rows.middleRows(start, count).leftCols(plan.width);
          part = to_basis(basis, table.middleRows(start, count));
          sum += part.template cast<double>().squaredNorm();
        }
      });
  if (energy > 0) grid.unit = static_cast<float>(std::sqrt(energy / static_cast<double>(n)));
  grid.rows /= grid.unit;
  return grid;
}

/// Terms for rows of the given (weighted) energies, `total` in all (or less by at most the number
/// of rows): with each term lowering what is left of a row by the factor exp(-decay), the squared
/// error of all rows is least where T_w = a + ln(e_w) / decay, cut to 1 to `most` (reverse
/// water-filling, with terms for bits). The level a is found by bisection. O(60 n).
inline std::vector<std::uint16_t> allocate_terms(const std::vector<double>& energies, double total,
                                                 Index most, double decay) {
  const auto terms = [&](double energy, double level) {
    const double wanted = level + std::log(std::max(energy, 1e-30)) / decay;
    return static_cast<std::uint16_t>(
        std::clamp(std::floor(wanted), 1.0, static_cast<double>(most)));
  };
  double low = -1e4, high = 1e4;
  for (int step = 0; step < 60; ++step) {
    const double level = (low + high) / 2;
    double sum = 0;
    for (const double energy : energies) sum += terms(energy, level);
    (sum <= total ? low : high) = level;
  }
  std::vector<std::uint16_t> result;
  result.reserve(energies.size());
  for (const double energy : energies) result.push_back(terms(energy, low));
  return result;
}

/// Terms of each row of a grid under a plan for `all_rows` rows, of which the grid may be a sample.
inline std::vector<std::uint16_t> terms_for(const TermGrid& grid, const InducedPlan& plan,
                                            Index all_rows) {
  const auto n = static_cast<std::size_t>(grid.rows.rows());
  if (plan.senses == 0)
    return std::vector<std::uint16_t>(n, static_cast<std::uint16_t>(plan.terms));
  std::vector<double> energies(n);
  for (std::size_t w = 0; w < n; ++w)
    energies[w] =
        static_cast<double>(grid.weight(w) * grid.rows.row(static_cast<Index>(w)).squaredNorm());
  const double share = static_cast<double>(n) / static_cast<double>(all_rows);
  return allocate_terms(energies, static_cast<double>(plan.senses) * share, plan.terms,
                        term_decay(plan));
}

/// How hard a search looks; see InducedOptions.
struct SearchEffort {
  Index beam = 4, preselect = 16;
  int sweeps = 0;
};

/// The number of the scale nearest to `scale` in the sorted `scales`.
inline std::uint16_t nearest_scale(const std::vector<float>& scales, float scale) {
  const auto above = std::lower_bound(scales.begin(), scales.end(), scale);
  if (above == scales.begin()) return 0;
  if (above == scales.end()) return static_cast<std::uint16_t>(scales.size() - 1);
  const auto below = std::prev(above);
  return static_cast<std::uint16_t>((*above - scale < scale - *below ? above : below) -
                                    scales.begin());
}

/// Scales in geometric progression over the row norms, the outer thousandths left out.
inline std::vector<float> first_scales(const RowMatrix<float>& rows, int bits) {
  if (bits == 0) return {1.0F};
  std::vector<float> norms(static_cast<std::size_t>(rows.rows()));
  for (Index w = 0; w < rows.rows(); ++w)
    norms[static_cast<std::size_t>(w)] = std::max(rows.row(w).norm(), 1e-3F);
  std::sort(norms.begin(), norms.end());
  const std::size_t rare = norms.size() / 1000;
  const float low = norms[rare], high = norms[norms.size() - 1 - rare];
  const auto count = std::size_t{1} << bits;
  std::vector<float> scales(count);
  for (std::size_t j = 0; j < count; ++j)
    scales[j] =
        low * std::pow(high / low, (static_cast<float>(j) + 0.5F) / static_cast<float>(count));
  return scales;
}

/// A pair of singular vectors (u, v) of `grid` = sum s u v', both times the root of s; number 0 has
/// the largest s. O(n^2 m) for a side of n <= m numbers.
inline std::pair<Eigen::VectorXf, Eigen::VectorXf> singular_pair(const RowMatrix<float>& grid,
                                                                 Index number) {
  if (grid.rows() > grid.cols()) {
    auto [v, u] = singular_pair(grid.transpose(), number);
    return {u, v};
  }
  const RowMatrix<double> wide = grid.cast<double>();
  const auto eigen = symmetric_eigen(product(wide, wide.transpose()));
  const Index at = grid.rows() - 1 - number;
  const Vector<double> u = eigen.vectors.row(at);
  const double root = std::sqrt(std::sqrt(std::max(eigen.values(at), 0.0)));
  const Vector<double> v = product(u.transpose(), wide).transpose();
  return {(root * u).cast<float>(), (v / std::max(root, 1e-30)).cast<float>()};
}

/// A model to start from: unit k of both slots from a singular pair of a random row divided by its
/// scale, the pairs in turn, each side with the root of the singular value. O(K q1 q2 min(q1, q2)).
inline TermModel first_model(const RowMatrix<float>& rows, const InducedPlan& plan,
                             Random& random) {
  TermModel model;
  model.u.setZero(plan.units1, plan.q1);
  model.v.setZero(plan.units2, plan.q2);
  model.gains.setOnes(plan.terms);
  model.scales = first_scales(rows, plan.scale_bits);
  const Index depth = std::min({plan.q1, plan.q2, plan.terms});
  for (Index k = 0; k < std::max(plan.units1, plan.units2); ++k) {
    const auto row = static_cast<Index>(random.below(static_cast<std::size_t>(rows.rows())));
    const float scale = model.scales[nearest_scale(model.scales, rows.row(row).norm())];
    const RowMatrix<float> grid =
        ConstRowMatrixMap<float>(rows.row(row).data(), plan.q1, plan.q2) / scale;
    const auto [u, v] = singular_pair(grid, k % depth);
    const float sign = random.below(2) == 0 ? -1.0F : 1.0F;
    if (k < plan.units1) model.u.row(k) = sign * u.transpose();
    if (k < plan.units2) model.v.row(k) = v.transpose();
  }
  return model;
}

/// Gives a row the best scale for its code, then improves the code under it, at most twice.
inline void settle_scale(const TermModel& model, const Eigen::Ref<const Eigen::RowVectorXf>& x,
                         TermSearch& search, int sweeps, std::span<std::uint16_t> row,
                         std::uint16_t& scale) {
  RowMatrix<float> code;
  for (int round = 0; round < 2; ++round) {
    sum_terms(model, row, code);
    const Eigen::Map<const Eigen::RowVectorXf> flat(code.data(), code.size());
    const float energy = flat.squaredNorm();
    const float best = energy > 0 ? x.dot(flat) / energy : 0.0F;
    const std::uint16_t next = nearest_scale(model.scales, best);
    if (next == scale) return;
    scale = next;
    if (sweeps == 0 || !(model.scales[scale] > 0)) return;
    const Eigen::RowVectorXf z = x / model.scales[scale];
    search.improve(z.data(), row, sweeps);
  }
}

/// Codes the rows [first, last) of `rows`: from scratch with a beam search, or, where effort.beam
/// is 0, by improving the codes that are there. O(TermSearch) a row. Equal for any number of
/// threads.
inline void encode_rows(const RowMatrix<float>& rows, std::size_t first, std::size_t last,
                        const TermModel& model, const SearchEffort& effort, TermCodes& codes,
                        const Executor& run) {
  const PairTables tables(model.u, model.v, model.gains);
  for_ranges(run, last - first, 64, [&](std::size_t from, std::size_t to) {
    TermSearch search(tables, effort.beam, effort.preselect);
    Eigen::RowVectorXf z;
    for (std::size_t w = first + from; w < first + to; ++w) {
      const auto x = rows.row(static_cast<Index>(w));
      const auto row = codes.row(w);
      std::uint16_t& scale = codes.scale[w];
      if (effort.beam > 0) scale = nearest_scale(model.scales, x.norm());
      const float factor = model.scales[scale];
      z = factor > 0 ? (x / factor).eval() : Eigen::RowVectorXf::Zero(x.size());
      if (effort.beam > 0) search.encode(z.data(), row);
      if (effort.sweeps > 0) search.improve(z.data(), row, effort.sweeps);
      if (model.scales.size() > 1) settle_scale(model, x, search, effort.sweeps, row, scale);
    }
  });
}

/// One round of least-squares refits of everything but the codes. Never raises squared_error, up to
/// rounding.
inline void refit(const TermGrid& grid, const TermCodes& codes, TermModel& model,
                  const Executor& run) {
  refit_units(grid, codes, Slot::first, model, run);
  refit_units(grid, codes, Slot::second, model, run);
  refit_gains(grid, codes, model, run);
  refit_scales(grid, codes, model, run);
}

/// Puts the scales in ascending order, which searches need; codes that were there are renumbered.
inline void sort_scales(TermModel& model, TermCodes& codes) {
  if (std::is_sorted(model.scales.begin(), model.scales.end())) return;
  std::vector<std::uint16_t> order(model.scales.size()), rank(order.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::sort(order.begin(), order.end(), [&](std::uint16_t i, std::uint16_t j) {
    return std::pair(model.scales[i], i) < std::pair(model.scales[j], j);
  });
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = static_cast<std::uint16_t>(i);
  for (std::uint16_t& scale : codes.scale) scale = rank[scale];
  std::sort(model.scales.begin(), model.scales.end());
}

/// Rounds the model to what a file keeps, refitting what is not rounded yet in between.
inline void round_model(const TermGrid& grid, const TermCodes& codes, TermModel& model,
                        const Executor& run) {
  round_to_half(model.u);
  refit_units(grid, codes, Slot::second, model, run);
  round_to_half(model.v);
  refit_scales(grid, codes, model, run);
  for (float& scale : model.scales) scale = round_to_half(scale);
  refit_gains(grid, codes, model, run);
}

}  // namespace see::detail
