#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/eval/error.hpp"

using namespace see;

namespace {

RowMatrix<float> random_rows(Index rows, Index dim, std::uint64_t seed) {
  Random random(seed);
  RowMatrix<float> values(rows, dim);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<float>(random.normal());
  return values;
}

Fidelity oracle(const RowMatrix<float>& x, const RowMatrix<float>& y) {
  double error = 0, energy = 0, cosines = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    double xx = 0, yy = 0, xy = 0;
    for (Index j = 0; j < x.cols(); ++j) {
      const double a = x(i, j), b = y(i, j);
      error += (a - b) * (a - b);
      xx += a * a;
      yy += b * b;
      xy += a * b;
    }
    energy += xx;
    cosines += xy / std::sqrt(xx * yy);
  }
  const auto rows = static_cast<double>(x.rows());
  return {error / energy, cosines / rows, x.rows(), x.rows()};
}

}  // namespace

TEST_CASE("row sources: a table, a view with a stride and chosen rows give the same numbers") {
  const auto x = random_rows(7, 5, 1);
  const Table table({}, Array<float>(std::vector<float>(x.data(), x.data() + x.size())), 7, 5);
  STATIC_REQUIRE(RowSource<TableRows>);
  STATIC_REQUIRE(RowSource<SelectedRows<TableRows>>);
  STATIC_REQUIRE_FALSE(RowSource<Table>);

  const std::vector<Index> ids{6, 0, 0, 3};
  RowMatrix<float> out(4, 5);
  const auto check = [&] {
    for (Index i = 0; i < 4; ++i) REQUIRE(out.row(i) == x.row(ids[static_cast<std::size_t>(i)]));
    out.setZero();
  };
  TableRows(table).forward(ids, out);
  check();
  TableRows(x).forward(ids, out);
  check();
  RowMatrix<float> wide(7, 9);
  wide.leftCols(5) = x;
  const TableRows view(wide.data(), 7, 5, 9);
  view.forward(ids, out);
  check();
  const SelectedRows chosen(view, ids);
  REQUIRE(chosen.num_embeddings() == 4);
  REQUIRE(chosen.embedding_dim() == 5);
  chosen.forward(std::vector<Index>{0, 1, 2, 3}, out);
  check();
}

TEST_CASE("row sources refuse what does not fit") {
  const auto x = random_rows(3, 2, 1);
  const TableRows source(x);
  RowMatrix<float> out(1, 2), narrow(1, 1), tall(2, 2);
  const std::vector<Index> first{0}, beyond{3}, below{-1};
  REQUIRE_THROWS_AS(source.forward(beyond, out), Error);
  REQUIRE_THROWS_AS(source.forward(below, out), Error);
  REQUIRE_THROWS_AS(source.forward(first, narrow), Error);
  REQUIRE_THROWS_AS(source.forward(first, tall), Error);
  REQUIRE_THROWS_AS(TableRows(x.data(), 3, 2, 1), Error);
  REQUIRE_THROWS_AS(TableRows(x.data(), -1, 2, 2), Error);
  REQUIRE_THROWS_AS(TableRows(x.data(), 3, -1, 2), Error);
  REQUIRE_THROWS_AS(SelectedRows(source, beyond), Error);
  REQUIRE_THROWS_AS(SelectedRows(source, first).forward(std::vector<Index>{1}, out), Error);
}

TEST_CASE("dot and cosine agree with a plain loop at any length") {
  for (Index n = 0; n < 40; ++n) {
    const auto x = random_rows(2, n, 3);
    double xy = 0, xx = 0, yy = 0;
    for (Index j = 0; j < n; ++j) {
      const double a = x(0, j), b = x(1, j);
      xy += a * b;
      xx += a * a;
      yy += b * b;
    }
    REQUIRE(detail::dot(x.data(), x.data() + n, n) == Approx(xy).margin(1e-13));
    REQUIRE(cosine(x.data(), x.data() + n, n) ==
            Approx(n == 0 ? 0 : xy / std::sqrt(xx * yy)).margin(1e-13));
  }
}

