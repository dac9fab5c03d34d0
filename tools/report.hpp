#pragma once

#include <optional>
#include <string>
#include <vector>

#include "see/core/types.hpp"
#include "see/eval/analogy.hpp"
#include "see/eval/word_similarity.hpp"
#include "see/io/model_file.hpp"

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

/// What `see compress`, `see info` and `see eval` print; what is unknown stays empty.
struct Report {
  Index words = 0;
  Index dim = 0;
  std::vector<Index> factor_dims;
  std::vector<Index> units;  ///< of each inventory
  Index rank_min = 0;
  double rank_mean = 0;
  Index rank_max = 0;
  ModelBytes bytes;
  std::string method;
  std::string seed;
  std::string status;
  std::optional<double> relative_error;
  std::optional<double> mean_cosine;
  std::optional<double> seconds;
  std::optional<Evaluation> evaluation;
};

/// What a model and the notes in its file say.
Report describe(const Model<float>& model, const ModelBytes& bytes);

/// One JSON object with the same keys for every command, null where one does not apply.
std::string to_json(const Report& report);

/// Aligned lines for people.
std::string to_text(const Report& report);

}  // namespace see::cli
