#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/atomic_file.hpp"
#include "see/io/foreign_file.hpp"
#include "see/io/mapped_file.hpp"

namespace see {

/// Where the words of the table X.npy or X.safetensors stand: X.words.txt.
inline std::filesystem::path words_path(std::filesystem::path table) {
  return table.replace_extension(".words.txt");
}

/// One word a line; lines end with LF or CRLF, the last one perhaps with neither. A byte order mark
/// is no part of the first. Throws FileError where the file cannot be read.
inline Vocabulary read_words(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  std::string_view text = detail::without_byte_order_mark(file->text());
  std::vector<char> blob;
  std::vector<std::int64_t> offsets{0};
  blob.reserve(text.size());
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.ends_with('\r')) word.remove_suffix(1);
    blob.insert(blob.end(), word.begin(), word.end());
    offsets.push_back(static_cast<std::int64_t>(blob.size()));
  }
  if (offsets.size() == 1) return {};
  return {Array<char>(std::move(blob)), Array<std::int64_t>(std::move(offsets))};
}

namespace detail {

/// The words of a table of `rows` rows: those of words_path(table), none where there is no such
/// file. Throws FileError where there are more or fewer of them.
inline Vocabulary read_words_of(const std::filesystem::path& table, Index rows) {
  const auto path = words_path(table);
  if (path == table || !std::filesystem::exists(path)) return {};
  Vocabulary words = read_words(path);
  require<FileError>(words.size() == rows, path.string(), ": found ", words.size(),
                     " words, needed ", rows, ", one for each row of ", table.string());
  return words;
}

}  // namespace detail

/// Writes one word a line. Throws Error, before anything is written, for a word that holds a
/// newline or ends with a carriage return; FileError where writing fails.
inline void write_words(const std::filesystem::path& path, const Vocabulary& words) {
  for (Index i = 0; i < words.size(); ++i)
    detail::require(words[i].find('\n') == std::string_view::npos && !words[i].ends_with('\r'),
                    "the word of row ", i,
                    " holds a newline or ends with a carriage return, which a line cannot hold");
  AtomicFile file(path);
  for (Index i = 0; i < words.size(); ++i) {
    file.write(words[i]);
    file.write(std::string_view("\n"));
  }
  file.commit();
}

}  // namespace see
