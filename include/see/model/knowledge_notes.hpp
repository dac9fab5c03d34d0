#pragma once

#include "see/core/metadata.hpp"
#include "see/core/vocabulary.hpp"

namespace see {

/// What a model's units stand for, as its file keeps it, so that words outside its vocabulary can
/// be composed: to_notes() makes it and knowledge_of() reads it
/// (see/knowledge/model_knowledge.hpp).
struct KnowledgeNotes {
  Vocabulary names = {};   ///< of units 0 to names.size() - 1 of inventory 0
  Metadata settings = {};  ///< metadata entries "knowledge.NAME"

  bool empty() const noexcept { return names.empty(); }
};

}  // namespace see
