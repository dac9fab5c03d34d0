#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/random.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/packet_block.hpp"

namespace see::detail {

/// Finds the nearest of k centroids, of equally near ones the first: the largest <x, c> - |c|^2
/// / 2.
class NearestCentroid {
 public:
  explicit NearestCentroid(ConstRowMatrixRef<float> centroids)
      : turned_(centroids.transpose()),
        start_(-centroids.rowwise().squaredNorm() / 2),
        scores_(centroids.rows()) {}

  /// For a point of contiguous numbers. O(k d).
  Index operator()(const float* point) {
    constexpr Index chunk = 64;
    const Index k = scores_.size();
    scores_ = start_;
    for (Index j = 0; j < turned_.rows(); ++j)
      kernel::add_scaled(scores_.data(), point[j], turned_.data() + j * k, k);
    float best = scores_[0];
    Index at = 0;
    for (Index first = 0; first < k; first += chunk) {
      const float largest = scores_.segment(first, std::min(chunk, k - first)).maxCoeff();
      if (largest > best) {
        best = largest;
        at = first;
      }
    }
    while (scores_[at] != best) ++at;
    return at;
  }

 private:
  RowMatrix<float> turned_;
  Vector<float> start_;
  Vector<float> scores_;
};

/// k centroids of the rows of `points` by Lloyd's algorithm: it starts from distinct points drawn
/// at random and ends after `iterations` or where no point changes sides. A centroid without points
/// takes half of those of the largest cluster. Where there are no more distinct points than k,
/// these are the centroids (the rest repeat the first). `proceed()` is called once an iteration.
///
/// iterations * 2 n k d operations in the calling thread. Throws unless there are points, all
/// finite, and 1 <= k <= 65,536.
template <class Proceed>
RowMatrix<float> k_means(ConstRowMatrixRef<float> points, Index k, int iterations,
                         std::uint64_t seed, const Proceed& proceed) {
  const Index n = points.rows(), dim = points.cols();
  require(n >= 1 && k >= 1 && k <= 65536, k, " centroids of ", n,
          " points, needed 1 to 65536 of at least one");
  require(is_all_finite(points), "points with a number that is not finite");
  Random random(seed);
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  const auto less = [&](Index a, Index b) {
    const float *x = points.data() + a * points.outerStride(),
                *y = points.data() + b * points.outerStride();
    return std::lexicographical_compare(x, x + dim, y, y + dim);
  };
  std::set<Index, decltype(less)> distinct(less);
  RowMatrix<float> centroids(k, dim);
  Index found = 0;
  for (std::size_t i = 0; i < order.size() && found < k; ++i) {
    std::swap(order[i], order[i + random.below(order.size() - i)]);
    if (distinct.insert(order[i]).second) centroids.row(found++) = points.row(order[i]);
  }
  if (found < k) {
    for (; found < k; ++found) centroids.row(found) = centroids.row(0);
    return centroids;
  }
  std::vector<std::uint16_t> nearest(static_cast<std::size_t>(n)), before;
  for (int iteration = 0; iteration < iterations; ++iteration) {
    proceed();
    before = nearest;
    NearestCentroid find(centroids);
    for (Index i = 0; i < n; ++i)
      nearest[static_cast<std::size_t>(i)] =
          static_cast<std::uint16_t>(find(points.data() + i * points.outerStride()));
    if (iteration > 0 && nearest == before) break;
    RowMatrix<double> sums = RowMatrix<double>::Zero(k, dim);
    std::vector<Index> counts(static_cast<std::size_t>(k), 0);
    for (Index i = 0; i < n; ++i) {
      const std::size_t c = nearest[static_cast<std::size_t>(i)];
      sums.row(static_cast<Index>(c)) += points.row(i).cast<double>();
      ++counts[c];
    }
    for (Index c = 0; c < k; ++c)
      if (const Index count = counts[static_cast<std::size_t>(c)]; count > 0)
        centroids.row(c) = (sums.row(c) / static_cast<double>(count)).cast<float>();
    for (Index c = 0; c < k; ++c) {
      if (counts[static_cast<std::size_t>(c)] > 0) continue;
      const auto largest = std::max_element(counts.begin(), counts.end());
      const Index from = largest - counts.begin();
      // Two sides of the old place: the next assignment shares its points out.
      centroids.row(c) = centroids.row(from) * (1 + 1.0F / 1024);
      centroids.row(from) *= 1 - 1.0F / 1024;
      counts[static_cast<std::size_t>(c)] = *largest / 2;
      *largest -= *largest / 2;
    }
  }
  return centroids;
}

}  // namespace see::detail
