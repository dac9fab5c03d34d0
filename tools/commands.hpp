#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "see/core/types.hpp"
#include "see/io/read_options.hpp"

/// The commands of `see`: what each was asked for, and run(), which does it, prints to standard
/// output and returns the exit code. run() throws see::Error where the input or the request is bad.
namespace see::cli {

enum ExitCode : int {
  success = 0,
  word_not_found = 1,
  usage_error = 2,
  failure = 3,
};

struct CompressCommand {
  std::string table;
  std::string model;
  std::optional<double> ratio;
  std::optional<std::uint64_t> bytes;
  std::string method = "auto";
  double direction = 0;
  Index first = all_rows;
  std::uint64_t seed = 1;
  unsigned threads = 0;
  bool json = false;

  /// What `method` may be.
  static std::vector<std::string> methods();
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
  Index first = all_rows;
  unsigned threads = 0;
  bool json = false;

  int run() const;
};

struct SensesCommand {
  std::string word;
  std::string wordnet;
  std::string morphemes;  ///< a file of segmentations, or empty
  Index sememes = 2000;
  bool json = false;

  int run() const;
};

}  // namespace see::cli
