#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "see/core/types.hpp"

namespace see {

/// A word and its score.
template <class Scalar>
struct Scored {
  Index word;
  Scalar score;
};

/// Keeps the `k` words of the highest scores among those offered, of equal scores the smaller
/// number. A score that is not a number counts as the lowest.
template <class Scalar>
class TopK {
 public:
  explicit TopK(Index k) : k_(static_cast<std::size_t>(k)) {}

  /// O(1) where the word stays out, O(log k) where it comes in.
  void offer(Index word, Scalar score) {
    if (heap_.size() == k_ && score < worst_) return;
    const Scored<Scalar> candidate{word, score};
    if (heap_.size() == k_) {
      if (k_ == 0 || !better(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.pop_back();
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), better);
    worst_ = value(heap_.front().score);
  }

  /// Offers what another one kept.
  void merge(const TopK& other) {
    for (const Scored<Scalar>& each : other.heap_) offer(each.word, each.score);
  }

  /// The words kept, best first; none are left.
  std::vector<Scored<Scalar>> take() {
    std::sort_heap(heap_.begin(), heap_.end(), better);
    return std::exchange(heap_, {});
  }

 private:
  static Scalar value(Scalar score) noexcept {
    return score == score ? score : -std::numeric_limits<Scalar>::infinity();
  }

  static bool better(const Scored<Scalar>& a, const Scored<Scalar>& b) noexcept {
    const Scalar x = value(a.score), y = value(b.score);
    return x > y || (x == y && a.word < b.word);
  }

  std::size_t k_;
  std::vector<Scored<Scalar>> heap_;  // the worst in front
  Scalar worst_ = -std::numeric_limits<Scalar>::infinity();
};

}  // namespace see
