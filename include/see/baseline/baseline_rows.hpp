#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/baseline/half_array.hpp"
#include "see/core/array.hpp"
#include "see/core/ids.hpp"
#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/model_tensors.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/vocabulary_tensors.hpp"
#include "see/io/write_safetensors.hpp"

namespace see {

/// The content of a baseline's file, in memory: what it is, its tensors, the words of its rows.
/// Views what it is given, which must outlive it.
class BaselineContent {
 public:
  static constexpr std::string_view format = "see baseline";
  static constexpr Index version = 1;

  BaselineContent(std::string_view method, Index rows, Index dim, const Vocabulary& words,
                  const Metadata& fit) {
    for (const auto& [name, value] : fit) metadata_.emplace("fit." + name, value);
    metadata_["format"] = format;
    metadata_["format_version"] = std::to_string(version);
    metadata_["checksum"] = "crc32:00000000";
    metadata_["method"] = method;
    metadata_["words"] = std::to_string(rows);
    metadata_["dim"] = std::to_string(dim);
    detail::append_vocabulary(words, narrow_offsets_, tensors_);
  }

  BaselineContent(const BaselineContent&) = delete;
  BaselineContent& operator=(const BaselineContent&) = delete;

  void note(std::string key, Index value) { metadata_[std::move(key)] = std::to_string(value); }

  /// Numbers of half precision; their exponent is the metadata entry "exponent.NAME".
  void add(std::string name, std::vector<Index> shape, const HalfArray& values) {
    note("exponent." + name, values.exponent());
    halves_.push_back(values.halves());
    tensors_.push_back(make_tensor(std::move(name), std::move(shape), halves_.back()));
  }

  template <class T>
  void add(std::string name, const Array<T>& values) {
    tensors_.push_back(make_tensor(std::move(name), {static_cast<Index>(values.size())}, values));
  }

  /// As add() of `shape` numbers of half precision, or of bytes, but for the numbers: for bytes().
  void plan_halves(std::string name, std::vector<Index> shape) {
    note("exponent." + name, HalfArray::least_exponent);
    std::uint64_t count = 1;
    for (const Index size : shape) count *= static_cast<std::uint64_t>(size);
    plan(std::move(name), "F16", std::move(shape), 2 * count);
  }
  void plan_bytes(std::string name, std::uint64_t count) {
    plan(std::move(name), "U8", {static_cast<Index>(count)}, count);
  }

  /// As if made with `words`, of which there are some, but for their bytes. O(1).
  void plan_words(const Vocabulary& words) {
    const std::uint64_t bytes = words.blob().size(), offsets = words.offsets().size();
    const bool narrow = bytes <= std::numeric_limits<std::int32_t>::max();
    plan_bytes("vocabulary.blob", bytes);
    plan("vocabulary.offsets", narrow ? "I32" : "I64", {static_cast<Index>(offsets)},
         offsets * (narrow ? 4 : 8));
  }

  const std::vector<Tensor>& tensors() const noexcept { return tensors_; }
  const Metadata& metadata() const noexcept { return metadata_; }

  /// The shares of a file of `size` bytes: codes count as index, scales as gains, means and axes as
  /// basis, all other tensors as factors.
  static ModelBytes count_bytes(const std::vector<Tensor>& tensors, std::uint64_t size) {
    ModelBytes bytes;
    bytes.header = size;
    for (const Tensor& tensor : tensors) {
      std::uint64_t* share = &bytes.factors;
      if (tensor.name == "codes") share = &bytes.index;
      if (tensor.name == "scales" || tensor.name == "rates") share = &bytes.gains;
      if (tensor.name == "mean" || tensor.name == "axes") share = &bytes.basis;
      if (tensor.name.starts_with("vocabulary.")) share = &bytes.vocabulary;
      *share += tensor.bytes.size();
      bytes.header -= tensor.bytes.size();
    }
    bytes.total = size - bytes.vocabulary;
    return bytes;
  }

  ModelBytes bytes() const {
    std::uint64_t size = safetensors_header(tensors_, metadata_).size();
    for (const Tensor& tensor : tensors_) size += tensor.bytes.size();
    return count_bytes(tensors_, size);
  }

 private:
  void plan(std::string name, std::string dtype, std::vector<Index> shape, std::uint64_t bytes) {
    static constexpr std::byte nowhere{};
    tensors_.push_back({std::move(name),
                        std::move(dtype),
                        std::move(shape),
                        {&nowhere, static_cast<std::size_t>(bytes)}});
  }

