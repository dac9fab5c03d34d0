// What knowledge is worth: lexicons made from WordNet and morphemes against the same with their
// units or morphemes drawn at random and against induced sememes, in equally many bytes, and words
// composed without ever having been seen against what one would do without a model.
//
//     knowledge TABLE WORDNET [--rows N] [--held N] [--ratio R]... [--wordsim FILE]...
//               [--morphemes FILE]
//
// TABLE: embeddings with words, the most frequent first (20,000 rows are taken unless told else).
// WORDNET: the folder of a WordNet. --held: words drawn from these rows, left out of all fits and
// composed (0). --ratio: float32 bytes of the rows that are fitted, divided by the bytes of the
// model (20 and 40). --wordsim: word pairs scored by people. --morphemes: segmentations of words,
// else morphemes are learned from the words. Prints Markdown.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <see/see.hpp>

namespace {

using see::Index;
using Rows = see::RowMatrix<float>;
using Segment = std::function<void(std::string_view, std::vector<see::Morph>&)>;

/// Any segmenter.
struct AnySegmenter {
  Segment cut;
  void segment(std::string_view word, std::vector<see::Morph>& morphs) const { cut(word, morphs); }
};

/// Words, their rows and what is known of them.
struct Words {
  see::Vocabulary names;
  Rows rows;
  std::vector<std::vector<see::WordNetSense>> senses;
  see::SememeAnnotation annotation;
};

struct Arguments {
  std::string table, wordnet, morphemes;
  Index rows = 20000, held = 0;
  std::vector<double> ratios;
  std::vector<std::string> pairs;
};

struct Experiment {
  const see::WordNet* wordnet;
  Words known, held;
  std::vector<std::vector<see::WordPair>> pairs;
  std::string morphemes;  // a file, or none
};

Words take(const see::Table& table, const std::vector<bool>& held, bool which,
           const see::WordNet& wordnet) {
  std::vector<std::string_view> names;
  std::vector<Index> rows;
  for (Index w = 0; w < table.rows(); ++w)
    if (held[static_cast<std::size_t>(w)] == which) {
      names.push_back(table.words()[w]);
      rows.push_back(w);
    }
  Words words{
      see::Vocabulary::from(names), Rows(static_cast<Index>(rows.size()), table.dim()), {}, {}};
  for (std::size_t i = 0; i < rows.size(); ++i)
    words.rows.row(static_cast<Index>(i)) = table.matrix().row(rows[i]);
  words.senses = see::look_up_all(wordnet, words.names, see::threads());
  return words;
}

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
    for (const std::size_t i : see::sample_without_replacement(places.size(), cuts, random)) {
      morphs.push_back({word.substr(from, places[i] - from), {}});
      from = places[i];
    }
    if (!word.empty()) morphs.push_back({word.substr(from), {}});
    for (see::Morph& morph : morphs) morph.form = morph.surface;
  };
}

