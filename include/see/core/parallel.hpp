#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace see {

/// Runs task(0) ... task(count - 1), in any order and perhaps at once, and returns when all have
/// ended. Any callable of this form serves, so a program can lend its own thread pool. An executor
/// must let the first exception of a task reach its caller.
using Executor =
    std::function<void(std::size_t count, const std::function<void(std::size_t)>& task)>;

/// Runs the tasks one after another in the calling thread.
inline Executor serial() {
  return [](std::size_t count, const std::function<void(std::size_t)>& task) {
    for (std::size_t i = 0; i < count; ++i) task(i);
  };
}

/// Runs the tasks on `n` threads (0: as many as the machine has), started anew at each call: some
/// tens of microseconds, meant for long work such as fitting.
inline Executor threads(unsigned n = 0) {
  if (n == 0) n = std::max(1U, std::thread::hardware_concurrency());
  if (n == 1) return serial();
  return [n](std::size_t count, const std::function<void(std::size_t)>& task) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;
    const auto work = [&] {
      for (std::size_t i = next++; i < count; i = next++) {
        try {
          task(i);
        } catch (...) {
          const std::lock_guard lock(failure_mutex);
          if (!failure) failure = std::current_exception();
          next = count;
        }
      }
    };
    {
      std::vector<std::jthread> team;
      try {
        for (std::size_t t = 1; t < std::min<std::size_t>(n, count); ++t) team.emplace_back(work);
      } catch (const std::system_error&) {  // the threads that could be had do all the work
      }
      work();
    }
    if (failure) std::rethrow_exception(failure);
  };
}

/// Calls body(first, last) for consecutive ranges that cover [0, n), each of at most `grain`
/// numbers. The ranges depend on n and grain alone, never on the executor: reduce per range, in
/// order of the ranges, and a sum comes out the same for any number of threads.
template <class Body>
void for_ranges(const Executor& run, std::size_t n, std::size_t grain, const Body& body) {
  if (n == 0) return;
  const std::size_t count = (n + grain - 1) / grain;
  run(count, [&](std::size_t i) { body(i * grain, std::min(n, (i + 1) * grain)); });
}

}  // namespace see
