#pragma once

#include <map>
#include <string>
#include <vector>

#include "commands.hpp"
#include "see/core/types.hpp"
#include "see/knowledge/compose.hpp"
#include "see/model/model.hpp"

namespace see::cli {

struct ComposedWord {
  Eigen::RowVector<float, Eigen::Dynamic> row;
  Composition how;
};

/// Those of `words` that can be composed from the model's units, from what `files` say of them and
/// by the model's own morphs; none where the model has no knowledge.
std::map<std::string, ComposedWord> compose_words(const Model<float>& model,
                                                  const std::vector<std::string>& words,
                                                  const SourceFiles& files);

}  // namespace see::cli
