#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/number.hpp"

/// One row of a text table: a word, then `dim` numbers, apart by spaces or tabs. A word may hold
/// separators itself (GloVe 840B has ". . .") or be of nothing else, so the numbers are counted
/// from the right.
namespace see::detail {

constexpr bool is_separator(char c) noexcept { return c == ' ' || c == '\t'; }

inline std::string_view trim_right(std::string_view line) noexcept {
  while (!line.empty() && is_separator(line.back())) line.remove_suffix(1);
  return line;
}

/// Cuts the last field and the separators around it off `line`; empty where there is none.
inline std::string_view take_last_field(std::string_view& line) noexcept {
  line = trim_right(line);
  std::size_t first = line.size();
  while (first > 0 && !is_separator(line[first - 1])) --first;
  const std::string_view field = line.substr(first);
  line = trim_right(line.substr(0, first));
  return field;
}

/// Reads a number at `at`, rounded to nearest; returns its end, null where there is none. What
/// float cannot hold becomes infinite or zero.
inline const char* read_float(const char* at, const char* end, float& value) noexcept {
  if (at != end && *at == '+' && end - at > 1 && at[1] != '-') ++at;
  auto [next, error] = std::from_chars(at, end, value);
  if (error == std::errc()) return next;
  if (error != std::errc::result_out_of_range) return nullptr;
  double wide = 0;
  const std::string_view text(at, static_cast<std::size_t>(next - at));
  if (std::from_chars(at, end, wide).ec != std::errc())
    wide = text.find_first_of("eE") < text.find('-', 1) && text.find('-', 1) != text.npos
               ? 0
               : std::numeric_limits<double>::infinity();
  value = static_cast<float>(wide);
  return next;
}

inline bool read_field(std::string_view field, float& value) noexcept {
  const char* const end = field.data() + field.size();
  return !field.empty() && read_float(field.data(), end, value) == end;
}

/// Whether a field that reads as a number may be part of a word: digits alone ("route 66") or
/// letters
/// ("nan", "infinity").
inline bool is_wordlike(std::string_view field) noexcept {
  if (!field.empty() && (field[0] == '-' || field[0] == '+')) field.remove_prefix(1);
  if (field.empty()) return false;
  return field.find_first_not_of("0123456789") == field.npos || (field[0] | 0x20) >= 'a';
}

/// Whether `word`, which stands before a row's numbers, ends in fields that are rather numbers too
/// many. `fractional`: some number of the row is not wordlike.
inline bool has_surplus_number(std::string_view word, bool fractional) noexcept {
  while (true) {
    const std::string_view field = take_last_field(word);
    float value;
    if (word.empty() || !read_field(field, value)) return false;
    if (!fractional || !is_wordlike(field)) return true;
  }
}

/// How many fields a line has, and how many at its end are numbers.
struct FieldCount {
  Index fields = 0;
  Index numbers = 0;
};

inline FieldCount count_fields(std::string_view line) noexcept {
  FieldCount count;
  bool all_numbers = true;
  while (!line.empty()) {
    const std::string_view field = take_last_field(line);
    if (field.empty()) break;
    float value;
    all_numbers = all_numbers && read_field(field, value);
    ++count.fields;
    count.numbers += all_numbers;
  }
  return count;
}

/// Whether the last `dim` fields are numbers with a word before them.
inline bool is_row(std::string_view line, Index dim) noexcept {
  bool fractional = false;
  for (Index c = 0; c < dim; ++c) {
    const std::string_view field = take_last_field(line);
    float value;
    if (!read_field(field, value)) return false;
    fractional = fractional || !is_wordlike(field);
  }
  return !line.empty() && !has_surplus_number(line, fractional);
}

/// The number of columns of a table without a header, from its first lines; 0 where no line ends in
/// a number after a word. It is what most lines have, or less where that makes rows of all lines.
inline Index find_dim(const std::vector<std::string_view>& lines) {
  std::map<Index, int> votes;
  for (const std::string_view line : lines) {
    const FieldCount count = count_fields(line);
    const Index dim = std::min(count.numbers, count.fields - 1);
    if (dim >= 1) ++votes[dim];
  }
  Index most = 0;
  for (const auto& [dim, count] : votes)
    if (most == 0 || count >= votes[most]) most = dim;
  for (const auto& [dim, count] : votes)
    if (dim < most && std::all_of(lines.begin(), lines.end(),
                                  [dim = dim](std::string_view line) { return is_row(line, dim); }))
      return dim;
  return most;
}

/// Whether rows are numbers alone, equally many in each, of which the first is somewhere no word
/// that one could take for a number.
inline bool is_without_words(const std::vector<std::string_view>& lines) {
  bool fractional = false;
  Index columns = 0;
  for (std::string_view line : lines) {
    const FieldCount count = count_fields(line);
    if (count.numbers != count.fields || (columns > 0 && count.fields != columns)) return false;
    columns = count.fields;
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    fractional = fractional || !is_wordlike(line.substr(0, line.find_first_of(" \t")));
  }
  return fractional;
}

/// The common case: no separator in the word and finite numbers throughout. False for anything
/// else.
inline bool read_plain_row(std::string_view line, Index dim, float* values,
                           std::string_view& word) noexcept {
  const char* at = line.data();
  const char* const end = at + line.size();
  while (at != end && !is_separator(*at)) ++at;
  word = line.substr(0, static_cast<std::size_t>(at - line.data()));
  if (word.empty()) return false;
  for (Index c = 0; c < dim; ++c) {
    if (at == end || !is_separator(*at)) return false;
    while (at != end && is_separator(*at)) ++at;
    at = read_float(at, end, values[c]);
    if (!at || !is_finite(values[c])) return false;
  }
  while (at != end && is_separator(*at)) ++at;
  return at == end;
}

/// At most 40 bytes of a field, quoted.
inline std::string quote_field(std::string_view field) {
  return field.size() <= 40 ? json_quote(field) : json_quote(field.substr(0, 40)) + "...";
}

/// Reads the numbers of a row and returns its word, which is empty or blank where the row begins
/// with a separator and has no other. Throws FileError, which `where` begins.
inline std::string_view read_row(std::string_view line, Index dim, float* values,
                                 const auto& where) {
  std::string_view word;
  if (read_plain_row(line, dim, values, word)) return word;
  const FieldCount count = count_fields(line);
  const bool blank = count.fields == dim && !line.empty() && is_separator(line.front());
  require<FileError>(count.fields > dim || blank, where(), ": found ",
                     std::max<Index>(count.fields - 1, 0), " numbers after the word, needed ", dim);
  word = line;
  bool fractional = false;
  for (Index c = dim; c-- > 0;) {
    const std::string_view field = take_last_field(word);
    require<FileError>(read_field(field, values[c]) && is_finite(values[c]), where(), ", column ",
                       c + 1, ": found ", quote_field(field), ", needed a finite number");
    fractional = fractional || !is_wordlike(field);
  }
  require<FileError>(!has_surplus_number(word, fractional), where(), ": found ",
                     std::min(count.numbers, count.fields - 1), " numbers after the word, needed ",
                     dim);
  if (blank) return line.substr(0, line.find_first_not_of(" \t") - 1);
  while (is_separator(word.front())) word.remove_prefix(1);
  return word;
}

/// The same of a row without a word.
inline void read_numbers(std::string_view line, Index dim, float* values, const auto& where) {
  const FieldCount count = count_fields(line);
  require<FileError>(count.fields == dim, where(), ": found ", count.fields, " numbers, needed ",
                     dim);
  for (Index c = dim; c-- > 0;) {
    const std::string_view field = take_last_field(line);
    require<FileError>(read_field(field, values[c]) && is_finite(values[c]), where(), ", column ",
                       c + 1, ": found ", quote_field(field), ", needed a finite number");
  }
}

}  // namespace see::detail
