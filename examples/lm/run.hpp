#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "lm/saved_model.hpp"
#include "see/core/random.hpp"
#include "transformer/require.hpp"

/// What a trained language model is asked for.
namespace lm {

struct Evaluation {
  double perplexity = 0;         ///< exp(mean negative log-likelihood of a target)
  std::int64_t targets = 0;      ///< words, marks and ends of lines
  double unknown = 0;            ///< share of them that the vocabulary does not have
  double tokens_per_second = 0;  ///< targets
};

/// Over windows of the model's length one after the other: each word is a target once, and sees the
/// words before it in its window.
inline Evaluation evaluate(const SavedModel& saved, const std::vector<Words>& lines) {
  const torch::NoGradGuard guard;
  LanguageModel model = saved.model;
  model->eval();
  const torch::Tensor text = saved.words.ids(lines);
  Evaluation result;
  result.unknown = text.ge(1).logical_and(text.le(3)).to(torch::kDouble).mean().item<double>();
  double sum = 0;
  const auto start = std::chrono::steady_clock::now();
  for (const Batch& batch : all_windows(text, 16, model->options().length)) {
    const auto targets = batch.targets.ne(-100).sum().item<std::int64_t>();
    sum += model->loss(batch).item<double>() * static_cast<double>(targets);
    result.targets += targets;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  result.perplexity = std::exp(sum / static_cast<double>(result.targets));
  result.tokens_per_second = static_cast<double>(result.targets) / taken.count();
  return result;
}

struct GenerateOptions {
  double temperature = 0;  ///< 0: the most likely word each time
  std::uint64_t seed = 1;
};

/// The line that begins with `start`, up to its end or the model's length. Unknown words are never
/// drawn. Keys and values of words that were seen are kept.
inline std::string generate(const SavedModel& saved, const std::string& start,
                            const GenerateOptions& options) {
  const torch::NoGradGuard guard;
  LanguageModel model = saved.model;
  model->eval();
  Words line = split_words(start);
  std::vector<std::int64_t> fresh{Vocabulary::eos};
  for (const std::int64_t id : saved.words.ids(line)) fresh.push_back(id);
  const std::int64_t length = model->options().length;
  require(std::ssize(fresh) < length, "a start of ", std::ssize(line), " words, needed fewer than ",
          length - 1);
  std::vector<KeysValues> caches;
  see::Random random(options.seed);
  for (std::int64_t seen = 0; seen + std::ssize(fresh) < length;) {
    torch::Tensor logits =
        model->next(torch::tensor(fresh, torch::kLong).unsqueeze(0), seen, caches);
    logits.slice(0, 1, 4).fill_(-INFINITY);
    seen += std::ssize(fresh);
    std::int64_t next = logits.argmax().item<std::int64_t>();
    if (options.temperature > 0) {
      const torch::Tensor shares =
          torch::softmax(logits.to(torch::kDouble) / options.temperature, 0).cumsum(0);
      const double at = random.uniform() * shares[-1].item<double>();
      next = std::min(shares.le(at).sum().item<std::int64_t>(), saved.words.size() - 1);
    }
    if (next == Vocabulary::eos) break;
    line.push_back(saved.words.word(next));
    fresh = {next};
  }
  return join_words(line);
}

}  // namespace lm
