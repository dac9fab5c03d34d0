// Decoding random rows of a trellis-coded table, beside copying rows of a dense Eigen table. Codes
// are random: decoding takes the same time whatever they hold.

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "see/model/trellis_codes.hpp"
#include "tables.hpp"

namespace {

using see::Index;

constexpr Index batch = 4096;

/// Rates that fall with the column as those of principal axes do, `bits` an entry on average in the
/// middle class, more in some classes and less in others.
see::detail::TrellisCodes random_residual(Index rows, Index dim, Index classes, double bits) {
  see::Random random(5);
  see::detail::TrellisParts parts;
  parts.rows = rows;
  parts.dim = dim;
  parts.classes = classes;
  parts.window_bits = 12;
  std::vector<std::uint8_t> rates, sigmas;
  std::vector<std::uint64_t> class_bits;
  for (Index c = 0; c < classes; ++c) {
    const double share = 0.5 + static_cast<double>(c) / static_cast<double>(classes);
    double wanted = 0;
    std::uint64_t given = 0;
    for (Index t = 0; t < dim; ++t) {
      wanted += bits * share * (1.5 - static_cast<double>(t) / static_cast<double>(dim));
      const auto rate = static_cast<std::uint64_t>(wanted - static_cast<double>(given) + 0.5);
      rates.push_back(static_cast<std::uint8_t>(t == 0 ? rate + 1 : rate));
      sigmas.push_back(rate > 0 || t == 0 ? 200 : 0);
      given += rates.back();
    }
    class_bits.push_back(given);
  }
  std::vector<std::uint32_t> ids;
  std::uint64_t total = 0;
  for (Index w = 0; w < rows; ++w) {
    ids.push_back(static_cast<std::uint32_t>(random.below(static_cast<std::size_t>(classes))));
    total += class_bits[ids.back()];
  }
  parts.row_classes = see::PackedArray(std::span<const std::uint32_t>(ids),
                                       see::detail::bits_for(static_cast<std::uint64_t>(classes)));
  parts.rates = see::PackedArray(std::span<const std::uint8_t>(rates), see::detail::rate_bits);
  parts.means = see::Array<std::int8_t>(sigmas.size());
  parts.sigmas = std::move(sigmas);
  parts.mean_scales = see::Array<float>(static_cast<std::size_t>(classes));
  parts.sigma_scale = 1;
  std::vector<std::uint8_t> codes(see::detail::packed_bytes(total));
  for (auto& byte : codes) byte = static_cast<std::uint8_t>(random.next());
  parts.codes = std::move(codes);
  return see::detail::TrellisCodes(std::move(parts));
}

void decode(benchmark::State& state, Index rows, Index dim, Index classes, double bits) {
  const see::detail::TrellisCodes residual = random_residual(rows, dim, classes, bits);
  const std::vector<Index> ids = bench::random_ids(batch, rows);
  see::RowMatrix<float> out(batch, dim);
  for (auto _ : state) {
    residual.write_rows(ids, see::RowMatrixRef<float>(out));
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, static_cast<double>(residual.bytes()));
}

/// 20 bytes a row of 100 numbers: 20,000 rows stay in cache, 341,479 do not.
void decode_20000x100(benchmark::State& state) { decode(state, 20000, 100, 16, 1.6); }
void decode_341479x100_of_256_classes(benchmark::State& state) {
  decode(state, 341479, 100, 256, 1.6);
}
void decode_32000x512(benchmark::State& state) { decode(state, 32000, 512, 16, 1.6); }

void decode_341479x100_of_16_classes(benchmark::State& state) {
  decode(state, 341479, 100, 16, 1.6);
}
void copy_341479x100(benchmark::State& state) {
  const see::RowMatrix<float>& table = bench::dense_table(341479, 100);
  const std::vector<Index> ids = bench::random_ids(batch, table.rows());
  see::RowMatrix<float> out(batch, table.cols());
  for (auto _ : state) {
    for (Index i = 0; i < batch; ++i) out.row(i) = table.row(ids[static_cast<std::size_t>(i)]);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, static_cast<double>(table.size()) * sizeof(float));
}

BENCHMARK(decode_20000x100);
BENCHMARK(decode_341479x100_of_256_classes);
BENCHMARK(decode_32000x512);
BENCHMARK(decode_341479x100_of_16_classes);
BENCHMARK(copy_341479x100);

}  // namespace

BENCHMARK_MAIN();
