#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/model/builders.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/frozen.hpp"
#include "see/nn/optimizer.hpp"
#include "see/nn/softmax.hpp"

using see::Candidates;
using see::EntangledEmbedding;
using see::Gradient;
using see::Index;
using see::Random;
using see::Reduction;
using see::RowMatrix;

namespace {

template <class Scalar = double>
RowMatrix<Scalar> random_matrix(Index rows, Index cols, std::uint64_t seed = 3) {
  Random random(seed);
  return RowMatrix<Scalar>::NullaryExpr(
      rows, cols, [&](Index, Index) { return Scalar(0.5 * random.normal()); });
}

std::vector<int> random_targets(Index count, Index words) {
  Random random(17);
  std::vector<int> targets;
  for (Index i = 0; i < count; ++i) targets.push_back(int(random.below(std::size_t(words))));
  return targets;
}

/// The losses by the definition.
std::vector<double> dense_losses(const RowMatrix<double>& rows, const RowMatrix<double>& hidden,
                                 const std::vector<int>& targets) {
  std::vector<double> losses;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Eigen::VectorXd scores = rows * hidden.row(Index(i)).transpose();
    const double most = scores.maxCoeff();
    losses.push_back(most + std::log((scores.array() - most).exp().sum()) - scores[targets[i]]);
  }
  return losses;
}

double sum(const std::vector<double>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

/// Holds the gradients of `loss(layer, hidden)` against its differences.
template <class Layer, class Loss>
void check_gradients(Layer layer, RowMatrix<double> hidden,
                     const RowMatrix<double>& hidden_gradient, const Gradient<double>& gradient,
                     const Loss& loss) {
  const double step = 1e-5;
  const auto slope = [&](double& at) {
    const double old = at;
    at = old + step;
    const double above = loss(layer, hidden);
    at = old - step;
    const double below = loss(layer, hidden);
    at = old;
    return (above - below) / (2 * step);
  };
  for (Index i = 0; i < hidden.size(); i += 3)
    CHECK(hidden_gradient.data()[i] == Approx(slope(hidden.data()[i])).margin(1e-7));
  for (auto& parameter : layer.parameters()) {
    const RowMatrix<double> dense = gradient[parameter.number].to_dense();
    for (Index i = 0; i < dense.size(); i += 1 + dense.size() / 23)
      CHECK(dense.data()[i] == Approx(slope(parameter.values.data()[i])).margin(1e-7));
  }
}

template <class Layer>
void check_cross_entropy(const Layer& layer) {
  const Index words = layer.num_embeddings();
  const RowMatrix<double> hidden = random_matrix(5, layer.embedding_dim());
  const auto targets = random_targets(5, words);
  const double expected = sum(dense_losses(layer.to_dense(), hidden, targets));
  CHECK(see::cross_entropy(layer, hidden, targets) == Approx(expected / 5));
  CHECK(see::cross_entropy(layer, hidden, targets, {.reduction = Reduction::sum}) ==
        Approx(expected));
  Gradient<double> gradient(layer);
  RowMatrix<double> hidden_gradient(5, hidden.cols());
  CHECK(see::cross_entropy(layer, hidden, targets, hidden_gradient, &gradient) ==
        Approx(expected / 5));
  check_gradients(layer, hidden, hidden_gradient, gradient,
                  [&](const Layer& at, const RowMatrix<double>& h) {
                    return see::cross_entropy(at, h, targets);
                  });
  const Candidates all = Candidates::all(words);
  CHECK(see::sampled_cross_entropy(layer, hidden, targets, all) == Approx(expected / 5));
  Gradient<double> sampled(layer);
  RowMatrix<double> other(5, hidden.cols());
  see::sampled_cross_entropy(layer, hidden, targets, all, other, &sampled);
  CHECK((other - hidden_gradient).norm() <= 1e-12 * (1 + hidden_gradient.norm()));
  for (int i = 0; i < gradient.size(); ++i)
    CHECK((sampled[i].to_dense() - gradient[i].to_dense()).norm() <=
          1e-12 * (1 + gradient[i].to_dense().norm()));
}

}  // namespace

