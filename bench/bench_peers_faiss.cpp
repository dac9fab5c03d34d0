// Product quantizers of FAISS beside models of `see` compress at as many bytes: rows decoded, and
// the ten best words of a query, in one thread.
//
// The table is the first 20,000 rows of the file SEE_BENCH_TABLE names (any that read_table reads),
// else one of 20,000 x 100 with a falling spectrum. PQ and OPQ (with a rotation) have 8 bits a
// subvector, FAISS's fastest form, and the number of subvectors that comes nearest to a ratio of
// 20; codebooks and rotation count two bytes a number. Each gets a model of see::compress of at
// most as many bytes. What trains takes a minute. At d = 1024 all numbers are random: only speed is
// shown.
//
// FAISS decodes a rotation and scans through BLAS: use a fast one (Debian: libopenblas0-pthread)
// and set OPENBLAS_NUM_THREADS=1.

#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/VectorTransform.h>
#include <omp.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "see/compress/compress.hpp"
#include "see/io/read_table.hpp"
#include "see/model/scorer.hpp"
#include "tables.hpp"

namespace {

using see::Index;

constexpr Index some_rows = 20000, batch = 4096, queries = 64, best = 10;
constexpr double ratio = 20;

const see::Table& table() {
  static const see::Table table = [] {
    if (const char* file = std::getenv("SEE_BENCH_TABLE"))
      return see::read_table(file).first(some_rows);
    return bench::to_table(bench::clustered_table(some_rows, 100), false);
  }();
  return table;
}

/// The first rows as queries.
see::RowMatrix<float> some_queries(const see::Table& from) {
  return from.matrix().topRows(queries);
}

double relative_error(see::ConstRowMatrixRef<float> rows) {
  return double((rows - table().matrix()).squaredNorm() / table().matrix().squaredNorm());
}

/// A trained quantizer and the codes of all rows.
struct Quantizer {
  std::unique_ptr<faiss::OPQMatrix> rotation;  ///< none for PQ
  std::unique_ptr<faiss::IndexPQ> pq;
  std::unique_ptr<faiss::IndexPreTransform> rotated;
  std::vector<std::uint8_t> codes;

  const faiss::Index& index() const {
    if (rotated) return *rotated;
    return *pq;
  }
  std::size_t code_bytes() const { return index().sa_code_size(); }
  double bytes() const {
    const double d = static_cast<double>(pq->d);
    return static_cast<double>(codes.size()) +
           2 * (static_cast<double>(pq->pq.ksub) * d + (rotation ? d * d : 0));
  }
};

/// Subvectors of d / M numbers each, of 8 bits, that bring the bytes nearest to the ratio.
std::size_t subvectors(Index rows, Index dim, bool with_rotation) {
  const double n = static_cast<double>(rows), d = static_cast<double>(dim);
  const double wanted = std::log(4 * n * d / ratio);
  const auto miss = [&](Index m) {
    return std::abs(std::log(n * double(m) + 512 * d + (with_rotation ? 2 * d * d : 0)) - wanted);
  };
  Index chosen = 1;
  for (Index m = 2; m <= dim; ++m)
    if (dim % m == 0 && miss(m) < miss(chosen)) chosen = m;
  return static_cast<std::size_t>(chosen);
}

Quantizer train(bool with_rotation) {
  const see::Table& from = table();
  const auto d = static_cast<int>(from.dim());
  const std::size_t m = subvectors(from.rows(), from.dim(), with_rotation);
  Quantizer result;
  result.pq = std::make_unique<faiss::IndexPQ>(d, m, 8, faiss::METRIC_INNER_PRODUCT);
  faiss::Index* index = result.pq.get();
  if (with_rotation) {
    result.rotation = std::make_unique<faiss::OPQMatrix>(d, static_cast<int>(m));
    result.rotated =
        std::make_unique<faiss::IndexPreTransform>(result.rotation.get(), result.pq.get());
    index = result.rotated.get();
  }
  index->train(from.rows(), from.matrix().data());
  index->add(from.rows(), from.matrix().data());
  result.codes = result.pq->codes;
  return result;
}

/// The quantizer and a model of at most its bytes; each made when first asked for.
class Pair {
 public:
  explicit Pair(bool with_rotation) : with_rotation_(with_rotation) {}

