#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "see/core/bits.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see::detail {

/// The form of an induced code of n rows of d numbers. Row w decodes to
///
///     y_w = mean + axes^T cut_p(s_w * sum_{k=1..T_w} g_k * U[a_wk] (x) V[b_wk])
///
/// with codebooks U (units1 x q1) and V (units2 x q2) shared by all rows and all terms,
/// one gain g_k a term, a scale s_w of scale_bits bits a row (1 where scale_bits is 0), and cut_p
/// the first `width` entries.
///
/// Invariant: 1 <= width <= dim, width == dim unless basis, q1 * q2 >= width, 1 <= units1,
/// units2 <= 65536, 1 <= terms <= 65535, senses >= 0, 0 <= scale_bits <= 16.
struct InducedPlan {
  Index dim = 1;     ///< d
  Index width = 1;   ///< p, coordinates that are coded
  Index q1 = 1;      ///< entries of a unit of slot 1
  Index q2 = 1;      ///< entries of a unit of slot 2
  Index units1 = 1;  ///< K1, units of slot 1
  Index units2 = 1;  ///< K2, units of slot 2
  Index terms = 1;   ///< T, of every row; the most of a row where senses > 0
  Index senses = 0;  ///< terms of all rows together where they differ, else 0
  int scale_bits = 0;
  bool mean = false;
  bool basis = false;

  bool operator==(const InducedPlan&) const = default;
};

/// Throws unless the invariant of InducedPlan holds.
inline void validate(const InducedPlan& plan) {
  require(plan.dim >= 1 && plan.width >= 1 && plan.width <= plan.dim, "an induced plan codes ",
          plan.width, " of ", plan.dim, " coordinates, needed 1 to all of them");
  require(plan.basis || plan.width == plan.dim, "an induced plan without basis codes ", plan.width,
          " coordinates, needed all ", plan.dim);
  require(plan.q1 >= 1 && plan.q2 >= 1 && plan.q1 * plan.q2 >= plan.width,
          "an induced plan has factors of ", plan.q1, " and ", plan.q2,
          " entries, needed a product of at least ", plan.width);
  for (const Index units : {plan.units1, plan.units2})
    require(units >= 1 && units <= 65536, "an induced plan has a codebook of ", units,
            " units, needed 1 to 65536");
  require(plan.terms >= 1 && plan.terms <= 65535 && plan.senses >= 0, "an induced plan has ",
          plan.terms, " terms a row and ", plan.senses,
          " in all, needed 1 to 65535 and none or more");
  require(plan.scale_bits >= 0 && plan.scale_bits <= 16, "an induced plan has row scales of ",
          plan.scale_bits, " bits, needed 0 to 16");
}

/// Bits of the index of one term of one row: two unit numbers.
constexpr int term_bits(const InducedPlan& plan) {
  return bits_for(static_cast<std::uint64_t>(plan.units1)) +
         bits_for(static_cast<std::uint64_t>(plan.units2));
}

/// By how much a term lowers the logarithm of a row's squared error: 2 ln 2 / p for each of its
/// bits by the slope of the rate-distortion curve (Cover and Thomas, Elements of Information
/// Theory, 10.3), of which sums of products reach some nine tenths.
inline double term_decay(const InducedPlan& plan) {
  return 0.9 * 2 * std::log(2.0) * std::max(1, term_bits(plan)) / static_cast<double>(plan.width);
}

/// Bits of the number of terms of one row: 0 where all rows have as many.
constexpr int rank_bits(const InducedPlan& plan) {
  return plan.senses > 0 ? bits_for(static_cast<std::uint64_t>(plan.terms) + 1) : 0;
}

/// Bytes of everything that does not grow with rows or terms: codebooks, mean and the table of row
/// scales (2 bytes a number), axes (one, and 4 an axis).
constexpr std::size_t fixed_bytes(const InducedPlan& plan) {
  const Index halves = plan.units1 * plan.q1 + plan.units2 * plan.q2 + (plan.mean ? plan.dim : 0) +
                       (plan.scale_bits > 0 ? Index{1} << plan.scale_bits : 0);
  return static_cast<std::size_t>(2 * halves + (plan.basis ? plan.width * (plan.dim + 4) : 0));
}

/// Bytes of the model of `rows` rows without file header: fixed_bytes, 4 bytes a gain, and the bits
/// of index, numbers of terms and row scales, packed.
constexpr std::size_t payload_bytes(const InducedPlan& plan, Index rows) {
  const auto n = static_cast<std::uint64_t>(rows);
  return fixed_bytes(plan) + 4 * static_cast<std::size_t>(plan.terms) +
         packed_bytes(
             static_cast<std::uint64_t>(plan.senses > 0 ? plan.senses : rows * plan.terms) *
             static_cast<std::uint64_t>(term_bits(plan))) +
         packed_bytes(n * static_cast<std::uint64_t>(rank_bits(plan))) +
         packed_bytes(n * static_cast<std::uint64_t>(plan.scale_bits));
}

/// The most terms (at least 1, at most `limit`) with which `plan` takes up to `budget` bytes; 0
/// where one term is too much.
inline Index terms_within(InducedPlan plan, Index rows, std::size_t budget, Index limit) {
  Index low = 0, high = limit;
  while (low < high) {
    plan.terms = low + (high - low + 1) / 2;
    if (payload_bytes(plan, rows) <= budget)
      low = plan.terms;
    else
      high = plan.terms - 1;
  }
  return low;
}

/// The plan of the fewest bytes for a table of `dim` columns: one unit a slot, one term, no index.
inline InducedPlan smallest_induced_plan(Index dim) {
  require(dim >= 1, "an induced plan for ", dim, " columns, needed at least one");
  InducedPlan plan;
  plan.dim = plan.width = dim;
  for (Index q1 = 1, least = dim + 2; q1 <= dim; ++q1) {
    const Index q2 = (dim + q1 - 1) / q1;
    if (q1 + q2 >= least) continue;
    least = q1 + q2;
    plan.q1 = q1;
    plan.q2 = q2;
  }
  return plan;
}

}  // namespace see::detail
