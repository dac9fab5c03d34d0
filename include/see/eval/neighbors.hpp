#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/row_source.hpp"
#include "see/core/scored.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/cosine.hpp"

namespace see {

/// A row and its cosine with a query.
using Neighbor = Scored<double>;

namespace detail {

/// The order of neighbours: larger cosine first, then smaller row number.
inline bool nearer(const Neighbor& a, const Neighbor& b) noexcept {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

/// Offers `rows` (unit length, row 0 is row `first_row` of the source) to the heaps of the queries,
/// whose worst neighbour is in front. `scores`, queries.rows() x rows.rows(), approximate the
/// cosines to within `slack`; those that may enter are computed again with dot().
inline void offer_rows(ConstRowMatrixRef<float> queries, ConstRowMatrixRef<float> rows,
                       Index first_row, ConstRowMatrixRef<float> scores, double slack,
                       std::size_t k, std::span<const Index> exclude,
                       std::span<std::vector<Neighbor>> heaps) {
  constexpr Index chunk = 64;
  const std::size_t excluded = exclude.size() / heaps.size();
  for (Index q = 0; q < queries.rows(); ++q) {
    std::vector<Neighbor>& heap = heaps[static_cast<std::size_t>(q)];
    const auto banned = exclude.subspan(static_cast<std::size_t>(q) * excluded, excluded);
    const float* score = scores.data() + q * scores.outerStride();
    const auto entry_level = [&] {
      return heap.size() < k ? -std::numeric_limits<float>::infinity()
                             : static_cast<float>(heap.front().score - slack);
    };
    float level = entry_level();
    for (Index start = 0; start < rows.rows(); start += chunk) {
      const Index end = std::min(start + chunk, rows.rows());
      const Eigen::Map<const Eigen::ArrayXf> part(score + start, end - start);
      if (!(part.maxCoeff() >= level)) continue;
      for (Index r = start; r < end; ++r) {
        if (!(score[r] >= level)) continue;
        const Neighbor candidate{first_row + r,
                                 dot(queries.data() + q * queries.outerStride(),
                                     rows.data() + r * rows.outerStride(), rows.cols())};
        if (heap.size() == k && !nearer(candidate, heap.front())) continue;
        if (std::find(banned.begin(), banned.end(), candidate.row) != banned.end()) continue;
        heap.push_back(candidate);
        std::push_heap(heap.begin(), heap.end(), nearer);
        if (heap.size() > k) {
          std::pop_heap(heap.begin(), heap.end(), nearer);
          heap.pop_back();
        }
        level = entry_level();
      }
    }
  }
}

}  // namespace detail

/// For each row of `queries` (any number x dim, any lengths) the k rows of `source` of largest
/// cosine, nearest first, of equal cosines the smaller row number first; fewer than k where the
/// source has no more. A row or query that is zero or not finite has cosine 0 with everything.
///
/// `exclude` is empty or holds the same number of row numbers for each query, one query's after
/// another's: these rows are left out. Numbers that are no row (-1, say) stand for none.
///
/// Every row is expanded once, in blocks: 2 * queries * rows * dim floating point operations and
/// 8,192 * dim numbers and 512 KiB a thread beside the queries, whatever the number of rows.
/// Cosines are compared as sums of double precision in a fixed order, so results are equal for any
/// number of threads and on every platform. Threads share the queries, in groups of 128.
///
/// Throws where queries.cols() is not the dimension, k < 1, or exclude does not divide.
template <RowSource Source>
std::vector<std::vector<Neighbor>> nearest(const Source& source, ConstRowMatrixRef<float> queries,
                                           Index k, std::span<const Index> exclude = {},
                                           const Executor& run = serial()) {
  const Index rows = source.num_embeddings();
  const Index dim = source.embedding_dim();
  const auto count = static_cast<std::size_t>(queries.rows());
  detail::require(queries.cols() == dim, "queries of ", queries.cols(), " numbers, needed ", dim);
  detail::require(k >= 1, "the ", k, " nearest rows asked for, needed at least 1");
  detail::require(count == 0 ? exclude.empty() : exclude.size() % count == 0, exclude.size(),
                  " rows to exclude for ", count, " queries, needed as many for each query");

  std::vector<std::vector<Neighbor>> result(count);
  if (count == 0 || rows == 0) return result;
  const auto kept = static_cast<std::size_t>(std::min(k, rows));
  for (auto& heap : result) heap.reserve(kept + 1);
  RowMatrix<float> unit = queries;
  normalize_rows(unit);

  constexpr Index block = 8192;
  constexpr Index panel = 1024;
  constexpr std::size_t group = 128;
  const std::size_t excluded = exclude.size() / count;
  // A float sum of dim products of two unit vectors, in any order, errs by less than this.
  const double slack =
      static_cast<double>(dim + 4) * static_cast<double>(std::numeric_limits<float>::epsilon());
  RowMatrix<float> expanded(std::min(block, rows), dim);
  for (Index first = 0; first < rows; first += block) {
    const Index size = std::min(block, rows - first);
    for_ranges(run, static_cast<std::size_t>(size), static_cast<std::size_t>(panel),
               [&](std::size_t begin, std::size_t end) {
                 const auto at = static_cast<Index>(begin);
                 auto part = expanded.middleRows(at, static_cast<Index>(end - begin));
                 detail::forward_range(source, first + at, part);
                 normalize_rows(part);
               });
    for_ranges(run, count, group, [&](std::size_t begin, std::size_t end) {
      const std::size_t members = end - begin;
      const auto some = unit.middleRows(static_cast<Index>(begin), static_cast<Index>(members));
      RowMatrix<float> scores(static_cast<Index>(members), std::min(panel, size));
      for (Index at = 0; at < size; at += panel) {
        const auto part = expanded.middleRows(at, std::min(panel, size - at));
        auto score = scores.leftCols(part.rows());
        score.noalias() = some * part.transpose();
        detail::offer_rows(some, part, first + at, score, slack, kept,
                           exclude.subspan(begin * excluded, members * excluded),
                           std::span(result).subspan(begin, members));
      }
    });
  }
  for (auto& heap : result) std::sort_heap(heap.begin(), heap.end(), detail::nearer);
  return result;
}

/// What neighbor_overlap asks.
struct OverlapOptions {
  Index queries = 1000;    ///< rows drawn; all rows where there are fewer
  Index k = 10;            ///< neighbours a query; all others where there are fewer
  std::uint64_t seed = 1;  ///< of the draw
};

/// Mean share of the k nearest rows of a row (itself left out) on which both tables agree, in
/// [0, 1], over rows drawn without replacement; row i of one table goes with row i of the other.
/// Cost: nearest() on each table. Throws where the numbers of rows differ, there are fewer than two
/// or an option is below 1. The dimensions may differ.
template <RowSource Original, RowSource Compressed>
double neighbor_overlap(const Original& original, const Compressed& compressed,
                        const OverlapOptions& options = {}, const Executor& run = serial()) {
  const Index rows = original.num_embeddings();
  detail::require(rows == compressed.num_embeddings(), "neighbours among ",
                  compressed.num_embeddings(), " rows, needed ", rows, " as in the original");
  detail::require(rows >= 2, "neighbours among ", rows, " rows, needed at least 2");
  detail::require(options.queries >= 1 && options.k >= 1, options.queries, " queries for ",
                  options.k, " neighbours, needed at least 1 of each");

  const Index count = std::min(options.queries, rows);
  const Index k = std::min(options.k, rows - 1);
  Random random(options.seed);
  std::vector<Index> drawn;
  for (const std::size_t row : detail::sample_without_replacement(
           static_cast<std::size_t>(rows), static_cast<std::size_t>(count), random))
    drawn.push_back(static_cast<Index>(row));

  const auto neighbors = [&](const auto& source) {
    RowMatrix<float> queries(count, source.embedding_dim());
    source.forward(std::span<const Index>(drawn), queries);
    return nearest(source, queries, k, drawn, run);
  };
  const auto expected = neighbors(original);
  const auto found = neighbors(compressed);
  Index agreed = 0;
  for (std::size_t q = 0; q < expected.size(); ++q)
    for (const Neighbor& a : expected[q])
      agreed += std::any_of(found[q].begin(), found[q].end(),
                            [&](const Neighbor& b) { return a.row == b.row; });
  return static_cast<double>(agreed) / static_cast<double>(count * k);
}

/// The same over pairs of rows: row original_rows[i] with row compressed_rows[i]; queries and
/// neighbours are these rows alone. Throws also where the lists differ in length or a row number is
/// out of range.
template <RowSource Original, RowSource Compressed>
double neighbor_overlap(const Original& original, const Compressed& compressed,
                        std::span<const Index> original_rows,
                        std::span<const Index> compressed_rows, const OverlapOptions& options = {},
                        const Executor& run = serial()) {
  return neighbor_overlap(SelectedRows(original, original_rows),
                          SelectedRows(compressed, compressed_rows), options, run);
}

}  // namespace see