TEST_CASE("cross-entropy is that of the dense product, and its gradient that of the loss",
          "[softmax]") {
  for (auto setup : oracle::setups()) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    check_cross_entropy(EntangledEmbedding<double>(oracle::random_parts<double>(setup)));
    if (setup.dims.size() > 3) continue;
    setup.words = 600;  // several blocks
    auto parts = oracle::random_parts<double>(setup);
    parts.padding_idx = 2;
    check_cross_entropy(EntangledEmbedding<double>(parts));
  }
  check_cross_entropy(see::make_word2ket<double>(40, 27, 3, 2));
  check_cross_entropy(see::make_word2ketxs<double>(40, 27, 3, 2));
  Random random(5);
  check_cross_entropy(see::DenseEmbedding<double>(300, 7, random, 4));
}

TEST_CASE("cross-entropy over frozen rows is that of the same dense rows", "[softmax]") {
  Random random(6);
  const see::DenseEmbedding<float> dense(300, 7, random);
  const RowMatrix<float> table = dense.to_dense();
  const see::FrozenLayer frozen{see::TableRows(table)};
  const RowMatrix<float> hidden = random_matrix(4, 7).cast<float>();
  RowMatrix<float> of_dense(4, 7), of_frozen(4, 7);
  Gradient<float> trained(dense), none(frozen);
  CHECK(see::cross_entropy(frozen, hidden, {3, 299, 0, 3}, of_frozen, &none) ==
        see::cross_entropy(dense, hidden, {3, 299, 0, 3}, of_dense, &trained));
  CHECK(of_frozen == of_dense);
  CHECK(none.size() == 0);
}

TEST_CASE("large scores neither overflow nor vanish in cross-entropy", "[softmax]") {
  Random random(5);
  const see::DenseEmbedding<double> layer(9000, 4, random);
  const RowMatrix<double> hidden = random_matrix(3, 4) * 1000;
  const auto targets = random_targets(3, 9000);
  CHECK(see::cross_entropy(layer, hidden, targets) ==
        Approx(sum(dense_losses(layer.to_dense(), hidden, targets)) / 3));
}

TEST_CASE("ignored targets count for nothing", "[softmax]") {
  const EntangledEmbedding<double> layer(oracle::random_parts<double>({}));
  const RowMatrix<double> hidden = random_matrix(4, 16);
  const std::vector<int> some{3, -100, 8, -100}, none(4, -100);
  const auto losses = dense_losses(layer.to_dense(), hidden, {3, 0, 8, 0});
  CHECK(see::cross_entropy(layer, hidden, some) == Approx((losses[0] + losses[2]) / 2));
  RowMatrix<double> to_hidden = RowMatrix<double>::Ones(4, 16);
  see::cross_entropy(layer, hidden, some, to_hidden, nullptr);
  CHECK(to_hidden.row(1).isZero(0));
  CHECK(to_hidden.row(3).isZero(0));
  CHECK(to_hidden.row(0).norm() > 0);
  Gradient<double> gradient(layer);
  CHECK(see::cross_entropy(layer, hidden, none, to_hidden, &gradient) == 0);
  CHECK(to_hidden.isZero(0));
  const std::vector<unsigned> unsigned_targets{3, 8};
  CHECK(see::cross_entropy(layer, hidden.topRows(2), unsigned_targets, {.ignore_index = 8}) ==
        Approx(losses[0]));
}

