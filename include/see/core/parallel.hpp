#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

#include "see/core/thread_pool.hpp"

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

/// Runs the tasks on `n` threads (0: as many as the machine has), the calling one among them. The
/// others start at the first call, are shared by all copies of the executor, and wait between
/// calls, awake for some tens of microseconds; they end with the last copy. One call is shared at a
/// time: one from within a task, or that comes while another is on, stays in its own thread.
inline Executor threads(unsigned n = 0) {
  if (n == 0) n = std::max(1U, std::thread::hardware_concurrency());
  if (n == 1) return serial();
  return [pool = std::make_shared<detail::ThreadPool>(n)](
             std::size_t count, const std::function<void(std::size_t)>& task) {
    pool->run(count, task);
  };
}

/// Calls body(first, last) for consecutive ranges that cover [0, n), each of at most `grain`
/// numbers. The ranges depend on n and grain alone, never on the executor: reduce per range, in
/// order of the ranges, and a sum comes out the same for any number of threads.
inline void for_ranges(const Executor& run, std::size_t n, std::size_t grain,
                       const std::function<void(std::size_t, std::size_t)>& body) {
  if (n == 0) return;
  const std::size_t count = (n + grain - 1) / grain;
  run(count, [&](std::size_t i) { body(i * grain, std::min(n, (i + 1) * grain)); });
}

}  // namespace see
