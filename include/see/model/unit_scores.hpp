#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "see/core/linear_algebra.hpp"
#include "see/core/types.hpp"
#include "see/kernel/matrix_product.hpp"
#include "see/kernel/outer_sum.hpp"
#include "see/kernel/packet.hpp"
#include "see/kernel/packet_block.hpp"
#include "see/model/gradient.hpp"
#include "see/model/parts.hpp"
#include "see/model/unit_index.hpp"

namespace see::detail {

/// The scores of a few hidden states against all words of an embedding of order 2, and their
/// vector-Jacobian product, without rows. With h~ a hidden state in the basis, as a q_1 x q_2
/// matrix, and senses of units a and b,
///
///     r_b = h~ b        s(w) = scale_w * sum of g <a, r_b> over the senses of w
///
/// and the other way, from shares p(w) of the words,
///
///     dr_b = sum of p(w) g a    dh~ = sum_b dr_b b^T    da = sum of p(w) g r_b    db = h~^T dr_b
///
/// Senses are taken by their b (UnitIndex), so that r_b and dr_b stay in a cache and the sums over
/// the senses of a unit are products of matrices. Scores and shares lie as words x lanes(), those
/// of a word for all states side by side. Throws nothing.
///
/// Cost, a state: 3 * senses * m * q_1 + 4 * units * m * q_1 * q_2 multiply-adds.
template <class Scalar>
class UnitScores {
 public:
  /// States are taken `lanes` together, a multiple of the kernel's. Keeps references.
  UnitScores(const EmbeddingParts<Scalar>& parts, const UnitIndex& index, Index lanes)
      : parts_(parts),
        index_(index),
        lanes_(lanes),
        prefix_(parts.shape.factor_dims()[0]),
        suffix_(parts.shape.factor_dims()[1]) {}

  Index lanes() const noexcept { return lanes_; }

  /// Takes up to lanes() hidden states, and the zero state where there are fewer.
  void begin(ConstRowMatrixRef<Scalar> hidden) {
    const Index width = parts_.shape.width();
    states_ = hidden.rows();
    RowMatrix<Scalar> cut = RowMatrix<Scalar>::Zero(lanes_, parts_.shape.product());
    if (parts_.basis.has_axes())
      add_product(view(hidden), view(axes().transpose()), cut.data(), cut.cols());
    else
      cut.topLeftCorner(states_, width) = hidden;
    down_.resize(prefix_ * lanes_, suffix_);
    for (Index i = 0; i < lanes_; ++i)
      for (Index a = 0; a < prefix_; ++a)
        down_.row(a * lanes_ + i) = cut.row(i).segment(a * suffix_, suffix_);
    across_ = down_.transpose();
    constant_.setZero(lanes_);
    if (parts_.basis.has_mean()) constant_.head(states_) = hidden * mean().transpose();
  }

  /// Writes the scores of all words; the padding row's are 0.
  void score(Scalar* scores) {
    const Index words = parts_.lexicon.words();
    std::fill_n(scores, words * lanes_, Scalar(0));
    for_units([&](Index row, Index, std::span<const SenseOfUnit> senses, const Scalar* partial,
                  Scalar*) {
      const Index length = parts_.rank_of_row(row) * prefix_;
      for_chunks(senses, [&](std::span<const SenseOfUnit> some) {
        gather(row, some);
        kernel::matrix_product(left_.data(), length, std::ssize(some), partial, lanes_, length,
                               lanes_, static_cast<const Scalar*>(nullptr), right_.data(), lanes_);
        const Scalar* from = right_.data();
        for (std::size_t k = 0; k < some.size(); ++k, from += lanes_) {
          prefetch(scores, some, k + 8);
          kernel::add_scaled(scores + some[k].word * lanes_, Scalar(1), from, lanes_);
        }
      });
    });
    finish(scores);
  }

