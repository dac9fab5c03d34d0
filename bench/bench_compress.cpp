// From a dense table to a model: induced sememes for a ratio of 20 beside a truncated singular
// value decomposition of as many bytes, and a fit of sememes to a table on a lexicon.

#include <Eigen/Eigenvalues>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/compress/fit.hpp"
#include "see/compress/induced/induce.hpp"
#include "tables.hpp"

namespace {

using see::Index;

constexpr Index rows = 5000, dim = 64;
constexpr double ratio = 20;

/// Reports rows a second and what came out: bytes and sum |x-y|^2 / sum |x|^2.
void report(benchmark::State& state, Index count, double bytes, double relative_error) {
  bench::report_rows(state, count, bytes);
  state.counters["error"] = relative_error;
}

/// Sememes learned for a form that is given: 5 terms of 8 x 8, 256 units a slot.
void induced_given_form(benchmark::State& state) {
  const see::RowMatrix<float> table = bench::clustered_table(rows, dim);
  see::detail::InducedPlan plan;
  plan.dim = plan.width = dim;
  plan.q1 = plan.q2 = 8;
  plan.units1 = plan.units2 = 256;
  plan.terms = 5;
  double error = 0;
  for (auto _ : state) {
    see::detail::InducedOptions options;
    options.run = see::serial();
    error = see::detail::induce(table, plan, options).relative_error;
  }
  report(state, rows, double(see::detail::payload_bytes(plan, rows)), error);
}
BENCHMARK(induced_given_form)->Unit(benchmark::kMillisecond);

/// The whole way, the choice of a form included, which takes most of the time of a small table.
void compress_auto(benchmark::State& state) {
  constexpr Index some = 1000, width = 32;
  const see::Table table = bench::to_table(bench::clustered_table(some, width), false);
  double bytes = 0, error = 0;
  for (auto _ : state) {
    const see::Model<float> model = see::compress(table, {.ratio = 8, .run = see::serial()});
    bytes = double(see::model_bytes(model).total);
    error = std::stod(model.fit.at("relative_error"));
  }
  report(state, some, bytes, error);
}
BENCHMARK(compress_auto)->Unit(benchmark::kMillisecond);

/// The best low-rank approximation by hand, both its matrices in half precision.
void truncated_svd(benchmark::State& state) {
  const see::RowMatrix<float> table = bench::clustered_table(rows, dim);
  const auto rank =
      static_cast<Index>(bench::dense_bytes(rows, dim) / ratio / 2 / double(rows + dim));
  double error = 0;
  for (auto _ : state) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> eigen(table.transpose() * table);
    const see::RowMatrix<Eigen::half> axes =
        eigen.eigenvectors().rightCols(rank).transpose().cast<Eigen::half>();
    const see::RowMatrix<Eigen::half> coordinates =
        (table * axes.cast<float>().transpose()).cast<Eigen::half>();
    error = double((table - coordinates.cast<float>() * axes.cast<float>()).squaredNorm() /
                   table.squaredNorm());
  }
  report(state, rows, 2 * double(rows + dim) * double(rank), error);
}
BENCHMARK(truncated_svd)->Unit(benchmark::kMillisecond);

/// 1,000 words of one to three senses of two units out of 150, fitted to a table that such a layer
/// and noise of a quarter of its energy gave; no fit can reach an error much below a fifth.
void fit_on_lexicon(benchmark::State& state) {
  constexpr Index words = 1000, units = 150;
  see::Random random(4);
  see::LexiconBuilder builder(see::SlotTable::shared(2, units));
  const auto unit = [&] { return static_cast<Index>(random.below(units)); };
  for (Index w = 0; w < words; ++w) {
    builder.word();
    for (std::size_t s = 1 + random.below(3); s > 0; --s) builder.sense({unit(), unit()});
  }
  const see::Lexicon lexicon = builder.finish();
  const see::Shape shape = see::Shape::cube(dim, 2);
  see::RowMatrix<float> table = see::make_see(shape, lexicon, 2, {.seed = 9}).to_dense();
  for (float& value : table.reshaped()) value += static_cast<float>(0.5 * random.normal());
  double bytes = 0, error = 0;
  for (auto _ : state) {
    auto layer = see::make_see(shape, lexicon, 2);
    error = see::fit(layer, table, {.run = see::serial()}).relative_error;
    bytes = bench::file_bytes(layer);
  }
  report(state, words, bytes, error);
}
BENCHMARK(fit_on_lexicon)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
