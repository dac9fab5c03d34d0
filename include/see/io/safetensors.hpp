#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/io/crc32.hpp"
#include "see/io/foreign_file.hpp"
#include "see/io/json.hpp"
#include "see/io/mapped_file.hpp"
#include "see/io/number.hpp"
#include "see/io/tensor.hpp"

namespace see {

namespace detail {

inline constexpr std::uint64_t safetensors_header_limit = 100'000'000;

/// Whether the file begins as a safetensors file does: a plausible header length, then '{'.
inline bool looks_like_safetensors(std::string_view text) noexcept {
  if (text.size() < 10 || text[8] != '{') return false;
  std::uint64_t length;
  std::memcpy(&length, text.data(), 8);
  return length <= safetensors_header_limit && length <= text.size() - 8;
}

inline constexpr std::string_view checksum_key = "checksum";
inline constexpr std::string_view checksum_prefix = "crc32:";

inline bool is_checksum(std::string_view value) noexcept {
  return value.size() == 14 && value.starts_with(checksum_prefix) &&
         value.find_first_not_of("0123456789abcdef", 6) == value.npos;
}

inline std::string hex8(std::uint32_t value) {
  std::string digits(8, '0');
  for (std::size_t i = 8; i-- > 0; value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}

}  // namespace detail

/// A safetensors file (github.com/huggingface/safetensors, version 0.4 of the format and the dtypes
/// added since): an 8-byte header length, a JSON header and the numbers, which are mapped, not
/// read.
///
/// Invariant: every tensor of a known dtype has as many bytes as its shape needs, and the tensors
/// cover the data without gap or overlap. Tensors of other dtypes can be listed, not read.
class SafetensorsFile {
 public:
  /// Throws FileError where the file cannot be read or breaks the format. O(header).
  static SafetensorsFile open(const std::filesystem::path& path) {
    return SafetensorsFile(MappedFile::open(path));
  }

  explicit SafetensorsFile(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
    try {
      read_header();
    } catch (const FileError& error) {
      detail::fail<FileError>(path().string(), ": ", error.what());
    }
  }

  const std::filesystem::path& path() const noexcept { return file_->path(); }
  const std::shared_ptr<const MappedFile>& file() const noexcept { return file_; }
  const Metadata& metadata() const noexcept { return metadata_; }

  /// In the order of their bytes in the file.
  const std::vector<Tensor>& tensors() const noexcept { return tensors_; }

  /// The tensor of that name, null where there is none. O(tensors).
  const Tensor* find(std::string_view name) const noexcept {
    for (const Tensor& tensor : tensors_)
      if (tensor.name == name) return &tensor;
    return nullptr;
  }

  /// As find(); throws FileError where there is none.
  const Tensor& at(std::string_view name) const {
    const Tensor* const tensor = find(name);
    detail::require<FileError>(tensor, path().string(), ": has no tensor ", json_quote(name));
    return *tensor;
  }

  /// The numbers of tensor `name`, which must be of type T and have the given sizes (-1: any). They
  /// are viewed in the mapping where they are aligned for T (always, if see wrote the file), else
  /// copied. Throws FileError where the tensor is not there or is of another type or shape.
  template <class T>
  Array<T> array(std::string_view name, std::span<const Index> shape) const {
    const Tensor& tensor = at(name);
    bool fits = tensor.dtype == detail::dtype_name<T>() && tensor.shape.size() == shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
      fits = shape[i] == -1 || shape[i] == tensor.shape[i];
    detail::require<FileError>(fits, path().string(), ": tensor ", json_quote(name), " is ",
                               tensor.dtype, " ", detail::shape_text(tensor.shape), ", needed ",
                               detail::dtype_name<T>(), " ", detail::shape_text(shape));
    return view<T>(tensor);
  }
  template <class T>
  Array<T> array(std::string_view name, std::initializer_list<Index> shape) const {
    return array<T>(name, std::span<const Index>(shape.begin(), shape.size()));
  }

  /// The numbers of a tensor of this file (or of some of its rows) as float: a view for F32, else
  /// converted, rounding to nearest. Throws FileError for a dtype without a float value.
  Array<float> as_floats(const Tensor& tensor) const {
    if (tensor.dtype == "F32") return view<float>(tensor);
    const auto* const dtype = detail::find_dtype(tensor.dtype);
    detail::require<FileError>(dtype && dtype->number, path().string(), ": tensor ",
                               json_quote(tensor.name), " is ", tensor.dtype,
                               ", needed a number type that converts to F32");
    std::vector<float> values(tensor.bytes.size() / detail::size_of(*dtype->number));
    detail::to_floats(*dtype->number, tensor.bytes.data(), false, values.data(), values.size());
    return values;
  }

  /// Where the eight hexadecimal digits of the checksum stand in the file, if it has one.
  std::optional<std::size_t> checksum_offset() const noexcept { return checksum_offset_; }

  /// The bytes of a tensor as numbers of type T, whatever its dtype; a view where they are aligned
  /// for it, else a copy.
  template <class T>
  Array<T> view_as(const Tensor& tensor) const {
    return view<T>(tensor);
  }

 private:
  template <class T>
  Array<T> view(const Tensor& tensor) const {
    const std::size_t count = tensor.bytes.size() / sizeof(T);
    if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignof(T) == 0)
      return {std::span(reinterpret_cast<const T*>(tensor.bytes.data()), count), file_};
    std::vector<T> copy(count);
    std::memcpy(static_cast<void*>(copy.data()), tensor.bytes.data(), tensor.bytes.size());
    return copy;
  }