  /// Adds to `hidden_gradient`, a row for each state, and unless it is null to `gradient`, where
  /// is_frozen(parameter) is false, the gradients of the sum of shares times scores. Changes the
  /// shares: those of the padding row become 0, others are scaled as their words.
  template <class IsFrozen>
  void pull_back(Scalar* shares, RowMatrixRef<Scalar> hidden_gradient, Gradient<Scalar>* gradient,
                 const IsFrozen& is_frozen) {
    const Index words = parts_.lexicon.words();
    if (parts_.padding_idx) std::fill_n(shares + *parts_.padding_idx * lanes_, lanes_, Scalar(0));
    if (parts_.basis.has_mean())
      hidden_gradient += ConstRowMatrixMap<Scalar>(shares, words, lanes_)
                             .colwise()
                             .sum()
                             .head(states_)
                             .transpose() *
                         mean();
    scale(shares);
    to_across_.setZero(suffix_, prefix_ * lanes_);
    const auto part_of = [&](int number) {
      return gradient && !is_frozen(number) ? &(*gradient)[number] : nullptr;
    };
    const SlotTable& table = parts_.lexicon.table();
    const auto gains =
        parts_.has_gains() ? part_of(static_cast<int>(parts_.inventories.size())) : nullptr;
    for_units(
        [&](Index row, Index, std::span<const SenseOfUnit> senses, const Scalar* partial,
            Scalar* to_partial) {
          SparseRows<Scalar>* const to_first = part_of(table.inventory(row, 0));
          add_senses(row, senses, shares, partial, to_partial, to_first, gains);
        },
        [&](Index row, Index first, Index count) {
          const auto& last = inventory(row, 1);
          const Index m = last.rank(), rows = count * m;
          const ConstRowMatrixMap<Scalar> units(last.values().data() + first * m * suffix_, rows,
                                                suffix_);
          add_product(view(units.transpose()), view(to_partial_.topRows(rows)), to_across_.data(),
                      to_across_.cols());
          SparseRows<Scalar>* const to_last = part_of(table.inventory(row, 1));
          if (!to_last) return;
          to_units_.resize(rows, suffix_);
          kernel::matrix_product(to_partial_.data(), to_partial_.cols(), rows, down_.data(),
                                 suffix_, down_.rows(), suffix_,
                                 static_cast<const Scalar*>(nullptr), to_units_.data(), suffix_);
          for (Index b = 0; b < count; ++b)
            if (!index_.senses(row, first + b).empty())
              kernel::add_scaled(to_last->data(to_last->touch(first + b)), Scalar(1),
                                 to_units_.data() + b * m * suffix_, m * suffix_);
        });
    RowMatrix<Scalar> cut(states_, parts_.shape.product());
    for (Index i = 0; i < states_; ++i)
      for (Index a = 0; a < prefix_; ++a)
        for (Index b = 0; b < suffix_; ++b) cut(i, a * suffix_ + b) = to_across_(b, a * lanes_ + i);
    const Index width = parts_.shape.width();
    if (parts_.basis.has_axes())
      hidden_gradient += product(cut.leftCols(width), axes());
    else
      hidden_gradient += cut.leftCols(width);
  }

 private:
  static constexpr Index block = 16;         // units whose partial products are computed together
  static constexpr std::size_t chunk = 256;  // senses whose factors are gathered together

  const Inventory<Scalar>& inventory(Index row, int slot) const {
    return parts_
        .inventories[static_cast<std::size_t>(parts_.lexicon.table().inventory(row, slot))];
  }
  ConstRowMatrixMap<Scalar> axes() const {
    return {parts_.basis.axes.data(), parts_.shape.width(), parts_.embedding_dim()};
  }
  Eigen::Map<const Eigen::RowVector<Scalar, Eigen::Dynamic>> mean() const {
    return {parts_.basis.mean.data(), parts_.embedding_dim()};
  }
  Scalar gain(const SenseOfUnit& sense) const {
    return parts_.has_gains() ? parts_.gains[sense.gain] : Scalar(1);
  }

  /// Calls visit(row, unit, senses, r, dr) for the units of the last slot that senses name, r and
  /// dr being m * q_1 x lanes() numbers, dr zero before; then end(row, first, count) for blocks of
  /// units.
  template <class Visit, class End>
  void for_units(const Visit& visit, const End& end) {
    const Index length = prefix_ * lanes_;
    for (Index row = 0; row < parts_.lexicon.table().rows(); ++row) {
      const auto& last = inventory(row, 1);
      const Index m = last.rank();
      partial_.resize(block * m, length);
      left_.resize(chunk * static_cast<std::size_t>(m * prefix_));
      right_.resize(chunk * static_cast<std::size_t>(lanes_));
      for (Index first = 0; first < last.size(); first += block) {
        const Index count = std::min(block, last.size() - first);
        kernel::matrix_product(last.values().data() + first * m * suffix_, suffix_, count * m,
                               across_.data(), length, suffix_, length,
                               static_cast<const Scalar*>(nullptr), partial_.data(), length);
        to_partial_.setZero(block * m, length);
        for (Index b = 0; b < count; ++b)
          if (const auto senses = index_.senses(row, first + b); !senses.empty())
            visit(row, first + b, senses, partial_.data() + b * m * length,
                  to_partial_.data() + b * m * length);
        end(row, first, count);
      }
    }
  }
  template <class Visit>
  void for_units(const Visit& visit) {
    for_units(visit, [](Index, Index, Index) {});
  }

  template <class Visit>
  static void for_chunks(std::span<const SenseOfUnit> senses, const Visit& visit) {
    for (std::size_t at = 0; at < senses.size(); at += chunk)
      visit(senses.subspan(at, std::min(chunk, senses.size() - at)));
  }

