#pragma once

#include "commands.hpp"
#include "see/knowledge/knowledge_sources.hpp"

namespace see::cli {

/// The files that were named, opened. Throws where one cannot be read, is malformed, or needs a
/// library that `see` was built without.
KnowledgeSources open_sources(const SourceFiles& files);

}  // namespace see::cli
