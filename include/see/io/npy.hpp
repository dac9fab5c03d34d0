#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/io/atomic_file.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/mapped_file.hpp"
#include "see/io/number.hpp"
#include "see/io/read_options.hpp"
#include "see/io/words_file.hpp"

namespace see {
namespace detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// What the header of a .npy file says.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::size_t data_offset = 0;
};

/// Reads the Python dictionary of the header: strings, True, False and a tuple of integers.
class NpyHeaderParser {
 public:
  /// `offset` is where `text` begins in the file, for messages.
  NpyHeaderParser(std::string_view text, std::size_t offset) : text_(text), offset_(offset) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = parse_string();
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        header.descr = parse_string();
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        header.fortran_order = parse_boolean();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = parse_tuple();
      } else {
        detail::fail<FileError>("header key ", json_quote(key), " is unknown or comes twice");
      }
      if (!take(',') && peek() != '}') fail("',' or '}'");
    }
    skip_space();
    if (at_ != text_.size()) fail("the end of the header");
    require<FileError>(has_descr && has_order && has_shape,
                       "the header lacks one of descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view needed) const {
    detail::fail<FileError>("header byte ", offset_ + at_, ": found ",
                            at_ < text_.size() ? json_quote(text_.substr(at_, 1)) : "the end",
                            ", needed ", needed);
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != text_.npos) ++at_;
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string{'\'', c, '\''});
  }
  std::string parse_string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("a string");
    const std::size_t first = ++at_;
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\\') ++at_;
    if (at_ >= text_.size() || text_[at_] != quote) fail("the quote that ends a string");
    return std::string(text_.substr(first, at_++ - first));
  }
  bool parse_boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    fail("True or False");
  }
  std::vector<std::int64_t> parse_tuple() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!take(')')) {
      skip_space();
      std::int64_t size = -1;
      const auto [end, error] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) fail("a size");
      at_ = static_cast<std::size_t>(end - text_.data());
      take('L');
      sizes.push_back(size);
      if (!take(',') && peek() != ')') fail("',' or ')'");
    }
    return sizes;
  }

  std::string_view text_;
  std::size_t offset_;
  std::size_t at_ = 0;
};

/// The header at the head of the file `text`; throws FileError.
inline NpyHeader read_npy_header(std::string_view text) {
  require<FileError>(text.starts_with(npy_magic), "does not begin with the magic of a .npy file");
  require<FileError>(text.size() >= 10, "ends at byte ", text.size(), " in the header");
  const int version = static_cast<unsigned char>(text[6]);
  require<FileError>(version >= 1 && version <= 3 && text[7] == 0, ".npy version ", version, '.',
                     int{static_cast<unsigned char>(text[7])}, ", needed 1.0, 2.0 or 3.0");
  const std::size_t begin = version == 1 ? 10 : 12;
  std::uint32_t length = 0;
  require<FileError>(text.size() >= begin, "ends at byte ", text.size(), " in the header");
  std::memcpy(&length, text.data() + 8, begin - 8);
  require<FileError>(length <= text.size() - begin, "the header has ", length,
                     " bytes, the file only ", text.size() - begin, " after byte ", begin);
  NpyHeader header = NpyHeaderParser(text.substr(begin, length), begin).parse();
  header.data_offset = begin + length;
  return header;
}

struct NpyType {
  Number number;
  bool swapped;
};

/// "<f4" and the like; throws FileError for a type without a float value.
inline NpyType npy_type(std::string_view descr) {
  static constexpr struct {
    std::string_view name;
    Number number;
  } kinds[] = {{"b1", Number::b8},  {"i1", Number::i8},  {"u1", Number::u8},  {"i2", Number::i16},
               {"u2", Number::u16}, {"i4", Number::i32}, {"u4", Number::u32}, {"i8", Number::i64},
               {"u8", Number::u64}, {"f2", Number::f16}, {"f4", Number::f32}, {"f8", Number::f64}};
  const char order = descr.empty() ? '\0' : descr[0];
  for (const auto& kind : kinds) {
    if (descr.substr(std::min<std::size_t>(1, descr.size())) != kind.name) continue;
    if (order == '<' || order == '>' || order == '=' || (order == '|' && size_of(kind.number) == 1))
      return {kind.number, order == '>'};
  }
  fail<FileError>("dtype ", json_quote(descr), ", needed f2, f4, f8, i1 to i8, u1 to u8 or b1");
}

/// Column-major numbers to row-major floats, 256 rows at a time.
inline void transpose_to_floats(NpyType type, const std::byte* from, std::size_t all_rows_count,
                                std::size_t rows, std::size_t dim, float* to) {
  constexpr std::size_t tile = 256;
  float column[tile];
  const std::size_t width = size_of(type.number);
  for (std::size_t r = 0; r < rows; r += tile) {
    const std::size_t count = std::min(tile, rows - r);
    for (std::size_t c = 0; c < dim; ++c) {
      to_floats(type.number, from + (c * all_rows_count + r) * width, type.swapped, column, count);
      for (std::size_t i = 0; i < count; ++i) to[(r + i) * dim + c] = column[i];
    }
  }
}

