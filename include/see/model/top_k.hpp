#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "see/core/scored.hpp"
#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

namespace see::detail {

/// Keeps the `k` words of the highest scores among those offered, of equal scores the smaller
/// number; fewer where scores below a floor, which are left out, are among them. A score that is
/// not a number counts as the lowest.
template <class Scalar>
class TopK {
 public:
  explicit TopK(Index k, Scalar floor = -std::numeric_limits<Scalar>::infinity())
      : k_(static_cast<std::size_t>(k)), bar_(floor) {}

  /// No word of a score below this comes in any more, nor belongs to the best `k` of all.
  Scalar bar() const noexcept { return bar_; }

  /// O(1) where the word stays out, O(log k) where it comes in.
  void offer(Index word, Scalar score) {
    if (score < bar_) return;
    const Scored<Scalar> candidate{word, score};
    if (heap_.size() == k_) {
      if (k_ == 0 || !better(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.pop_back();
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), better);
    if (heap_.size() == k_) bar_ = std::max(bar_, value(heap_.front().score));
  }

  /// Offers scores(i, j) of word + j to best[i], for all i and j; `scores` lies by columns.
  template <class Scores>
  static void offer_block(TopK* best, Index word, const Scores& scores) {
    const Index states = scores.rows(), words = scores.cols();
    // Few blocks have a score that comes in: a pass for all states at once finds whose they are.
    std::vector<Scalar> highest(static_cast<std::size_t>(states));
    kernel::highest_of_rows(scores.data(), scores.outerStride(), states, words, highest.data());
    for (Index i = 0; i < states; ++i)
      if (!(highest[static_cast<std::size_t>(i)] < best[i].bar_))
        for (Index j = 0; j < words; ++j) best[i].offer(word + j, scores(i, j));
  }

  /// Offers what another one kept.
  void merge(const TopK& other) {
    for (const Scored<Scalar>& each : other.heap_) offer(each.row, each.score);
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
    return x > y || (x == y && a.row < b.row);
  }

  std::size_t k_;
  std::vector<Scored<Scalar>> heap_;  // the worst in front
  Scalar bar_;
};

}  // namespace see::detail