  const Quantizer& quantizer() {
    if (!quantizer_) quantizer_ = std::make_unique<Quantizer>(train(with_rotation_));
    return *quantizer_;
  }
  const see::EntangledEmbedding<float>& model() {
    if (!model_)
      model_ = std::make_unique<see::Model<float>>(
          see::compress(table(), {.bytes = static_cast<std::uint64_t>(quantizer().bytes())}));
    return model_->embedding;
  }
  double model_bytes() {
    model();
    return double(see::model_bytes(*model_).total);
  }

 private:
  bool with_rotation_;
  std::unique_ptr<Quantizer> quantizer_;
  std::unique_ptr<see::Model<float>> model_;
};

Pair& pair_of(bool with_rotation) {
  static Pair plain(false), rotated(true);
  return with_rotation ? rotated : plain;
}

/// Decodes random codes; the copy of a code to where the batch lies counts, as a look-up of ours
/// does.
void decode_faiss(benchmark::State& state, const faiss::Index& index,
                  const std::vector<std::uint8_t>& codes, double bytes) {
  const std::size_t size = index.sa_code_size();
  const std::vector<Index> ids = bench::random_ids(batch, static_cast<Index>(codes.size() / size));
  std::vector<std::uint8_t> chosen(ids.size() * size);
  see::RowMatrix<float> out = see::RowMatrix<float>::Zero(batch, index.d);
  for (auto _ : state) {
    for (std::size_t i = 0; i < ids.size(); ++i)
      std::memcpy(chosen.data() + i * size, codes.data() + static_cast<std::size_t>(ids[i]) * size,
                  size);
    index.sa_decode(batch, chosen.data(), out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, bytes);
}

template <class Layer>
void decode_see(benchmark::State& state, const Layer& layer, double bytes) {
  const std::vector<Index> ids = bench::random_ids(batch, layer.num_embeddings());
  see::RowMatrix<float> out = see::RowMatrix<float>::Zero(batch, layer.embedding_dim());
  for (auto _ : state) {
    layer.forward(ids, out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, bytes);
  state.counters["axes"] = layer.parts().basis.has_axes();
}

void decode_faiss_table(benchmark::State& state, bool with_rotation) {
  const Quantizer& quantizer = pair_of(with_rotation).quantizer();
  decode_faiss(state, quantizer.index(), quantizer.codes, quantizer.bytes());
  see::RowMatrix<float> rows(table().rows(), table().dim());
  quantizer.index().sa_decode(rows.rows(), quantizer.codes.data(), rows.data());
  state.counters["error"] = relative_error(rows);
}

void decode_see_table(benchmark::State& state, bool with_rotation) {
  Pair& pair = pair_of(with_rotation);
  const see::EntangledEmbedding<float, 2> layer(pair.model().parts());
  decode_see(state, layer, pair.model_bytes());
  state.counters["error"] = relative_error(layer.to_dense());
}

void report_queries(benchmark::State& state, double bytes) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * queries);
  state.counters["bytes"] =
      benchmark::Counter(bytes, benchmark::Counter::kDefaults, benchmark::Counter::OneK::kIs1024);
}

/// By inner product with the codes, through a table of each query's products with the codebooks.
void scan_faiss(benchmark::State& state, bool with_rotation) {
  const Quantizer& quantizer = pair_of(with_rotation).quantizer();
  const see::RowMatrix<float> some = some_queries(table());
  std::vector<float> scores(queries * best);
  std::vector<std::int64_t> labels(queries * best);
  for (auto _ : state) {
    quantizer.index().search(queries, some.data(), best, scores.data(), labels.data());
    benchmark::DoNotOptimize(labels.data());
    benchmark::ClobberMemory();
  }
  report_queries(state, quantizer.bytes());
}

/// By inner product, without rows.
void scan_see(benchmark::State& state, bool with_rotation) {
  Pair& pair = pair_of(with_rotation);
  const see::Scorer scorer{see::EntangledEmbedding<float, 2>(pair.model().parts())};
  const see::RowMatrix<float> some = some_queries(table());
  for (auto _ : state) benchmark::DoNotOptimize(scorer.top_k(some, best));
  report_queries(state, pair.model_bytes());
}

constexpr Index wide_rows = 5000, wide_dim = 1024;

void decode_wide_faiss(benchmark::State& state) {
  const std::size_t m = subvectors(1 << 20, wide_dim, false);  // codebooks weigh nothing
  faiss::IndexPQ index(wide_dim, m, 8);
  see::Random random(1);
  for (float& value : index.pq.centroids) value = static_cast<float>(random.normal());
  index.is_trained = true;
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(wide_rows) * m);
  for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random.below(256));
  decode_faiss(state, index, codes, static_cast<double>(codes.size()) + 512.0 * wide_dim);
}

