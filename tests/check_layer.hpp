#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/nn/layer.hpp"

/// The laws that every embedding layer obeys.
namespace laws {

using see::Index;
using see::RowMatrix;

/// A layer that is trained; a RowCache is not.
template <class Layer>
concept Trained = see::EmbeddingLayer<Layer>;

/// Whether text or truth values are taken for row numbers.
template <class Layer>
concept TakesOtherThanIds = requires(Layer& layer) {
  layer.forward("king");
}
|| requires(Layer& layer, std::string word) { layer.forward(word); }
|| requires(Layer& layer) { layer("king"); }
|| requires(Layer& layer) { layer('k'); }
|| requires(Layer& layer) { layer(true); }
|| requires(Layer& layer, std::array<bool, 2> flags) { layer.forward(flags); }
|| requires(Layer& layer, std::vector<char> bytes) { layer(bytes); }
|| requires(Layer& layer, std::u8string word) { layer.forward(word); };

inline std::vector<Index> all_ids(Index words) {
  std::vector<Index> ids(static_cast<std::size_t>(words));
  std::iota(ids.begin(), ids.end(), Index{0});
  return ids;
}

template <class Scalar>
RowMatrix<Scalar> random_rows(Index rows, Index cols) {
  see::Random random(21);
  return RowMatrix<Scalar>::NullaryExpr(rows, cols,
                                        [&](Index, Index) { return Scalar(random.normal()); });
}

/// Rows come out the same however they are asked for. The layer has 6 rows or more.
template <class Layer>
void check_rows(Layer& layer) {
  using Scalar = typename Layer::Scalar;
  const Index words = layer.num_embeddings(), dim = layer.embedding_dim();
  REQUIRE(words >= 6);
  RowMatrix<Scalar> table = layer.forward(all_ids(words));
  if constexpr (Trained<Layer>) CHECK(layer.to_dense() == table);
  if (layer.padding_idx()) CHECK(table.row(*layer.padding_idx()).isZero(0));

  RowMatrix<Scalar> expected(4, dim);
  expected << table.row(3), table.row(1), table.row(5), table.row(1);
  const auto check = [&](const auto& ids) {
    CHECK(layer.forward(ids) == expected);
    CHECK(layer(ids) == expected);
    RowMatrix<Scalar> wide = RowMatrix<Scalar>::Constant(4, dim + 2, 9);
    layer.forward(ids, wide.middleCols(1, dim));
    CHECK(wide.middleCols(1, dim) == expected);
    CHECK(wide.leftCols(1).isConstant(9, 0));
    CHECK(wide.rightCols(1).isConstant(9, 0));
  };
  const std::vector<int> ids{3, 1, 5, 1};
  check(ids);
  check(std::vector<Index>{3, 1, 5, 1});
  check(std::array<std::int8_t, 4>{3, 1, 5, 1});
  check(std::vector<std::uint64_t>{3, 1, 5, 1});
  check(std::span(ids));
  check(Eigen::VectorXi(Eigen::Vector4i(3, 1, 5, 1)));
  CHECK(layer.forward({3, 1, 5, 1}) == expected);
  CHECK(layer({3, 1, 5, 1}) == expected);
  CHECK(layer(ids[0]) == expected.row(0));
  CHECK(layer(std::uint8_t{5}) == expected.row(2));

  CHECK(layer.forward(std::vector<int>{}).rows() == 0);
  CHECK(layer.forward({}).cols() == dim);
  if constexpr (Trained<Layer>) {
    const std::vector<Index> many = [&] {
      std::vector<Index> result;
      for (Index i = 0; i < 3000; ++i) result.push_back(i * 7 % words);
      return result;
    }();
    RowMatrix<Scalar> threaded(3000, dim);
    layer.forward(many, threaded, see::threads(3));
    CHECK(threaded == layer.forward(many));
  }
}

/// Bad ids and sizes throw, and nothing is written.
template <class Layer>
void check_refusals(Layer& layer) {
  using Scalar = typename Layer::Scalar;
  const Index words = layer.num_embeddings(), dim = layer.embedding_dim();
  RowMatrix<Scalar> out = RowMatrix<Scalar>::Constant(2, dim, 4);
  CHECK_THROWS_AS(layer.forward({0, words}, out), see::Error);
  CHECK_THROWS_AS(layer.forward({-1, 0}, out), see::Error);
  CHECK_THROWS_AS(layer.forward(std::vector<std::uint64_t>{0, ~0ULL}, out), see::Error);
  CHECK_THROWS_AS(layer.forward({0}, out), see::Error);
  CHECK_THROWS_AS(layer.forward({0, 1}, out.leftCols(dim - 1)), see::Error);
  CHECK_THROWS_AS(layer(words), see::Error);
  CHECK(out.isConstant(4, 0));
  if constexpr (Trained<Layer>) {
    see::Gradient<Scalar> gradient(layer);
    CHECK_THROWS_AS(layer.forward({0, words}, out, see::threads(2)), see::Error);
    CHECK_THROWS_AS(layer.backward({0, words}, out, gradient), see::Error);
    CHECK_THROWS_AS(layer.backward({0}, out, gradient), see::Error);
    CHECK_THROWS_AS(layer.backward({0, 1}, out.leftCols(dim - 1), gradient), see::Error);
    for (int i = 0; i < gradient.size(); ++i) CHECK(gradient[i].touched().empty());
  }
}

/// backward() gives the slopes of <forward(ids), weights> in every parameter, for any executor; the
/// padding row gets none.
template <Trained Layer>
void check_gradient(Layer layer) {
  using Scalar = typename Layer::Scalar;
  std::vector<int> ids;
  for (Index w = layer.num_embeddings(); w-- > 0;) ids.push_back(static_cast<int>(w));
  ids.push_back(1);
  const auto weights = random_rows<Scalar>(std::ssize(ids), layer.embedding_dim());
  see::Gradient<Scalar> gradient(layer), threaded(layer);
  layer.backward(ids, weights, gradient);
  layer.backward(ids, weights, threaded, see::threads(3));
  layer.backward(std::vector<int>{}, weights.topRows(0), gradient);
  const double step = sizeof(Scalar) == 8 ? 1e-6 : 1e-2, tolerance = 10 * step;
  const auto objective = [&] {
    const RowMatrix<Scalar> rows = layer.forward(ids);
    return rows.template cast<double>().cwiseProduct(weights.template cast<double>()).sum();
  };
  for (auto& parameter : layer.parameters()) {
    const RowMatrix<Scalar> got = gradient[parameter.number].to_dense();
    CHECK(threaded[parameter.number].to_dense() == got);
    double worst = 0;
    for (Index i = 0; i < parameter.values.size(); i += 1 + parameter.values.size() / 40) {
      Scalar& value = parameter.values.data()[i];
      const Scalar kept = value;
      value = kept + static_cast<Scalar>(step);
      const double above = objective(), high = static_cast<double>(value);
      value = kept - static_cast<Scalar>(step);
      const double below = objective(), low = static_cast<double>(value);
      value = kept;
      const double expected = (above - below) / (high - low);
      worst = std::max(worst, std::abs(static_cast<double>(got.data()[i]) - expected) /
                                  (1 + std::abs(expected)));
    }
    INFO(parameter.name);
    CHECK(worst <= tolerance);
  }
  if (!layer.padding_idx()) return;
  gradient.zero();
  layer.backward({*layer.padding_idx()}, weights.topRows(1), gradient);
  for (const auto& parameter : layer.parameters()) {
    INFO(parameter.name);
    CHECK(gradient[parameter.number].to_dense().isZero(0));
  }
}

/// What is frozen is not offered and gets no gradient.
template <Trained Layer>
void check_freezing(Layer layer) {
  using Scalar = typename Layer::Scalar;
  const std::size_t parameters = layer.parameters().size();
  CHECK(layer.is_frozen() == (parameters == 0));
  layer.freeze(true);
  CHECK(layer.is_frozen());
  CHECK(layer.parameters().empty());
  see::Gradient<Scalar> gradient(layer);
  layer.backward({0, 1}, random_rows<Scalar>(2, layer.embedding_dim()), gradient);
  for (int i = 0; i < gradient.size(); ++i) CHECK(gradient[i].touched().empty());
  if (parameters == 0) return;
  layer.freeze(false);
  CHECK_FALSE(layer.is_frozen());
  CHECK(layer.parameters().size() == parameters);
}

/// A copy keeps its rows where the original is trained.
template <Trained Layer>
void check_copies(Layer layer) {
  const Layer copy = layer;
  const auto before = copy.to_dense();
  for (auto& parameter : layer.parameters()) parameter.values.array() += 1;
  CHECK(copy.to_dense() == before);
  layer = copy;
  CHECK(layer.to_dense() == before);
}

/// A layer that was moved from has no rows, and takes new ones.
template <class Layer>
void check_moves(Layer layer) {
  const auto ids = all_ids(layer.num_embeddings());
  const auto rows = layer.forward(ids);
  Layer other = std::move(layer);
  CHECK(other.forward(ids) == rows);
  CHECK(layer.num_embeddings() == 0);
  CHECK(layer.embedding_dim() == 0);
  CHECK_FALSE(layer.padding_idx());
  CHECK(layer.forward({}).size() == 0);
  CHECK_THROWS_AS(layer.forward({0}), see::Error);
  CHECK_THROWS_AS(layer(0), see::Error);
  if constexpr (Trained<Layer>) CHECK(layer.to_dense().size() == 0);
  layer = std::move(other);
  CHECK(layer.forward(ids) == rows);
  CHECK(other.num_embeddings() == 0);
}

/// All laws that a layer of 6 rows or more can be held to.
template <class Layer>
void check_layer(Layer layer) {
  static_assert(!TakesOtherThanIds<Layer>);
  check_rows(layer);
  check_refusals(layer);
  check_moves(layer);
  if constexpr (Trained<Layer>) {
    check_gradient(layer);
    check_freezing(layer);
    check_copies(layer);
  }
}

}  // namespace laws
