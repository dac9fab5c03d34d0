#pragma once

/// The library's version; CMakeLists.txt reads it from these three lines.
#define SEE_VERSION_MAJOR 0
#define SEE_VERSION_MINOR 1
#define SEE_VERSION_PATCH 0

namespace see {

/// Highest model-file format that this library writes and reads (docs/format.md).
inline constexpr int format_version = 3;

}  // namespace see
