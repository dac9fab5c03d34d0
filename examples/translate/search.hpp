#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "translate/saved_model.hpp"

/// Beam search.
namespace translate {

/// What stands in a translation for a word that the vocabulary does not have.
enum class Unknown {
  copy,    ///< the source word that the decoder looks at most
  forbid,  ///< the next best word
  keep     ///< <unk>
};

struct SearchOptions {
  std::int64_t beam = 4;    ///< 1: the most likely word each time
  double length_power = 1;  ///< hypotheses compare by log-likelihood / length^power
  Unknown unknown = Unknown::copy;
  std::int64_t batch = 64;  ///< sentences at once
};

/// Words so far, and of each the source word that was looked at.
struct Hypothesis {
  Ids words, looked_at;
  double score = 0;  ///< log-likelihood
};

/// Translates a few sentences at once. Each has `beam` hypotheses; keys and values of their words
/// are kept, those of the sentence for all of them. A sentence leaves when as many have ended.
class BeamSearch {
 public:
  BeamSearch(Translator model, const SearchOptions& options)
      : model_(std::move(model)), options_(options) {}

  /// The best hypothesis of each sentence.
  std::vector<Hypothesis> operator()(const std::vector<const Ids*>& sentences) {
    const Source source = to_source(sentences);
    memory_ = model_->encode(source);
    caches_.clear();
    running_.clear();
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      const auto length = std::ssize(*sentences[i]);
      running_.push_back({i, length, 2 * length + 10, {}, {}});
      running_.back().beam.resize(static_cast<std::size_t>(options_.beam));
      for (std::size_t k = 1; k < running_.back().beam.size(); ++k)
        running_.back().beam[k].score = -INFINITY;  // as the first: from one, not several times
    }
    std::vector<Hypothesis> best(sentences.size());
    for (std::int64_t step = 0; !running_.empty(); ++step) {
      take_step(step);
      drop_ended(step, best);
    }
    return best;
  }

 private:
  struct Sentence {
    std::size_t index;
    std::int64_t length, longest;  ///< of the source, and of a translation
    std::vector<Hypothesis> beam, ended;
  };

  struct Candidate {
    double score;
    std::int64_t parent, word;
  };

  double normalised(const Hypothesis& hypothesis) const {
    const auto length = static_cast<double>(hypothesis.words.size() + 1);
    return hypothesis.score / std::pow(length, options_.length_power);
  }

  void take_step(std::int64_t step) {
    Ids last;
    for (const Sentence& sentence : running_)
      for (const Hypothesis& each : sentence.beam)
        last.push_back(each.words.empty() ? std::int64_t{Vocabulary::eos} : each.words.back());
    torch::Tensor logits = model_->next(torch::tensor(last, torch::kLong), step, memory_, caches_);
    const torch::Tensor all = logits.logsumexp(-1, true);
    if (options_.unknown == Unknown::forbid) logits.slice(1, 1, 4).fill_(-INFINITY);
    // Of one hypothesis no more than `beam` words and <eos> can be among the best.
    const std::int64_t width = std::min(options_.beam + 1, logits.size(1));
    const auto [top, words] = logits.topk(width);
    const torch::Tensor scores = (top - all).contiguous();
    const torch::Tensor shares = caches_.back().shares.mean(1).contiguous();
    rows_.clear();
    std::int64_t row = 0;
    for (Sentence& sentence : running_) {
      std::vector<Candidate> candidates;
      for (std::int64_t k = 0; k < options_.beam; ++k)
        for (std::int64_t j = 0; j < width; ++j) {
          const std::int64_t at = (row + k) * width + j;
          candidates.push_back(
              {sentence.beam[static_cast<std::size_t>(k)].score + scores.data_ptr<float>()[at], k,
               words.data_ptr<std::int64_t>()[at]});
        }
      std::stable_sort(candidates.begin(), candidates.end(),
                       [](const auto& a, const auto& b) { return a.score > b.score; });
      extend(sentence, candidates, row, shares);
      row += options_.beam;
    }
  }

