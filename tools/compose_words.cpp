#include "compose_words.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include "cli_text.hpp"
#include "knowledge_sources.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/morphemes.hpp"

namespace see::cli {
namespace {

/// As many sememes as were chosen from the WordNet when the model was made, so that the same come
/// out.
Index chosen_sememes(const KnowledgeNotes& notes) {
  constexpr const char* name = "wordnet_sememes";
  const auto found = notes.settings.find(name);
  if (found == notes.settings.end()) return 2000;
  const std::string& digits = found->second;
  Index count = -1;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  require(error == std::errc() && stop == digits.data() + digits.size() && count >= 0,
          "a model whose knowledge has \"", name, "\" \"", digits, "\", needed a whole number");
  return std::clamp(count, Index{45}, Index{1} << 20);
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
