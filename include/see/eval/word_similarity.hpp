#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <istream>
#include <limits>
#include <locale>
#include <numeric>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/cosine.hpp"
#include "see/eval/word_lookup.hpp"

namespace see {

/// Two words and how similar people find them.
struct WordPair {
  std::string first;
  std::string second;
  double score = 0;
};

/// Reads lines `word word score`, the fields parted by tabs or spaces, as WordSim-353, MEN, RG-65
/// and MTurk-771 are spread. Blank lines and lines that start with # are skipped. Throws FileError
/// with the line where one is something else; `name` is the file's in messages.
inline std::vector<WordPair> read_word_pairs(std::istream& in, std::string_view name = "stream") {
  std::vector<WordPair> pairs;
  detail::for_lines(in, name, [&](Index line, const std::vector<std::string_view>& fields) {
    detail::require<FileError>(fields.size() == 3, name, ":", line, ": ", fields.size(),
                               " fields, needed two words and a score");
    std::istringstream number{std::string(fields[2])};
    number.imbue(std::locale::classic());
    double score = 0;
    detail::require<FileError>(
        (number >> score) && number.peek() == std::istringstream::traits_type::eof() &&
            detail::is_finite(score),
        name, ":", line, ": the score is '", fields[2], "', needed a finite number");
    pairs.push_back({std::string(fields[0]), std::string(fields[1]), score});
  });
  return pairs;
}

/// The same from a file. Throws FileError also where it cannot be read.
inline std::vector<WordPair> read_word_pairs(const std::string& path) {
  auto in = detail::open_text(path);
  return read_word_pairs(in, path);
}

namespace detail {

/// The ranks 1, 2, ... of the values in increasing order; equal values share the mean of theirs.
/// O(n log n). Throws where a value is NaN.
inline std::vector<double> average_ranks(std::span<const double> values) {
  for (const double value : values)
    require(!std::isnan(value), "a value to rank is NaN, needed numbers");
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0, end = 0; i < order.size(); i = end) {
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (std::size_t j = i; j < end; ++j) ranks[order[j]] = static_cast<double>(i + end + 1) / 2;
  }
  return ranks;
}

}  // namespace detail

/// Spearman's rank correlation: Pearson's correlation of the average ranks, in [-1, 1]; NaN where
/// fewer than two values are given or all values of one list are equal. O(n log n). Throws where
/// the lists differ in length or a value is NaN.
inline double spearman(std::span<const double> x, std::span<const double> y) {
  detail::require(x.size() == y.size(), "ranks of ", x.size(), " and ", y.size(),
                  " values compared, needed as many of each");
  const auto a = detail::average_ranks(x);
  const auto b = detail::average_ranks(y);
  const double mean = (static_cast<double>(x.size()) + 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  if (aa == 0 || bb == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::clamp(ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
}

/// How well cosines agree with people.
struct WordSimilarity {
  double spearman = 0;  ///< of cosines and scores; NaN where undefined
  Index pairs = 0;      ///< compared
  Index skipped = 0;    ///< left out, as a word is unknown
};

/// Correlates the cosines of the pairs' rows (0 where one is zero) with their scores. Words are
/// looked up as written, then in lower case. Throws where `lookup` gives a row that is out of
/// range.
template <RowSource Source>
WordSimilarity word_similarity(const Source& source, std::span<const WordPair> pairs,
                               const WordLookup& lookup) {
  std::vector<Index> ids;
  std::vector<double> scores;
  for (const WordPair& pair : pairs) {
    const auto first = find_word(lookup, pair.first);
    const auto second = find_word(lookup, pair.second);
    if (!first || !second) continue;
    ids.insert(ids.end(), {*first, *second});
    scores.push_back(pair.score);
  }
  detail::require_row_ids(ids, source.num_embeddings());

  const Index dim = source.embedding_dim();
  RowMatrix<float> rows(static_cast<Index>(ids.size()), dim);
  source.forward(std::span<const Index>(ids), rows);
  std::vector<double> cosines;
  for (Index i = 0; i < rows.rows(); i += 2)
    cosines.push_back(cosine(rows.data() + i * dim, rows.data() + (i + 1) * dim, dim));
  const auto compared = static_cast<Index>(scores.size());
  return {spearman(cosines, scores), compared, static_cast<Index>(pairs.size()) - compared};
}

}  // namespace see
