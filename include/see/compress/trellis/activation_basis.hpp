#pragma once

#include <Eigen/Eigenvalues>
#include <cmath>

#include "see/compress/basis.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/int8_axes.hpp"

namespace see::detail {

/// The frame of the table in which `activation` weighs errors by the identity:
/// A = V' S^-1 with S' S = activation and V the principal axes of the rows times S.
inline PrincipalBasis activation_basis(const Moments& moments, bool with_mean,
                                       const RowMatrix<float>& activation) {
  const Index d = activation.rows();
  const Eigen::MatrixXd given = activation.cast<double>();
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver((given + given.transpose()) / 2);
  const double largest = solver.eigenvalues().maxCoeff();
  require(largest > 0 && solver.eigenvalues().minCoeff() > -1e-4 * largest,
          "an activation covariance with eigenvalues from ", solver.eigenvalues().minCoeff(),
          " to ", largest, ", needed none below 0 and one above");
  // A floor keeps directions that the layer hardly sees from growing without bound.
  const Eigen::VectorXd root = solver.eigenvalues().cwiseMax(1e-3 * largest).cwiseSqrt();
  const Eigen::MatrixXd& turn = solver.eigenvectors();
  const Eigen::MatrixXd weigh = turn * root.asDiagonal() * turn.transpose();
  const Eigen::MatrixXd back = turn * root.cwiseInverse().asDiagonal() * turn.transpose();
  Moments seen = moments;
  seen.covariance = weigh * moments.covariance * weigh;
  PrincipalBasis basis = fit_basis(moments, with_mean, false, d);
  basis.axes = (fit_basis(seen, false, true, d).axes.cast<double>() * back).cast<float>() /
               static_cast<float>(back.norm() / std::sqrt(double(d)));
  round_to_int8_axes({basis.axes.data(), static_cast<std::size_t>(basis.axes.size())}, d);
  return basis;
}

}  // namespace see::detail
