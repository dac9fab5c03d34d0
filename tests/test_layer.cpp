#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "check_layer.hpp"
#include "oracle.hpp"
#include "see/core/row_source.hpp"
#include "see/model/embedding.hpp"
#include "see/nn/bag.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/frozen.hpp"
#include "see/nn/layer.hpp"
#include "see/nn/optimizer.hpp"
#include "see/nn/row_cache.hpp"

using see::BagMode;
using see::DenseEmbedding;
using see::EmbeddingBag;
using see::EntangledEmbedding;
using see::Index;
using see::RowMatrix;

static_assert(see::EmbeddingLayer<EntangledEmbedding<float>>);
static_assert(see::EmbeddingLayer<EntangledEmbedding<double, 3>>);
static_assert(see::EmbeddingLayer<DenseEmbedding<float>>);
static_assert(see::EmbeddingLayer<DenseEmbedding<double>>);
static_assert(see::EmbeddingLayer<see::FrozenLayer<see::TableRows>>);
static_assert(see::IdRange<see::IdList> && see::IdRange<std::span<const std::int8_t>> &&
              see::IdRange<int[3]> && see::IdRange<Eigen::RowVectorXi> &&
              see::IdRange<Eigen::Map<const Eigen::VectorXi>>);
static_assert(!see::IdRange<std::string> && !see::IdRange<char[5]> &&
              !see::IdRange<std::vector<bool>> && !see::IdRange<std::u16string> &&
              !see::IdRange<Eigen::MatrixXi> && !see::IdRange<Eigen::VectorXf> &&
              !see::IdRange<int> && !see::IdRange<const char*>);

namespace {

const std::vector<int> ids{3, 1, 4, 1, 5, 8, 2, 6, 5, 3, 5, 8};
const std::vector<long> offsets{0, 2, 2, 3, 8, 12};  // bags of 2, 0, 1, 5, 4 and 0 ids

EntangledEmbedding<double> entangled(std::optional<Index> padding = {}) {
  auto parts = oracle::random_parts<double>({.rank = 3, .gains = see::GainScope::sense});
  parts.padding_idx = padding;
  return EntangledEmbedding<double>(parts);
}

DenseEmbedding<double> dense(std::optional<Index> padding = {}) {
  see::Random random(4);
  return DenseEmbedding<double>(9, 16, random, padding);
}

/// A bag by its definition.
template <class Layer>
RowMatrix<double> reduce(const Layer& layer, BagMode mode, const std::vector<double>& weights) {
  const RowMatrix<double> table = layer.to_dense();
  RowMatrix<double> out = RowMatrix<double>::Zero(Index(offsets.size()), table.cols());
  for (std::size_t b = 0; b < offsets.size(); ++b) {
    const auto end = b + 1 < offsets.size() ? offsets[b + 1] : long(ids.size());
    int count = 0;
    for (long i = offsets[b]; i < end; ++i) {
      if (layer.padding_idx() == Index(ids[std::size_t(i)])) continue;
      const auto row = table.row(ids[std::size_t(i)]);
      if (mode == BagMode::max)
        out.row(Index(b)) = count == 0 ? row : out.row(Index(b)).cwiseMax(row).eval();
      else
        out.row(Index(b)) += (weights.empty() ? 1 : weights[std::size_t(i)]) * row;
      ++count;
    }
    if (mode == BagMode::mean && count > 0) out.row(Index(b)) /= count;
  }
  return out;
}

template <class Layer>
void check_bag(Layer layer, BagMode mode, std::vector<double> weights) {
  EmbeddingBag bag(std::move(layer), mode);
  const RowMatrix<double> out = bag.forward(ids, offsets, weights);
  CHECK((out - reduce(bag.layer(), mode, weights)).norm() <= 1e-13 * (1 + out.norm()));

  const auto target = laws::random_rows<double>(out.rows(), out.cols());
  const auto objective = [&] {
    return bag.forward(ids, offsets, weights).cwiseProduct(target).sum();
  };
  see::Gradient<double> gradient(bag.layer());
  std::vector<double> weight_gradient(weights.size(), 99);
  bag.backward(ids, offsets, target, gradient, weights, weight_gradient);
  const auto difference = [&](double& value) {
    const double kept = value, step = 1e-6;
    value = kept + step;
    const double above = objective();
    value = kept - step;
    const double below = objective();
    value = kept;
    return (above - below) / (2 * step);
  };
  for (auto& parameter : bag.layer().parameters()) {
    const RowMatrix<double> got = gradient[parameter.number].to_dense();
    for (Index i = 0; i < parameter.values.size(); i += 3) {
      const double expected = difference(parameter.values.data()[i]);
      CHECK(std::abs(got.data()[i] - expected) <= 1e-6 * (1 + std::abs(expected)));
    }
  }
  for (std::size_t i = 0; i < weights.size(); ++i)
    CHECK(weight_gradient[i] == Approx(difference(weights[i])).margin(1e-7));
}

}  // namespace

