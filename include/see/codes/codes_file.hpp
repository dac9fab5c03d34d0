#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "see/codes/half_array.hpp"
#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/io/file_content.hpp"
#include "see/io/file_reader.hpp"

/// The part of a model file that holds codes: tensors and metadata entries under a prefix.
/// docs/format.md says what each kind writes.
namespace see::detail {

/// Where the codes of a file stand: tensors "TENSORS.NAME" and metadata entries "NOTES.NAME".
struct CodesPrefix {
  std::string tensors;
  std::string notes;

  /// In files of format 3.
  static CodesPrefix codes() { return {"codes.", "codes."}; }
  /// Trellis codes beside terms in files of format 2.
  static CodesPrefix residual() { return {"residual.", "residual_"}; }
  /// In files of the format "see baseline".
  static CodesPrefix none() { return {}; }
};

/// What codes add to the content of a file.
class CodesContent {
 public:
  CodesContent(FileContent& content, CodesPrefix prefix)
      : content_(content), prefix_(std::move(prefix)) {}

  void note(const std::string& key, Index value) { content_.note(prefix_.notes + key, value); }

  /// Numbers of half precision; their exponent is the metadata entry "exponent.NAME".
  void add(const std::string& name, std::vector<Index> shape, const HalfArray& values) {
    note("exponent." + name, values.exponent());
    content_.add(prefix_.tensors + name, std::move(shape), Array<Eigen::half>(values.halves()));
  }
  template <class T>
  void add(const std::string& name, const Array<T>& values) {
    content_.add(prefix_.tensors + name, values);
  }

  /// As add() of `shape` numbers of half precision, or of bytes, but for the numbers.
  void plan_halves(const std::string& name, std::vector<Index> shape) {
    note("exponent." + name, HalfArray::least_exponent);
    content_.plan(prefix_.tensors + name, "F16", std::move(shape));
  }
  void plan_bytes(const std::string& name, std::uint64_t count) {
    plan(name, "U8", {static_cast<Index>(count)});
  }
  void plan(const std::string& name, std::string_view dtype, std::vector<Index> shape) {
    content_.plan(prefix_.tensors + name, dtype, std::move(shape));
  }

 private:
  FileContent& content_;
  CodesPrefix prefix_;
};

/// Adds codes, or planned ones, to a content.
using AddCodes = std::function<void(CodesContent&)>;

/// What a file says of codes of `rows` rows of `dim` numbers. All of it throws FileError, or Error,
/// which load_model() turns into one.
class CodesReader {
 public:
  CodesReader(const FileReader& file, CodesPrefix prefix, Index rows, Index dim)
      : file_(file), prefix_(std::move(prefix)), rows_(rows), dim_(dim) {}

  Index rows() const noexcept { return rows_; }
  Index dim() const noexcept { return dim_; }

  Index number(const std::string& key, Index least, Index most) const {
    return file_.number(prefix_.notes + key, least, most);
  }

  template <class T>
  Array<T> array(const std::string& name, std::initializer_list<Index> shape) const {
    return file_.array<T>(prefix_.tensors + name, shape);
  }

  /// A tensor of half precision; -1 stands for any size.
  HalfArray halves(const std::string& name, std::initializer_list<Index> shape) const {
    return {array<Eigen::half>(name, shape),
            static_cast<int>(
                number("exponent." + name, HalfArray::least_exponent, HalfArray::most_exponent))};
  }

  /// A tensor of `count` bytes, or of `count` fields of `bits` bits, viewed in the mapped file.
  Array<std::uint8_t> bytes(const std::string& name, std::uint64_t count) const {
    return file_.bytes(prefix_.tensors + name, count);
  }
  PackedArray packed(const std::string& name, Index count, int bits) const {
    return file_.packed(prefix_.tensors + name, count, bits);
  }

  /// Size `axis` of a tensor, which is to be at least 1.
  Index size(const std::string& name, std::size_t axis) const {
    const Tensor& tensor = file_.file().at(prefix_.tensors + name);
    require<FileError>(tensor.shape.size() > axis && tensor.shape[axis] >= 1, file_.where(),
                       "tensor ", json_quote(tensor.name), " is ", shape_text(tensor.shape),
                       ", needed at least one number");
    return tensor.shape[axis];
  }

 private:
  const FileReader& file_;
  CodesPrefix prefix_;
  Index rows_;
  Index dim_;
};

}  // namespace see::detail
