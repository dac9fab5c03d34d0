#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli_text.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "see/error.hpp"
#include "see/file/model_file.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/knowledge/segment_file.hpp"
#include "see/knowledge/segment_unsupervised.hpp"
#include "see/knowledge/wordnet_sememes.hpp"

namespace see::cli {
namespace {

using Json = nlohmann::ordered_json;

struct SenseReport {
  std::string name;
  double share = 0;
  std::string gloss;
  std::vector<std::string> sememes;
};

std::vector<SenseReport> senses_of(const WordNet& wordnet, const std::string& word, Index sememes) {
  std::vector<std::vector<WordNetSense>> lemmas;
  for (Index l = 0; l < wordnet.lemmas().size(); ++l)
    lemmas.emplace_back(wordnet.senses(l).begin(), wordnet.senses(l).end());
  const auto chosen = WordNetSememes::choose(wordnet, lemmas, sememes);
  const std::vector<std::vector<WordNetSense>> senses{wordnet.look_up(word)};
  const SememeAnnotation annotation = annotate(senses, chosen);
  std::vector<SenseReport> reports;
  for (Index s = 0; s < annotation.sense_count(); ++s) {
    const auto at = static_cast<std::size_t>(s);
    const auto synset = static_cast<Index>(annotation.senses[at]);
    SenseReport& report = reports.emplace_back();
    report.name = wordnet.name(synset);
    report.share = static_cast<double>(annotation.shares[at]);
    report.gloss = wordnet.gloss(synset);
    for (const auto id : annotation.sememes_of(s))
      report.sememes.emplace_back(annotation.sememes[id]);
  }
  return reports;
}

std::vector<std::string> morphs_of(const WordNet& wordnet, const std::string& word,
                                   const std::string& file) {
  const auto morphs = file.empty() ? segment(learn_morphs(wordnet.lemmas()), word)
                                   : segment(SegmentFile(file), word);
  std::vector<std::string> forms;
  for (const Morph& morph : morphs) forms.push_back(morph.form);
  return forms;
}

std::string to_text(const std::string& word, const std::vector<SenseReport>& senses,
                    const std::vector<std::string>& morphs) {
  const auto leaves = [](const std::vector<std::string>& names, const char* before) {
    std::string lines;
    for (std::size_t i = 0; i < names.size(); ++i)
      lines += before + std::string(i + 1 < names.size() ? "|-- " : "`-- ") + names[i] + '\n';
    return lines;
  };
  std::string text = word + '\n';
  for (const SenseReport& sense : senses) {
    text += "|-- " + sense.name + ", " + std::to_string(std::lround(100 * sense.share)) +
            "%: " + sense.gloss + '\n';
    text += leaves(sense.sememes, "|   ");
  }
  return text + "`-- morphemes\n" + leaves(morphs, "    ");
}

Json to_json(const std::string& word, const std::vector<SenseReport>& senses,
             const std::vector<std::string>& morphs) {
  Json list = Json::array();
  for (const SenseReport& sense : senses)
    list.push_back({{"synset", sense.name},
                    {"share", std::round(1e6 * sense.share) / 1e6},
                    {"gloss", sense.gloss},
                    {"sememes", sense.sememes}});
  return {{"word", word}, {"senses", std::move(list)}, {"morphemes", morphs}};
}

/// The units of each term of row `w`, by name.
std::vector<std::vector<std::string>> terms_of(const Model<float>& model, Index w) {
  const Lexicon& lexicon = model.embedding.lexicon();
  const bool of_knowledge = model.knowledge.settings.contains("sememes");
  const KnowledgeLexicon knowledge =
      of_knowledge ? knowledge_of(model) : KnowledgeLexicon{lexicon, {}, {}, {}};
  const auto name = [&](Index unit) {
    if (of_knowledge) return knowledge.units.name(unit);
    return unit < model.knowledge.names.size() ? std::string(model.knowledge.names[unit])
                                               : std::to_string(unit);
  };
  std::vector<std::vector<std::string>> terms;
  std::vector<Index> units(static_cast<std::size_t>(lexicon.order()));
  for (Index s = 0; s < lexicon.rank(w); ++s) {
    lexicon.units(w, s, units.data());
    auto& names = terms.emplace_back();
    for (const Index unit : units) names.push_back(name(unit));
  }
  return terms;
}

int show_terms(const std::string& path, const std::string& word, bool json) {
  const auto model = load_model<float>(path);
  if (model.knowledge.empty())
    throw Error(path +
                ": has no names of units, needed a model of --method see or hybrid, or of "
                "a lexicon with names");
  const std::optional<Index> row = model.words.find(word);
  if (!row) {
    complain("no word \"" + word + "\" in " + path);
    return word_not_found;
  }
  const auto terms = terms_of(model, *row);
  std::string text = word + '\n';
  for (std::size_t t = 0; t < terms.size(); ++t) {
    text += t + 1 < terms.size() ? "|-- " : "`-- ";
    for (const std::string& name : terms[t]) text += (&name == terms[t].data() ? "" : " x ") + name;
    text += '\n';
  }
  print(json ? Json{{"word", word}, {"terms", terms}}.dump(2, ' ', false,
                                                           Json::error_handler_t::replace) +
                   '\n'
             : text);
  return success;
}

}  // namespace

int SensesCommand::run() const {
  if (!model.empty()) return show_terms(model, word, json);
  const WordNet database(wordnet);
  const auto senses = senses_of(database, word, sememes);
  const auto morphs = morphs_of(database, word, morphemes);
  print(json ? to_json(word, senses, morphs).dump(2, ' ', false, Json::error_handler_t::replace) +
                   '\n'
             : to_text(word, senses, morphs));
  if (!senses.empty()) return success;
  complain(sentence("no sense of \"", word, "\" in ", wordnet));
  return word_not_found;
}

}  // namespace see::cli
