// Scores of hidden states against all words: logits as a tied output layer needs them, without
// rows, beside Eigen's product with the dense table; and the ten nearest words of a query, beside a
// scan of a dense table of unit rows.
//
// SEE_BENCH_LARGE=1 takes 128,000 words of 1024 numbers (a dense table of 524 MB) in place of
// 20,000 of 512 for the logits. These are measured for tables of 1 MB and of 64 MB too, which an L2
// and an L3 hold.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "see/core/parallel.hpp"
#include "see/eval/neighbors.hpp"
#include "see/model/cosine_search.hpp"
#include "see/model/scorer.hpp"
#include "tables.hpp"

namespace {

using see::Index;

struct Size {
  Index words, dim;
};

Size size() { return std::getenv("SEE_BENCH_LARGE") ? Size{128000, 1024} : Size{20000, 512}; }

/// Words whose dense table has `bytes`.
Index words_in(Index bytes) { return bytes / (4 * size().dim); }

constexpr Index neighbor_words = 341479, neighbor_dim = 100, best = 10;

see::RowMatrix<float> random_rows(Index count, Index dim) {
  see::Random random(9);
  return see::RowMatrix<float>::NullaryExpr(
      count, dim, [&](Index, Index) { return static_cast<float>(random.normal()); });
}

/// Reports words a second, and for the dense product what it must read.
void report(benchmark::State& state, Index words, double bytes, const bench::Work& work) {
  bench::report_rows(state, words, bytes);
  bench::report_shares(state, words, work);
}

bench::Work dense_work(Index dim) { return {double(dim), 4 * double(dim), 0}; }

void dense_logits(benchmark::State& state, Index words) {
  const see::RowMatrix<float>& table = bench::dense_table(words, size().dim);
  const Eigen::VectorXf hidden = random_rows(1, size().dim).row(0).transpose();
  Eigen::VectorXf logits(words);
  for (auto _ : state) {
    logits.noalias() = table * hidden;
    benchmark::DoNotOptimize(logits.data());
    benchmark::ClobberMemory();
  }
  report(state, words, bench::dense_bytes(words, size().dim), dense_work(size().dim));
}

using Layer = see::EntangledEmbedding<float, 2>;
using Parts = see::EmbeddingParts<float>;

void logits(benchmark::State& state, const std::function<Parts()>& make, unsigned threads) {
  const see::Scorer scorer{Layer(make())};
  const Index words = scorer.layer().num_embeddings();
  const see::RowMatrix<float> hidden = random_rows(1, size().dim);
  see::RowMatrix<float> out(1, words);
  const see::Executor run = see::threads(threads);
  for (auto _ : state) {
    scorer.logits(hidden, out, run);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, words, bench::file_bytes(scorer.layer()));
}

/// Four senses a word of 2,000 shared units, or of half as many units as words.
Parts rank_4_of(Index words) {
  return bench::shared_parts(words, size().dim, 2, std::min<Index>(2000, words / 2), 4, 1);
}
Parts rank_4() { return rank_4_of(size().words); }

/// The form of a table compressed 20 times with induced sememes: as many terms of two units of 256
/// as fit.
Parts induced_20x() {
  const Index terms = size().dim * 4 / 20 / 2;
  const see::Shape shape = see::Shape::balanced(size().dim, 2);
  const std::vector<Index> ranks(static_cast<std::size_t>(size().words), terms);
  return see::make_parts(shape,
                         see::Lexicon(see::SlotTable::per_slot({256, 256}), ranks,
                                      bench::random_ids(size().words * terms * 2, 256)),
                         1, {.gains = see::GainScope::term});
}

/// The same with a rotation behind it.
Parts induced_20x_with_axes() {
  Parts parts = induced_20x();
  const see::RowMatrix<float> axes = random_rows(size().dim, size().dim);
  parts.basis = {see::Array<float>(),
                 see::Array<float>(std::vector<float>(axes.data(), axes.data() + axes.size()))};
  return parts;
}

/// By the product of the queries with a table of unit rows, 1,024 of them at a time.
void dense_neighbors(benchmark::State& state, Index queries) {
  static const see::RowMatrix<float> table =
      random_rows(neighbor_words, neighbor_dim).rowwise().normalized();
  const see::RowMatrix<float> unit = random_rows(queries, neighbor_dim).rowwise().normalized();
  constexpr Index panel = 1024;
  see::RowMatrix<float> scores(queries, panel);
  using Scored = std::pair<float, Index>;
  std::vector<std::vector<Scored>> heaps(static_cast<std::size_t>(queries));
  for (auto _ : state) {
    for (auto& heap : heaps) heap.assign(best, {-2.F, -1});
    for (Index first = 0; first < neighbor_words; first += panel) {
      const Index count = std::min(panel, neighbor_words - first);
      if (queries == 1)
        scores.row(0).head(count).transpose().noalias() =
            table.middleRows(first, count) * unit.row(0).transpose();
      else
        scores.leftCols(count).noalias() = unit * table.middleRows(first, count).transpose();
      for (Index q = 0; q < queries; ++q) {
        auto& heap = heaps[static_cast<std::size_t>(q)];
        for (Index i = 0; i < count; ++i) {
          if (scores(q, i) <= heap.front().first) continue;
          std::pop_heap(heap.begin(), heap.end(), std::greater<>());
          heap.back() = {scores(q, i), first + i};
          std::push_heap(heap.begin(), heap.end(), std::greater<>());
        }
      }
    }
    benchmark::DoNotOptimize(heaps.data());
    benchmark::ClobberMemory();
  }
  bench::Work work = dense_work(neighbor_dim);
  work.multiply_adds *= static_cast<double>(queries);
  report(state, neighbor_words, bench::dense_bytes(neighbor_words, neighbor_dim), work);
}

/// What a search holds besides the layer: the scores of all pairs of 256 units for one query, and
/// for 64 a block of 64 rows, the queries three times over and a block of scores.
double work_bytes(Index queries) {
  if (queries == 1) return 4.0 * 256 * 256;
  const auto block = 64.0 * static_cast<double>(neighbor_dim), all = static_cast<double>(queries);
  return 4 * (block + 3 * all * static_cast<double>(neighbor_dim) + 64 * all);
}

/// By cosine, without a table of rows; the bytes count the norms that the search keeps too.
void cosine(benchmark::State& state, Index queries) {
  const see::CosineSearch search{Layer(bench::induced_parts(neighbor_words))};
  const see::RowMatrix<float> some = random_rows(queries, neighbor_dim);
  for (auto _ : state) benchmark::DoNotOptimize(search.nearest(some, best));
  bench::report_rows(
      state, neighbor_words,
      bench::file_bytes(search.layer()) + 4.0 * neighbor_words + work_bytes(queries));
}

/// By cosine, from rows decoded in blocks; the bytes count the block too.
void nearest(benchmark::State& state, Index queries) {
  const Layer layer(bench::induced_parts(neighbor_words));
  const see::RowMatrix<float> some = random_rows(queries, neighbor_dim);
  for (auto _ : state) benchmark::DoNotOptimize(see::nearest(layer, some, best));
  const double block = 8192 * 4.0 * neighbor_dim + 512 * 1024;
  bench::report_rows(state, neighbor_words, bench::file_bytes(layer) + block);
}

/// By inner product, without a table of rows.
void top_k(benchmark::State& state, Index queries) {
  const see::Scorer scorer{Layer(bench::induced_parts(neighbor_words))};
  const see::RowMatrix<float> some = random_rows(queries, neighbor_dim);
  for (auto _ : state) benchmark::DoNotOptimize(scorer.top_k(some, best));
  bench::report_rows(state, neighbor_words,
                     bench::file_bytes(scorer.layer()) + work_bytes(queries));
}

void register_all() {
  const auto add = [](const std::string& name, auto body) {
    return benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond);
  };
  add("logits/dense", [](auto& state) { dense_logits(state, size().words); });
  for (const auto& [place, bytes] :
       {std::pair("_in_l2", Index{1} << 20), {"_in_l3", Index{1} << 26}}) {
    add(std::string("logits/dense") + place,
        [words = words_in(bytes)](auto& state) { dense_logits(state, words); });
    add(std::string("logits/rank_4") + place + "/1_thread", [words = words_in(bytes)](auto& state) {
      logits(
          state, [=] { return rank_4_of(words); }, 1);
    });
  }
  const std::pair<const char*, Parts (*)()> forms[] = {{"rank_4", rank_4},
                                                       {"induced_20x", induced_20x},
                                                       {"induced_20x_axes", induced_20x_with_axes}};
  for (const auto& [name, make] : forms) {
    const std::string base = std::string("logits/") + name;
    add(base + "/1_thread", [make = make](auto& state) { logits(state, make, 1); });
    add(base + "/2_threads", [make = make](auto& state) { logits(state, make, 2); })->UseRealTime();
  }
  for (const Index queries : {1, 64}) {
    const std::string many = "/" + std::to_string(queries) + (queries == 1 ? "_query" : "_queries");
    add("top_10/dense" + many, [=](auto& state) { dense_neighbors(state, queries); });
    add("top_10/cosine" + many, [=](auto& state) { cosine(state, queries); });
    add("top_10/nearest" + many, [=](auto& state) { nearest(state, queries); });
    add("top_10/scorer" + many, [=](auto& state) { top_k(state, queries); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  return bench::run(argc, argv);
}
