#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "see/core/random.hpp"
#include "see/error.hpp"
#include "transformer/require.hpp"
#include "transformer/vocabulary.hpp"

/// From a text file to batches of word numbers.
namespace lm {

using namespace transformer;

/// Words and marks of a line: runs of letters, digits, apostrophes and bytes past ASCII are words,
/// and every other character that is no space stands alone. A word in angle brackets stays whole.
inline Words split_words(const std::string& line) {
  const auto in_word = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) || c == '\'' || byte >= 128;
  };
  Words words;
  for (std::size_t i = 0; i < line.size();) {
    std::size_t end = i + 1;
    if (in_word(line[i])) {
      while (end < line.size() && in_word(line[end])) ++end;
    } else if (line[i] == '<') {
      const std::size_t close = line.find('>', i);
      if (close != std::string::npos && line.find(' ', i) > close) end = close + 1;
    }
    if (!std::isspace(static_cast<unsigned char>(line[i])))
      words.push_back(line.substr(i, end - i));
    i = end;
  }
  return words;
}

/// Words as a line to read: no space before marks that end something.
inline std::string join_words(const Words& words) {
  std::string line;
  for (const std::string& word : words) {
    const bool closes = word.size() == 1 && std::string(".,;:!?)]").find(word) != std::string::npos;
    if (!line.empty() && !closes && line.back() != '(') line += ' ';
    line += word;
  }
  return line;
}

/// Which lines are held out: every `nth` book, or every `nth` block of 100 lines. A book is what
/// lines begin with that read `NAME chapter:verse text`, as those of a Bible do ("1 Sam 3:4 ..." or
/// "Gen1:1 ..."); the reference itself is left out of the text.
struct SplitRule {
  bool by_book = false;
  std::int64_t nth = 10;
};

struct Parts {
  std::vector<Words> training, held_out;  ///< lines
  std::int64_t books = 0;                 ///< or blocks
};

/// The length of `NAME chapter:verse ` at the start of a line, and NAME; 0 where there is none.
inline std::pair<std::size_t, std::string> find_reference(const std::string& line) {
  const auto digits = [&](std::size_t i) {
    while (i < line.size() && std::isdigit(static_cast<unsigned char>(line[i]))) ++i;
    return i;
  };
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos || colon == 0 || colon > 40) return {0, ""};
  const std::size_t end = digits(colon + 1);
  std::size_t chapter = colon;
  while (chapter > 0 && std::isdigit(static_cast<unsigned char>(line[chapter - 1]))) --chapter;
  if (end == colon + 1 || chapter == colon || chapter == 0) return {0, ""};
  std::string name = line.substr(0, chapter);
  while (!name.empty() && name.back() == ' ') name.pop_back();
  if (name.empty() || !std::isalpha(static_cast<unsigned char>(name.back()))) return {0, ""};
  return {end, name};
}

inline std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw see::FileError("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.push_back(line);
  if (lines.empty()) throw see::FileError(path + " has no text");
  return lines;
}

/// Whether at least half of the lines begin with a reference.
inline bool has_books(const std::vector<std::string>& lines) {
  const auto found = std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
    return find_reference(line).first > 0;
  });
  return 2 * static_cast<std::size_t>(found) >= lines.size();
}

/// Numbers books in the order of their first lines (or blocks) from 1; those that `rule.nth`
/// divides are held out.
inline Parts split(const std::vector<std::string>& lines, const SplitRule& rule) {
  Parts parts;
  std::map<std::string, std::int64_t> numbers;
  std::int64_t at = 0, number = 0;
  for (const std::string& line : lines) {
    std::size_t begin = 0;
    if (rule.by_book) {
      const auto [length, name] = find_reference(line);
      begin = length;
      if (length > 0) number = numbers.emplace(name, std::ssize(numbers) + 1).first->second;
    } else {
      number = at++ / 100 + 1;
    }
    auto& part = number > 0 && number % rule.nth == 0 ? parts.held_out : parts.training;
    part.push_back(split_words(line.substr(begin)));
    parts.books = std::max(parts.books, number);
  }
  return parts;
}

/// Word numbers, and those that come next; -100 where there is none.
struct Batch {
  torch::Tensor ids, targets;
  bool wants_logits = false;
};

/// Windows of a text at random places: the batch of a step depends on step and seed alone.
class RandomWindows {
 public:
  RandomWindows(torch::Tensor text, std::int64_t batch, std::int64_t length, std::uint64_t seed)
      : text_(std::move(text)), batch_(batch), length_(length), seed_(seed) {
    require(text_.numel() > length_, "a text of ", text_.numel(), " words, needed more than the ",
            length_, " of a window");
  }

  Batch operator()(std::int64_t step) const {
    see::Random random(see::Random(seed_ + static_cast<std::uint64_t>(step)).next());
    std::vector<torch::Tensor> windows;
    for (std::int64_t i = 0; i < batch_; ++i) {
      const auto places = static_cast<std::size_t>(text_.numel() - length_);
      const auto first = static_cast<std::int64_t>(random.below(places));
      windows.push_back(text_.slice(0, first, first + length_ + 1));
    }
    const torch::Tensor all = torch::stack(windows);
    return {all.slice(1, 0, length_).contiguous(), all.slice(1, 1).contiguous()};
  }

 private:
  torch::Tensor text_;
  std::int64_t batch_, length_;
  std::uint64_t seed_;
};

/// The whole text in windows one after the other, so that each word but the first is a target once.
inline std::vector<Batch> all_windows(const torch::Tensor& text, std::int64_t batch,
                                      std::int64_t length) {
  const std::int64_t targets = text.numel() - 1;
  require(targets > 0, "a held-out part without words, needed some: another --nth");
  const std::int64_t windows = (targets + length - 1) / length, padded = windows * length;
  torch::Tensor ids = torch::zeros({padded}, torch::kLong);
  torch::Tensor next = torch::full({padded}, -100, torch::kLong);
  ids.slice(0, 0, targets).copy_(text.slice(0, 0, targets));
  next.slice(0, 0, targets).copy_(text.slice(0, 1));
  ids = ids.reshape({windows, length}), next = next.reshape({windows, length});
  std::vector<Batch> batches;
  for (std::int64_t i = 0; i < windows; i += batch)
    batches.push_back({ids.slice(0, i, std::min(windows, i + batch)).contiguous(),
                       next.slice(0, i, std::min(windows, i + batch)).contiguous()});
  return batches;
}

}  // namespace lm
