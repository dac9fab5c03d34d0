#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

/// The arithmetic of sums of product states, on raw pointers. Nothing here checks its arguments.
namespace see::kernel {

inline constexpr int max_factors = 8;

/// One product state gain * f_1 (x) ... (x) f_o: where its factors lie, and the gain.
template <class Scalar>
struct Term {
  std::array<const Scalar*, max_factors> factors;
  Scalar gain;
};

/// Where the units of a slot lie: unit u is the rank * dim numbers from values + u * rank * dim on.
template <class Scalar>
struct Slot {
  const Scalar* values;
  Index rank;
  Index dim;
};

/// Factor dimensions cut in two: a product state is prefix (x) suffix with the prefix the first
/// `split` factors, so that a sum of n of them is the small matrix product
/// [prefix length x n] * [n x suffix length].
struct Layout {
  Layout() = default;

  explicit Layout(std::span<const Index> factor_dims, Index lane_count)
      : order(static_cast<int>(factor_dims.size())), split(order / 2) {
    for (int j = 0; j < order; ++j) {
      dims[static_cast<std::size_t>(j)] = factor_dims[static_cast<std::size_t>(j)];
      (j < split ? prefix : suffix) *= factor_dims[static_cast<std::size_t>(j)];
    }
    stride = (suffix + lane_count - 1) / lane_count * lane_count;
  }

  int order = 1;
  int split = 0;
  std::array<Index, max_factors> dims{};
  Index prefix = 1;  ///< q_1 * ... * q_split
  Index suffix = 1;  ///< q_{split+1} * ... * q_o
  Index stride = 1;  ///< suffix rounded up to whole registers
};

/// Memory that the functions below reuse from row to row; grows, never shrinks.
template <class Scalar>
struct Workspace {
  std::vector<Slot<Scalar>> slots;
  std::vector<Term<Scalar>> terms;  ///< the first `count` are in use
  Index count = 0;
  std::vector<const Scalar*> prefix_of;
  std::vector<Scalar> prefixes;
  std::vector<Scalar> suffixes;
  std::vector<Scalar> chain;
  std::vector<Scalar> sum;
  std::vector<Scalar> scratch;

