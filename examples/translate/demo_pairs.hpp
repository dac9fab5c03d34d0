#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "see/core/random.hpp"
#include "transformer/made_up_word.hpp"
#include "translate/text.hpp"

/// Two small languages made up for a demonstration.
namespace translate {

/// Sentences of a language of about 300 words and their translations: nouns of the other language
/// have one of two genders, which article and adjective agree with; adjectives come after nouns,
/// and the verb comes last. Low numbers of a list are frequent.
class DemoPairs {
 public:
  explicit DemoPairs(std::uint64_t seed) : random_(seed) {
    for (auto* list : {&nouns_, &verbs_, &adjectives_})
      for (int i = 0; i < (list == &nouns_ ? 60 : 30); ++i)
        list->push_back(
            Entry{transformer::made_up_word(random_), transformer::made_up_word(random_)});
  }

  Pairs pairs(int count) {
    Pairs pairs;
    for (int i = 0; i < count; ++i) {
      pairs.source.emplace_back();
      pairs.target.emplace_back();
      add_sentence(pairs.source.back(), pairs.target.back());
    }
    return pairs;
  }

 private:
  struct Entry {
    std::string here, there;
  };

  /// Skewed to the first of a list.
  std::size_t pick(const std::vector<Entry>& list) {
    const double at = std::pow(random_.uniform(), 1.5);
    return static_cast<std::size_t>(at * static_cast<double>(list.size()));
  }

  void add_phrase(Words& here, Words& there, bool plural) {
    const std::size_t noun = pick(nouns_);
    const bool soft = noun % 2 == 1;  // the gender
    here.push_back(plural ? "many" : "the");
    there.push_back(plural ? (soft ? "nie" : "no") : (soft ? "lie" : "lo"));
    there.push_back(nouns_[noun].there + (plural ? "n" : ""));
    if (random_.uniform() < 0.4) {
      const Entry& adjective = adjectives_[pick(adjectives_)];
      here.push_back(adjective.here + "ic");
      there.push_back(adjective.there + (soft ? "ie" : "o"));
    }
    here.push_back(nouns_[noun].here + (plural ? "s" : ""));
  }

  void add_sentence(Words& here, Words& there) {
    const std::size_t clauses = 1 + random_.below(2);
    for (std::size_t i = 0; i < clauses; ++i) {
      if (i > 0) here.push_back("and"), there.push_back("ut");
      const bool plural = random_.uniform() < 0.4;
      const Entry& verb = verbs_[pick(verbs_)];
      add_phrase(here, there, plural);
      here.push_back(verb.here + (plural ? "" : "s"));
      add_phrase(here, there, random_.uniform() < 0.4);
      there.push_back(verb.there + (plural ? "ra" : "t"));
    }
    here.push_back(".");
    there.push_back(".");
  }

  see::Random random_;
  std::vector<Entry> nouns_, verbs_, adjectives_;
};

}  // namespace translate