Segment segmenter_of(const Experiment& experiment, Index morphs) {
  if (!experiment.morphemes.empty())
    return [file = see::SegmentFile(experiment.morphemes)](auto word, auto& out) {
      file.segment(word, out);
    };
  const auto weights = see::rank_weights(experiment.known.names.size());
  return [learned = see::learn_morphs(experiment.known.names,
                                      {.max_morphs = morphs, .weights = weights})](
             auto word, auto& out) { learned.segment(word, out); };
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

std::uint64_t bytes_of(const see::EntangledEmbedding<float>& layer) {
  return see::model_bytes(see::Model<float>{layer, {}, {}}, precision).total;
}

/// Its factors as the file has them.
see::EntangledEmbedding<float> rounded(const see::EntangledEmbedding<float>& layer) {
  auto parts = layer.parts();
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

/// What a knowledge lexicon has beside morphs, of which as many are taken as fit into the budget.
struct Plan {
  Index width = 64;  ///< numbers of a unit
  Index sememes = 2000;
  see::SlotFilling filling = {};
};

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
  return bytes_of(see::EntangledEmbedding<float>(std::move(parts)));
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
  print_fit(experiment, name, layer, bytes_of(layer));
  if (experiment.held.names.empty()) {
    std::printf("\n");
  } else {
    const auto composed = see::Composer(knowledge).compose(
        layer, experiment.held.names, experiment.held.annotation, made->held_morphs);
    print_cosines(experiment.held, composed.embedding.to_dense());
  }
  print_report(knowledge.report);
  std::fflush(stdout);
}

/// Means of known words that share n-grams of 3 to 5 bytes, word ends marked: a word counts once
/// for each n-gram that it shares.
Rows ngram_means(const Words& known, const Words& held, const Eigen::RowVectorXf& mean) {
  struct Sum {
    Eigen::RowVectorXf rows;
    float count = 0;
  };
  std::unordered_map<std::string, Sum> sums;
  const auto for_grams = [](std::string_view name, const auto& body) {
    const std::string word = "<" + std::string(name) + ">";
    for (std::size_t n = 3; n <= 5; ++n)
      for (std::size_t at = 0; at + n <= word.size(); ++at) body(word.substr(at, n));
  };
  for (Index w = 0; w < held.names.size(); ++w)
    for_grams(held.names[w], [&](const std::string& gram) {
      sums.emplace(gram, Sum{Eigen::RowVectorXf::Zero(mean.size()), 0});
    });
  for (Index w = 0; w < known.names.size(); ++w)
    for_grams(known.names[w], [&](const std::string& gram) {
      const auto at = sums.find(gram);
      if (at == sums.end()) return;
      at->second.rows += known.rows.row(w);
      ++at->second.count;
    });
  Rows result(held.names.size(), mean.size());
  for (Index w = 0; w < held.names.size(); ++w) {
    Sum all{Eigen::RowVectorXf::Zero(mean.size()), 0};
    for_grams(held.names[w], [&](const std::string& gram) {
      all.rows += sums.at(gram).rows;
      all.count += sums.at(gram).count;
    });
    result.row(w) = all.count > 0 ? Eigen::RowVectorXf(all.rows / all.count) : mean;
  }
  return result;
}

/// For each sense the mean of the known words in its synset or, where there are none, in the
/// nearest one above it, weighted by the sense's share; the rows of `otherwise` for words without a
/// sense.
Rows synset_means(const see::WordNet& wordnet, const Words& known, const Words& held,
                  const Rows& otherwise) {
  const see::WordNetTaxonomy taxonomy(wordnet);
  std::map<std::uint32_t, std::pair<Eigen::RowVectorXf, float>> sums;
  for (Index w = 0; w < known.names.size(); ++w)
    for (const auto& sense : known.senses[static_cast<std::size_t>(w)]) {
      const auto at =
          sums.emplace(sense.synset, std::pair(Eigen::RowVectorXf::Zero(known.rows.cols()), 0.0F))
              .first;
      at->second.first += known.rows.row(w);
      ++at->second.second;
    }
  Rows result = otherwise;
  for (Index w = 0; w < held.names.size(); ++w) {
    const auto first = held.annotation.first_sense[static_cast<std::size_t>(w)];
    Eigen::RowVectorXf row = Eigen::RowVectorXf::Zero(known.rows.cols());
    for (Index s = first; s < first + held.annotation.senses_of(w); ++s) {
      auto node = held.annotation.senses[static_cast<std::size_t>(s)];
      while (!sums.contains(node) && taxonomy.parents()[node] != node)
        node = taxonomy.parents()[node];
      if (const auto at = sums.find(node); at != sums.end())
        row += held.annotation.shares[static_cast<std::size_t>(s)] * at->second.first /
               at->second.second;
    }
    if (row.squaredNorm() > 0) result.row(w) = row;
  }
  return result;
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

/// Chosen by the error on the first 20,000 words of GloVe at ratio 20, out of a handful of plans;
/// what is smaller keeps one sense a word and fewer numbers a unit, so that it fits at all.
Plan plan_for(std::uint64_t budget, double ratio) {
  const auto sememes = std::clamp(static_cast<Index>(budget / 300), Index{100}, Index{2000});
  if (ratio < 30) return {64, sememes, {.most_senses = 2, .sememes_a_sense = 1, .most_morphs = 2}};
  return {32, sememes, {.most_senses = 1, .sememes_a_sense = 1, .most_morphs = 2}};
}

void annotate(Experiment& experiment, Index sememes) {
  const auto chosen =
      see::WordNetSememes::choose(*experiment.wordnet, experiment.known.senses, sememes);
  experiment.known.annotation = see::annotate(experiment.known.senses, chosen);
  experiment.held.annotation = see::annotate(experiment.held.senses, chosen);
}

void run(const Arguments& arguments) {
  const see::Table table = see::read_table(arguments.table).first(arguments.rows);
  if (table.words().empty()) throw see::Error(arguments.table + ": no words");
  std::vector<bool> is_held(static_cast<std::size_t>(table.rows()), false);
  see::Random random(1);
  for (const auto w : see::sample_without_replacement(
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
    knowledge_row(experiment, "knowledge", plan, budget, Variant::knowledge);
    knowledge_row(experiment, "units shared at random", plan, budget, Variant::random_units);
    knowledge_row(experiment, "random segmentation", plan, budget, Variant::random_cuts);
    const see::Table known(
        {},
        std::vector<float>(experiment.known.rows.data(),
                           experiment.known.rows.data() + experiment.known.rows.size()),
        experiment.known.rows.rows(), experiment.known.rows.cols());
    const auto induced = see::compress(known, {.bytes = budget, .method = "induced"});
    print_fit(experiment, "induced", induced.embedding,
              see::model_bytes(induced, see::compressed_precision).total);
    std::printf("%s\n", any ? " - | - | - |" : "");
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
      else if (name == "--morphemes")
        arguments.morphemes = value;
      else
        throw see::Error("unknown option " + name);
    }
    if (files.size() != 2) {
      std::printf(
          "knowledge TABLE WORDNET [--rows N] [--held N] [--ratio R]... [--wordsim FILE]... "
          "[--morphemes FILE]\n\nMeasures what WordNet and morphemes add to a compressed "
          "table; needs a table of word embeddings and the folder of a WordNet (Debian: "
          "wordnet-base).\n");
      return files.empty() ? 0 : 2;
    }
    if (arguments.ratios.empty()) arguments.ratios = {20, 40};
    arguments.table = files[0];
    arguments.wordnet = files[1];
    run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "knowledge: %s\n", error.what());
    return 1;
  }
}
