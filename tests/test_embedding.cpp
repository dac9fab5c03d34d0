#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/model/embedding.hpp"

using see::EntangledEmbedding;
using see::Index;
using see::RowMatrix;

namespace {

std::vector<int> all_ids(Index words) {
  std::vector<int> ids;
  for (Index w = words - 1; w >= 0; --w) ids.push_back(static_cast<int>(w));
  ids.push_back(0);
  return ids;
}

template <class Scalar>
double tolerance(double size) {
  return 200 * double(std::numeric_limits<Scalar>::epsilon()) * size;
}

template <class Scalar, int Order>
void check_against_oracle(const oracle::Setup& setup) {
  const EntangledEmbedding<Scalar, Order> layer(oracle::random_parts<Scalar>(setup));
  const auto ids = all_ids(layer.num_embeddings());
  const RowMatrix<Scalar> rows = layer.forward(ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto expected = oracle::row(layer.parts(), ids[i]);
    const double error = (rows.row(Index(i)).transpose() - expected).norm();
    CHECK(error <= tolerance<Scalar>(1 + expected.norm()));
  }
}

template <int Order>
void check_static(const oracle::Setup& setup) {
  check_against_oracle<float, Order>(setup);
  check_against_oracle<double, Order>(setup);
}

/// A layer of one shape, its factors drawn at random.
template <class Scalar>
EntangledEmbedding<Scalar> of_shape(std::vector<Index> dims, Index width, Index words,
                                    Index vectors) {
  oracle::Setup setup;
  setup.dims = std::move(dims);
  setup.width = width;
  setup.words = words;
  setup.vectors = vectors;
  setup.rank = 3;
  return EntangledEmbedding<Scalar>(oracle::random_parts<Scalar>(setup));
}

template <class Scalar>
double worst_row_error(const EntangledEmbedding<Scalar>& layer) {
  const RowMatrix<Scalar> rows = layer.to_dense();
  double worst = 0;
  for (Index w = 0; w < rows.rows(); ++w) {
    const auto expected = oracle::row(layer.parts(), w);
    worst = std::max(
        worst, double((rows.row(w).transpose() - expected).norm()) / (1 + double(expected.norm())));
  }
  return worst;
}

/// <G, E> summed over a batch.
double objective(const EntangledEmbedding<double>& layer, const std::vector<int>& ids,
                 const RowMatrix<double>& weights) {
  return layer.forward(ids).cwiseProduct(weights).sum();
}

RowMatrix<double> random_rows(Index rows, Index cols, std::uint64_t seed) {
  see::Random random(seed);
  return RowMatrix<double>::NullaryExpr(rows, cols, [&](Index, Index) { return random.normal(); });
}

}  // namespace

TEST_CASE("forward agrees with the definition for every shape that has its own kernel",
          "[embedding]") {
  const std::vector<std::vector<Index>> shapes{
      {8, 8},       {10, 10},      {16, 16},    {32, 32},     {8, 8, 8},
      {16, 16, 16}, {7, 9},        {3, 5, 7},   {20, 12},     {2, 8, 8},
      {9, 4, 8},    {5, 3, 2, 16}, {33},        {64},         {1, 10},
      {12, 100},    {40, 24},      {6, 5, 32},  {4, 4, 4, 4}, {2, 3, 2, 3, 2},
      {17, 1},      {3, 8, 3},     {8, 16, 32}, {1, 1},       {2, 40},
      {3, 130},     {11, 65},      {5, 10},     {15, 20},     {100, 3},
      {4, 48},      {24, 64},      {6, 33}};
  for (const auto& dims : shapes) {
    Index product = 1;
    for (const Index q : dims) product *= q;
    for (const Index width : {product, product - product / 5, Index(1)})
      for (const Index vectors : {1, 3}) {
        INFO("shape " << see::Shape(dims, width).to_string() << ", width " << width);
        CHECK(worst_row_error(of_shape<float>(dims, width, 21, vectors)) < tolerance<float>(1));
        CHECK(worst_row_error(of_shape<double>(dims, width, 21, vectors)) < tolerance<double>(1));
      }
  }
}

