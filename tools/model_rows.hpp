#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "see/core/types.hpp"
#include "see/file/model_file.hpp"

namespace see::cli {

/// The row of `word` in a model or, where the model has no words, the row of that number.
std::optional<Index> find_row(const Model<float>& model, std::string_view word);

/// What find_row knows row `row` by.
std::string row_name(const Model<float>& model, Index row);

/// Says on standard error that find_row found nothing.
void complain_unknown(const Model<float>& model, const std::string& path, std::string_view word);

}  // namespace see::cli
