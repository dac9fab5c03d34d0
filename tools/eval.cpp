#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli_text.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/eval/analogy.hpp"
#include "see/eval/error.hpp"
#include "see/eval/neighbors.hpp"
#include "see/eval/rate_distortion.hpp"
#include "see/eval/word_similarity.hpp"
#include "see/file/model_file.hpp"
#include "see/io/read_table.hpp"

namespace see::cli {
namespace {

/// Rows that go together: original[i] of the table with compressed[i] of the model.
struct MatchedRows {
  std::vector<Index> original;
  std::vector<Index> compressed;

  void add(Index row, Index other) {
    original.push_back(row);
    compressed.push_back(other);
  }
};

MatchedRows match_by_number(Index table_rows, Index model_rows) {
  MatchedRows rows;
  for (Index row = 0; row < std::min(table_rows, model_rows); ++row) rows.add(row, row);
  return rows;
}

/// A word that occurs twice goes with its namesake of the same row first.
MatchedRows match_by_word(const Vocabulary& table, const Vocabulary& model) {
  MatchedRows rows;
  for (Index row = 0; row < table.size(); ++row) {
    if (row < model.size() && model[row] == table[row])
      rows.add(row, row);
    else if (const auto other = model.find(table[row]))
      rows.add(row, *other);
  }
  return rows;
}

MatchedRows match(const Table& table, const Model<float>& model) {
  const Index dim = model.embedding.embedding_dim();
  require(table.dim() == dim, "the table has ", table.dim(), " columns, needed the model's ", dim);
  require(table.words().empty() == model.words.empty(),
          table.words().empty() ? "the model has words and the table none"
                                : "the table has words and the model none",
          ", needed words in both or in neither");
  MatchedRows rows = table.words().empty()
                         ? match_by_number(table.rows(), model.embedding.num_embeddings())
                         : match_by_word(table.words(), model.words);
  require(!rows.original.empty(), "the table and the model have no word in common");
  return rows;
}

/// Looks up the words of the matched rows; row numbers are places in the match.
WordLookup lookup_matched(const Table& table, const MatchedRows& rows) {
  std::vector<Index> place(static_cast<std::size_t>(table.rows()), -1);
  for (std::size_t i = 0; i < rows.original.size(); ++i)
    place[static_cast<std::size_t>(rows.original[i])] = static_cast<Index>(i);
  return [words = table.words(), place = std::move(place)](std::string_view word) {
    const auto row = words.find(word);
    const Index at = row ? place[static_cast<std::size_t>(*row)] : -1;
    return at < 0 ? std::nullopt : std::optional(at);
  };
}

/// The lists of word pairs and analogy questions asked for, read before any long work.
struct Questions {
  std::vector<std::vector<WordPair>> word_pairs;
  std::optional<AnalogySet> analogies;

  explicit Questions(const EvalCommand& command) {
    for (const std::string& file : command.word_pairs) word_pairs.push_back(read_word_pairs(file));
    if (!command.analogies.empty()) analogies = read_analogies(command.analogies);
  }
};

/// The measures of one table against a model, each with a stage of the progress bar.
class Evaluator {
 public:
  Evaluator(const EvalCommand& command, const Questions& questions, const Table& table,
            const Model<float>& model)
      : command_(command),
        questions_(questions),
        table_(table),
        model_(model),
        run_(threads(command.threads)),
        rows_(match(table, model)),
        lookup_(lookup_matched(table, rows_)) {}

  Report run(Report report) {
    Evaluation& evaluation = report.evaluation.emplace();
    evaluation.matched = original_.num_embeddings();
    evaluation.table_rows = table_.rows();
    begin("comparing rows");
    const Fidelity fidelity = see::fidelity(original_, compressed_, run_);
    report.relative_error = fidelity.relative_error;
    report.mean_cosine = fidelity.mean_cosine;
    begin("Gaussian reference");
    evaluation.rate_distortion_bound = gaussian_bound(report);
    begin("neighbours");
    if (evaluation.matched >= 2)
      evaluation.neighbor_overlap = neighbor_overlap(original_, compressed_, {}, run_);
    for (std::size_t i = 0; i < questions_.word_pairs.size(); ++i)
      evaluation.word_pairs.push_back(word_pairs(command_.word_pairs[i], questions_.word_pairs[i]));
    if (questions_.analogies)
      evaluation.analogies = analogies(command_.analogies, *questions_.analogies);
    return report;
  }

 private:
  void begin(std::string_view stage) {
    const auto stages = 3 + command_.word_pairs.size() + (command_.analogies.empty() ? 0 : 2);
    bar_.show(stage, static_cast<double>(stages_begun_++) / static_cast<double>(stages));
  }

  /// At the model's bits a row, for the spread of the rows compared.
  std::optional<double> gaussian_bound(const Report& report) const {
    const Spectrum spread = spectrum(original_, run_);
    if (!(spread.mean_square_norm > 0)) return std::nullopt;
    const double bits =
        8 * static_cast<double>(report.bytes.total) / static_cast<double>(report.words);
    return rate_distortion_bound(spread.eigenvalues, spread.mean_square_norm, bits);
  }

  WordPairsReport word_pairs(const std::string& file, const std::vector<WordPair>& pairs) {
    begin("word similarity");
    return {file, word_similarity(original_, pairs, lookup_),
            word_similarity(compressed_, pairs, lookup_)};
  }

  AnalogiesReport analogies(const std::string& file, const AnalogySet& set) {
    begin("analogies, original");
    const AnalogyCount original = analogy_accuracy(original_, set, lookup_, run_).total;
    begin("analogies, compressed");
    return {file, original, analogy_accuracy(compressed_, set, lookup_, run_).total};
  }

  const EvalCommand& command_;
  const Questions& questions_;
  const Table& table_;
  const Model<float>& model_;
  Executor run_;
  MatchedRows rows_;
  WordLookup lookup_;
  TableRows all_rows_{table_};
  SelectedRows<TableRows> original_{all_rows_, rows_.original};
  SelectedRows<EntangledEmbedding<float>> compressed_{model_.embedding, rows_.compressed};
  ProgressBar bar_;
  std::size_t stages_begun_ = 0;
};

}  // namespace

int EvalCommand::run() const {
  const Questions questions(*this);
  const auto file = SafetensorsFile::open(model);
  const Model<float> loaded = load_model<float>(file);
  require((word_pairs.empty() && analogies.empty()) || !loaded.words.empty(), model,
          ": has no words, needed them for --wordsim and --analogy");
  const Table original = read_or_warn(table, read);
  Evaluator evaluator(*this, questions, original, loaded);
  const Report report = evaluator.run(describe(loaded, model_bytes(file)));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