TEST_CASE("a row does not depend on the batch, the size of the output or the executor",
          "[embedding]") {
  for (const bool axes : {false, true})
    for (const auto& [rows, width] : {std::pair<Index, Index>{10, 100}, {10, 97}, {25, 99}}) {
      oracle::Setup setup;
      setup.dims = {rows, 100 / rows};
      setup.width = width;
      setup.words = 50;
      setup.rank = 5;
      setup.axes = setup.mean = axes;
      const EntangledEmbedding<float> layer(oracle::random_parts<float>(setup));
      const Index d = layer.embedding_dim(), many = (Index{8} << 20) / (4 * d) + 7;
      std::vector<int> ids;
      for (Index i = 0; i < many; ++i) ids.push_back(static_cast<int>(i * 7 % 50));
      const RowMatrix<float> streamed = layer.forward(ids);
      RowMatrix<float> other(many, d);
      layer.forward(ids, other, see::threads(3));
      CHECK(other == streamed);
      for (Index i = 0; i < 50; ++i) CHECK(layer(ids[std::size_t(i)]) == streamed.row(i));
      const RowMatrix<float> few = layer.forward(std::span(ids).first(33));
      CHECK(few == streamed.topRows(33));
      RowMatrix<float> wide = RowMatrix<float>::Zero(many, d + 3);
      layer.forward(ids, wide.middleCols(1, d));
      CHECK(wide.middleCols(1, d) == streamed);
      CHECK(wide.col(0).isZero(0));
      CHECK(wide.rightCols(2).isZero(0));
    }
}

TEST_CASE("sums of terms alone are the same by non-temporal stores", "[embedding]") {
  for (const std::vector<Index>& dims : {std::vector<Index>{8, 8, 8},
                                         {16, 16, 16},
                                         {32, 32},
                                         {16, 16},
                                         {8, 8},
                                         {10, 10},
                                         {4, 4, 4},
                                         {12, 16},
                                         {6, 80}})
    for (const Index vectors : {1, 3}) {
      INFO("factors " << see::Shape(dims).to_string());
      const EntangledEmbedding<float> layer(
          oracle::random_parts<float>({.dims = dims, .words = 20, .rank = 3, .vectors = vectors}));
      const Index d = layer.embedding_dim(), many = (Index{8} << 20) / (4 * d) + 3;
      std::vector<int> ids;
      for (Index i = 0; i < many; ++i) ids.push_back(static_cast<int>(i * 7 % 20));
      RowMatrix<float> small(20, d), unaligned = RowMatrix<float>::Zero(many, d + 1);
      layer.forward(std::span(ids).first(20), small);
      const RowMatrix<float> large = layer.forward(ids);
      layer.forward(ids, unaligned.rightCols(d));
      CHECK(unaligned.rightCols(d) == large);
      bool same = true;
      for (Index i = 0; i < many; ++i) same = same && large.row(i) == small.row(i % 20);
      CHECK(same);
    }
}

TEST_CASE("forward agrees with the definition, for dynamic and static order", "[embedding]") {
  for (const auto& setup : oracle::setups()) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    check_static<Eigen::Dynamic>(setup);
    switch (setup.dims.size()) {
      case 1:
        check_static<1>(setup);
        break;
      case 2:
        check_static<2>(setup);
        break;
      case 3:
        check_static<3>(setup);
        break;
      case 4:
        check_static<4>(setup);
        break;
      default:
        break;
    }
  }
}

TEST_CASE("backward agrees with finite differences in every parameter", "[embedding]") {
  for (const auto& setup : oracle::setups()) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    EntangledEmbedding<double> layer(oracle::random_parts<double>(setup));
    auto ids = all_ids(std::min<Index>(layer.num_embeddings(), 9));
    ids.push_back(ids.front());
    const auto weights = random_rows(Index(ids.size()), layer.embedding_dim(), 5);
    see::Gradient<double> gradient(layer);
    layer.backward(ids, weights, gradient);
    for (auto& parameter : layer.parameters()) {
      const RowMatrix<double> got = gradient[parameter.number].to_dense();
      for (Index i = 0; i < parameter.values.size(); i += 1 + parameter.values.size() / 40) {
        double& value = parameter.values.data()[i];
        const double kept = value, step = 1e-6;
        value = kept + step;
        const double above = objective(layer, ids, weights);
        value = kept - step;
        const double below = objective(layer, ids, weights);
        value = kept;
        const double expected = (above - below) / (2 * step);
        INFO(parameter.name << " entry " << i);
        CHECK(std::abs(got.data()[i] - expected) <= 1e-5 * (1 + std::abs(expected)));
      }
    }
  }
}

