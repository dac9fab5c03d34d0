#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "see/core/linear_algebra.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see::detail {

/// Entries that the search handles at once; tables are padded to whole lanes.
inline constexpr Index lane = 32;
using Lanes = Eigen::Array<float, static_cast<int>(lane), 1>;

/// The transpose of `units` with the last column repeated up to a whole number of lanes.
inline RowMatrix<float> in_lanes(const RowMatrix<float>& units) {
  const Index columns = (units.rows() + lane - 1) / lane * lane;
  RowMatrix<float> result(units.cols(), columns);
  result.leftCols(units.rows()) = units.transpose();
  for (Index c = units.rows(); c < columns; ++c)
    result.col(c) = units.row(units.rows() - 1).transpose();
  return result;
}

/// Codebooks U (K1 x q1), V (K2 x q2) and gains of an induced code, and what the search precomputes
/// from them in O(K1^2 q1). Columns stand for units, padded by in_lanes to C1 and C2.
struct PairTables {
  PairTables(const RowMatrix<float>& units1, const RowMatrix<float>& units2,
             const Vector<float>& term_gains)
      : size1(units1.rows()),
        size2(units2.rows()),
        q1(units1.cols()),
        q2(units2.cols()),
        gains(term_gains),
        u(in_lanes(units1)) {
    const RowMatrix<float> v = in_lanes(units2);
    v_extended.resize(q2 + 1, v.cols());
    v_extended.topRows(q2) = v;
    v_extended.bottomRows(1) = v.colwise().squaredNorm();
    norms = u.colwise().squaredNorm().transpose();
    inverse_norms = norms.unaryExpr([](float norm) { return norm > 0 ? 1 / norm : 0.0F; });
    gram = product(u.transpose(), u);
  }

  Index size1, size2, q1, q2;   ///< K1, K2, and entries of the units
  Vector<float> gains;          ///< one for each term
  RowMatrix<float> u;           ///< U^T, q1 x C1
  RowMatrix<float> v_extended;  ///< V^T and below it |v_b|^2, (q2 + 1) x C2
  RowMatrix<float> gram;        ///< U U^T, C1 x C1
  Vector<float> norms;          ///< |u_a|^2, C1
  Vector<float> inverse_norms;  ///< 1 / |u_a|^2, 0 where that is 0
};

/// A pair of units and how much the squared error falls with it.
struct Pair {
  float fall = -std::numeric_limits<float>::infinity();
  Index a = 0, b = 0;
};

/// scores[c] = sum_j w[j] * table(j, c), j < table.rows(), and returns their maximum.
inline float score_columns(const float* w, const RowMatrix<float>& table, float* scores) {
  using Column = Eigen::Map<const Lanes>;
  const Index rows = table.rows(), columns = table.cols();
  Lanes most = Lanes::Constant(-std::numeric_limits<float>::infinity());
  for (Index c = 0; c < columns; c += lane) {
    Lanes sum = w[0] * Column(table.data() + c);
    for (Index j = 1; j < rows; ++j) sum += w[j] * Column(table.data() + j * columns + c);
    Eigen::Map<Lanes>(scores + c) = sum;
    most = most.max(sum);
  }
  return most.maxCoeff();
}

/// How many of the `values` exceed `threshold`.
inline int count_above(const Vector<float>& values, float threshold) {
  int above = 0;
  const float* data = values.data();
  for (Index i = 0, n = values.size(); i < n; ++i) above += data[i] > threshold ? 1 : 0;
  return above;
}

/// A number that `count` to 1.25 * `count` of the non-negative `values` exceed (more where values
/// coincide), by bisection between 0 and their maximum. O(12 size).
inline float threshold_for(const Vector<float>& values, Index count) {
  float low = 0, high = values.maxCoeff();
  if (count >= values.size() || !(high > 0)) return -1;
  for (int step = 0; step < 12; ++step) {
    const float middle = (low + high) / 2;
    const Index above = count_above(values, middle);
    (above < count ? high : low) = middle;
    if (above >= count && 4 * above <= 5 * count) break;
  }
  return low;
}

