#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/eval/neighbors.hpp"
#include "see/model/builders.hpp"
#include "see/model/cosine_search.hpp"
#include "see/model/scorer.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/frozen.hpp"

using see::EntangledEmbedding;
using see::Index;
using see::RowMatrix;
using see::Scorer;

namespace {

template <class Scalar>
RowMatrix<Scalar> random_hidden(Index rows, Index cols) {
  see::Random random(13);
  return RowMatrix<Scalar>::NullaryExpr(rows, cols,
                                        [&](Index, Index) { return Scalar(random.normal()); });
}

/// Rows of any layer or source.
template <class Layer>
RowMatrix<see::detail::RowScalar<Layer>> all_rows(const Layer& layer) {
  std::vector<Index> ids(std::size_t(layer.num_embeddings()));
  std::iota(ids.begin(), ids.end(), Index{0});
  RowMatrix<see::detail::RowScalar<Layer>> rows(layer.num_embeddings(), layer.embedding_dim());
  layer.forward(std::span<const Index>(ids), rows);
  return rows;
}

template <class Layer>
void check_logits(const Layer& layer) {
  using Scalar = see::detail::RowScalar<Layer>;
  const RowMatrix<Scalar> rows = all_rows(layer);
  const Scorer scorer(layer);
  for (const Index batch : {1, 3, 21, 0}) {  // of one lane, of four, of sixteen and the rest
    INFO(batch << " hidden states");
    const auto hidden = random_hidden<Scalar>(batch, layer.embedding_dim());
    const RowMatrix<Scalar> expected = hidden * rows.transpose();
    const double tolerance =
        100 * double(std::numeric_limits<Scalar>::epsilon()) * (1 + double(expected.norm()));
    const RowMatrix<Scalar> got = scorer.logits(hidden);
    CHECK(double((got - expected).norm()) <= tolerance);
    if (batch == 0) continue;
    const std::vector<int> ids{int(layer.num_embeddings()) - 1, 0, 0};
    RowMatrix<Scalar> some(batch, 3);
    scorer.logits_of(hidden, ids, some);
    for (Index k = 0; k < 3; ++k)
      CHECK(double((some.col(k) - expected.col(ids[std::size_t(k)])).norm()) <= tolerance);
  }
}

}  // namespace

TEST_CASE("logits are the products with the rows, for every form of embedding", "[scorer]") {
  for (auto setup : oracle::setups()) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    check_logits(EntangledEmbedding<double>(oracle::random_parts<double>(setup)));
    check_logits(EntangledEmbedding<float>(oracle::random_parts<float>(setup)));
    setup.words = 1500;  // many senses a unit, or few
    check_logits(EntangledEmbedding<double>(oracle::random_parts<double>(setup)));
    check_logits(EntangledEmbedding<float>(oracle::random_parts<float>(setup)));
    setup.units = 1;
    check_logits(EntangledEmbedding<double>(oracle::random_parts<double>(setup)));
    setup.units = 3000;
    check_logits(EntangledEmbedding<double>(oracle::random_parts<double>(setup)));
  }
  check_logits(see::make_word2ket<double>(40, 27, 3, 2));
  check_logits(see::make_word2ketxs<double>(40, 27, 3, 2));
  check_logits(see::make_word2ketxs<double>(900, 25, 2, 3));
  check_logits(see::make_word2ketxs<float>(900, 7, 1, 2));
  auto parts = oracle::random_parts<double>({.uniform = true, .layer_norm = true});
  parts.padding_idx = 4;
  check_logits(EntangledEmbedding<double>(parts));
  parts = oracle::random_parts<double>(
      {.dims = {4, 8}, .width = 30, .words = 700, .rank = 3, .word_scale = true, .mean = true});
  parts.padding_idx = -1;
  check_logits(EntangledEmbedding<double>(parts));
}

TEST_CASE("layers of any kind and sources of rows are scored", "[scorer]") {
  see::Random random(3);
  const see::DenseEmbedding<float> dense(700, 12, random, 5);
  check_logits(dense);
  check_logits(see::DenseEmbedding<double>(5000, 7, random));
  const RowMatrix<float> table = dense.to_dense();
  const see::TableRows source(table);
  check_logits(source);
  check_logits(see::FrozenLayer(source, 3));
  check_logits(EntangledEmbedding<double, 2>(oracle::random_parts<double>({})));
  const auto hidden = random_hidden<float>(70, 12);
  const Scorer scorer(source);
  const RowMatrix<float> logits = scorer.logits(hidden);
  RowMatrix<float> some(70, 3);
  scorer.logits_of(hidden, {1, 0, 699}, some);
  const see::CosineSearch search(dense);
  const auto exact = see::nearest(source, hidden, 4);
  for (const auto& run : {see::serial(), see::threads(3)}) {
    const auto best = scorer.top_k(hidden, 4, run);
    const auto near = search.nearest(hidden, 4, run);
    for (Index i = 0; i < 70; ++i) {
      CHECK(best[std::size_t(i)][0].score == logits.row(i).maxCoeff());
      CHECK(best[std::size_t(i)][0].score == logits(i, best[std::size_t(i)][0].row));
      for (std::size_t k = 0; k < 4; ++k)
        CHECK(double(near[std::size_t(i)][k].score) ==
              Approx(exact[std::size_t(i)][k].score).margin(1e-6));
    }
  }
  CHECK(search.nearest(Index{9}, 3).size() == 3);
  CHECK(search.nearest(Index{9}, 1)[0].row != 9);
  CHECK_THROWS_AS(search.nearest(Index{700}, 3), see::Error);
  CHECK_THROWS_AS(scorer.logits_of(hidden, {700}, some.leftCols(1)), see::Error);
}

