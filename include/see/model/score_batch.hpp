#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/kernel/matrix_product.hpp"
#include "see/kernel/score.hpp"
#include "see/model/score_plan.hpp"

namespace see::detail {

/// A batch of hidden states, prepared to be scored against any word. A hidden state h is multiplied
/// by the axes of the basis once, h~ = A h, and padded with zeros where products are cut; then the
/// tables or partial products of its plan's ways are computed. They are laid out for lanes() states
/// side by side, the last ones zero where there are fewer.
///
/// Memory: lanes() times the tables (at most 2^20 numbers in all where lanes() > 4) or partial
/// products (units * m * q_1 ... q_{o-1} numbers a row of the slot table).
template <class Scalar>
class ScoreBatch {
 public:
  using Plan = ScoreWays<Scalar>;

  /// States that are best taken together where `left` of them wait.
  static Index best_size(const Plan& plan, Index left) {
    if (const Index most = std::min<Index>(left, 64); plan.by_rows(most)) return most;
    if (left == 1) return 1;
    Index entries = 0;
    for (Index row = 0; row < plan.parts().lexicon.table().rows(); ++row)
      entries += plan.way(row) == ScoreWay::table ? plan.table_size(row) : Index{1} << 30;
    return std::min<Index>(left, left > 8 && entries <= (1 << 18) ? 16 : 4);
  }

  ScoreBatch(const Plan& plan, ConstRowMatrixRef<Scalar> hidden, const Executor& run)
      : plan_(plan),
        states_(hidden.rows()),
        by_rows_(plan.by_rows(states_)),
        lanes_(by_rows_       ? whole_registers(states_)
               : states_ == 1 ? 1
               : states_ <= 4 ? 4
                              : 16) {
    const EmbeddingParts<Scalar>& parts = plan.parts();
    RowMatrix<Scalar> h = hidden;
    const Index d = h.cols(), width = parts.shape.width();
    constant_.setZero(lanes_);
    sum_.setZero(lanes_);
    shift_.setZero(lanes_);
    const auto vector = [&](const Array<Scalar>& values) {
      return Eigen::Map<const Vector<Scalar>>(values.data(), d);
    };
    if (parts.layer_norm) {
      shift_.head(states_) = (h * vector(parts.layer_norm->bias)).array();
      h *= vector(parts.layer_norm->weight).asDiagonal();
      sum_.head(states_) = h.rowwise().sum().array();
    }
    const Basis<Scalar>& basis = parts.basis;
    if (basis.has_mean()) constant_.head(states_) = (h * vector(basis.mean)).array();
    product_.setZero(lanes_, by_rows_ ? width : parts.shape.product());
    auto cut = product_.topLeftCorner(states_, width);
    if (basis.has_axes())
      cut.noalias() = h * ConstRowMatrixMap<Scalar>(basis.axes.data(), width, d).transpose();
    else
      cut = h;
    if (by_rows_ && states_ >= kernel::lanes<Scalar>) columns_ = product_.transpose();
    for (Index row = 0; !by_rows_ && row < parts.lexicon.table().rows(); ++row)
      shared_.push_back(plan.way(row) == ScoreWay::table ? table(row, run)
                                                         : partial(row, stride(row), run));
  }

  Index states() const noexcept { return states_; }
  Index lanes() const noexcept { return lanes_; }

  /// out[k * lanes() + i] = <state i, E(word(k))> for k < count; count * lanes() numbers.
  template <class Word>
  void score(Index count, const Word& word, Scalar* out) const {
    if (by_rows_)
      score_rows(count, word, out);
    else if (lanes_ == 1)
      score_words<1>(count, word, out);
    else if (lanes_ == 4)
      score_words<4>(count, word, out);
    else
      score_words<16>(count, word, out);
    finish(count, word, out);
  }

 private:
  using States = Eigen::Array<Scalar, Eigen::Dynamic, 1>;

