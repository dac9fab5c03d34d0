#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/score.hpp"
#include "see/model/embedding.hpp"

namespace see {

/// A word and its score.
template <class Scalar>
struct Scored {
  Index word;
  Scalar score;
};

/// Scores of hidden states against the words of an entangled embedding without their rows, as a
/// tied output layer needs them:
///
///     S = H E^T        (H: b x d, E: words x d, S: b x words)
///
/// A hidden state h is carried back through the basis once, h~ = A h. Then, for each row of the
/// slot table, the cheapest of three ways to <h~, sum of products>:
///  - pairs (order 2): a table of the scores of all pairs of units, then one look-up a sense;
///  - partial: h~ contracted with every unit of the last slot, once for all words that share it,
///  then
///    m dot products of q_1 ... q_{o-1} numbers a sense;
///  - direct: contraction factor by factor, where inventories are so large that little is shared.
/// All are exact: a cut product is met by zeros behind h~, and LayerNorm by two numbers a word.
///
///     see::Scorer scorer(layer);
///     see::RowMatrix<float> logits = scorer.logits(hidden);
///     std::vector<std::vector<see::Scored<float>>> best = scorer.top_k(hidden, 10);
///
/// Shares the layer's storage as it is when the scorer is made. Const members may be called from
/// several threads at once.
template <std::floating_point Scalar, int Order = Eigen::Dynamic>
class Scorer {
 public:
  using Layer = EntangledEmbedding<Scalar, Order>;

  /// O(1); with LayerNorm, O(words) memory and a look-up of every row.
  explicit Scorer(Layer layer) : layer_(std::move(layer)), dims_(layer_.shape().factor_dims()) {
    const SlotTable& table = layer_.lexicon().table();
    for (Index row = 0; row < table.rows(); ++row) ways_.push_back(cheapest(row));
    if (layer_.parts().layer_norm) measure_rows();
  }

  const Layer& layer() const noexcept { return layer_; }

  /// S for all words: `hidden` is b x embedding_dim(), `out` b x num_embeddings(). Throws, and
  /// writes nothing, where a size does not fit.
  void logits(ConstRowMatrixRef<Scalar> hidden, RowMatrixRef<Scalar> out,
              const Executor& run = serial()) const {
    check(hidden, out, layer_.num_embeddings());
    for (Index i = 0; i < hidden.rows(); ++i) {
      const Prepared prepared(*this, hidden.row(i).data());
      for_ranges(run, static_cast<std::size_t>(out.cols()), grain,
                 [&](std::size_t first, std::size_t last) {
                   for (auto w = static_cast<Index>(first); w < static_cast<Index>(last); ++w)
                     out(i, w) = prepared.score(w);
                 });
    }
  }
  RowMatrix<Scalar> logits(ConstRowMatrixRef<Scalar> hidden) const {
    RowMatrix<Scalar> out(hidden.rows(), layer_.num_embeddings());
    logits(hidden, out);
    return out;
  }

  /// S for the words `ids` alone: `out` is b x ids.size(). Throws, and writes nothing, where a size
  /// does not fit or an id is no row.
  template <IdRange Ids>
  void logits_of(ConstRowMatrixRef<Scalar> hidden, const Ids& ids, RowMatrixRef<Scalar> out) const {
    const auto count = static_cast<Index>(std::ranges::size(ids));
    check(hidden, out, count);
    detail::check_batch(ids, layer_.num_embeddings(), count, out.cols(), count, "ids");
    const auto* id = std::ranges::data(ids);
    for (Index i = 0; i < hidden.rows(); ++i) {
      const Prepared prepared(*this, hidden.row(i).data());
      for (Index k = 0; k < count; ++k) out(i, k) = prepared.score(static_cast<Index>(id[k]));
    }
  }

