#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/io/location.hpp"
#include "see/io/mapped_file.hpp"
#include "see/io/npy.hpp"
#include "see/io/number.hpp"
#include "see/io/read_options.hpp"
#include "see/io/read_table.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/word_vectors.hpp"
#include "see/io/words_file.hpp"
#include "see/io/write_word_vectors.hpp"

namespace see {

namespace detail {

/// How many numbers a tensor of two dimensions has, 0 for another.
inline Index table_size(const Tensor& tensor) {
  return tensor.shape.size() == 2 ? tensor.shape[0] * tensor.shape[1] : 0;
}

inline bool is_float_table(const Tensor& tensor) {
  return table_size(tensor) > 0 && (tensor.dtype == "F32" || tensor.dtype == "F16" ||
                                    tensor.dtype == "BF16" || tensor.dtype == "F64");
}

/// The tensor called `name` or, for an empty name, the only table of floats, unless a tensor of
/// another dtype has more numbers, whose scales the floats may be.
inline const Tensor& pick_tensor(const SafetensorsFile& file, const std::string& name) {
  if (!name.empty()) {
    const Tensor& tensor = file.at(name);
    require<FileError>(tensor.shape.size() == 2, file.path().string(), ": tensor ",
                       json_quote(name), " is ", shape_text(tensor.shape),
                       ", needed 2 dimensions: rows and columns");
    return tensor;
  }
  const auto& tensors = file.tensors();
  const auto count = std::count_if(tensors.begin(), tensors.end(), is_float_table);
  const auto only = std::find_if(tensors.begin(), tensors.end(), is_float_table);
  const bool is_largest =
      count == 1 && std::all_of(tensors.begin(), tensors.end(), [&](const Tensor& other) {
        return table_size(other) <= table_size(*only);
      });
  if (is_largest) return *only;
  std::string list;
  std::size_t listed = 0;
  for (const Tensor& tensor : tensors) {
    if (count > 1 && !is_float_table(tensor)) continue;
    if (++listed > 20) {
      list += ", ...";
      break;
    }
    list += text(list.empty() ? "" : ", ", tensor.name, " (", tensor.dtype, ' ',
                 shape_text(tensor.shape), ')');
  }
  fail<FileError>(file.path().string(), ": found ", count,
                  count == 1 ? " 2-D tensor of floats beside a larger one of another type"
                             : " 2-D tensors of floats",
                  ", needed 1 or a name after the file's: FILE:TENSOR",
                  list.empty() ? "" : " with one of ", list);
}

inline Table read_safetensors_table(std::shared_ptr<const MappedFile> mapped,
                                    const std::string& name, Index first) {
  const SafetensorsFile file(std::move(mapped));
  Tensor tensor = pick_tensor(file, name);
  const Index all = tensor.shape[0];
  const Index dim = tensor.shape[1];
  require<FileError>(all > 0 && dim > 0, file.path().string(), ": tensor ", json_quote(tensor.name),
                     " is ", all, " x ", dim, ", needed at least 1 x 1");
  const Index rows = std::min(all, first);
  tensor.bytes = tensor.bytes.first(tensor.bytes.size() / static_cast<std::size_t>(all) *
                                    static_cast<std::size_t>(rows));
  Vocabulary words = read_words_of(file.path(), all).first(rows);
  return {std::move(words), file.as_floats(tensor), rows, dim};
}

/// Throws FileError unless every number of the table is finite.
inline void require_finite(const Table& table, const std::filesystem::path& path) {
  const auto dim = static_cast<std::size_t>(table.dim());
  const float* row = table.values().data();
  for (Index r = 0; r < table.rows(); ++r, row += dim) {
    const std::size_t column = finite_prefix(row, dim);
    require<FileError>(column == dim, path.string(), ": row ", r, ", column ", column + 1,
                       ": found a number that is not finite");
  }
}

}  // namespace detail

SEE_INLINE Table read_table(const std::string& location, const ReadOptions& options,
                            ReadReport* report) {
  detail::require(options.first >= 1, "asked for ", options.first, " rows, needed at least 1");
  const auto [name, tensor] = detail::split_location(location);
  const auto file = MappedFile::open(name);
  const std::string extension = file->path().extension().string();
  const bool is_npy = file->text().starts_with(detail::npy_magic) || extension == ".npy";
  const bool is_safetensors =
      !is_npy && (detail::looks_like_safetensors(file->text()) || extension == ".safetensors");
  detail::require<FileError>(tensor.empty() || is_safetensors, name,
                             ": is no safetensors file, so it has no tensor ", json_quote(tensor));
  if (!is_npy && !is_safetensors) return detail::read_word_vectors(*file, options, report);
  Table table = is_npy ? detail::read_npy_file(file, options.first)
                       : detail::read_safetensors_table(file, tensor, options.first);
  detail::require_finite(table, file->path());
  if (report) *report = {0, is_npy ? "npy" : "safetensors"};
  return table;
}

}  // namespace see
