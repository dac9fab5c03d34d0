#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/bits.hpp"
#include "see/core/metadata.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/tensor.hpp"

namespace see::detail {

/// Reads what a FileContent wrote: numbers among the metadata, tensors as arrays that view the
/// mapped file where they can. Views `file`. Every member throws FileError, which names the file,
/// the entry or tensor, what was found and what was needed.
class FileReader {
 public:
  explicit FileReader(const SafetensorsFile& file) : file_(file) {}

  const SafetensorsFile& file() const noexcept { return file_; }
  std::string where() const { return file_.path().string() + ": "; }
  bool has(std::string_view key) const { return file_.metadata().contains(key); }
  bool has_tensor(std::string_view name) const { return file_.find(name) != nullptr; }

  const std::string& entry(std::string_view key) const {
    const auto found = file_.metadata().find(key);
    require<FileError>(found != file_.metadata().end(), where(), "has no metadata entry \"", key,
                       '"');
    return found->second;
  }

  /// The metadata whose keys begin so, without that beginning.
  Metadata entries(std::string_view prefix) const {
    Metadata found;
    for (const auto& [key, value] : file_.metadata())
      if (key.starts_with(prefix)) found.emplace(key.substr(prefix.size()), value);
    return found;
  }

  Index number(std::string_view key, Index least = 0, Index most = 0xffffffffLL) const {
    return to_number(entry(key), key, least, most);
  }

  double real(std::string_view key) const {
    const std::string& digits = entry(key);
    double value = 0;
    const auto end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    require<FileError>(error == std::errc() && stop == end, where(), "metadata entry \"", key,
                       "\" is \"", digits, "\", needed a number");
    return value;
  }

  std::vector<Index> numbers(std::string_view key, char separator) const {
    std::vector<Index> result;
    std::string_view rest = entry(key);
    for (;;) {
      const auto at = rest.find(separator);
      result.push_back(to_number(rest.substr(0, at), key, 0, 0xffffffffLL));
      if (at == rest.npos) return result;
      rest.remove_prefix(at + 1);
    }
  }

  /// A tensor of T; -1 stands for any size.
  template <class T>
  Array<T> array(const std::string& name, std::initializer_list<Index> shape) const {
    return file_.array<T>(name, shape);
  }

  /// A tensor of `count` bytes.
  Array<std::uint8_t> bytes(const std::string& name, std::uint64_t count) const {
    return array<std::uint8_t>(name, {static_cast<Index>(count)});
  }

  /// A tensor of `count` fields of `bits` bits.
  PackedArray packed(const std::string& name, Index count, int bits) const {
    const std::uint64_t size = static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(bits);
    return {bytes(name, packed_bytes(size)), static_cast<std::size_t>(count), bits};
  }

  /// The bytes of a tensor as text.
  Array<char> text_of(const std::string& name) const {
    const auto bytes = array<std::uint8_t>(name, {-1});
    const std::span<const char> text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {text, file_.file()};
  }

  /// The bits of an F16 or BF16 tensor.
  Array<std::uint16_t> halves(const std::string& name) const {
    const Tensor& tensor = file_.at(name);
    require<FileError>(tensor.dtype == "F16" || tensor.dtype == "BF16", where(), "tensor ",
                       json_quote(name), " is ", tensor.dtype, ", needed F16 or BF16");
    return file_.view_as<std::uint16_t>(tensor);
  }

  /// A view of the file where it holds Scalar, else its numbers converted. -1 stands for any size.
  template <class Scalar>
  Array<Scalar> values(const std::string& name, std::initializer_list<Index> shape) const {
    const Tensor& tensor = file_.at(name);
    if (tensor.dtype == dtype_name<Scalar>()) return array<Scalar>(name, shape);
    const bool fits =
        std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end(),
                   [](Index needed, Index found) { return needed == -1 || needed == found; });
    require<FileError>(fits && tensor.dtype.find("F") != std::string::npos, where(), "tensor ",
                       json_quote(name), " is ", tensor.dtype, ' ', shape_text(tensor.shape),
                       ", needed F64, F32, F16 or BF16 ", shape_text(std::vector<Index>(shape)));
    Array<float> floats = file_.as_floats(tensor);
    if constexpr (std::is_same_v<Scalar, float>)
      return floats;
    else
      return std::vector<Scalar>(floats.begin(), floats.end());
  }

  /// The same, or nothing where there is no such tensor.
  template <class Scalar>
  Array<Scalar> optional_values(const std::string& name, std::initializer_list<Index> shape) const {
    return has_tensor(name) ? values<Scalar>(name, shape) : Array<Scalar>();
  }

 private:
  Index to_number(std::string_view digits, std::string_view key, Index least, Index most) const {
    Index value = -1;
    const auto end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    require<FileError>(error == std::errc() && stop == end && value >= least && value <= most,
                       where(), "metadata entry \"", key, "\" is \"", entry(key), "\", needed ",
                       least, " to ", most);
    return value;
  }

  const SafetensorsFile& file_;
};

/// body(), with what it throws but FileErrors turned into a FileError that names the file.
template <class Body>
auto as_file_errors(const SafetensorsFile& file, const Body& body) {
  try {
    return body();
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    fail<FileError>(file.path().string(), ": ", error.what());
  } catch (const std::bad_alloc&) {
    fail<FileError>(file.path().string(), ": needs more memory than there is");
  } catch (const std::length_error&) {
    fail<FileError>(file.path().string(), ": needs more memory than there can be");
  }
}

}  // namespace see::detail
