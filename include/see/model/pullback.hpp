#pragma once

#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/kernel/kron_gradient.hpp"
#include "see/model/gradient.hpp"
#include "see/model/parts.hpp"
#include "see/model/word_sums.hpp"

namespace see::detail {

/// Carries the gradients of embedding rows back to the parameters that are not frozen: the
/// inventories in order, then the gains if any, then LayerNorm's weight and bias if any.
template <class Scalar, int Order>
class Pullback {
 public:
  Pullback(const EmbeddingParts<Scalar>& parts, const kernel::Layout& layout,
           const std::vector<bool>& frozen, Gradient<Scalar>& gradient)
      : parts_(parts),
        layout_(layout),
        frozen_(frozen),
        gradient_(gradient),
        sums_(parts, layout, parts.gains),
        row_(parts.embedding_dim()),
        input_(parts.embedding_dim()),
        product_(Vector<Scalar>::Zero(parts.shape.product())),
        gain_parameter_(static_cast<int>(parts.inventories.size())) {}

  /// Adds the gradient of <out_gradient, E(w)>.
  template <class Row>
  void row(Index w, const Row& out_gradient) {
    row_ = out_gradient.transpose();
    if (parts_.layer_norm) through_layer_norm(w);
    const Index width = parts_.shape.width();
    const Basis<Scalar>& basis = parts_.basis;
    if (basis.has_axes())
      product_.head(width).noalias() =
          ConstRowMatrixMap<Scalar>(basis.axes.data(), width, row_.size()) * row_;
    else
      product_.head(width) = row_;
    sums_.collect(w);
    aim(w);
    kernel::kron_sum_gradient(layout_, sums_.work(), product_.data(),
                              std::span<const kernel::FactorGradients<Scalar>>(targets_),
                              gain_gradients_.data());
    if (parts_.has_gains() && !is_frozen(gain_parameter_)) add_gain_gradients(w);
  }

 private:
  bool is_frozen(int parameter) const { return frozen_[static_cast<std::size_t>(parameter)]; }

  void through_layer_norm(Index w) {
    const Index dim = row_.size();
    sums_.rows(&w, 1, RowMatrixMap<Scalar>(input_.data(), 1, dim));
    if (parts_.basis.has_mean())
      input_ += Eigen::Map<const Vector<Scalar>>(parts_.basis.mean.data(), dim);
    const int weight = gradient_.size() - 2;
    Scalar* into[2] = {nullptr, nullptr};
    for (int k = 0; k < 2; ++k)
      if (!is_frozen(weight + k)) {
        gradient_[weight + k].touch(0);
        into[k] = gradient_[weight + k].at(0);
      }
    parts_.layer_norm->pull_back(input_.data(), row_.data(), dim, into[0], into[1]);
  }

  /// Makes room for the rows of the gradient that word `w` reaches (which may move rows), then
  /// points one target a term at them.
  void aim(Index w) {
    const Lexicon& lexicon = parts_.lexicon;
    const int order = layout_.order;
    const Index rank = lexicon.rank(w);
    units_.resize(static_cast<std::size_t>(rank * order));
    for (Index s = 0; s < rank; ++s) {
      Index* units = units_.data() + s * order;
      lexicon.units(w, s, units);
      for (int j = 0; j < order; ++j)
        if (const int i = inventory(s, j); !is_frozen(i)) gradient_[i].touch(units[j]);
    }
    targets_.clear();
    for (Index s = 0; s < rank; ++s) {
      kernel::FactorGradients<Scalar> target{};
      for (int j = 0; j < order; ++j)
        if (const int i = inventory(s, j); !is_frozen(i))
          target[static_cast<std::size_t>(j)] =
              gradient_[i].at(units_[static_cast<std::size_t>(s * order + j)]);
      for (Index i = 0; i < parts_.rank_of_row(lexicon.table().row_of(s)); ++i) {
        targets_.push_back(target);
        for (int j = 0; j < order; ++j)
          if (Scalar*& to = target[static_cast<std::size_t>(j)]) to += parts_.shape.factor_dim(j);
      }
    }
    gain_gradients_.resize(targets_.size());
  }

  int inventory(Index sense, int slot) const {
    const SlotTable& table = parts_.lexicon.table();
    return table.inventory(table.row_of(sense), slot);
  }

  void add_gain_gradients(Index w) {
    const Lexicon& lexicon = parts_.lexicon;
    const Scalar scale = parts_.word_scale.empty() ? Scalar(1) : parts_.word_scale(w);
    SparseRows<Scalar>& part = gradient_[gain_parameter_];
    auto term = gain_gradients_.begin();
    for (Index s = 0; s < lexicon.rank(w); ++s) {
      Scalar sum(0);
      for (Index i = parts_.rank_of_row(lexicon.table().row_of(s)); i > 0; --i) sum += *term++;
      const Index number = parts_.gain_number(w, s);
      part.touch(number);
      *part.at(number) += scale * sum;
    }
  }

  const EmbeddingParts<Scalar>& parts_;
  const kernel::Layout& layout_;
  const std::vector<bool>& frozen_;
  Gradient<Scalar>& gradient_;
  WordSums<Scalar, Order> sums_;
  Vector<Scalar> row_, input_, product_;
  std::vector<Index> units_;
  std::vector<kernel::FactorGradients<Scalar>> targets_;
  std::vector<Scalar> gain_gradients_;
  int gain_parameter_;
};

}  // namespace see::detail
