#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "see/compress/row_weights.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/int8_axes.hpp"

namespace see::detail {

/// An affine frame for the rows of a table: coefficients c (p) stand for the row
///
///     y = mean + axes^T c            (axes: p x d, orthonormal rows in order of falling variance)
///
/// or y = mean + c where `axes` is empty (then p = d); an empty `mean` counts as zero.
/// The numbers are as a file keeps them: means half-precision values, axes those of int8_axes.hpp.
struct PrincipalBasis {
  Vector<float> mean;     ///< d, or empty
  RowMatrix<float> axes;  ///< p x d, or empty
};

/// First and second moments of the rows of a table, each row counting its weight.
struct Moments {
  Vector<double> mean;           ///< d
  RowMatrix<double> covariance;  ///< d x d, of the centred rows; empty where not asked for
  double energy = 0;             ///< mean of |x|^2
};

/// The largest finite number of half precision.
inline constexpr float largest_half = 65504.0F;

/// Throws unless what units rebuild of `table` can be of half precision: no number past its largest
/// one and, where units alone rebuild it, numbers that are not lost beside 0.
inline void require_half_range(ConstRowMatrixRef<float> table, std::string_view method,
                               bool units_alone) {
  constexpr double largest = double(largest_half), smallest = 1e-4;
  const double most = table.size() == 0 ? 0.0 : double(table.cwiseAbs().maxCoeff());
  require(most <= largest && (!units_alone || most == 0 || most >= smallest), "a table whose ",
          "largest number is ", most, " in magnitude, needed ", units_alone ? smallest : 0.0,
          " to ", largest, " for method ", method, ": scale the table");
}

/// `value` as half precision keeps it (round to nearest even).
inline float round_to_half(float value) { return static_cast<float>(Eigen::half(value)); }

template <class Derived>
void round_to_half(Eigen::PlainObjectBase<Derived>& values) {
  values = values.unaryExpr([](float value) { return round_to_half(value); }).eval();
}

/// A grain that cuts n rows into at most `count` ranges of at least `least` rows.
inline std::size_t grain_for(std::size_t n, std::size_t count, std::size_t least) {
  return std::max(least, (n + count - 1) / count);
}

/// Mean, energy and (where asked) covariance of the n rows of `table`, n >= 1, with `weights` (one
/// a row, above 0; empty: all alike). O(n d) without, O(n d^2) with covariance; sums in double over
/// blocks of rows, in order.
inline Moments moments(ConstRowMatrixRef<float> table, bool covariance, const Executor& run,
                       std::span<const float> weights = {}) {
  const Index n = table.rows(), d = table.cols();
  require(n >= 1, "moments of a table without rows, needed at least one");
  const std::size_t grain = grain_for(static_cast<std::size_t>(n), 16, 256);
  const std::size_t ranges = (static_cast<std::size_t>(n) + grain - 1) / grain;
  constexpr Index block = 256;
  double total = weights.empty() ? static_cast<double>(n) : 0.0;
  for (const float weight : weights) total += double{weight};

  Moments result;
  result.mean.setZero(d);
  std::vector<Vector<double>> sums(ranges);
  std::vector<double> energies(ranges, 0.0);
  for_ranges(run, static_cast<std::size_t>(n), grain, [&](std::size_t first, std::size_t last) {
    Vector<double> sum = Vector<double>::Zero(d);
    double energy = 0;
    for (Index at = static_cast<Index>(first); at < static_cast<Index>(last); at += block) {
      const auto rows = table.middleRows(at, std::min(block, static_cast<Index>(last) - at));
      const auto counts = weights_of_rows(weights, at, rows.rows());
      RowMatrix<double> values = rows.cast<double>();
      energy += weighted_energy(values, counts);
      weigh_rows<double>(values, counts, 1.0);
      sum += values.colwise().sum().transpose();
    }
    sums[first / grain] = std::move(sum);
    energies[first / grain] = energy;
  });
  for (std::size_t r = 0; r < ranges; ++r) {
    result.mean += sums[r];
    result.energy += energies[r];
  }
  result.mean /= total;
  result.energy /= total;
  if (!covariance) return result;

  const Vector<float> mean = result.mean.cast<float>();
  result.covariance =
      sum_of_squares<float>(n, d, run, [&](Index first, RowMatrixRef<float> centred) {
        for (Index i = 0; i < centred.rows(); ++i)
          for (Index t = 0; t < d; ++t) centred(i, t) = table(first + i, t) - mean[t];
        weigh_rows<float>(centred, weights_of_rows(weights, first, centred.rows()), 0.5);
      });
  result.covariance /= total;
  return result;
}

/// The frame of a table with the given moments: its mean where `with_mean`, and its first `width`
/// principal axes where `with_axes` (which needs moments with covariance; otherwise width must be
/// d). O(d^3). Throws where width is not in [1, d] and where a mean does not fit half precision.
inline PrincipalBasis fit_basis(const Moments& moments, bool with_mean, bool with_axes,
                                Index width) {
  const Index d = moments.mean.size();
  require(width >= 1 && width <= d, "a basis of ", width, " axes, needed 1 to ", d);
  require(with_axes || width == d, "a basis without axes keeps all ", d, " coordinates, not ",
          width);
  PrincipalBasis basis;
  if (with_mean) {
    require(moments.mean.cwiseAbs().maxCoeff() < largest_half, "a mean of up to ",
            moments.mean.cwiseAbs().maxCoeff(), ", needed below ", largest_half,
            " to keep it in half precision");
    basis.mean = moments.mean.cast<float>();
    round_to_half(basis.mean);
  }
  if (!with_axes) return basis;
  require(moments.covariance.rows() == d, "axes need moments with covariance");
  const auto eigen = symmetric_eigen(moments.covariance);
  basis.axes.resize(width, d);
  for (Index i = 0; i < width; ++i) {
    float* const axis = basis.axes.data() + i * d;
    for (Index t = 0; t < d; ++t) axis[t] = static_cast<float>(eigen.vectors(d - 1 - i, t));
    if (*largest_entry(axis, d) < 0)  // the solver leaves signs open
      for (Index t = 0; t < d; ++t) axis[t] = -axis[t];
  }
  round_to_int8_axes({basis.axes.data(), static_cast<std::size_t>(basis.axes.size())}, d);
  return basis;
}

/// coefficients (m x p) = (rows - mean) axes^T for rows (m x d). O(m p d), O(m d) without axes.
inline RowMatrix<float> to_basis(const PrincipalBasis& basis, ConstRowMatrixRef<float> rows) {
  RowMatrix<float> centred = rows;
  if (basis.mean.size() > 0) centred.rowwise() -= basis.mean.transpose();
  if (basis.axes.size() == 0) return centred;
  return product(centred, basis.axes.transpose());
}

/// rows (m x d) = mean + coefficients axes for coefficients (m x p). Cost as to_basis.
inline RowMatrix<float> from_basis(const PrincipalBasis& basis,
                                   ConstRowMatrixRef<float> coefficients) {
  RowMatrix<float> rows =
      basis.axes.size() == 0 ? RowMatrix<float>(coefficients) : product(coefficients, basis.axes);
  if (basis.mean.size() > 0) rows.rowwise() += basis.mean.transpose();
  return rows;
}

}  // namespace see::detail
