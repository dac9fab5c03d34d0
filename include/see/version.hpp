#pragma once

// A missing file ends the compilation, where #error alone lets a thousand more errors follow.
#if __cplusplus <= 201703L && (!defined(_MSVC_LANG) || _MSVC_LANG <= 201703L)
#error "see needs C++20: compile with -std=c++20 or later"
#include "see needs C++20"
#endif
#if !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "see reports misuse and bad files by exceptions: compile without -fno-exceptions"
#include "see needs exceptions"
#endif

/// The library's version; CMakeLists.txt reads it from these three lines.
#define SEE_VERSION_MAJOR 0
#define SEE_VERSION_MINOR 1
#define SEE_VERSION_PATCH 0

namespace see {

/// Highest model-file format that this library writes and reads (docs/format.md).
inline constexpr int format_version = 3;

}  // namespace see
