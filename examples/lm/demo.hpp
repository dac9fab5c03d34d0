#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "lm/commands.hpp"
#include "lm/demo_text.hpp"
#include "lm/run.hpp"

/// All commands on a small language that is made up, without files.
namespace lm {

struct DemoOptions {
  double ratio = 10;
  std::string method = "induced";
  std::int64_t steps = 300;          ///< of the teacher
  std::int64_t student_steps = 100;  ///< of each stage
};

/// Prints a table of sizes and perplexities. Returns whether the distilled student is better than
/// the one that is only compressed.
inline bool run_demo(const DemoOptions& options) {
  DemoText language(1);
  const std::vector<std::string> lines = language.lines(6000);
  TeacherOptions teacher_options{
      .model = {.dim = 64, .layers = 2, .heads = 4, .length = 32, .dropout = 0.0},
      .train = {.steps = options.steps, .rate = 3e-3, .warmup = 40},
      .least = 2};
  std::fprintf(stderr, "training a teacher\n");
  const SavedModel teacher = train_teacher(lines, teacher_options);
  const std::vector<Words> held_out = split(lines, teacher.rule).held_out;
  const Evaluation of_teacher = evaluate(teacher, held_out);

  const auto path =
      std::filesystem::temp_directory_path() / format("lm-demo-%u.pt", std::random_device()());
  save(path, teacher);  // as the commands hand it on
  SavedModel student = load(path);
  std::filesystem::remove(path);
  std::fprintf(stderr, "compressing its table\n");
  const Compressed table = compress_table(
      student.model->table(),
      {.ratio = options.ratio, .method = options.method, .words = student.words.words()});
  const Evaluation before = evaluate(student, held_out);

  std::fprintf(stderr, "distilling\n");
  StudentOptions student_options;
  student_options.distill.match_steps(options.student_steps)
      .distill_steps(options.student_steps)
      .learning_rate(2e-3)
      .warmup(20);
  distill(teacher, student, lines, student_options);
  save(path, student);
  student = load(path);
  std::filesystem::remove(path);
  const Evaluation after = evaluate(student, held_out);

  const auto row = [](const char* name, std::int64_t bytes, std::int64_t parameters,
                      const Evaluation& result) {
    std::printf("%-20s %12lld %12lld %12.2f %12.0f\n", name, static_cast<long long>(bytes),
                static_cast<long long>(parameters), result.perplexity, result.tokens_per_second);
  };
  std::printf("%-20s %12s %12s %12s %12s\n", "model", "table bytes", "parameters", "perplexity",
              "tokens/s");
  row("teacher", table.bytes_before, table.parameters_before, of_teacher);
  row("student, compressed", table.bytes_after, table.parameters_after, before);
  row("student, distilled", table.bytes_after, table.parameters_after, after);
  std::printf("%lld words; perplexity over %lld words of lines held out\n",
              static_cast<long long>(teacher.words.size()),
              static_cast<long long>(of_teacher.targets));
  std::printf("teacher: %s\n", generate(teacher, "the", {}).c_str());
  std::printf("student: %s\n", generate(student, "the", {}).c_str());
  return after.perplexity < before.perplexity;
}

}  // namespace lm
