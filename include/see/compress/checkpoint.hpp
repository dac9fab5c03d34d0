#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "see/compress/trellis/row_classes.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/error.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/write_safetensors.hpp"

/// The file that keeps what a long compression has done beyond an interrupt.
namespace see::detail {

/// 64 bits that stand for numbers (FNV-1a, 32 bits of input at a time).
template <class T>
std::uint64_t hash_numbers(std::span<const T> values, std::uint64_t hash) {
  for (const T value : values)
    hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3ULL;
  return hash ^ (hash >> 29);
}

inline constexpr std::uint64_t hash_start = 0xcbf29ce484222325ULL;

/// 64 bits that stand for all rows. O(rows * dim).
inline std::uint64_t hash_rows(const AnyRows& source, const Executor& run) {
  const auto n = static_cast<std::size_t>(source.num_embeddings());
  const std::size_t grain = grain_for(n, 64, rows_at_once);
  std::vector<std::uint64_t> parts((n + grain - 1) / grain, hash_start);
  for_ranges(run, n, grain, [&](std::size_t begin, std::size_t end) {
    for_row_blocks(source, begin, end, [&](std::size_t, const RowMatrix<float>& rows) {
      const std::span<const float> values(rows.data(), static_cast<std::size_t>(rows.size()));
      parts[begin / grain] = hash_numbers(values, parts[begin / grain]);
    });
  });
  std::uint64_t hash = hash_start;
  for (const std::uint64_t part : parts) hash = (hash ^ part) * 0x100000001b3ULL;
  return hash;
}

/// A safetensors file of some state: written at most every thirty seconds, and whole. Functions
/// `keep` say what of a state is kept.
class Checkpoint {
 public:
  /// Keeps nothing.
  Checkpoint() = default;

  /// `key` stands for the table and how it is to be coded; an empty path keeps nothing.
  Checkpoint(std::filesystem::path path, std::uint64_t key)
      : path_(std::move(path)), key_(hex(key)) {}

  bool keeps() const noexcept { return !path_.empty(); }

  /// What was kept; none where there is no file. Throws FileError where the file is no checkpoint
  /// or one of other rows or settings.
  std::optional<SafetensorsFile> restore() const {
    std::error_code ignored;
    if (!keeps() || !std::filesystem::exists(path_, ignored)) return {};
    SafetensorsFile file = SafetensorsFile::open(path_);
    const auto kind = file.metadata().find("format");
    require<FileError>(kind != file.metadata().end() && kind->second == format, path_.string(),
                       ": is no checkpoint of see compress");
    const auto key = file.metadata().find("key");
    require<FileError>(key != file.metadata().end() && key->second == key_, path_.string(),
                       ": is a checkpoint of another table, size or method; remove it to start "
                       "anew");
    verify_checksum(file);
    return file;
  }

  /// Whether to write: there is a file, and the last time is half a minute ago or `now` is set.
  bool due(bool now) const {
    return keeps() && (now || std::chrono::steady_clock::now() - kept_ >= std::chrono::seconds(30));
  }

  /// Throws FileError where the file cannot be written.
  void write(const std::vector<Tensor>& tensors) {
    kept_ = std::chrono::steady_clock::now();
    write_safetensors(path_, tensors,
                      {{"format", format}, {"key", key_}, {"checksum", "crc32:00000000"}});
  }

 private:
  static constexpr const char* format = "see-checkpoint-1";

  static std::string hex(std::uint64_t value) {
    return hex8(static_cast<std::uint32_t>(value >> 32)) + hex8(static_cast<std::uint32_t>(value));
  }

  std::filesystem::path path_;
  std::string key_;
  std::chrono::steady_clock::time_point kept_ = std::chrono::steady_clock::now();
};

}  // namespace see::detail
