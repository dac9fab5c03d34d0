#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "see/core/random.hpp"
#include "transformer/made_up_word.hpp"

/// A small language made up for a demonstration.
namespace lm {

/// Lines of a language of about 700 words: each line has one of 8 topics, which chooses among the
/// words of a class; verbs agree with their subjects in number; low numbers are frequent.
class DemoText {
 public:
  explicit DemoText(std::uint64_t seed) : random_(seed) {
    for (auto& topic : topics_) {
      for (int i = 0; i < 30; ++i) topic.nouns.push_back(transformer::made_up_word(random_));
      for (int i = 0; i < 15; ++i) topic.verbs.push_back(transformer::made_up_word(random_));
      for (int i = 0; i < 12; ++i)
        topic.adjectives.push_back(transformer::made_up_word(random_) + "ic");
    }
    for (int i = 0; i < 20; ++i) adverbs_.push_back(transformer::made_up_word(random_) + "ly");
  }

  std::vector<std::string> lines(int count) {
    std::vector<std::string> lines;
    for (int i = 0; i < count; ++i) lines.push_back(line());
    return lines;
  }

 private:
  struct Topic {
    std::vector<std::string> nouns, verbs, adjectives;
  };

  /// Skewed to the first of a list.
  const std::string& pick(const std::vector<std::string>& list) {
    const double at = std::pow(random_.uniform(), 1.8);
    return list[static_cast<std::size_t>(at * static_cast<double>(list.size()))];
  }

  std::string phrase(const Topic& topic, bool plural) {
    std::string words = plural ? "many " : "the ";
    if (random_.uniform() < 0.5) words += pick(topic.adjectives) + " ";
    return words + pick(topic.nouns) + (plural ? "s" : "");
  }

  std::string line() {
    const Topic& topic = topics_[random_.below(topics_.size())];
    std::string words;
    const std::size_t clauses = 1 + random_.below(3);
    for (std::size_t i = 0; i < clauses; ++i) {
      const bool plural = random_.uniform() < 0.4;
      words += (i == 0 ? "" : " , and ") + phrase(topic, plural) + " " + pick(topic.verbs) +
               (plural ? "" : "s");
      if (random_.uniform() < 0.3) words += " " + pick(adverbs_);
      words += " " + phrase(topic, random_.uniform() < 0.4);
    }
    return words + " .";
  }

  see::Random random_;
  std::array<Topic, 8> topics_;
  std::vector<std::string> adverbs_;
};

}  // namespace lm
