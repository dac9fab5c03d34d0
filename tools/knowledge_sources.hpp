#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "commands.hpp"
#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/segmenter.hpp"
#include "see/knowledge/sememe_dictionary.hpp"
#include "see/knowledge/wordnet.hpp"

namespace see::cli {

/// Any segmenter.
struct AnySegmenter {
  std::function<void(std::string_view, std::vector<Morph>&)> cut;

  void segment(std::string_view word, std::vector<Morph>& morphs) const { cut(word, morphs); }
};

/// The files that were named, opened.
class KnowledgeSources {
 public:
  /// Throws where a file cannot be read, is malformed, or needs a library that `see` was built
  /// without.
  explicit KnowledgeSources(const KnowledgeFiles& files);

  bool has_wordnet() const { return wordnet_.has_value(); }

  /// The senses of `words`: WordNet's with sememes that are chosen, at most `sememes`, for the
  /// words of `vocabulary`; of words that it does not know HowNet's, then BabelSememe's.
  SememeAnnotation annotate(const Vocabulary& words, const Vocabulary& vocabulary,
                            Index sememes) const;

  /// Cuts words as the file of segmentations has them, others as Hunspell does, and what both do
  /// not know as `otherwise` does.
  AnySegmenter segmenter(AnySegmenter otherwise) const;

 private:
  struct Partial {
    std::function<bool(std::string_view)> knows;
    AnySegmenter segmenter;
  };

  std::optional<WordNet> wordnet_;
  std::vector<SememeDictionary> dictionaries_;
  std::vector<Partial> segmenters_;
};

}  // namespace see::cli