TEST_CASE("cross-entropy is the same for any executor, bit for bit", "[softmax]") {
  const EntangledEmbedding<float> entangled(oracle::random_parts<float>(
      {.dims = {4, 4}, .words = 20000, .units = 30, .rank = 3, .gains = see::GainScope::sense}));
  Random random(5);
  const see::DenseEmbedding<float> dense(20000, 16, random);
  const auto hidden = random_matrix<float>(19, 16);
  const auto targets = random_targets(19, 20000);
  const auto check = [&](const auto& layer) {
    Gradient<float> one(layer), three(layer);
    RowMatrix<float> of_one(19, 16), of_three(19, 16);
    CHECK(see::cross_entropy(layer, hidden, targets, of_one, &one) ==
          see::cross_entropy(layer, hidden, targets, of_three, &three, {}, see::threads(3)));
    CHECK(of_one == of_three);
    for (int i = 0; i < one.size(); ++i) CHECK(one[i].to_dense() == three[i].to_dense());
    CHECK(see::cross_entropy(layer, hidden, targets) ==
          see::cross_entropy(layer, hidden, targets, {}, see::threads(3)));
  };
  check(entangled);
  check(dense);
}

TEST_CASE("sampled cross-entropy is its formula, with gradients to match", "[softmax]") {
  const auto check = [](const auto& layer) {
    const RowMatrix<double> rows = layer.to_dense();
    const RowMatrix<double> hidden = random_matrix(4, rows.cols());
    const std::vector<Index> targets{2, 0, 5, 2};
    Random random(21);
    const Candidates drawn =
        see::sample_candidates(see::LogUniformSampler(rows.rows()), 300, random);
    CHECK(std::count(drawn.ids.begin(), drawn.ids.end(), 2) > 0);  // accidental hits
    double expected = 0;
    for (Index i = 0; i < 4; ++i) {
      const Eigen::VectorXd scores = rows * hidden.row(i).transpose();
      const Index target = targets[std::size_t(i)];
      double all = std::exp(scores[target]);
      for (std::size_t k = 0; k < drawn.ids.size(); ++k)
        if (drawn.ids[k] != target) all += std::exp(scores[drawn.ids[k]] - drawn.log_expected[k]);
      expected += std::log(all) - scores[target];
    }
    const see::CrossEntropyOptions options{.reduction = Reduction::sum};
    CHECK(see::sampled_cross_entropy(layer, hidden, targets, drawn, options) == Approx(expected));
    Gradient<double> gradient(layer), threaded(layer);
    RowMatrix<double> to_hidden(4, rows.cols()), of_threads(4, rows.cols());
    CHECK(see::sampled_cross_entropy(layer, hidden, targets, drawn, to_hidden, &gradient,
                                     options) == Approx(expected));
    using Layer = std::decay_t<decltype(layer)>;
    check_gradients(layer, hidden, to_hidden, gradient,
                    [&](const Layer& at, const RowMatrix<double>& h) {
                      return see::sampled_cross_entropy(at, h, targets, drawn, options);
                    });
    see::sampled_cross_entropy(layer, hidden, targets, drawn, of_threads, &threaded, options,
                               see::threads(3));
    CHECK(of_threads == to_hidden);
    CHECK(threaded[0].to_dense() == gradient[0].to_dense());
  };
  check(EntangledEmbedding<double>(
      oracle::random_parts<double>({.words = 70, .units = 9, .rank = 3, .layer_norm = true})));
  Random random(5);
  check(see::DenseEmbedding<double>(70, 6, random));
}

TEST_CASE("samplers draw with the probabilities that they state", "[softmax]") {
  const auto check = [](const auto& sampler, Index words) {
    double total = 0;
    for (Index w = 0; w < words; ++w) total += sampler.probability(w);
    CHECK(total == Approx(1));
    Random random(31);
    constexpr int draws = 200000;
    std::vector<double> share(std::size_t(words), 0.0);
    for (int i = 0; i < draws; ++i) {
      const Index word = sampler.draw(random);
      REQUIRE((word >= 0 && word < words));
      share[std::size_t(word)] += 1.0 / draws;
    }
    for (Index w = 0; w < words; ++w) {
      const double p = sampler.probability(w);
      CHECK(std::abs(share[std::size_t(w)] - p) <= 5 * std::sqrt(p * (1 - p) / draws) + 1e-9);
    }
  };
  check(see::UniformSampler(7), 7);
  check(see::LogUniformSampler(12), 12);
  check(see::LogUniformSampler(1), 1);
  const std::vector<double> counts{5, 1, 30, 2.5};
  check(see::UnigramSampler(counts), 4);
  CHECK(see::UnigramSampler(counts, 1).probability(2) == Approx(30 / 38.5));
  CHECK_THROWS_AS(see::UniformSampler(0), see::Error);
  CHECK_THROWS_AS(see::LogUniformSampler(0), see::Error);
  CHECK_THROWS_AS(see::UnigramSampler({}), see::Error);
  CHECK_THROWS_AS(see::UnigramSampler(std::vector<double>{1, 0}), see::Error);
}