TEST_CASE("ways of scoring are chosen by cost", "[scorer]") {
  using see::detail::ScoreWay;
  const auto plan = [](const oracle::Setup& setup) {
    return see::detail::ScorePlan<float, Eigen::Dynamic>(
        EntangledEmbedding<float>(oracle::random_parts<float>(setup)), see::serial());
  };
  const auto pairs = plan({.dims = {8, 8}, .words = 4000, .units = 16, .rank = 4});
  CHECK(pairs.way(0) == ScoreWay::table);
  CHECK_FALSE(pairs.by_rows(1));
  const auto shared = plan({.dims = {8, 8}, .words = 4000, .units = 1000, .rank = 4});
  CHECK(shared.way(0) == ScoreWay::partial);
  CHECK_FALSE(shared.by_rows(1));
  CHECK(plan({.dims = {8, 8}, .words = 40, .units = 3000}).by_rows(1));
}

TEST_CASE("the best words are those of a full sort, whatever the threads", "[scorer]") {
  const EntangledEmbedding<float> layer(
      oracle::random_parts<float>({.dims = {4, 4}, .words = 20000, .units = 30, .rank = 2}));
  const Scorer scorer(layer);
  const Index states = GENERATE(2, 20);
  const auto hidden = random_hidden<float>(states, 16);
  const auto logits = scorer.logits(hidden);
  RowMatrix<float> threaded(states, 20000);
  scorer.logits(hidden, threaded, see::threads(3));
  CHECK(threaded == logits);
  for (const Index k : {Index{0}, Index{1}, Index{10}, states == 2 ? Index{30000} : Index{300}})
    for (const auto& run : {see::serial(), see::threads(3)}) {
      const auto best = scorer.top_k(hidden, k, run);
      REQUIRE(Index(best.size()) == states);
      for (Index i = 0; i < states; ++i) {
        std::vector<Index> order(20000);
        for (Index w = 0; w < 20000; ++w) order[std::size_t(w)] = w;
        std::stable_sort(order.begin(), order.end(),
                         [&](Index a, Index b) { return logits(i, a) > logits(i, b); });
        const auto& found = best[std::size_t(i)];
        REQUIRE(Index(found.size()) == std::min<Index>(k, 20000));
        for (std::size_t j = 0; j < found.size(); ++j) {
          REQUIRE(found[j].row == order[j]);
          REQUIRE(found[j].score == logits(i, order[j]));
        }
      }
    }
}

TEST_CASE("more states than a group holds are scored whichever way they would be alone",
          "[scorer]") {
  see::Random random(1);
  see::LexiconBuilder builder(see::SlotTable::shared(2, 100));
  for (Index w = 0; w < 20000; ++w) {
    builder.word();
    for (int s = 0; s < 8; ++s) builder.sense({Index(random.below(100)), Index(random.below(100))});
  }
  const EntangledEmbedding<float> layer(
      {.shape = see::Shape({8, 8}),
       .inventories = {see::Inventory<float>::normal(100, 1, 8, 0.5, random)},
       .lexicon = builder.finish()});
  const auto hidden = random_hidden<float>(130, 64);  // many are cheaper by rows, 64 are not
  const RowMatrix<float> expected = hidden * layer.to_dense().transpose();
  CHECK((Scorer(layer).logits(hidden) - expected).norm() <= 1e-5F * expected.norm());
}

TEST_CASE("scores of the wrong size are refused", "[scorer]") {
  const Scorer scorer(EntangledEmbedding<float>(oracle::random_parts<float>({})));
  const RowMatrix<float> hidden = RowMatrix<float>::Ones(2, 16);
  RowMatrix<float> out(2, 9);
  CHECK_THROWS_AS(scorer.logits(hidden.leftCols(15), out), see::Error);
  CHECK_THROWS_AS(scorer.logits(hidden, out.leftCols(8)), see::Error);
  CHECK_THROWS_AS(scorer.logits(hidden, out.topRows(1)), see::Error);
  CHECK_THROWS_AS(scorer.logits_of(hidden, std::vector<int>{0, 9}, out.leftCols(2)), see::Error);
  CHECK_THROWS_AS(scorer.logits_of(hidden, std::vector<int>{0}, out.leftCols(2)), see::Error);
  CHECK_THROWS_AS(scorer.top_k(hidden.leftCols(3), 1), see::Error);
  CHECK_THROWS_AS(scorer.top_k(hidden, -1), see::Error);
}