TEST_CASE("bags reduce by their definition, and backward by finite differences", "[bag]") {
  const std::vector<double> weights{1, -2, 0.5, 3, 0, 1, 1, 2, -1, 0.25, 4, 1};
  for (const auto padding : {std::optional<Index>{}, std::optional<Index>{5}})
    for (const BagMode mode : {BagMode::sum, BagMode::mean, BagMode::max}) {
      INFO("mode " << int(mode));
      check_bag(entangled(padding), mode, {});
      check_bag(dense(padding), mode, {});
    }
  check_bag(entangled(), BagMode::sum, weights);
  check_bag(dense(), BagMode::sum, weights);
}

TEST_CASE("a bag longer than a block is reduced whole", "[bag]") {
  const EmbeddingBag bag(dense(), BagMode::mean);
  std::vector<int> many;
  for (int i = 0; i < 1000; ++i) many.push_back(i % 9);
  const RowMatrix<double> out = bag.forward(many, std::vector<int>{0, 990});
  CHECK((out.row(0) - bag.layer().to_dense().colwise().mean()).norm() <= 1e-13);
}

TEST_CASE("bags are the same for any executor", "[bag]") {
  std::vector<int> many, starts;
  for (int i = 0; i < 9000; ++i) many.push_back(i * 7 % 9);
  for (int at = 0; at < 9000; at += 1 + at % 13) starts.push_back(at);
  starts.insert(starts.end(), 40, 9000);
  for (const BagMode mode : {BagMode::sum, BagMode::mean, BagMode::max}) {
    const EmbeddingBag bag(entangled(5), mode);
    const RowMatrix<double> once = bag.forward(many, starts);
    RowMatrix<double> out(once.rows(), once.cols());
    bag.forward(many, starts, out, {}, see::threads(3));
    CHECK(out == once);
    see::Gradient<double> serial(bag.layer()), threaded(bag.layer());
    bag.backward(many, starts, once, serial);
    bag.backward(many, starts, once, threaded, {}, {}, see::threads(3));
    for (int i = 0; i < serial.size(); ++i) CHECK(serial[i].to_dense() == threaded[i].to_dense());
  }
}

TEST_CASE("bad bags are refused", "[bag]") {
  const EmbeddingBag bag(dense(), BagMode::mean);
  const EmbeddingBag sum(dense(), BagMode::sum);
  using V = std::vector<int>;
  CHECK_THROWS_AS(bag.forward(V{0, 9}, V{0}), see::Error);
  CHECK_THROWS_WITH(bag.forward(V{0, 1}, V{1}),
                    "EmbeddingBag::forward: offset 1 of bag 0, needed 0 to 0");
  CHECK_THROWS_AS(bag.forward(V{0, 1}, V{0, 2, 1}), see::Error);
  CHECK_THROWS_AS(bag.forward(V{0, 1}, V{0, 3}), see::Error);
  CHECK_THROWS_AS(bag.forward(V{0, 1}, V{0, -1}), see::Error);
  CHECK_THROWS_AS(bag.forward(V{0, 1}, V{}), see::Error);
  CHECK_NOTHROW(bag.forward(V{}, V{}));
  CHECK(bag.forward({3, 1, 4}, {0, 2}) == bag.forward(Eigen::Vector3i(3, 1, 4), V{0, 2}));
  const std::vector<double> weights{1, 2};
  CHECK_THROWS_AS(bag.forward(V{0, 1}, V{0}, weights), see::Error);
  CHECK_THROWS_AS(sum.forward(V{0, 1, 2}, V{0}, weights), see::Error);
  RowMatrix<double> out(2, 16);
  CHECK_THROWS_AS(bag.forward(V{0, 1}, V{0}, out), see::Error);
  see::Gradient<double> gradient(sum.layer());
  std::vector<double> weight_gradient(3);
  CHECK_THROWS_AS(sum.backward(V{0, 1}, V{0}, out.topRows(1), gradient, weights, weight_gradient),
                  see::Error);
  CHECK_THROWS_AS(sum.backward(V{0, 1}, V{0}, out, gradient), see::Error);
}

