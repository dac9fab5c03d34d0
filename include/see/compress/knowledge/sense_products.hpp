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
#include "see/compress/knowledge/knowledge_notes.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/compress/plan/method.hpp"
#include "see/compress/trellis/add_codes.hpp"
#include "see/compress/trellis/trellis_method.hpp"
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

/// What terms of `order` slots a word has, from few to many, sememes and morphs in turn: one term
/// (where codes tell words apart), or one group of units for each of one sense or three.
inline std::vector<SlotFilling> sense_fillings(int order, bool coded) {
  const Index sememes = (order + 1) / 2, morphs = order / 2;
  std::vector<SlotFilling> fillings{{order, order, 1, sememes, order},
                                    {order, order, 3, sememes, std::max<Index>(1, morphs)}};
  if (coded) fillings.insert(fillings.begin(), {order, order, 1, sememes, morphs});
  return fillings;
}

/// Plans and fits a model of one request; `coded`: with trellis codes of what its products leave.
class SenseProducts {
 public:
  SenseProducts(const FitRequest& request, const WordKnowledge& knowledge, bool coded)
      : request_(request),
        knowledge_(knowledge),
        order_(knowledge.order.value_or(default_order)),
        shares_(coded ? std::vector<double>{0.15, 0.3, 0.5} : std::vector<double>{1}),
        coded_(coded) {
    if (coded)
      require_budget(request.table, request.method, request.budget,
                     least_trellis_bytes(request.table));
    frame_ = parts_without_terms(request.table.rows(), request.table.dim(),
                                 coded ? FrameChoice(request).choose() : mean_alone());
    frame_.codes = {};
    shape_ = Shape::cube(frame_.shape.width(), order_);
    const AnyRows rows = rest_of(request.table, frame_, Storage::native);
    std::vector<std::size_t> ids;
    rows_ = spread_rows(rows, rows.num_embeddings(), ids);
  }

  Model<float> make() {
    request_.report("planning", 0);
    std::optional<Candidate> best;
    double done = 0;
    for (const double share : shares_) {
      auto candidate = best_of(share, done += 0.4 / double(shares_.size()));
      if (candidate && (!best || candidate->error < best->error)) best = std::move(candidate);
    }
    if (!best && coded_) best = best_of(largest_share, 0.4);
    if (!best) {
      const double least = static_cast<double>(least_) / (coded_ ? largest_share : 1);
      require_budget(request_.table, request_.method, request_.budget,
                     std::max(request_.budget + 1, static_cast<std::uint64_t>(least)));
    }
    request_.report("fitting", 0.4);
    Model<float> model = model_of(*best, fitted(*best, thorough));
    ExplainedShares shares{.mean = mean_share(request_.table.matrix()),
                           .terms_error = fidelity_of(model).relative_error,
                           .terms_bytes = model_bytes(model).total};
    if (coded_)
      add(model, {.weights = request_.weights,
                  .progress = [&](double part) { request_.report("coding", 0.6 + 0.4 * part); }});
    const Fidelity fidelity = fidelity_of(model);
    shares.error = fidelity.relative_error;
    model.fit = notes(best->lexicon.report, shares);
    model.fit["relative_error"] = note_number(fidelity.relative_error);
    model.fit["mean_cosine"] = note_number(fidelity.mean_cosine);
    return model;
  }

 private:
  static constexpr int default_order = 2, rough = 4, thorough = 25;
  static constexpr double largest_share = 0.7;  ///< where those of shares_ are too small
  static constexpr Index most_vectors = 64;
  static constexpr std::array<Index, 5> morph_counts{60, 200, 600, 2000, 6000};

  /// A lexicon, and units of as many vectors as the bytes hold.
  struct Candidate {
    KnowledgeLexicon lexicon;
    Index vectors = 1;
    double error = std::numeric_limits<double>::infinity();
  };

  PrincipalBasis mean_alone() const {
    PrincipalBasis basis;
    basis.mean = request_.table.matrix().colwise().mean();
    round_to_half(basis.mean);
    return basis;
  }

  Fidelity fidelity_of(const Model<float>& model) const {
    return see::fidelity(TableRows(request_.table), model.embedding, request_.options.run);
  }

  Metadata notes(const KnowledgeReport& report, const ExplainedShares& shares) const {
    std::optional<std::uint64_t> coded;
    if (coded_) coded = request_.budget;
    return knowledge_notes(request_.method, request_.options.seed, report, shares, coded);
  }

  /// Units of zeros, as many as the lexicon names, in the frame.
  EmbeddingParts<float> blank(const KnowledgeLexicon& lexicon, Index vectors) const {
    EmbeddingParts<float> parts = frame_;
    parts.shape = shape_;
    parts.lexicon = lexicon.lexicon;
    const Index size = lexicon.units.size(), dim = shape_.factor_dim(0);
    const auto numbers = static_cast<std::size_t>(size * vectors * dim);
    parts.inventories = {
        Inventory<float>(Array<float>(std::vector<float>(numbers)), size, vectors, dim)};
    return parts;
  }

  Model<float> model_of(const Candidate& candidate, EmbeddingParts<float> parts) const {
    return {EntangledEmbedding<float>(std::move(parts)), request_.table.words(),
            notes(candidate.lexicon.report, {}), to_notes(candidate.lexicon, knowledge_.sources),
            Precision::i8};
  }

  std::uint64_t bytes_of(const Candidate& candidate, Index vectors) const {
    return model_bytes(model_of(candidate, blank(candidate.lexicon, vectors))).total;
  }

  double add(Model<float>& model, const TrellisOptions& options) const {
    return add_codes(model, request_.table, request_.budget, options, request_.options.run);
  }

