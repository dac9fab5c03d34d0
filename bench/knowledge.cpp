// What knowledge is worth: lexicons made from WordNet and morphemes against the same with their
// units or morphemes drawn at random, against induced sememes and trellis codes, and together with
// these (hybrid), in equally many bytes, and words composed without ever having been seen against
// what one would do without a model.
//
//     knowledge TABLE WORDNET [--rows N] [--held N] [--ratio R]... [--wordsim FILE]...
//               [--morphemes FILE] [--only ROW]... [--plan ORDER,SENSES,MORPHS,WIDTH]...
//
// TABLE: embeddings with words, the most frequent first (20,000 rows are taken unless told else).
// WORDNET: the folder of a WordNet. --held: words drawn from these rows, left out of all fits and
// composed (0). --ratio: float32 bytes of the rows that are fitted, divided by the bytes of the
// model (20 and 40). --wordsim: word pairs scored by people. --morphemes: segmentations of words,
// else morphemes are learned from the words. --only: knowledge, random, induced, trellis or hybrid,
// else all. --plan: rows of knowledge in place of the one that is chosen by the ratio: terms of
// that order (2: with roles), senses a word at most, morphemes a word at most, numbers a unit.
// Prints Markdown.
//
//     knowledge TABLE WORDNET --coverage [--morphemes FILE]
//
// What a lexicon covers of the first 20,000, 100,000 and all words, and the time that it takes.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <see/compress.hpp>

#include "knowledge_words.hpp"

namespace {

using Segment = std::function<void(std::string_view, std::vector<see::Morph>&)>;

/// Any segmenter.
struct AnySegmenter {
  Segment cut;
  void segment(std::string_view word, std::vector<see::Morph>& morphs) const { cut(word, morphs); }
};

/// What a knowledge lexicon has beside morphs, of which as many are taken as fit into the budget.
struct Plan {
  Index width = 64;  ///< numbers of a unit
  Index sememes = 2000;
  see::SlotFilling filling = {};
};

struct Arguments {
  std::string table, wordnet, morphemes;
  Index rows = 20000, held = 0;
  std::vector<double> ratios;
  std::vector<Plan> plans;
  std::vector<std::string> pairs, only;
  bool coverage = false;

