#pragma once

#include "commands.hpp"
#include "see/core/progress.hpp"
#include "see/core/table.hpp"
#include "see/io/model_file.hpp"

namespace see::cli {

/// A model from what `command.knowledge` says of the table's words, by method see or hybrid.
Model<float> compressed_on_knowledge(const CompressCommand& command, const Table& table,
                                     const ProgressCallback& progress);

}  // namespace see::cli
