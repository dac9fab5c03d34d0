#include <algorithm>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/eval/neighbors.hpp"

using namespace see;

namespace {

RowMatrix<float> random_rows(Index rows, Index dim, std::uint64_t seed) {
  Random random(seed);
  RowMatrix<float> values(rows, dim);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<float>(random.normal());
  return values;
}

/// All rows but the excluded, sorted; cosines of unit rows rounded to float, as documented.
std::vector<std::vector<Neighbor>> oracle(RowMatrix<float> rows, RowMatrix<float> queries, Index k,
                                          const std::vector<Index>& exclude) {
  normalize_rows(rows);
  normalize_rows(queries);
  const auto excluded = static_cast<Index>(exclude.size()) / queries.rows();
  std::vector<std::vector<Neighbor>> result;
  for (Index q = 0; q < queries.rows(); ++q) {
    std::vector<Neighbor> all;
    const auto banned = exclude.begin() + q * excluded;
    for (Index r = 0; r < rows.rows(); ++r) {
      if (std::find(banned, banned + excluded, r) != banned + excluded) continue;
      all.push_back({r, detail::dot(rows.data() + r * rows.cols(), queries.data() + q * rows.cols(),
                                    rows.cols())});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Neighbor& a, const Neighbor& b) { return a.score > b.score; });
    if (static_cast<Index>(all.size()) > k) all.resize(static_cast<std::size_t>(k));
    result.push_back(all);
  }
  return result;
}

}  // namespace

TEST_CASE("nearest agrees with sorting all cosines, whatever the blocks") {
  for (const Index rows : {1, 63, 64, 1025, 8192, 9000}) {
    for (const Index dim : {1, 9}) {
      const auto x = random_rows(rows, dim, 11);
      const auto queries = random_rows(7, dim, 12);
      for (const Index k : {1, 5, 20}) {
        CAPTURE(rows, dim, k);
        REQUIRE(nearest(TableRows(x), queries, k) == oracle(x, queries, k, {}));
      }
    }
  }
}

TEST_CASE("nearest does not depend on threads, nor on the other queries") {
  const auto x = random_rows(3000, 8, 13);
  const auto queries = random_rows(300, 8, 14);
  const TableRows source(x);
  const auto all = nearest(source, queries, 4);
  REQUIRE(nearest(source, queries, 4, {}, threads(3)) == all);
  for (const Index q : {0, 127, 128, 299}) {
    const RowMatrix<float> one = queries.row(q);
    REQUIRE(nearest(source, one, 4).front() == all[static_cast<std::size_t>(q)]);
  }
}

TEST_CASE("nearest: equal rows come in the order of their numbers") {
  const auto few = random_rows(3, 6, 15);
  RowMatrix<float> x(5000, 6);
  for (Index i = 0; i < x.rows(); ++i) x.row(i) = few.row(i % 3) * static_cast<float>(1 << (i % 5));
  const auto found = nearest(TableRows(x), few, 10);
  for (Index q = 0; q < 3; ++q)
    for (Index i = 0; i < 10; ++i)
      REQUIRE(found[static_cast<std::size_t>(q)][static_cast<std::size_t>(i)].row == q + 3 * i);
}

TEST_CASE("nearest leaves out what is excluded") {
  const auto x = random_rows(200, 5, 16);
  const auto queries = random_rows(3, 5, 17);
  const auto best = nearest(TableRows(x), queries, 3);
  std::vector<Index> exclude;
  for (const auto& list : best) exclude.insert(exclude.end(), {list[0].row, list[2].row, -1, 200});
  REQUIRE(nearest(TableRows(x), queries, 6, exclude) == oracle(x, queries, 6, exclude));
  REQUIRE(nearest(TableRows(x), queries, 1, exclude)[1][0].row == best[1][1].row);

  const auto many = random_rows(300, 5, 26);
  std::vector<Index> nearest_two;
  for (const auto& list : nearest(TableRows(x), many, 2))
    nearest_two.insert(nearest_two.end(), {list[0].row, list[1].row});
  REQUIRE(nearest(TableRows(x), many, 3, nearest_two, threads(3)) ==
          oracle(x, many, 3, nearest_two));

  const RowMatrix<float> two = x.topRows(2);
  const auto rest = nearest(TableRows(two), queries, 5, std::vector<Index>{0, 1, 0});
  REQUIRE(rest[0].size() == 1);
  REQUIRE(rest[0][0].row == 1);
  REQUIRE(rest[1][0].row == 0);
}

