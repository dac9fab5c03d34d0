#pragma once

#if defined(_OPENMP)

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>

#include "see/core/parallel.hpp"

namespace see {

/// Runs the tasks on OpenMP's threads, at most `n` of them (0: as many as OpenMP uses), which live
/// on between calls. Only there where the compiler is told to use OpenMP (-fopenmp).
inline Executor openmp(int n = 0) {
  return [n](std::size_t count, const std::function<void(std::size_t)>& task) {
    std::exception_ptr failure;
    const auto guarded = [&](std::size_t i) {
      try {
        task(i);
      } catch (...) {
#pragma omp critical(see_openmp_failure)
        if (!failure) failure = std::current_exception();
      }
    };
    const auto last = static_cast<std::int64_t>(count);
    if (n > 0) {
#pragma omp parallel for schedule(dynamic) num_threads(n)
      for (std::int64_t i = 0; i < last; ++i) guarded(static_cast<std::size_t>(i));
    } else {
#pragma omp parallel for schedule(dynamic)
      for (std::int64_t i = 0; i < last; ++i) guarded(static_cast<std::size_t>(i));
    }
    if (failure) std::rethrow_exception(failure);
  };
}

}  // namespace see

#endif
