#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <span>

#include "see/version.hpp"

namespace see {

/// Signed row, word and unit numbers, as in Eigen.
using Index = Eigen::Index;

/// Every table in the library is row-major: one embedding a row.
template <class Scalar>
using RowMatrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class Scalar>
using RowMatrixMap = Eigen::Map<RowMatrix<Scalar>>;

template <class Scalar>
using ConstRowMatrixMap = Eigen::Map<const RowMatrix<Scalar>>;

/// Any row-major matrix or block of whole rows, rows apart by a stride.
template <class Scalar>
using RowMatrixRef = Eigen::Ref<RowMatrix<Scalar>, 0, Eigen::OuterStride<>>;

template <class Scalar>
using ConstRowMatrixRef = const Eigen::Ref<const RowMatrix<Scalar>, 0, Eigen::OuterStride<>>&;

template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

}  // namespace see