TEST_CASE("the tangent of a padding row is zero", "[embedding]") {
  auto parts = oracle::random_parts<double>({.uniform = true});
  parts.padding_idx = 1;
  const EntangledEmbedding<double> layer(parts);
  RowMatrix<double> tangent(2, layer.embedding_dim());
  layer.forward_tangent(std::vector<int>{1, 2}, parts.inventories, {}, tangent);
  CHECK(tangent.row(0).isZero(0));
  CHECK_FALSE(tangent.row(1).isZero(0));
}

TEST_CASE("forward_tangent is the adjoint of backward", "[embedding]") {
  for (auto setup : oracle::setups()) {
    setup.layer_norm = false;
    const auto parts = oracle::random_parts<double>(setup);
    const EntangledEmbedding<double> layer(parts);
    see::Random random(3);
    std::vector<see::Inventory<double>> directions;
    for (const auto& inventory : parts.inventories)
      directions.push_back(see::Inventory<double>::normal(inventory.size(), inventory.rank(),
                                                          inventory.dim(), 1, random));
    const auto gains = oracle::normal<double>(Index(parts.gains.size()), random);
    const auto ids = all_ids(layer.num_embeddings());
    RowMatrix<double> tangent(Index(ids.size()), layer.embedding_dim());
    layer.forward_tangent(ids, directions, gains, tangent);
    // The word scale and basis are linear, and the mean drops out of the tangent.
    const auto weights = random_rows(tangent.rows(), tangent.cols(), 7);
    see::Gradient<double> gradient(layer);
    layer.backward(ids, weights, gradient);
    double along = 0;
    for (std::size_t i = 0; i < directions.size(); ++i)
      along += gradient[int(i)]
                   .to_dense()
                   .cwiseProduct(see::ConstRowMatrixMap<double>(
                       directions[i].values().data(), directions[i].size(),
                       directions[i].rank() * directions[i].dim()))
                   .sum();
    for (std::size_t i = 0; i < gains.size(); ++i)
      along += gains[i] * gradient[int(directions.size())].to_dense()(Index(i), 0);
    const double expected = tangent.cwiseProduct(weights).sum();
    CHECK(std::abs(along - expected) <= 1e-10 * (1 + std::abs(expected) + tangent.norm()));
  }
}

TEST_CASE("Kronecker products mix with matrices: (A (x) B)(a (x) b) = Aa (x) Bb", "[embedding]") {
  see::Random random(11);
  see::EmbeddingParts<double> parts;
  parts.shape = see::Shape({3, 4});
  parts.lexicon =
      see::LexiconBuilder(see::SlotTable::per_slot({1, 1})).word().sense({0, 0}).finish();
  parts.inventories = {see::Inventory<double>::normal(1, 1, 3, 1, random),
                       see::Inventory<double>::normal(1, 1, 4, 1, random)};
  const auto mixed = random_rows(3, 3, 1);
  const auto other = random_rows(4, 4, 2);
  RowMatrix<double> both(12, 12);
  for (Index i = 0; i < 12; ++i)
    for (Index j = 0; j < 12; ++j) both(i, j) = mixed(i / 4, j / 4) * other(i % 4, j % 4);
  const see::Vector<double> before = EntangledEmbedding<double, 2>(parts)(0).transpose();
  const see::Vector<double> a = mixed * parts.inventories[0][0].vectors().row(0).transpose();
  const see::Vector<double> b = other * parts.inventories[1][0].vectors().row(0).transpose();
  parts.inventories[0].mutate(0).vectors().row(0) = a.transpose();
  parts.inventories[1].mutate(0).vectors().row(0) = b.transpose();
  const see::Vector<double> after = EntangledEmbedding<double, 2>(parts)(0).transpose();
  CHECK((both * before - after).norm() <= 1e-13 * (1 + after.norm()));
}

