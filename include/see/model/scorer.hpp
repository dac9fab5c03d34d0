#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"
#include "see/model/score_batch.hpp"
#include "see/model/score_plan.hpp"
#include "see/model/score_rows.hpp"
#include "see/model/top_k.hpp"

namespace see {

namespace detail {

/// How rows are scored: expanded, or those of an entangled embedding from its factors.
template <class Rows>
struct Scoring {
  using Plan = RowPlan<Rows>;
  using Batch = RowBatch<Rows>;
};
template <std::floating_point Scalar, int Order>
struct Scoring<EntangledEmbedding<Scalar, Order>> {
  using Plan = ScorePlan<Scalar, Order>;
  using Batch = ScoreBatch<Scalar>;
};

}  // namespace detail

/// Scores of hidden states against the rows of a layer, as a tied output layer needs them:
///
///     S = H E^T        (H: b x d, E: words x d, S: b x words)
///
/// Any EmbeddingLayer or RowSource is scored by its rows, expanded a block at a time; an entangled
/// embedding without them. There the senses that share inventories are scored the cheaper of two
/// ways (detail::ScoreWay): by a table of the scores of all pairs of units and one look-up a sense,
/// or by partial products with all units of the last slot and one short dot product a sense. Where
/// little is shared (word2ket), there are codes, or many hidden states would need tables that
/// leave the cache, rows are expanded a block at a time for up to 64 states. All are exact: a cut
/// product is met by zeros behind the hidden state, and LayerNorm by two numbers a word.
///
/// \code
///     see::Scorer scorer(layer);   // entangled, dense, a see::TableRows, ...
///     see::RowMatrix<float> logits = scorer.logits(hidden);
///     std::vector<std::vector<see::Scored<float>>> best = scorer.top_k(hidden, 10);
/// \endcode
///
/// Shares the layer's storage as it is when the scorer is made; inventories in narrow storage are
/// widened then, for layer() too. Const members may be called from several threads at once. Results
/// are equal for any executor; the scores of a hidden state may differ in rounding with the states
/// that it comes with.
template <detail::ScoredRows LayerType>
class Scorer {
 public:
  using Layer = LayerType;
  using Scalar = detail::RowScalar<Layer>;

  /// Entangled: O(parameters); with LayerNorm, O(words) memory and a look-up of every row.
  explicit Scorer(Layer layer, const Executor& run = serial()) : plan_(std::move(layer), run) {}

  const Layer& layer() const noexcept { return plan_.layer(); }

  /// S for all words: `hidden` is b x embedding_dim(), `out` b x num_embeddings(). Throws, and
  /// writes nothing, where a size does not fit.
  void logits(ConstRowMatrixRef<Scalar> hidden, RowMatrixRef<Scalar> out,
              const Executor& run = serial()) const {
    check(hidden, out, layer().num_embeddings());
    for_blocks(hidden, run, [&](Index state, Index word, std::size_t, const auto& scores) {
      out.block(state, word, scores.rows(), scores.cols()) = scores;
    });
  }
  RowMatrix<Scalar> logits(ConstRowMatrixRef<Scalar> hidden) const {
    RowMatrix<Scalar> out(hidden.rows(), layer().num_embeddings());
    logits(hidden, out);
    return out;
  }

  /// S for the words `ids` alone: `out` is b x ids.size(). Throws, and writes nothing, where a size
  /// does not fit or an id is no row.
  template <IdRange Ids = IdList>
  void logits_of(ConstRowMatrixRef<Scalar> hidden, const Ids& ids, RowMatrixRef<Scalar> out) const {
    const auto id = detail::id_span(ids);
    const Index count = std::ssize(id);
    check(hidden, out, count);
    detail::check_batch(ids, layer().num_embeddings(), count, 1, 1, "Scorer::logits_of");
    for_groups(hidden, serial(), [&](Index state, const Group& group) {
      score_blocks(
          group, 0, count,
          [&](Index k) { return static_cast<Index>(id[static_cast<std::size_t>(k)]); },
          [&](Index first, const auto& scores) {
            out.block(state, first, scores.rows(), scores.cols()) = scores;
          });
    });
  }

  /// The k words of the highest scores for each hidden state, best first, equal scores by falling
  /// preference for the smaller number (all words where there are fewer; a score that is not a
  /// number counts as the lowest). Memory: k words a range of 4,096 for each of 64 hidden states at
  /// most. Throws where `hidden` has another width than embedding_dim() or k < 0.
  std::vector<std::vector<Scored<Scalar>>> top_k(ConstRowMatrixRef<Scalar> hidden, Index k,
                                                 const Executor& run = serial()) const {
    return top_k(hidden, k, run, [](Index, auto) {});
  }

