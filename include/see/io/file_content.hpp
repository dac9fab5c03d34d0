#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/metadata.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/io/tensor.hpp"
#include "see/io/write_safetensors.hpp"

namespace see::detail {

/// What a safetensors file will hold: its metadata and tensors. It keeps alive what its tensors
/// view. A tensor may be planned, which counts its bytes without having them, so that the size of a
/// file is known exactly before there is anything to write.
class FileContent {
 public:
  /// `format` and its version; the file gets a checksum.
  FileContent(std::string format, Index version) {
    note("format", std::move(format));
    note("format_version", version);
    note("checksum", text(checksum_prefix, "00000000"));
  }

  void note(std::string key, std::string value) { metadata_[std::move(key)] = std::move(value); }
  void note(std::string key, Index value) { note(std::move(key), std::to_string(value)); }

  /// Adds a tensor that shares `values`; `dtype` is T's unless given.
  template <class T>
  void add(std::string name, std::vector<Index> shape, Array<T> values,
           std::string_view dtype = dtype_name<T>()) {
    const auto kept = std::make_shared<const Array<T>>(std::move(values));
    const std::span<const T> view(kept->data(), kept->size());
    add(std::move(name), std::move(shape), dtype, std::as_bytes(view));
    kept_.push_back(kept);
  }
  template <class T>
  void add(std::string name, const Array<T>& values) {
    add(std::move(name), {static_cast<Index>(values.size())}, values);
  }

  /// Adds the size of a tensor, but for its numbers: a file that has one cannot be written.
  void plan(std::string name, std::string_view dtype, std::vector<Index> shape) {
    static constexpr std::byte nowhere{};
    const auto bytes = tensor_bytes(*find_dtype(dtype), shape);
    require(bytes.has_value(), "a tensor of ", shape_text(shape), ", too large to count");
    add(std::move(name), std::move(shape), dtype, {&nowhere, static_cast<std::size_t>(*bytes)});
    planned_ = true;
  }

  const std::vector<Tensor>& tensors() const noexcept { return tensors_; }
  const Metadata& metadata() const noexcept { return metadata_; }

  /// Bytes of the file. Throws as write().
  std::uint64_t size() const {
    std::uint64_t size = safetensors_header(tensors_, metadata_).size();
    for (const Tensor& tensor : tensors_) size += tensor.bytes.size();
    return size;
  }

  /// Writes the file, whole or not at all. Throws as write_safetensors().
  void write(const std::filesystem::path& path) const {
    require(!planned_, "a file of planned tensors cannot be written");
    write_safetensors(path, tensors_, metadata_);
  }

 private:
  void add(std::string name, std::vector<Index> shape, std::string_view dtype,
           std::span<const std::byte> bytes) {
    tensors_.push_back({std::move(name), std::string(dtype), std::move(shape), bytes});
  }

  Metadata metadata_;
  std::vector<Tensor> tensors_;
  std::vector<std::shared_ptr<const void>> kept_;
  bool planned_ = false;
};

}  // namespace see::detail
