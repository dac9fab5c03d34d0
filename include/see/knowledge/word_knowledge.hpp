#pragma once

#include <functional>
#include <optional>

#include "see/core/metadata.hpp"
#include "see/core/types.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/morphemes.hpp"

namespace see {

/// What is known of the words of a table. KnowledgeSources::knowledge_of_words() makes it from
/// files.
struct WordKnowledge {
  SememeAnnotation annotation;
  std::function<Morphemes(Index most)> morphemes;  ///< of all words, of at most so many forms, >= 3
  Metadata sources = {};                           ///< kept among the settings of the model's notes
  std::optional<int> order = {};  ///< of terms; none: 1, without roles, and 2 are tried
};

}  // namespace see
