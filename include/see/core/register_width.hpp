#pragma once

#include <Eigen/Core>
#include <atomic>

#include "see/error.hpp"

/// Whether all files of a program agree on the SIMD registers: their width, which follows from the
/// flags (-march=native, -mavx512f) of each file, decides how Eigen aligns memory and what the
/// kernels' functions pass to each other. A program that mixes widths would crash, since linkers
/// keep one copy of a function and call it from files of either kind.
namespace see::detail {

/// Bytes of the registers of the first file that was asked, and of one that differs from it, or 0.
inline constinit std::atomic<int> register_bytes{0}, other_register_bytes{0};

inline bool note_register_bytes(int bytes) noexcept {
  int first = 0;
  if (!register_bytes.compare_exchange_strong(first, bytes) && first != bytes)
    other_register_bytes = bytes;
  return true;
}

/// Every file that includes this says its width before main() runs.
[[maybe_unused]] static const bool register_bytes_are_noted =
    note_register_bytes(sizeof(Eigen::internal::packet_traits<float>::type));

/// Throws where files of this program (of each shared library by itself, where its symbols are
/// hidden) were compiled for registers of different widths. A load; layers and tables ask first.
inline void require_one_register_width() {
  const int first = register_bytes.load(std::memory_order_relaxed);
  const int other = other_register_bytes.load(std::memory_order_relaxed);
  require(other == 0, "this program mixes files that were compiled for SIMD registers of ", first,
          " and of ", other, " bytes, needed the same -march and -m flags for all");
}

}  // namespace see::detail