/// Finds the terms of one row. With z the row (divided by its scale) as a q1 x q2 matrix and
/// R = z - sum of the terms so far, a term (a, b) of gain g lowers |R|^2 by
///
///     2 g u_a' R v_b - g^2 |u_a|^2 |v_b|^2  <=  |u_a' R|^2 / |u_a|^2,
///
/// so only the `preselect` units a of the largest right-hand side meet all of V. W = U R is kept
/// instead of R: a term changes it by -g (U u_a) v_b'. A beam of the best partial codes is
/// followed.
///
/// Cost for each term and beam entry: K q2 for W and the bounds, preselect * K * (q2 + 1) for the
/// scores. Not to be shared between threads.
class TermSearch {
 public:
  TermSearch(const PairTables& tables, Index beam, Index preselect)
      : tables_(tables),
        beam_(std::max<Index>(beam, 1)),
        preselect_(std::max<Index>(preselect, 1)),
        bounds_(tables.u.cols()),
        scores_(tables.v_extended.cols()),
        w_(tables.q2 + 1) {}

  /// Writes the codes (a_1, b_1, a_2, b_2, ...) of the row z (q1 * q2 entries), as many terms as
  /// `codes` has room for, at most as many as there are gains. Returns by how much they lower
  /// |z|^2. Deterministic.
  float encode(const float* z, std::span<std::uint16_t> codes) {
    const auto terms = static_cast<Index>(codes.size() / 2);
    nodes_.resize(1);
    nodes_[0].fall = 0;
    nodes_[0].codes.clear();
    product_with(z, nodes_[0].w);
    for (Index term = 0; term < terms; ++term) {
      expand(term, term + 1 == terms ? 1 : beam_);
      grow(term, term + 1 == terms);
    }
    std::copy(nodes_[0].codes.begin(), nodes_[0].codes.end(), codes.begin());
    return nodes_[0].fall;
  }

