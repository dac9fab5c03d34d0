// Scores of one hidden state against all words, as a tied output layer needs them: without rows,
// beside Eigen's matrix-vector product with the dense table.
//
// SEE_BENCH_LARGE=1 takes 128,000 words of 1024 numbers (a dense table of 524 MB) in place of
// 20,000 of 512.

#include <cstdlib>
#include <utility>

#include "see/model/scorer.hpp"
#include "tables.hpp"

namespace {

using see::Index;

struct Size {
  Index words, dim;
};

Size size() { return std::getenv("SEE_BENCH_LARGE") ? Size{128000, 1024} : Size{20000, 512}; }

see::RowMatrix<float> hidden_state() {
  see::Random random(9);
  return see::RowMatrix<float>::NullaryExpr(
      1, size().dim, [&](Index, Index) { return static_cast<float>(random.normal()); });
}

void dense(benchmark::State& state) {
  const see::RowMatrix<float>& table = bench::dense_table(size().words, size().dim);
  const Eigen::VectorXf hidden = hidden_state().row(0).transpose();
  Eigen::VectorXf logits(size().words);
  for (auto _ : state) {
    logits.noalias() = table * hidden;
    benchmark::DoNotOptimize(logits.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, size().words, bench::dense_bytes(size().words, size().dim));
}

void entangled(benchmark::State& state, see::EmbeddingParts<float> parts) {
  const see::Scorer scorer(see::EntangledEmbedding<float, 2>(std::move(parts)));
  const see::RowMatrix<float> hidden = hidden_state();
  see::RowMatrix<float> logits(1, size().words);
  for (auto _ : state) {
    scorer.logits(hidden, logits);
    benchmark::DoNotOptimize(logits.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, size().words, bench::file_bytes(scorer.layer()));
}

/// Four senses a word of 2,000 shared units.
void rank_4(benchmark::State& state) {
  entangled(state, bench::shared_parts(size().words, size().dim, 2, 2000, 4, 1));
}

/// The form of a table compressed 20 times with induced sememes, without axes: as many terms of two
/// units of 256 as fit.
void induced_20x(benchmark::State& state) {
  const Index terms = size().dim * 4 / 20 / 2;
  const see::Shape shape = see::Shape::balanced(size().dim, 2);
  const std::vector<Index> ranks(static_cast<std::size_t>(size().words), terms);
  entangled(state, see::make_parts(shape,
                                   see::Lexicon(see::SlotTable::per_slot({256, 256}), ranks,
                                                bench::random_ids(size().words * terms * 2, 256)),
                                   1, {.gains = see::GainScope::term}));
}

}  // namespace

BENCHMARK(dense)->Unit(benchmark::kMillisecond);
BENCHMARK(rank_4)->Unit(benchmark::kMillisecond);
BENCHMARK(induced_20x)->Unit(benchmark::kMillisecond);
BENCHMARK_MAIN();
