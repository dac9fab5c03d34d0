// One training step of an embedding layer, forward, backward and Adam, for a batch of 4,096 ids: an
// entangled and a dense layer, beside a dense Eigen table whose touched rows are updated by hand.

#include <cmath>
#include <vector>

#include "see/nn/dense.hpp"
#include "see/nn/optimizer.hpp"
#include "tables.hpp"

namespace {

using see::Index;

constexpr Index batch = 4096, words = 32000, dim = 512;

/// Steps towards rows of zeros, so that the gradient of half the squared error is the output.
template <class Layer>
void run_steps(benchmark::State& state, Layer layer, double bytes) {
  const std::vector<Index> ids = bench::random_ids(batch, words);
  see::RowMatrix<float> rows(batch, dim);
  see::Gradient<float> gradient(layer);
  see::Adam<float> adam;
  const auto step = [&] {
    gradient.zero();
    layer.forward(ids, rows);
    layer.backward(ids, rows, gradient);
    adam.step(layer, gradient);
    benchmark::ClobberMemory();
  };
  step();  // touches the memory that all later ones reuse
  for (auto _ : state) step();
  bench::report_rows(state, batch, bytes);
}

void step_entangled_1_sense_m7(benchmark::State& state) {
  see::EntangledEmbedding<float, 3> layer(bench::shared_parts(words, dim, 3, 2000, 1, 7));
  const double bytes = bench::file_bytes(layer);
  run_steps(state, std::move(layer), bytes);
}
BENCHMARK(step_entangled_1_sense_m7)->Unit(benchmark::kMillisecond);

void step_entangled_7_senses_m1(benchmark::State& state) {
  see::EntangledEmbedding<float, 3> layer(bench::shared_parts(words, dim, 3, 2000, 7, 1));
  const double bytes = bench::file_bytes(layer);
  run_steps(state, std::move(layer), bytes);
}
BENCHMARK(step_entangled_7_senses_m1)->Unit(benchmark::kMillisecond);

void step_dense(benchmark::State& state) {
  see::Random random(1);
  run_steps(state, see::DenseEmbedding<float>(words, dim, random), bench::dense_bytes(words, dim));
}
BENCHMARK(step_dense)->Unit(benchmark::kMillisecond);

void step_dense_by_hand(benchmark::State& state) {
  const std::vector<Index> ids = bench::random_ids(batch, words);
  see::RowMatrix<float> table = bench::dense_table(words, dim);
  see::RowMatrix<float> mean = see::RowMatrix<float>::Zero(words, dim), square = mean;
  see::RowMatrix<float> rows(batch, dim), gradient = see::RowMatrix<float>::Zero(words, dim);
  const float rate = 1e-3F;
  const auto step = [&] {
    for (Index i = 0; i < batch; ++i) rows.row(i) = table.row(ids[static_cast<std::size_t>(i)]);
    for (Index i = 0; i < batch; ++i) gradient.row(ids[static_cast<std::size_t>(i)]) += rows.row(i);
    // A row that the batch names twice is updated once, since its gradient is zero afterwards.
    for (const Index id : ids) {
      auto g = gradient.row(id).array();
      if (g[0] == 0) continue;
      auto m = mean.row(id).array();
      auto s = square.row(id).array();
      m += 0.1F * (g - m);
      s += 0.001F * (g.square() - s);
      table.row(id).array() -= rate * m / (s.sqrt() + 1e-8F);
      g.setZero();
    }
    benchmark::ClobberMemory();
  };
  step();
  for (auto _ : state) step();
  bench::report_rows(state, batch, bench::dense_bytes(words, dim));
}
BENCHMARK(step_dense_by_hand)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
