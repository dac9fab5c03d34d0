#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "see/compress/checkpoint.hpp"
#include "see/compress/induced/induce.hpp"
#include "see/compress/induced/induce_state.hpp"
#include "see/compress/induced/induced_model.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/row_source.hpp"
#include "see/model/model.hpp"

/// Method induced: sememes learned from the table.
namespace see::detail {

/// 64 bits that stand for all that decides an induced model.
inline std::uint64_t induction_key(const FitRequest& request) {
  const std::uint64_t rows = hash_rows(AnyRows(TableRows(request.table)), request.options.run);
  const std::uint64_t budget = request.budget, seed = request.options.seed;
  const std::array<std::uint32_t, 5> numbers{
      0x1d0cedU,  // other than a trellis, whatever the rest
      static_cast<std::uint32_t>(budget), static_cast<std::uint32_t>(budget >> 32),
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  return hash_numbers(std::span<const std::uint32_t>(numbers),
                      hash_numbers(std::span<const float>(request.weights), rows));
}

inline Model<float> fit_induced_model(const FitRequest& request) {
  const CompressOptions& options = request.options;
  request.report("planning", 0);
  Checkpoint checkpoint;
  if (!options.checkpoint.empty()) checkpoint = {options.checkpoint, induction_key(request)};
  std::optional<InducedState> state = restored_induction(checkpoint);
  if (!state) state = InducedState{.plan = plan_within(request)};
  const InducedCode code = induce_from(request.table.matrix(), std::move(*state),
                                       {.seed = options.seed,
                                        .weights = request.weights,
                                        .run = options.run,
                                        .progress = request.report.part(0.1, 1)},
                                       &checkpoint);
  return {EntangledEmbedding<float>(to_parts(code)),
          request.table.words(),
          fit_notes("induced", options.seed),
          {},
          Precision::f16};
}

inline constexpr Method induced_method{
    .name = "induced",
    .help = "sememes learned from the table, which can be trained further and scored by factors",
    .weights = true,
    .checkpoint = true,
    .direction = true,
    .seed = true,
    .fit = fit_induced_model,
};

}  // namespace see::detail
