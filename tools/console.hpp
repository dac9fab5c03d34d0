#pragma once

#include <string>
#include <string_view>

#include "see/core/table.hpp"
#include "see/io/read_options.hpp"

namespace see::cli {

/// Writes `text` to standard output and sees it off. Throws FileError where that fails.
void print(std::string_view text);

/// Prints `message` as one line on standard error, after "see: ".
void complain(std::string_view message);

bool error_is_terminal();

/// read_table(), with a line on standard error where rows were dropped because their word came
/// before, or were taken for numbers without words.
Table read_or_warn(const std::string& table, const ReadOptions& options);

/// Throws FileError where a file at `path` could not be written, before long work; leaves no file.
void require_writable(const std::string& path);

/// Throws Error where `output` is the file `input` (perhaps FILE:TENSOR), or `-`.
void require_other_file(const std::string& input, const std::string& output);

}  // namespace see::cli
