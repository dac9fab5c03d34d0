#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/row_weights.hpp"
#include "see/core/finite.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"

namespace see::detail {

/// The rows of a table in its basis, as q1 x q2 grids padded with zeros and divided by `unit`, the
/// root mean square norm of a row (1 where that is 0).
struct TermGrid {
  RowMatrix<float> rows;            ///< n x q1 q2
  std::vector<float> weights = {};  ///< n: how much the error of each row counts; or empty, 1
  float unit = 1;

  float weight(std::size_t w) const { return static_cast<float>(weight_of(weights, w)); }
};

/// Codebooks (K x q1, K x q2), a gain for each term and the table of row scales ({1} for none).
struct TermModel {
  RowMatrix<float> u, v;
  Vector<float> gains;
  std::vector<float> scales;
};

/// The codes of n rows: units (word, term, slot), the number of each row's scale, and where the
/// units of each row begin.
struct TermCodes {
  std::vector<std::uint16_t> index;
  std::vector<std::uint16_t> scale;
  std::vector<std::size_t> begin{0};

  TermCodes() = default;

  /// terms[w] terms for row w.
  explicit TermCodes(const std::vector<std::uint16_t>& terms) : scale(terms.size()) {
    begin.reserve(terms.size() + 1);
    for (const std::size_t count : terms) begin.push_back(begin.back() + 2 * count);
    index.resize(begin.back());
  }

