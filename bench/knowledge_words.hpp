// Words with their rows and senses, and what one would take for the rows of words that were never
// seen without a model.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <see/compress.hpp>

using see::Index;
using Rows = see::RowMatrix<float>;

/// Words, their rows and what is known of them.
struct Words {
  see::Vocabulary names;
  Rows rows;
  std::vector<std::vector<see::WordNetSense>> senses;
  see::SememeAnnotation annotation;
};

/// The rows of a table that are held or not.
inline Words take(const see::Table& table, const std::vector<bool>& held, bool which,
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

/// Means of known words that share n-grams of 3 to 5 bytes, word ends marked: a word counts once
/// for each n-gram that it shares.
inline Rows ngram_means(const Words& known, const Words& held, const Eigen::RowVectorXf& mean) {
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
inline Rows synset_means(const see::WordNet& wordnet, const Words& known, const Words& held,
                         const Rows& otherwise) {
  const see::detail::WordNetTaxonomy taxonomy(wordnet);
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
