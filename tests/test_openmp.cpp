#include <atomic>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "see/core/openmp.hpp"

// LLVM's libomp never frees the records of its threads, which LeakSanitizer counts as lost.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so\n"; }

TEST_CASE("OpenMP runs every task once and lets an exception through", "[core]") {
  for (const int threads : {0, 1, 2, 5}) {
    const see::Executor run = see::openmp(threads);
    std::vector<std::atomic<int>> done(1000);
    run(done.size(), [&](std::size_t i) { ++done[i]; });
    for (const auto& times : done) CHECK(times == 1);
    run(0, [](std::size_t) { throw std::runtime_error("no task to run"); });
    CHECK_THROWS_AS(run(50,
                        [](std::size_t i) {
                          if (i == 7) throw std::runtime_error("seven");
                        }),
                    std::runtime_error);
    std::vector<std::size_t> sums(10, 0);
    see::for_ranges(run, 95, 10, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) sums[first / 10] += i;
    });
    CHECK(sums[9] == 90 + 91 + 92 + 93 + 94);
  }
}
