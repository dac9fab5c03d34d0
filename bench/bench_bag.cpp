// Means over bags of 20 words: EmbeddingBag on an entangled and a dense layer, beside the loop over
// a dense Eigen table that one writes by hand.

#include <span>
#include <vector>

#include "see/nn/bag.hpp"
#include "see/nn/dense.hpp"
#include "tables.hpp"

namespace {

using see::Index;

constexpr Index bags = 1024, bag_size = 20, words = 32000, dim = 512;

std::vector<Index> regular_offsets() {
  std::vector<Index> offsets;
  for (Index b = 0; b < bags; ++b) offsets.push_back(b * bag_size);
  return offsets;
}

template <class Layer>
void run_bag(benchmark::State& state, Layer layer, double bytes) {
  const see::EmbeddingBag<Layer> bag(std::move(layer), see::BagMode::mean);
  const std::vector<Index> ids = bench::random_ids(bags * bag_size, words);
  const std::vector<Index> offsets = regular_offsets();
  see::RowMatrix<float> out(bags, dim);
  for (auto _ : state) {
    bag.forward(ids, offsets, out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, bags * bag_size, bytes);
}

void bag_entangled_1_sense_m7(benchmark::State& state) {
  see::EntangledEmbedding<float, 3> layer(bench::shared_parts(words, dim, 3, 2000, 1, 7));
  const double bytes = bench::file_bytes(layer);
  run_bag(state, std::move(layer), bytes);
}
BENCHMARK(bag_entangled_1_sense_m7)->Unit(benchmark::kMillisecond);

void bag_dense(benchmark::State& state) {
  const see::RowMatrix<float>& table = bench::dense_table(words, dim);
  const std::span<const float> numbers(table.data(), static_cast<std::size_t>(table.size()));
  run_bag(state, see::DenseEmbedding<float>({numbers, nullptr}, words, dim),
          bench::dense_bytes(words, dim));
}
BENCHMARK(bag_dense)->Unit(benchmark::kMillisecond);

void bag_dense_by_hand(benchmark::State& state) {
  const see::RowMatrix<float>& table = bench::dense_table(words, dim);
  const std::vector<Index> ids = bench::random_ids(bags * bag_size, words);
  see::RowMatrix<float> out(bags, dim);
  for (auto _ : state) {
    out.setZero();
    for (std::size_t i = 0; i < ids.size(); ++i)
      out.row(static_cast<Index>(i) / bag_size) += table.row(ids[i]);
    out /= static_cast<float>(bag_size);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, bags * bag_size, bench::dense_bytes(words, dim));
}
BENCHMARK(bag_dense_by_hand)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
