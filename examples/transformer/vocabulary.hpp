#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

/// Words and their numbers.
namespace transformer {

using Words = std::vector<std::string>;

/// Numbers of words: four that stand for none in particular, then all that occur `least` times or
/// more in the training part, most frequent first. An unknown word becomes <unk-digit> where it has
/// a digit, <unk-upper> where it begins with a capital, else <unk>. <eos> ends a line.
class Vocabulary {
 public:
  static constexpr std::int64_t eos = 0;

  explicit Vocabulary(Words words) : words_(std::move(words)) {
    for (std::size_t i = 0; i < words_.size(); ++i)
      ids_.emplace(words_[i], static_cast<std::int64_t>(i));
  }

  static Vocabulary count(const std::vector<Words>& lines, std::int64_t least) {
    std::unordered_map<std::string, std::int64_t> counts;
    for (const Words& line : lines)
      for (const std::string& word : line) ++counts[word];
    std::vector<std::pair<std::int64_t, std::string>> sorted;
    for (const auto& [word, times] : counts)
      if (times >= least && word.front() != '<') sorted.emplace_back(-times, word);
    std::sort(sorted.begin(), sorted.end());
    Words words{"<eos>", "<unk>", "<unk-upper>", "<unk-digit>"};
    for (auto& [times, word] : sorted) words.push_back(word);
    return Vocabulary(std::move(words));
  }

  std::int64_t size() const { return std::ssize(words_); }
  const Words& words() const { return words_; }
  const std::string& word(std::int64_t id) const { return words_.at(static_cast<std::size_t>(id)); }

  std::int64_t id(const std::string& word) const {
    if (const auto found = ids_.find(word); found != ids_.end()) return found->second;
    const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
    if (std::any_of(word.begin(), word.end(), is_digit)) return 3;
    return std::isupper(static_cast<unsigned char>(word.front())) ? 2 : 1;
  }

  std::vector<std::int64_t> ids(const Words& words) const {
    std::vector<std::int64_t> numbers;
    for (const std::string& each : words) numbers.push_back(id(each));
    return numbers;
  }

  /// All lines one after the other, each with its <eos>, and one <eos> before.
  torch::Tensor ids(const std::vector<Words>& lines) const {
    std::vector<std::int64_t> numbers{eos};
    for (const Words& line : lines) {
      for (const std::string& each : line) numbers.push_back(id(each));
      numbers.push_back(eos);
    }
    return torch::tensor(numbers, torch::kLong);
  }

 private:
  Words words_;
  std::unordered_map<std::string, std::int64_t> ids_;
};

}  // namespace transformer
