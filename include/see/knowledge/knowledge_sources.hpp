#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/knowledge/annotation.hpp"
#include "see/knowledge/babel_sememe.hpp"
#include "see/knowledge/hownet.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/knowledge/segment_file.hpp"
#include "see/knowledge/segment_unsupervised.hpp"
#include "see/knowledge/segmenter.hpp"
#include "see/knowledge/sememe_dictionary.hpp"
#include "see/knowledge/subword.hpp"
#include "see/knowledge/word_knowledge.hpp"
#include "see/knowledge/wordnet.hpp"
#include "see/knowledge/wordnet_sememes.hpp"

namespace see {

/// Files that say something of words; what is empty is not there.
struct KnowledgeFiles {
  std::string wordnet = {};       ///< a folder
  std::string hownet = {};        ///< for words that no WordNet knows
  std::string babel = {};         ///< BabelSememe, for words that neither knows ...
  std::string synset_words = {};  ///< ... and the synsets of words
  std::string morphemes = {};     ///< segmentations of words

  bool any() const {
    return !(wordnet.empty() && hownet.empty() && babel.empty() && synset_words.empty() &&
             morphemes.empty());
  }
};

/// Any segmenter.
struct AnySegmenter {
  std::function<void(std::string_view, std::vector<Morph>&)> cut;

  void segment(std::string_view word, std::vector<Morph>& morphs) const { cut(word, morphs); }
};

/// Where senses and morphemes of words come from: files, opened, and segmenters of one's own.
///
/// \code
///     const see::KnowledgeSources sources({.wordnet = "/usr/share/wordnet"});
///     see::CompressOptions options{.ratio = 20, .method = "hybrid"};
///     options.knowledge = sources.knowledge_of_words(table.words(), 2000);
///     const see::Model<> model = see::compress(table, options);
/// \endcode
class KnowledgeSources {
 public:
  static constexpr Index fewest_sememes = 45;   ///< the lexicographer files of WordNet
  static constexpr Index most_learned = 40000;  ///< morphs that are learned from words

  /// Throws FileError where a file cannot be read or is malformed.
  explicit KnowledgeSources(const KnowledgeFiles& files) {
    if (!files.wordnet.empty()) wordnet_.emplace(files.wordnet);
    if (!files.hownet.empty()) dictionaries_.push_back(read_hownet(files.hownet));
    if (!files.babel.empty())
      dictionaries_.push_back(read_babel_sememes(files.babel, files.synset_words));
    if (!files.morphemes.empty()) add(std::make_shared<const SegmentFile>(files.morphemes));
  }

  /// Cuts words that `segmenter` knows as it does, where no earlier one knows them.
  template <class Segmenter>
  void add(std::shared_ptr<const Segmenter> segmenter) {
    segmenters_.push_back({[segmenter](std::string_view word) { return segmenter->knows(word); },
                           {[segmenter](std::string_view word, std::vector<Morph>& morphs) {
                             segmenter->segment(word, morphs);
                           }}});
  }

  bool has_wordnet() const { return wordnet_.has_value(); }

  /// The senses of `words`: WordNet's with sememes that are chosen, at most `sememes`, for the
  /// words of `vocabulary`; of words that it does not know HowNet's, then BabelSememe's.
  SememeAnnotation annotate(const Vocabulary& words, const Vocabulary& vocabulary,
                            Index sememes) const {
    SememeAnnotation annotation = no_senses(words.size());
    if (wordnet_) {
      const auto chosen =
          WordNetSememes::choose(*wordnet_, look_up_all(*wordnet_, vocabulary, threads()), sememes);
      annotation = see::annotate(look_up_all(*wordnet_, words), chosen);
    }
    for (const SememeDictionary& dictionary : dictionaries_)
      annotation = fall_back(
          annotation, see::annotate(words, dictionary, wordnet_ ? wordnet_->morphy() : Morphy()));
    return annotation;
  }

  /// Cuts words as the first segmenter that knows them does, and what none knows as `otherwise`
  /// does.
  AnySegmenter segmenter(AnySegmenter otherwise) const {
    return {[partials = segmenters_, otherwise = std::move(otherwise)](std::string_view word,
                                                                       std::vector<Morph>& morphs) {
      for (const Partial& partial : partials)
        if (partial.knows(word)) return partial.segmenter.segment(word, morphs);
      otherwise.segment(word, morphs);
    }};
  }

  /// What is known of the words of a table, with at most `sememes` of WordNet's; words that no
  /// segmenter knows are cut into morphs learned from the words themselves. Of subwords the text is
  /// looked up and cut, and their mark is a morph (SubwordSegmenter). This object outlives what is
  /// returned.
  std::shared_ptr<const WordKnowledge> knowledge_of_words(const Vocabulary& words, Index sememes,
                                                          std::optional<int> order = {}) const {
    const SubwordStyle style = detect_subword_style(words);
    const bool marked = style != SubwordStyle::whole_words;
    const Vocabulary texts = marked ? piece_surfaces(words, style) : words;
    WordKnowledge knowledge{annotate(texts, texts, sememes), {}, {}, order};
    if (has_wordnet()) knowledge.sources["wordnet_sememes"] = std::to_string(sememes);
    knowledge.morphemes = [this, words, texts, style, marked,
                           weights = rank_weights(words.size())](Index most) {
      auto learned =
          learn_morphs(texts, {.max_morphs = std::min(most, most_learned), .weights = weights});
      const AnySegmenter otherwise{
          [learned = std::move(learned)](std::string_view word, std::vector<Morph>& morphs) {
            learned.segment(word, morphs);
          }};
      if (marked)
        return build_morphemes(words, SubwordSegmenter(style, segmenter(otherwise)), most);
      return build_morphemes(words, segmenter(otherwise), most);
    };
    return std::make_shared<const WordKnowledge>(std::move(knowledge));
  }

 private:
  struct Partial {
    std::function<bool(std::string_view)> knows;
    AnySegmenter segmenter;
  };

  std::optional<WordNet> wordnet_;
  std::vector<SememeDictionary> dictionaries_;
  std::vector<Partial> segmenters_;
};

}  // namespace see