  /// In whole registers where there is more than one of them.
  static Index whole_registers(Index states) {
    constexpr Index step = kernel::lanes<Scalar>;
    return states < step ? states : (states + step - 1) / step * step;
  }

  Index stride(Index row) const { return plan_.stride(row); }

  /// Calls body(first, count) for ranges of `units` units, whatever the executor.
  template <class Body>
  static void for_units(const Executor& run, Index units, const Body& body) {
    for_ranges(run, static_cast<std::size_t>(units), 256, [&](std::size_t first, std::size_t last) {
      body(static_cast<Index>(first), static_cast<Index>(last - first));
    });
  }

  /// units x lanes() x stride numbers: h~ of each state contracted with each vector of the last
  /// slot, zeros behind.
  std::vector<Scalar> partial(Index row, Index stride, const Executor& run) const {
    const int last_slot = plan_.parts().shape.order() - 1;
    const Inventory<Scalar>& last = plan_.inventory(row, last_slot);
    const Index q = last.dim(), m = last.rank(), prefix = plan_.prefix();
    std::vector<Scalar> out(static_cast<std::size_t>(last.size() * lanes_ * stride));
    using Strided = Eigen::OuterStride<>;
    for_units(run, last.size(), [&](Index first, Index count) {
      for (Index state = 0; state < states_; ++state)
        for (Index i = 0; i < m; ++i)
          Eigen::Map<RowMatrix<Scalar>, 0, Strided>(
              out.data() + (first * lanes_ + state) * stride + i * prefix, count, prefix,
              Strided(lanes_ * stride))
              .noalias() =
              Eigen::Map<const RowMatrix<Scalar>, 0, Strided>(
                  plan_.values(row, last_slot) + (first * m + i) * q, count, q, Strided(m * q)) *
              ConstRowMatrixMap<Scalar>(product_.row(state).data(), prefix, q).transpose();
    });
    return out;
  }

  /// The scores of all units (order 1) or of all pairs of units, lanes() numbers each.
  std::vector<Scalar> table(Index row, const Executor& run) const {
    const bool pairs = plan_.parts().shape.order() == 2;
    const Index length = plan_.parts().rank_of_row(row) * plan_.prefix();
    const Index step = Index{1} << plan_.shift(), lasts = plan_.table_size(row) / step;
    const Index firsts = pairs ? plan_.inventory(row, 0).size() : 1;
    const std::vector<Scalar> ones(pairs ? 0 : static_cast<std::size_t>(length), Scalar(1));
    const ConstRowMatrixMap<Scalar> left(pairs ? plan_.values(row, 0) : ones.data(), firsts,
                                         length);
    const std::vector<Scalar> right = partial(row, length, run);
    std::vector<Scalar> out(static_cast<std::size_t>(plan_.table_size(row) * lanes_));
    for_units(run, lasts, [&](Index first, Index count) {
      if (lanes_ == 1) {
        Eigen::Map<RowMatrix<Scalar>, 0, Eigen::OuterStride<>>(out.data() + first * step, count,
                                                               firsts, Eigen::OuterStride<>(step))
            .noalias() = ConstRowMatrixMap<Scalar>(right.data() + first * length, count, length) *
                         left.transpose();
        return;
      }
      for (Index b = first; b < first + count; ++b)
        RowMatrixMap<Scalar>(out.data() + b * step * lanes_, firsts, lanes_).noalias() =
            left * ConstRowMatrixMap<Scalar>(right.data() + b * lanes_ * length, lanes_, length)
                       .transpose();
    });
    return out;
  }

