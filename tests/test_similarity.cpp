#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/model/builders.hpp"
#include "see/model/cosine_search.hpp"
#include "see/model/similarity.hpp"

using see::CosineSearch;
using see::EntangledEmbedding;
using see::Index;
using see::RowMatrix;

namespace {

template <class Scalar>
void check_inner_products(const EntangledEmbedding<Scalar>& layer) {
  const RowMatrix<double> rows = layer.to_dense().template cast<double>();
  const RowMatrix<double> gram = rows * rows.transpose();
  std::vector<Index> a, b;
  for (Index i = 0; i < rows.rows(); ++i)
    for (Index j = 0; j < rows.rows(); ++j) a.push_back(i), b.push_back(j);
  std::vector<Scalar> got(a.size());
  see::inner_products(layer, a, b, std::span<Scalar>(got));
  const double epsilon = double(std::numeric_limits<Scalar>::epsilon());
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double norms = rows.row(a[k]).norm() * rows.row(b[k]).norm();
    const double size = 1 + gram.diagonal().maxCoeff();
    CHECK(std::abs(double(got[k]) - gram(a[k], b[k])) <= 1000 * epsilon * size);
    CHECK(see::inner_product(layer, a[k], b[k]) == got[k]);
    if (norms < 1e-3) continue;
    CHECK(double(see::cosine_similarity(layer, a[k], b[k])) ==
          Approx(gram(a[k], b[k]) / norms).margin(1000 * epsilon * size / norms));
  }
  const auto norms = see::row_norms(layer);
  REQUIRE(Index(norms.size()) == rows.rows());
  for (Index w = 0; w < rows.rows(); ++w)
    CHECK(double(norms[std::size_t(w)]) == Approx(rows.row(w).norm()));
}

/// Nearest words by the definition, in double.
std::vector<see::Scored<double>> nearest_of(const RowMatrix<double>& rows,
                                            const Eigen::RowVectorXd& query, Index k) {
  std::vector<see::Scored<double>> all;
  for (Index w = 0; w < rows.rows(); ++w) {
    const double norms = rows.row(w).norm() * query.norm();
    all.push_back({w, norms > 0 ? rows.row(w).dot(query) / norms : 0});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  all.resize(std::size_t(std::min(k, rows.rows())));
  return all;
}

}  // namespace

TEST_CASE("inner products from factors are those of the rows", "[similarity]") {
  for (const auto& setup : oracle::setups()) {
    if (setup.words > 20) continue;
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    check_inner_products(EntangledEmbedding<double>(oracle::random_parts<double>(setup)));
    check_inner_products(EntangledEmbedding<float>(oracle::random_parts<float>(setup)));
  }
  check_inner_products(see::make_word2ket<double>(9, 27, 3, 2, {.layer_norm = false}));
  check_inner_products(see::make_word2ketxs<double>(9, 27, 3, 2));
  auto parts = oracle::random_parts<double>({.word_scale = true});
  parts.padding_idx = 3;
  check_inner_products(EntangledEmbedding<double>(parts));
}

TEST_CASE("factors are used where they are exact and cheaper", "[similarity]") {
  const auto plain = [](const oracle::Setup& setup) {
    return see::detail::is_plain_sum(oracle::random_parts<double>(setup));
  };
  CHECK(plain({.gains = see::GainScope::sense, .word_scale = true}));
  CHECK_FALSE(plain({.width = 15}));
  CHECK_FALSE(plain({.mean = true}));
  CHECK_FALSE(plain({.axes = true}));
  CHECK_FALSE(plain({.layer_norm = true}));
  const auto few = oracle::random_parts<double>({.dims = {16, 16}, .rank = 2, .uniform = true});
  const auto many = oracle::random_parts<double>({.dims = {4, 4}, .rank = 9, .uniform = true});
  CHECK(see::detail::factors_are_cheaper(few, 0, 1));
  CHECK_FALSE(see::detail::factors_are_cheaper(many, 0, 1));
}

