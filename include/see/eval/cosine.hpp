#pragma once

#include <cmath>

#include "see/core/finite.hpp"
#include "see/core/types.hpp"

namespace see {

namespace detail {

/// sum_i x_i y_i of `n` numbers in double precision. Products of floats are exact in double and the
/// order of the sum is fixed (eight partial sums), so the result is the same on every platform.
inline double dot(const float* x, const float* y, Index n) noexcept {
  double lanes[8] = {};
  Index i = 0;
  for (; i + 8 <= n; i += 8)
    for (Index lane = 0; lane < 8; ++lane)
      lanes[lane] += static_cast<double>(x[i + lane]) * static_cast<double>(y[i + lane]);
  for (Index lane = 0; lane < 8 && i < n; ++i, ++lane)
    lanes[lane] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
         ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

}  // namespace detail

/// <x, y> / (|x| |y|), in [-1, 1]; 0 where a vector is zero or holds a number that is not finite.
inline double cosine(const float* x, const float* y, Index n) noexcept {
  const double norms = std::sqrt(detail::dot(x, x, n)) * std::sqrt(detail::dot(y, y, n));
  if (!(norms > 0) || !detail::is_finite(norms)) return 0;
  const double value = detail::dot(x, y, n) / norms;
  return value > 1 ? 1 : value < -1 ? -1 : value;
}

/// Scales every row to length 1, in place. A row that is zero or holds a number that is not finite
/// becomes zero, so its cosine with everything is 0.
inline void normalize_rows(RowMatrixRef<float> rows) noexcept {
  for (Index i = 0; i < rows.rows(); ++i) {
    float* row = rows.data() + i * rows.outerStride();
    const double norm = std::sqrt(detail::dot(row, row, rows.cols()));
    if (norm > 0 && detail::is_finite(norm)) {
      for (Index j = 0; j < rows.cols(); ++j) row[j] = static_cast<float>(row[j] / norm);
    } else {
      rows.row(i).setZero();
    }
  }
}

}  // namespace see
