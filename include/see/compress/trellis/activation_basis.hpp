#pragma once

#include <cmath>

#include "see/compress/basis.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/int8_axes.hpp"

namespace see::detail {

/// The frame of the table in which `activation` weighs errors by the identity:
/// A = V' S^-1 with S' S = activation and V the principal axes of the rows times S.
inline PrincipalBasis activation_basis(const Moments& moments, bool with_mean,
                                       const RowMatrix<float>& activation) {
  const Index d = activation.rows();
  const RowMatrix<double> given = activation.cast<double>();
  const auto eigen = symmetric_eigen((given + given.transpose()) / 2);
  const double largest = eigen.values[d - 1];
  require(largest > 0 && eigen.values[0] > -1e-4 * largest,
          "an activation covariance with eigenvalues from ", eigen.values[0], " to ", largest,
          ", needed none below 0 and one above");
  // A floor keeps directions that the layer hardly sees from growing without bound.
  const Vector<double> root = eigen.values.cwiseMax(1e-3 * largest).cwiseSqrt();
  const auto turned = [&](const Vector<double>& values) {
    const RowMatrix<double> scaled = values.asDiagonal() * eigen.vectors;
    return product(eigen.vectors.transpose(), scaled);
  };
  const RowMatrix<double> weigh = turned(root), back = turned(root.cwiseInverse());
  Moments seen = moments;
  seen.covariance = product(product(weigh, moments.covariance), weigh);
  PrincipalBasis basis = fit_basis(moments, with_mean, false, d);
  const RowMatrix<double> axes = fit_basis(seen, false, true, d).axes.cast<double>();
  basis.axes =
      product(axes, back).cast<float>() / static_cast<float>(back.norm() / std::sqrt(double(d)));
  round_to_int8_axes({basis.axes.data(), static_cast<std::size_t>(basis.axes.size())}, d);
  return basis;
}

}  // namespace see::detail