/// A vector, where `vector` allows one, is a table of one column.
inline Table read_npy(const std::shared_ptr<const MappedFile>& file, Index first, bool vector) {
  NpyHeader header = read_npy_header(file->text());
  const NpyType type = npy_type(header.descr);
  if (vector && header.shape.size() == 1) header.shape.push_back(1);
  require<FileError>(header.shape.size() == 2, "the array has ", header.shape.size(),
                     " dimensions, needed 2: rows and columns");
  const auto all = static_cast<std::uint64_t>(header.shape[0]);
  const auto dim = static_cast<std::uint64_t>(header.shape[1]);
  const std::uint64_t width = size_of(type.number);
  const auto data = file->bytes().subspan(header.data_offset);
  require<FileError>(all > 0 && dim > 0, "the table is ", all, " x ", dim,
                     ", needed at least 1 x 1");
  require<FileError>(dim <= data.size() / width && all <= data.size() / width / dim &&
                         all * dim * width == data.size(),
                     "found ", data.size(), " bytes of numbers, needed ", all, " x ", dim, " x ",
                     width);
  Vocabulary words = read_words_of(file->path(), static_cast<Index>(all)).first(first);
  const std::uint64_t rows = std::min(all, static_cast<std::uint64_t>(first));
  const auto count = static_cast<std::size_t>(rows * dim);
  const auto make = [&](Array<float> values) {
    return Table(std::move(words), std::move(values), static_cast<Index>(rows),
                 static_cast<Index>(dim));
  };
  const bool row_major = !header.fortran_order || all == 1 || dim == 1;
  if (row_major && type.number == Number::f32 && !type.swapped &&
      reinterpret_cast<std::uintptr_t>(data.data()) % alignof(float) == 0)
    return make({std::span(reinterpret_cast<const float*>(data.data()), count), file});
  std::vector<float> values(count);
  if (row_major)
    to_floats(type.number, data.data(), type.swapped, values.data(), count);
  else
    transpose_to_floats(type, data.data(), static_cast<std::size_t>(all),
                        static_cast<std::size_t>(rows), static_cast<std::size_t>(dim),
                        values.data());
  return make(std::move(values));
}

/// As above; messages begin with the path.
inline Table read_npy_file(const std::shared_ptr<const MappedFile>& file, Index first,
                           bool vector = false) {
  try {
    return read_npy(file, first, vector);
  } catch (const FileError& error) {
    fail<FileError>(file->path().string(), ": ", error.what());
  }
}

}  // namespace detail

/// Reads a 2-D .npy file (versions 1 to 3; floats, integers and bool of either byte order, C or
/// Fortran order) and the words of X.words.txt beside X.npy, none where there is no such file.
/// "<f4" in C order is viewed in the mapping without a copy; anything else is converted. The
/// numbers are not checked to be finite (read_table does that). Throws FileError where either file
/// breaks its format.
inline Table read_npy(const std::filesystem::path& path, const ReadOptions& options = {}) {
  detail::require(options.first >= 1, "asked for ", options.first, " rows, needed at least 1");
  return detail::read_npy_file(MappedFile::open(path), options.first);
}

/// Reads a .npy file of one dimension, or of two of which one is 1. Throws as read_npy.
inline Array<float> read_npy_vector(const std::filesystem::path& path) {
  const Table table = detail::read_npy_file(MappedFile::open(path), all_rows, true);
  detail::require<FileError>(table.rows() == 1 || table.dim() == 1, path.string(), ": is ",
                             table.rows(), " x ", table.dim(), ", needed a vector");
  return table.values();
}

/// Writes a rows x dim table of "<f4" in C order block by block, so that it need not be in memory;
/// the file appears with commit() (AtomicFile).
class NpyWriter {
 public:
  /// Throws Error unless rows and dim are at least 1, FileError where `path` cannot be written.
  NpyWriter(const std::filesystem::path& path, Index rows, Index dim)
      : file_((check(rows, dim), path)), rows_(rows), dim_(dim) {
    std::string header(10, '\0');
    header += detail::text("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ", dim,
                           "), }");
    header.resize((header.size() + 1 + 63) / 64 * 64 - 1, ' ');
    header += '\n';
    header.replace(0, 8, std::string(detail::npy_magic) + std::string("\1\0", 2));
    header[8] = static_cast<char>(header.size() - 10);
    file_.write(header);
  }

  /// The next rows. Throws Error for another number of columns or too many rows, FileError where
  /// writing fails.
  void append(ConstRowMatrixRef<float> block) {
    detail::require(block.cols() == dim_ && block.rows() <= rows_ - written_, file_.path().string(),
                    ": found a block of ", block.rows(), " x ", block.cols(), " after ", written_,
                    " rows, needed a table of ", rows_, " x ", dim_);
    for (Index r = 0; r < block.rows(); ++r)
      file_.write(std::as_bytes(
          std::span(block.data() + r * block.outerStride(), static_cast<std::size_t>(dim_))));
    written_ += block.rows();
  }

  /// Throws Error where rows are missing, FileError where writing fails.
  void commit() {
    detail::require(written_ == rows_, file_.path().string(), ": found ", written_,
                    " rows, needed ", rows_);
    file_.commit();
  }

 private:
  static void check(Index rows, Index dim) {
    detail::require(rows >= 1 && dim >= 1, "a .npy table of ", rows, " x ", dim,
                    ", needed at least 1 x 1");
  }

  AtomicFile file_;
  Index rows_;
  Index dim_;
  Index written_ = 0;
};

/// Writes the whole matrix; see NpyWriter.
inline void write_npy(const std::filesystem::path& path, ConstRowMatrixRef<float> matrix) {
  NpyWriter writer(path, matrix.rows(), matrix.cols());
  writer.append(matrix);
  writer.commit();
}

}  // namespace see
