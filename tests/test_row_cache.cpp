#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/row_cache.hpp"
#include "temp_dir.hpp"

using see::Index;
using see::RowMatrix;

namespace {

see::EntangledEmbedding<float> layer_of(Index words) {
  oracle::Setup setup;
  setup.words = words;
  return see::EntangledEmbedding<float>(oracle::random_parts<float>(setup));
}

/// Ids of a Zipf-like draw.
std::vector<Index> draw(Index count, Index words, see::Random& random) {
  std::vector<Index> ids;
  for (Index i = 0; i < count; ++i) {
    const double u = random.uniform();
    ids.push_back(static_cast<Index>(u * u * u * static_cast<double>(words)));
  }
  return ids;
}

}  // namespace

TEST_CASE("a row cache gives the layer's rows, whatever it keeps", "[row_cache]") {
  const auto layer = layer_of(300);
  see::RowCache cache(layer, 4 * 20 * (16 * sizeof(float) + 16));
  see::Random random(4);
  for (const Index count : {0, 1, 7, 100, 3}) {
    const auto ids = draw(count, 300, random);
    RowMatrix<float> rows(count, layer.embedding_dim());
    cache.forward(ids, rows);
    CHECK(rows == layer.forward(ids));
  }
  CHECK(cache.lookups() == 111);
  CHECK(cache.hits() > 0);
  CHECK(cache.hits() < 111);
}

TEST_CASE("a row keeps its bits wherever it lies", "[row_cache]") {
  auto parts = oracle::random_parts<float>({.dims = {3, 3}, .words = 200});
  parts.layer_norm = see::LayerNorm<float>::identity(9);
  const see::EntangledEmbedding<float> layer(parts);
  see::RowCache cache(layer, 1 << 20);
  std::vector<Index> ids, others;
  for (Index i = 0; i < 200; ++i) ids.push_back(i), others.push_back((i * 7 + 3) % 200);
  RowMatrix<float> rows(200, 9);
  cache.forward(ids, rows);
  cache.forward(others, rows);
  CHECK(cache.hits() == 200);
  CHECK(rows == layer.forward(others));
}

TEST_CASE("what fits is hit from the second time on", "[row_cache]") {
  const auto layer = layer_of(40);
  see::RowCache cache(layer, 1 << 20);
  std::vector<Index> ids{3, 7, 3, 39};
  RowMatrix<float> rows(4, layer.embedding_dim());
  cache.forward(ids, rows);
  CHECK(cache.hits() == 0);
  cache.forward(ids, rows);
  CHECK(cache.hits() == 4);
  CHECK(cache.hit_rate() == 0.5);
  CHECK(rows == layer.forward(ids));
}

TEST_CASE("the least recently used row of a set makes room", "[row_cache]") {
  const auto layer = layer_of(9);
  const std::size_t set = 4 * (16 * sizeof(float) + 16);
  see::RowCache cache(layer, set);  // one set: four rows
  CHECK(cache.bytes() == set);
  RowMatrix<float> row(1, layer.embedding_dim());
  const auto hit = [&](Index word) {
    const auto before = cache.hits();
    cache.forward(std::vector<Index>{word}, row);
    return cache.hits() > before;
  };
  for (const Index word : {0, 1, 2, 3}) CHECK(!hit(word));
  CHECK(hit(0));
  CHECK(!hit(4));  // in the place of 1
  CHECK(hit(0));
  CHECK(hit(2));
  CHECK(!hit(1));
}

TEST_CASE("a row cache serves any layer and refuses what its layer refuses", "[row_cache]") {
  see::Random random(2);
  const see::DenseEmbedding<double> dense(5, 3, random);
  see::RowCache cache(dense, 1000);
  RowMatrix<double> rows(2, 3);
  cache.forward(std::vector<int>{4, 0}, rows);
  CHECK(rows == dense.forward(std::vector<int>{4, 0}));
  CHECK_THROWS_AS(cache.forward(std::vector<int>{5, 0}, rows), see::Error);
  CHECK(cache.lookups() == 2);
  CHECK(says<see::Error>("a row cache of 10 bytes", [&] { see::RowCache(dense, 10); }));
}
