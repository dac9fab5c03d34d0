// Looking rows up: entangled layers beside gathers from dense tables of three sizes, by memcpy and
// by Eigen's indexing, and beside the stores alone.
//
// No batch is looked up twice before all others of a stream of 61 have been, so that a table
// is in the cache that its size says. SEE_BENCH_LARGE=1 adds the dense table of 1,000,000 x 512 (2
// GB).

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "see/core/parallel.hpp"
#include "tables.hpp"

namespace {

using see::Index;
using Ids = std::span<const Index>;
using Rows = see::RowMatrixRef<float>;

constexpr Index batch = 16384, batches = 61, dim = 512;

/// What a batch is looked up into: rows of its own, or a block that the next rows overwrite.
enum class Output { whole, block };
constexpr Index block_rows = 64;

/// Something that gives rows: all of them in the calling thread and, where it can, on an executor.
struct Source {
  Index words;
  Index dim;
  double bytes;  ///< of the table or model
  bench::Work work;
  std::function<void(Ids, Rows)> look_up;
  std::function<void(Ids, Rows, const see::Executor&)> look_up_on = {};
};
using Maker = std::function<Source()>;

/// The stream of batches for a table of so many words.
const std::vector<Index>& stream_of(Index words) {
  static std::map<Index, std::vector<Index>> streams;
  std::vector<Index>& ids = streams[words];
  if (ids.empty()) ids = bench::shuffled_ids(batch * batches, words);
  return ids;
}

/// Looks a batch up on `threads` threads: all of it into rows of its own, or each thread's share
/// block by block.
void look_up(const Source& source, Output output, unsigned threads, const see::Executor& run,
             Ids ids, see::RowMatrix<float>& out) {
  if (output == Output::whole && threads == 1) return source.look_up(ids, out);
  if (output == Output::whole && source.look_up_on) return source.look_up_on(ids, out, run);
  const std::size_t grain = output == Output::whole ? 1024 : batch / threads;
  see::for_ranges(run, ids.size(), grain, [&](std::size_t first, std::size_t last) {
    const Ids some = ids.subspan(first, last - first);
    if (output == Output::whole) {
      source.look_up(some, out.middleRows(static_cast<Index>(first), std::ssize(some)));
      return;
    }
    const Index own = static_cast<Index>(first / grain) * block_rows;
    for (std::size_t i = 0; i < some.size(); i += block_rows) {
      source.look_up(some.subspan(i, block_rows), out.middleRows(own, block_rows));
      benchmark::ClobberMemory();
    }
  });
}

void gather(benchmark::State& state, const Source& source, Output output, unsigned threads) {
  const Ids ids = stream_of(source.words);
  const see::Executor run = see::threads(threads);
  see::RowMatrix<float> out = see::RowMatrix<float>::Zero(
      output == Output::whole ? batch : block_rows * static_cast<Index>(threads), source.dim);
  std::size_t at = 0;
  for (auto _ : state) {
    look_up(source, output, threads, run, ids.subspan(at, batch), out);
    at = (at + batch) % ids.size();
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, source.bytes);
  bench::Work work = source.work;
  if (output == Output::block) work.written = 0;
  bench::report_shares(state, batch, work);
}

/// One row a call, as a word at a time is looked up.
void one_row(benchmark::State& state, const Source& source) {
  const Ids ids = stream_of(source.words);
  see::RowMatrix<float> out(1, source.dim);
  std::size_t at = 0;
  for (auto _ : state) {
    source.look_up(ids.subspan(at++ % ids.size(), 1), out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, 1, source.bytes);
}

double row_bytes(Index width) { return 4 * static_cast<double>(width); }

Source dense(Index words, Index width) {
  const see::RowMatrix<float>& table = bench::dense_table(words, width);
  return {words,
          width,
          bench::dense_bytes(words, width),
          {0, row_bytes(width), row_bytes(width)},
          [&table](Ids ids, Rows out) {
            const auto bytes = static_cast<std::size_t>(table.cols()) * sizeof(float);
            for (Index i = 0; i < out.rows(); ++i)
              std::memcpy(out.data() + i * out.outerStride(),
                          table.data() + ids[static_cast<std::size_t>(i)] * table.cols(), bytes);
          }};
}

Source dense_by_eigen(Index words, Index width) {
  Source source = dense(words, width);
  source.look_up = [&table = bench::dense_table(words, width)](Ids ids, Rows out) {
    out = table(ids, Eigen::all);
  };
  return source;
}

/// The stores of a look-up, of zeros, and nothing else.
Source stores(bool non_temporal) {
  return {32000, dim, 0, {0, 0, row_bytes(dim)}, [non_temporal](Ids, Rows out) {
            const auto count = static_cast<std::size_t>(out.size());
            if (non_temporal)
              bench::stream_zeros(out.data(), count);
            else
              std::memset(out.data(), 0, count * sizeof(float));
          }};
}

/// A layer as a source. It takes the executor of the layer's own look-up where there is one.
template <class Layer>
Source entangled(see::EmbeddingParts<float> parts, see::Storage storage = see::Storage::native) {
  const auto layer = std::make_shared<const Layer>(Layer(std::move(parts)).stored_as(storage));
  const see::Shape& shape = layer->shape();
  const see::Lexicon& lexicon = layer->lexicon();
  const double terms = static_cast<double>(lexicon.senses() * layer->inventory().rank()) /
                       static_cast<double>(lexicon.words());
  // A term is built from its last factor on: q, q^2, ... multiplications, the last of them added.
  double one_term = 0, length = static_cast<double>(shape.product());
  for (int slot = 0; slot + 1 < shape.order(); ++slot) {
    one_term += length;
    length /= static_cast<double>(shape.factor_dim(slot));
  }
  const auto width = static_cast<double>(layer->embedding_dim());
  double multiply_adds = terms * one_term;
  if (layer->parts().basis.has_axes()) multiply_adds += static_cast<double>(shape.width()) * width;
  Source source{layer->num_embeddings(),
                layer->embedding_dim(),
                bench::file_bytes(*layer),
                {multiply_adds, 0, 4 * width},
                [layer](Ids ids, Rows out) { layer->forward(ids, out); }};
  if constexpr (bench::ForwardOn<Layer>)
    source.look_up_on = [layer](Ids ids, Rows out, const see::Executor& run) {
      layer->forward(ids, out, run);
    };
  return source;
}

using Order3 = see::EntangledEmbedding<float, 3>;
using Order2 = see::EntangledEmbedding<float, 2>;
using AnyOrder = see::EntangledEmbedding<float>;

see::EmbeddingParts<float> one_sense_m7(Index units) {
  return bench::shared_parts(32000, dim, 3, units, 1, 7);
}
see::EmbeddingParts<float> seven_senses_m1(Index units) {
  return bench::shared_parts(32000, dim, 3, units, 7, 1);
}

/// Makes a source the first time that a benchmark runs on it, and keeps it.
Maker kept(std::function<Source()> make) {
  const auto source = std::make_shared<std::unique_ptr<Source>>();
  return [source, make = std::move(make)] {
    if (!*source) *source = std::make_unique<Source>(make());
    return **source;
  };
}

void add(const std::string& name, const Maker& source, const std::vector<unsigned>& thread_counts) {
  for (const Output output : {Output::whole, Output::block})
    for (const unsigned threads : thread_counts) {
      const std::string full = name +
                               (output == Output::whole ? "/16384_rows/" : "/64_row_block/") +
                               std::to_string(threads) + (threads == 1 ? "_thread" : "_threads");
      auto* benchmark = benchmark::RegisterBenchmark(
          full.c_str(), [=](benchmark::State& state) { gather(state, source(), output, threads); });
      benchmark->Unit(benchmark::kMillisecond);
      if (threads > 1) benchmark->UseRealTime();
    }
}

/// Rows of a dense table of 512 columns that fill half of a cache.
Index rows_in(int level) {
  const std::size_t cache =
      bench::cache_bytes(level, level == 2 ? std::size_t{1} << 20 : std::size_t{16} << 20);
  return static_cast<Index>(static_cast<double>(cache) / 2 / row_bytes(dim));
}

void register_all() {
  const Index in_l2 = rows_in(2), in_l3 = std::min<Index>(32000, rows_in(3));
  std::vector<std::pair<std::string, Index>> tables = {{"in_l2", in_l2}, {"in_l3", in_l3}};
  if (std::getenv("SEE_BENCH_LARGE")) tables.emplace_back("1000000_rows", 1000000);

  for (const Index units : {2000, 20000}) {
    const std::string of = "_" + std::to_string(units) + "_units";
    add("d512/one_sense_m7" + of, kept([=] { return entangled<Order3>(one_sense_m7(units)); }),
        {1, 2});
    add("d512/seven_senses_m1" + of,
        kept([=] { return entangled<Order3>(seven_senses_m1(units)); }), {1, 2});
  }
  const std::pair<const char*, see::Storage> storages[] = {
      {"_f16", see::Storage::f16}, {"_bf16", see::Storage::bf16}, {"_i8", see::Storage::i8}};
  for (const auto& [name, storage] : storages)
    add(std::string("d512/one_sense_m7_2000_units") + name,
        kept([storage = storage] { return entangled<Order3>(one_sense_m7(2000), storage); }), {1});
  add("d512/one_sense_m7_any_order", kept([] { return entangled<AnyOrder>(one_sense_m7(2000)); }),
      {1});
  for (const auto& [name, rows] : tables) {
    add("d512/dense_" + name, kept([rows = rows] { return dense(rows, dim); }), {1, 2});
    add("d512/dense_" + name + "_by_eigen",
        kept([rows = rows] { return dense_by_eigen(rows, dim); }), {1});
  }
  add("d512/stores", kept([] { return stores(false); }), {1});
  add("d512/non_temporal_stores", kept([] { return stores(true); }), {1});

  add("d100/induced_9_terms", kept([] { return entangled<Order2>(bench::induced_parts(341479)); }),
      {1});
  add("d100/dense_341479", kept([] { return dense(341479, 100); }), {1});

  const auto single = [](const char* name, const Maker& source) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) { one_row(state, source()); });
  };
  single("one_row/one_sense_m7", kept([] { return entangled<Order3>(one_sense_m7(2000)); }));
  single("one_row/dense_32000", kept([] { return dense(32000, dim); }));
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  return bench::run(argc, argv);
}
