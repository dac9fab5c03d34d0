#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "see/core/types.hpp"
#include "see/kernel/packet.hpp"

/// What the machine can do at best, measured in one thread when a benchmark program starts, so that
/// a benchmark can say what share of it is used.
namespace bench {

using see::Index;

/// `text` as bytes: "2048K", "480M".
inline std::size_t parse_bytes(const std::string& text) {
  char* unit = nullptr;
  const auto number = static_cast<std::size_t>(std::strtoull(text.c_str(), &unit, 10));
  return *unit == 'K' ? number << 10 : *unit == 'M' ? number << 20 : number;
}

/// Bytes of the data cache of a level of the first processor, as Linux tells them; `otherwise`
/// where it does not.
inline std::size_t cache_bytes(int level, std::size_t otherwise) {
  for (int i = 0; i < 16; ++i) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
    std::string found, type, size;
    std::ifstream(folder + "level") >> found;
    std::ifstream(folder + "type") >> type;
    std::ifstream(folder + "size") >> size;
    if (found == std::to_string(level) && type != "Instruction" && !size.empty())
      return parse_bytes(size);
  }
  return otherwise;
}

/// Bytes of memory that programs can have now; 4 GiB where Linux does not tell.
inline std::size_t available_bytes() {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("MemAvailable:"))
      return static_cast<std::size_t>(std::strtoull(line.c_str() + 13, nullptr, 10)) << 10;
  return std::size_t{4} << 30;
}

/// The least time of `runs` calls, in seconds.
template <class Body>
double least_seconds(int runs, const Body& body) {
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    least = std::min(least, taken.count());
  }
  return least;
}

/// Fills `count` floats, a multiple of 4, at a 16-byte boundary with zeros by non-temporal stores
/// where the machine has them, else as memset does.
inline void stream_zeros(float* to, std::size_t count) {
#if defined(__SSE2__)
  for (std::size_t i = 0; i < count; i += 4) _mm_stream_ps(to + i, _mm_setzero_ps());
  _mm_sfence();
#else
  std::memset(to, 0, count * sizeof(float));
#endif
}

/// The sum of `count` floats, eight registers at a time; what is left over is not read.
inline float sum_of(const float* from, std::size_t count) {
  using see::kernel::lanes;
  constexpr int registers = 8;
  see::kernel::Packet<float> sum[registers];
  for (auto& part : sum) part = see::kernel::broadcast(0.F);
  const auto one = see::kernel::broadcast(1.F);
  constexpr std::size_t step = registers * static_cast<std::size_t>(lanes<float>);
  for (std::size_t i = 0; i + step <= count; i += step)
    for (int r = 0; r < registers; ++r)
      sum[r] =
          see::kernel::multiply_add(one, see::kernel::load(from + i + r * lanes<float>), sum[r]);
  float total = 0;
  for (const auto& part : sum) total += see::kernel::reduce(part);
  return total;
}

/// Rates of one thread.
class Machine {
 public:
  Machine() : last_level_(cache_bytes(3, cache_bytes(2, std::size_t{32} << 20))) {
    measure_arithmetic();
    measure_memory();
    measure_arithmetic();  // seconds later, so that one disturbance does not meet all of it
  }

  double multiply_adds() const { return multiply_adds_; }  ///< float, a second
  double read() const { return read_; }                    ///< bytes a second
  double copy() const { return copy_; }                    ///< bytes read and written, a second
  double stream() const { return stream_; }  ///< bytes of non-temporal stores, a second
  std::size_t last_level() const { return last_level_; }  ///< bytes of the last cache
  std::size_t buffer() const { return buffer_; }          ///< bytes that the bandwidths went over

