#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/parts.hpp"

namespace see {

/// What it costs that rows move from x_w to y_w:
///
///     L = 1/2 sum_w weights[w] (y_w - x_w)' activation (y_w - x_w)
///
/// the weights being how often words are looked up, and the activation the second moments E[v v']
/// of the vectors v that a row is multiplied with, such as the rows of the next layer's weights or
/// the hidden states of a tied output layer.
struct RowLoss {
  std::vector<float> weights = {};   ///< one a row, 0 or more; empty: all 1
  RowMatrix<float> activation = {};  ///< dim x dim, symmetric, semidefinite; empty: the identity
};

namespace detail {

/// Throws unless a loss is one of rows x dim.
inline void validate_loss(const RowLoss& loss, Index rows, Index dim) {
  require(loss.weights.empty() || std::cmp_equal(loss.weights.size(), rows), "a loss with ",
          loss.weights.size(), " weights, needed one for each of ", rows, " rows");
  for (const float weight : loss.weights)
    require(is_finite(weight) && weight >= 0, "a loss with a weight of ", weight,
            ", needed finite numbers of 0 or more");
  const RowMatrix<float>& c = loss.activation;
  require(c.size() == 0 || (c.rows() == dim && c.cols() == dim), "a loss with an activation of ",
          c.rows(), " x ", c.cols(), ", needed ", dim, " x ", dim);
  require(is_all_finite(c), "a loss with an activation that is not finite");
}

/// What each sense adds to z(w), but for its gain and the word's scale: row s of the R(w) x p
/// result is cut_p(sum_i u^(i)_{w,s,1} (x) ... (x) u^(i)_{w,s,o}). O(R(w) m product).
template <class Scalar>
RowMatrix<double> term_rows(const EmbeddingParts<Scalar>& parts, Index w) {
  const Lexicon& lexicon = parts.lexicon;
  const Shape& shape = parts.shape;
  RowMatrix<double> rows = RowMatrix<double>::Zero(lexicon.rank(w), shape.width());
  std::vector<std::vector<Scalar>> units(static_cast<std::size_t>(shape.order()));
  std::vector<double> product, longer;
  lexicon.for_senses(w, [&](Index s, const Index* numbers) {
    const Index slots = lexicon.table().row_of(s);
    const auto inventory_of = [&](int j) -> const Inventory<Scalar>& {
      return parts.inventories[static_cast<std::size_t>(lexicon.table().inventory(slots, j))];
    };
    for (int j = 0; j < shape.order(); ++j) {
      auto& unit = units[static_cast<std::size_t>(j)];
      unit.resize(static_cast<std::size_t>(inventory_of(j).rank() * inventory_of(j).dim()));
      inventory_of(j).read(numbers[j], unit.data());
    }
    for (Index i = 0; i < parts.rank_of_row(slots); ++i) {
      product.assign(1, 1.0);
      for (int j = 0; j < shape.order(); ++j) {
        const Scalar* factor = units[static_cast<std::size_t>(j)].data() + i * shape.factor_dim(j);
        longer.clear();
        for (const double head : product)
          for (Index k = 0; k < shape.factor_dim(j); ++k)
            longer.push_back(head * static_cast<double>(factor[k]));
        product.swap(longer);
      }
      rows.row(s) += Eigen::Map<const Eigen::RowVectorXd>(product.data(), shape.width());
    }
  });
  return rows;
}

/// The gain of sense s of word w, 1 where there are none.
template <class Scalar>
double gain_of(const EmbeddingParts<Scalar>& parts, Index w, Index s) {
  return parts.has_gains()
             ? static_cast<double>(parts.gains[static_cast<std::size_t>(parts.gain_number(w, s))])
             : 1.0;
}

template <class Scalar>
double scale_of(const EmbeddingParts<Scalar>& parts, Index w) {
  return parts.word_scale.empty() ? 1.0 : static_cast<double>(parts.word_scale(w));
}

/// The loss of RowLoss in the coordinates of terms, rows z of p numbers that go through axes A:
/// |z|^2 = z (A C A') z', and a row y of d numbers meets z as y (C A') z'. Empty matrices are the
/// identity. O(p d (p + d)).
struct TermMetric {
  RowMatrix<double> gram;  ///< A C A', p x p
  RowMatrix<double> pull;  ///< C A', d x p

  template <class Scalar>
  TermMetric(const EmbeddingParts<Scalar>& parts, const RowMatrix<float>& activation)
      : pull(activation.cast<double>()) {
    if (parts.basis.has_axes()) {
      const Index width = parts.shape.width(), dim = parts.embedding_dim();
      const RowMatrix<double> axes =
          ConstRowMatrixMap<Scalar>(parts.basis.axes.data(), width, dim).template cast<double>();
      pull = pull.size() > 0 ? product(pull, axes.transpose()) : axes.transpose();
      gram = product(axes, pull);
    } else {
      gram = pull;
    }
  }

  /// Rows times gram.
  RowMatrix<double> apply(const RowMatrix<double>& rows) const {
    return gram.size() > 0 ? product(rows, gram) : rows;
  }
};

}  // namespace detail
}  // namespace see
