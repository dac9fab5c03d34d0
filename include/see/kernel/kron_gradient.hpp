#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/kernel/kron.hpp"
#include "see/kernel/packet_block.hpp"

namespace see::kernel {

/// The terms of one sense, gain * sum_{i < vectors} f_{i,1} (x) ... (x) f_{i,o}, and where their
/// gradients go. f_{i,j} is the q_j numbers from factors[j] + i * q_j on, its gradient is added to
/// those from to[j] + i * q_j on (null: not wanted).
template <class Scalar>
struct SenseGradient {
  std::array<const Scalar*, max_factors> factors;
  std::array<Scalar*, max_factors> to;
  Index vectors;
  Scalar gain;
  Scalar gain_gradient;
};

/// Memory that kron_sum_gradient reuses from row to row; grows, never shrinks.
template <class Scalar>
struct GradientWorkspace {
  std::vector<Scalar> prefixes, suffixes, to_prefixes, to_suffixes, gradient, scratch;
  std::vector<const Scalar*> prefix_of, suffix_of;
};

namespace detail {

/// out[t][0 .. Packets * lanes) = sum_{a < rows} left[t][a] * matrix[a][...] for t < Terms.
template <int Terms, int Packets, class Scalar>
inline void weighted_rows_tile(const Scalar* const* left, const Scalar* matrix, Index rows,
                               Index stride, Scalar* out) {
  Packet<Scalar> sum[Terms][Packets];
  for (int t = 0; t < Terms; ++t)
    for (int k = 0; k < Packets; ++k) sum[t][k] = broadcast(Scalar(0));
  for (Index a = 0; a < rows; ++a) {
    Packet<Scalar> row[Packets];
    for (int k = 0; k < Packets; ++k) row[k] = load(matrix + a * stride + k * lanes<Scalar>);
    for (int t = 0; t < Terms; ++t) {
      const Packet<Scalar> weight = broadcast(left[t][a]);
      for (int k = 0; k < Packets; ++k) sum[t][k] = multiply_add(weight, row[k], sum[t][k]);
    }
  }
  for (int t = 0; t < Terms; ++t)
    for (int k = 0; k < Packets; ++k) store(out + t * stride + k * lanes<Scalar>, sum[t][k]);
}

template <int Terms, class Scalar>
inline void weighted_rows(const Scalar* const* left, const Scalar* matrix, Index rows, Index stride,
                          Scalar* out) {
  constexpr int packets = Terms * 4 * sizeof(Scalar) * lanes<Scalar> >= 1024 ? 4 : 2;
  Index k = 0;
  for (; k + packets * lanes<Scalar> <= stride; k += packets * lanes<Scalar>)
    weighted_rows_tile<Terms, packets>(left, matrix + k, rows, stride, out + k);
  for (; k < stride; k += lanes<Scalar>)
    weighted_rows_tile<Terms, 1>(left, matrix + k, rows, stride, out + k);
}

/// out[t * rows + a] = <matrix[a], right[t]> for t < Terms and Rows rows, over `stride` numbers.
template <int Terms, int Rows, class Scalar>
inline void dots_tile(const Scalar* const* right, const Scalar* matrix, Index rows, Index stride,
                      Scalar* out) {
  constexpr int count = Terms * Rows, group = std::min<int>(count, lanes<Scalar>);
  Packet<Scalar> sum[count];
  for (int i = 0; i < count; ++i) sum[i] = broadcast(Scalar(0));
  for (Index k = 0; k < stride; k += lanes<Scalar>) {
    Packet<Scalar> number[Terms];
    for (int t = 0; t < Terms; ++t) number[t] = load(right[t] + k);
    for (int a = 0; a < Rows; ++a) {
      const Packet<Scalar> row = load(matrix + a * stride + k);
      for (int t = 0; t < Terms; ++t)
        sum[t * Rows + a] = multiply_add(row, number[t], sum[t * Rows + a]);
    }
  }
  Scalar sums[count + lanes<Scalar>];
  for (int i = 0; i < count; i += group) store(sums + i, sum_each<group>(sum + i));
  for (int t = 0; t < Terms; ++t) std::copy_n(sums + t * Rows, Rows, out + t * rows);
}

template <int Terms, class Scalar>
inline void dots(const Scalar* const* right, const Scalar* matrix, Index rows, Index stride,
                 Scalar* out) {
  Index a = 0;
  for (; a + 4 <= rows; a += 4)
    dots_tile<Terms, 4>(right, matrix + a * stride, rows, stride, out + a);
  for (; a < rows; ++a) dots_tile<Terms, 1>(right, matrix + a * stride, rows, stride, out + a);
}

/// Calls body(t, std::integral_constant<int, n>) for tiles of n terms.
template <class Scalar, class Body>
inline void for_terms(Index terms, const Body& body) {
  Index t = 0;
  for (; t + 4 <= terms; t += 4) body(t, std::integral_constant<int, 4>());
  if (t + 2 <= terms) {
    body(t, std::integral_constant<int, 2>());
    t += 2;
  }
  if (t < terms) body(t, std::integral_constant<int, 1>());
}

/// out = left (x) right for a left of `rows` numbers and a right of n, with registers of type P; up
/// to width<P> - 1 more are written. `padded` has room for n + width<P>.
template <class P, class Scalar>
inline void pair_product(const Scalar* left, Index rows, const Scalar* right, Index n, Scalar* out,
                         Scalar* padded) {
  if (n % width<P> != 0) {
    std::copy_n(right, n, padded);
    right = padded;
  }
  Index y = 0;
  if (n <= width<P>) {
    const P number = load_as<P>(right);
    for (; y + 4 <= rows; y += 4)
      for (int r = 0; r < 4; ++r)
        store_as(out + (y + r) * n, multiply(broadcast_as<P>(left[y + r]), number));
  }
  for (; y < rows; ++y) {
    const P factor = broadcast_as<P>(left[y]);
    for (Index k = 0; k < n; k += width<P>)
      store_as(out + y * n + k, multiply(factor, load_as<P>(right + k)));
  }
}

/// The product of `count` factors, each vector i of its unit, of `length` numbers behind which up
/// to lanes - 1 more are written.
template <class Scalar>
inline void vector_product(const Scalar* const* factors, const Index* dims, int count, Index i,
                           Index length, Scalar* out, Scalar* scratch) {
  if (count == 2) {
    with_register(dims[1], Packet<Scalar>(), [&](auto type) {
      using P = decltype(type);
      pair_product<P>(factors[0] + i * dims[0], dims[0], factors[1] + i * dims[1], dims[1], out,
                      scratch);
    });
    return;
  }
  std::array<const Scalar*, max_factors> at;
  for (int j = 0; j < count; ++j) at[static_cast<std::size_t>(j)] = factors[j] + i * dims[j];
  kron_chain(at.data(), dims, count, Scalar(1), out, length, scratch);
}

/// to_left[0 .. Rows) = matrix right, and to_right = matrix^T left or, where `adds`, more by that,
/// for `Rows` rows of `cols` numbers.
template <int Rows, class P, class Scalar>
inline void pull_rows(const Scalar* matrix, Index cols, const Scalar* left, const Scalar* right,
                      bool adds, Scalar* to_left, Scalar* to_right) {
  P dot[Rows];
  for (int r = 0; r < Rows; ++r) dot[r] = broadcast_as<P>(Scalar(0));
  for (Index k = 0; k < cols; k += width<P>) {
    const P factor = load_as<P>(right + k);
    P sum = adds ? load_as<P>(to_right + k) : broadcast_as<P>(Scalar(0));
    for (int r = 0; r < Rows; ++r) {
      const P row = load_as<P>(matrix + r * cols + k);
      sum = multiply_add(broadcast_as<P>(left[r]), row, sum);
      dot[r] = multiply_add(row, factor, dot[r]);
    }
    store_as(to_right + k, sum);
  }
  store_as(to_left, sum_each<Rows>(dot));
}

template <int Rows, class P, class Scalar>
inline void pull_all_rows(const Scalar* matrix, Index rows, Index cols, const Scalar* left,
                          const Scalar* right, bool adds, Scalar* to_left, Scalar* to_right) {
  for (; rows >= Rows; rows -= Rows, matrix += Rows * cols, left += Rows, to_left += Rows) {
    pull_rows<Rows, P>(matrix, cols, left, right, adds, to_left, to_right);
    adds = true;
  }
  if constexpr (Rows > 1)
    if (rows > 0)
      pull_all_rows<Rows / 2, P>(matrix, rows, cols, left, right, adds, to_left, to_right);
}

/// to_left = matrix right and to_right = matrix^T left, with registers of type P. Up to width<P> -
/// 1 numbers behind `matrix` are read and must be finite; as many are written behind the results.
/// `padded` has room for cols + width<P>.
template <class P, class Scalar>
inline void pull_pair(const Scalar* matrix, Index rows, Index cols, const Scalar* left,
                      const Scalar* right, Scalar* to_left, Scalar* to_right, Scalar* padded) {
  if (cols % width<P> != 0) {
    std::copy_n(right, cols, padded);
    store_as(padded + cols, broadcast_as<P>(Scalar(0)));
    right = padded;
  }
  pull_all_rows<std::min(8, width<P>), P>(matrix, rows, cols, left, right, false, to_left,
                                          to_right);
}

/// Adds the gradients of gain * <matrix, f_1 (x) ... (x) f_count>, with vector i of each factor's
/// unit, to vector i at to[j]. Up to lanes - 1 numbers behind `matrix` are read and must be finite.
/// `scratch` has room for 8 * (length of matrix + 4 * lanes).
template <class Scalar>
void pull_factors(const Scalar* const* factors, Scalar* const* to, const Index* dims, int count,
                  Index i, const Scalar* matrix, Scalar gain, Scalar* scratch) {
  if (count == 1) {
    if (to[0]) add_scaled(to[0] + i * dims[0], gain, matrix, dims[0]);
    return;
  }
  constexpr Index slack = lanes<Scalar>;
  const int split = count / 2;
  Index rows = 1, cols = 1;
  for (int j = 0; j < count; ++j) (j < split ? rows : cols) *= dims[j];
  const Scalar* left = factors[0] + i * dims[0];
  const Scalar* right = factors[split] + i * dims[split];
  Scalar* to_left = scratch;
  Scalar* to_right = to_left + rows + slack;
  Scalar* next = to_right + cols + slack;
  if (split > 1) {
    Scalar* product = next;
    next += rows + slack;
    vector_product(factors, dims, split, i, rows, product, next);
    left = product;
  }
  if (count - split > 1) {
    Scalar* product = next;
    next += cols + slack;
    vector_product(factors + split, dims + split, count - split, i, cols, product, next);
    right = product;
  }
  with_register(cols, Packet<Scalar>(), [&](auto type) {
    using P = decltype(type);
    pull_pair<P>(matrix, rows, cols, left, right, to_left, to_right, next);
  });
  store(to_left + rows, broadcast(Scalar(0)));
  store(to_right + cols, broadcast(Scalar(0)));
  pull_factors(factors, to, dims, split, i, to_left, gain, next);
  pull_factors(factors + split, to + split, dims + split, count - split, i, to_right, gain, next);
}

/// pull_factors for every vector of every sense, the first of which reads `matrix` and each later
/// one `stride` numbers on. The factors are those from slot `first` on.
template <class Scalar>
inline void pull_senses(std::span<const SenseGradient<Scalar>> senses, const Index* dims, int first,
                        int count, const Scalar* matrix, Index stride, Scalar* scratch) {
  dims += first;
  if (count == 1) {
    with_register(dims[0], Packet<Scalar>(), [&](auto type) {
      using P = decltype(type);
      for (const SenseGradient<Scalar>& sense : senses) {
        Scalar* to = sense.to[static_cast<std::size_t>(first)];
        for (Index i = 0; i < sense.vectors; ++i, matrix += stride)
          if (to) add_scaled_as<P>(to + i * dims[0], sense.gain, matrix, dims[0]);
      }
    });
    return;
  }
  if (count == 2) {
    Scalar* to_left = scratch + dims[1] + lanes<Scalar>;
    Scalar* to_right = to_left + dims[0] + lanes<Scalar>;
    with_register(dims[1], Packet<Scalar>(), [&](auto type) {
      using P = decltype(type);
      for (const SenseGradient<Scalar>& sense : senses) {
        const auto* factors = sense.factors.data() + first;
        const auto* to = sense.to.data() + first;
        for (Index i = 0; i < sense.vectors; ++i, matrix += stride) {
          pull_pair<P>(matrix, dims[0], dims[1], factors[0] + i * dims[0], factors[1] + i * dims[1],
                       to_left, to_right, scratch);
          if (to[0]) add_scaled_as<P>(to[0] + i * dims[0], sense.gain, to_left, dims[0]);
          if (to[1]) add_scaled_as<P>(to[1] + i * dims[1], sense.gain, to_right, dims[1]);
        }
      }
    });
    return;
  }
  for (const SenseGradient<Scalar>& sense : senses)
    for (Index i = 0; i < sense.vectors; ++i, matrix += stride)
      pull_factors(sense.factors.data() + first, sense.to.data() + first, dims, count, i, matrix,
                   sense.gain, scratch);
}

}  // namespace detail

/// For L = <G, sum_s gain_s * sum_i f_{s,i,1} (x) ... (x) f_{s,i,o}>, adds dL/df_{s,i,j} to the
/// accumulators of the senses and, where `wants_gains`, writes dL/dgain_s to their gain_gradient. G
/// has `given` numbers and zeros behind them. Accumulators of several senses may coincide.
///
/// With G as a matrix of prefix x suffix numbers and p_t (x) s_t the terms without gain, the
/// gradients of all prefixes are S G^T and those of all suffixes P G; each is then pulled back to
/// its factors. Cost: 2 * terms * product multiply-adds and about 4 * terms * (prefix + suffix).
template <int Order, class Scalar>
void kron_sum_gradient(const Layout& layout, std::span<SenseGradient<Scalar>> senses,
                       GradientWorkspace<Scalar>& work, const Scalar* gradient, Index given,
                       bool wants_gains) {
  using namespace detail;
  const int order = Order == Eigen::Dynamic ? layout.order : Order;
  const int split = order / 2;
  const Index rows = layout.prefix, cols = layout.suffix, stride = layout.stride;
  const Index* dims = layout.dims.data();
  constexpr Index slack = lanes<Scalar>;
  Index count = 0;
  for (const auto& sense : senses) count += sense.vectors;
  if (stride != cols || given != rows * cols) {
    Scalar* padded = at_least(work.gradient, rows * stride);
    std::fill_n(padded, rows * stride, Scalar(0));
    for (Index a = 0, left = given; left > 0; ++a, left -= cols)
      std::copy_n(gradient + a * cols, std::min(left, cols), padded + a * stride);
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
        vector_product(sense.factors.data() + split, dims + split, order - split, i, cols, own,
                       scratch);
        if (stride != cols) std::fill(own + cols, own + stride, Scalar(0));
        suffix[t] = own;
      }
      if (split != 1) {
        Scalar* own = prefixes + t * rows;
        own[0] = Scalar(1);
        if (split > 1) vector_product(sense.factors.data(), dims, split, i, rows, own, scratch);
        prefix[t] = own;
      }
    }
  Scalar* to_prefix = at_least(work.to_prefixes, count * rows + slack);
  Scalar* to_suffix = at_least(work.to_suffixes, count * stride + slack);
  for_terms<Scalar>(count, [&](Index first, auto n) {
    weighted_rows<n>(prefix + first, gradient, rows, stride, to_suffix + first * stride);
    dots<n>(suffix + first, gradient, rows, stride, to_prefix + first * rows);
  });
  store(to_suffix + count * stride, broadcast(Scalar(0)));
  store(to_prefix + count * rows, broadcast(Scalar(0)));
  if (split > 0)
    pull_senses(std::span<const SenseGradient<Scalar>>(senses), dims, 0, split, to_prefix, rows,
                scratch);
  pull_senses(std::span<const SenseGradient<Scalar>>(senses), dims, split, order - split, to_suffix,
              stride, scratch);
  if (!wants_gains) return;
  t = 0;
  for (auto& sense : senses) {
    sense.gain_gradient = 0;
    for (Index i = 0; i < sense.vectors; ++i, ++t)
      for (Index a = 0; a < rows; ++a)
        sense.gain_gradient += prefix[t][a] * to_prefix[t * rows + a];
  }
}

}  // namespace see::kernel
