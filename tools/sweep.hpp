#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/file/model_bytes.hpp"

namespace see::cli {

/// One method at one size.
struct SweepModel {
  std::string method;
  std::optional<double> ratio;  ///< asked for; none where the method has one size
  std::string failure;          ///< why there is none, or empty and all below is there
  ModelBytes bytes;
  double relative_error = 0;
  std::optional<double> mean_cosine;   ///< none where no row has a direction
  std::optional<double> bound;         ///< the Gaussian one at these bytes
  std::vector<double> error_of_ranks;  ///< in each of Sweep::ranks; only at the ratio looked into

  bool made() const { return failure.empty(); }
};

/// Rows [first, last).
struct RankRange {
  Index first = 0;
  Index last = 0;
};

struct NearWord {
  std::string word;
  double cosine = 0;
};

/// A word and its nearest neighbours in the table and in a model.
struct NeighborSample {
  std::string word;
  Index row = 0;
  std::vector<NearWord> before;
  std::vector<NearWord> after;
};

struct SizedError {
  double bytes = 0;
  double error = 0;
};

/// What `see sweep` measures.
struct Sweep {
  std::string table;
  std::vector<std::string> arguments;  ///< of the command, without `see`
  Index rows = 0;
  Index dim = 0;
  std::vector<std::string> methods;
  std::vector<SweepModel> models;  ///< by method, each by ratio
  std::vector<SizedError> bound;   ///< over the sizes of the models
  double looked_into = 0;          ///< the ratio of what follows
  std::vector<RankRange> ranks;
  std::optional<std::size_t> best;  ///< the model that `neighbors` is of
  std::vector<NeighborSample> neighbors;
};

/// The parts of bytes.total.
inline std::vector<std::pair<const char*, std::uint64_t>> size_parts(const ModelBytes& bytes) {
  return {{"factors", bytes.factors}, {"index", bytes.index}, {"gains", bytes.gains},
          {"basis", bytes.basis},     {"codes", bytes.codes}, {"knowledge", bytes.knowledge},
          {"header", bytes.header}};
}

/// 20 as "20", 2.5 as "2.5": six digits.
std::string plain_number(double value);

/// The page: HTML that is well-formed XML but for its first line, and the same for the same sweep.
std::string to_page(const Sweep& sweep);

std::string to_json(const Sweep& sweep);

}  // namespace see::cli