 private:
  /// Chains of a <- a * x + y in as many registers as hide the latency of the operation.
  void measure_arithmetic() {
    using see::kernel::lanes;
    constexpr int chains = 12, steps = 20000;
    float shrink = 0.999F, grow = 0.001F;
    benchmark::DoNotOptimize(shrink);
    benchmark::DoNotOptimize(grow);
    const auto x = see::kernel::broadcast(shrink), y = see::kernel::broadcast(grow);
    see::kernel::Packet<float> sum[chains];
    for (auto& part : sum) part = see::kernel::broadcast(shrink);
    const double seconds = least_seconds(200, [&] {
      for (int i = 0; i < steps; ++i)
        for (auto& part : sum) part = see::kernel::multiply_add(part, x, y);
    });
    float total = 0;
    for (const auto& part : sum) total += see::kernel::reduce(part);
    benchmark::DoNotOptimize(total);
    multiply_adds_ = std::max(multiply_adds_, static_cast<double>(chains) * steps *
                                                  static_cast<double>(lanes<float>) / seconds);
  }

  /// Over four times the last cache, but at most 2 GiB and a quarter of the free memory.
  void measure_memory() {
    buffer_ = std::min({4 * last_level_, std::size_t{2} << 30, available_bytes() / 4});
    buffer_ = buffer_ / 8192 * 8192;
    const std::size_t count = buffer_ / sizeof(float), half = count / 2;
    const std::unique_ptr<float, decltype(&std::free)> owner(
        static_cast<float*>(std::aligned_alloc(4096, buffer_)), &std::free);
    if (!owner) return;
    float* const data = owner.get();
    const double bytes = static_cast<double>(buffer_);
    std::memset(data, 0, buffer_);  // every page is there
    float total = 0;
    read_ = bytes / least_seconds(4, [&] { total += sum_of(data, count); });
    benchmark::DoNotOptimize(total);
    copy_ = bytes / least_seconds(4, [&] {
              std::memcpy(data + half, data, buffer_ / 2);
              benchmark::ClobberMemory();
            });
    stream_ = bytes / least_seconds(4, [&] {
                stream_zeros(data, count);
                benchmark::ClobberMemory();
              });
  }

  double multiply_adds_ = 0, read_ = 0, copy_ = 0, stream_ = 0;
  std::size_t last_level_, buffer_ = 0;
};

/// This machine, measured at the first call.
inline const Machine& machine() {
  static const Machine machine;
  return machine;
}

/// What a benchmark costs for each row: float multiply-adds, and bytes that must go to and from
/// memory whatever the caches hold.
struct Work {
  double multiply_adds = 0;
  double read = 0;
  double written = 0;
};

/// Reports the work of `rows` rows a run as shares of what one thread can do: `of_peak` of the
/// peak of multiply-adds, `of_bandwidth` of the bandwidth of reading where nothing is written, of
/// non-temporal stores where nothing is read, else of copying.
inline void report_shares(benchmark::State& state, Index rows, const Work& work) {
  const auto share = [&](const char* name, double amount, double rate) {
    if (amount > 0 && rate > 0)
      state.counters[name] = benchmark::Counter(static_cast<double>(rows) * amount / rate,
                                                benchmark::Counter::kIsIterationInvariantRate);
  };
  const double bandwidth = work.written == 0 ? machine().read()
                           : work.read == 0  ? machine().stream()
                                             : machine().copy();
  share("of_peak", work.multiply_adds, machine().multiply_adds());
  share("of_bandwidth", work.read + work.written, bandwidth);
}

/// Runs the benchmarks that the arguments choose, with the machine's rates in their context.
inline int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const auto add = [](const char* name, double value, const char* unit) {
    char text[64];
    std::snprintf(text, sizeof text, "%.1f %s", value, unit);
    benchmark::AddCustomContext(name, text);
  };
  const Machine& here = machine();
  add("peak, float", here.multiply_adds() / 1e9, "G multiply-adds/s in one thread");
  add("read", here.read() / 1e9, "GB/s");
  add("copy", here.copy() / 1e9, "GB/s, read and written");
  add("stream", here.stream() / 1e9, "GB/s, by non-temporal stores");
  add("last cache", static_cast<double>(here.last_level()) / 0x1p20, "MiB");
  add("bandwidths over", static_cast<double>(here.buffer()) / 0x1p20, "MiB");
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace bench
