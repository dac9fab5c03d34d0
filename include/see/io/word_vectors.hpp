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
#include "see/io/foreign_file.hpp"
#include "see/io/mapped_file.hpp"
#include "see/io/number.hpp"
#include "see/io/read_options.hpp"
#include "see/io/table_builder.hpp"
#include "see/io/text_rows.hpp"

namespace see {
namespace detail {

/// The lines of a text, which end with LF or CRLF, the last one perhaps with neither.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  bool next(std::string_view& line) noexcept {
    if (at_ == text_.size()) return false;
    line = text_.substr(at_, text_.find('\n', at_) - at_);
    at_ = std::min(text_.size(), at_ + line.size() + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return true;
  }

  std::size_t number() const noexcept { return number_; }  ///< of the line just read, from 1
  std::size_t offset() const noexcept { return at_; }      ///< of the next line
  bool only_space_left() const noexcept {
    return text_.find_first_not_of(" \t\r\n", at_) == text_.npos;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;
};

/// The first line of a word2vec file. Numbers too great for 64 bits become the greatest one.
struct Word2vecHeader {
  std::uint64_t rows = 0;
  std::uint64_t dim = 0;
};

/// Two fields of digits alone.
inline std::optional<Word2vecHeader> parse_word2vec_header(std::string_view line) {
  const std::string_view second = take_last_field(line);
  const std::string_view first = take_last_field(line);
  const auto parse = [](std::string_view field) -> std::optional<std::uint64_t> {
    if (field.empty() || field.find_first_not_of("0123456789") != field.npos) return std::nullopt;
    std::uint64_t value = 0;
    return std::from_chars(field.data(), field.data() + field.size(), value).ec == std::errc()
               ? value
               : std::numeric_limits<std::uint64_t>::max();
  };
  const auto rows = parse(first);
  const auto dim = parse(second);
  if (!line.empty() || !rows || !dim) return std::nullopt;
  return Word2vecHeader{*rows, *dim};
}

enum class WordVectorFormat { glove, numbers, word2vec_text, word2vec_binary };

/// What the file is. A first line of two whole numbers is a header; after one, the file is binary
/// where the next line is no row of text and there are control characters or ill-formed UTF-8.
inline WordVectorFormat find_format(std::string_view text) {
  text = without_byte_order_mark(text);
  Lines lines(text.substr(0, std::size_t{1} << 24));
  std::string_view line;
  if (!lines.next(line)) return WordVectorFormat::glove;
  const auto header = parse_word2vec_header(line);
  if (!header) return WordVectorFormat::glove;
  const std::string_view rest = text.substr(lines.offset(), std::size_t{1} << 16);
  if (!lines.next(line)) return WordVectorFormat::word2vec_text;
  if (header->dim < line.size() && header->dim > 0 && is_row(line, static_cast<Index>(header->dim)))
    return WordVectorFormat::word2vec_text;
  const bool binary = std::any_of(rest.begin(), rest.end(),
                                  [](char c) {
                                    return static_cast<unsigned char>(c) < 32 && c != '\t' &&
                                           c != '\n' && c != '\r';
                                  }) ||
                      utf8_prefix(rest) + 4 <= rest.size();  // less: a character cut off at the end
  return binary ? WordVectorFormat::word2vec_binary : WordVectorFormat::word2vec_text;
}

/// Throws FileError where `size` bytes cannot hold what the header promises, each row taking at
/// least number_bytes a number and row_bytes besides, all but `spare` bytes of them surely in the
/// file.
inline void require_plausible(const Word2vecHeader& header, std::size_t size,
                              std::size_t number_bytes, std::size_t row_bytes, std::size_t spare) {
  require<FileError>(header.rows > 0 && header.dim > 0, "the header promises ", header.rows,
                     " rows of ", header.dim, " numbers, needed at least 1 of each");
  const std::size_t room = size + spare;
  require<FileError>(header.dim <= room / number_bytes &&
                         header.rows <= room / (header.dim * number_bytes + row_bytes),
                     "the header promises ", header.rows, " rows of ", header.dim,
                     " numbers, found ", size, " bytes after it, needed at least ", number_bytes,
                     " a number");
}

/// `format` becomes `numbers` where rows have no words.
inline Table read_text_vectors(const MappedFile& file, const ReadOptions& options,
                               WordVectorFormat& format, Index& duplicates) {
  const std::string_view text = without_byte_order_mark(file.text());
  const bool has_header = format == WordVectorFormat::word2vec_text;
  const Index first = options.first;
  Lines lines(text);
  std::string_view line;
  std::uint64_t promised = 0;
  Index dim = 0;
  if (has_header) {
    lines.next(line);
    const auto header = parse_word2vec_header(line).value();
    require_plausible(header, text.size() - lines.offset(), 2, 1, 1);
    promised = header.rows;
    dim = static_cast<Index>(header.dim);
  }
  std::size_t sampled = 0;
  std::vector<std::string_view> sample;
  for (Lines ahead = lines; sample.size() < 100 && ahead.next(line);) {
    if (!trim_right(line).empty()) sample.push_back(line);
    sampled = ahead.offset() - lines.offset();
  }
  if (!has_header) {
    require<FileError>(!sample.empty(), "the file is empty, needed a table");
    if (options.words == WordColumn::detect && is_without_words(sample))
      format = WordVectorFormat::numbers;

    dim = format == WordVectorFormat::numbers ? count_fields(sample[0]).fields : find_dim(sample);
    require<FileError>(dim >= 1, "line 1: found no number after a word, needed a table");
  }
  const bool without = format == WordVectorFormat::numbers;
  TableBuilder builder(dim);
  if (!sample.empty()) {
    const double estimate = 1.05 * static_cast<double>(text.size()) *
                                static_cast<double>(sample.size()) / static_cast<double>(sampled) +
                            16;
    const auto limit = static_cast<std::uint64_t>(first);
    builder.reserve(static_cast<std::size_t>(
        std::min(limit, has_header ? promised : static_cast<std::uint64_t>(estimate))));
  }

  const auto where = [&] { return detail::text("line ", lines.number()); };
  std::uint64_t found = 0;
  std::size_t released = 0;
  while (builder.rows() < first && lines.next(line)) {
    if (trim_right(line).empty()) {
      if (lines.only_space_left()) break;
      fail<FileError>(where(), ": found a blank line, needed a row");
    }
    require<FileError>(!has_header || found < promised, where(),
                       ": found a further row, needed the end after the ", promised,
                       " rows of the header");
    if (without) {
      read_numbers(line, dim, builder.next_row(), where);
      builder.add_without_word();
    } else {
      builder.add(read_row(line, dim, builder.next_row(), where));
    }
    ++found;
    if (lines.offset() - released > (std::size_t{8} << 20)) {
      file.release(released, lines.offset());
      released = lines.offset();
    }
  }
  require<FileError>(!has_header || builder.rows() == first || found == promised, "found ", found,
                     " rows, needed the ", promised, " of the header");
  duplicates = builder.duplicates();
  return builder.finish();
}

inline Table read_binary_vectors(const MappedFile& file, Index first, Index& duplicates) {
  const std::string_view text = file.text();
  Lines lines(text);
  std::string_view line;
  lines.next(line);
  const auto header = parse_word2vec_header(line).value();
  std::size_t at = lines.offset();
  require_plausible(header, text.size() - at, 4, 1, 0);
  const auto dim = static_cast<std::size_t>(header.dim);
  TableBuilder builder(static_cast<Index>(dim));
  builder.reserve(
      static_cast<std::size_t>(std::min(header.rows, static_cast<std::uint64_t>(first))));
  std::uint64_t row = 0;
  std::size_t released = 0;
  for (; row < header.rows && builder.rows() < first; ++row) {
    if (at < text.size() && text[at] == '\n') ++at;
    const std::size_t space = text.find(' ', at);
    require<FileError>(space != text.npos, "byte ", at, ", row ", row, " of ", header.rows,
                       ": found the end of the file, needed a word and a space");
    const std::string_view word = text.substr(at, space - at);
    at = space + 1;
    require<FileError>(text.size() - at >= 4 * dim, "byte ", at, ", row ", row, ": found ",
                       text.size() - at, " bytes of numbers, needed ", 4 * dim);
    float* const values = builder.next_row();
    std::memcpy(values, text.data() + at, 4 * dim);
    if (const std::size_t column = finite_prefix(values, dim); column < dim)
      fail<FileError>("byte ", at + 4 * column, ", row ", row, ", column ", column + 1, ": found ",
                      values[column], ", needed a finite number");
    builder.add(word);
    at += 4 * dim;
    if (at - released > (std::size_t{8} << 20)) {
      file.release(released, at);
      released = at;
    }
  }
  if (row == header.rows) {
    if (at < text.size() && text[at] == '\n') ++at;
    require<FileError>(at == text.size(), "byte ", at, ": found ", text.size() - at,
                       " bytes after the ", header.rows, " rows of the header");
  }
  duplicates = builder.duplicates();
  return builder.finish();
}

inline Table read_word_vectors(const MappedFile& file, const ReadOptions& options,
                               ReadReport* report) {
  require(options.first >= 1, "asked for ", options.first, " rows, needed at least 1");
  try {
    const std::string foreign = foreign_file(file.text());
    require<FileError>(foreign.empty(), foreign);
    WordVectorFormat format =
        options.words == WordColumn::absent ? WordVectorFormat::numbers : find_format(file.text());
    Index duplicates = 0;
    Table table = format == WordVectorFormat::word2vec_binary
                      ? read_binary_vectors(file, options.first, duplicates)
                      : read_text_vectors(file, options, format, duplicates);
    if (report)
      *report = {duplicates, format == WordVectorFormat::glove           ? "GloVe text"
                             : format == WordVectorFormat::numbers       ? "numbers without words"
                             : format == WordVectorFormat::word2vec_text ? "word2vec text"
                                                                         : "word2vec binary"};
    return table;
  } catch (const FileError& error) {
    fail<FileError>(file.path().string(), ": ", error.what());
  }
}

}  // namespace detail

/// Reads word vectors in one pass, told apart by content:
/// - GloVe text: a word and its numbers a line, apart by spaces or tabs;
/// - numbers alone, as numpy.savetxt writes them (WordColumn says how these are told apart);
/// - word2vec text: the same after a line "rows dim", which is any first line of two whole numbers;
/// - word2vec .bin: the line "rows dim", then for each row the word, a space, dim little-endian
/// float32
///   and perhaps a newline.
/// Words are bytes and, in text, may hold separators: the numbers are counted from the right, and
/// without a header their count is what the first 100 lines agree on. A field before them that is
/// itself a number belongs to the word if it is the first one or made of digits or letters alone
/// while the row's numbers are not ("route 66"); otherwise the row is ragged. A row that begins
/// with a separator and has just enough numbers has the word before the last of these separators:
/// none, or blanks. A byte order mark before the text is left out. Lines may end with CRLF; blank
/// lines may end the file. Of rows with the same word the first is kept. Costs the table and some
/// 30 bytes a row of memory; pages of the file are released as they are read. Throws FileError with
/// the line or byte where the file is empty, ragged or truncated, where a number is not finite or
/// where header and content disagree.
inline Table read_word_vectors(const std::filesystem::path& path, const ReadOptions& options = {},
                               ReadReport* report = nullptr) {
  return detail::read_word_vectors(*MappedFile::open(path), options, report);
}

}  // namespace see