  /// The k words of the highest scores for each hidden state, best first, equal scores by falling
  /// preference for the smaller number (all words where there are fewer). Memory: k words a range
  /// of 8,192. Throws where `hidden` has another width than embedding_dim() or k < 0.
  std::vector<std::vector<Scored<Scalar>>> top_k(ConstRowMatrixRef<Scalar> hidden, Index k,
                                                 const Executor& run = serial()) const {
    check_hidden(hidden);
    detail::require(k >= 0, "the best ", k, " words, needed 0 or more");
    const auto words = static_cast<std::size_t>(layer_.num_embeddings());
    const auto better = [](const Scored<Scalar>& a, const Scored<Scalar>& b) {
      return a.score > b.score || (a.score == b.score && a.word < b.word);
    };
    std::vector<std::vector<Scored<Scalar>>> result;
    for (Index i = 0; i < hidden.rows(); ++i) {
      const Prepared prepared(*this, hidden.row(i).data());
      std::vector<std::vector<Scored<Scalar>>> best((words + grain - 1) / grain);
      for_ranges(run, words, grain, [&](std::size_t first, std::size_t last) {
        auto& heap = best[first / grain];  // the worst of the best on top
        for (auto w = static_cast<Index>(first); w < static_cast<Index>(last); ++w) {
          const Scored<Scalar> now{w, prepared.score(w)};
          if (static_cast<Index>(heap.size()) == k) {
            if (k == 0 || !better(now, heap.front())) continue;
            std::pop_heap(heap.begin(), heap.end(), better);
            heap.pop_back();
          }
          heap.push_back(now);
          std::push_heap(heap.begin(), heap.end(), better);
        }
      });
      std::vector<Scored<Scalar>> all;
      for (const auto& range : best) all.insert(all.end(), range.begin(), range.end());
      std::sort(all.begin(), all.end(), better);
      all.resize(std::min(all.size(), static_cast<std::size_t>(k)));
      result.push_back(std::move(all));
    }
    return result;
  }

 private:
  static constexpr std::size_t grain = 8192;  // words that one task scores

  enum class Way { pairs, partial, direct };

  /// The way of the fewest multiply-adds for all words; a look-up counts as four.
  Way cheapest(Index row) const {
    const EmbeddingParts<Scalar>& parts = layer_.parts();
    const SlotTable& table = parts.lexicon.table();
    const int order = table.order;
    const auto inventory = [&](int slot) -> const Inventory<Scalar>& {
      return parts.inventories[static_cast<std::size_t>(table.inventory(row, slot))];
    };
    const double product = static_cast<double>(parts.shape.product());
    const double last = static_cast<double>(dims_.back()), prefix = product / last;
    const double m = static_cast<double>(inventory(0).rank());
    const double senses =
        static_cast<double>(parts.lexicon.senses()) / static_cast<double>(table.rows());
    const double units = static_cast<double>(inventory(order - 1).size());
    const double direct = senses * m * product;
    const double partial = units * m * product + senses * m * prefix;
    double pairs = 2 * direct;
    if (order == 2 && units * static_cast<double>(inventory(0).size()) <= (1 << 20))
      pairs = units * m * product + units * m * static_cast<double>(inventory(0).size()) * prefix +
              4 * senses;
    if (pairs < partial && pairs < direct) return Way::pairs;
    return partial < direct ? Way::partial : Way::direct;
  }

  /// Mean and inverse deviation of every row before LayerNorm, from two passes over its numbers.
  void measure_rows() {
    EmbeddingParts<Scalar> plain = layer_.parts();
    const LayerNorm<Scalar> norm = *plain.layer_norm;
    plain.layer_norm.reset();
    const Layer bare(std::move(plain));
    const Index words = bare.num_embeddings(), dim = bare.embedding_dim();
    means_.resize(static_cast<std::size_t>(words));
    inverses_.resize(static_cast<std::size_t>(words));
    RowMatrix<Scalar> rows(std::min<Index>(64, words), dim);
    std::vector<Index> ids(64);
    for (Index first = 0; first < words; first += 64) {
      const Index count = std::min<Index>(64, words - first);
      std::iota(ids.begin(), ids.end(), first);
      bare.forward(std::span(ids).first(static_cast<std::size_t>(count)), rows.topRows(count));
      for (Index i = 0; i < count; ++i) {
        const auto w = static_cast<std::size_t>(first + i);
        means_[w] = rows.row(i).mean();
        inverses_[w] = norm.normalize(rows.row(i).data(), dim);
      }
    }
  }

