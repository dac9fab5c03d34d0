#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"

namespace see {

/// What a source of knowledge says of the words of a vocabulary: word -> senses, the most frequent
/// first -> sememes, the most telling first. Row w belongs to word w of the vocabulary that was
/// annotated; a word that the source does not know has no senses, a sense has one sememe or more.
/// Lists of lists are stored as offsets and entries (CSR).
///
/// Invariant: both offset arrays start at 0, never fall and end at the size of what they divide;
/// senses and shares are equally many; ids are below sememes.size(); the shares of a word that has
/// senses sum to 1.
struct SememeAnnotation {
  Vocabulary sememes;                         ///< names
  std::vector<std::int64_t> first_sense{0};   ///< words + 1 offsets into senses and shares
  std::vector<std::uint32_t> senses;          ///< the source's own number of each sense
  std::vector<float> shares;                  ///< how much of the word's use each sense is
  std::vector<std::int64_t> first_sememe{0};  ///< senses + 1 offsets into ids
  std::vector<std::uint32_t> ids;             ///< sememes of senses

  Index words() const noexcept { return static_cast<Index>(first_sense.size()) - 1; }
  Index sense_count() const noexcept { return static_cast<Index>(senses.size()); }

  /// How many senses word `w` has, 0 <= w < words(); they are numbers first_sense[w] and following.
  Index senses_of(Index w) const noexcept {
    const auto at = static_cast<std::size_t>(w);
    return first_sense[at + 1] - first_sense[at];
  }

  /// The sememes of sense `s`, 0 <= s < sense_count(), counted over all words.
  std::span<const std::uint32_t> sememes_of(Index s) const noexcept {
    const auto at = static_cast<std::size_t>(s);
    return {ids.data() + first_sememe[at], ids.data() + first_sememe[at + 1]};
  }

  /// Appends a sense to the word that end_word() will end. `weight`: its share, up to a factor.
  void add_sense(std::uint32_t sense, double weight, std::span<const std::uint32_t> sense_sememes) {
    senses.push_back(sense);
    shares.push_back(static_cast<float>(weight));
    ids.insert(ids.end(), sense_sememes.begin(), sense_sememes.end());
    first_sememe.push_back(static_cast<std::int64_t>(ids.size()));
  }

  /// Ends the current word, which may have no sense, and scales its shares to sum 1.
  void end_word() {
    const auto first = static_cast<std::size_t>(first_sense.back());
    double sum = 0;
    for (std::size_t s = first; s < shares.size(); ++s) sum += static_cast<double>(shares[s]);
    for (std::size_t s = first; s < shares.size(); ++s)
      shares[s] = static_cast<float>(static_cast<double>(shares[s]) / sum);
    first_sense.push_back(static_cast<std::int64_t>(senses.size()));
  }
};

}  // namespace see