  Metadata metadata_;
  std::vector<Tensor> tensors_;
  std::vector<std::int32_t> narrow_offsets_;
  std::list<std::vector<Eigen::half>> halves_;
};

/// The parts of a baseline's file. All of it throws FileError, or Error, which load_baseline turns
/// into one.
class BaselineReader {
 public:
  /// Whether the file says that it is one.
  static bool is_baseline(const SafetensorsFile& file) {
    const auto found = file.metadata().find("format");
    return found != file.metadata().end() && found->second == BaselineContent::format;
  }

  /// Views `file`. Throws unless that is a baseline's file of a known version.
  explicit BaselineReader(const SafetensorsFile& file) : file_(file) {
    detail::require<FileError>(is_baseline(file), where(),
                               "not a baseline (its metadata lack \"format\": \"",
                               BaselineContent::format, "\")");
    number("format_version", 1, BaselineContent::version);
    rows_ = number("words", 1, (Index{1} << 32) - 1);
    dim_ = number("dim", 1, Index{1} << 24);
  }

  Index rows() const noexcept { return rows_; }
  Index dim() const noexcept { return dim_; }
  const std::string& method() const { return entry("method"); }

  /// A whole number among the metadata, from `least` to `most`.
  Index number(std::string_view key, Index least, Index most) const {
    const std::string& digits = entry(key);
    Index value = 0;
    const auto end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    detail::require<FileError>(
        error == std::errc() && stop == end && value >= least && value <= most, where(),
        "metadata entry \"", key, "\" is \"", digits, "\", needed ", least, " to ", most);
    return value;
  }

  /// A tensor of half precision; -1 stands for any size.
  HalfArray halves(const std::string& name, std::initializer_list<Index> shape) const {
    return {file_.array<Eigen::half>(name, shape),
            static_cast<int>(
                number("exponent." + name, HalfArray::least_exponent, HalfArray::most_exponent))};
  }

  /// A tensor of `count` bytes, viewed in the mapped file.
  Array<std::uint8_t> bytes(std::string_view name, std::uint64_t count) const {
    return file_.array<std::uint8_t>(name, {static_cast<Index>(count)});
  }

  /// Size `axis` of a tensor, which is to be at least 1.
  Index size(std::string_view name, std::size_t axis) const {
    const Tensor& tensor = file_.at(name);
    detail::require<FileError>(tensor.shape.size() > axis && tensor.shape[axis] >= 1, where(),
                               "tensor ", json_quote(name), " is ",
                               detail::shape_text(tensor.shape), ", needed at least one number");
    return tensor.shape[axis];
  }

  Vocabulary words() const { return detail::read_vocabulary(file_); }

  Metadata fit() const {
    Metadata fit;
    for (const auto& [key, value] : file_.metadata())
      if (key.starts_with("fit.")) fit.emplace(key.substr(4), value);
    return fit;
  }

 private:
  std::string where() const { return file_.path().string() + ": "; }

  const std::string& entry(std::string_view key) const {
    const auto found = file_.metadata().find(key);
    detail::require<FileError>(found != file_.metadata().end(), where(), "has no metadata entry \"",
                               key, '"');
    return found->second;
  }

  const SafetensorsFile& file_;
  Index rows_ = 0;
  Index dim_ = 0;
};

/// The rows of a table compressed by a method that entangled embeddings are compared with; a
/// RowSource. Immutable.
class BaselineRows {
 public:
  virtual ~BaselineRows() = default;

  Index num_embeddings() const noexcept { return rows_; }
  Index embedding_dim() const noexcept { return dim_; }

  /// Writes row ids[i] into row i of `out`; rows come out the same whatever stands beside them.
  /// Throws, and writes nothing, where an id is no row or `out` is not ids.size() x
  /// embedding_dim().
  void forward(std::span<const Index> ids, RowMatrixRef<float> out) const {
    detail::check_batch(ids, rows_, out.rows(), out.cols(), dim_, "forward");
    write_rows(ids, out);
  }

  /// One of baseline_methods().
  virtual std::string_view method() const noexcept = 0;

  /// Adds the tensors and notes from which the method's `read` makes equal rows; these view this
  /// object.
  virtual void store(BaselineContent& content) const = 0;

 protected:
  BaselineRows(Index rows, Index dim) : rows_(rows), dim_(dim) {}
  BaselineRows(const BaselineRows&) = default;
  BaselineRows& operator=(const BaselineRows&) = default;

  /// As forward(), for arguments that fit.
  virtual void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const = 0;

 private:
  Index rows_;
  Index dim_;
};

}  // namespace see