  void check_hidden(ConstRowMatrixRef<Scalar> hidden) const {
    detail::require(hidden.cols() == layer_.embedding_dim(), "hidden states of ", hidden.cols(),
                    " numbers, needed ", layer_.embedding_dim());
  }

  void check(ConstRowMatrixRef<Scalar> hidden, const RowMatrixRef<Scalar>& out, Index cols) const {
    check_hidden(hidden);
    detail::require(out.rows() == hidden.rows() && out.cols() == cols, "logits of ", out.rows(),
                    " x ", out.cols(), ", needed ", hidden.rows(), " x ", cols);
  }

  /// One hidden state made ready for all words.
  class Prepared {
   public:
    Prepared(const Scorer& scorer, const Scalar* hidden)
        : scorer_(scorer),
          parts_(scorer.layer_.parts()),
          product_(Vector<Scalar>::Zero(parts_.shape.product())) {
      Vector<Scalar> h = Eigen::Map<const Vector<Scalar>>(hidden, parts_.embedding_dim());
      if (parts_.layer_norm) {
        const LayerNorm<Scalar>& norm = *parts_.layer_norm;
        shift_ = Eigen::Map<const Vector<Scalar>>(norm.bias.data(), h.size()).dot(h);
        h.array() *= Eigen::Map<const Vector<Scalar>>(norm.weight.data(), h.size()).array();
        sum_ = h.sum();
      }
      const Basis<Scalar>& basis = parts_.basis;
      if (basis.has_mean())
        constant_ = Eigen::Map<const Vector<Scalar>>(basis.mean.data(), h.size()).dot(h);
      const Index width = parts_.shape.width();
      if (basis.has_axes())
        product_.head(width).noalias() =
            ConstRowMatrixMap<Scalar>(basis.axes.data(), width, h.size()) * h;
      else
        product_.head(width) = h;
      for (Index row = 0; row < parts_.lexicon.table().rows(); ++row) contract(row);
    }

    Scalar score(Index w) const {
      if (parts_.padding_idx == w) return Scalar(0);
      const Lexicon& lexicon = parts_.lexicon;
      const Scalar* gains = parts_.gains.data();
      if (parts_.gain_scope == GainScope::sense) gains += lexicon.first_sense(w);
      if (!parts_.has_gains()) gains = nullptr;
      Scalar score(0);
      if (scorer_.ways_.size() == 1 && scorer_.ways_[0] == Way::pairs) {
        const Scalar* table = shared_[0].data();
        const Index stride = shared_[0].cols();
        lexicon.for_senses(w, [&](Index s, const Index* units) {
          score += (gains ? gains[s] : Scalar(1)) * table[units[0] * stride + units[1]];
        });
      } else if (scorer_.ways_.size() == 1 && scorer_.ways_[0] == Way::partial &&
                 scorer_.dims_.size() == 2) {
        // A unit's m vectors of q_1 numbers and the last unit's partial products lie alike.
        const Scalar* first = inventory(0, 0).values().data();
        const Scalar* partial = shared_[0].data();
        const Index length = parts_.rank_of_row(0) * scorer_.dims_[0];
        kernel::DotSum<Scalar> sum;
        lexicon.for_senses(w, [&](Index s, const Index* units) {
          sum.add(gains ? gains[s] : Scalar(1), first + units[0] * length,
                  partial + units[1] * length, length);
        });
        score = sum.total();
      } else {
        kernel::DotSum<Scalar> sum;
        lexicon.for_senses(w, [&](Index s, const Index* units) {
          add_sense(lexicon.table().row_of(s), units, gains ? gains[s] : Scalar(1), sum);
        });
        score = sum.total();
      }
      if (!parts_.word_scale.empty()) score *= parts_.word_scale(w);
      score += constant_;
      if (!parts_.layer_norm) return score;
      const auto at = static_cast<std::size_t>(w);
      return (score - scorer_.means_[at] * sum_) * scorer_.inverses_[at] + shift_;
    }