/// Terms of two units of 256, two bytes each, as many bytes a row as the quantizer's.
void decode_wide_see(benchmark::State& state) {
  const auto terms = static_cast<Index>(subvectors(1 << 20, wide_dim, false) / 2);
  const std::vector<Index> ranks(wide_rows, terms);
  const see::EntangledEmbedding<float, 2> layer(
      see::make_parts(see::Shape({32, 32}),
                      see::Lexicon(see::SlotTable::per_slot({256, 256}), ranks,
                                   bench::random_ids(wide_rows * terms * 2, 256)),
                      1, {.gains = see::GainScope::term}));
  decode_see(state, layer, bench::file_bytes(layer));
}

/// A trellis code of as many bytes a row, of rows whose entries differ in variance.
void decode_wide_trellis(benchmark::State& state) {
  const auto bytes = wide_rows * static_cast<Index>(subvectors(1 << 20, wide_dim, false));
  std::vector<float> values(static_cast<std::size_t>(wide_rows * wide_dim));
  see::Random random(1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto column = static_cast<double>(i % wide_dim);
    values[i] = static_cast<float>(random.normal() / std::sqrt(1 + column / 64));
  }
  std::vector<std::string> words;
  for (Index w = 0; w < wide_rows; ++w) words.push_back(std::to_string(w));
  const see::Table wide(see::Vocabulary::from(words), std::move(values), wide_rows, wide_dim);
  const see::EntangledEmbedding<float, 2> layer(
      see::compress(wide, {.bytes = static_cast<std::uint64_t>(bytes), .method = "trellis"})
          .embedding.parts());
  decode_see(state, layer, static_cast<double>(bytes));
}

void register_all() {
  const auto add = [](const std::string& name, auto body) {
    benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond);
  };
  for (const bool with_rotation : {false, true}) {
    const std::string name = with_rotation ? "opq" : "pq";
    const auto of = [&](auto body) {
      return [=](benchmark::State& state) { body(state, with_rotation); };
    };
    add("decode/faiss_" + name, of(decode_faiss_table));
    add("decode/see_at_bytes_of_" + name, of(decode_see_table));
    add("top_10/faiss_" + name, of(scan_faiss));
    add("top_10/see_at_bytes_of_" + name, of(scan_see));
  }
  add("decode_d1024/faiss_pq", decode_wide_faiss);
  add("decode_d1024/see", decode_wide_see);
  add("decode_d1024/see_trellis", decode_wide_trellis);
}

}  // namespace

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  register_all();
  try {
    return bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_peers_faiss: %s\n", error.what());
    return 1;
  }
}
