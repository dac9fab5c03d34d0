#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/induced/induce.hpp"
#include "see/compress/induced/induce_choose.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/io/model_file.hpp"
#include "see/model/embedding.hpp"

namespace see {

/// How the numbers of a compressed model are stored (term gains excepted, which are F32).
inline constexpr Precision compressed_precision = Precision::f16;

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

namespace detail {

inline std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// A model of the size that `plan` leads to, its numbers all zero.
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
  return {EntangledEmbedding<float>(to_parts(code)), table.words(), {}};
}

/// Notes on a fit, at least as long as any real ones.
inline Metadata longest_notes() {
  return {{"method", "induced"},         {"seed", std::string(20, '9')},
          {"status", "iteration limit"}, {"relative_error", std::string(12, '9')},
          {"mean_cosine", "-0.999999"},  {"seconds", std::string(10, '9')}};
}

/// Bytes of the file (without vocabulary) of a model with this plan.
inline std::uint64_t planned_bytes(const InducedPlan& plan, const Table& table) {
  Model<float> blank = blank_model(plan, table);
  blank.fit = longest_notes();
  return model_bytes(blank, compressed_precision).total;
}

/// The plan for a model file of at most `budget` bytes. Throws where there is none, naming the
/// smallest size.
inline InducedPlan plan_within(const Table& table, std::uint64_t budget,
                               std::span<const float> weights, const Executor& run) {
  const InducedPlan smallest = smallest_induced_plan(table.dim());
  const std::uint64_t least = planned_bytes(smallest, table);
  require(budget >= least, "a model of ", table.rows(), " x ", table.dim(), " in ", budget,
          " bytes cannot be reached, the smallest takes ", least, " bytes (ratio ",
          fixed(4.0 * double(table.rows()) * double(table.dim()) / double(least), 2), ")");
  InducedPlan full = smallest;
  full.mean = full.basis = true;
  full.terms = 2;
  full.senses = table.rows() + 1;
  full.scale_bits = 8;
  const std::uint64_t header = planned_bytes(full, table) - payload_bytes(full, table.rows()) + 64;
  if (budget < header + payload_bytes(smallest, table.rows())) return smallest;
  const InducedPlan plan = plan_induced(table.matrix(), budget - header, run, weights);
  require(planned_bytes(plan, table) <= budget, "a plan of ", planned_bytes(plan, table),
          " bytes for a budget of ", budget);
  return plan;
}

}  // namespace detail
}  // namespace see