  /// Replaces single terms of `codes` while that lowers the error (iterated conditional modes), in
  /// `sweeps` rounds at most. Returns by how much |z - code|^2 fell.
  float improve(const float* z, std::span<std::uint16_t> codes, int sweeps) {
    const auto terms = static_cast<Index>(codes.size() / 2);
    nodes_.resize(1);
    RowMatrix<float>& w = nodes_[0].w;
    product_with(z, w);
    for (Index term = 0; term < terms; ++term) add_term(w, term, codes, -1);
    float fallen = 0;
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      bool changed = false;
      for (Index term = 0; term < terms; ++term) {
        add_term(w, term, codes, 1);
        const auto at = static_cast<std::size_t>(2 * term);
        const float now = fall_of(w, term, codes[at], codes[at + 1]);
        found_.assign(1, {{}, 0});
        search(w, term, 0, 0, 1);
        const Pair best = found_.front().first;
        if (best.fall > now + 1e-6F * std::abs(now)) {
          codes[at] = static_cast<std::uint16_t>(best.a);
          codes[at + 1] = static_cast<std::uint16_t>(best.b);
          fallen += best.fall - now;
          changed = true;
        }
        add_term(w, term, codes, -1);
      }
      if (!changed) break;
    }
    return fallen;
  }

 private:
  struct Node {
    RowMatrix<float> w;  // (U R)^T, q2 x columns
    float fall = 0;
    std::vector<std::uint16_t> codes;
  };
  using Found = std::pair<Pair, std::size_t>;  // a pair, its total fall, and the node it extends

  void product_with(const float* z, RowMatrix<float>& w) const {
    const ConstRowMatrixMap<float> matrix(z, tables_.q1, tables_.q2);
    w.resize(tables_.q2, tables_.u.cols());
    w.noalias() = matrix.transpose().lazyProduct(tables_.u);
  }

  /// w += sign * g_term (U u_a) v_b' for the term's codes.
  void add_term(RowMatrix<float>& w, Index term, std::span<const std::uint16_t> codes,
                float sign) const {
    const auto at = static_cast<std::size_t>(2 * term);
    const auto gram = tables_.gram.row(codes[at]);
    for (Index j = 0; j < tables_.q2; ++j)
      w.row(j) += (sign * tables_.gains(term) * tables_.v_extended(j, codes[at + 1])) * gram;
  }

  float fall_of(const RowMatrix<float>& w, Index term, Index a, Index b) const {
    const Index q2 = tables_.q2;
    const float g = tables_.gains(term);
    return 2 * g * w.col(a).dot(tables_.v_extended.col(b).head(q2)) -
           g * g * tables_.norms(a) * tables_.v_extended(q2, b);
  }

  /// Keeps the `count` best of found_ and the pairs that extend a node: falls are totals from
  /// `base`.
  void search(const RowMatrix<float>& w, Index term, float base, std::size_t node,
              std::size_t count) {
    const Index q2 = tables_.q2;
    const float g = tables_.gains(term);
    bounds_ = w.row(0).array().square();
    for (Index j = 1; j < q2; ++j) bounds_.array() += w.row(j).transpose().array().square();
    bounds_.array() *= tables_.inverse_norms.array();
    for (const Index a : promising()) {
      if (base + bounds_(a) <= worst(count)) break;
      for (Index j = 0; j < q2; ++j) w_(j) = 2 * g * w(j, a);
      w_(q2) = -g * g * tables_.norms(a);
      const float most = score_columns(w_.data(), tables_.v_extended, scores_.data());
      if (base + most > worst(count)) keep_best_of(a, base, node, count);
    }
  }

  /// The preselected units of slot 1 by falling bound.
  const std::vector<Index>& promising() {
    const float threshold = threshold_for(bounds_, preselect_);
    const Index size = tables_.size1;
    promising_.resize(static_cast<std::size_t>(size));
    std::size_t count = 0;
    for (Index a = 0; a < size; ++a) {
      promising_[count] = a;
      count += bounds_(a) > threshold ? 1 : 0;
    }
    promising_.resize(count);
    std::sort(promising_.begin(), promising_.end(), [&](Index a, Index b) {
      return bounds_(a) > bounds_(b) || (bounds_(a) == bounds_(b) && a < b);
    });
    return promising_;
  }

  /// Offers the pairs of unit a, whose falls are in scores_, to found_.
  void keep_best_of(Index a, float base, std::size_t node, std::size_t count) {
    const Index size = tables_.size2;
    for (Index c = 0; c < size; c += lane) {
      if (base + Eigen::Map<const Lanes>(scores_.data() + c).maxCoeff() <= worst(count)) continue;
      for (Index b = c; b < std::min(size, c + lane); ++b)
        if (base + scores_(b) > worst(count)) keep({{base + scores_(b), a, b}, node}, count);
    }
  }

  float worst(std::size_t count) const {
    return found_.size() < count ? -std::numeric_limits<float>::infinity()
                                 : found_.back().first.fall;
  }

  /// Inserts into found_, which is sorted by falling total.
  void keep(const Found& found, std::size_t count) {
    auto at = found_.end();
    while (at != found_.begin() && std::prev(at)->first.fall < found.first.fall) --at;
    found_.insert(at, found);
    if (found_.size() > count) found_.pop_back();
  }

  void expand(Index term, Index count) {
    found_.clear();
    for (std::size_t node = 0; node < nodes_.size(); ++node)
      search(nodes_[node].w, term, nodes_[node].fall, node, static_cast<std::size_t>(count));
  }

  /// Makes the nodes that found_ names the new beam.
  void grow(Index term, bool last) {
    grown_.resize(found_.size());
    for (std::size_t i = 0; i < found_.size(); ++i) {
      const auto& [pair, from] = found_[i];
      Node& node = grown_[i];
      node.fall = pair.fall;
      node.codes = nodes_[from].codes;
      node.codes.push_back(static_cast<std::uint16_t>(pair.a));
      node.codes.push_back(static_cast<std::uint16_t>(pair.b));
      if (last) continue;
      node.w = nodes_[from].w;
      add_term(node.w, term, node.codes, -1);
    }
    std::swap(nodes_, grown_);
  }

  const PairTables& tables_;
  Index beam_, preselect_;
  std::vector<Node> nodes_, grown_;
  std::vector<Found> found_;
  std::vector<Index> promising_;
  Vector<float> bounds_, scores_, w_;
};

}  // namespace see::detail
