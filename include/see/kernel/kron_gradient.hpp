#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/kernel/factor_gradients.hpp"
#include "see/kernel/gradient_products.hpp"
#include "see/kernel/kron.hpp"

namespace see::kernel {

/// Memory that kron_sum_gradient reuses from row to row; grows, never shrinks.
template <class Scalar>
struct GradientWorkspace {
  Buffer<Scalar> prefixes, suffixes, to_prefixes, to_suffixes, gradient, scratch;
  std::vector<const Scalar*> prefix_of, suffix_of;
};

/// For L = <G, sum_s gain_s * sum_i f_{s,i,1} (x) ... (x) f_{s,i,o}>, adds dL/df_{s,i,j} to the
/// accumulators of the senses and, where `wants_gains`, writes dL/dgain_s to their gain_gradient. G
/// has `given` numbers and zeros behind them. Accumulators of several senses may coincide.
///
/// With G as a matrix of prefix x suffix numbers and p_t (x) s_t the terms without gain, the
/// gradients of all prefixes are S G^T and those of all suffixes P G; from these follow
/// those of the factors. Cost: 2 * terms * product multiply-adds and about 4 * terms * (prefix +
/// suffix).
///
/// `Shape` is Layout, or a Cube where the dimensions are known when compiling.
template <class Shape, class Scalar>
void kron_sum_gradient(const Shape& layout, std::span<SenseGradient<Scalar>> senses,
                       GradientWorkspace<Scalar>& work, const Scalar* gradient, Index given,
                       bool wants_gains) {
  using namespace detail;
  constexpr int known = Shape::known_dim, known_stride = Shape::template known_stride<Scalar>;
  const int order = layout.order, split = layout.split;
  const Index rows = layout.prefix, cols = layout.suffix;
  const Index stride = known_stride > 0 ? known_stride : layout.stride;
  const Index* dims = layout.dims.data();
  constexpr Index slack = lanes<Scalar>;
  Index count = 0;
  for (const auto& sense : senses) count += sense.vectors;
  if (stride != cols || given != rows * cols) {
    Scalar* padded = at_least(work.gradient, rows * stride);
    std::fill_n(padded, rows * stride, Scalar(0));
    Index a = 0;
    for (; (a + 1) * cols <= given; ++a)
      std::copy_n(gradient + a * cols, cols, padded + a * stride);
    std::copy_n(gradient + a * cols, given - a * cols, padded + a * stride);
    gradient = padded;
  }
  Scalar* suffixes = at_least(work.suffixes, count * stride + slack);
  Scalar* prefixes = at_least(work.prefixes, count * rows + slack);
  Scalar* scratch = at_least(work.scratch, 8 * (std::max(rows, cols) + 4 * slack));
  const Scalar** prefix = at_least(work.prefix_of, count);
  const Scalar** suffix = at_least(work.suffix_of, count);
  Index t = 0;
  for (const auto& sense : senses)
    for (Index i = 0; i < sense.vectors; ++i, ++t) {
      prefix[t] = sense.factors[0] + i * dims[0];
      suffix[t] = sense.factors[static_cast<std::size_t>(split)] + i * dims[split];
      if (order - split > 1 || stride != cols) {
        Scalar* own = suffixes + t * stride;
        vector_product<known>(sense.factors.data() + split, dims + split, order - split, i, cols,
                              own, scratch);
        if (stride != cols) std::fill(own + cols, own + stride, Scalar(0));
        suffix[t] = own;
      }
      if (split != 1) {
        Scalar* own = prefixes + t * rows;
        own[0] = Scalar(1);
        if (split > 1)
          vector_product<known>(sense.factors.data(), dims, split, i, rows, own, scratch);
        prefix[t] = own;
      }
    }
  Scalar* to_prefix = at_least(work.to_prefixes, count * rows + slack);
  Scalar* to_suffix = at_least(work.to_suffixes, count * stride + slack);
  for_terms<4>(count, [&](Index first, auto n) {
    weighted_rows<n>(prefix + first, gradient, rows, stride, to_suffix + first * stride);
  });
  for_terms<registers<Scalar> >= 32 ? 2 : 1>(count, [&](Index first, auto n) {
    dots<n, 8>(suffix + first, gradient, rows, stride, to_prefix + first * rows);
  });
  store(to_suffix + count * stride, broadcast(Scalar(0)));
  store(to_prefix + count * rows, broadcast(Scalar(0)));
  const std::span<const SenseGradient<Scalar>> all = senses;
  if (split > 0) add_sense_gradients<known>(all, dims, 0, split, to_prefix, rows, scratch);
  add_sense_gradients<known>(all, dims, split, order - split, to_suffix, stride, scratch);
  if (!wants_gains) return;
  t = 0;
  for (auto& sense : senses) {
    Scalar sum = 0;
    for (Index i = 0; i < sense.vectors; ++i, ++t)
      sum += dot<known>(prefix[t], to_prefix + t * rows, rows);
    sense.gain_gradient = sum;
  }
}

/// kron_sum_gradient for one kind of layout.
template <class Scalar>
using KronSumGradient = void (*)(const Layout&, std::span<SenseGradient<Scalar>>,
                                 GradientWorkspace<Scalar>&, const Scalar*, Index, bool);

namespace detail {

template <int Order, int Dim, class Scalar>
void cube_gradient(const Layout&, std::span<SenseGradient<Scalar>> senses,
                   GradientWorkspace<Scalar>& work, const Scalar* gradient, Index given,
                   bool wants_gains) {
  kron_sum_gradient(Cube<Order, Dim>(), senses, work, gradient, given, wants_gains);
}

/// cube_gradient for one of Dims, or null.
template <int Order, class Scalar, int... Dims>
KronSumGradient<Scalar> cube_gradient_among(Index dim, std::integer_sequence<int, Dims...>) {
  KronSumGradient<Scalar> found = nullptr;
  ((dim == Dims ? void(found = cube_gradient<Order, Dims, Scalar>) : void()), ...);
  return found;
}

}  // namespace detail

/// The kron_sum_gradient that suits `layout` best: dimensions that are known when compiling for
/// common layouts of equal dimensions.
template <class Scalar>
KronSumGradient<Scalar> choose_kron_sum_gradient(const Layout& layout) {
  const auto* const dims = layout.dims.data();
  KronSumGradient<Scalar> found = nullptr;
  if (std::all_of(dims, dims + layout.order, [&](Index dim) { return dim == dims[0]; })) {
    if (layout.order == 2)
      found = detail::cube_gradient_among<2, Scalar>(dims[0],
                                                     std::integer_sequence<int, 8, 10, 16, 32>());
    if (layout.order == 3)
      found = detail::cube_gradient_among<3, Scalar>(dims[0], std::integer_sequence<int, 8, 16>());
  }
  return found ? found : kron_sum_gradient<Layout, Scalar>;
}

}  // namespace see::kernel
