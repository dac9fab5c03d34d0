#include "knowledge_sources.hpp"

#include <filesystem>
#include <memory>
#include <utility>

#include "see/error.hpp"
#include "see/knowledge/babel_sememe.hpp"
#include "see/knowledge/hownet.hpp"
#include "see/knowledge/lexicon_builder.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/segment_file.hpp"
#include "see/knowledge/wordnet_sememes.hpp"
#if defined(SEE_WITH_HUNSPELL)
#include "see/knowledge/hunspell_segmenter.hpp"
#endif

namespace see::cli {
namespace {

template <class S>
auto partial(std::shared_ptr<const S> segmenter) {
  return std::pair([segmenter](std::string_view word) { return segmenter->knows(word); },
                   [segmenter](std::string_view word, std::vector<Morph>& morphs) {
                     segmenter->segment(word, morphs);
                   });
}

}  // namespace

bool KnowledgeFiles::any() const {
  return !(wordnet.empty() && hownet.empty() && babel.empty() && synset_words.empty() &&
           hunspell.empty() && morphemes.empty());
}

KnowledgeSources::KnowledgeSources(const KnowledgeFiles& files) {
  if (!files.wordnet.empty()) wordnet_.emplace(files.wordnet);
  if (!files.hownet.empty()) dictionaries_.push_back(read_hownet(files.hownet));
  if (!files.babel.empty())
    dictionaries_.push_back(read_babel_sememes(files.babel, files.synset_words));
  const auto add = [&](auto segmenter) {
    auto [knows, cut] = partial(std::move(segmenter));
    segmenters_.push_back({std::move(knows), {std::move(cut)}});
  };
  if (!files.morphemes.empty()) add(std::make_shared<const SegmentFile>(files.morphemes));
  if (files.hunspell.empty()) return;
#if defined(SEE_WITH_HUNSPELL)
  auto affixes = std::filesystem::path(files.hunspell).replace_extension(".aff");
  add(std::make_shared<const HunspellSegmenter>(std::move(affixes), files.hunspell));
#else
  detail::fail(files.hunspell, ": this see was built without Hunspell (Debian: libhunspell-dev)");
#endif
}

SememeAnnotation KnowledgeSources::annotate(const Vocabulary& words, const Vocabulary& vocabulary,
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

AnySegmenter KnowledgeSources::segmenter(AnySegmenter otherwise) const {
  return {[partials = segmenters_, otherwise = std::move(otherwise)](std::string_view word,
                                                                     std::vector<Morph>& morphs) {
    for (const Partial& partial : partials)
      if (partial.knows(word)) return partial.segmenter.segment(word, morphs);
    otherwise.segment(word, morphs);
  }};
}

}  // namespace see::cli
