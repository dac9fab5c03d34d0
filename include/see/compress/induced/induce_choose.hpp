#pragma once

#include <cstddef>
#include <span>

#include "see/compress/induced/induce_plan.hpp"
#include "see/config.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"

namespace see::detail {

/// The fewest payload bytes any induced code of a rows x dim table takes.
inline std::size_t smallest_induced_payload(Index rows, Index dim) {
  return payload_bytes(smallest_induced_plan(dim), rows);
}

/// The plan of least estimated error for `table` (n x d) among those of at most `payload_budget`
/// bytes: whether mean and axes (2 d p bytes) earn their place, how many axes, how large the
/// codebooks, how many terms, and how many bits for row scales. The mean stays where it holds more
/// of the energy than its 16 d bits would save elsewhere, 2 ln 2 * 16 / n by the slope of the
/// rate-distortion curve; the rest is decided by some twenty short fits to at most 4000 rows.
/// Errors and energies count `weights` (one a row, above 0; empty: all alike). Deterministic.
/// Throws where no plan fits; the message gives the fewest bytes needed.
InducedPlan plan_induced(ConstRowMatrixRef<float> table, std::size_t payload_budget,
                         const Executor& run = threads(), std::span<const float> weights = {});

}  // namespace see::detail

#if !defined(SEE_COMPILED)
#include "see/compress/induced/induce_choose-inl.hpp"
#endif
