#include "console.hpp"
#include "cli_text.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "see/error.hpp"
#include "see/io/atomic_file.hpp"
#include "see/io/read_table.hpp"

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace see::cli {
namespace {

/// The file of FILE:TENSOR, as read_table() takes it.
std::string file_of(const std::string& input) {
  const auto exists = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
  };
  std::string file = input;
  while (!exists(file)) {
    const std::size_t colon = file.rfind(':');
    if (colon == file.npos || colon == 0) return input;
    file.resize(colon);
  }
  return file;
}

}  // namespace

void print(std::string_view text) {
  errno = 0;
  const std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  const bool flushed = std::fflush(stdout) == 0;
  require<FileError>(written == text.size() && flushed,
                     "cannot write to standard output: ", std::generic_category().message(errno));
}

void complain(std::string_view message) {
  std::string line = "see: ";
  for (const char c : message) line += c == '\n' || c == '\r' ? ' ' : c;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

bool error_is_terminal() {
#if defined(_WIN32)
  return ::_isatty(2) != 0;
#else
  return ::isatty(STDERR_FILENO) != 0;
#endif
}

Table read_or_warn(const std::string& location, const ReadOptions& options) {
  ReadReport report;
  Table table = read_table(location, options, &report);
  if (report.duplicates > 0)
    complain(sentence(report.duplicates,
                      report.duplicates == 1 ? " duplicate word" : " duplicate words", " dropped"));
  if (report.format == "numbers without words" && options.words == WordColumn::detect)
    complain(sentence(location, ": rows of ", table.dim(),
                      " numbers without words; --words yes takes the first for words"));
  return table;
}

void require_writable(const std::string& path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  // Opening a pipe, even for nothing, would end it for its reader.
  if (type == std::filesystem::file_type::fifo) return;
  const AtomicFile probe(path);
}

void require_other_file(const std::string& input, const std::string& output) {
  require(output != "-", "-: needed the name of a file to write to");
  std::error_code error;
  require(!std::filesystem::equivalent(file_of(input), output, error) || error, output,
          ": is the input, needed another file to write to");
}

}  // namespace see::cli
