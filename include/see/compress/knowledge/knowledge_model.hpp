#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "see/compress/knowledge/fit_knowledge.hpp"
#include "see/config.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/word_knowledge.hpp"
#include "see/model/model.hpp"

/// From a dense table and what is known of its words to a model of a given size.
namespace see {

/// What terms a word has and how many numbers a unit.
struct KnowledgePlan {
  SlotFilling filling;
  double width = 1;  ///< share of the table's columns
};

/// Plans from few, narrow units a word to many, of terms of `order`; without one of order 1, which
/// has no roles and so the shorter index, and of order 2.
inline std::vector<KnowledgePlan> knowledge_plans(std::optional<int> order = {}) {
  const auto plan = [](int of, Index senses, Index morphs, double width) {
    return KnowledgePlan{{of, 1, senses, 1, morphs}, width};
  };
  const int first = order.value_or(1), second = order.value_or(2);
  return {plan(first, 1, 1, 0.32), plan(first, 1, 2, 0.32),  plan(first, 1, 2, 0.64),
          plan(first, 2, 2, 0.64), plan(second, 3, 3, 0.64), plan(second, 4, 4, 1)};
}

/// How many sememes serve a model of `budget` bytes of rows of `dim` numbers: a third of all bytes
/// is to be for sememes, or a tenth where there are codes (`residual`); 45 to 2,000.
inline Index default_sememes(std::uint64_t budget, Index dim, bool residual) {
  const double bytes_a_sememe = residual ? 10 * (1.1 * static_cast<double>(dim) + 12) : 300.0;
  return static_cast<Index>(std::clamp(static_cast<double>(budget) / bytes_a_sememe, 45.0, 2000.0));
}

/// Exactly one of `ratio` and `bytes` is given; every byte of the model file but the vocabulary's
/// counts, names of units included.
struct KnowledgeModelOptions {
  std::optional<double> ratio = {};         ///< 4 * rows * dim / bytes is to be at least this
  std::optional<std::uint64_t> bytes = {};  ///< the file is to have at most so many bytes
  bool residual = false;                    ///< whether what terms leave is coded beside them
  double direction = 0;                     ///< of the residual, as in CompressOptions
  /// The terms' shares of the bytes that are tried where there is a residual, in this order, until
  /// one serves worse than the one before.
  std::vector<double> shares = {0.2, 0.25, 0.3, 0.4};
  std::vector<KnowledgePlan> plans = knowledge_plans();  ///< that are tried
  KnowledgeLexiconOptions lexicon = {};  ///< but for the filling, which is the plan's
  KnowledgeFitOptions fit = {};          ///< but for the width, which is the plan's
  Executor run = threads();
  ProgressCallback progress = {};
};

/// A model and what its lexicon is made of.
struct KnowledgeModel {
  Model<float> model;
  KnowledgeReport report;
};

/// A model of `table`, which has words, on a lexicon made from what is known of them (method see),
/// perhaps with trellis codes of what its terms leave, the residual (method hybrid):
///
///     row w = mean + (sum of the terms of w + r_w) axes
///
/// Plans (and shares of the bytes) are tried with rough fits; the one that errs least is fitted
/// well. Of morphs as many are taken as the bytes hold. The model's notes say what share of
/// sum |x|^2 the mean, the terms and the residual explain; they and the relative error sum to 1.
/// Without a residual the terms live in as many principal directions as the plan says; with one in
/// all of them, so that the residual reaches whatever they leave, and words may have equal terms,
/// since it tells them apart; one more plan has morphs only for words without senses. Words outside
/// the vocabulary can be composed from the model as written (knowledge_of, Composer).
///
/// Deterministic, for any executor. Cost: for each plan (and share) some lexicons and a rough fit
/// (fit_knowledge), for each share a rough residual. Throws where the table has no
/// words or numbers that are not finite, the knowledge is of other words, an option is out of
/// range, the size cannot be reached, or progress returns false.
KnowledgeModel compress_on(const Table& table, const WordKnowledge& knowledge,
                           const KnowledgeModelOptions& options);

}  // namespace see

#if !defined(SEE_COMPILED)
#include "see/compress/knowledge/knowledge_model-inl.hpp"
#endif
