#pragma once

#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/packet.hpp"

namespace see::kernel {

/// A running sum of dot products that is reduced across the register once, at the end.
template <class Scalar>
class DotSum {
 public:
  /// += gain * <a, b> for n numbers.
  void add(Scalar gain, const Scalar* a, const Scalar* b, Index n) {
    const Packet<Scalar> factor = broadcast(gain);
    Index k = 0;
    for (; k + lanes<Scalar> <= n; k += lanes<Scalar>)
      sum_ = multiply_add(multiply(factor, load(a + k)), load(b + k), sum_);
    Scalar rest(0);
    for (; k < n; ++k) rest += a[k] * b[k];
    rest_ += gain * rest;
  }

  void add(Scalar value) { rest_ += value; }

  Scalar total() const { return reduce(sum_) + rest_; }

 private:
  Packet<Scalar> sum_ = broadcast(Scalar(0));
  Scalar rest_ = Scalar(0);
};

/// <G, f_1 (x) ... (x) f_count>, contracting the last factor first. `gradient` has q_1 * ... *
/// q_count numbers, `scratch` room for count times as many. O(product (1 + 1 / q_count + ...)).
template <class Scalar>
Scalar kron_dot(const Scalar* const* factors, const Index* dims, int count, const Scalar* gradient,
                Scalar* scratch) {
  Index rows = 1;
  for (int j = 0; j + 1 < count; ++j) rows *= dims[j];
  for (int j = count - 1; j > 0; --j) {
    Eigen::Map<Vector<Scalar>> next(scratch, rows);
    next.noalias() = Eigen::Map<const RowMatrix<Scalar>>(gradient, rows, dims[j]) *
                     Eigen::Map<const Vector<Scalar>>(factors[j], dims[j]);
    gradient = scratch;
    scratch += rows;
    rows /= dims[j - 1];
  }
  return Eigen::Map<const Vector<Scalar>>(factors[0], dims[0])
      .dot(Eigen::Map<const Vector<Scalar>>(gradient, dims[0]));
}

}  // namespace see::kernel
