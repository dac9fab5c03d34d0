#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/compress/fit.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"
#include "transformer/require.hpp"
#include "transformer/table_bytes.hpp"
#include "transformer/word_sources.hpp"

namespace transformer {

/// As many morphemes for each word.
struct EqualMorphemes {
  std::vector<see::Index> of_words;  ///< words x order, numbers below `size`
  see::Index size = 0;
};

/// The last of `order` morphemes takes what a word has beyond them; a word that has fewer ends in
/// a morpheme that stands for none.
inline EqualMorphemes equal_morphemes(const see::Morphemes& morphs, int order) {
  EqualMorphemes result;
  std::unordered_map<std::string, see::Index> numbers;
  for (see::Index w = 0; w < morphs.words(); ++w) {
    std::vector<std::string> forms(static_cast<std::size_t>(order));
    std::size_t at = 0;
    for (const std::uint32_t unit : morphs.of(w)) {
      forms[std::min(at, forms.size() - 1)] += morphs.forms[static_cast<see::Index>(unit)];
      ++at;
    }
    for (const std::string& form : forms)
      result.of_words.push_back(
          numbers.emplace(form, static_cast<see::Index>(numbers.size())).first->second);
  }
  result.size = static_cast<see::Index>(numbers.size());
  return result;
}

/// MorphTE of an order (LayerNorm apart): a word is one product of the units of its morphemes,
/// which are learned from the words. Segmentations into few morphemes and into many are tried, each
/// with units of as many vectors as keep to `bytes`; what errs least is fitted further.
/// Throws where none has room for a vector.
inline see::EntangledEmbedding<float> fit_morphte(const see::Table& table, std::uint64_t bytes,
                                                  int order, std::uint64_t seed,
                                                  const see::Executor& run) {
  require(table.words().size() == table.rows(), "morphte: a table without words, needed them");
  const auto budget = static_cast<std::int64_t>(bytes);
  const auto knowledge = knowledge_of(table.words(), "", 0, order);
  const double energy = table.matrix().squaredNorm();
  const double deviation = std::sqrt(energy / static_cast<double>(table.rows() * table.dim()));
  std::optional<see::EntangledEmbedding<float>> best;
  double least = 0;
  for (see::Index most = 125; most < 2 * table.rows(); most *= 2) {
    const auto morphemes = equal_morphemes(knowledge->morphemes(most), order);
    const auto blank = [&](see::Index rank) {
      return see::make_morphte<float>(table.dim(), order, morphemes.size, morphemes.of_words, rank,
                                      {.deviation = deviation, .seed = seed});
    };
    const std::int64_t one = file_bytes(blank(1)), next = file_bytes(blank(2)) - one;
    see::Index rank = one > budget ? 0 : 2 + (budget - one) / next;
    while (rank > 0 && file_bytes(blank(rank)) > budget) --rank;
    if (rank == 0) continue;
    auto layer = blank(rank);
    const auto report = see::fit(layer, table.matrix(), {.iterations = 10, .run = run});
    if (best && report.relative_error >= least) continue;
    least = report.relative_error;
    best = std::move(layer);
  }
  if (!best) throw see::Error("morphte: a ratio that leaves no room, needed a smaller one");
  see::fit(*best, table.matrix(), {.iterations = 40, .run = run});
  return *best;
}

}  // namespace transformer