  void read_header() {
    using detail::require;
    const std::string_view text = file_->text();
    if (!detail::looks_like_safetensors(text)) {
      const std::string foreign = detail::foreign_file(text);
      require<FileError>(foreign.empty(), foreign);
    }
    require<FileError>(text.size() >= 8, "has ", text.size(),
                       " bytes, needed 8 for the header length");
    std::uint64_t length;
    std::memcpy(&length, text.data(), 8);
    require<FileError>(length <= detail::safetensors_header_limit && length <= text.size() - 8,
                       "not a safetensors file, or cut: the header has ", length,
                       " bytes, needed at most ",
                       std::min<std::uint64_t>(detail::safetensors_header_limit, text.size() - 8));
    const auto header_size = static_cast<std::size_t>(length);
    require<FileError>(header_size > 0 && text[8] == '{', "the header does not begin with '{'");
    const detail::JsonValue header = detail::parse_json(text.substr(8, header_size));
    const auto data = file_->bytes().subspan(8 + header_size);

    std::multimap<std::pair<std::uint64_t, std::size_t>, Tensor> found;  // by begin and size
    for (std::size_t i = 0; i < header.keys().size(); ++i) {
      const std::string& name = header.keys()[i];
      if (name == "__metadata__") {
        read_metadata(header.values()[i]);
        continue;
      }
      auto [begin, tensor] = read_tensor(name, header.values()[i], data);
      found.emplace(std::pair(begin, tensor.bytes.size()), std::move(tensor));
    }
    std::uint64_t end = 0;
    for (auto& [place, tensor] : found) {
      require<FileError>(place.first == end, "tensor ", json_quote(tensor.name),
                         " begins at data byte ", place.first, ", needed ", end,
                         ", where the one before ends");
      end += tensor.bytes.size();
      tensors_.push_back(std::move(tensor));
    }
    require<FileError>(end == data.size(), "the tensors end at data byte ", end, ", needed ",
                       data.size(), ", where the file ends");
  }

  void read_metadata(const detail::JsonValue& value) {
    if (value.is(detail::JsonValue::Kind::null))
      return;  // as the format's reference reader takes it
    for (std::size_t i = 0; i < value.keys().size(); ++i) {
      const detail::JsonValue& entry = value.values()[i];
      metadata_.emplace(value.keys()[i], entry.string());
      const std::size_t at = 8 + entry.offset() + 1 + detail::checksum_prefix.size();
      if (value.keys()[i] == detail::checksum_key && detail::is_checksum(entry.string()) &&
          file_->text().substr(at, 8) == entry.string().substr(6))
        checksum_offset_ = at;
    }
  }

  static std::pair<std::uint64_t, Tensor> read_tensor(const std::string& name,
                                                      const detail::JsonValue& value,
                                                      std::span<const std::byte> data) {
    using detail::require;
    const std::string where = detail::text("tensor ", json_quote(name));
    const auto member = [&](std::string_view key) -> const detail::JsonValue& {
      const detail::JsonValue* const found = value.find(key);
      require<FileError>(found, where, " has no ", key);
      return *found;
    };
    Tensor tensor{name, member("dtype").string(), {}, {}};
    const detail::Dtype* const dtype = detail::find_dtype(tensor.dtype);
    for (const detail::JsonValue& size : member("shape").items())
      tensor.shape.push_back(static_cast<Index>(size.integer()));
    static constexpr detail::Dtype unknown{"", 8, {}};
    const auto bytes = detail::tensor_bytes(dtype ? *dtype : unknown, tensor.shape);
    require<FileError>(bytes.has_value(), where, " has the impossible shape ",
                       detail::shape_text(tensor.shape), " of ", tensor.dtype);
    const auto& offsets = member("data_offsets").items();
    require<FileError>(offsets.size() == 2, where, " has ", offsets.size(),
                       " data_offsets, needed 2");
    const std::int64_t begin = offsets[0].integer();
    const std::int64_t end = offsets[1].integer();
    require<FileError>(begin >= 0 && begin <= end && static_cast<std::uint64_t>(end) <= data.size(),
                       where, " lies at data bytes ", begin, " to ", end, " of ", data.size());
    const auto size = static_cast<std::uint64_t>(end - begin);
    require<FileError>(!dtype || size == *bytes, where, " has ", size, " bytes, needed ", *bytes,
                       " for ", detail::shape_text(tensor.shape), " of ", tensor.dtype);
    tensor.bytes = data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
    return {static_cast<std::uint64_t>(begin), std::move(tensor)};
  }

  std::shared_ptr<const MappedFile> file_;
  Metadata metadata_;
  std::vector<Tensor> tensors_;
  std::optional<std::size_t> checksum_offset_;
};

namespace detail {

/// Reads the whole file and compares its CRC-32, taken with the eight digits of the checksum as
/// ASCII zeros, with those digits (see write_safetensors). Throws FileError where they differ or
/// the file has none.
inline void verify_checksum(const SafetensorsFile& file) {
  const auto at = file.checksum_offset();
  require<FileError>(at.has_value(), file.path().string(),
                     ": has no metadata entry \"checksum\" of the form \"crc32:01234567\"");
  const auto bytes = file.file()->bytes();
  std::uint32_t sum = crc32(bytes.first(*at));
  sum = crc32(std::as_bytes(std::span("00000000", 8)), sum);
  sum = crc32(bytes.subspan(*at + 8), sum);
  const std::string_view needed = file.file()->text().substr(*at, 8);
  require<FileError>(hex8(sum) == needed, file.path().string(),
                     ": damaged: its checksum is crc32:", hex8(sum), ", needed crc32:", needed);
}

}  // namespace detail
}  // namespace see
