/// lm: a language model whose word table is entangled. `lm --help` says how.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include "lm/commands.hpp"
#include "lm/demo.hpp"
#include "transformer/arguments.hpp"
#include "transformer/compress_run.hpp"
#include "transformer/program.hpp"

namespace {

using transformer::number, transformer::output_of, transformer::set_threads;

const std::string help =
    R"(lm: a small language model, its word table compressed, and what distillation brings back.

  lm train TEXT -o teacher.pt       a decoder-only transformer, one table for input and output
  lm compress TEACHER -o student.pt the table becomes a layer fitted to it
  lm distill TEACHER STUDENT TEXT -o out.pt
                                    stage 1 matches embeddings and hidden states, stage 2 learns
                                    soft targets and the text
  lm eval MODEL TEXT                perplexity on the held-out part, tokens a second
  lm generate MODEL "In the"        the rest of a line
  lm demo                           all of it on a made-up language, in a minute or two

train     --dim 128 --layers 2 --heads 4 --length 64 --dropout 0.1   the model
          --steps 2000 --batch 16 --rate 0.002 --warmup 100 --seed 1
          --least 3       a word occurs so often in the training part; others become <unk>,
                          <unk-upper> (capital first) or <unk-digit>
          --split auto    books: lines begin with NAME chapter:verse, as a Bible's; blocks: of 100
                          lines; auto: books where half of the lines are of that kind
          --nth 10        every tenth book or block is held out
)" + transformer::compress_help +
    R"(          --wordnet DIR   senses of the words
distill   --steps1 500 --steps2 1000 --batch 16 --rate 0.001 --warmup 50 --temperature 2
          --soft 0.5 (share of the soft targets) --hidden 1 (weight of hidden states) --seed 2
generate  --temperature 0 (the most likely word) --seed 1
demo      --ratio 10 --method induced --steps 300 --steps1 100
train, distill --checkpoint-every 500    steps
all       --threads 0     of torch; 0: as it chooses

train and distill keep OUTPUT.checkpoint while they run. The same command goes on from it.
A word is a run of letters, digits and apostrophes or another character; the end of a line counts
as one. Exit codes: 0; 1 where the demo's student got no better; 2 where the command line makes no
sense; 3 where something else failed.
)";

int train(lm::Arguments arguments) {
  const auto text = arguments.plain({"TEXT"})[0];
  const std::filesystem::path output = output_of(arguments);
  lm::TeacherOptions options;
  options.model.dim = arguments.integer("dim", 128);
  options.model.layers = arguments.integer("layers", 2);
  options.model.heads = arguments.integer("heads", 4);
  options.model.length = arguments.integer("length", 64, 2);
  options.model.dropout = arguments.real("dropout", 0.1);
  options.train.steps = arguments.integer("steps", 2000);
  options.train.rate = arguments.real("rate", 0.002);
  options.train.warmup = arguments.integer("warmup", 100);
  options.train.checkpoint = lm::checkpoint_of(output);
  options.train.checkpoint_every = arguments.integer("checkpoint-every", 500);
  options.batch = arguments.integer("batch", 16);
  options.least = arguments.integer("least", 3);
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 1, 0));
  options.rule.nth = arguments.integer("nth", 10, 2);
  const std::string rule = arguments.text("split", "auto");
  if (rule != "auto" && rule != "books" && rule != "blocks")
    throw lm::UsageError("--split " + rule + ", needed auto, books or blocks");
  if (options.model.dim % options.model.heads != 0)
    throw lm::UsageError("--dim that --heads does not divide");
  if (options.model.dropout >= 1) throw lm::UsageError("--dropout of 1 or more, needed less");
  set_threads(arguments);
  arguments.finish();

  const auto lines = lm::read_lines(text);
  options.rule.by_book = rule == "books" || (rule == "auto" && lm::has_books(lines));
  const lm::SavedModel saved = lm::train_teacher(lines, options);
  lm::save(output, saved);
  std::filesystem::remove(options.train.checkpoint);
  std::printf("%lld words, every %lldth %s held out\n", number(saved.words.size()),
              number(options.rule.nth), options.rule.by_book ? "book" : "block of 100 lines");
  return 0;
}

int compress(lm::Arguments arguments) {
  const auto teacher = arguments.plain({"TEACHER"})[0];
  const std::filesystem::path output = output_of(arguments);
  lm::FitTableOptions options = transformer::compress_options(arguments);
  options.wordnet = arguments.text("wordnet", "");
  set_threads(arguments);
  arguments.finish();

  lm::SavedModel saved = lm::load(teacher);
  options.words = saved.words.words();
  const lm::Compressed table = lm::compress_table(saved.model->table(), options);
  lm::save(output, saved);
  transformer::print("table", table);
  return 0;
}

int distill(lm::Arguments arguments) {
  const auto names = arguments.plain({"TEACHER", "STUDENT", "TEXT"});
  const std::filesystem::path output = output_of(arguments);
  lm::StudentOptions options;
  options.distill = transformer::distill_options(arguments, output);
  options.batch = arguments.integer("batch", 16);
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 2, 0));
  set_threads(arguments);
  arguments.finish();

  const lm::SavedModel teacher = lm::load(names[0]), student = lm::load(names[1]);
  lm::distill(teacher, student, lm::read_lines(names[2]), options);
  lm::save(output, student);
  std::filesystem::remove(options.distill.checkpoint());
  return 0;
}

int evaluate(lm::Arguments arguments) {
  const auto names = arguments.plain({"MODEL", "TEXT"});
  set_threads(arguments);
  arguments.finish();
  const lm::SavedModel saved = lm::load(names[0]);
  const auto lines = lm::read_lines(names[1]);
  const lm::Evaluation result = lm::evaluate(saved, lm::split(lines, saved.rule).held_out);
  std::printf("perplexity %.2f over %lld words held out (%.2f%% unknown), %.0f words/s\n",
              result.perplexity, number(result.targets), 100 * result.unknown,
              result.tokens_per_second);
  return 0;
}

int generate(lm::Arguments arguments) {
  const auto names = arguments.plain({"MODEL", "START"});
  lm::GenerateOptions options;
  options.temperature = arguments.real("temperature", 0);
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 1, 0));
  set_threads(arguments);
  arguments.finish();
  std::printf("%s\n", lm::generate(lm::load(names[0]), names[1], options).c_str());
  return 0;
}

int demo(lm::Arguments arguments) {
  arguments.plain({});
  lm::DemoOptions options;
  options.ratio = arguments.real("ratio", options.ratio, 1);
  options.method = transformer::method_of(arguments, options.method);
  options.steps = arguments.integer("steps", options.steps);
  options.student_steps = arguments.integer("steps1", options.student_steps);
  set_threads(arguments);
  arguments.finish();
  return lm::run_demo(options) ? 0 : 1;
}

}  // namespace

int main(int count, char** values) {
  return transformer::run_command("lm", help,
                                  {{"train", train},
                                   {"compress", compress},
                                   {"distill", distill},
                                   {"eval", evaluate},
                                   {"generate", generate},
                                   {"demo", demo}},
                                  count, values);
}
