#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace see::detail {

/// Splits FILE:TENSOR at the last colon before which there is a file; a file of the whole name
/// wins.
inline std::pair<std::string, std::string> split_location(const std::string& location) {
  const auto exists = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
  };
  for (std::size_t colon = location.rfind(':');
       !exists(location) && colon != location.npos && colon > 0;
       colon = location.rfind(':', colon - 1))
    if (const std::string file = location.substr(0, colon); exists(file))
      return {file, location.substr(colon + 1)};
  return {location, ""};
}

}  // namespace see::detail