  bool wants(const std::string& row) const {
    return only.empty() || std::find(only.begin(), only.end(), row) != only.end();
  }
};

struct Experiment {
  const see::WordNet* wordnet;
  Words known, held;
  std::vector<std::vector<see::WordPair>> pairs;
  std::string morphemes;  // a file, or none
};

/// As many morphs as `other` finds, but cut anywhere; equal words are cut alike.
Segment random_cuts(Segment other) {
  return [other = std::move(other)](std::string_view word, std::vector<see::Morph>& morphs) {
    other(word, morphs);
    std::uint64_t seed = 0;
    std::vector<std::size_t> places;  // between characters
    for (std::size_t i = 0; i < word.size(); ++i) {
      const auto byte = static_cast<unsigned char>(word[i]);
      seed = see::Random(seed + byte).next();
      if (i > 0 && (byte & 0xc0) != 0x80) places.push_back(i);
    }
    const auto cuts = std::min(places.size(), morphs.empty() ? 0 : morphs.size() - 1);
    see::Random random(seed);
    morphs.clear();
    std::size_t from = 0;
    for (const std::size_t i :
         see::detail::sample_without_replacement(places.size(), cuts, random)) {
      morphs.push_back({word.substr(from, places[i] - from), {}});
      from = places[i];
    }
    if (!word.empty()) morphs.push_back({word.substr(from), {}});
    for (see::Morph& morph : morphs) morph.form = morph.surface;
  };
}

Segment segmenter_of(const see::Vocabulary& words, const std::string& file, Index morphs) {
  if (!file.empty())
    return [read = see::SegmentFile(file)](auto word, auto& out) { read.segment(word, out); };
  const auto weights = see::rank_weights(words.size());
  return [learned = see::learn_morphs(words, {.max_morphs = morphs, .weights = weights})](
             auto word, auto& out) { learned.segment(word, out); };
}

Segment segmenter_of(const Experiment& experiment, Index morphs) {
  return segmenter_of(experiment.known.names, experiment.morphemes, morphs);
}

/// The same lexicon with the units of all terms shuffled: all are used as often as before.
see::Lexicon shuffled(const see::KnowledgeLexicon& knowledge) {
  const see::Lexicon& lexicon = knowledge.lexicon;
  const auto order = static_cast<std::size_t>(lexicon.order());
  std::vector<Index> ranks, units;
  for (Index w = 0; w < lexicon.words(); ++w) {
    ranks.push_back(lexicon.rank(w));
    for (Index s = 0; s < lexicon.rank(w); ++s) {
      units.resize(units.size() + order);
      lexicon.units(w, s, units.data() + units.size() - order);
    }
  }
  see::Random random(1);
  for (std::size_t i = units.size() / order; i > 1; --i)
    std::swap(units[i * order - 1], units[random.below(i) * order + order - 1]);
  return see::Lexicon(lexicon.table(), ranks, units);
}

constexpr see::Precision precision = see::Precision::i8;

/// With the names of units, which composing takes.
std::uint64_t bytes_of(const see::EntangledEmbedding<float>& layer,
                       const see::KnowledgeLexicon& knowledge) {
  return see::model_bytes(see::Model<float>{layer, {}, {}, see::to_notes(knowledge)}, precision)
      .total;
}

/// Its factors and axes as the file has them.
see::EntangledEmbedding<float> rounded(const see::EntangledEmbedding<float>& layer) {
  auto parts = layer.parts();
  if (parts.basis.has_axes())
    see::detail::round_to_int8_axes({parts.basis.axes.mutate(), parts.basis.axes.size()},
                                    layer.embedding_dim());
  for (auto& inventory : parts.inventories) inventory = inventory.stored_as(see::Storage::i8);
  return see::EntangledEmbedding<float>(std::move(parts));
}

double mean_cosine(const Rows& a, const Rows& b, const std::vector<bool>& count) {
  double sum = 0, rows = 0;
  for (Index i = 0; i < a.rows(); ++i)
    if (count[static_cast<std::size_t>(i)]) {
      sum += see::cosine(a.data() + i * a.cols(), b.data() + i * b.cols(), a.cols());
      ++rows;
    }
  return rows > 0 ? sum / rows : 0;
}

/// Over all held words, then those with senses, then those without.
void print_cosines(const Words& held, const Rows& rows) {
  std::vector<bool> all, with, without;
  for (const auto& senses : held.senses) {
    all.push_back(true);
    with.push_back(!senses.empty());
    without.push_back(senses.empty());
  }
  std::printf(" %.3f | %.3f | %.3f |\n", mean_cosine(rows, held.rows, all),
              mean_cosine(rows, held.rows, with), mean_cosine(rows, held.rows, without));
}

struct Made {
  see::KnowledgeLexicon knowledge;
  see::Morphemes held_morphs;
};

Made make(const Experiment& experiment, const Plan& plan, Index morphs, bool random) {
  Segment cut = segmenter_of(experiment, morphs);
  if (random) cut = random_cuts(std::move(cut));
  const AnySegmenter segmenter{std::move(cut)};
  const Words& known = experiment.known;
  return {see::make_knowledge_lexicon(known.names, known.annotation,
                                      see::build_morphemes(known.names, segmenter, morphs),
                                      {.filling = plan.filling}),
          see::build_morphemes(experiment.held.names, segmenter)};
}

/// What a layer of that plan would take.
std::uint64_t planned_bytes(const see::KnowledgeLexicon& knowledge, Index width, Index dim) {
  std::vector<Index> dims(static_cast<std::size_t>(knowledge.filling.order), 1);
  dims.back() = width;
  auto parts = see::make_parts<float>(see::Shape(dims), knowledge.lexicon, 1);
  parts.basis.mean = std::vector<float>(static_cast<std::size_t>(dim));
  if (width < dim) parts.basis.axes = std::vector<float>(static_cast<std::size_t>(width * dim));
  return bytes_of(see::EntangledEmbedding<float>(std::move(parts)), knowledge);
}

std::optional<Made> make_within(const Experiment& experiment, const Plan& plan,
                                std::uint64_t budget, bool random) {
  Index fits = 0, exceeds = 40000;
  std::optional<Made> best;
  while (exceeds - fits > std::max<Index>(20, fits / 50)) {
    const Index morphs = std::max<Index>(300, (fits + exceeds) / 2);
    Made made = make(experiment, plan, morphs, random);
    if (planned_bytes(made.knowledge, plan.width, experiment.known.rows.cols()) <= budget) {
      fits = morphs;
      best = std::move(made);
    } else {
      exceeds = morphs;
    }
    if (exceeds <= 300) break;
  }
  return best;
}

void print_fit(const Experiment& experiment, const std::string& name,
               const see::EntangledEmbedding<float>& layer, std::uint64_t bytes) {
  const auto fidelity = see::fidelity(see::TableRows(experiment.known.rows), layer, see::threads());
  std::printf("| %s | %llu | %.3f | %.3f |", name.c_str(), static_cast<unsigned long long>(bytes),
              fidelity.relative_error, fidelity.mean_cosine);
  for (const auto& pairs : experiment.pairs)
    std::printf(
        " %.3f |",
        see::word_similarity(layer, pairs, see::lookup_in(experiment.known.names)).spearman);
}

void print_report(const see::KnowledgeReport& report) {
  std::printf(
      "<!-- senses %.3f, morphemes only %.3f, neither %.3f; %.2f senses a word that has any; "
      "%.2f terms a word; %td units; collisions %td, told apart by units %td and by "
      "distinctions %td, left %td -->\n",
      report.share(report.with_senses), report.share(report.with_morphs_only),
      report.share(report.with_neither), report.senses_a_word,
      double(report.terms) / double(report.words), report.units, report.collisions_before,
      report.told_by_units, report.told_by_distinctions, report.collisions);
}

/// The held words' columns of a row, and its end.
void print_composed(const Experiment& experiment, const see::KnowledgeLexicon& knowledge,
                    const see::EntangledEmbedding<float>& layer, const see::Morphemes& morphs) {
  if (experiment.held.names.empty()) {
    std::printf("\n");
    return;
  }
  const auto composed = see::Composer(knowledge).compose(layer, experiment.held.names,
                                                         experiment.held.annotation, morphs);
  print_cosines(experiment.held, composed.embedding.to_dense());
}

enum class Variant { knowledge, random_units, random_cuts };

void knowledge_row(const Experiment& experiment, const std::string& name, const Plan& plan,
                   std::uint64_t budget, Variant variant) {
  auto made = make_within(experiment, plan, budget, variant == Variant::random_cuts);
  if (!made) {
    std::printf("| %s | does not fit |\n", name.c_str());
    return;
  }
  see::KnowledgeLexicon& knowledge = made->knowledge;
  if (variant == Variant::random_units) knowledge.lexicon = shuffled(knowledge);
  const auto layer =
      rounded(see::fit_knowledge(knowledge, experiment.known.rows, {.width = plan.width}));
  print_fit(experiment, name, layer, bytes_of(layer, knowledge));
  print_composed(experiment, knowledge, layer, made->held_morphs);
  print_report(knowledge.report);
  std::fflush(stdout);
}

/// Knowledge and a residual, as `see compress --method hybrid` makes them.
void hybrid_row(const Experiment& experiment, const see::Table& known, std::uint64_t budget) {
  const auto cut = [&](Index morphs) { return AnySegmenter{segmenter_of(experiment, morphs)}; };
  see::KnowledgeModelOptions options;
  options.bytes = budget;
  options.residual = true;
  options.plans = {{{1, 1, 1, 1, 1}, 1}, {{1, 1, 1, 1, 2}, 1}};
  const auto [model, report] = see::compress_on(
      known,
      {experiment.known.annotation,
       [&](Index most) { return see::build_morphemes(known.words(), cut(most), most); }},
      options);
  const see::KnowledgeLexicon knowledge = see::knowledge_of(model);
  const std::string name = "hybrid, " + model.fit.at("terms_bytes") + " bytes of terms";
  print_fit(experiment, name, model.embedding, see::model_bytes(model).total);
  print_composed(experiment, knowledge, model.embedding,
                 see::build_morphemes(experiment.held.names, see::Composer(knowledge).segmenter()));
  std::printf("<!-- mean %s, terms %s, residual %s of the energy -->\n",
              model.fit.at("mean_explains").c_str(), model.fit.at("terms_explain").c_str(),
              model.fit.at("residual_explains").c_str());
  print_report(report);
  std::fflush(stdout);
}

void print_baselines(const Experiment& experiment) {
  const Words &known = experiment.known, &held = experiment.held;
  const Eigen::RowVectorXf mean = known.rows.colwise().mean();
  const Rows means = mean.replicate(held.names.size(), 1);
  const Rows grams = ngram_means(known, held, mean);
  std::printf("\n| baseline, from the table itself | held-out words | with senses | without |\n");
  std::printf("|---|---|---|---|\n| mean of known words |");
  print_cosines(held, means);
  std::printf("| mean of known words that share n-grams |");
  print_cosines(held, grams);
  std::printf("| mean of known words in the same or nearest synset |");
  print_cosines(held, synset_means(*experiment.wordnet, known, held, means));
  std::printf("| the same, n-grams for words without senses |");
  print_cosines(held, synset_means(*experiment.wordnet, known, held, grams));
}

/// "1,2,2,64"
Plan read_plan(const std::string& text) {
  long order = 0, senses = 0, morphs = 0, width = 0;
  if (std::sscanf(text.c_str(), "%ld,%ld,%ld,%ld", &order, &senses, &morphs, &width) != 4)
    throw see::Error("a plan \"" + text + "\", needed ORDER,SENSES,MORPHS,WIDTH");
  return {width, 2000, {static_cast<int>(order), 1, senses, 1, morphs}};
}

std::string name_of(const Plan& plan) {
  return "knowledge, order " + std::to_string(plan.filling.order) + ", " +
         std::to_string(plan.filling.most_senses) + " senses, " +
         std::to_string(plan.filling.most_morphs) + " morphs, " + std::to_string(plan.width) +
         " numbers";
}

/// Chosen by the error on the first 20,000 words of GloVe at ratio 20, out of a handful of plans;
/// what is smaller keeps fewer numbers a unit, so that it fits at all.
Plan plan_for(std::uint64_t budget, double ratio) {
  const auto sememes = std::clamp(static_cast<Index>(budget / 300), Index{100}, Index{2000});
  return {ratio < 30 ? 64 : 32, sememes, {1, 1, 1, 1, 2}};
}

void annotate(Experiment& experiment, Index sememes) {
  const auto chosen =
      see::WordNetSememes::choose(*experiment.wordnet, experiment.known.senses, sememes);
  experiment.known.annotation = see::annotate(experiment.known.senses, chosen);
  experiment.held.annotation = see::annotate(experiment.held.senses, chosen);
}

/// One lexicon with the defaults of KnowledgeLexiconOptions, 2,000 sememes and 8,000 morphs.
void coverage_row(const see::Vocabulary& words, const Arguments& arguments) {
  const auto seconds = [start = std::chrono::steady_clock::now()] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const see::WordNet wordnet(arguments.wordnet);
  const auto senses = see::look_up_all(wordnet, words, see::threads());
  const auto annotation = see::annotate(senses, see::WordNetSememes::choose(wordnet, senses, 2000));
  const double known = seconds();
  const AnySegmenter segmenter{segmenter_of(words, arguments.morphemes, 8000)};
  const auto morphemes = see::build_morphemes(words, segmenter, 8000);
  const double cut = seconds();
  const auto report = see::make_knowledge_lexicon(words, annotation, morphemes).report;
  std::printf("| %td | %.1f%% | %.1f%% | %.1f%% | %.2f | %td | %td | %td | %.1f + %.1f + %.1f |\n",
              words.size(), 100 * report.share(report.with_senses),
              100 * report.share(report.with_morphs_only), 100 * report.share(report.with_neither),
              report.senses_a_word, report.units, report.collisions_before, report.collisions,
              known, cut - known, seconds() - cut);
  std::fflush(stdout);
}

void print_coverage(const Arguments& arguments) {
  const see::Table table = see::read_table(arguments.table);
  std::printf(
      "| words | with a sense | morphs only | neither | senses a word | units | equal rows before "
      "| "
      "after | seconds: senses + morphs + lexicon |\n|---|---|---|---|---|---|---|---|---|\n");
  for (const Index rows : {Index{20000}, Index{100000}, table.rows()})
    if (rows <= table.rows()) coverage_row(table.first(rows).words(), arguments);
}

void run(const Arguments& arguments) {
  const see::Table table = see::read_table(arguments.table).first(arguments.rows);
  if (table.words().empty()) throw see::Error(arguments.table + ": no words");
  std::vector<bool> is_held(static_cast<std::size_t>(table.rows()), false);
  see::Random random(1);
  for (const auto w : see::detail::sample_without_replacement(
           is_held.size(), static_cast<std::size_t>(arguments.held), random))
    is_held[w] = true;
  const see::WordNet wordnet(arguments.wordnet);
  Experiment experiment{&wordnet,
                        take(table, is_held, false, wordnet),
                        take(table, is_held, true, wordnet),
                        {},
                        arguments.morphemes};
  for (const std::string& file : arguments.pairs)
    experiment.pairs.push_back(see::read_word_pairs(file));

  const double dense = 4.0 * static_cast<double>(experiment.known.rows.size());
  for (const double ratio : arguments.ratios) {
    const auto budget = static_cast<std::uint64_t>(dense / ratio);
    std::printf(
        "\n%td words fitted, %td held out, ratio %g (%llu bytes)\n\n| lexicon | bytes | "
        "relative error | mean cosine |",
        experiment.known.names.size(), experiment.held.names.size(), ratio,
        static_cast<unsigned long long>(budget));
    for (const std::string& file : arguments.pairs)
      std::printf(" %s |", std::filesystem::path(file).stem().c_str());
    const bool any = !experiment.held.names.empty();
    std::printf("%s\n|---|---|---|---|", any ? " held-out words | with senses | without |" : "");
    for (std::size_t i = 0; i < arguments.pairs.size() + (any ? 3 : 0); ++i) std::printf("---|");
    std::printf("\n");
    const Plan plan = plan_for(budget, ratio);
    annotate(experiment, plan.sememes);
    if (arguments.wants("knowledge") && arguments.plans.empty())
      knowledge_row(experiment, "knowledge", plan, budget, Variant::knowledge);
    if (arguments.wants("knowledge"))
      for (const Plan& other : arguments.plans)
        knowledge_row(experiment, name_of(other), other, budget, Variant::knowledge);
    if (arguments.wants("random")) {
      knowledge_row(experiment, "units shared at random", plan, budget, Variant::random_units);
      knowledge_row(experiment, "random segmentation", plan, budget, Variant::random_cuts);
    }
    const see::Table known(
        experiment.known.names,
        std::vector<float>(experiment.known.rows.data(),
                           experiment.known.rows.data() + experiment.known.rows.size()),
        experiment.known.rows.rows(), experiment.known.rows.cols());
    for (const char* method : {"induced", "trellis"}) {
      if (!arguments.wants(method)) continue;
      const auto model = see::compress(known, {.bytes = budget, .method = method});
      print_fit(experiment, method, model.embedding, see::model_bytes(model).total);
      std::printf("%s\n", any ? " - | - | - |" : "");
    }
    if (arguments.wants("hybrid")) {
      annotate(experiment, plan.sememes / 4);
      hybrid_row(experiment, known, budget);
    }
  }
  if (!experiment.held.names.empty()) print_baselines(experiment);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Arguments arguments;
    std::vector<std::string> files;
    for (int i = 1; i < argc; ++i) {
      const std::string name = argv[i];
      if (!name.starts_with("--")) {
        files.push_back(name);
        continue;
      }
      if (name == "--coverage") {
        arguments.coverage = true;
        continue;
      }
      if (i + 1 == argc) throw see::Error(name + " without a value");
      const std::string value = argv[++i];
      if (name == "--rows")
        arguments.rows = std::stol(value);
      else if (name == "--held")
        arguments.held = std::stol(value);
      else if (name == "--ratio")
        arguments.ratios.push_back(std::stod(value));
      else if (name == "--wordsim")
        arguments.pairs.push_back(value);
      else if (name == "--only")
        arguments.only.push_back(value);
      else if (name == "--plan")
        arguments.plans.push_back(read_plan(value));
      else if (name == "--morphemes")
        arguments.morphemes = value;
      else
        throw see::Error("unknown option " + name);
    }
    if (files.size() != 2) {
      std::printf(
          "knowledge TABLE WORDNET [--rows N] [--held N] [--ratio R]... [--wordsim FILE]... "
          "[--morphemes FILE] [--only ROW]... [--plan ORDER,SENSES,MORPHS,WIDTH]...\n"
          "knowledge TABLE WORDNET --coverage [--morphemes FILE]\n\n"
          "Measures what WordNet and morphemes add to a compressed table; needs a table of word "
          "embeddings and the folder of a WordNet (Debian: wordnet-base).\n");
      return files.empty() ? 0 : 2;
    }
    if (arguments.ratios.empty()) arguments.ratios = {20, 40};
    arguments.table = files[0];
    arguments.wordnet = files[1];
    if (arguments.coverage)
      print_coverage(arguments);
    else
      run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "knowledge: %s\n", error.what());
    return 1;
  }
}
