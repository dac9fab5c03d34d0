#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/kron.hpp"

namespace see {

/// Highest order (number of factors of a product) that the library computes.
inline constexpr int max_order = kernel::max_factors;

/// Factor dimensions q_1 ... q_o of a product state and the width p to which a sum of them is cut.
///
/// Invariant: 1 <= o <= max_order, every q_j >= 1, 1 <= p <= q_1 * ... * q_o.
class Shape {
 public:
  Shape() : Shape({1}, 1) {}

  /// `width` 0 stands for the whole product. Throws where the invariant fails or the product
  /// exceeds 2^31 - 1.
  explicit Shape(std::vector<Index> factor_dims, Index width = 0)
      : factor_dims_(std::move(factor_dims)) {
    detail::require(!factor_dims_.empty() && order() <= max_order, "a shape of order ", order(),
                    ", needed 1 to ", max_order);
    for (const Index q : factor_dims_) {
      detail::require(q >= 1 && q <= 0x7fffffff / product_, "factor dimensions ", to_string(),
                      ", needed positive numbers whose product is below 2^31");
      product_ *= q;
    }
    width_ = width == 0 ? product_ : width;
    detail::require(width_ >= 1 && width_ <= product_, "a width of ", width_,
                    ", needed 1 to the product ", product_, " of ", to_string());
  }

  /// Near-equal factor dimensions for `width`: the least q_1 + ... + q_o with a product of at least
  /// width, in ascending order; an exact product is preferred while its sum is within a tenth of
  /// that (100 = 10x10, 300 = 15x20, 768 = 24x32, 4096 = 16x16x16, 7 -> 2x4).
  static Shape balanced(Index width, int order) {
    detail::require(width >= 1 && order >= 1 && order <= max_order, "a shape of width ", width,
                    " and order ", order, ", needed a positive width and order 1 to ", max_order);
    std::vector<Index> dims, best, exact;
    Index best_sum = 0, best_product = 0, exact_sum = 0;
    const std::function<void(Index, Index, Index)> extend = [&](Index product, Index least,
                                                                Index sum) {
      const int left = order - static_cast<int>(dims.size());
      if (left == 1) {
        const Index last = std::max(least, (width + product - 1) / product);
        dims.push_back(last);
        const Index all = product * last, total = sum + last;
        if (best.empty() || total < best_sum || (total == best_sum && all < best_product))
          best = dims, best_sum = total, best_product = all;
        if (all == width && (exact.empty() || total < exact_sum)) exact = dims, exact_sum = total;
        dims.pop_back();
        return;
      }
      for (Index q = least; power_below(product, q, left, width) || q == least; ++q) {
        dims.push_back(q);
        extend(product * q, q, sum + q);
        dims.pop_back();
      }
    };
    extend(1, 1, 0);
    const bool keep_exact = !exact.empty() && 10 * exact_sum <= 11 * best_sum;
    return Shape(keep_exact ? exact : best, width);
  }

  /// Equal factor dimensions, ceil(width^(1/order)), for slots that share one inventory.
  static Shape cube(Index width, int order) {
    detail::require(width >= 1 && order >= 1 && order <= max_order, "a shape of width ", width,
                    " and order ", order, ", needed a positive width and order 1 to ", max_order);
    Index q = 1;
    while (std::pow(static_cast<double>(q), order) < static_cast<double>(width)) ++q;
    return Shape(std::vector<Index>(static_cast<std::size_t>(order), q), width);
  }

  int order() const noexcept { return static_cast<int>(factor_dims_.size()); }
  const std::vector<Index>& factor_dims() const noexcept { return factor_dims_; }
  Index factor_dim(int slot) const noexcept { return factor_dims_[static_cast<std::size_t>(slot)]; }
  Index product() const noexcept { return product_; }
  Index width() const noexcept { return width_; }

  /// "10x10"
  std::string to_string() const {
    std::string text;
    for (const Index q : factor_dims_) {
      if (!text.empty()) text += 'x';
      text += std::to_string(q);
    }
    return text;
  }

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  /// Whether product * q^left < width * q, that is, whether a tuple of `left` more dimensions from
  /// q on is not wasteful yet.
  static bool power_below(Index product, Index q, int left, Index width) {
    for (int i = 1; i < left; ++i) {
      product *= q;
      if (product >= width) return false;
    }
    return true;
  }

  std::vector<Index> factor_dims_;
  Index product_ = 1;
  Index width_ = 1;
};

}  // namespace see
