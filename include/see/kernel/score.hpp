#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

/// The arithmetic of scores, on raw pointers, for `States` hidden states at once, so that what a
/// word's index says is read once for all of them. Nothing here checks its arguments.
namespace see::kernel {

/// One number for each hidden state.
template <class Scalar, int States>
using StateArray = Eigen::Array<Scalar, States, 1>;

/// out[i] += sum_{s < count} gains[s] * table[entry_s * States + i] for i < States, where next()
/// gives entry_0, entry_1, ... in turn.
template <int States, class Scalar, class Next>
inline void table_sum(const Scalar* table, const Scalar* gains, Index count, Next&& next,
                      Scalar* out) {
  using Lanes = StateArray<Scalar, States>;
  using Sum = std::conditional_t<States == 1, Scalar, Lanes>;
  constexpr Index chains = 4;  // sums at a time: one would wait for every addition to end
  const auto product = [&](Index s) -> Sum {
    if constexpr (States == 1)
      return gains[s] * table[next()];
    else
      return gains[s] * Eigen::Map<const Lanes>(table + next() * States);
  };
  Sum sums[chains];
  for (Sum& sum : sums) {
    if constexpr (States == 1)
      sum = 0;
    else
      sum.setZero();
  }
  Index s = 0;
  for (; s + chains <= count; s += chains)
    for (Index k = 0; k < chains; ++k) sums[k] += product(s + k);
  for (; s < count; ++s) sums[0] += product(s);
  Eigen::Map<Lanes>(out) += Lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// Running sums of dot products, one for each hidden state, each reduced across the register once,
/// at the end.
template <int States, class Scalar>
class DotSums {
 public:
  DotSums() {
    for (auto& pair : sums_)
      for (auto& sum : pair) sum = broadcast(Scalar(0));
  }

  /// Adds gain * <a, b + i * n> for each state i; n is a multiple of lanes<Scalar>.
  void add(Scalar gain, const Scalar* a, const Scalar* b, Index n) {
    constexpr Index step = lanes<Scalar>;
    const Packet<Scalar> factor = broadcast(gain);
    Index k = 0;
    for (; k + 2 * step <= n; k += 2 * step) {
      const Packet<Scalar> left = multiply(factor, load(a + k));
      const Packet<Scalar> right = multiply(factor, load(a + k + step));
      for (Index i = 0; i < States; ++i) {
        sums_[i][0] = multiply_add(left, load(b + i * n + k), sums_[i][0]);
        sums_[i][1] = multiply_add(right, load(b + i * n + k + step), sums_[i][1]);
      }
    }
    if (k == n) return;
    const Packet<Scalar> left = multiply(factor, load(a + k));
    for (Index i = 0; i < States; ++i)
      sums_[i][0] = multiply_add(left, load(b + i * n + k), sums_[i][0]);
  }

  /// Adds the sums to out[0 .. States).
  void add_to(Scalar* out) const {
    for (Index i = 0; i < States; ++i) out[i] += reduce(sums_[i][0]) + reduce(sums_[i][1]);
  }

 private:
  Packet<Scalar> sums_[States][2];
};

/// out = f_1 (x) ... (x) f_count, of dims[0] * ... * dims[count - 1] numbers, in whole registers:
/// up to lanes - 1 numbers are written behind them. `scratch` has room for as many. At most twice
/// as many multiplications.
template <class Scalar>
inline void kron_product(const Scalar* const* factors, const Index* dims, int count, Scalar* out,
                         Scalar* scratch) {
  Index length = dims[count - 1];
  Scalar* now = count % 2 == 1 ? out : scratch;  // so that the last step ends in `out`
  Scalar* next = count % 2 == 1 ? scratch : out;
  std::copy_n(factors[count - 1], length, now);
  for (int j = count - 2; j >= 0; --j) {
    for (Index x = 0; x < dims[j]; ++x) {
      const Packet<Scalar> factor = broadcast(factors[j][x]);
      for (Index k = 0; k < length; k += lanes<Scalar>)
        store(next + x * length + k, multiply(factor, load(now + k)));
    }
    length *= dims[j];
    std::swap(now, next);
  }
}

}  // namespace see::kernel
