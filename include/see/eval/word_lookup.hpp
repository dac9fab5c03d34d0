#pragma once

#include <algorithm>
#include <fstream>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"

namespace see {

/// The row of a word, or nothing where the word is unknown. To compare tables that know different
/// words on equal terms, let it know the words that both have.
using WordLookup = std::function<std::optional<Index>(std::string_view word)>;

/// Looks words up in `words`, whose storage the result shares.
inline WordLookup lookup_in(Vocabulary words) {
  return [words = std::move(words)](std::string_view word) { return words.find(word); };
}

namespace detail {

/// `text` with A to Z in lower case; all other bytes stay as they are.
inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace detail

/// The row of `word` as written, else that of its lower-case form.
inline std::optional<Index> find_word(const WordLookup& lookup, std::string_view word) {
  const auto row = lookup(word);
  return row ? row : lookup(detail::lower_case(word));
}

namespace detail {

/// The parts of `line` between spaces, tabs and carriage returns.
inline std::vector<std::string_view> split_fields(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  std::vector<std::string_view> fields;
  for (auto at = line.find_first_not_of(blanks); at != line.npos;) {
    const auto end = std::min(line.find_first_of(blanks, at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(blanks, end);
  }
  return fields;
}

/// Calls body(line number from 1, fields) for each line with a field that starts with no '#', a
/// byte order mark left out.
/// Throws FileError where the stream fails; `name` is the file's in messages.
template <class Body>
void for_lines(std::istream& in, std::string_view name, const Body& body) {
  std::string line;
  for (Index number = 1; std::getline(in, line); ++number) {
    if (number == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    const auto fields = split_fields(line);
    if (!fields.empty() && fields.front().front() != '#') body(number, fields);
  }
  require<FileError>(!in.bad(), name, ": reading failed");
}

inline std::ifstream open_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  require<FileError>(in.is_open(), path, ": cannot be opened for reading");
  return in;
}

}  // namespace detail
}  // namespace see