  template <class Word>
  void score_rows(Index count, const Word& word, Scalar* out) const {
    constexpr Index block = 64;
    std::vector<Index> ids(static_cast<std::size_t>(std::min(count, block)));
    RowMatrix<Scalar> rows(std::min(count, block), product_.cols());
    for (Index first = 0; first < count; first += block) {
      const Index size = std::min(block, count - first);
      ids.resize(static_cast<std::size_t>(size));
      for (Index k = 0; k < size; ++k) ids[static_cast<std::size_t>(k)] = word(first + k);
      plan_.sums().forward_unchecked(ids, rows.topRows(size));
      Scalar* const to = out + first * lanes_;
      if (columns_.size() > 0)
        kernel::matrix_product(rows.data(), rows.cols(), size, columns_.data(), lanes_, rows.cols(),
                               lanes_, static_cast<const Scalar*>(nullptr), to, lanes_);
      else
        RowMatrixMap<Scalar>(to, size, lanes_).noalias() =
            rows.topRows(size) * product_.transpose();
    }
  }

  template <int States, class Word>
  void score_words(Index count, const Word& word, Scalar* out) const {
    std::fill_n(out, count * States, Scalar(0));
    const Lexicon& lexicon = plan_.parts().lexicon;
    const bool stored =
        shared_.size() == 1 && lexicon.kind() == IndexKind::stored && bits_of_sense() <= 32;
    if (stored && plan_.way(0) == ScoreWay::table)
      look_up<States>(count, word, out);
    else if (stored && plan_.parts().shape.order() == 2)
      multiply<States>(count, word, out);
    else
      score_mixed<States>(count, word, out);
  }

  /// The stored senses of a word in turn, each as one number.
  class Senses {
   public:
    Senses(const Lexicon& lexicon, int bits, Index w)
        : packed_(lexicon.packed().data()),
          bits_(bits),
          position_(static_cast<std::uint64_t>(lexicon.first_sense(w) * bits)) {}

    Index next() {
      if (bits_ == 0) return 0;  // a single pair of units, of which nothing is stored
      const Index sense = read_bits(packed_, position_, bits_);
      position_ += static_cast<std::uint64_t>(bits_);
      return sense;
    }

   private:
    const std::uint8_t* packed_;
    int bits_;
    std::uint64_t position_;
  };

  /// One table for all senses: a stored sense is the place of its pair.
  template <int States, class Word>
  void look_up(Index count, const Word& word, Scalar* out) const {
    const Lexicon& lexicon = plan_.parts().lexicon;
    const Scalar* table = shared_[0].data();
    const int bits = bits_of_sense();
    for (Index k = 0; k < count; ++k) {
      const Index w = word(k);
      Senses senses(lexicon, bits, w);
      kernel::table_sum<States>(
          table, plan_.gains(w), lexicon.rank(w), [&] { return senses.next(); }, out + k * States);
    }
  }

  /// One set of partial products for all senses, of order 2.
  template <int States, class Word>
  void multiply(Index count, const Word& word, Scalar* out) const {
    const Lexicon& lexicon = plan_.parts().lexicon;
    const Scalar* const left = plan_.first_factors(0);
    const Scalar* const right = shared_[0].data();
    const Index length = stride(0), first_unit = (Index{1} << plan_.shift()) - 1;
    const int bits = bits_of_sense(), shift = plan_.shift();
    for (Index k = 0; k < count; ++k) {
      const Index w = word(k), rank = lexicon.rank(w);
      const Scalar* gains = plan_.gains(w);
      Senses senses(lexicon, bits, w);
      kernel::DotSums<States, Scalar> dots;
      for (Index s = 0; s < rank; ++s) {
        const Index sense = senses.next();
        dots.add(gains[s], left + (sense & first_unit) * length,
                 right + (sense >> shift) * States * length, length);
      }
      dots.add_to(out + k * States);
    }
  }

