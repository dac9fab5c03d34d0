#include "compose_words.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "knowledge_sources.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/morphemes.hpp"

namespace see::cli {
namespace {

/// As many sememes as were chosen from the WordNet when the model was made, so that the same come
/// out.
Index chosen_sememes(const KnowledgeNotes& notes) {
  constexpr const char* name = "wordnet_sememes";
  if (!notes.settings.contains(name)) return 2000;
  return std::clamp(detail::knowledge_setting(notes, name), Index{45}, Index{1} << 20);
}

}  // namespace

std::map<std::string, ComposedWord> compose_words(const Model<float>& model,
                                                  const std::vector<std::string>& words,
                                                  const SourceFiles& files) {
  std::map<std::string, ComposedWord> composed;
  if (model.knowledge.empty() || words.empty()) return composed;
  const Vocabulary vocabulary = Vocabulary::from(words);
  const KnowledgeSources sources = open_sources(files);
  const Composer composer(knowledge_of(model));
  const AnySegmenter own{[&](std::string_view word, std::vector<Morph>& morphs) {
    composer.segmenter().segment(word, morphs);
  }};
  const auto result =
      composer.compose(model.embedding, vocabulary,
                       sources.annotate(vocabulary, model.words, chosen_sememes(model.knowledge)),
                       build_morphemes(vocabulary, sources.segmenter(own)));
  for (std::size_t i = 0; i < words.size(); ++i)
    if (result.compositions[i].is_known())
      composed.emplace(
          words[i], ComposedWord{result.embedding(static_cast<Index>(i)), result.compositions[i]});
  return composed;
}

}  // namespace see::cli
