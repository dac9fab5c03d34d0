#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "see/error.hpp"

#if defined(__unix__) || defined(__APPLE__)
#define SEE_HAS_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#else
#define SEE_HAS_MMAP 0
#endif

namespace see {

/// The bytes of a file, for reading. A regular file is mapped, so opening costs O(1) and pages are
/// read when they are first touched; a pipe or a device is read to its end into memory, as is every
/// file on systems without mmap. The file must not be truncated while it is mapped; replacing it by
/// a rename, as AtomicFile does, is harmless.
class MappedFile {
 public:
  /// Throws FileError where `path` cannot be read.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path) {
    return std::shared_ptr<const MappedFile>(new MappedFile(path));
  }

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
#if SEE_HAS_MMAP
    if (map_) ::munmap(map_, bytes_.size());
#endif
  }

  const std::filesystem::path& path() const noexcept { return path_; }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  /// Advises the system that bytes first to last - 1 will not be needed soon, which takes their
  /// pages out of this process. They stay readable.
  void release([[maybe_unused]] std::size_t first,
               [[maybe_unused]] std::size_t last) const noexcept {
#if SEE_HAS_MMAP
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    first = (first + page - 1) / page * page;
    last = last / page * page;
    if (map_ && first < last && last <= bytes_.size())
      ::madvise(static_cast<char*>(map_) + first, last - first, MADV_DONTNEED);
#endif
  }

 private:
#if SEE_HAS_MMAP
  explicit MappedFile(const std::filesystem::path& path) : path_(path) {
    struct Descriptor {
      int number;
      ~Descriptor() {
        if (number >= 0) ::close(number);
      }
    } const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.number < 0) fail(errno);
    struct ::stat status {};
    if (::fstat(file.number, &status) != 0) fail(errno);
    if (S_ISDIR(status.st_mode)) fail(EISDIR);
    if (S_ISREG(status.st_mode) && status.st_size > 0) {
      const auto size = static_cast<std::size_t>(status.st_size);
      void* const map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
      if (map == MAP_FAILED) fail(errno);
      map_ = map;
      bytes_ = {static_cast<const std::byte*>(map), size};
      return;
    }
    for (std::size_t size = 0;;) {
      buffer_.resize(size + (std::size_t{1} << 16) + size / 2);
      const auto count = ::read(file.number, buffer_.data() + size, buffer_.size() - size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(errno);
      size += static_cast<std::size_t>(count);
      if (count > 0) continue;
      buffer_.resize(size);
      bytes_ = buffer_;
      return;
    }
  }

  [[noreturn]] void fail(int code) const {
    detail::fail<FileError>("cannot read ", path_.string(), ": ",
                            std::generic_category().message(code));
  }

  void* map_ = nullptr;
#else
  explicit MappedFile(const std::filesystem::path& path) : path_(path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    detail::require<FileError>(in.good(), "cannot open ", path.string());
    buffer_.resize(static_cast<std::size_t>(in.tellg()));
    in.seekg(0);
    in.read(reinterpret_cast<char*>(buffer_.data()), static_cast<std::streamsize>(buffer_.size()));
    detail::require<FileError>(in.good(), "cannot read the ", buffer_.size(), " bytes of ",
                               path.string());
    bytes_ = buffer_;
  }
#endif

  std::filesystem::path path_;
  std::vector<std::byte> buffer_;
  std::span<const std::byte> bytes_;
};

}  // namespace see