  template <int States, class Word>
  void score_mixed(Index count, const Word& word, Scalar* out) const {
    using Scores = kernel::StateArray<Scalar, States>;
    const Lexicon& lexicon = plan_.parts().lexicon;
    const int order = plan_.parts().shape.order();
    const Index longest = longest_product() + kernel::lanes<Scalar>;
    std::vector<Scalar> scratch(static_cast<std::size_t>(2 * longest));
    for (Index k = 0; k < count; ++k) {
      const Index w = word(k);
      const Scalar* gains = plan_.gains(w);
      Eigen::Map<Scores> scores(out + k * States);
      kernel::DotSums<States, Scalar> dots;
      lexicon.for_senses(w, [&](Index s, const Index* units) {
        const Index row = lexicon.table().row_of(s);
        const Scalar* shared = shared_[static_cast<std::size_t>(row)].data();
        if (plan_.way(row) == ScoreWay::table) {
          const Index entry = order == 1 ? units[0] : units[0] + (units[1] << plan_.shift());
          scores += gains[s] * Eigen::Map<const Scores>(shared + entry * States);
        } else {
          const Index length = stride(row);
          dots.add(gains[s], left_part(row, units, scratch.data(), scratch.data() + longest),
                   shared + units[order - 1] * States * length, length);
        }
      });
      dots.add_to(out + k * States);
    }
  }

  int bits_of_sense() const {
    return plan_.shift() + bits_for(static_cast<std::uint64_t>(
                               plan_.inventory(0, plan_.parts().shape.order() - 1).size()));
  }

  Index longest_product() const {
    Index longest = 0;
    for (Index row = 0; row < plan_.parts().lexicon.table().rows(); ++row)
      longest = std::max(longest, stride(row));
    return longest;
  }

  /// The m products of a sense's factors but the last, one after another: stride(row) numbers.
  const Scalar* left_part(Index row, const Index* units, Scalar* out, Scalar* scratch) const {
    if (plan_.parts().shape.order() == 2) return plan_.first_factors(row) + units[0] * stride(row);
    const std::vector<Index>& dims = plan_.parts().shape.factor_dims();
    const int order = static_cast<int>(dims.size());
    const Index m = plan_.parts().rank_of_row(row), prefix = plan_.prefix();
    const Scalar* factors[max_order];
    for (int j = 0; j + 1 < order; ++j)
      factors[j] = plan_.values(row, j) + units[j] * m * dims[static_cast<std::size_t>(j)];
    for (Index i = 0; i < m; ++i) {
      kernel::kron_product(factors, dims.data(), order - 1, out + i * prefix, scratch);
      for (int j = 0; j + 1 < order; ++j) factors[j] += dims[static_cast<std::size_t>(j)];
    }
    std::fill(out + m * prefix, out + stride(row), Scalar(0));
    return out;
  }

  /// What scales, mean, LayerNorm and padding make of the scores.
  template <class Word>
  void finish(Index count, const Word& word, Scalar* out) const {
    const EmbeddingParts<Scalar>& parts = plan_.parts();
    const auto for_words = [&](const auto& change) {
      for (Index k = 0; k < count; ++k) change(word(k), out + k * lanes_);
    };
    if (!parts.word_scale.empty() && !parts.codes)
      for_words([&](Index w, Scalar* scores) {
        const Scalar scale = parts.word_scale(w);
        for (Index i = 0; i < lanes_; ++i) scores[i] *= scale;
      });
    if (parts.basis.has_mean())
      for_words([&](Index, Scalar* scores) {
        for (Index i = 0; i < lanes_; ++i) scores[i] += constant_[i];
      });
    if (parts.layer_norm)
      for_words([&](Index w, Scalar* scores) {
        const Scalar mean = plan_.mean(w), inverse = plan_.inverse(w);
        for (Index i = 0; i < lanes_; ++i)
          scores[i] = (scores[i] - mean * sum_[i]) * inverse + shift_[i];
      });
    if (parts.padding_idx)
      for_words([&](Index w, Scalar* scores) {
        if (w == *parts.padding_idx) std::fill_n(scores, lanes_, Scalar(0));
      });
  }

  const Plan& plan_;
  Index states_;
  bool by_rows_;
  Index lanes_;
  RowMatrix<Scalar> product_;                // h~ of each state
  RowMatrix<Scalar> columns_;                // its columns side by side, for many states by rows
  States constant_, sum_, shift_;            // <h, mean>, sum of h * weight, <h, bias>
  std::vector<std::vector<Scalar>> shared_;  // for each slot-table row
};

}  // namespace see::detail
