#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string_view>

#include "see/error.hpp"
#include "see/io/foreign_file.hpp"

namespace see::detail {

/// The lines of a text file, ended by LF or CRLF, without a byte order mark:
///
///     LineReader lines(file->text(), path);
///     while (lines.next()) lines.require(!lines.line().empty(), "found an empty line");
class LineReader {
 public:
  /// Views `text` and `path`, which must outlive this object.
  LineReader(std::string_view text, const std::filesystem::path& path)
      : rest_(without_byte_order_mark(text)), path_(path) {}

  /// Goes to the next line; false at the end of the text.
  bool next() {
    if (rest_.empty()) return false;
    line_ = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(std::min(rest_.size(), line_.size() + 1));
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    ++number_;
    return true;
  }

  std::string_view line() const noexcept { return line_; }
  std::size_t number() const noexcept { return number_; }  ///< counted from 1

  /// Throws FileError "PATH: line N: ..." unless `condition` holds.
  template <class... Parts>
  void require(bool condition, const Parts&... parts) const {
    if (!condition) [[unlikely]]
      fail<FileError>(path_.string(), ": line ", number_, ": ", parts...);
  }

 private:
  std::string_view rest_;
  std::string_view line_;
  const std::filesystem::path& path_;
  std::size_t number_ = 0;
};

/// Cuts the first field, ended by spaces or tabs, off `line`; empty where there is none.
inline std::string_view take_field(std::string_view& line) noexcept {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
  const std::string_view field = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(field.size());
  return field;
}

}  // namespace see::detail
