#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "see/compress/checkpoint.hpp"
#include "see/compress/induced/induce_plan.hpp"
#include "see/compress/induced/induce_refit.hpp"
#include "see/core/progress.hpp"
#include "see/error.hpp"
#include "see/io/safetensors.hpp"

namespace see::detail {

/// How far an induction is: the steps of learning and the rows coded that are done.
struct InducedState {
  InducedPlan plan;
  TermModel model = {};                                    ///< empty before the first step
  int iterations = 0;                                      ///< of learning, done
  double error = std::numeric_limits<double>::infinity();  ///< after these, of the sample
  FitStatus status = FitStatus::iteration_limit;
  std::size_t coded = 0;  ///< rows, from the first on
  TermCodes codes = {};   ///< of all rows, or, as restored, of the coded ones without `begin`
};

/// The state that was kept; none where there is none. Throws FileError where it makes no sense.
inline std::optional<InducedState> restored_induction(const Checkpoint& checkpoint) {
  const auto file = checkpoint.restore();
  if (!file) return {};
  const auto sane = [&](bool is) {
    require<FileError>(is, file->path().string(), ": is a checkpoint that makes no sense");
  };
  const auto n = file->array<std::int64_t>("numbers", {14});
  InducedState state{
      .plan = {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], int(n[8]), n[9] != 0, n[10] != 0}};
  const InducedPlan& plan = state.plan;
  validate(plan);
  sane(n[11] >= 0 && n[11] < 1 << 30 && n[13] >= 0);
  state.iterations = static_cast<int>(n[11]);
  state.status = n[12] != 0 ? FitStatus::converged : FitStatus::iteration_limit;
  state.coded = static_cast<std::size_t>(n[13]);
  state.error = file->array<double>("error", {1})[0];
  if (state.iterations == 0) return state;

  const auto matrix = [&](const char* name, Index rows, Index columns) -> RowMatrix<float> {
    const auto values = file->array<float>(name, {rows, columns});
    return ConstRowMatrixMap<float>(values.data(), rows, columns);
  };
  state.model.u = matrix("codebook_a", plan.units1, plan.q1);
  state.model.v = matrix("codebook_b", plan.units2, plan.q2);
  state.model.gains = matrix("gains", plan.terms, 1);
  const auto scales = file->array<float>("scales", {Index{1} << plan.scale_bits});
  state.model.scales.assign(scales.begin(), scales.end());
  const auto index = file->array<std::uint16_t>("index", {-1});
  const auto scale = file->array<std::uint16_t>("scale", {static_cast<Index>(state.coded)});
  state.codes.index.assign(index.begin(), index.end());
  state.codes.scale.assign(scale.begin(), scale.end());
  for (std::size_t i = 0; i < index.size(); ++i)
    sane(index[i] < (i % 2 == 0 ? plan.units1 : plan.units2));
  for (const std::uint16_t j : scale) sane(j < scales.size());
  return state;
}

/// Keeps `state` where that is due.
inline void keep(Checkpoint& checkpoint, const InducedState& state, bool now) {
  if (!checkpoint.due(now)) return;
  const InducedPlan& p = state.plan;
  const TermModel& model = state.model;
  const std::array<std::int64_t, 14> numbers{p.dim,
                                             p.width,
                                             p.q1,
                                             p.q2,
                                             p.units1,
                                             p.units2,
                                             p.terms,
                                             p.senses,
                                             p.scale_bits,
                                             p.mean,
                                             p.basis,
                                             state.iterations,
                                             state.status == FitStatus::converged,
                                             static_cast<std::int64_t>(state.coded)};
  const std::array<double, 1> error{state.error};
  std::vector<Tensor> tensors{make_tensor("numbers", {14}, numbers),
                              make_tensor("error", {1}, error)};
  const auto matrix = [&](const char* name, const auto& values) {
    tensors.push_back(make_tensor(name, {values.rows(), values.cols()},
                                  std::span(values.data(), std::size_t(values.size()))));
  };
  const auto vector = [&](const char* name, const auto& values, std::size_t count) {
    tensors.push_back(make_tensor(name, {Index(count)}, std::span(values).first(count)));
  };
  if (state.iterations > 0) {
    matrix("codebook_a", model.u);
    matrix("codebook_b", model.v);
    matrix("gains", model.gains);
    vector("scales", model.scales, model.scales.size());
    vector("index", state.codes.index, state.coded > 0 ? state.codes.begin[state.coded] : 0);
    vector("scale", state.codes.scale, state.coded);
  }
  checkpoint.write(tensors);
}

}  // namespace see::detail
