#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "see/core/types.hpp"
#include "see/eval/analogy.hpp"
#include "see/eval/word_similarity.hpp"
#include "see/file/model_bytes.hpp"
#include "see/model/model.hpp"

namespace see::cli {

/// One list of word pairs on both tables.
struct WordPairsReport {
  std::string file;
  WordSimilarity original;
  WordSimilarity compressed;
};

/// One list of analogy questions on both tables.
struct AnalogiesReport {
  std::string file;
  AnalogyCount original;
  AnalogyCount compressed;
};

/// What `see eval` measures, over the rows that table and model share.
struct Evaluation {
  Index matched = 0;
  Index table_rows = 0;
  std::optional<double> neighbor_overlap;       ///< of 10; none for fewer than two rows
  std::optional<double> rate_distortion_bound;  ///< none where all rows are zero
  std::vector<WordPairsReport> word_pairs;
  std::optional<AnalogiesReport> analogies;
};

/// What a model made from knowledge notes of its lexicon and of its parts.
struct KnowledgeSummary {
  Index sememes = 0;
  Index morphs = 0;
  Index units = 0;  ///< sememes, morphs, classes of words, distinctions
  std::optional<Index> with_senses, with_morphs_only, with_neither;  ///< words
  std::optional<double> senses_a_word;
  std::optional<Index> collisions_before, collisions;  ///< none where codes tell words apart
  std::optional<Index> equal_terms;  ///< words with the terms of an earlier one, beside codes
  std::optional<double> mean_explains, terms_explain, residual_explains;  ///< of sum |x|^2
  std::optional<std::uint64_t> terms_bytes;                               ///< of the file
};

/// What `see compress`, `see info` and `see eval` print; what is unknown stays empty.
struct Report {
  Index words = 0;
  Index dim = 0;
  std::string how;                 ///< a row is made, a sentence
  std::string codes;               ///< kind of the codes, or empty
  std::vector<Index> factor_dims;  ///< none without terms
  std::vector<Index> units;        ///< of each inventory
  Index rank_min = 0;
  double rank_mean = 0;
  Index rank_max = 0;
  ModelBytes bytes;
  std::string method;
  std::string seed;
  std::optional<double> relative_error;
  std::optional<double> mean_cosine;
  std::optional<double> seconds;  ///< that compressing took
  std::optional<KnowledgeSummary> knowledge;
  std::vector<std::string> unit_names;  ///< of a lexicon that was not made from knowledge
  std::optional<Evaluation> evaluation;
};

/// What a model and the notes in its file say.
Report describe(const Model<float>& model, const ModelBytes& bytes);

/// One JSON object with the same keys for every command, null where one does not apply.
std::string to_json(const Report& report);

/// Aligned lines for people.
std::string to_text(const Report& report);

}  // namespace see::cli
