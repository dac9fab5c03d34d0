#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "see/compress/plan/method.hpp"
#include "see/core/types.hpp"
#include "see/io/read_options.hpp"
#include "see/knowledge/knowledge_sources.hpp"

/// The commands of `see`: what each was asked for, and run(), which does it, prints to standard
/// output and returns the exit code. run() throws see::Error where the input or the request is bad.
namespace see::cli {

enum ExitCode : int {
  success = 0,
  word_not_found = 1,
  usage_error = 2,
  failure = 3,
};

/// Where senses and morphemes of words come from; what is empty is not there.
struct SourceFiles : KnowledgeFiles {
  std::string hunspell = {};  ///< a dictionary X.dic, with X.aff beside it

  bool any() const { return KnowledgeFiles::any() || !hunspell.empty(); }
};

struct CompressCommand {
  std::string table;
  std::string model;
  std::optional<double> ratio;
  std::optional<std::uint64_t> bytes;
  std::string method = "auto";
  double direction = 0;
  std::string weights;     ///< "zipf", a file of a number a row, or empty
  std::string activation;  ///< a .npy file, or empty
  std::string checkpoint;  ///< a file, or empty
  ReadOptions read;
  std::uint64_t seed = 1;
  unsigned threads = 0;
  bool json = false;
  SourceFiles knowledge;
  std::optional<int> order;
  std::optional<Index> sememes;

  /// What `method` may be.
  static std::vector<std::string> methods();
  const Method& method_used() const;
  int run() const;
};

struct TruncateCommand {
  std::string model;
  std::string smaller;
  std::optional<double> ratio;
  std::optional<std::uint64_t> bytes;
  unsigned threads = 0;
  bool json = false;

  int run() const;
};

struct ExpandCommand {
  std::string model;
  std::string table;

  int run() const;
};

struct InfoCommand {
  std::string model;
  bool json = false;

  int run() const;
};

struct LookupCommand {
  std::string model;
  std::vector<std::string> words;
  SourceFiles knowledge;
  bool json = false;

  int run() const;
};

struct NeighborsCommand {
  std::string model;
  std::string word;
  Index count = 10;
  bool json = false;

  int run() const;
};

struct EvalCommand {
  std::string table;
  std::string model;
  std::vector<std::string> word_pairs;
  std::string analogies;
  ReadOptions read;
  unsigned threads = 0;
  bool json = false;

  int run() const;
};

struct SweepCommand {
  std::string table;
  std::string page;
  std::string json;  ///< a file, or empty
  std::vector<double> ratios = {8, 10, 20, 40, 80};
  std::vector<std::string> methods = {"trellis", "induced", "int8", "int4", "pca", "pq", "svd"};
  ReadOptions read;
  std::uint64_t seed = 1;
  unsigned threads = 0;

  /// What `methods` may be.
  static std::vector<std::string> known_methods();
  int run() const;
};

struct SensesCommand {
  std::string word;
  std::string wordnet, model;  ///< one of them
  std::string morphemes;       ///< a file of segmentations, or empty
  Index sememes = 2000;
  bool json = false;

  int run() const;
};

}  // namespace see::cli
