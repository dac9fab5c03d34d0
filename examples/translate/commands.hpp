#pragma once

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "see/torch/distill.hpp"
#include "transformer/distill_run.hpp"
#include "transformer/fit_table.hpp"
#include "transformer/program.hpp"
#include "transformer/require.hpp"
#include "transformer/train.hpp"
#include "translate/bleu.hpp"
#include "translate/saved_model.hpp"
#include "translate/search.hpp"
#include "translate/text.hpp"

/// The steps between aligned texts and a small model, apart from the command line.
namespace translate {

struct Evaluation {
  std::vector<Words> translations;
  double bleu = 0;
  double tokens_per_second = 0;  ///< words of translations and their ends
};

inline Evaluation evaluate(const SavedModel& saved, const Pairs& pairs,
                           const SearchOptions& options) {
  Evaluation result;
  const auto start = std::chrono::steady_clock::now();
  result.translations = translate_all(saved, pairs.source, options);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  result.bleu = bleu(count_bleu(result.translations, pairs.target));
  std::size_t tokens = 0;
  for (const Words& words : result.translations) tokens += words.size() + 1;
  result.tokens_per_second = static_cast<double>(tokens) / taken.count();
  return result;
}

/// Mean negative log-likelihood of a target word, without dropout and smoothing.
inline double mean_loss(Translator model, const PairBatches& batches) {
  const torch::NoGradGuard guard;
  const bool was_training = model->is_training();
  model->eval();
  double sum = 0, targets = 0;
  for (std::int64_t step = 0; step < batches.steps(); ++step) {
    const Batch batch = batches(step);
    const auto count = static_cast<double>(batch.targets.numel());
    sum += model->loss(batch).item<double>() * count;
    targets += count;
  }
  model->train(was_training);
  return sum / targets;
}

struct TeacherOptions {
  ModelOptions model = {};
  TrainOptions train = {};  ///< `steps` come from epochs
  double epochs = 20;
  std::int64_t batch = 128;
  std::int64_t least = 2;  ///< occurrences of a word
  double smoothing = 0.1;
  std::uint64_t seed = 1;
};

inline SavedModel train_teacher(const Pairs& pairs, const std::optional<Pairs>& validation,
                                TeacherOptions options) {
  SavedModel saved;
  saved.source = Vocabulary::count(pairs.source, options.least);
  saved.target = Vocabulary::count(pairs.target, options.least);
  options.model.source_words = saved.source.size();
  options.model.target_words = saved.target.size();
  torch::manual_seed(options.seed);
  saved.model = Translator(options.model);
  const PairBatches batches(pairs, saved.source, saved.target, options.batch, options.seed);
  std::optional<PairBatches> held_out;
  if (validation) held_out.emplace(*validation, saved.source, saved.target, options.batch, 0);
  const std::int64_t epoch = batches.steps();
  options.train.steps =
      std::max<std::int64_t>(1, std::lround(options.epochs * static_cast<double>(epoch)));
  ProgressLine line;
  double tokens = 0;
  options.train.progress = [&](const TrainProgress& now) {
    line(now.step == now.steps, [&] {
      return format("step %lld of %lld (epoch %.2f), loss %.3f, %.0f tokens/s, %.0f s left",
                    number(now.step), number(now.steps),
                    static_cast<double>(now.step) / static_cast<double>(epoch), now.loss,
                    tokens / now.seconds, now.seconds_left);
    });
    if (!held_out || (now.step % epoch != 0 && now.step != now.steps)) return;
    const double loss = mean_loss(saved.model, *held_out);
    const Evaluation greedy = evaluate(saved, *validation, {.beam = 1});
    std::fprintf(stderr, "validation after step %lld: perplexity %.3f, BLEU %.2f (greedy)\n",
                 number(now.step), std::exp(loss), greedy.bleu);
  };
  saved.model->train();
  Trainer(saved.model.ptr(), options.train).train([&](std::int64_t step) {
    const Batch batch = batches(step);
    tokens += static_cast<double>(batch.targets.numel());
    return saved.model->loss(batch, options.smoothing);
  });
  saved.model->eval();
  return saved;
}

struct CompressedTables {
  Compressed source, target;
};

/// Puts fitted layers in the place of both dense tables. Senses come from a WordNet for each
/// language, where there is one.
inline CompressedTables compress_tables(SavedModel& saved, FitTableOptions options,
                                        const std::string& source_wordnet = "",
                                        const std::string& target_wordnet = "") {
  CompressedTables tables;
  options.words = saved.source.words();
  options.wordnet = source_wordnet;
  tables.source = compress_table(saved.model->source(), options);
  options.words = saved.target.words();
  options.wordnet = target_wordnet;
  tables.target = compress_table(saved.model->target(), options);
  return tables;
}

struct StudentOptions {
  see::torch::DistillOptions distill;
  std::int64_t batch = 128;
  std::uint64_t seed = 2;
};

/// Trains the student, tables and all, by the teacher in two stages.
inline void distill(const SavedModel& teacher, const SavedModel& student, const Pairs& pairs,
                    const StudentOptions& options) {
  require(teacher.source.words() == student.source.words() &&
              teacher.target.words() == student.target.words(),
          "a teacher and a student of other words, needed the same");
  const PairBatches batches(pairs, student.source, student.target, options.batch, options.seed);
  distill_model(teacher.model, student.model, batches, options.distill);
  round_table(student.model->source());
  round_table(student.model->target());
}

}  // namespace translate
