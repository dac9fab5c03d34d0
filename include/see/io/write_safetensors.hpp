#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/error.hpp"
#include "see/io/atomic_file.hpp"
#include "see/io/crc32.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/tensor.hpp"

namespace see {

/// A tensor that views `values`, a vector, span or Array, whose elements must outlive it.
template <std::ranges::contiguous_range Values>
Tensor make_tensor(std::string name, std::vector<Index> shape, const Values& values) {
  using T = std::remove_cv_t<std::ranges::range_value_t<const Values>>;
  const std::span<const T> view(std::ranges::data(values), std::ranges::size(values));
  return {std::move(name), std::string(detail::dtype_name<T>()), std::move(shape),
          std::as_bytes(view)};
}

namespace detail {

/// The order in the file: by falling alignment, so that each tensor begins at a multiple of its own
/// although the format allows no gaps. Throws Error where a tensor or the metadata cannot be
/// written.
inline std::vector<Tensor> safetensors_order(const std::vector<Tensor>& tensors,
                                             const Metadata& metadata) {
  std::set<std::string_view> names{"__metadata__"};
  for (const Tensor& tensor : tensors) {
    const std::string where = text("tensor ", json_quote(tensor.name));
    require(utf8_prefix(tensor.name) == tensor.name.size(), where, ": the name is not UTF-8");
    require(names.insert(tensor.name).second, where, ": the name is taken");
    const Dtype* const dtype = find_dtype(tensor.dtype);
    require(dtype, where, ": unknown dtype ", json_quote(tensor.dtype));
    const auto bytes = tensor_bytes(*dtype, tensor.shape);
    require(bytes && *bytes == tensor.bytes.size(), where, ": found ", tensor.bytes.size(),
            " bytes, needed as many as ", shape_text(tensor.shape), " of ", tensor.dtype);
  }
  for (const auto& [key, value] : metadata)
    require(utf8_prefix(key) == key.size() && utf8_prefix(value) == value.size(), "metadata ",
            json_quote(key), ": not UTF-8");
  std::vector<Tensor> ordered;
  for (const std::size_t bytes : {8U, 4U, 2U, 1U})
    for (const Tensor& tensor : tensors)
      if (alignment(*find_dtype(tensor.dtype)) == bytes) ordered.push_back(tensor);
  return ordered;
}

/// The header of tensors in the given order; `checksum_at` becomes the offset of the checksum's
/// digits, which are zeros, or 0 where there is none.
inline std::string safetensors_header(const std::vector<Tensor>& tensors, const Metadata& metadata,
                                      std::size_t& checksum_at) {
  std::string header(8, '\0');
  checksum_at = 0;
  header += '{';
  const auto separate = [&] {
    if (header.back() != '{') header += ',';
  };
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      separate();
      header += json_quote(key) + ':';
      if (key == checksum_key && is_checksum(value)) {
        checksum_at = header.size() + 1 + checksum_prefix.size();
        header += json_quote(text(checksum_prefix, "00000000"));
      } else {
        header += json_quote(value);
      }
    }
    header += '}';
  }
  std::uint64_t begin = 0;
  for (const Tensor& tensor : tensors) {
    separate();
    header +=
        text(json_quote(tensor.name), ":{\"dtype\":", json_quote(tensor.dtype), ",\"shape\":[");
    for (std::size_t i = 0; i < tensor.shape.size(); ++i)
      header += text(i == 0 ? "" : ",", tensor.shape[i]);
    const std::uint64_t end = begin + tensor.bytes.size();
    header += text("],\"data_offsets\":[", begin, ',', end, "]}");
    begin = end;
  }
  header += '}';
  header.resize((header.size() + 63) / 64 * 64, ' ');
  const std::uint64_t length = header.size() - 8;
  require(length <= safetensors_header_limit, "a safetensors header of ", length,
          " bytes, needed at most ", safetensors_header_limit);
  std::memcpy(header.data(), &length, 8);
  return header;
}

/// The bytes of the file before the numbers, the header length included: their count is a multiple
/// of 64, and with the bytes of the tensors it makes the size of the file. The checksum's digits,
/// if there are any, are zeros. Only the size of Tensor::bytes matters. Throws as
/// write_safetensors.
inline std::string safetensors_header(const std::vector<Tensor>& tensors,
                                      const Metadata& metadata = {}) {
  std::size_t ignored = 0;
  return safetensors_header(safetensors_order(tensors, metadata), metadata, ignored);
}

}  // namespace detail

/// Writes a safetensors file, whole or not at all (AtomicFile). The data begin at a multiple of 64
/// bytes and each tensor at a multiple of its element size. A metadata entry "checksum" of the form
/// "crc32:00000000" (any digits) gets the CRC-32 of the whole file, taken with those eight digits
/// as ASCII zeros, in lower-case hexadecimal. Throws Error for a tensor whose bytes do not fit its
/// shape, an unknown dtype, a name that is taken or text that is not UTF-8; FileError where writing
/// fails.
inline void write_safetensors(const std::filesystem::path& path, const std::vector<Tensor>& tensors,
                              const Metadata& metadata = {}) {
  const auto ordered = detail::safetensors_order(tensors, metadata);
  std::size_t checksum_at = 0;
  std::string header = detail::safetensors_header(ordered, metadata, checksum_at);
  if (checksum_at != 0) {
    std::uint32_t sum = detail::crc32(std::as_bytes(std::span(header)));
    for (const Tensor& tensor : ordered) sum = detail::crc32(tensor.bytes, sum);
    header.replace(checksum_at, 8, detail::hex8(sum));
  }
  AtomicFile file(path);
  file.write(header);
  for (const Tensor& tensor : ordered) file.write(tensor.bytes);
  file.commit();
}

}  // namespace see