TEST_CASE("nearest: rows and queries without a direction have cosine 0") {
  RowMatrix<float> x = random_rows(100, 4, 18);
  x.row(0).setZero();
  x(1, 2) = std::numeric_limits<float>::quiet_NaN();
  x(2, 1) = std::numeric_limits<float>::infinity();
  x.row(50).setZero();
  RowMatrix<float> queries = random_rows(3, 4, 19);
  queries.row(1).setZero();
  const auto found = nearest(TableRows(x), queries, 100);
  REQUIRE(found == oracle(x, queries, 100, {}));
  REQUIRE(found[1][0] == Neighbor{0, 0.0});
  REQUIRE(found[1][99] == Neighbor{99, 0.0});
}

TEST_CASE("nearest of no queries or no rows, and what it refuses") {
  const auto x = random_rows(10, 4, 20);
  const RowMatrix<float> none(0, 4);
  REQUIRE(nearest(TableRows(x), none, 3).empty());
  REQUIRE(nearest(TableRows(none), x, 3) == std::vector<std::vector<Neighbor>>(10));

  const std::vector<Index> three{0, 1, 2};
  REQUIRE_THROWS_AS(nearest(TableRows(x), x, 0), Error);
  REQUIRE_THROWS_AS(nearest(TableRows(x), random_rows(1, 3, 1), 3), Error);
  REQUIRE_THROWS_AS(nearest(TableRows(x), x, 3, three), Error);
  REQUIRE_THROWS_AS(nearest(TableRows(x), none, 3, three), Error);
}

TEST_CASE("neighbor_overlap agrees with counting") {
  const auto x = random_rows(60, 5, 21);
  const RowMatrix<float> y = x + 0.7F * random_rows(60, 5, 22);
  std::vector<Index> self(60);
  for (Index i = 0; i < 60; ++i) self[static_cast<std::size_t>(i)] = i;
  const auto a = oracle(x, x, 4, self), b = oracle(y, y, 4, self);
  int agreed = 0;
  for (std::size_t q = 0; q < 60; ++q)
    for (const auto& m : a[q])
      for (const auto& n : b[q]) agreed += m.row == n.row;
  const OverlapOptions options{.queries = 1000, .k = 4, .seed = 1};
  REQUIRE(neighbor_overlap(TableRows(x), TableRows(y), options) == Approx(agreed / 240.0));
  REQUIRE(neighbor_overlap(TableRows(x), TableRows(y), options, threads(3)) ==
          neighbor_overlap(TableRows(x), TableRows(y), options));
}

TEST_CASE("neighbor_overlap: limits, rotation, pairs of rows") {
  const auto x = random_rows(500, 6, 23);
  RowMatrix<float> turned(500, 7);
  turned.leftCols(6) = -3 * x.rowwise().reverse();
  turned.col(6).setZero();
  const OverlapOptions options{.queries = 50, .k = 10, .seed = 9};
  const TableRows source(x);
  REQUIRE(neighbor_overlap(source, source, options) == 1);
  REQUIRE(neighbor_overlap(source, TableRows(turned), options) == 1);
  const auto other = random_rows(500, 6, 24);
  REQUIRE(neighbor_overlap(source, TableRows(other), options) < 0.2);
  REQUIRE(neighbor_overlap(source, TableRows(other), {.queries = 5, .k = 499}) == 1);

  std::vector<Index> rows, paired;
  for (Index i = 10; i < 300; i += 2) rows.push_back(i), paired.push_back(499 - i);
  const RowMatrix<float> reversed = x.colwise().reverse();
  REQUIRE(neighbor_overlap(source, TableRows(reversed), rows, paired, options) == 1);
  REQUIRE(neighbor_overlap(source, TableRows(reversed), rows, rows, options) < 0.5);
}

TEST_CASE("neighbor_overlap refuses what does not fit") {
  const auto x = random_rows(5, 3, 25), y = random_rows(6, 3, 25), one = random_rows(1, 3, 25);
  REQUIRE_THROWS_AS(neighbor_overlap(TableRows(x), TableRows(y)), Error);
  REQUIRE_THROWS_AS(neighbor_overlap(TableRows(one), TableRows(one)), Error);
  REQUIRE_THROWS_AS(neighbor_overlap(TableRows(x), TableRows(x), {.queries = 0}), Error);
  REQUIRE_THROWS_AS(neighbor_overlap(TableRows(x), TableRows(x), {.k = 0}), Error);
  const std::vector<Index> good{0, 1}, bad{0, 6}, longer{0, 1, 2};
  REQUIRE_THROWS_AS(neighbor_overlap(TableRows(x), TableRows(y), good, bad), Error);
  REQUIRE_THROWS_AS(neighbor_overlap(TableRows(x), TableRows(y), good, longer), Error);
}