  /// This thread's workspace for Scalar.
  static Workspace& of_thread() {
    static thread_local Workspace workspace;
    return workspace;
  }
};

namespace detail {

template <class T>
T* at_least(std::vector<T>& buffer, Index size) {
  if (buffer.size() < static_cast<std::size_t>(size)) buffer.resize(static_cast<std::size_t>(size));
  return buffer.data();
}

/// out[0 .. n) = scale * in[0 .. n), whole registers at a time: reads and writes up to lanes - 1
/// numbers past the end.
template <class Scalar>
inline void scale_padded(Scalar scale, const Scalar* in, Index n, Scalar* out) {
  const Packet<Scalar> factor = broadcast(scale);
  for (Index k = 0; k < n; k += lanes<Scalar>) store(out + k, multiply(factor, load(in + k)));
}

/// out = gain * left (x) right for a left of `rows` numbers and a right of n, whole registers at a
/// time: up to lanes - 1 numbers past the end of `right` are read, and of `out` written.
template <class Scalar>
inline void kron_pair(const Scalar* left, Index rows, Scalar gain, const Scalar* right, Index n,
                      Scalar* out) {
  if (n <= lanes<Scalar>) {
    const Packet<Scalar> scaled = multiply(broadcast(gain), load(right));
    for (Index y = 0; y < rows; ++y) store(out + y * n, multiply(broadcast(left[y]), scaled));
    return;
  }
  for (Index y = 0; y < rows; ++y) scale_padded(gain * left[y], right, n, out + y * n);
}

/// out = gain * factors[0] (x) ... (x) factors[count - 1], of `length` numbers; up to lanes - 1
/// more are written behind them. `chain` has room for 2 * (length + lanes) numbers. Cost: at most 2
/// * length multiplications.
template <class Scalar>
inline void kron_chain(const Scalar* const* factors, const Index* dims, int count, Scalar gain,
                       Scalar* out, Index length, Scalar* chain) {
  Scalar* next = chain + length + lanes<Scalar>;
  const Scalar* now = factors[count - 1];
  Index n = dims[count - 1];
  if (n % lanes<Scalar> != 0) {  // nothing may be read behind the last unit of an inventory
    std::copy_n(now, n, chain);
    store(chain + n, broadcast(Scalar(0)));
    now = chain;
  }
  if (count == 1) return scale_padded(gain, now, n, out);
  for (int j = count - 2; j > 0; --j) {
    kron_pair(factors[j], dims[j], Scalar(1), now, n, next);
    n *= dims[j];
    now = next;
    next = next == chain ? chain + length + lanes<Scalar> : chain;
  }
  kron_pair(factors[0], dims[0], gain, now, n, out);
}

/// out[r][0 .. Packets * lanes) = sum_t prefix[t][r] * suffix[t][...] for r < Rows. Accumulators
/// stay in registers.
template <class Scalar, int Rows, int Packets>
inline void outer_sum_tile(const Scalar* const* prefix, Index row, const Scalar* suffix,
                           Index stride, Index terms, Scalar* out) {
  Packet<Scalar> sum[Rows][Packets];
  for (int r = 0; r < Rows; ++r)
    for (int k = 0; k < Packets; ++k) sum[r][k] = broadcast(Scalar(0));
  for (Index t = 0; t < terms; ++t) {
    Packet<Scalar> right[Packets];
    for (int k = 0; k < Packets; ++k) right[k] = load(suffix + t * stride + k * lanes<Scalar>);
    for (int r = 0; r < Rows; ++r) {
      const Packet<Scalar> left = broadcast(prefix[t][row + r]);
      for (int k = 0; k < Packets; ++k) sum[r][k] = multiply_add(left, right[k], sum[r][k]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int k = 0; k < Packets; ++k) store(out + r * stride + k * lanes<Scalar>, sum[r][k]);
}

template <class Scalar, int Rows>
inline void outer_sum_rows(const Scalar* const* prefix, Index row, const Scalar* suffix,
                           Index stride, Index terms, Scalar* out) {
  constexpr Index wide = 4 * lanes<Scalar>;
  Index k = 0;
  for (; k + wide <= stride; k += wide)
    outer_sum_tile<Scalar, Rows, 4>(prefix, row, suffix + k, stride, terms, out + k);
  switch ((stride - k) / lanes<Scalar>) {
    case 3:
      outer_sum_tile<Scalar, Rows, 3>(prefix, row, suffix + k, stride, terms, out + k);
      break;
    case 2:
      outer_sum_tile<Scalar, Rows, 2>(prefix, row, suffix + k, stride, terms, out + k);
      break;
    case 1:
      outer_sum_tile<Scalar, Rows, 1>(prefix, row, suffix + k, stride, terms, out + k);
      break;
    default:
      break;
  }
}

/// out (prefix length x stride) = sum_t prefix[t] * suffix[t]^T.
template <class Scalar>
inline void outer_sum(const Layout& layout, const Scalar* const* prefix, const Scalar* suffix,
                      Index terms, Scalar* out) {
  constexpr int rows = lanes<Scalar> * static_cast<Index>(sizeof(Scalar)) >= 64 ? 4 : 2;
  Index row = 0;
  for (; row + rows <= layout.prefix; row += rows)
    outer_sum_rows<Scalar, rows>(prefix, row, suffix, layout.stride, terms,
                                 out + row * layout.stride);
  for (; row < layout.prefix; ++row)
    outer_sum_rows<Scalar, 1>(prefix, row, suffix, layout.stride, terms, out + row * layout.stride);
}

}  // namespace detail

/// out[0 .. width) = the first `width` entries of sum_t gain_t * f_{t,1} (x) ... (x) f_{t,o}, over
/// the first work.count terms of work.terms (entry (i1, ..., io) at ((i1 * q2 + i2) * q3 +
/// i3) ...).
///
/// Cost: terms * product multiply-adds and at most 2 * terms * (prefix + suffix) to set them up.
/// `out` must not overlap the factors. Allocates only where `work` must grow.
///
/// `Order` is the layout's order where it is known when compiling, else Eigen::Dynamic.
template <int Order, class Scalar>
void kron_sum(const Layout& layout, Workspace<Scalar>& work, Scalar* out, Index width) {
  using namespace detail;
  const int order = Order == Eigen::Dynamic ? layout.order : Order;
  const int split = order / 2;
  const Index terms = work.count;
  if (terms == 0) {
    std::fill(out, out + width, Scalar(0));
    return;
  }
  const Index slack = lanes<Scalar>;
  Scalar* suffixes = at_least(work.suffixes, terms * layout.stride + slack);
  Scalar* chain =
      at_least(work.chain, 2 * (std::max(layout.prefix, layout.suffix) + slack) + slack);
  Scalar* prefixes = split == 1 ? nullptr : at_least(work.prefixes, terms * layout.prefix + slack);
  const Scalar** prefix = at_least(work.prefix_of, terms);
  for (Index t = 0; t < terms; ++t) {
    const Term<Scalar>& term = work.terms[static_cast<std::size_t>(t)];
    kron_chain(term.factors.data() + split, layout.dims.data() + split, order - split, term.gain,
               suffixes + t * layout.stride, layout.suffix, chain);
    if (split == 1) {
      prefix[t] = term.factors[0];
      continue;
    }
    Scalar* own = prefixes + t * layout.prefix;
    if (split == 0)
      own[0] = Scalar(1);
    else
      kron_chain(term.factors.data(), layout.dims.data(), split, Scalar(1), own, layout.prefix,
                 chain);
    prefix[t] = own;
  }
  if (layout.stride == layout.suffix && width == layout.prefix * layout.suffix) {
    outer_sum(layout, prefix, suffixes, terms, out);
    return;
  }
  Scalar* sum = at_least(work.sum, layout.prefix * layout.stride);
  outer_sum(layout, prefix, suffixes, terms, sum);
  for (Index row = 0, left = width; left > 0; ++row, left -= layout.suffix)
    std::memcpy(out + row * layout.suffix, sum + row * layout.stride,
                static_cast<std::size_t>(std::min(left, layout.suffix)) * sizeof(Scalar));
}

}  // namespace see::kernel