  std::span<const std::uint16_t> row(std::size_t w) const {
    return std::span(index).subspan(begin[w], begin[w + 1] - begin[w]);
  }
  std::span<std::uint16_t> row(std::size_t w) {
    return std::span(index).subspan(begin[w], begin[w + 1] - begin[w]);
  }
};

/// Terms of a code with `codes`.
inline Index terms_of(std::span<const std::uint16_t> codes) {
  return static_cast<Index>(codes.size() / 2);
}

/// sum_k g_k U[a_k] (x) V[b_k] as a q1 x q2 matrix in `out` (not scaled). O(terms q1 q2).
inline void sum_terms(const TermModel& model, std::span<const std::uint16_t> codes,
                      RowMatrix<float>& out) {
  out.setZero(model.u.cols(), model.v.cols());
  for (Index k = 0; k < terms_of(codes); ++k) {
    const auto at = static_cast<std::size_t>(2 * k);
    const auto v = model.v.row(codes[at + 1]);
    for (Index i = 0; i < out.rows(); ++i)
      out.row(i) += (model.gains(k) * model.u(codes[at], i)) * v;
  }
}

/// Calls body(sum, first, last) for at most eight ranges of [0, n), each with a sum of its own that
/// starts as `zero`, and adds these up in order. Equal for any number of threads.
template <class Sum, class Body>
Sum reduce_ranges(const Executor& run, std::size_t n, const Sum& zero, const Body& body) {
  const std::size_t grain = grain_for(n, 8, 512);
  std::vector<Sum> sums((n + grain - 1) / grain, zero);
  for_ranges(run, n, grain,
             [&](std::size_t first, std::size_t last) { body(sums[first / grain], first, last); });
  Sum total = zero;
  for (const Sum& sum : sums) total += sum;
  return total;
}

/// sum_w weight_w |x_w - s_w code_w|^2 over the rows of `grid`. O(n terms q1 q2).
inline double squared_error(const TermGrid& grid, const TermModel& model, const TermCodes& codes,
                            const Executor& run) {
  const auto n = static_cast<std::size_t>(grid.rows.rows());
  return reduce_ranges(run, n, 0.0, [&](double& sum, std::size_t first, std::size_t last) {
    RowMatrix<float> code;
    for (std::size_t w = first; w < last; ++w) {
      sum_terms(model, codes.row(w), code);
      const Eigen::Map<const Eigen::RowVectorXf> flat(code.data(), code.size());
      const float scale = model.scales[codes.scale[w]];
      sum += static_cast<double>(
          grid.weight(w) * (grid.rows.row(static_cast<Index>(w)) - scale * flat).squaredNorm());
    }
  });
}

/// Solves (N + r I) X = B + r X_now for symmetric positive semidefinite N, r a millionth of N's
/// mean diagonal: the least-squares solution for what the data decide, X_now for what they leave
/// open.
inline void solve_near(RowMatrix<double>& normal, RowMatrix<double>& right, RowMatrix<float>& now) {
  double trace = 0;
  for (Index i = 0; i < normal.rows(); ++i) trace += normal(i, i);
  const double ridge = 1e-6 * trace / static_cast<double>(normal.rows());
  if (!(ridge > 0)) return;
  for (Index i = 0; i < normal.rows(); ++i) {
    normal(i, i) += ridge;
    for (Index j = 0; j < right.cols(); ++j) right(i, j) += ridge * double{now(i, j)};
  }
  if (solve_positive(normal, right) && is_all_finite(right)) now = right.cast<float>();
}

enum class Slot { first, second };

/// Least-squares units of one slot, all else fixed. The error separates over the slot's coordinates
/// i, and they share one K x K system: with rows X_w of weights c_w,
///
///     sum_w c_w s_w^2 sum_{k,l} [a_wk = a][a_wl = a'] g_k g_l <V[b_wk], V[b_wl]>  (normal matrix)
///     sum_w c_w s_w sum_k [a_wk = a] g_k X_w V[b_wk]                           (K x q1 right side)
///
/// and transposed for slot 2. O(n (terms^2 + terms q1 q2) + K^3); 9 K x K matrices of double.
inline void refit_units(const TermGrid& grid, const TermCodes& codes, Slot slot, TermModel& model,
                        const Executor& run) {
  RowMatrix<float>& units = slot == Slot::first ? model.u : model.v;
  const RowMatrix<float>& others = slot == Slot::first ? model.v : model.u;
  const Index q1 = model.u.cols(), q2 = model.v.cols(), size = units.rows(), q = units.cols();
  const std::size_t mine = slot == Slot::first ? 0 : 1;
  const RowMatrix<float> gram = product(others, others.transpose());

  const RowMatrix<double> zero = RowMatrix<double>::Zero(size, size + q);
  RowMatrix<double> system = reduce_ranges(
      run, codes.scale.size(), zero,
      [&](RowMatrix<double>& sum, std::size_t first, std::size_t last) {
        Eigen::VectorXf answer(q);
        for (std::size_t w = first; w < last; ++w) {
          const auto row = codes.row(w);
          const ConstRowMatrixMap<float> x(grid.rows.row(static_cast<Index>(w)).data(), q1, q2);
          const float scale = model.scales[codes.scale[w]];
          for (Index k = 0; k < terms_of(row); ++k) {
            const auto at = static_cast<std::size_t>(2 * k);
            const Index unit = row[at + mine], other = row[at + 1 - mine];
            const float factor = grid.weight(w) * scale * model.gains(k);
            if (slot == Slot::first)
              answer.noalias() = x * others.row(other).transpose();
            else
              answer.noalias() = x.transpose() * others.row(other).transpose();
            for (Index i = 0; i < q; ++i) sum(unit, size + i) += double{factor * answer[i]};
            for (Index l = 0; l <= k; ++l) {
              const auto before = static_cast<std::size_t>(2 * l);
              const Index unit_l = row[before + mine];
              const double value = static_cast<double>(factor * scale * model.gains(l) *
                                                       gram(other, row[before + 1 - mine]));
              sum(unit_l, unit) += value;
              if (l != k) sum(unit, unit_l) += value;
            }
          }
        }
      });
  RowMatrix<double> normal = system.leftCols(size), right = system.rightCols(q);
  solve_near(normal, right, units);
}

/// Least-squares gains, all else fixed: a terms x terms system. O(n terms (terms + q1 q2)).
inline void refit_gains(const TermGrid& grid, const TermCodes& codes, TermModel& model,
                        const Executor& run) {
  const RowMatrix<float>&u = model.u, &v = model.v;
  const Index q1 = u.cols(), q2 = v.cols(), terms = model.gains.size();
  const RowMatrix<float> gram_u = product(u, u.transpose());
  const RowMatrix<float> gram_v = product(v, v.transpose());
  const RowMatrix<double> zero = RowMatrix<double>::Zero(terms, terms + 1);
  RowMatrix<double> system = reduce_ranges(
      run, codes.scale.size(), zero,
      [&](RowMatrix<double>& sum, std::size_t first, std::size_t last) {
        Eigen::VectorXf answer(q1);
        for (std::size_t w = first; w < last; ++w) {
          const auto row = codes.row(w);
          const ConstRowMatrixMap<float> x(grid.rows.row(static_cast<Index>(w)).data(), q1, q2);
          const float scale = model.scales[codes.scale[w]];
          const float weighed = grid.weight(w) * scale;
          for (Index k = 0; k < terms_of(row); ++k) {
            const auto at = static_cast<std::size_t>(2 * k);
            answer.noalias() = x * v.row(row[at + 1]).transpose();
            sum(k, terms) += static_cast<double>(weighed * u.row(row[at]).dot(answer));
            for (Index l = 0; l < terms_of(row); ++l) {
              const auto to = static_cast<std::size_t>(2 * l);
              sum(k, l) += static_cast<double>(weighed * scale * gram_u(row[at], row[to]) *
                                               gram_v(row[at + 1], row[to + 1]));
            }
          }
        }
      });
  RowMatrix<double> normal = system.leftCols(terms), right = system.rightCols(1);
  RowMatrix<float> gains = model.gains;
  solve_near(normal, right, gains);
  model.gains = gains;
}

/// Least-squares scale table, all else fixed: entry j is the weighted sum of <x_w, code_w> over
/// that of |code_w|^2, both over the rows of scale j. O(n terms q1 q2).
inline void refit_scales(const TermGrid& grid, const TermCodes& codes, TermModel& model,
                         const Executor& run) {
  if (model.scales.size() < 2) return;
  const auto count = static_cast<Index>(model.scales.size());
  const RowMatrix<double> zero = RowMatrix<double>::Zero(2, count);
  const RowMatrix<double> sums =
      reduce_ranges(run, codes.scale.size(), zero,
                    [&](RowMatrix<double>& sum, std::size_t first, std::size_t last) {
                      RowMatrix<float> code;
                      for (std::size_t w = first; w < last; ++w) {
                        sum_terms(model, codes.row(w), code);
                        const Eigen::Map<const Eigen::RowVectorXf> flat(code.data(), code.size());
                        const Index j = codes.scale[w];
                        const auto x = grid.rows.row(static_cast<Index>(w));
                        sum(0, j) += static_cast<double>(grid.weight(w) * x.dot(flat));
                        sum(1, j) += static_cast<double>(grid.weight(w) * flat.squaredNorm());
                      }
                    });
  for (Index j = 0; j < count; ++j)
    if (sums(0, j) > 0 && sums(1, j) > 0)
      model.scales[static_cast<std::size_t>(j)] = static_cast<float>(sums(0, j) / sums(1, j));
}

}  // namespace see::detail