  /// The best candidate of a share of the bytes, its error that which is left in the end; none
  /// where there is none, or no room for codes beside it.
  std::optional<Candidate> best_of(double share, double done) {
    auto candidate = best_within(share, done);
    if (!candidate || !coded_) return candidate;
    Model<float> trial = model_of(*candidate, fitted(*candidate, rough));
    if (!has_room_for_codes(trial, request_.budget)) return {};
    candidate->error = add(trial, {.weights = request_.weights, .window_bits = 8});
    return candidate;
  }

  /// The candidate whose rough fit errs least in a share of the bytes; none where none fits.
  std::optional<Candidate> best_within(double share, double done) {
    const auto bytes = static_cast<std::uint64_t>(share * static_cast<double>(request_.budget));
    std::optional<Candidate> best;
    for (const SlotFilling& filling : sense_fillings(order_, coded_))
      for (const Index morphs : morph_counts) {
        request_.report("planning", done);
        auto candidate = within(filling, morphs, bytes);
        if (!candidate) continue;
        candidate->error = error_of(fitted(*candidate, rough));
        if (!best || candidate->error < best->error) best = std::move(candidate);
      }
    return best;
  }

  std::optional<Candidate> within(const SlotFilling& filling, Index morphs, std::uint64_t budget) {
    Candidate candidate;
    KnowledgeLexiconOptions options{.filling = filling};
    options.distinct = !coded_;  // codes tell words apart
    candidate.lexicon = make_knowledge_lexicon(request_.table.words(), knowledge_.annotation,
                                               knowledge_.morphemes(morphs), options);
    const std::uint64_t one = bytes_of(candidate, 1);
    least_ = std::min(least_, one);
    if (one > budget) return {};
    const std::uint64_t step = bytes_of(candidate, 2) - one;
    const auto more = static_cast<Index>((budget - one) / step);
    candidate.vectors = std::min(most_vectors, 1 + more);
    while (candidate.vectors > 1 && bytes_of(candidate, candidate.vectors) > budget)
      --candidate.vectors;
    return candidate;
  }

  /// Products as the file keeps them, in the frame.
  EmbeddingParts<float> fitted(const Candidate& candidate, int steps) const {
    const double entries = static_cast<double>(rows_.size());
    const double deviation = std::sqrt(rows_.cast<double>().squaredNorm() / std::max(1.0, entries));
    EntangledEmbedding<float> layer(
        make_parts<float>(shape_, candidate.lexicon.lexicon, candidate.vectors,
                          {.deviation = 0.5 * deviation, .seed = request_.options.seed}));
    fit(layer, rows_, {.iterations = steps, .run = request_.options.run});
    EmbeddingParts<float> parts = layer.stored_as(Storage::i8).parts();
    parts.basis = frame_.basis;
    return parts;
  }

  /// Relative error of the rows in the frame.
  double error_of(EmbeddingParts<float> parts) const {
    parts.basis = {};
    const EntangledEmbedding<float> layer(std::move(parts));
    const Table rows({}, std::vector<float>(rows_.data(), rows_.data() + rows_.size()),
                     rows_.rows(), rows_.cols());
    return see::fidelity(TableRows(rows), layer, request_.options.run).relative_error;
  }

  const FitRequest& request_;
  const WordKnowledge& knowledge_;
  int order_;
  std::vector<double> shares_;  ///< of the bytes, that products may take
  bool coded_;
  EmbeddingParts<float> frame_;
  Shape shape_;
  RowMatrix<float> rows_;  ///< in the frame
  std::uint64_t least_ = std::numeric_limits<std::uint64_t>::max();
};

/// A row is the table's mean and, for each sense of its word, the Kronecker product of the units of
/// the sense, summed over the vectors of these:
///
///     row w = mean + sum over senses s, i of u_{s,1,i} (x) ... (x) u_{s,order,i}, cut to dim
///
/// with units of ceil(dim^(1/order)) numbers of eight bits, shared by all slots. Few units of many
/// vectors and many of few are tried with rough fits, with one sense a word and with three; the one
/// that errs least is fitted well. Method senses_coded:
///
///     row w = mean + (the same sum + c_w) axes
///
/// in the frame of method trellis; trials say whether the products take .15, .3 or .5 of the bytes
/// (.7 where these are too few), and the trellis codes c_w take the others. Throws where numbers
/// are too large or small for halves, the table has no words, or the size cannot be reached. Cost:
/// ten rough fits and one of 25 steps (fit()); with codes, thirty rough fits and three rough
/// codings too. The least error is not what products are for: a model that is trained further
/// learns its units (see/torch/distill.hpp). Source: arXiv 2412.12204.
inline Model<float> fit_products(const FitRequest& request, bool coded) {
  require(!request.table.words().empty(),
          "a model from knowledge of a table without words, needed their names");
  require_half_range(request.table.matrix(), request.method, true);
  return SenseProducts(request, *request.options.knowledge, coded).make();
}

inline Model<float> fit_sense_products(const FitRequest& request) {
  return fit_products(request, false);
}
inline Model<float> fit_coded_products(const FitRequest& request) {
  return fit_products(request, true);
}

inline constexpr Method senses_method{
    .name = "senses",
    .help = "a product of sememes and morphemes for each sense, to train further in a transformer",
    .knowledge = true,
    .seed = true,
    .fit = fit_sense_products,
};
inline constexpr Method senses_coded_method{
    .name = "senses_coded",
    .help = "the same, with trellis codes of what they leave",
    .knowledge = true,
    .direction = true,
    .seed = true,
    .fit = fit_coded_products,
};

}  // namespace see::detail