TEST_CASE("layers of every kind obey the laws of a layer", "[layer]") {
  for (oracle::Setup setup : oracle::setups()) {
    if (setup.words > 20) continue;
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    const EntangledEmbedding<double> layer(oracle::random_parts<double>(setup));
    laws::check_layer(layer);
    auto padded = layer.parts();
    padded.padding_idx = -2;
    laws::check_layer(EntangledEmbedding<double>(padded));
    if (setup.dims.size() == 3) laws::check_layer(EntangledEmbedding<double, 3>(layer));
    if (setup.dims.size() == 2)
      laws::check_layer(EntangledEmbedding<float, 2>(layer.cast<float>()));
  }
  laws::check_layer(EntangledEmbedding<float>(oracle::random_parts<float>({.rank = 3})));
  see::Random random(4);
  const DenseEmbedding<float> dense(9, 16, random, 5);
  laws::check_layer(dense);
  laws::check_layer(DenseEmbedding<double>(300, 7, random));
  const RowMatrix<float> table = dense.to_dense();
  laws::check_layer(see::FrozenLayer(see::TableRows(table)));
  laws::check_layer(
      see::FrozenLayer(EntangledEmbedding<float>(oracle::random_parts<float>({})), -1));
  laws::check_layer(see::RowCache(entangled(5), 1 << 12));
  laws::check_layer(see::RowCache(dense, 1 << 10));
}

TEST_CASE("a dense layer shares and freezes the table that it is made of", "[layer]") {
  const see::Table table(see::Vocabulary(), see::Array<float>{1, 2, 3, 4, 5, 6}, 3, 2);
  const auto layer = DenseEmbedding<float>::from_pretrained(table, true, -1);
  CHECK(layer.weight().data() == table.values().data());
  CHECK(layer.is_frozen());
  CHECK(layer(1)[1] == 4);
  CHECK(layer(2).isZero(0));
  CHECK(DenseEmbedding<double>::from_pretrained(table).weight()(2, 0) == 5);
  CHECK_THROWS_AS(DenseEmbedding<float>(see::Array<float>(5), 3, 2), see::Error);
  CHECK_THROWS_AS(DenseEmbedding<float>(see::Array<float>(6), 3, 2, 3), see::Error);
}

TEST_CASE("an embedding keeps rows and freezing in another order or precision", "[layer]") {
  auto parts = oracle::random_parts<float>({.rank = 3,
                                            .gains = see::GainScope::sense,
                                            .word_scale = true,
                                            .mean = true,
                                            .axes = true,
                                            .layer_norm = true,
                                            .residual = true});
  parts.padding_idx = 2;
  EntangledEmbedding<float> layer(parts);
  layer.freeze_parameter(1);
  const EntangledEmbedding<float, 2> pairs(layer);
  const EntangledEmbedding<float> back = pairs;
  EntangledEmbedding copy(pairs);  // deduced as what it is a copy of
  static_assert(std::is_same_v<decltype(copy), EntangledEmbedding<float, 2>>);
  static_assert(!std::is_convertible_v<EntangledEmbedding<float>, EntangledEmbedding<float, 2>>);
  static_assert(
      !std::is_constructible_v<EntangledEmbedding<float, 3>, EntangledEmbedding<float, 2>>);
  CHECK(pairs.to_dense() == layer.to_dense());
  CHECK(back.to_dense() == layer.to_dense());
  CHECK(back.is_frozen(1));
  CHECK_FALSE(back.is_frozen());
  CHECK_THROWS_AS((EntangledEmbedding<float, 3>(layer)), see::Error);

  const EntangledEmbedding<double, 2> wide = pairs.cast<double>();
  CHECK(wide.parts().codes == parts.codes);
  CHECK(wide.is_frozen(1));
  CHECK(wide.cast<float>().to_dense() == layer.to_dense());
  const RowMatrix<double> rows = wide.to_dense();
  CHECK((rows - layer.to_dense().cast<double>()).norm() <= 1e-5 * rows.norm());
  const auto narrow = layer.stored_as(see::Storage::i8).cast<double>();
  CHECK(narrow.inventory().storage() == see::Storage::i8);
}

