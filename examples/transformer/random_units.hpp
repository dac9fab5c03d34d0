#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "see/compress/fit.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/table.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"

namespace transformer {

/// The layer with other units in its terms, drawn at random, and its factors fitted anew:
/// as many numbers and bytes, shared without a reason.
inline see::EntangledEmbedding<float> with_random_units(const see::EntangledEmbedding<float>& layer,
                                                        const see::Table& table, std::uint64_t seed,
                                                        const see::Executor& run) {
  see::EmbeddingParts<float> parts = layer.parts();
  const see::Lexicon& lexicon = layer.lexicon();
  const see::SlotTable& slots = lexicon.table();
  see::Random random(seed);
  std::vector<see::Index> ranks, units;
  for (see::Index word = 0; word < lexicon.words(); ++word) {
    ranks.push_back(lexicon.rank(word));
    for (see::Index sense = 0; sense < ranks.back(); ++sense)
      for (int slot = 0; slot < slots.order; ++slot) {
        const auto inventory = static_cast<std::size_t>(slots.inventory(slots.row_of(sense), slot));
        const auto size = static_cast<std::size_t>(slots.sizes[inventory]);
        units.push_back(static_cast<see::Index>(random.below(size)));
      }
  }
  parts.lexicon = see::Lexicon(slots, ranks, units);
  see::BuildOptions build{.gains = parts.gain_scope, .seed = seed};
  const double energy = table.matrix().squaredNorm();
  build.deviation = std::sqrt(energy / static_cast<double>(table.rows() * table.dim()));
  auto fresh =
      see::make_parts<float>(parts.shape, parts.lexicon, parts.inventories.at(0).rank(), build);
  parts.inventories = std::move(fresh.inventories);
  parts.gains = std::move(fresh.gains);
  see::EntangledEmbedding<float> other(std::move(parts));
  see::fit(other, table.matrix(), {.iterations = 20, .run = run});
  return other;
}

}  // namespace transformer