TEST_CASE("the sum that candidates stand for is that of all words, on average", "[softmax]") {
  Random random(5);
  const see::DenseEmbedding<double> layer(50, 6, random);
  const RowMatrix<double> rows = layer.to_dense(), hidden = random_matrix(1, 6);
  const std::vector<int> target{3};
  const Eigen::VectorXd scores = rows * hidden.row(0).transpose();
  const double exact = scores.array().exp().sum();
  const auto check = [&](const auto& sampler) {
    constexpr int trials = 4000;
    double mean = 0, square = 0;
    for (int i = 0; i < trials; ++i) {
      const Candidates drawn = see::sample_candidates(sampler, 20, random);
      const double loss = see::sampled_cross_entropy(layer, hidden, target, drawn);
      const double estimate = std::exp(loss + scores[3]);
      mean += estimate / trials;
      square += estimate * estimate / trials;
    }
    CHECK(std::abs(mean - exact) <= 5 * std::sqrt((square - mean * mean) / trials));
  };
  check(see::UniformSampler(50));
  check(see::LogUniformSampler(50));
}

TEST_CASE("a layer trains on cross-entropy", "[softmax]") {
  EntangledEmbedding<float> layer(oracle::random_parts<float>({.words = 40, .units = 20}));
  const auto hidden = random_matrix<float>(10, 16);
  const auto targets = random_targets(10, 40);
  const double before = see::cross_entropy(layer, hidden, targets);
  see::Adam<float> adam(0.05);
  Gradient<float> gradient(layer);
  RowMatrix<float> hidden_gradient(10, 16);
  for (int i = 0; i < 30; ++i) {
    gradient.zero();
    see::cross_entropy(layer, hidden, targets, hidden_gradient, &gradient);
    adam.step(layer, gradient);
  }
  CHECK(see::cross_entropy(layer, hidden, targets) < 0.7 * before);
}

TEST_CASE("batches that do not fit are refused by cross-entropy", "[softmax]") {
  const EntangledEmbedding<float> layer(oracle::random_parts<float>({}));
  const RowMatrix<float> hidden = RowMatrix<float>::Ones(2, 16);
  RowMatrix<float> out = RowMatrix<float>::Constant(2, 16, 7);
  const std::vector<int> good{0, 1};
  Gradient<float> gradient(layer);
  Random random(1);
  Gradient<float> foreign(see::DenseEmbedding<float>(9, 16, random));
  CHECK_THROWS_AS(see::cross_entropy(layer, hidden.leftCols(15), good), see::Error);
  CHECK_THROWS_AS(see::cross_entropy(layer, hidden, std::vector<int>{0}), see::Error);
  CHECK_THROWS_AS(see::cross_entropy(layer, hidden, std::vector<int>{0, 9}), see::Error);
  CHECK_THROWS_AS(see::cross_entropy(layer, hidden, std::vector<int>{-1, 0}), see::Error);
  CHECK_THROWS_AS(see::cross_entropy(layer, hidden, good, out.topRows(1), &gradient), see::Error);
  CHECK_THROWS_AS(see::cross_entropy(layer, hidden, good, out, &foreign), see::Error);
  Candidates bad{{0, 9}, {0, 0}};
  CHECK_THROWS_AS(see::sampled_cross_entropy(layer, hidden, good, bad), see::Error);
  bad = {{0, 1}, {0}};
  CHECK_THROWS_AS(see::sampled_cross_entropy(layer, hidden, good, bad, out, &gradient), see::Error);
  CHECK((out.array() == 7).all());
}