  /// The same after adjust(word, scores), which changes an array of scores: a row for each of some
  /// hidden states and a column for each word from `word` on.
  template <class Adjust>
  std::vector<std::vector<Scored<Scalar>>> top_k(ConstRowMatrixRef<Scalar> hidden, Index k,
                                                 const Executor& run, const Adjust& adjust) const {
    check_hidden(hidden);
    detail::require(k >= 0, "Scorer::top_k: the best ", k, " rows, needed 0 or more");
    const auto words = static_cast<std::size_t>(layer().num_embeddings());
    std::vector<std::vector<Scored<Scalar>>> result;
    for_groups(hidden, run, [&](Index, const Group& group) {
      const auto states = static_cast<std::size_t>(group.states());
      std::vector<detail::TopK<Scalar>> best((words + range_size - 1) / range_size * states,
                                             detail::TopK<Scalar>(k));
      // What some range has found k words above: nothing below it is among the best of all.
      std::vector<std::atomic<Scalar>> floors(states);
      for (auto& floor : floors) floor = -std::numeric_limits<Scalar>::infinity();
      for_ranges(run, words, range_size, [&](std::size_t first, std::size_t last) {
        detail::TopK<Scalar>* own = best.data() + first / range_size * states;
        for (std::size_t i = 0; i < states; ++i) own[i] = detail::TopK<Scalar>(k, floors[i]);
        score_blocks(
            group, static_cast<Index>(first), static_cast<Index>(last), [](Index w) { return w; },
            [&](Index word, auto scores) {
              adjust(word, scores.array());
              detail::TopK<Scalar>::offer_block(own, word, scores);
            });
        for (std::size_t i = 0; i < states; ++i)
          for (Scalar floor = floors[i];
               floor < own[i].bar() && !floors[i].compare_exchange_weak(floor, own[i].bar());) {
          }
      });
      for (std::size_t i = 0; i < states; ++i) {
        detail::TopK<Scalar> all(k);
        for (std::size_t at = i; at < best.size(); at += states) all.merge(best[at]);
        result.push_back(all.take());
      }
    });
    return result;
  }

  /// Calls visit(state, word, range, scores) for blocks of S that together cover it: `scores` has
  /// a row for each hidden state from `state` on and a column for each word from `word` on. Ranges
  /// of words are visited at once by the executor's threads and are numbered from 0 in order; the
  /// blocks of a range come in order. Throws where `hidden` has another width than embedding_dim().
  template <class Visit>
  void for_blocks(ConstRowMatrixRef<Scalar> hidden, const Executor& run, const Visit& visit) const {
    check_hidden(hidden);
    for_groups(hidden, run, [&](Index state, const Group& group) {
      for_ranges(run, static_cast<std::size_t>(layer().num_embeddings()), range_size,
                 [&](std::size_t first, std::size_t last) {
                   score_blocks(
                       group, static_cast<Index>(first), static_cast<Index>(last),
                       [](Index w) { return w; },
                       [&](Index word, const auto& scores) {
                         visit(state, word, first / range_size, scores);
                       });
                 });
    });
  }

  /// Words of a range, which one task scores.
  static constexpr std::size_t range_size = 4096;

 private:
  using Group = typename detail::Scoring<Layer>::Batch;

  template <class Visit>
  void for_groups(ConstRowMatrixRef<Scalar> hidden, const Executor& run, const Visit& visit) const {
    for (Index state = 0; state < hidden.rows();) {
      const Index size = Group::best_size(plan_, hidden.rows() - state);
      visit(state, Group(plan_, hidden.middleRows(state, size), run));
      state += size;
    }
  }

  /// Scores word(first) ... word(last - 1) in blocks and calls visit(k, scores) for the block from
  /// k on.
  template <class Word, class Visit>
  static void score_blocks(const Group& group, Index first, Index last, const Word& word,
                           const Visit& visit) {
    const Index block = std::clamp<Index>(4096 / std::max<Index>(1, group.lanes()), 64, 256);
    using Block = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
    Block scores(group.lanes(), std::min(block, last - first));
    for (; first < last; first += block) {
      const Index count = std::min(block, last - first);
      group.score(
          count, [&](Index k) { return word(first + k); }, scores.data());
      visit(first, scores.topLeftCorner(group.states(), count));
    }
  }

  void check_hidden(ConstRowMatrixRef<Scalar> hidden) const {
    detail::require(hidden.cols() == layer().embedding_dim(), "Scorer: hidden states of ",
                    hidden.rows(), " x ", hidden.cols(), ", needed ", hidden.rows(), " x ",
                    layer().embedding_dim());
  }

  void check(ConstRowMatrixRef<Scalar> hidden, const RowMatrixRef<Scalar>& out, Index cols) const {
    check_hidden(hidden);
    detail::require(out.rows() == hidden.rows() && out.cols() == cols, "Scorer: logits of ",
                    out.rows(), " x ", out.cols(), ", needed ", hidden.rows(), " x ", cols);
  }

  typename detail::Scoring<Layer>::Plan plan_;
};

}  // namespace see
