#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "see/error.hpp"

/// A folder of its own that goes with this object.
class TempDir {
 public:
  TempDir() {
    static std::atomic<unsigned> counter{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    path_ = std::filesystem::temp_directory_path() /
            ("see-test-" + std::to_string(now) + "-" + std::to_string(counter++));
    std::filesystem::create_directories(path_);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }

  /// Files and folders directly in it.
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

/// Makes the file anew: truncating an old one waits for the disk on some file systems.
inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What the E thrown by `action` says; "nothing thrown" where there is none.
template <class E = see::FileError, class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing thrown";
}

/// Whether `action` throws an E whose message holds `part`.
template <class E = see::FileError, class Action>
bool says(const std::string& part, const Action& action) {
  return message_of<E>(action).find(part) != std::string::npos;
}

/// Whether `action` throws a FileError (true) or ends (false); anything else passes on.
template <class Action>
bool refuses(const Action& action) {
  try {
    action();
  } catch (const see::FileError&) {
    return true;
  }
  return false;
}
