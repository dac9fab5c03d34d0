#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "see/core/random.hpp"
#include "see/error.hpp"
#include "transformer/require.hpp"
#include "transformer/vocabulary.hpp"

/// From two aligned text files to batches of word numbers.
namespace translate {

using namespace transformer;

/// The words of a line that spaces separate: the text is tokenised.
inline Words split_words(const std::string& line) {
  std::istringstream stream(line);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

inline std::string join_words(const Words& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

/// All lines of a file, empty ones too.
inline std::vector<Words> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw see::FileError("cannot read " + path);
  std::vector<Words> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(split_words(line));
  if (lines.empty()) throw see::FileError(path + " has no text");
  return lines;
}

/// Sentences and their translations, line by line.
struct Pairs {
  std::vector<Words> source, target;
};

/// Throws where the files are not of equal numbers of lines.
inline Pairs read_pairs(const std::string& source, const std::string& target) {
  Pairs pairs{read_lines(source), read_lines(target)};
  if (pairs.source.size() != pairs.target.size())
    throw see::FileError(text_of(source, " has ", pairs.source.size(), " lines and ", target, " ",
                                 pairs.target.size(),
                                 ", needed as many, each the translation of the other"));
  return pairs;
}

/// Sentences as rows of word numbers, each with an <eos>, filled up with more of them.
struct Source {
  torch::Tensor ids;      ///< sentences x longest
  torch::Tensor lengths;  ///< with the first <eos>
  torch::Tensor places;   ///< of the words that count, in the rows one after another
};

/// A batch of pairs. The decoder is given <eos> and all words of a translation, and is to find its
/// words and <eos>.
struct Batch {
  Source source;
  torch::Tensor input;    ///< sentences x longest
  torch::Tensor places;   ///< as those of the source
  torch::Tensor targets;  ///< one for each place
  bool wants_logits = false;
};

using Ids = std::vector<std::int64_t>;

/// Rows side by side, filled up with <eos>.
inline torch::Tensor to_rows(const std::vector<const Ids*>& lines, std::int64_t width) {
  torch::Tensor rows =
      torch::full({std::ssize(lines), width}, std::int64_t{Vocabulary::eos}, torch::kLong);
  auto* row = rows.data_ptr<std::int64_t>();
  for (const Ids* line : lines) {
    std::copy(line->begin(), line->end(), row);
    row += width;
  }
  return rows;
}

/// The first lengths[i] places of each row of `width`.
inline torch::Tensor to_places(const Ids& lengths, std::int64_t width) {
  Ids places;
  for (std::size_t i = 0; i < lengths.size(); ++i)
    for (std::int64_t j = 0; j < lengths[i]; ++j)
      places.push_back(static_cast<std::int64_t>(i) * width + j);
  return torch::tensor(places, torch::kLong);
}

inline Source to_source(const std::vector<const Ids*>& lines) {
  Ids lengths;
  for (const Ids* line : lines) lengths.push_back(std::ssize(*line) + 1);
  const std::int64_t width = *std::max_element(lengths.begin(), lengths.end());
  return {to_rows(lines, width), torch::tensor(lengths, torch::kLong), to_places(lengths, width)};
}

inline Batch to_batch(const std::vector<const Ids*>& source,
                      const std::vector<const Ids*>& target) {
  Batch batch{to_source(source), {}, {}, {}};
  std::vector<Ids> shifted;
  Ids lengths, targets;
  for (const Ids* line : target) {
    shifted.push_back({Vocabulary::eos});
    shifted.back().insert(shifted.back().end(), line->begin(), line->end());
    lengths.push_back(std::ssize(*line) + 1);
    targets.insert(targets.end(), line->begin(), line->end());
    targets.push_back(Vocabulary::eos);
  }
  std::vector<const Ids*> rows;
  for (const Ids& line : shifted) rows.push_back(&line);
  const std::int64_t width = *std::max_element(lengths.begin(), lengths.end());
  batch.input = to_rows(rows, width);
  batch.places = to_places(lengths, width);
  batch.targets = torch::tensor(targets, torch::kLong);
  return batch;
}

/// Batches of pairs of nearly equal lengths. Each pass has a shuffled order; windows of 32 batches
/// are sorted by length and cut into batches, which are shuffled again. The batch of a step depends
/// on step and seed alone. Pairs with an empty side or one of more than `longest` words are left
/// out.
class PairBatches {
 public:
  PairBatches(const Pairs& pairs, const Vocabulary& source, const Vocabulary& target,
              std::int64_t batch, std::uint64_t seed, std::size_t longest = 100)
      : size_(static_cast<std::size_t>(batch)), seed_(seed) {
    const auto fits = [&](const Words& line) { return !line.empty() && line.size() <= longest; };
    for (std::size_t i = 0; i < pairs.source.size(); ++i) {
      if (!fits(pairs.source[i]) || !fits(pairs.target[i])) continue;
      source_.push_back(source.ids(pairs.source[i]));
      target_.push_back(target.ids(pairs.target[i]));
    }
    require(!source_.empty(), "a text without a pair of sentences of 1 to ", longest,
            " words, needed some");
  }

  /// Batches of a pass.
  std::int64_t steps() const {
    return static_cast<std::int64_t>((source_.size() + size_ - 1) / size_);
  }
  std::int64_t pairs() const { return std::ssize(source_); }

  Batch operator()(std::int64_t step) const {
    plan(step / steps());
    const std::size_t first = starts_[static_cast<std::size_t>(step % steps())];
    std::vector<const Ids*> from, to;
    for (std::size_t i = first; i < std::min(order_.size(), first + size_); ++i) {
      from.push_back(&source_[order_[i]]);
      to.push_back(&target_[order_[i]]);
    }
    return to_batch(from, to);
  }

 private:
  void plan(std::int64_t pass) const {
    if (pass == pass_) return;
    pass_ = pass;
    see::Random random(see::Random(seed_ + static_cast<std::uint64_t>(pass)).next());
    const auto shuffle = [&](std::vector<std::size_t>& list) {
      for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[random.below(i)]);
    };
    order_.resize(source_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    shuffle(order_);
    const auto lengths = [&](std::size_t i) {
      return std::pair(target_[i].size(), source_[i].size());
    };
    for (std::size_t first = 0; first < order_.size(); first += 32 * size_) {
      const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(first);
      const auto count = std::min(32 * size_, order_.size() - first);
      std::stable_sort(begin, begin + static_cast<std::ptrdiff_t>(count),
                       [&](auto a, auto b) { return lengths(a) < lengths(b); });
    }
    starts_.clear();
    for (std::size_t first = 0; first < order_.size(); first += size_) starts_.push_back(first);
    shuffle(starts_);
  }

  std::vector<Ids> source_, target_;
  std::size_t size_;
  std::uint64_t seed_;
  mutable std::int64_t pass_ = -1;  ///< that order_ and starts_ are of
  mutable std::vector<std::size_t> order_, starts_;
};

}  // namespace translate
