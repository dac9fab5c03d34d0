#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lm/model.hpp"
#include "lm/run.hpp"
#include "lm/saved_model.hpp"
#include "lm/text.hpp"
#include "see/torch/distill.hpp"
#include "transformer/distill_run.hpp"
#include "transformer/fit_table.hpp"
#include "transformer/program.hpp"
#include "transformer/require.hpp"
#include "transformer/train.hpp"

/// The steps between a text and a small model, apart from the command line.
namespace lm {

struct TeacherOptions {
  ModelOptions model = {};
  TrainOptions train = {};
  std::int64_t batch = 16;
  std::int64_t least = 3;  ///< occurrences of a word
  std::uint64_t seed = 1;
  SplitRule rule = {};
};

inline SavedModel train_teacher(const std::vector<std::string>& lines, TeacherOptions options) {
  const Parts parts = split(lines, options.rule);
  SavedModel saved;
  saved.rule = options.rule;
  saved.words = Vocabulary::count(parts.training, options.least);
  options.model.words = saved.words.size();
  torch::manual_seed(options.seed);
  saved.model = LanguageModel(options.model);
  const RandomWindows batches(saved.words.ids(parts.training), options.batch, options.model.length,
                              options.seed);
  const std::int64_t tokens = options.batch * options.model.length;
  ProgressLine line;
  std::int64_t first = -1;
  options.train.progress = [&](const TrainProgress& now) {
    if (first < 0) first = now.step - 1;
    line(now.step == now.steps, [&] {
      const double speed = static_cast<double>((now.step - first) * tokens) / now.seconds;
      return format("step %lld of %lld, loss %.3f, %.0f tokens/s, %.0f s left",
                    static_cast<long long>(now.step), static_cast<long long>(now.steps), now.loss,
                    speed, now.seconds_left);
    });
  };
  saved.model->train();
  Trainer(saved.model.ptr(), options.train).train([&](std::int64_t step) {
    return saved.model->loss(batches(step));
  });
  saved.model->eval();
  return saved;
}

struct StudentOptions {
  see::torch::DistillOptions distill;
  std::int64_t batch = 16;
  std::uint64_t seed = 2;
};

/// Trains the student, table and all, by the teacher in two stages.
inline void distill(const SavedModel& teacher, const SavedModel& student,
                    const std::vector<std::string>& lines, const StudentOptions& options) {
  require(teacher.words.words() == student.words.words(),
          "a teacher and a student of other words, needed the same");
  const Parts parts = split(lines, student.rule);
  const RandomWindows batches(student.words.ids(parts.training), options.batch,
                              student.model->options().length, options.seed);
  distill_model(teacher.model, student.model, batches, options.distill);
  round_table(student.model->table());
}

}  // namespace lm
