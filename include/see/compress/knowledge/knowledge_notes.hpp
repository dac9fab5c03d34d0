#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "see/compress/plan/budget.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/model/model.hpp"

/// What the file of a model on a lexicon notes of how it was made.
namespace see::detail {

/// Shares of the energy sum |x|^2 of a table, and what they cost.
struct ExplainedShares {
  double mean = 0;                ///< what the mean explains
  double terms_error = 0;         ///< what mean and terms leave
  double error = 0;               ///< what codes leave too
  std::uint64_t terms_bytes = 0;  ///< of the model without codes
};

/// The share of the energy of `table` that its mean explains.
inline double mean_share(ConstRowMatrixRef<float> table) {
  const double energy = table.cast<double>().squaredNorm();
  const double mean =
      static_cast<double>(table.rows()) * double{table.colwise().mean().squaredNorm()};
  return energy > 0 ? mean / energy : 0;
}

/// Notes whose length depends on neither shares nor errors. `budget`: of a model that has codes
/// beside its terms.
inline Metadata knowledge_notes(std::string_view method, std::optional<std::uint64_t> seed,
                                const KnowledgeReport& report, const ExplainedShares& shares,
                                std::optional<std::uint64_t> budget) {
  Metadata notes = fit_notes(method, seed);
  notes.insert({{"with_senses", std::to_string(report.with_senses)},
                {"with_morphs_only", std::to_string(report.with_morphs_only)},
                {"with_neither", std::to_string(report.with_neither)},
                {"senses_a_word", note_number(report.senses_a_word)},
                {"collisions_before", std::to_string(report.collisions_before)},
                {"collisions", std::to_string(report.collisions)},
                {"mean_explains", note_number(shares.mean)},
                {"terms_explain", note_number(1 - shares.terms_error - shares.mean)}});
  if (!budget) return notes;
  notes["residual_explains"] = note_number(shares.terms_error - shares.error);
  const std::string bytes = std::to_string(shares.terms_bytes);
  const std::size_t digits = std::to_string(*budget).size();
  notes["terms_bytes"] = std::string(digits - bytes.size(), '0') + bytes;
  return notes;
}

}  // namespace see::detail
