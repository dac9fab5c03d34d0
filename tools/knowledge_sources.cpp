#include "knowledge_sources.hpp"

#include <filesystem>
#include <memory>
#include <utility>

#include "see/error.hpp"
#if defined(SEE_WITH_HUNSPELL)
#include "see/knowledge/hunspell_segmenter.hpp"
#endif

namespace see::cli {

KnowledgeSources open_sources(const SourceFiles& files) {
  KnowledgeSources sources(files);
  if (files.hunspell.empty()) return sources;
#if defined(SEE_WITH_HUNSPELL)
  auto affixes = std::filesystem::path(files.hunspell).replace_extension(".aff");
  sources.add(std::make_shared<const HunspellSegmenter>(std::move(affixes), files.hunspell));
  return sources;
#else
  throw Error(files.hunspell + ": this see was built without Hunspell (Debian: libhunspell-dev)");
#endif
}

}  // namespace see::cli
