// Opening files: a mapped model with and without its checksum, and a mapped dense table of the same
// 200,000 words, beside reading that table with a stream; GloVe text beside getline and strtof.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "see/file/model_file.hpp"
#include "see/io/npy.hpp"
#include "see/io/read_table.hpp"
#include "see/io/words_file.hpp"
#include "see/io/write_word_vectors.hpp"
#include "tables.hpp"

namespace {

namespace fs = std::filesystem;
using see::Index;

constexpr Index words = 200000, text_words = 20000, dim = 100;

/// A folder of this process with the files that are read; it goes when the program ends.
class Files {
 public:
  Files() : folder_(fs::temp_directory_path() / ("see-bench-" + std::to_string(now()))) {
    fs::create_directories(folder_);
    see::Model<float> made{see::EntangledEmbedding<float>(bench::induced_parts(words)),
                           bench::numbered_words(words)};
    see::save_model(model(), made, see::Precision::f16);
    see::write_npy(npy(), bench::dense_table(words, dim));
    see::write_words(see::words_path(npy()), made.words);
    see::write_text_table(text(), bench::to_table(bench::clustered_table(text_words, dim), true));
  }
  ~Files() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  fs::path model() const { return folder_ / "model.safetensors"; }
  fs::path npy() const { return folder_ / "table.npy"; }
  fs::path text() const { return folder_ / "table.txt"; }

 private:
  static long long now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

  fs::path folder_;
};

const Files& files() {
  static const Files files;
  return files;
}

/// Reports bytes a second where all of the file is read, and its size.
void report_file(benchmark::State& state, const fs::path& path, bool whole) {
  const auto size = static_cast<std::int64_t>(fs::file_size(path));
  if (whole) state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * size);
  state.counters["bytes"] = benchmark::Counter(
      static_cast<double>(size), benchmark::Counter::kDefaults, benchmark::Counter::OneK::kIs1024);
}

void model(benchmark::State& state, bool verify_checksum) {
  const fs::path path = files().model();
  for (auto _ : state) {
    auto model = see::load_model(path, {.verify_checksum = verify_checksum});
    benchmark::DoNotOptimize(model.embedding(words / 2)[0]);
  }
  report_file(state, path, verify_checksum);
}
BENCHMARK_CAPTURE(model, mapped, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(model, mapped_with_checksum, true)->Unit(benchmark::kMillisecond);

void npy_mapped(benchmark::State& state) {
  const fs::path path = files().npy();
  for (auto _ : state) {
    const see::Table table = see::read_table(path.string());
    benchmark::DoNotOptimize(table.values()[0]);
  }
  report_file(state, path, true);
}
BENCHMARK(npy_mapped)->Unit(benchmark::kMillisecond);

void npy_by_hand(benchmark::State& state) {
  const fs::path path = files().npy();
  for (auto _ : state) {
    std::ifstream in(path, std::ios::binary);
    in.seekg(128);  // the header of a .npy file of this size
    see::RowMatrix<float> table(words, dim);
    in.read(reinterpret_cast<char*>(table.data()), table.size() * std::streamsize{sizeof(float)});
    std::vector<std::string> names;
    std::ifstream list(see::words_path(path));
    for (std::string word; std::getline(list, word);) names.push_back(word);
    benchmark::DoNotOptimize(table.data());
    benchmark::DoNotOptimize(names.data());
  }
  report_file(state, path, true);
}
BENCHMARK(npy_by_hand)->Unit(benchmark::kMillisecond);

void glove_text(benchmark::State& state) {
  const fs::path path = files().text();
  for (auto _ : state) {
    const see::Table table = see::read_table(path.string());
    benchmark::DoNotOptimize(table.values()[0]);
  }
  report_file(state, path, true);
}
BENCHMARK(glove_text)->Unit(benchmark::kMillisecond);

void glove_text_by_hand(benchmark::State& state) {
  const fs::path path = files().text();
  for (auto _ : state) {
    std::ifstream in(path);
    std::vector<std::string> names;
    std::vector<float> values;
    for (std::string line; std::getline(in, line);) {
      const std::size_t space = line.find(' ');
      names.push_back(line.substr(0, space));
      const char* at = line.data() + space;
      for (Index j = 0; j < dim; ++j) {
        char* end = nullptr;
        values.push_back(std::strtof(at, &end));
        at = end;
      }
    }
    benchmark::DoNotOptimize(names.data());
    benchmark::DoNotOptimize(values.data());
  }
  report_file(state, path, true);
}
BENCHMARK(glove_text_by_hand)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