  /// The best candidates take the place of the hypotheses, but for those that end.
  void extend(Sentence& sentence, const std::vector<Candidate>& candidates, std::int64_t row,
              const torch::Tensor& shares) {
    const auto beam = static_cast<std::size_t>(options_.beam);
    std::vector<Hypothesis> next;
    for (std::size_t rank = 0; rank < candidates.size() && next.size() < beam; ++rank) {
      const Candidate& candidate = candidates[rank];
      Hypothesis hypothesis = sentence.beam[static_cast<std::size_t>(candidate.parent)];
      hypothesis.score = candidate.score;
      if (candidate.word == Vocabulary::eos) {
        if (rank < beam) sentence.ended.push_back(std::move(hypothesis));
        continue;
      }
      hypothesis.words.push_back(candidate.word);
      const float* const share =
          shares.data_ptr<float>() + (row + candidate.parent) * shares.size(2);
      hypothesis.looked_at.push_back(std::max_element(share, share + sentence.length) - share);
      next.push_back(std::move(hypothesis));
      rows_.push_back(row + candidate.parent);
    }
    sentence.beam = std::move(next);
  }

  /// Takes out sentences with enough ended hypotheses or of too many words.
  void drop_ended(std::int64_t step, std::vector<Hypothesis>& best) {
    const auto beam = static_cast<std::size_t>(options_.beam);
    std::vector<Sentence> running;
    Ids rows, places;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      Sentence& sentence = running_[i];
      const bool is_full = step + 1 >= sentence.longest;
      if (sentence.ended.size() < beam && !is_full) {
        const auto first = rows_.begin() + static_cast<std::ptrdiff_t>(i * beam);
        rows.insert(rows.end(), first, first + options_.beam);
        places.push_back(static_cast<std::int64_t>(i));
        running.push_back(std::move(sentence));
        continue;
      }
      if (sentence.ended.empty()) sentence.ended = std::move(sentence.beam);
      best[sentence.index] = *std::max_element(
          sentence.ended.begin(), sentence.ended.end(),
          [&](const auto& a, const auto& b) { return normalised(a) < normalised(b); });
    }
    const bool drops = running.size() < running_.size();
    running_ = std::move(running);
    if (running_.empty()) return;
    const torch::Tensor own = torch::tensor(rows, torch::kLong);
    const torch::Tensor kept = torch::tensor(places, torch::kLong);
    for (KeysValues& cache : caches_) {
      cache.own = cache.own.index_select(0, own);
      if (drops) cache.memory = cache.memory.index_select(0, kept);
    }
    if (drops) memory_.lengths = memory_.lengths.index_select(0, kept);
  }

  Translator model_;
  SearchOptions options_;
  Memory memory_;
  std::vector<KeysValues> caches_;
  std::vector<Sentence> running_;
  Ids rows_;  ///< of the caches that each hypothesis comes from
};

/// Translations of sentences, the i-th of the i-th. An empty sentence has an empty one.
inline std::vector<Words> translate_all(const SavedModel& saved,
                                        const std::vector<Words>& sentences,
                                        const SearchOptions& options) {
  const torch::NoGradGuard guard;
  const bool was_training = saved.model->is_training();
  Translator model = saved.model;
  model->eval();
  BeamSearch search(model, options);
  std::vector<Ids> ids;
  std::vector<std::size_t> order;
  for (const Words& sentence : sentences) {
    if (!sentence.empty()) order.push_back(ids.size());
    ids.push_back(saved.source.ids(sentence));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return ids[a].size() < ids[b].size(); });
  std::vector<Words> translations(sentences.size());
  const auto batch = static_cast<std::size_t>(options.batch);
  for (std::size_t first = 0; first < order.size(); first += batch) {
    const std::size_t last = std::min(order.size(), first + batch);
    std::vector<const Ids*> some;
    for (std::size_t i = first; i < last; ++i) some.push_back(&ids[order[i]]);
    const auto found = search(some);
    for (std::size_t i = first; i < last; ++i) {
      const Hypothesis& best = found[i - first];
      for (std::size_t k = 0; k < best.words.size(); ++k) {
        const bool is_known = best.words[k] > 3 || options.unknown != Unknown::copy;
        translations[order[i]].push_back(
            is_known ? saved.target.word(best.words[k])
                     : sentences[order[i]][static_cast<std::size_t>(best.looked_at[k])]);
      }
    }
  }
  model->train(was_training);
  return translations;
}

}  // namespace translate
