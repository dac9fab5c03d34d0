#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/core/parallel.hpp"
#include "see/model/embedding.hpp"
#include "see/nn/bag.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/optimizer.hpp"

using see::EntangledEmbedding;
using see::Index;
using see::RowMatrix;

namespace {

std::size_t allocations = 0;  // by this thread's tests; no other thread runs while it is read
std::size_t refused = 0;      // the number of the allocation that fails, where not 0

}  // namespace

// The whole test program allocates through these, so that a test can count.
void* operator new(std::size_t size) {
  if (++allocations != refused)
    if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size > 0 ? size : 1);
}
// Not std::free itself, which compilers that see one of the pair only would warn of.
static void (*const volatile release)(void*) = std::free;
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace {

std::vector<oracle::Setup> setups() {
  using see::GainScope;
  auto all = oracle::setups();
  const std::vector<oracle::Setup> more{
      {.dims = {64}, .rank = 3, .gains = GainScope::sense},
      {.dims = {32, 32}, .rank = 4, .uniform = true},
      {.dims = {20, 36}, .width = 700, .rank = 3, .gains = GainScope::term, .word_scale = true},
      {.dims = {16, 16, 16}, .rank = 2, .vectors = 3, .gains = GainScope::sense},
      {.dims = {5, 24, 18}, .width = 2000, .rank = 3, .shared = false},
      {.dims = {1, 7, 2, 9}, .rank = 5, .gains = GainScope::term},
      {.dims = {4, 3, 2, 3, 5}, .width = 301, .rank = 3, .vectors = 2, .gains = GainScope::sense},
      {.dims = {2, 3, 2, 2, 3, 2, 2}, .rank = 2, .vectors = 2, .uniform = true},
      {.dims = {8, 8, 8},
       .width = 500,
       .rank = 7,
       .gains = GainScope::sense,
       .mean = true,
       .axes = true,
       .layer_norm = true},
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<int> random_ids(Index count, Index words) {
  see::Random random(9);
  std::vector<int> ids;
  for (Index i = 0; i < count; ++i) ids.push_back(int(random.below(std::size_t(words))));
  return ids;
}

template <class Scalar>
RowMatrix<Scalar> random_rows(Index rows, Index cols) {
  see::Random random(21);
  return RowMatrix<Scalar>::NullaryExpr(rows, cols,
                                        [&](Index, Index) { return Scalar(random.normal()); });
}

/// The gradient by the product rule on the definition, for layers without LayerNorm: that of entry
/// k of a factor is the inner product with the term whose factor is the unit vector k.
template <class Scalar>
std::vector<RowMatrix<Scalar>> expected_gradient(const see::EmbeddingParts<Scalar>& parts,
                                                 const std::vector<int>& ids,
                                                 const RowMatrix<Scalar>& rows) {
  std::vector<RowMatrix<Scalar>> all;
  for (const auto& inventory : parts.inventories)
    all.push_back(RowMatrix<Scalar>::Zero(inventory.size(), inventory.rank() * inventory.dim()));
  all.push_back(RowMatrix<Scalar>::Zero(Index(parts.gains.size()), 1));
  const int order = parts.shape.order();
  for (std::size_t r = 0; r < ids.size(); ++r) {
    const Index w = ids[r], width = parts.shape.width();
    see::Vector<Scalar> g = see::Vector<Scalar>::Zero(parts.shape.product());
    for (Index p = 0; p < width; ++p)
      if (parts.basis.has_axes())
        for (Index k = 0; k < rows.cols(); ++k)
          g[p] += rows(Index(r), k) * parts.basis.axes[std::size_t(p * rows.cols() + k)];
      else
        g[p] = rows(Index(r), p);
    if (!parts.word_scale.empty()) g *= parts.word_scale(w);
    for (Index s = 0; s < parts.lexicon.rank(w); ++s) {
      Index units[see::max_order];
      parts.lexicon.units(w, s, units);
      const Index slots = parts.lexicon.table().row_of(s);
      const Scalar gain = parts.has_gains() ? parts.gains[std::size_t(parts.gain_number(w, s))] : 1;
      const auto number = [&](int j) {
        return std::size_t(parts.lexicon.table().inventory(slots, j));
      };
      for (Index i = 0; i < parts.rank_of_row(slots); ++i)
        for (int j = 0; j < order; ++j) {
          const Index dim = parts.shape.factor_dim(j);
          for (Index k = 0; k < dim; ++k) {
            see::Vector<Scalar> term = see::Vector<Scalar>::Ones(1);
            for (int l = 0; l < order; ++l) {
              see::Vector<Scalar> factor =
                  parts.inventories[number(l)][units[l]].vectors().row(i).transpose();
              if (l == j) factor = see::Vector<Scalar>::Unit(dim, k) * (j == 0 ? Scalar(1) : 1);
              term = oracle::kron<Scalar>(term, factor);
            }
            const Scalar inner = term.dot(g);
            all[number(j)](units[j], i * dim + k) += gain * inner;
            if (parts.has_gains() && j == 0)
              all.back()(parts.gain_number(w, s), 0) +=
                  inner * parts.inventories[number(0)][units[0]].vectors()(i, k);
          }
        }
    }
  }
  return all;
}

template <class Scalar, int Order>
void check_product_rule(const oracle::Setup& setup) {
  const EntangledEmbedding<Scalar, Order> layer(oracle::random_parts<Scalar>(setup));
  const auto ids = random_ids(12, layer.num_embeddings());
  const auto rows = random_rows<Scalar>(12, layer.embedding_dim());
  see::Gradient<Scalar> gradient(layer);
  layer.backward(ids, rows, gradient);
  const auto expected = expected_gradient<Scalar>(layer.parts(), ids, rows);
  for (int i = 0; i < gradient.size(); ++i) {
    const auto& right = expected[std::size_t(i)];
    CHECK((gradient[i].to_dense() - right).norm() <=
          500 * std::numeric_limits<Scalar>::epsilon() * (1 + right.norm()));
  }
}

template <class Scalar>
void check_product_rule(const oracle::Setup& setup) {
  check_product_rule<Scalar, Eigen::Dynamic>(setup);
  switch (setup.dims.size()) {
    case 1:
      return check_product_rule<Scalar, 1>(setup);
    case 2:
      return check_product_rule<Scalar, 2>(setup);
    case 3:
      return check_product_rule<Scalar, 3>(setup);
    case 4:
      return check_product_rule<Scalar, 4>(setup);
    case 5:
      return check_product_rule<Scalar, 5>(setup);
    default:
      return;
  }
}

template <class Scalar>
void check_equal(const see::Gradient<Scalar>& a, const see::Gradient<Scalar>& b) {
  REQUIRE(a.size() == b.size());
  for (int i = 0; i < a.size(); ++i) {
    CHECK(std::ranges::equal(a[i].touched(), b[i].touched()));
    CHECK(a[i].to_dense() == b[i].to_dense());
  }
}

/// Executors that between them run tasks in order, backwards and at once.
std::vector<see::Executor> executors() {
  return {see::serial(), see::threads(2), see::threads(5),
          [](std::size_t count, const std::function<void(std::size_t)>& task) {
            while (count > 0) task(--count);
          }};
}

/// Checks that pull(gradient, executor) gives the same bits for any executor.
template <class Scalar, class Layer, class Pull>
void check_executors(const Layer& layer, const Pull& pull) {
  see::Gradient<Scalar> expected(layer);
  pull(expected, see::serial());
  for (const auto& run : executors()) {
    see::Gradient<Scalar> gradient(layer);
    for (int repeat = 0; repeat < 2; ++repeat) {
      gradient.zero();
      pull(gradient, run);
      check_equal(gradient, expected);
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("backward is the product rule, for dynamic and static order", "[backward]",
                   float, double) {
  for (auto setup : setups()) {
    setup.layer_norm = false;
    INFO("order " << setup.dims.size() << ", first dim " << setup.dims[0]);
    check_product_rule<TestType>(setup);
  }
}

TEST_CASE("backward is the adjoint of forward_tangent in every shape", "[backward]") {
  for (auto setup : setups()) {
    setup.layer_norm = false;
    const auto parts = oracle::random_parts<double>(setup);
    const EntangledEmbedding<double> layer(parts);
    see::Random random(3);
    std::vector<see::Inventory<double>> directions;
    for (const auto& inventory : parts.inventories)
      directions.push_back(see::Inventory<double>::normal(inventory.size(), inventory.rank(),
                                                          inventory.dim(), 1, random));
    const auto gains = oracle::normal<double>(Index(parts.gains.size()), random);
    const auto ids = random_ids(100, layer.num_embeddings());
    RowMatrix<double> tangent(100, layer.embedding_dim());
    layer.forward_tangent(ids, directions, gains, tangent);
    const auto rows = random_rows<double>(100, layer.embedding_dim());
    see::Gradient<double> gradient(layer);
    layer.backward(ids, rows, gradient);
    double along = 0;
    for (std::size_t i = 0; i < directions.size(); ++i) {
      const auto dense = gradient[int(i)].to_dense();
      along += Eigen::Map<const see::Vector<double>>(dense.data(), dense.size())
                   .dot(Eigen::Map<const see::Vector<double>>(directions[i].values().data(),
                                                              dense.size()));
    }
    for (std::size_t i = 0; i < gains.size(); ++i)
      along += gains[i] * gradient[int(directions.size())].to_dense()(Index(i), 0);
    const double expected = tangent.cwiseProduct(rows).sum();
    CHECK(std::abs(along - expected) <= 1e-12 * (1 + tangent.norm() * rows.norm()));
  }
}

TEST_CASE("backward agrees with finite differences through axes, mean and LayerNorm",
          "[backward]") {
  for (const auto& setup : setups()) {
    if (!setup.layer_norm) continue;
    auto parts = oracle::random_parts<double>(setup);
    parts.padding_idx = 1;
    EntangledEmbedding<double> layer(parts);
    const auto ids = random_ids(70, layer.num_embeddings());  // more than a block
    const auto rows = random_rows<double>(70, layer.embedding_dim());
    see::Gradient<double> gradient(layer);
    layer.backward(ids, rows, gradient);
    for (auto& parameter : layer.parameters()) {
      const RowMatrix<double> got = gradient[parameter.number].to_dense();
      for (Index i = 0; i < parameter.values.size(); i += 1 + parameter.values.size() / 20) {
        double& value = parameter.values.data()[i];
        const double kept = value, step = 1e-6;
        value = kept + step;
        const double above = layer.forward(ids).cwiseProduct(rows).sum();
        value = kept - step;
        const double below = layer.forward(ids).cwiseProduct(rows).sum();
        value = kept;
        const double expected = (above - below) / (2 * step);
        INFO(parameter.name << " entry " << i);
        CHECK(std::abs(got.data()[i] - expected) <= 1e-5 * (1 + std::abs(expected)));
      }
    }
  }
}

TEST_CASE("a frozen parameter leaves the gradients of the others as they are", "[backward]") {
  for (const auto& setup : setups()) {
    const EntangledEmbedding<float> layer(oracle::random_parts<float>(setup));
    const auto ids = random_ids(20, layer.num_embeddings());
    const auto rows = random_rows<float>(20, layer.embedding_dim());
    see::Gradient<float> all(layer);
    layer.backward(ids, rows, all);
    for (int frozen = 0; frozen < all.size(); ++frozen) {
      auto partly = layer;
      partly.freeze_parameter(frozen);
      see::Gradient<float> gradient(partly);
      partly.backward(ids, rows, gradient);
      for (int i = 0; i < all.size(); ++i)
        if (i == frozen)
          CHECK(gradient[i].touched().empty());
        else
          CHECK(gradient[i].to_dense() == all[i].to_dense());
    }
  }
}

TEST_CASE("units of narrow storage are read where they are not trained", "[backward]") {
  auto parts = oracle::random_parts<float>(
      {.dims = {3, 5}, .rank = 3, .vectors = 2, .gains = see::GainScope::sense});
  for (auto& inventory : parts.inventories) inventory = inventory.stored_as(see::Storage::bf16);
  EntangledEmbedding<float> narrow(parts);
  for (auto& inventory : parts.inventories) inventory = inventory.stored_as(see::Storage::native);
  const EntangledEmbedding<float> wide(parts);
  const auto ids = random_ids(20, 9);
  const auto rows = random_rows<float>(20, 15);
  see::Gradient<float> a(narrow), b(wide);
  narrow.backward(ids, rows, a);
  wide.backward(ids, rows, b);
  check_equal(a, b);
}

TEMPLATE_TEST_CASE("the bits of a gradient are the same for any executor", "[backward]", float,
                   double) {
  using Scalar = TestType;
  constexpr Index n = 2051;
  for (const auto& setup : setups()) {
    if (setup.dims.size() > 3 || setup.dims[0] > 10) continue;
    const EntangledEmbedding<Scalar> layer(oracle::random_parts<Scalar>(setup));
    const auto ids = random_ids(n, layer.num_embeddings());
    const auto rows = random_rows<Scalar>(n, layer.embedding_dim());
    check_executors<Scalar>(
        layer, [&](auto& gradient, const auto& run) { layer.backward(ids, rows, gradient, run); });
  }
  see::Random random(2);
  const see::DenseEmbedding<Scalar> dense(50, 200, random, 3);
  const auto ids = random_ids(n, 50);
  const auto rows = random_rows<Scalar>(n, 200);
  check_executors<Scalar>(
      dense, [&](auto& gradient, const auto& run) { dense.backward(ids, rows, gradient, run); });
}

TEST_CASE("a gradient over several ranges is the sum of those of its rows", "[backward]") {
  const EntangledEmbedding<double> layer(oracle::random_parts<double>(
      {.dims = {2, 3, 4}, .rank = 3, .gains = see::GainScope::term, .layer_norm = true}));
  constexpr Index n = 4099;
  const auto ids = random_ids(n, layer.num_embeddings());
  const auto rows = random_rows<double>(n, layer.embedding_dim());
  see::Gradient<double> whole(layer), parts(layer);
  layer.backward(std::span(ids).first(3), rows.topRows(3), whole);  // stays, and is added to
  layer.backward(std::span(ids).first(3), rows.topRows(3), parts);
  layer.backward(ids, rows, whole, see::threads(2));
  for (Index i = 0; i < n; ++i)
    layer.backward(std::span(ids).subspan(std::size_t(i), 1), rows.middleRows(i, 1), parts);
  for (int i = 0; i < whole.size(); ++i)
    CHECK((whole[i].to_dense() - parts[i].to_dense()).norm() <=
          1e-11 * (1 + parts[i].to_dense().norm()));
}

TEST_CASE("a gradient stays as it was where a range throws", "[backward]") {
  const EntangledEmbedding<double> layer(oracle::random_parts<double>({}));
  see::Gradient<double> gradient(layer);
  gradient[0].touch(2);
  const auto fail = [](Index first, Index, see::Gradient<double>& into) {
    into[0].touch(1);
    if (first > 0) throw std::runtime_error("no");
  };
  for (const auto& run : executors())
    CHECK_THROWS_AS(gradient.add_ranges(run, 5000, fail), std::runtime_error);
  CHECK(std::ranges::equal(gradient[0].touched(), std::vector<Index>{2}));
  CHECK(gradient[0].to_dense().isZero(0));
}

TEST_CASE("bags pull back in parallel with the same bits", "[backward]") {
  const auto parts = oracle::random_parts<double>({.rank = 3, .gains = see::GainScope::sense});
  const auto ids = random_ids(5000, 9);
  const std::vector<int> offsets{0, 0, 7, 1500, 1500, 1501, 4096, 5000};
  std::vector<double> weights;
  for (std::size_t i = 0; i < ids.size(); ++i) weights.push_back(double(i % 7) - 3);
  const auto rows = random_rows<double>(Index(offsets.size()), 16);
  for (const auto mode : {see::BagMode::sum, see::BagMode::mean, see::BagMode::max}) {
    const see::EmbeddingBag bag{EntangledEmbedding<double>(parts), mode};
    check_executors<double>(bag.layer(), [&](auto& gradient, const auto& run) {
      bag.backward(ids, offsets, rows, gradient, {}, {}, run);
    });
    if (mode == see::BagMode::max) continue;
    // By the rows of the layer themselves.
    RowMatrix<double> each(5000, 16);
    for (std::size_t b = 0; b < offsets.size(); ++b) {
      const int end = b + 1 < offsets.size() ? offsets[b + 1] : 5000;
      for (int i = offsets[b]; i < end; ++i)
        each.row(i) = rows.row(Index(b)) / (mode == see::BagMode::mean ? end - offsets[b] : 1);
    }
    see::Gradient<double> expected(bag.layer()), got(bag.layer());
    bag.layer().backward(ids, each, expected);
    bag.backward(ids, offsets, rows, got);
    for (int i = 0; i < got.size(); ++i)
      CHECK((got[i].to_dense() - expected[i].to_dense()).norm() <=
            1e-11 * (1 + expected[i].to_dense().norm()));
  }
  const see::EmbeddingBag bag{EntangledEmbedding<double>(parts), see::BagMode::sum};
  std::vector<double> expected;
  for (const auto& run : executors()) {
    see::Gradient<double> gradient(bag.layer());
    std::vector<double> weight_gradient(ids.size());
    bag.backward(ids, offsets, rows, gradient, weights, weight_gradient, run);
    if (expected.empty()) expected = weight_gradient;
    CHECK(weight_gradient == expected);
  }
}

TEST_CASE("backward into a gradient used before allocates nothing", "[backward]") {
  for (const auto& setup : setups()) {
    if (setup.axes) continue;
    const EntangledEmbedding<float> layer(oracle::random_parts<float>(setup));
    see::Gradient<float> gradient(layer);
    for (const Index n : {1500, 40}) {
      const auto ids = random_ids(n, layer.num_embeddings());
      const auto rows = random_rows<float>(n, layer.embedding_dim());
      std::size_t before = 0;
      for (int step = 0; step < 3; ++step) {
        before = allocations;
        gradient.zero();
        layer.backward(ids, rows, gradient);
      }
      CHECK(allocations == before);
    }
  }
  see::Random random(2);
  const see::DenseEmbedding<float> dense(50, 20, random);
  see::Gradient<float> gradient(dense);
  const auto ids = random_ids(100, 50);
  const auto rows = random_rows<float>(100, 20);
  std::size_t before = 0;
  for (int step = 0; step < 3; ++step) {
    before = allocations;
    gradient.zero();
    dense.backward(ids, rows, gradient);
  }
  const bool none = allocations == before;
  CHECK(none);
  before = allocations;
  ::operator delete(::operator new(1));
  const bool counts = allocations == before + 1;
  CHECK(counts);
}

TEMPLATE_TEST_CASE("optimizers update rows of every width by their formulas", "[optimizer]", float,
                   double) {
  using Scalar = TestType;
  const double tolerance = 64 * std::numeric_limits<Scalar>::epsilon();
  for (const Index cols : {1, 2, 7, 8, 31, 56}) {
    const auto start = random_rows<Scalar>(4, cols);
    const auto g = random_rows<Scalar>(2, cols);
    const auto step = [&](auto optimizer) {
      see::DenseEmbedding<Scalar> layer(
          std::vector<Scalar>(start.data(), start.data() + start.size()), 4, cols);
      see::Gradient<Scalar> gradient(layer);
      layer.backward(std::vector<int>{3, 1}, g, gradient);
      optimizer.step(layer, gradient);
      CHECK(layer.weight().row(0) == start.row(0));
      CHECK(layer.weight().row(2) == start.row(2));
      RowMatrix<Scalar> change(2, cols);
      change.row(0) = layer.weight().row(3) - start.row(3);
      change.row(1) = layer.weight().row(1) - start.row(1);
      return change;
    };
    const auto check = [&](const RowMatrix<Scalar>& change, const RowMatrix<Scalar>& expected) {
      CHECK((change - expected).cwiseAbs().maxCoeff() <= tolerance);
    };
    check(step(see::Sgd<Scalar>(0.125)), Scalar(-0.125) * g);
    const RowMatrix<Scalar> sign = g.array().sign();
    check(step(see::Adagrad<Scalar>(0.125, 0)), Scalar(-0.125) * sign);
    check(step(see::Adam<Scalar>(0.125, 0.9, 0.999, 0)), Scalar(-0.125) * sign);
  }
}

TEST_CASE("a gradient serves again after there was no memory for its ranges", "[backward]") {
  const EntangledEmbedding<float> layer(oracle::random_parts<float>({.rank = 3}));
  const auto ids = random_ids(4000, layer.num_embeddings());
  const RowMatrix<float> rows = random_rows<float>(4000, layer.embedding_dim());
  see::Gradient<float> expected(layer);
  layer.backward(ids, rows, expected);
  for (std::size_t number = 1; number <= 40; ++number) {
    see::Gradient<float> gradient(layer);
    refused = allocations + number;
    try {
      layer.backward(ids, rows, gradient);
    } catch (const std::bad_alloc&) {
    }
    refused = 0;
    gradient.zero();
    layer.backward(ids, rows, gradient);
    CHECK(gradient[0].to_dense() == expected[0].to_dense());
  }
}