TEST_CASE("the nearest words by cosine are those of the rows", "[similarity]") {
  std::vector<oracle::Setup> setups{
      {.dims = {4, 4}, .words = 900, .units = 9, .rank = 4},
      {.dims = {3, 5},
       .width = 13,
       .words = 900,
       .units = 30,
       .rank = 3,
       .gains = see::GainScope::term,
       .word_scale = true,
       .mean = true},
      {.dims = {3, 3, 3}, .words = 300, .units = 9, .rank = 2, .axes = true, .layer_norm = true}};
  for (const auto& setup : setups) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    auto parts = oracle::random_parts<double>(setup);
    parts.padding_idx = 7;
    const EntangledEmbedding<double> layer(parts);
    const RowMatrix<double> rows = layer.to_dense();
    const CosineSearch search(layer);
    RowMatrix<double> queries = rows.topRows(5) * 3;
    queries.row(1).setRandom();
    queries.row(2).setZero();
    for (const Index k : {0, 1, 10, 5000}) {
      const auto found = search.nearest(queries, k);
      REQUIRE(found.size() == 5);
      for (Index q = 0; q < 5; ++q) {
        const auto expected = nearest_of(rows, queries.row(q), k);
        const auto& got = found[std::size_t(q)];
        REQUIRE(got.size() == expected.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          CHECK(got[i].score == Approx(expected[i].score).margin(1e-12));
          CHECK(got[i].score <= 1);
          if (i > 0) CHECK(got[i].score <= got[i - 1].score);
          const Index w = got[i].row;
          const double norms = rows.row(w).norm() * queries.row(q).norm();
          const double cosine = norms > 0 ? rows.row(w).dot(queries.row(q)) / norms : 0;
          CHECK(got[i].score == Approx(cosine).margin(1e-12));
        }
      }
      const auto threaded =
          CosineSearch(layer, see::threads(3)).nearest(queries, k, see::threads(3));
      for (std::size_t q = 0; q < 5; ++q)
        for (std::size_t i = 0; i < found[q].size(); ++i) {
          CHECK(threaded[q][i].row == found[q][i].row);
          CHECK(threaded[q][i].score == found[q][i].score);
        }
    }
    const auto of_word = search.nearest(Index{5}, 8);
    REQUIRE(of_word.size() == 8);
    for (const auto& each : of_word) CHECK(each.row != 5);
    CHECK(Index(search.nearest(Index{5}, 5000).size()) == layer.num_embeddings() - 1);
    CHECK_THROWS_AS(search.nearest(queries.leftCols(2), 1), see::Error);
    CHECK_THROWS_AS(search.nearest(queries, -1), see::Error);
    CHECK_THROWS_AS(search.nearest(layer.num_embeddings(), 1), see::Error);
    CHECK_THROWS_AS(search.nearest(Index{0}, -1), see::Error);
  }
}

TEST_CASE("rows without a direction have cosine 0, tiny ones their own", "[similarity]") {
  auto parts = oracle::random_parts<float>({.dims = {4}, .words = 5, .rank = 1, .uniform = true});
  const Index units = parts.inventories[0].size();
  REQUIRE(parts.lexicon.senses() == 5);
  const auto nearest = [&](float factor, float first) {
    auto changed = parts;
    float* const values = changed.inventories[0].mutate();
    for (Index i = 0; i < units * 4; ++i) values[i] *= factor;
    Index unit;
    changed.lexicon.units(0, 0, &unit);
    if (first != 0) values[unit * 4] = first;
    return CosineSearch(EntangledEmbedding<float>(changed)).nearest(Index{4}, 5);
  };
  const auto plain = nearest(1, 0), tiny = nearest(1e-24F, 0);
  REQUIRE(plain.size() == 4);
  for (std::size_t k = 0; k < 4; ++k) CHECK(tiny[k].score == Approx(plain[k].score).margin(1e-6));
  for (const float none :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    for (const auto& each : nearest(1, none))
      if (each.row == 0) CHECK(each.score == 0);
  CHECK(CosineSearch(EntangledEmbedding<float>(parts))
            .nearest(Index{0}, std::numeric_limits<Index>::max())
            .size() == 4);
}

TEST_CASE("inner products of words that do not exist are refused", "[similarity]") {
  const EntangledEmbedding<float> layer(oracle::random_parts<float>({}));
  const std::vector<Index> good{0, 1}, bad{0, 9};
  std::vector<float> out(2);
  CHECK_THROWS_AS(see::inner_products(layer, good, bad, std::span(out)), see::Error);
  CHECK_THROWS_AS(see::inner_products(layer, bad, good, std::span(out)), see::Error);
  CHECK_THROWS_AS(see::inner_products(layer, good, good, std::span(out).first(1)), see::Error);
  CHECK_THROWS_AS(see::inner_product(layer, 0, -1), see::Error);
  CHECK_THROWS_AS(see::cosine_similarity(layer, 9, 0), see::Error);
}

TEST_CASE("the best of numbers that are no numbers are still the best", "[similarity]") {
  see::detail::TopK<float> best(2);
  const float none = std::numeric_limits<float>::quiet_NaN();
  for (Index w = 5; w >= 0; --w) best.offer(w, w == 3 ? 1.0F : none);
  const auto words = best.take();
  REQUIRE(words.size() == 2);
  CHECK(words[0].row == 3);
  CHECK(words[1].row == 0);
}
