#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>

#include "translate/commands.hpp"
#include "translate/demo_pairs.hpp"

/// All commands on a pair of small languages that are made up, without files.
namespace translate {

struct DemoOptions {
  double ratio = 10;
  std::string method = "induced";
  double epochs = 9;                ///< of the teacher
  std::int64_t student_steps = 60;  ///< of each stage
};

/// Prints a table of sizes and BLEU. Returns whether the distilled student is better than the one
/// that is only compressed.
inline bool run_demo(const DemoOptions& options) {
  DemoPairs language(1);
  const Pairs pairs = language.pairs(3000), held_out = language.pairs(200);
  TeacherOptions teacher_options{.model = {.dim = 64, .layers = 1, .heads = 4, .dropout = 0.0},
                                 .train = {.rate = 4e-3, .warmup = 40, .beta2 = 0.98},
                                 .epochs = options.epochs,
                                 .batch = 64};
  std::fprintf(stderr, "training a teacher\n");
  const SavedModel teacher = train_teacher(pairs, {}, teacher_options);
  const Evaluation of_teacher = evaluate(teacher, held_out, {});

  const auto path = std::filesystem::temp_directory_path() /
                    format("translate-demo-%u.pt", std::random_device()());
  save(path, teacher);  // as the commands hand it on
  SavedModel student = load(path);
  std::filesystem::remove(path);
  std::fprintf(stderr, "compressing its tables\n");
  const CompressedTables tables =
      compress_tables(student, {.ratio = options.ratio, .method = options.method});
  const Evaluation before = evaluate(student, held_out, {});

  std::fprintf(stderr, "distilling\n");
  StudentOptions student_options{.distill = {}, .batch = 64};
  student_options.distill.match_steps(options.student_steps)
      .distill_steps(options.student_steps)
      .learning_rate(2e-3)
      .warmup(20);
  distill(teacher, student, pairs, student_options);
  save(path, student);
  student = load(path);
  std::filesystem::remove(path);
  const Evaluation after = evaluate(student, held_out, {});

  const auto row = [](const char* name, std::int64_t bytes, std::int64_t parameters,
                      const Evaluation& result) {
    std::printf("%-20s %12lld %12lld %8.2f %12.0f\n", name, number(bytes), number(parameters),
                result.bleu, result.tokens_per_second);
  };
  const auto &from = tables.source, &to = tables.target;
  std::printf("%-20s %12s %12s %8s %12s\n", "model", "table bytes", "parameters", "BLEU",
              "tokens/s");
  row("teacher", from.bytes_before + to.bytes_before, from.parameters_before + to.parameters_before,
      of_teacher);
  row("student, compressed", from.bytes_after + to.bytes_after,
      from.parameters_after + to.parameters_after, before);
  row("student, distilled", from.bytes_after + to.bytes_after,
      from.parameters_after + to.parameters_after, after);
  std::printf("%lld and %lld words; BLEU of %lld sentences held out\n",
              number(teacher.source.size()), number(teacher.target.size()),
              number(std::ssize(held_out.source)));
  std::printf("source:  %s\n", join_words(held_out.source[0]).c_str());
  std::printf("teacher: %s\n", join_words(of_teacher.translations[0]).c_str());
  std::printf("student: %s\n", join_words(after.translations[0]).c_str());
  return after.bleu > before.bleu;
}

}  // namespace translate