  /// Lets left_ be g a of each sense.
  void gather(Index row, std::span<const SenseOfUnit> senses) {
    const auto& units = inventory(row, 0);
    const Index length = units.rank() * units.dim();
    Scalar* to = left_.data();
    for (const SenseOfUnit& sense : senses) {
      const Scalar* const from = units.values().data() + sense.first * length;
      const Scalar scale = gain(sense);
      kernel::for_pieces<Scalar>(length, [&](Index at, auto n) {
        using Piece = Eigen::Array<Scalar, n, 1>;
        Eigen::Map<Piece>(to + at) = scale * Eigen::Map<const Piece>(from + at);
      });
      to += length;
    }
  }

  void prefetch(const Scalar* numbers, std::span<const SenseOfUnit> senses, std::size_t k) const {
    if (k < senses.size())
      kernel::prefetch(numbers + senses[k].word * lanes_, lanes_ * Index(sizeof(Scalar)));
  }

  /// What the senses of one unit add to dr, da and dg.
  void add_senses(Index row, std::span<const SenseOfUnit> senses, const Scalar* shares,
                  const Scalar* partial, Scalar* to_partial, SparseRows<Scalar>* to_first,
                  SparseRows<Scalar>* to_gains) {
    const auto& units = inventory(row, 0);
    const Index length = units.rank() * units.dim();
    turned_ = ConstRowMatrixMap<Scalar>(partial, length, lanes_).transpose();
    for_chunks(senses, [&](std::span<const SenseOfUnit> some) {
      const Index count = std::ssize(some);
      gather(row, some);
      rows_.resize(some.size());
      Scalar* to = right_.data();
      for (std::size_t k = 0; k < some.size(); ++k, to += lanes_) {
        prefetch(shares, some, k + 8);
        std::copy_n(shares + some[k].word * lanes_, lanes_, to);
        rows_[k] = left_.data() + static_cast<Index>(k) * length;
      }
      sums_.resize(length, lanes_);
      kernel::outer_sum(rows_.data(), length, right_.data(), lanes_, lanes_, count, sums_.data(),
                        lanes_);
      kernel::add_scaled(to_partial, Scalar(1), sums_.data(), length * lanes_);
      if (!to_first && !to_gains) return;
      to_left_.resize(count, length);
      kernel::matrix_product(right_.data(), lanes_, count, turned_.data(), length, lanes_, length,
                             static_cast<const Scalar*>(nullptr), to_left_.data(), length);
      for (std::size_t k = 0; k < some.size(); ++k) {
        const Scalar* const from = to_left_.row(static_cast<Index>(k)).data();
        const SenseOfUnit& sense = some[k];
        if (to_first)
          kernel::add_scaled(to_first->data(to_first->touch(sense.first)), gain(sense), from,
                             length);
        using Numbers = Eigen::Map<const Vector<Scalar>>;
        if (to_gains)
          *to_gains->data(to_gains->touch(sense.gain)) +=
              Numbers(from, length)
                  .dot(Numbers(units.values().data() + sense.first * length, length));
      }
    });
  }

  /// Multiplies the numbers of each word by its scale.
  void scale(Scalar* numbers) const {
    if (parts_.word_scale.empty()) return;
    for (Index w = 0; w < parts_.lexicon.words(); ++w) {
      const Scalar factor = parts_.word_scale(w);
      for (Index i = 0; i < lanes_; ++i) numbers[w * lanes_ + i] *= factor;
    }
  }

  void finish(Scalar* scores) const {
    scale(scores);
    if (parts_.basis.has_mean())
      for (Index w = 0; w < parts_.lexicon.words(); ++w)
        kernel::add_scaled(scores + w * lanes_, Scalar(1), constant_.data(), lanes_);
    if (parts_.padding_idx) std::fill_n(scores + *parts_.padding_idx * lanes_, lanes_, Scalar(0));
  }

  const EmbeddingParts<Scalar>& parts_;
  const UnitIndex& index_;
  Index lanes_, prefix_, suffix_, states_ = 0;
  RowMatrix<Scalar> down_;     // q_1 * lanes x q_2: h~ of each state
  RowMatrix<Scalar> across_;   // its transpose
  Vector<Scalar> constant_;    // <h, mean>
  RowMatrix<Scalar> partial_;  // r of a block of units: m x q_1 x lanes each
  RowMatrix<Scalar> to_partial_, to_across_, to_units_, to_left_, turned_, sums_;
  std::vector<Scalar> left_, right_;  // of a chunk of senses: g a, and numbers of the states
  std::vector<const Scalar*> rows_;
};

}  // namespace see::detail
