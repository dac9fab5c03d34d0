#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/knowledge/segment_unigram.hpp"
#include "see/knowledge/segmenter.hpp"

namespace see {

/// The morphs of a vocabulary: word -> unit numbers, in the order of the word, and unit -> form.
///
/// Invariant: first has words() + 1 non-decreasing entries from 0 to units.size(); every unit is
/// below forms.size(); counts[u] is the number of times that u stands in `units`, at least 1, and
/// does not grow with u.
struct Morphemes {
  Vocabulary forms;
  std::vector<std::size_t> first;
  std::vector<std::uint32_t> units;
  std::vector<std::size_t> counts;

  Index words() const noexcept { return static_cast<Index>(first.size()) - 1; }
  Index size() const noexcept { return forms.size(); }  ///< units

  /// The units of word `w`, 0 <= w < words(); none for an empty word.
  std::span<const std::uint32_t> of(Index w) const noexcept {
    const auto at = static_cast<std::size_t>(w);
    return {units.data() + first[at], first[at + 1] - first[at]};
  }
};

namespace detail {

/// Numbers of forms in the order in which they are met, and how often they are.
class FormNumbers {
 public:
  std::uint32_t add(std::string_view form) {
    const auto [found, is_new] =
        numbers_.emplace(std::string(form), static_cast<std::uint32_t>(forms_.size()));
    if (is_new) {
      forms_.push_back(found->first);
      counts_.push_back(0);
    }
    ++counts_[found->second];
    return found->second;
  }

  const std::vector<std::string_view>& forms() const noexcept { return forms_; }
  const std::vector<std::size_t>& counts() const noexcept { return counts_; }

  /// All numbers, the most frequent form first, equals in the order of their bytes.
  std::vector<std::uint32_t> by_count() const {
    std::vector<std::uint32_t> order(forms_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return counts_[a] != counts_[b] ? counts_[a] > counts_[b] : forms_[a] < forms_[b];
    });
    return order;
  }

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::string_view> forms_;  // keys of numbers_, which do not move
  std::vector<std::size_t> counts_;
};

/// What is kept of an inventory: the most frequent characters, half of `most` at most, then the
/// most frequent other forms; unknown_character is the last of `most`.
inline UnigramSegmenter keep_frequent(const Vocabulary& words, const FormNumbers& met,
                                      std::size_t most) {
  constexpr double last_resort = 0.01;
  FormNumbers characters;
  for (Index w = 0; w < words.size(); ++w)
    for (std::string_view rest = words[w]; !rest.empty();) {
      const std::string_view character = rest.substr(0, character_length(rest));
      if (character != unknown_character) characters.add(character);
      rest.remove_prefix(character.size());
    }
  std::unordered_map<std::string_view, std::size_t> kept;
  std::vector<std::string_view> forms;
  std::vector<double> counts;
  for (const std::uint32_t c : characters.by_count()) {
    if (forms.size() == most / 2) break;
    kept.emplace(characters.forms()[c], forms.size());
    forms.push_back(characters.forms()[c]);
    counts.push_back(last_resort);
  }
  for (const std::uint32_t m : met.by_count()) {
    const std::string_view form = met.forms()[m];
    if (form == unknown_character) continue;
    if (const auto found = kept.find(form); found != kept.end()) {
      counts[found->second] = static_cast<double>(met.counts()[m]);
    } else if (forms.size() + 1 < most) {
      kept.emplace(form, forms.size());
      forms.push_back(form);
      counts.push_back(static_cast<double>(met.counts()[m]));
    }
  }
  return {Vocabulary::from(forms), counts};
}

}  // namespace detail

/// The morphs of `words` by `segmenter`, at most `max_morphs` different forms (at least 3). Where
/// it finds more, only the most frequent are kept, and the surface of any other is cut into kept
/// ones by UnigramSegmenter, down to characters and unknown_character. Throws where max_morphs is
/// too small. Cost: two segmentations of all words.
template <Segmenter S>
Morphemes build_morphemes(const Vocabulary& words, const S& segmenter,
                          Index max_morphs = std::numeric_limits<std::uint32_t>::max()) {
  detail::require(max_morphs >= 3, "an inventory of at most ", max_morphs,
                  " morphs, needed at least 3");
  std::vector<Morph> morphs;
  const auto segment_all = [&](detail::FormNumbers& numbers, Morphemes& out,
                               const auto& number_of) {
    out.first = {0};
    for (Index w = 0; w < words.size(); ++w) {
      segmenter.segment(words[w], morphs);
      for (const Morph& morph : morphs) number_of(numbers, out, morph);
      out.first.push_back(out.units.size());
    }
  };
  Morphemes out;
  detail::FormNumbers met;
  segment_all(met, out, [](detail::FormNumbers& numbers, Morphemes& to, const Morph& morph) {
    to.units.push_back(numbers.add(morph.form));
  });

  detail::FormNumbers bounded;
  const bool is_bounded = std::cmp_less_equal(met.forms().size(), max_morphs);
  if (!is_bounded) {
    const UnigramSegmenter kept =
        detail::keep_frequent(words, met, static_cast<std::size_t>(max_morphs));
    std::vector<Morph> parts;
    out.units.clear();
    segment_all(bounded, out, [&](detail::FormNumbers& numbers, Morphemes& to, const Morph& morph) {
      if (kept.morphs().find(morph.form) || morph.form == detail::unknown_character) {
        to.units.push_back(numbers.add(morph.form));
        return;
      }
      kept.segment(morph.surface, parts);
      for (const Morph& part : parts) to.units.push_back(numbers.add(part.form));
    });
  }
  const detail::FormNumbers& final = is_bounded ? met : bounded;
  std::vector<std::uint32_t> renumbered(final.forms().size());
  std::vector<std::string_view> forms;
  for (const std::uint32_t number : final.by_count()) {
    renumbered[number] = static_cast<std::uint32_t>(forms.size());
    forms.push_back(final.forms()[number]);
    out.counts.push_back(final.counts()[number]);
  }
  for (std::uint32_t& unit : out.units) unit = renumbered[unit];
  out.forms = Vocabulary::from(forms);
  return out;
}

}  // namespace see
