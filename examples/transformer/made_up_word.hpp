#pragma once

#include <string>
#include <string_view>

#include "see/core/random.hpp"

namespace transformer {

/// Three syllables of a consonant and a vowel.
inline std::string made_up_word(see::Random& random) {
  static constexpr std::string_view onsets = "bdfgklmnprstvz", vowels = "aeiou";
  std::string word;
  for (int i = 0; i < 3; ++i) {
    word += onsets[random.below(onsets.size())];
    word += vowels[random.below(vowels.size())];
  }
  return word;
}

}  // namespace transformer
