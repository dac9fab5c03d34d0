#pragma once

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "see/error.hpp"

#if defined(_WIN32)
#include <io.h>
#include <process.h>
#include <sys/stat.h>
#else
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace see {
namespace detail {

#if defined(_WIN32)
inline int open_file(const std::filesystem::path& path, bool create) {
  return ::_wopen(path.c_str(), _O_WRONLY | _O_BINARY | (create ? _O_CREAT | _O_EXCL : 0),
                  _S_IREAD | _S_IWRITE);
}
inline std::int64_t write_some(int file, const void* bytes, std::size_t count) {
  return ::_write(file, bytes, static_cast<unsigned>(count));
}
inline int sync_file(int file) { return ::_commit(file); }
inline int close_file(int file) { return ::_close(file); }
inline int process_id() { return ::_getpid(); }
inline int standard_output() { return ::_dup(1); }
inline bool may_write(const std::filesystem::path& path) {
  return ::_waccess(path.c_str(), 2) == 0;
}
inline void copy_mode(const std::filesystem::path&, int) {}
#else
inline int open_file(const std::filesystem::path& path, bool create) {
  return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0666);
}
inline std::int64_t write_some(int file, const void* bytes, std::size_t count) {
  return ::write(file, bytes, count);
}
inline int sync_file(int file) { return ::fsync(file); }
inline int close_file(int file) { return ::close(file); }
inline int process_id() { return ::getpid(); }
inline int standard_output() { return ::dup(STDOUT_FILENO); }
inline bool may_write(const std::filesystem::path& path) {
  return ::access(path.c_str(), W_OK) == 0;
}
inline void copy_mode(const std::filesystem::path& from, int to) {
  struct ::stat status {};
  if (::stat(from.c_str(), &status) == 0 && ::fchmod(to, status.st_mode & 07777) != 0) errno = 0;
}
#endif

}  // namespace detail

/// A file that appears whole or not at all: the bytes go to a new temporary file in the folder of
/// `path`, which commit() renames over `path`. Without a commit the destructor removes it and
/// leaves `path` as it was. Links are followed; an existing file's permissions are kept. What is
/// not a regular file (a pipe, /dev/stdout) is written directly. Every write is checked.
class AtomicFile {
 public:
  /// Throws FileError where `path` is a folder or cannot be written.
  explicit AtomicFile(const std::filesystem::path& path) : path_(path), target_(path) {
    namespace fs = std::filesystem;
    if (path == "/dev/stdout") {
      file_ = detail::standard_output();
      if (file_ < 0) fail(errno);
      return;
    }
    std::error_code error;
    for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(target_, error)); ++links)
      target_ = target_.parent_path() / fs::read_symlink(target_, error);
    const auto type = fs::status(target_, error).type();
    if (type == fs::file_type::none) fail(error.value());
    if (type == fs::file_type::directory || !target_.has_filename()) fail(EISDIR);
    if (type == fs::file_type::regular && !detail::may_write(target_)) fail(errno);
    if (type != fs::file_type::regular && type != fs::file_type::not_found) {
      file_ = detail::open_file(target_, false);
      if (file_ < 0) fail(errno);
      return;
    }
    static std::atomic<std::uint64_t> counter{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    do {
      temporary_ = target_.parent_path() /
                   detail::text(".see-", detail::process_id(), '-', now, '-', counter++, ".tmp");
      file_ = detail::open_file(temporary_, true);
    } while (file_ < 0 && errno == EEXIST);
    if (file_ < 0) {
      temporary_.clear();
      fail(errno);
    }
    if (type == fs::file_type::regular) detail::copy_mode(target_, file_);
  }

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { abandon(); }

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Bytes handed to write() so far.
  std::uint64_t size() const noexcept { return written_ + buffer_.size(); }

  /// Appends `bytes`. Throws FileError where the system does not take them; the file is lost then.
  void write(std::span<const std::byte> bytes) {
    detail::require<FileError>(file_ >= 0, "cannot write ", path_.string(), ": it is closed");
    if (buffer_.size() + bytes.size() > buffer_limit) flush();
    if (bytes.size() > buffer_limit)
      write_out(bytes);
    else
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Brings all bytes onto the disk and the file to its name. Throws FileError where that fails;
  /// `path` is as it was then.
  void commit() {
    detail::require<FileError>(file_ >= 0, "cannot write ", path_.string(), ": it is closed");
    flush();
    if (detail::sync_file(file_) != 0 && !temporary_.empty()) fail(errno);
    if (detail::close_file(std::exchange(file_, -1)) != 0 && errno != EINTR) fail(errno);
    if (temporary_.empty()) return;
    std::error_code error;
    std::filesystem::rename(temporary_, target_, error);
    if (error) fail(error.value());
    temporary_.clear();
  }

 private:
  static constexpr std::size_t buffer_limit = std::size_t{1} << 18;

  void flush() {
    write_out(buffer_);
    buffer_.clear();
  }

  void write_out(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto count = detail::write_some(
          file_, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail(count < 0 ? errno : EIO);
      written_ += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  [[noreturn]] void fail(int code) {
    abandon();
    detail::fail<FileError>("cannot write ", path_.string(), " (", written_,
                            " bytes written): ", std::generic_category().message(code));
  }

  void abandon() noexcept {
    if (file_ >= 0) detail::close_file(std::exchange(file_, -1));
    std::error_code ignored;
    if (!temporary_.empty()) std::filesystem::remove(temporary_, ignored);
    temporary_.clear();
    buffer_.clear();
  }

  std::filesystem::path path_;
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
  int file_ = -1;
};

}  // namespace see