TEST_CASE("cosine and normalize_rows: large, small, zero and non-finite rows") {
  RowMatrix<float> x(5, 3);
  x << 1e30F, 2e30F, 2e30F, 1e-30F, 2e-30F, 2e-30F, 0, 0, 0, 1, 2,
      std::numeric_limits<float>::infinity(), 1, std::numeric_limits<float>::quiet_NaN(), 3;
  REQUIRE(cosine(x.data(), x.data() + 3, 3) == Approx(1));
  for (Index i = 2; i < 5; ++i) REQUIRE(cosine(x.data(), x.data() + 3 * i, 3) == 0);
  normalize_rows(x);
  for (Index i = 0; i < 2; ++i) REQUIRE(x.row(i).norm() == Approx(1));
  REQUIRE(x.bottomRows(3) == RowMatrix<float>::Zero(3, 3));
}

TEST_CASE("fidelity agrees with a double loop and does not depend on threads") {
  for (const Index rows : {1, 1023, 1024, 2500}) {
    const auto x = random_rows(rows, 6, 5);
    const RowMatrix<float> y = x + 0.3F * random_rows(rows, 6, 6);
    const auto expected = oracle(x, y);
    const auto found = fidelity(TableRows(x), TableRows(y));
    REQUIRE(found.relative_error == Approx(expected.relative_error));
    REQUIRE(found.mean_cosine == Approx(expected.mean_cosine));
    REQUIRE(found.rows == rows);
    REQUIRE(found.cosine_rows == rows);
    const auto threaded = fidelity(TableRows(x), TableRows(y), threads(3));
    REQUIRE(threaded.relative_error == found.relative_error);
    REQUIRE(threaded.mean_cosine == found.mean_cosine);
  }
}

TEST_CASE("fidelity of equal, scaled and zero tables") {
  const auto x = random_rows(50, 4, 7);
  const RowMatrix<float> twice = 2 * x, none = RowMatrix<float>::Zero(50, 4);
  const TableRows source(x), doubled(twice), zero(none);
  REQUIRE(fidelity(source, source).relative_error == 0);
  REQUIRE(fidelity(source, source).mean_cosine == Approx(1));
  REQUIRE(fidelity(source, doubled).relative_error == 1);
  REQUIRE(fidelity(source, doubled).mean_cosine == Approx(1));
  REQUIRE(fidelity(source, zero).relative_error == 1);
  REQUIRE(fidelity(source, zero).cosine_rows == 0);
  REQUIRE(std::isnan(fidelity(source, zero).mean_cosine));
  REQUIRE(fidelity(zero, zero).relative_error == 0);
  REQUIRE(std::isinf(fidelity(zero, source).relative_error));

  RowMatrix<float> part = -x;
  part.topRows(20).setZero();
  const auto found = fidelity(source, TableRows(part));
  REQUIRE(found.cosine_rows == 30);
  REQUIRE(found.mean_cosine == Approx(-1));
}

TEST_CASE("fidelity over pairs of rows") {
  const auto x = random_rows(40, 4, 8);
  const RowMatrix<float> reversed = x.colwise().reverse();
  std::vector<Index> rows(30), paired(30);
  std::iota(rows.begin(), rows.end(), 5);
  for (std::size_t i = 0; i < 30; ++i) paired[i] = 39 - rows[i];
  const TableRows source(x), other(reversed);
  REQUIRE(fidelity(source, other, rows, paired).relative_error == 0);
  REQUIRE(fidelity(source, other, rows, paired).rows == 30);
  REQUIRE(fidelity(source, other, rows, rows).relative_error > 0.5);

  REQUIRE_THROWS_AS(fidelity(source, other, rows, std::span(paired).first(29)), Error);
  paired[3] = 40;
  REQUIRE_THROWS_AS(fidelity(source, other, rows, paired), Error);
}

TEST_CASE("fidelity refuses tables that do not match") {
  const auto x = random_rows(4, 3, 9), taller = random_rows(5, 3, 9), wider = random_rows(4, 4, 9);
  const RowMatrix<float> empty(0, 3);
  REQUIRE_THROWS_AS(fidelity(TableRows(x), TableRows(taller)), Error);
  REQUIRE_THROWS_AS(fidelity(TableRows(x), TableRows(wider)), Error);
  REQUIRE_THROWS_AS(fidelity(TableRows(empty), TableRows(empty)), Error);
}