TEST_CASE("optimizers follow their formulas and leave untouched rows alone", "[optimizer]") {
  const auto step = [](auto optimizer, int steps) {
    DenseEmbedding<double> layer(see::Array<double>{1, 2, 3, 4}, 2, 2);
    see::Gradient<double> gradient(layer);
    for (int i = 0; i < steps; ++i) {
      gradient.zero();
      RowMatrix<double> g(1, 2);
      g << 0.5 + i, -2;
      layer.backward(std::vector<int>{1}, g, gradient);
      optimizer.step(layer, gradient);
    }
    CHECK(layer.weight()(0, 0) == 1);
    CHECK(layer.weight()(0, 1) == 2);
    return RowMatrix<double>(layer.weight().row(1));
  };
  CHECK(step(see::Sgd<double>(0.1), 1)(0, 0) == Approx(3 - 0.05));
  CHECK(step(see::Adagrad<double>(0.1), 1)(0, 1) == Approx(4 + 0.1));
  CHECK(step(see::Adagrad<double>(0.1), 2)(0, 0) ==
        Approx(3 - 0.1 - 0.1 * 1.5 / std::sqrt(0.25 + 2.25)));
  CHECK(step(see::Adam<double>(0.1), 1)(0, 0) == Approx(3 - 0.1));
  const double mean = (0.9 * 0.1 * 0.5 + 0.1 * 1.5) / (1 - 0.81);
  const double square = (0.999 * 0.001 * 0.25 + 0.001 * 2.25) / (1 - 0.999 * 0.999);
  CHECK(step(see::Adam<double>(0.1), 2)(0, 0) == Approx(3 - 0.1 - 0.1 * mean / std::sqrt(square)));
}

TEST_CASE("optimizers refuse the gradient of another layer", "[optimizer]") {
  auto layer = dense();
  see::Random random(1);
  const see::Gradient<double> other(DenseEmbedding<double>(8, 16, random));
  see::Sgd<double> sgd;
  CHECK_THROWS_AS(sgd.step(layer, other), see::Error);
  auto two = entangled();  // inventory and gains against one part
  const RowMatrix<double> before = two.to_dense();
  see::Adam<double> adam;
  CHECK_THROWS_AS(adam.step(two, other), see::Error);
  CHECK(two.to_dense() == before);
  see::Gradient<double> gradient(layer);
  CHECK_THROWS_AS(two.backward(ids, laws::random_rows<double>(12, 16), gradient), see::Error);
  CHECK_THROWS_AS(DenseEmbedding<double>(-1, 4, random), see::Error);
}

TEST_CASE("an optimizer refuses a layer of other sizes than its first", "[optimizer]") {
  see::Random random(4);
  DenseEmbedding<double> first(5, 4, random), larger(50, 4, random);
  const auto gradient_of = [](const DenseEmbedding<double>& layer) {
    see::Gradient<double> gradient(layer);
    layer.backward(std::vector<int>{3}, RowMatrix<double>::Ones(1, 4), gradient);
    return gradient;
  };
  const RowMatrix<double> before = larger.weight();
  const auto check = [&](auto optimizer) {
    optimizer.step(first, gradient_of(first));
    CHECK_THROWS_AS(optimizer.step(larger, gradient_of(larger)), see::Error);
    CHECK(larger.weight() == before);
  };
  check(see::Adagrad<double>());
  check(see::Adam<double>());
}

TEST_CASE("gradients of two batches add up to that of both", "[optimizer]") {
  const auto layer = entangled();
  see::Gradient<double> first(layer), second(layer), both(layer);
  const auto rows = laws::random_rows<double>(12, 16);
  layer.backward(std::span(ids).first(5), rows.topRows(5), first);
  layer.backward(std::span(ids).last(7), rows.bottomRows(7), second);
  layer.backward(ids, rows, both);
  first.add(second);
  for (int i = 0; i < both.size(); ++i)
    CHECK((first[i].to_dense() - both[i].to_dense()).norm() <= 1e-12);
  first.zero();
  CHECK(first[0].to_dense().isZero(0));
}

TEMPLATE_TEST_CASE("code written for the concept trains either layer", "[layer]",
                   EntangledEmbedding<double>, DenseEmbedding<double>) {
  const auto make = [] {
    if constexpr (std::is_same_v<TestType, DenseEmbedding<double>>)
      return dense();
    else
      return entangled();
  };
  auto layer = make();
  // A target that both layers can reach: the layer's own rows, doubled.
  const RowMatrix<double> target = 2 * layer.forward(ids);
  const auto error = [&] { return (layer.forward(ids) - target).squaredNorm(); };
  const double before = error();
  see::Gradient<double> gradient(layer);
  see::Adam<double> adam(0.02);
  for (int step = 0; step < 300; ++step) {
    gradient.zero();
    layer.backward(ids, layer.forward(ids) - target, gradient);
    adam.step(layer, gradient);
  }
  CHECK(error() < 1e-2 * before);
}