TEST_CASE("the padding row is zero and gets no gradient", "[embedding]") {
  auto parts = oracle::random_parts<float>({.rank = 2, .uniform = true, .mean = true});
  for (const Index padding : {Index{2}, Index{-7}}) {
    parts.padding_idx = padding;
    const EntangledEmbedding<float> layer(parts);
    CHECK(*layer.padding_idx() == 2);
    const RowMatrix<float> rows = layer.forward(std::vector<long>{2, 1});
    CHECK(rows.row(0).isZero(0));
    CHECK_FALSE(rows.row(1).isZero());
    see::Gradient<float> gradient(layer);
    layer.backward(std::vector<long>{2, 2}, RowMatrix<float>::Ones(2, 16), gradient);
    CHECK(gradient[0].touched().empty());
  }
}

TEST_CASE("frozen parameters get no gradient and are not offered", "[embedding]") {
  EntangledEmbedding<float> layer(oracle::random_parts<float>(
      {.rank = 2, .uniform = true, .gains = see::GainScope::sense, .layer_norm = true}));
  CHECK(layer.parameters().size() == 4);
  layer.freeze_parameter(0);
  layer.freeze_parameter(2);
  REQUIRE(layer.parameters().size() == 2);
  CHECK(layer.parameters()[0].name == "gains");
  CHECK(layer.parameters()[1].name == "layer_norm.bias");
  see::Gradient<float> gradient(layer);
  const std::vector<Index> ids{0, 1};
  layer.backward(ids, RowMatrix<float>::Ones(2, 16), gradient);
  CHECK(gradient[0].touched().empty());
  CHECK(gradient[1].touched().size() == 4);
  CHECK(gradient[2].touched().empty());
  layer.freeze();
  CHECK(layer.parameters().empty());
  CHECK_THROWS_AS(layer.freeze_parameter(4), see::Error);
}

TEST_CASE("copies share storage until one is written to", "[embedding]") {
  EntangledEmbedding<float> layer(oracle::random_parts<float>({.uniform = true}));
  const EntangledEmbedding<float> copy = layer;
  CHECK(copy.inventory().values().data() == layer.inventory().values().data());
  const RowMatrix<float> before = copy.to_dense();
  layer.parameters()[0].values.setZero();
  CHECK(layer.to_dense().isZero(0));
  CHECK((copy.to_dense() - before).isZero(0));
}

TEST_CASE("forward writes into strided and borrowed memory", "[embedding]") {
  const EntangledEmbedding<float> layer(oracle::random_parts<float>({.dims = {3, 5}}));
  const std::vector<unsigned char> ids{3, 1, 3};
  const RowMatrix<float> expected = layer.forward(ids);
  RowMatrix<float> wide = RowMatrix<float>::Constant(3, 20, 9);
  layer.forward(ids, wide.middleCols(2, 15));
  CHECK((wide.middleCols(2, 15) - expected).isZero(0));
  CHECK((wide.leftCols(2).array() == 9).all());
  CHECK((wide.rightCols(3).array() == 9).all());
  std::vector<float> buffer(45);
  layer.forward(ids, Eigen::Map<RowMatrix<float>>(buffer.data(), 3, 15));
  CHECK(std::equal(buffer.begin(), buffer.end(), expected.data()));
}

TEST_CASE("bad ids and sizes are refused and nothing is written", "[embedding]") {
  const EntangledEmbedding<float> layer(oracle::random_parts<float>({}));
  RowMatrix<float> out = RowMatrix<float>::Constant(2, 16, 4);
  CHECK_THROWS_WITH(layer.forward(std::vector<int>{0, 9}, out),
                    "forward: id 9 at position 1, needed one of 9 rows");
  CHECK_THROWS_AS(layer.forward(std::vector<int>{-1, 0}, out), see::Error);
  CHECK_THROWS_AS(layer.forward(std::vector<std::uint64_t>{0, ~0ULL}, out), see::Error);
  CHECK_THROWS_WITH(layer.forward(std::vector<int>{0}, out),
                    "forward: a matrix of 2 x 16, needed 1 x 16");
  CHECK((out.array() == 4).all());
  see::Gradient<float> gradient(layer);
  CHECK_THROWS_AS(layer.backward(std::vector<int>{0, 9}, out, gradient), see::Error);
  CHECK_THROWS_AS(layer.backward(std::vector<int>{0}, out, gradient), see::Error);
  CHECK(gradient[0].touched().empty());
  CHECK_THROWS_AS(layer(9), see::Error);
}

