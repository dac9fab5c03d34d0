#pragma once

#include <array>

#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"

namespace see::kernel {

namespace detail {

/// Adds the gradient of <G, f_1 (x) ... (x) f_count> with respect to each factor, times `gain`, to
/// out[j], and returns <G, f_1 (x) ... (x) f_count>. `scratch` has room for 4 * (length of G +
/// lanes).
///
/// With G as a P x S matrix, p the product of the first half of the factors and s of the rest, the
/// gradients are those of <G s, prefix> and <G^T p, suffix>. Cost: about 4 * length multiply-adds.
template <class Scalar>
Scalar kron_pullback(const Scalar* const* factors, const Index* dims, int count,
                     const Scalar* gradient, Scalar gain, Scalar* const* out, Scalar* scratch) {
  using Map = Eigen::Map<const Vector<Scalar>>;
  if (count == 1) {
    const Map g(gradient, dims[0]);
    if (out[0]) Eigen::Map<Vector<Scalar>>(out[0], dims[0]) += gain * g;
    return Map(factors[0], dims[0]).dot(g);
  }
  const int split = count / 2;
  Index rows = 1, cols = 1;
  for (int j = 0; j < count; ++j) (j < split ? rows : cols) *= dims[j];
  const Scalar* left = factors[0];
  const Scalar* right = factors[split];
  Scalar* next = scratch;
  const auto product = [&](int first, int last, Index length) {
    Scalar* result = next;
    next += length + lanes<Scalar>;
    kron_chain(factors + first, dims + first, last - first, Scalar(1), result, length, next);
    return result;
  };
  if (split > 1) left = product(0, split, rows);
  if (count - split > 1) right = product(split, count, cols);
  const Eigen::Map<const RowMatrix<Scalar>> matrix(gradient, rows, cols);
  Eigen::Map<Vector<Scalar>> to_left(next, rows), to_right(next + rows, cols);
  to_left.noalias() = matrix * Map(right, cols);
  to_right.noalias() = matrix.transpose() * Map(left, rows);
  next += rows + cols;
  kron_pullback(factors, dims, split, to_left.data(), gain, out, next);
  return kron_pullback(factors + split, dims + split, count - split, to_right.data(), gain,
                       out + split, next);
}

}  // namespace detail

/// Where the gradient of a term goes: one accumulator a factor (null: not wanted).
template <class Scalar>
using FactorGradients = std::array<Scalar*, max_factors>;

/// For L = <G, sum_t gain_t f_{t,1} (x) ... (x) f_{t,o}>, adds dL/df_{t,j} to out[t][j] and writes
/// dL/dgain_t to gain_gradient[t], over the first work.count terms of work.terms. G has `product`
/// numbers (zeros where the embedding is cut). Accumulators of several terms may coincide.
///
/// Cost: about 4 * terms * product multiply-adds.
template <class Scalar>
void kron_sum_gradient(const Layout& layout, Workspace<Scalar>& work, const Scalar* gradient,
                       std::span<const FactorGradients<Scalar>> out, Scalar* gain_gradient) {
  const Index length = layout.prefix * layout.suffix + 4 * lanes<Scalar>;
  Scalar* scratch = detail::at_least(work.scratch, 8 * length);
  for (std::size_t t = 0; t < static_cast<std::size_t>(work.count); ++t) {
    const Term<Scalar>& term = work.terms[t];
    gain_gradient[t] = detail::kron_pullback(term.factors.data(), layout.dims.data(), layout.order,
                                             gradient, term.gain, out[t].data(), scratch);
  }
}

}  // namespace see::kernel
