#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/induced/induce.hpp"
#include "see/compress/induced/induce_choose.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"

namespace see::detail {

/// An induced code as the parts of an embedding: order 2, one inventory a slot, as many senses a
/// word as its row has terms, one gain a term.
inline EmbeddingParts<float> to_parts(const InducedCode& code) {
  const InducedPlan& plan = code.plan;
  const auto inventory = [](const RowMatrix<float>& codebook) {
    std::vector<float> values(codebook.data(), codebook.data() + codebook.size());
    return Inventory<float>(std::move(values), codebook.rows(), 1, codebook.cols());
  };
  const auto array = [](const auto& matrix) {
    return Array<float>(std::vector<float>(matrix.data(), matrix.data() + matrix.size()));
  };
  EmbeddingParts<float> parts;
  parts.shape = Shape({plan.q1, plan.q2}, plan.width);
  parts.inventories = {inventory(code.codebook_a), inventory(code.codebook_b)};
  std::vector<Index> ranks;
  for (Index w = 0; w < code.rows(); ++w) ranks.push_back(code.rank(w));
  parts.lexicon = Lexicon(SlotTable::per_slot({plan.units1, plan.units2}), ranks, code.index);
  parts.gain_scope = GainScope::term;
  parts.gains = array(code.gains);
  if (!code.scale_table.empty())
    parts.word_scale = {
        Array<float>(code.scale_table),
        PackedArray(std::span<const std::uint16_t>(code.scale_index), plan.scale_bits)};
  parts.basis = {array(code.mean), array(code.axes)};
  return parts;
}

/// A model of the size that `plan` leads to, its numbers all zero and without notes.
inline Model<float> blank_model(const InducedPlan& plan, const Table& table) {
  InducedCode code;
  code.plan = plan;
  code.codebook_a = RowMatrix<float>::Zero(plan.units1, plan.q1);
  code.codebook_b = RowMatrix<float>::Zero(plan.units2, plan.q2);
  Index left = plan.senses > 0 ? plan.senses : table.rows() * plan.terms;
  for (Index rows = table.rows(); rows > 0; --rows) {
    const Index rank = std::min(plan.terms, left - (rows - 1));
    left -= rank;
    code.begin.push_back(code.begin.back() + static_cast<std::size_t>(2 * rank));
  }
  code.index.resize(code.begin.back());
  code.gains = Vector<float>::Zero(code.rank(0));
  if (plan.scale_bits > 0) {
    code.scale_table.resize(std::size_t{1} << plan.scale_bits);
    code.scale_index.resize(static_cast<std::size_t>(table.rows()));
  }
  if (plan.mean) code.mean = Vector<float>::Zero(plan.dim);
  if (plan.basis) code.axes = RowMatrix<float>::Zero(plan.width, plan.dim);
  return {EntangledEmbedding<float>(to_parts(code)), table.words(), {}, {}, Precision::f16};
}

/// Bytes of the file (without vocabulary) of a model with this plan.
inline std::uint64_t planned_bytes(const InducedPlan& plan, const Table& table,
                                   std::uint64_t seed) {
  Model<float> blank = blank_model(plan, table);
  blank.fit = fit_notes("induced", seed);
  return model_bytes(blank).total;
}

/// The plan for a model file of at most `budget` bytes. Throws where there is none, naming the
/// smallest size.
inline InducedPlan plan_within(const FitRequest& request) {
  const Table& table = request.table;
  const std::uint64_t budget = request.budget, seed = request.options.seed;
  const InducedPlan smallest = smallest_induced_plan(table.dim());
  require_budget(table, "induced", budget, planned_bytes(smallest, table, seed));
  InducedPlan full = smallest;
  full.mean = full.basis = true;
  full.terms = 2;
  full.senses = table.rows() + 1;
  full.scale_bits = 8;
  constexpr std::uint64_t digits = 64;  // a header grows by the digits of what it counts
  const std::uint64_t header =
      planned_bytes(full, table, seed) - payload_bytes(full, table.rows()) + digits;
  if (budget < header + payload_bytes(smallest, table.rows())) return smallest;
  const InducedPlan plan =
      plan_induced(table.matrix(), budget - header, request.options.run, request.weights);
  const std::uint64_t bytes = planned_bytes(plan, table, seed);
  require(bytes <= budget, "a plan of ", bytes, " bytes for a budget of ", budget);
  return plan;
}

}  // namespace see::detail
