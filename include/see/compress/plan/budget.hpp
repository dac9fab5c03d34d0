#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "see/codes/trellis_file.hpp"
#include "see/compress/compress_options.hpp"
#include "see/core/metadata.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/model/model.hpp"

/// How many bytes a model may take, and how many it will take as a file before it is made: the file
/// is described as save_model() would write it, with planned tensors in place of what is not there
/// yet.
namespace see::detail {

/// With a point, whatever the locale.
inline std::string digits_of(double value, std::chars_format format, int decimals) {
  char text[512];  // the largest double has 309 digits before the point
  const auto written = std::to_chars(text, text + sizeof text, value, format, decimals);
  return {text, written.ptr};
}

inline std::string fixed(double value, int decimals) {
  return digits_of(value, std::chars_format::fixed, decimals);
}

/// `value` in eight characters, so that the size of a file does not hang on it.
inline std::string note_number(double value) {
  for (int decimals = 6; decimals >= 0; --decimals)
    if (const std::string digits = fixed(value, decimals); digits.size() == 8) return digits;
  std::string digits = digits_of(value, std::chars_format::scientific, value < 0 ? 1 : 2);
  digits.resize(8, '0');
  return digits;
}

/// The notes that every model has, of a length that depends on `method` and `seed` alone.
inline Metadata fit_notes(std::string_view method, std::optional<std::uint64_t> seed = {},
                          double relative_error = 0, double mean_cosine = 0) {
  Metadata notes{{"method", std::string(method)},
                 {"relative_error", note_number(relative_error)},
                 {"mean_cosine", note_number(mean_cosine)}};
  if (seed) notes["seed"] = std::to_string(*seed);
  return notes;
}

inline double dense_bytes(const Table& table) {
  return 4.0 * static_cast<double>(table.rows()) * static_cast<double>(table.dim());
}

}  // namespace see::detail

namespace see {

/// The size in bytes that the options ask for. Throws unless exactly one of ratio and bytes is
/// given and it is positive.
inline std::uint64_t byte_budget(const Table& table, std::optional<double> ratio,
                                 std::optional<std::uint64_t> bytes) {
  detail::require(ratio.has_value() != bytes.has_value(),
                  "a size to compress to: needed exactly one of ratio and bytes");
  if (bytes) return *bytes;
  detail::require(*ratio > 0, "a ratio of ", *ratio, ", needed a positive number");
  return static_cast<std::uint64_t>(std::min(detail::dense_bytes(table) / *ratio, 1e18));
}
inline std::uint64_t byte_budget(const Table& table, const CompressOptions& options) {
  return byte_budget(table, options.ratio, options.bytes);
}

}  // namespace see

namespace see::detail {

/// Throws unless `least` bytes, the fewest that a model of `table` by `method` takes, are within
/// the budget.
inline void require_budget(const Table& table, std::string_view method, std::uint64_t budget,
                           std::uint64_t least) {
  require(budget >= least, "a model of ", table.rows(), " x ", table.dim(), " in ", budget,
          " bytes by method ", method, ", the smallest takes ", least, " bytes (ratio ",
          fixed(dense_bytes(table) / static_cast<double>(least), 2), ")");
}

/// Bytes of the file of `model` with trellis codes of so many classes and bytes of codes.
inline std::uint64_t bytes_with_trellis(const Model<float>& model, Index classes,
                                        std::uint64_t code_bytes) {
  const Index rows = model.embedding.num_embeddings(), width = model.embedding.shape().width();
  return planned_bytes(model, "trellis", [&](CodesContent& content) {
    plan_trellis(rows, width, classes, code_bytes, content);
  });
}

/// Whether trellis codes fit beside the terms of a model.
inline bool has_room_for_codes(const Model<float>& terms, std::uint64_t budget) {
  return bytes_with_trellis(terms, 1, packed_padding) <= budget;
}

/// The bytes that trellis codes of `classes` classes may take, all of their arrays together, so
/// that the file of `model` with them takes at most `budget`; 0 where there is no room for any.
inline std::uint64_t room_for_trellis(const Model<float>& model, Index classes,
                                      std::uint64_t budget) {
  const Index rows = model.embedding.num_embeddings(), width = model.embedding.shape().width();
  const std::uint64_t arrays = trellis_bytes(rows, width, classes, 0);
  const std::uint64_t empty = bytes_with_trellis(model, classes, 0);
  if (empty > budget) return 0;
  std::uint64_t room = budget - empty;
  for (std::uint64_t bytes = 0; room > 0; room -= std::min(room, bytes - budget)) {
    bytes =
        bytes_with_trellis(model, classes, room);  // a header grows by the digits of what it counts
    if (bytes <= budget) break;
  }
  return arrays + room;
}

}  // namespace see::detail
