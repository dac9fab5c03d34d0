#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "see/compress/basis.hpp"
#include "see/compress/fit.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/row_source.hpp"
#include "see/core/storage.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/word_knowledge.hpp"
#include "see/model/builders.hpp"
#include "see/model/model.hpp"

/// Method senses: SEE's own form, one product of units for each sense of a word.
namespace see::detail {

/// What terms of `order` slots a word has, from few to many: one or three senses of the word, of
/// one group of units each, sememes and morphs in turn.
inline std::vector<SlotFilling> sense_fillings(int order) {
  const Index sememes = (order + 1) / 2, morphs = order / 2;
  return {{order, order, 1, sememes, order},
          {order, order, 3, sememes, std::max<Index>(1, morphs)}};
}

/// Plans and fits a model of one request.
class SenseProducts {
 public:
  SenseProducts(const FitRequest& request, const WordKnowledge& knowledge)
      : request_(request),
        knowledge_(knowledge),
        order_(knowledge.order.value_or(default_order)),
        shape_(Shape::cube(request.table.dim(), order_)),
        mean_(request.table.matrix().colwise().mean()) {
    for (Index k = 0; k < mean_.size(); ++k) mean_[k] = round_to_half(mean_[k]);
    rows_ = request.table.matrix().rowwise() - mean_;
  }

  Model<float> make() {
    request_.report("planning", 0);
    std::optional<Candidate> best;
    const std::vector<SlotFilling> fillings = sense_fillings(order_);
    double done = 0;
    for (const SlotFilling& filling : fillings)
      for (const Index morphs : morph_counts) {
        auto candidate = within(filling, morphs);
        request_.report("planning", done += 0.5 / double(fillings.size() * morph_counts.size()));
        if (!candidate) continue;
        candidate->error = fitted(*candidate, rough).second;
        if (!best || candidate->error < best->error) best = std::move(candidate);
      }
    require_budget(request_.table, request_.method, request_.budget, best ? 0 : least_);
    request_.report("fitting", 0.5);
    Model<float> model = model_of(best->lexicon, fitted(*best, thorough).first);
    const Fidelity fidelity =
        see::fidelity(TableRows(request_.table), model.embedding, request_.options.run);
    model.fit = notes(best->lexicon.report, fidelity.relative_error, fidelity.mean_cosine);
    return model;
  }

 private:
  static constexpr int default_order = 2, rough = 4, thorough = 25;
  static constexpr Index most_vectors = 32;
  static constexpr std::array<Index, 5> morph_counts{60, 200, 600, 2000, 6000};

  /// A lexicon, and units of as many vectors as the bytes hold.
  struct Candidate {
    KnowledgeLexicon lexicon;
    Index vectors = 1;
    double error = std::numeric_limits<double>::infinity();
  };

  Metadata notes(const KnowledgeReport& report, double error, double cosine) const {
    Metadata notes = fit_notes(request_.method, request_.options.seed, error, cosine);
    notes.insert({{"with_senses", std::to_string(report.with_senses)},
                  {"with_morphs_only", std::to_string(report.with_morphs_only)},
                  {"with_neither", std::to_string(report.with_neither)},
                  {"senses_a_word", note_number(report.senses_a_word)},
                  {"collisions", std::to_string(report.collisions)}});
    return notes;
  }

  Model<float> model_of(const KnowledgeLexicon& lexicon, EntangledEmbedding<float> layer) const {
    return {std::move(layer), request_.table.words(), notes(lexicon.report, 0, 0),
            to_notes(lexicon, knowledge_.sources), Precision::f16};
  }

  EntangledEmbedding<float> fresh(const KnowledgeLexicon& lexicon, Index vectors) const {
    const double entries = static_cast<double>(rows_.size());
    const double deviation = std::sqrt(rows_.cast<double>().squaredNorm() / std::max(1.0, entries));
    auto parts = make_parts<float>(shape_, lexicon.lexicon, vectors,
                                   {.deviation = 0.5 * deviation, .seed = request_.options.seed});
    parts.basis.mean = std::vector<float>(mean_.data(), mean_.data() + mean_.size());
    return EntangledEmbedding<float>(std::move(parts));
  }

  std::uint64_t bytes_of(const KnowledgeLexicon& lexicon, Index vectors) const {
    return model_bytes(model_of(lexicon, fresh(lexicon, vectors))).total;
  }

  std::optional<Candidate> within(const SlotFilling& filling, Index morphs) {
    Candidate candidate;
    candidate.lexicon = make_knowledge_lexicon(request_.table.words(), knowledge_.annotation,
                                               knowledge_.morphemes(morphs), {.filling = filling});
    const std::uint64_t one = bytes_of(candidate.lexicon, 1);
    least_ = std::min(least_, one);
    if (one > request_.budget) return {};
    const std::uint64_t step = bytes_of(candidate.lexicon, 2) - one;
    const auto more = static_cast<Index>((request_.budget - one) / step);
    candidate.vectors = std::min(most_vectors, 1 + more);
    while (candidate.vectors > 1 &&
           bytes_of(candidate.lexicon, candidate.vectors) > request_.budget)
      --candidate.vectors;
    return candidate;
  }

  /// A layer as the file keeps it, and its relative error.
  std::pair<EntangledEmbedding<float>, double> fitted(const Candidate& candidate, int steps) const {
    EntangledEmbedding<float> layer = fresh(candidate.lexicon, candidate.vectors);
    const FitReport report =
        fit(layer, request_.table.matrix(), {.iterations = steps, .run = request_.options.run});
    return {layer.stored_as(Storage::f16), report.relative_error};
  }

  const FitRequest& request_;
  const WordKnowledge& knowledge_;
  int order_;
  Shape shape_;
  Eigen::RowVectorXf mean_;
  RowMatrix<float> rows_;
  std::uint64_t least_ = std::numeric_limits<std::uint64_t>::max();
};

/// A row is the table's mean and, for each sense of its word, the Kronecker product of the units of
/// the sense, summed over the vectors of these:
///
///     row w = mean + sum over senses s, i of u_{s,1,i} (x) ... (x) u_{s,order,i}, cut to dim
///
/// with units of ceil(dim^(1/order)) numbers, shared by all slots. Few units of many vectors and
/// many of few are tried with rough fits, with one sense a word and with three; the one that errs
/// least is fitted well. Throws where numbers are too large or small for halves, the table has no
/// words, or the size cannot be reached. Cost: ten rough fits and one of 25 steps (fit()). The
/// least error is not what this form is for: a model that is trained further learns its units
/// (see/torch/distill.hpp). Source: arXiv 2412.12204.
inline Model<float> fit_sense_products(const FitRequest& request) {
  require(!request.table.words().empty(),
          "a model from knowledge of a table without words, needed their names");
  require_half_range(request.table.matrix(), request.method, true);
  return SenseProducts(request, *request.options.knowledge).make();
}

inline constexpr Method senses_method{
    .name = "senses",
    .help = "a product of sememes and morphemes for each sense, to train further in a transformer",
    .knowledge = true,
    .seed = true,
    .fit = fit_sense_products,
};

}  // namespace see::detail
