// Training an embedding layer on a batch of 4,096 ids: forward and backward each by itself, and a
// whole step, forward, backward and Adam, of an entangled and a dense layer, beside a dense Eigen
// table whose touched rows are updated by hand.

#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "see/core/parallel.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/optimizer.hpp"
#include "tables.hpp"

namespace {

using see::Index;

constexpr Index batch = 4096, words = 32000, dim = 512;

/// Steps towards rows of zeros, so that the gradient of half the squared error is the output.
template <class Trained>
void run_steps(benchmark::State& state, Trained layer, double bytes) {
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

using Layer = see::EntangledEmbedding<float, 3>;
using Parts = see::EmbeddingParts<float>;

Parts one_sense_m7() { return bench::shared_parts(words, dim, 3, 2000, 1, 7); }
Parts seven_senses_m1() { return bench::shared_parts(words, dim, 3, 2000, 7, 1); }
Parts seven_senses_m1_gains() {
  Parts parts = seven_senses_m1();
  parts.gain_scope = see::GainScope::term;
  parts.gains = std::vector<float>(7, 1.F);
  return parts;
}

/// One pass, on an executor where the layer takes one.
template <class Layer>
void run_forward(const Layer& layer, std::span<const Index> ids, see::RowMatrix<float>& rows,
                 const see::Executor& run) {
  if constexpr (bench::ForwardOn<Layer>)
    layer.forward(ids, rows, run);
  else
    layer.forward(ids, rows);
}
template <class Layer>
void run_backward(const Layer& layer, std::span<const Index> ids, const see::RowMatrix<float>& rows,
                  see::Gradient<float>& gradient, const see::Executor& run) {
  if constexpr (bench::BackwardOn<Layer>)
    layer.backward(ids, rows, gradient, run);
  else
    layer.backward(ids, rows, gradient);
}

void forward(benchmark::State& state, const Parts& parts, unsigned threads) {
  const Layer layer(parts);
  const std::vector<Index> ids = bench::random_ids(batch, words);
  see::RowMatrix<float> rows = see::RowMatrix<float>::Zero(batch, dim);
  const see::Executor run = see::threads(threads);
  for (auto _ : state) {
    run_forward(layer, ids, rows, run);
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, bench::file_bytes(layer));
}

/// Adds into the same gradient again and again, as one that accumulates over batches does.
void backward(benchmark::State& state, const Parts& parts, unsigned threads) {
  const Layer layer(parts);
  const std::vector<Index> ids = bench::random_ids(batch, words);
  const see::RowMatrix<float> rows = layer.forward(ids);
  see::Gradient<float> gradient(layer);
  const see::Executor run = see::threads(threads);
  gradient.zero();
  run_backward(layer, ids, rows, gradient, run);  // touches the memory that all later ones reuse
  for (auto _ : state) {
    run_backward(layer, ids, rows, gradient, run);
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, bench::file_bytes(layer));
}

using Pass = void (*)(benchmark::State&, const Parts&, unsigned);

void add_pass(const char* name, Pass pass, bool on_threads) {
  const std::pair<const char*, Parts (*)()> forms[] = {
      {"1_sense_m7", one_sense_m7},
      {"7_senses_m1", seven_senses_m1},
      {"7_senses_m1_gains", seven_senses_m1_gains}};
  for (const auto& [form, make] : forms)
    for (const unsigned threads : {1U, 2U}) {
      if (threads > 1 && !on_threads) continue;
      const std::string full =
          std::string(name) + "_entangled_" + form + (threads == 1 ? "/1_thread" : "/2_threads");
      auto* benchmark = benchmark::RegisterBenchmark(
          full.c_str(), [=, make = make](auto& state) { pass(state, make(), threads); });
      benchmark->Unit(benchmark::kMillisecond);
      if (threads > 1) benchmark->UseRealTime();
    }
}

void step_entangled_1_sense_m7(benchmark::State& state) {
  Layer layer(one_sense_m7());
  const double bytes = bench::file_bytes(layer);
  run_steps(state, std::move(layer), bytes);
}
BENCHMARK(step_entangled_1_sense_m7)->Unit(benchmark::kMillisecond);

void step_entangled_7_senses_m1(benchmark::State& state) {
  Layer layer(seven_senses_m1());
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

int main(int argc, char** argv) {
  add_pass("forward", forward, bench::ForwardOn<Layer>);
  add_pass("backward", backward, bench::BackwardOn<Layer>);
  return bench::run(argc, argv);
}
