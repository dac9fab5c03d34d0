// Looking rows up: entangled layers beside the loop that copies rows of a dense Eigen table.
//
// SEE_BENCH_LARGE=1 adds the dense table of 1,000,000 x 512 (2 GB), which no cache holds.

#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tables.hpp"

namespace {

using see::Index;

constexpr Index batch = 16384;

/// What a batch is looked up into: rows of its own, or a block that the next batch overwrites.
enum class Output { whole, block };
constexpr Index block_rows = 64;

/// Calls look_up(ids, rows) for the batch, whole or block by block.
template <class LookUp>
void run_batches(benchmark::State& state, Output output, const std::vector<Index>& ids, Index dim,
                 const LookUp& look_up) {
  const auto count = static_cast<Index>(ids.size());
  const Index step = output == Output::whole ? count : block_rows;
  see::RowMatrix<float> rows = see::RowMatrix<float>::Zero(step, dim);
  for (auto _ : state) {
    for (Index first = 0; first < count; first += step) {
      look_up(
          std::span(ids).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(step)),
          rows);
      benchmark::DoNotOptimize(rows.data());
      benchmark::ClobberMemory();
    }
  }
}

void dense_gather(benchmark::State& state, Index words, Index dim, Output output) {
  const see::RowMatrix<float>& table = bench::dense_table(words, dim);
  const auto look_up = [&](std::span<const Index> ids, see::RowMatrix<float>& rows) {
    for (Index i = 0; i < rows.rows(); ++i)
      rows.row(i) = table.row(ids[static_cast<std::size_t>(i)]);
  };
  run_batches(state, output, bench::random_ids(batch, words), dim, look_up);
  bench::report_rows(state, batch, bench::dense_bytes(words, dim));
}

template <class Layer>
void lookup(benchmark::State& state, see::EmbeddingParts<float> parts, Output output) {
  const Layer layer(std::move(parts));
  const auto look_up = [&](std::span<const Index> ids, see::RowMatrix<float>& rows) {
    layer.forward(ids, rows);
  };
  run_batches(state, output, bench::random_ids(batch, layer.num_embeddings()),
              layer.embedding_dim(), look_up);
  bench::report_rows(state, batch, bench::file_bytes(layer));
}

using Order3 = see::EntangledEmbedding<float, 3>;
using Order2 = see::EntangledEmbedding<float, 2>;
using AnyOrder = see::EntangledEmbedding<float>;

see::EmbeddingParts<float> one_sense() { return bench::shared_parts(32000, 512, 3, 2000, 1, 7); }
see::EmbeddingParts<float> seven_senses() { return bench::shared_parts(32000, 512, 3, 2000, 7, 1); }

/// One row a call, as a word at a time is looked up.
void single_dense(benchmark::State& state, Index words, Index dim) {
  const see::RowMatrix<float>& table = bench::dense_table(words, dim);
  const std::vector<Index> ids = bench::random_ids(batch, words);
  Eigen::RowVectorXf row(dim);
  std::size_t at = 0;
  for (auto _ : state) {
    row = table.row(ids[at++ % ids.size()]);
    benchmark::DoNotOptimize(row.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, 1, bench::dense_bytes(words, dim));
}

void single_lookup(benchmark::State& state) {
  const Order3 layer(one_sense());
  const std::vector<Index> ids = bench::random_ids(batch, layer.num_embeddings());
  see::RowMatrix<float> row(1, layer.embedding_dim());
  std::size_t at = 0;
  for (auto _ : state) {
    layer.forward(std::span(ids).subspan(at++ % ids.size(), 1), row);
    benchmark::DoNotOptimize(row.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, 1, bench::file_bytes(layer));
}

void register_all() {
  const auto add = [](const char* name, auto body) {
    benchmark::RegisterBenchmark(name, body)->Unit(benchmark::kMillisecond);
  };
  for (const Output output : {Output::whole, Output::block}) {
    const std::string into = output == Output::whole ? "/16384_rows" : "/64_row_block";
    const auto named = [&](const std::string& name, auto body) {
      add((name + into).c_str(), body);
    };
    named("d512/entangled_1_sense_m7",
          [output](benchmark::State& state) { lookup<Order3>(state, one_sense(), output); });
    named("d512/entangled_1_sense_m7_any_order",
          [output](benchmark::State& state) { lookup<AnyOrder>(state, one_sense(), output); });
    named("d512/entangled_7_senses_m1",
          [output](benchmark::State& state) { lookup<Order3>(state, seven_senses(), output); });
    named("d512/dense_32000",
          [output](benchmark::State& state) { dense_gather(state, 32000, 512, output); });
    if (std::getenv("SEE_BENCH_LARGE"))
      named("d512/dense_1000000",
            [output](benchmark::State& state) { dense_gather(state, 1000000, 512, output); });
    named("d100/induced_9_terms", [output](benchmark::State& state) {
      lookup<Order2>(state, bench::induced_parts(341479), output);
    });
    named("d100/dense_341479",
          [output](benchmark::State& state) { dense_gather(state, 341479, 100, output); });
  }
  benchmark::RegisterBenchmark("one_row/entangled_1_sense_m7", single_lookup);
  benchmark::RegisterBenchmark("one_row/dense_32000",
                               [](benchmark::State& state) { single_dense(state, 32000, 512); });
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
