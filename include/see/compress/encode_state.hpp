#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "see/compress/row_classes.hpp"
#include "see/core/array.hpp"
#include "see/core/parallel.hpp"
#include "see/error.hpp"
#include "see/eval/row_source.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/write_safetensors.hpp"

/// How far the coding of a table's rows is, and the file that keeps it beyond an interrupt.
namespace see::detail {

/// Weighted sums of (value, target) pairs, for the line target = mean + scale * value.
struct LineFit {
  double weight = 0, value = 0, target = 0, square = 0, product = 0;

  void add(double w, double v, double t) {
    weight += w;
    value += w * v;
    target += w * t;
    square += w * v * v;
    product += w * v * t;
  }
  void add(const LineFit& other) {
    weight += other.weight;
    value += other.value;
    target += other.target;
    square += other.square;
    product += other.product;
  }
};

struct EncodeState {
  std::vector<Array<std::uint8_t>> codes;  ///< of the ranges of rows that are done
  std::vector<LineFit> fits;               ///< classes x dim: over these ranges
};

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

/// A file that keeps an EncodeState: written at most every thirty seconds, and whole. Throws
/// FileError where it cannot be written.
class Checkpoint {
 public:
  /// `key` stands for the table and how it is to be coded; an empty path keeps nothing.
  Checkpoint(std::filesystem::path path, std::uint64_t key)
      : path_(std::move(path)), key_(hex(key)) {}

  /// What was kept, blank where there is no file. Throws FileError where the file is no checkpoint
  /// or one of other rows or settings.
  EncodeState restore(std::size_t ranges, std::size_t cells) const {
    EncodeState state;
    std::error_code ignored;
    if (path_.empty() || !std::filesystem::exists(path_, ignored)) return state;
    const SafetensorsFile file = SafetensorsFile::open(path_);
    const auto kind = file.metadata().find("format");
    require<FileError>(kind != file.metadata().end() && kind->second == format, path_.string(),
                       ": is no checkpoint of see compress");
    const auto key = file.metadata().find("key");
    require<FileError>(key != file.metadata().end() && key->second == key_, path_.string(),
                       ": is a checkpoint of another table, size or method; remove it to start "
                       "anew");
    verify_checksum(file);
    const auto lengths = file.array<std::uint64_t>("lengths", {-1});
    const auto codes = file.array<std::uint8_t>("codes", {-1});
    const auto fits = file.array<double>("fits", {static_cast<Index>(cells), 5});
    std::size_t at = 0;
    for (const std::uint64_t length : lengths) {
      require<FileError>(length <= codes.size() - at, path_.string(), ": codes end too early");
      const auto part = std::span(codes.data(), codes.size()).subspan(at, length);
      state.codes.emplace_back(std::vector<std::uint8_t>(part.begin(), part.end()));
      at += length;
    }
    require<FileError>(lengths.size() <= ranges && at == codes.size(), path_.string(), ": holds ",
                       lengths.size(), " ranges of ", codes.size(), " bytes, needed at most ",
                       ranges, " of ", at);
    for (std::size_t i = 0; i < cells; ++i) {
      const double* const f = fits.data() + 5 * i;
      state.fits.push_back({f[0], f[1], f[2], f[3], f[4]});
    }
    return state;
  }

  /// Keeps `state`, where the last time is half a minute ago or `now` is set.
  void keep(const EncodeState& state, bool now) {
    const auto time = std::chrono::steady_clock::now();
    if (path_.empty() || (!now && time - kept_ < std::chrono::seconds(30))) return;
    kept_ = time;
    std::vector<std::uint64_t> lengths;
    std::vector<std::uint8_t> codes;
    std::vector<double> fits;
    for (const Array<std::uint8_t>& part : state.codes) {
      lengths.push_back(part.size());
      codes.insert(codes.end(), part.begin(), part.end());
    }
    for (const LineFit& fit : state.fits)
      fits.insert(fits.end(), {fit.weight, fit.value, fit.target, fit.square, fit.product});
    write_safetensors(path_,
                      {make_tensor("lengths", {Index(lengths.size())}, lengths),
                       make_tensor("codes", {Index(codes.size())}, codes),
                       make_tensor("fits", {Index(state.fits.size()), 5}, fits)},
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
