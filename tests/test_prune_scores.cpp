#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "prune_losses.hpp"
#include "see/compress/prune/gradient_moments.hpp"
#include "see/compress/prune/scores.hpp"
#include "see/model/builders.hpp"

using namespace see;
using namespace prune_losses;

TEST_CASE("activation scores are what the loss grows by", "[prune]") {
  for (const auto& setup : linear_setups()) {
    const auto parts = oracle::random_parts<double>(setup);
    const EntangledEmbedding<double> layer(parts);
    Random random(5);
    for (const RowLoss& loss : {RowLoss{}, random_loss(setup.words, parts.embedding_dim(), random)})
      for_losses(parts, activation_scores(layer, loss),
                 [&](Index w, const std::vector<Index>& gone, double score) {
                   const double grown =
                       loss_of(loss, w, row_without(parts, w, gone) - oracle::row(parts, w));
                   CHECK(score == Approx(grown).epsilon(1e-9).margin(1e-9));
                 });
  }
}

TEST_CASE("fisher scores are exact for the quadratic of their gradients", "[prune]") {
  for (const auto& setup : linear_setups()) {
    const auto parts = oracle::random_parts<double>(setup);
    const EntangledEmbedding<double> layer(parts);
    Random random(7);
    FisherScores fisher(layer);
    std::vector<Index> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(Index(random.below(std::size_t(setup.words))));
    const RowMatrix<double> gradients = random_matrix(40, parts.embedding_dim(), random);
    fisher.add(std::span(ids).first(15), gradients.topRows(15));
    fisher.add(std::span(ids).last(25), gradients.bottomRows(25) / 25, 25);  // of a mean
    for (const bool first_order : {false, true})
      for_losses(parts, fisher.scores(first_order),
                 [&](Index w, const std::vector<Index>& gone, double score) {
                   const Vector<double> move = row_without(parts, w, gone) - oracle::row(parts, w);
                   double grown = 0;
                   for (Index i = 0; i < 40; ++i)
                     if (ids[std::size_t(i)] == w) {
                       const double dot = gradients.row(i).dot(move);
                       grown += (dot * dot / 2 + (first_order ? dot : 0)) / (i < 15 ? 1 : 25);
                     }
                   CHECK(score == Approx(grown).epsilon(1e-9).margin(1e-9));
                 });
  }
}

TEST_CASE("a fisher score of one sample a gradient is that of the activation", "[prune]") {
  // Gradients v of all axes in turn have the second moments of the identity.
  auto parts = oracle::random_parts<double>({.rank = 3, .gains = GainScope::sense});
  parts.padding_idx = 2;
  const EntangledEmbedding<double> layer(parts);
  FisherScores fisher(layer);
  const Index dim = layer.embedding_dim();
  for (Index w = 0; w < layer.num_embeddings(); ++w)
    fisher.add(std::vector<Index>(std::size_t(dim), w), RowMatrix<double>::Identity(dim, dim));
  const auto scores = fisher.scores(), others = activation_scores(layer);
  const auto sizes = size_scores(layer);
  for (std::size_t s = 0; s < scores.size(); ++s) {
    CHECK(scores[s] == Approx(others[s]).margin(1e-12));
    CHECK(sizes[s] == others[s]);
  }
  for (const Index s : senses_of(parts, 2, 0)) CHECK(scores[std::size_t(s)] == 0);
}

TEST_CASE("moments of gradients are counts and one covariance", "[prune]") {
  GradientMoments moments(4, 2);
  CHECK_THROWS_WITH(moments.loss(), "moments of no gradients, needed a batch of them");
  RowMatrix<float> gradients(3, 2);
  gradients << 1, 0, 2, 1, 0, 3;
  moments.add({1, 1, 3}, gradients);
  moments.add({1, 1, 3}, RowMatrix<float>(gradients / 3), 3);  // of a mean
  const RowLoss loss = moments.loss();
  CHECK(loss.weights == std::vector<float>{1, 5, 1, 3});
  CHECK(loss.activation.isApprox(gradients.transpose() * gradients / 3, 1e-6F));
  CHECK_THROWS_AS(moments.add({1, 1, 4}, gradients), Error);
  CHECK_THROWS_AS(moments.add({1, 1}, gradients), Error);
}

TEST_CASE("fisher scores go through a LayerNorm to first order", "[prune]") {
  const auto parts = oracle::random_parts<double>(
      {.dims = {3, 4}, .rank = 3, .gains = GainScope::sense, .mean = true, .layer_norm = true});
  const EntangledEmbedding<double> layer(parts);
  Random random(4);
  const RowMatrix<double> gradient = random_matrix(1, layer.embedding_dim(), random);
  for (Index w = 0; w < layer.num_embeddings(); ++w) {
    FisherScores fisher(layer);
    fisher.add({w}, gradient);
    const auto scores = fisher.scores();
    for (const Index s : senses_of(parts, w, 0)) {
      auto moved = parts;
      const double step = 1e-6;
      moved.gains.mutate()[s] *= 1 - step;
      const double slope =
          gradient.row(0).dot(oracle::row(moved, w) - oracle::row(parts, w)) / step;
      CHECK(scores[std::size_t(s)] == Approx(slope * slope / 2).epsilon(1e-4).margin(1e-7));
    }
  }
  CHECK_THROWS_WITH(activation_scores(layer),
                    "activation scores of an embedding with a LayerNorm, needed one without "
                    "(FisherScores take it)");
}

TEST_CASE("scores of units are sums over their terms", "[prune]") {
  const Lexicon lexicon = LexiconBuilder(SlotTable::shared(2, 4))
                              .word()
                              .sense({0, 0})
                              .sense({0, 1})
                              .word()
                              .word()
                              .sense({2, 1})
                              .finish();
  const std::vector<double> scores{1, 2, 4};
  CHECK(unit_scores(lexicon, scores) == std::vector<std::vector<double>>{{3, 6, 4, 0}});
  CHECK_THROWS_WITH(unit_scores(lexicon, std::vector<double>{1}),
                    "unit scores from 1 scores, needed one for each of 3 senses");
}
