#pragma once

#include <string_view>

#include "commands.hpp"
#include "see/core/table.hpp"

namespace see::cli {

/// Whether a method of `see compress` is one of baseline_methods().
bool is_baseline(std::string_view method);

/// Compresses the table by such a method, writes the file, prints the report; the exit code.
int save_baseline_of(const CompressCommand& command, const Table& table);

}  // namespace see::cli
