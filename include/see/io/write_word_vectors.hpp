#pragma once

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/io/atomic_file.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/text_rows.hpp"

namespace see {
namespace detail {

/// The shortest text that reads as the same float, with a point or an exponent.
inline void append_float(std::string& out, float value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  const std::string_view text(digits, static_cast<std::size_t>(end - digits));
  out += text;
  if (is_wordlike(text)) out += ".0";
}

inline void require_named(const Table& table) {
  require(table.rows() >= 1 && table.dim() >= 1 && !table.words().empty(), "a table of ",
          table.rows(), " x ", table.dim(), " with ", table.words().size(),
          " words, needed at least 1 x 1 and a word for each row");
}

inline bool is_text_word(std::string_view word) {
  return !word.empty() && word.find('\n') == word.npos && !is_separator(word.front()) &&
         !is_separator(word.back()) && !has_surplus_number(word, true);
}

inline bool is_binary_word(std::string_view word) {
  return !word.empty() && word.find(' ') == word.npos && word.front() != '\n';
}

}  // namespace detail

/// Writes GloVe text or, with `header`, word2vec text. The numbers read back are equal, as are the
/// words where they are distinct; without a header that takes one of the first lines whose word
/// does not end in a number after a separator. Throws Error, before anything is written, for a
/// table without words or a word that a line cannot hold: empty, with a newline, with a separator
/// at either end or with a fraction after a separator; FileError where writing fails.
inline void write_text_table(const std::filesystem::path& path, const Table& table,
                             bool header = false) {
  detail::require_named(table);
  for (Index r = 0; r < table.rows(); ++r)
    detail::require(detail::is_text_word(table.words()[r]), "the word of row ", r, ", ",
                    detail::quote_field(table.words()[r]), ", does not fit into a text table");
  AtomicFile file(path);
  std::string line;
  if (header) file.write(detail::text(table.rows(), ' ', table.dim(), '\n'));
  for (Index r = 0; r < table.rows(); ++r) {
    line = table.words()[r];
    for (Index c = 0; c < table.dim(); ++c) {
      line += ' ';
      detail::append_float(line, table.matrix()(r, c));
    }
    line += '\n';
    file.write(line);
  }
  file.commit();
}

/// Writes word2vec .bin. Throws Error, before anything is written, for a table without words or a
/// word that is empty, holds a space or begins with a newline; FileError where writing fails.
inline void write_word2vec_bin(const std::filesystem::path& path, const Table& table) {
  detail::require_named(table);
  for (Index r = 0; r < table.rows(); ++r)
    detail::require(detail::is_binary_word(table.words()[r]), "the word of row ", r, ", ",
                    detail::quote_field(table.words()[r]), ", does not fit into a word2vec file");
  AtomicFile file(path);
  file.write(detail::text(table.rows(), ' ', table.dim(), '\n'));
  const auto dim = static_cast<std::size_t>(table.dim());
  for (Index r = 0; r < table.rows(); ++r) {
    file.write(table.words()[r]);
    file.write(std::string_view(" "));
    file.write(
        std::as_bytes(std::span(table.values().data() + static_cast<std::size_t>(r) * dim, dim)));
    file.write(std::string_view("\n"));
  }
  file.commit();
}

}  // namespace see