TEST_CASE("gradients and directions of another layer are refused", "[embedding]") {
  const EntangledEmbedding<double> layer(
      oracle::random_parts<double>({.gains = see::GainScope::sense}));
  const EntangledEmbedding<double> other(oracle::random_parts<double>({.units = 3}));
  const std::vector<int> ids{0, 1};
  RowMatrix<double> rows = RowMatrix<double>::Ones(2, 16);
  see::Gradient<double> gradient(other), mine(layer);
  CHECK_THROWS_AS(layer.backward(ids, rows, gradient), see::Error);
  CHECK_THROWS_AS(mine.add(gradient), see::Error);
  CHECK_THROWS_AS(mine[0].add(gradient[0]), see::Error);
  const auto& good = layer.parts().inventories;
  CHECK_NOTHROW(layer.forward_tangent(ids, good, layer.parts().gains, rows));
  CHECK_NOTHROW(layer.forward_tangent(ids, good, {}, rows));
  CHECK_THROWS_AS(layer.forward_tangent(ids, other.parts().inventories, {}, rows), see::Error);
  CHECK_THROWS_AS(layer.forward_tangent(ids, {}, {}, rows), see::Error);
  CHECK_THROWS_AS(layer.forward_tangent(ids, good, see::Array<double>(1), rows), see::Error);
  CHECK_THROWS_AS(layer.forward_tangent(std::vector<int>{0, 99}, good, {}, rows), see::Error);
  const EntangledEmbedding<double> normed(oracle::random_parts<double>({.layer_norm = true}));
  CHECK_THROWS_AS(normed.forward_tangent(ids, normed.parts().inventories, {}, rows), see::Error);
  CHECK_THROWS_AS(layer.is_frozen(2), see::Error);
  CHECK_THROWS_AS(layer.inventory(1), see::Error);
}

TEST_CASE("parts that do not fit are refused", "[embedding]") {
  const auto good = oracle::random_parts<float>({.gains = see::GainScope::sense});
  const auto refused = [&](auto change) {
    auto parts = good;
    change(parts);
    CHECK_THROWS_AS(EntangledEmbedding<float>(parts), see::Error);
  };
  using Parts = see::EmbeddingParts<float>;
  CHECK_NOTHROW(EntangledEmbedding<float>(good));
  CHECK_THROWS_AS((EntangledEmbedding<float, 3>(good)), see::Error);
  refused([](Parts& p) { p.shape = see::Shape({4, 4, 1}); });
  refused([](Parts& p) { p.shape = see::Shape({4, 5}); });
  refused([](Parts& p) { p.inventories.push_back(p.inventories[0]); });
  refused([](Parts& p) { p.inventories[0] = see::Inventory<float>(6, 1, 4); });
  refused([](Parts& p) { p.gains = see::Array<float>(1); });
  refused([](Parts& p) { p.gain_scope = see::GainScope::none; });
  refused([](Parts& p) { p.gain_scope = see::GainScope::term; });
  refused([](Parts& p) { p.word_scale.table = see::Array<float>(2); });
  refused([](Parts& p) {  // an index of one bit tells two apart
    const std::vector<unsigned> index(std::size_t(p.lexicon.words()));
    p.word_scale = {see::Array<float>(3), see::PackedArray(std::span<const unsigned>(index), 1)};
  });
  refused([](Parts& p) { p.basis.mean = see::Array<float>(15); });
  refused([](Parts& p) { p.basis.axes = see::Array<float>(15); });
  refused([](Parts& p) { p.layer_norm = see::LayerNorm<float>::identity(15); });
  refused([](Parts& p) { p.layer_norm = see::LayerNorm<float>::identity(16, -1); });
  refused([](Parts& p) { p.padding_idx = 9; });
  refused([](Parts& p) { p.padding_idx = -10; });
  const auto mixed = oracle::random_parts<float>({.dims = {3, 5}});
  refused([&](Parts& p) {
    p = mixed;
    p.inventories[1] = see::Inventory<float>(p.inventories[1].size(), 2, 5);
  });
}