   private:
    const Inventory<Scalar>& inventory(Index row, int slot) const {
      return parts_
          .inventories[static_cast<std::size_t>(parts_.lexicon.table().inventory(row, slot))];
    }

    /// What all senses of a slot-table row share: units x m x prefix partial products, or the
    /// scores of pairs, first slot's unit slowest.
    void contract(Index row) {
      shared_.emplace_back();
      const Way way = scorer_.ways_[static_cast<std::size_t>(row)];
      if (way == Way::direct) return;
      const int last_slot = parts_.shape.order() - 1;
      const Inventory<Scalar>& last = inventory(row, last_slot);
      const Index q = last.dim(), prefix = parts_.shape.product() / q, m = last.rank();
      const ConstRowMatrixMap<Scalar> vectors(last.values().data(), last.size() * m, q);
      const ConstRowMatrixMap<Scalar> grid(product_.data(), prefix, q);
      RowMatrix<Scalar> partial = vectors * grid.transpose();
      if (way == Way::partial) {
        shared_.back() = std::move(partial);
        return;
      }
      const Inventory<Scalar>& first = inventory(row, 0);
      shared_.back().noalias() =
          ConstRowMatrixMap<Scalar>(first.values().data(), first.size(), m * prefix) *
          ConstRowMatrixMap<Scalar>(partial.data(), last.size(), m * prefix).transpose();
    }

    void add_sense(Index row, const Index* units, Scalar gain, kernel::DotSum<Scalar>& sum) const {
      const RowMatrix<Scalar>& shared = shared_[static_cast<std::size_t>(row)];
      const int order = static_cast<int>(scorer_.dims_.size());
      const Way way = scorer_.ways_[static_cast<std::size_t>(row)];
      if (way == Way::pairs) return sum.add(gain * shared(units[0], units[1]));
      const Index m = parts_.rank_of_row(row);
      const int left = way == Way::partial ? order - 1 : order;
      if (left == 0) {
        for (Index i = 0; i < m; ++i) sum.add(gain * shared(units[0] * m + i, 0));
        return;
      }
      const Scalar* factors[max_order];
      for (int j = 0; j < left; ++j) factors[j] = inventory(row, j)[units[j]].data();
      for (Index i = 0; i < m; ++i) {
        const Scalar* against =
            way == Way::partial ? shared.row(units[order - 1] * m + i).data() : product_.data();
        if (left == 1) {
          sum.add(gain, factors[0], against, scorer_.dims_[0]);
        } else {
          auto& scratch = kernel::Workspace<Scalar>::of_thread().scratch;
          sum.add(gain *
                  kernel::kron_dot(factors, scorer_.dims_.data(), left, against,
                                   kernel::detail::at_least(scratch, order * product_.size())));
        }
        for (int j = 0; j < left; ++j) factors[j] += scorer_.dims_[static_cast<std::size_t>(j)];
      }
    }

    const Scorer& scorer_;
    const EmbeddingParts<Scalar>& parts_;
    Vector<Scalar> product_;                 // h~, zeros behind the width
    std::vector<RowMatrix<Scalar>> shared_;  // for each slot-table row
    Scalar constant_ = 0;                    // <h, mean>
    Scalar sum_ = 0, shift_ = 0;             // sum of h * weight, <h, bias>
  };

  Layer layer_;
  std::vector<Index> dims_;
  std::vector<Way> ways_;
  std::vector<Scalar> means_, inverses_;  // of each row, where there is a LayerNorm
};

}  // namespace see
