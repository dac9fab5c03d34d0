#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

/// The arithmetic of sums of product states, on raw pointers. Nothing here checks its arguments.
namespace see::kernel {

inline constexpr int max_factors = 8;

/// The product states gain * sum_{i < vectors} f_{1,i} (x) ... (x) f_{o,i} of one sense, f_{j,i}
/// being the q_j numbers from units[j] + i * q_j on.
template <class Scalar>
struct Sense {
  std::array<const Scalar*, max_factors> units;
  Scalar gain;
  Index vectors;
  bool slack;  ///< lanes numbers may be read behind the last slot's unit
};

/// Factor dimensions cut in two: a product state is prefix (x) suffix with the prefix the first
/// `split` factors, so that a sum of n of them is the small matrix product
/// [prefix length x n] * [n x suffix length].
struct Layout {
  static constexpr int most_factors = max_factors;
  static constexpr int known_dim = 0;     ///< no dimension is known when compiling
  static constexpr int known_prefix = 0;  ///< nor
  template <class Scalar>
  static constexpr int known_stride = 0;

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

/// A Layout of `Order` factor dimensions that are all `Dim`, known when compiling.
template <int Order, int Dim>
struct Cube {
  static constexpr int power(int exponent) { return exponent == 0 ? 1 : Dim * power(exponent - 1); }

  static constexpr int order = Order;
  static constexpr int split = Order / 2;
  static constexpr int most_factors = Order;
  static constexpr int known_dim = Dim;
  static constexpr int known_prefix = power(split);
  template <class Scalar>
  static constexpr int known_stride =
      (power(order - split) + lanes<Scalar> - 1) / lanes<Scalar>* lanes<Scalar>;
  static constexpr Index prefix = known_prefix;
  static constexpr Index suffix = power(order - split);
  static constexpr Index stride = 0;  // known_stride
  static constexpr std::array<Index, Order> dims = [] {
    std::array<Index, Order> all{};
    all.fill(Dim);
    return all;
  }();
};

/// Memory whose first number lies at the start of a register's worth of bytes.
template <class T>
using Buffer = std::vector<T, Eigen::aligned_allocator<T>>;

/// Memory that the kernels reuse from row to row; grows, never shrinks.
template <class Scalar>
struct Workspace {
  std::array<std::vector<Sense<Scalar>>, 2> senses;
  std::array<std::vector<Index>, 2> units;  ///< numbers of the units of senses in narrow storage
  Buffer<Scalar> widened;                   ///< those units
  std::vector<const Scalar*> prefix_of;
  Buffer<Scalar> prefixes;
  Buffer<Scalar> suffixes;
  Buffer<Scalar> chain;
  Buffer<Scalar> sum;
  Buffer<Scalar> scratch;
  Buffer<Scalar> block;

  /// This thread's workspace for Scalar.
  static Workspace& of_thread() {
    static thread_local Workspace workspace;
    return workspace;
  }
};

/// kron_sum for one kind of layout.
template <class Scalar>
using KronSum = void (*)(const Layout&, Workspace<Scalar>&, std::span<const Sense<Scalar>>, Scalar*,
                         Index);

namespace detail {

template <class T, class Allocator>
T* at_least(std::vector<T, Allocator>& buffer, Index size) {
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

}  // namespace detail

}  // namespace see::kernel
