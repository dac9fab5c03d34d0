#pragma once

#include <cmath>

#include "see/core/array.hpp"
#include "see/core/bits.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/packet.hpp"

namespace see {

/// y = mean + z A: takes a row z of p numbers to one of d. Constant: it is fitted with a table and
/// gets no gradient. Empty `axes` stand for the identity, an empty `mean` for zero.
template <class Scalar>
struct Basis {
  Array<Scalar> mean;  ///< d numbers, or none
  Array<Scalar> axes;  ///< A, p x d row-major, or none

  bool has_mean() const noexcept { return !mean.empty(); }
  bool has_axes() const noexcept { return !axes.empty(); }

  template <class Other>
  Basis<Other> cast() const {
    return {mean.template cast<Other>(), axes.template cast<Other>()};
  }
};

/// A factor for each word, stored as an index into a small table: h_w = table[index[w]]. Constant.
template <class Scalar>
struct WordScale {
  Array<Scalar> table;
  PackedArray index;

  bool empty() const noexcept { return table.empty(); }
  Scalar operator()(Index w) const noexcept { return table[index[static_cast<std::size_t>(w)]]; }

  template <class Other>
  WordScale<Other> cast() const {
    return {table.template cast<Other>(), index};
  }
};

/// y = weight * (x - mean(x)) / sqrt(var(x) + epsilon) + bias over the entries of a row, var being
/// the mean square deviation (Ba, Kiros and Hinton, arXiv 1607.06450), as torch::nn::LayerNorm.
template <class Scalar>
struct LayerNorm {
  Array<Scalar> weight;  ///< d numbers
  Array<Scalar> bias;    ///< d numbers
  double epsilon = 1e-5;

  /// weight 1 and bias 0.
  static LayerNorm identity(Index dim, double epsilon = 1e-5) {
    const auto d = static_cast<std::size_t>(dim);
    return {Array<Scalar>(std::vector<Scalar>(d, Scalar(1))), Array<Scalar>(d), epsilon};
  }

  template <class Other>
  LayerNorm<Other> cast() const {
    return {weight.template cast<Other>(), bias.template cast<Other>(), epsilon};
  }

  using Row = Eigen::Map<Eigen::Array<Scalar, 1, Eigen::Dynamic>>;
  using ConstRow = Eigen::Map<const Eigen::Array<Scalar, 1, Eigen::Dynamic>>;

  /// Replaces x by (x - mean(x)) / sqrt(var(x) + epsilon) and returns 1 / sqrt(var(x) + epsilon).
  Scalar normalize(Scalar* x, Index dim) const {
    const auto count = static_cast<Scalar>(dim);
    Row row(x, dim);
    row -= kernel::sum(x, dim) / count;
    const Scalar inverse =
        Scalar(1) / std::sqrt(kernel::dot(x, x, dim) / count + static_cast<Scalar>(epsilon));
    row *= inverse;
    return inverse;
  }

  /// In place, O(dim).
  void apply(Scalar* x, Index dim) const {
    normalize(x, dim);
    kernel::scale_and_shift(x, weight.data(), bias.data(), dim);
  }

  /// Given dL/dy in `gradient` and the input x, replaces `gradient` by dL/dx and x by its
  /// normalized row; adds dL/dweight and dL/dbias where those are not null. O(dim).
  void pull_back(Scalar* x, Scalar* gradient, Index dim, Scalar* weight_gradient,
                 Scalar* bias_gradient) const {
    const Scalar inverse = normalize(x, dim);
    const ConstRow normalized(x, dim);
    Row g(gradient, dim);
    if (weight_gradient) Row(weight_gradient, dim) += g * normalized;
    if (bias_gradient) Row(bias_gradient, dim) += g;
    g *= ConstRow(weight.data(), dim);
    const Scalar mean = g.mean(), along = (g * normalized).mean();
    g = (g - mean - normalized * along) * inverse;
  }
};

}  // namespace see
