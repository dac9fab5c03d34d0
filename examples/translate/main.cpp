/// translate: a translator whose word tables are entangled. `translate --help` says how.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "transformer/arguments.hpp"
#include "transformer/compress_run.hpp"
#include "transformer/program.hpp"
#include "translate/commands.hpp"
#include "translate/demo.hpp"

namespace {

using transformer::Arguments, transformer::UsageError;
using transformer::number, transformer::output_of, transformer::set_threads;

const std::string help =
    R"(translate: a small translator, its word tables compressed, and what distillation brings back.

  translate train SOURCE TARGET -o teacher.pt
                                    an encoder-decoder transformer from aligned lines; the table of
                                    the target language is input and output of the decoder
  translate compress TEACHER -o student.pt
                                    both tables become layers fitted to them
  translate distill TEACHER STUDENT SOURCE TARGET -o out.pt
                                    stage 1 matches embeddings and hidden states, stage 2 learns
                                    soft targets and the text
  translate eval MODEL SOURCE TARGET
                                    BLEU, tokens a second
  translate run MODEL "a sentence"  its translation
  translate compare A B TARGET      BLEU of two files of translations, the difference and its 95%
                                    interval by paired bootstrap over sentences
  translate demo                    all of it on made-up languages, in a minute or less

train     --dim 128 --layers 2 --heads 4 --dropout 0.2   the model
          --epochs 20 --batch 128 (pairs) --rate 0.002 --warmup 400 (steps) --smoothing 0.1
          --seed 1
          --least 2       a word occurs so often in the training text; others become <unk>,
                          <unk-upper> (capital first) or <unk-digit>
          --val-source FILE --val-target FILE    perplexity and BLEU after each epoch
)" + transformer::compress_help +
    R"(          --wordnet DIR   senses of the source words; --target-wordnet DIR: of the target words
distill   --steps1 500 --steps2 1000 --batch 128 --rate 0.001 --warmup 50 --temperature 2
          --soft 0.5 (share of the soft targets) --hidden 1 (weight of hidden states) --seed 2
eval      --output FILE   writes the translations, a line each
eval, run --beam 4 (1: the most likely word each time) --length-power 1 (hypotheses compare by
          log-likelihood / length^power) --search-batch 64 (sentences at once)
          --unknown copy  an unknown word of a translation is the source word that is looked at
                          most; forbid: never; keep: <unk>
compare   --resamples 1000 --seed 1
demo      --ratio 10 --method induced --epochs 9 --steps1 60
train, distill --checkpoint-every 500    steps
all       --threads 0     of torch; 0: as it chooses

Text is tokenised: words are what spaces separate. BLEU is sacreBLEU's of 4-grams over the whole
text with tokenize none and smoothing exp. train and distill keep OUTPUT.checkpoint while they run.
The same command goes on from it. Exit codes: 0; 1 where the demo's student got no better; 2 where
the command line makes no sense; 3 where something else failed.
)";

translate::SearchOptions search_options(Arguments& arguments) {
  translate::SearchOptions options;
  options.beam = arguments.integer("beam", options.beam);
  options.length_power = arguments.real("length-power", options.length_power);
  options.batch = arguments.integer("search-batch", options.batch);
  const std::string unknown = arguments.text("unknown", "copy");
  if (unknown != "copy" && unknown != "forbid" && unknown != "keep")
    throw UsageError("--unknown " + unknown + ", needed copy, forbid or keep");
  options.unknown = unknown == "copy"     ? translate::Unknown::copy
                    : unknown == "forbid" ? translate::Unknown::forbid
                                          : translate::Unknown::keep;
  return options;
}

int train(Arguments arguments) {
  const auto names = arguments.plain({"SOURCE", "TARGET"});
  const std::filesystem::path output = output_of(arguments);
  translate::TeacherOptions options;
  options.model.dim = arguments.integer("dim", 128);
  options.model.layers = arguments.integer("layers", 2);
  options.model.heads = arguments.integer("heads", 4);
  options.model.dropout = arguments.real("dropout", 0.2);
  options.epochs = arguments.real("epochs", 20);
  options.train.rate = arguments.real("rate", 0.002);
  options.train.warmup = arguments.integer("warmup", 400);
  options.train.beta2 = 0.98;
  options.train.checkpoint = transformer::checkpoint_of(output);
  options.train.checkpoint_every = arguments.integer("checkpoint-every", 500);
  options.batch = arguments.integer("batch", 128);
  options.least = arguments.integer("least", 2);
  options.smoothing = arguments.real("smoothing", 0.1);
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 1, 0));
  const std::string source = arguments.text("val-source", "");
  const std::string target = arguments.text("val-target", "");
  if (source.empty() != target.empty())
    throw UsageError("--val-source or --val-target alone, needed both or none");
  if (options.model.dim % options.model.heads != 0 || options.model.dim % 2 != 0)
    throw UsageError("--dim that is odd or that --heads does not divide");
  if (options.model.dropout >= 1) throw UsageError("--dropout of 1 or more, needed less");
  if (options.smoothing >= 1) throw UsageError("--smoothing of 1 or more, needed less");
  set_threads(arguments);
  arguments.finish();

  const translate::Pairs pairs = translate::read_pairs(names[0], names[1]);
  std::optional<translate::Pairs> validation;
  if (!source.empty()) validation = translate::read_pairs(source, target);
  const translate::SavedModel saved = translate::train_teacher(pairs, validation, options);
  translate::save(output, saved);
  std::filesystem::remove(options.train.checkpoint);
  std::printf("%lld pairs, %lld and %lld words\n", number(std::ssize(pairs.source)),
              number(saved.source.size()), number(saved.target.size()));
  return 0;
}

int compress(Arguments arguments) {
  const auto teacher = arguments.plain({"TEACHER"})[0];
  const std::filesystem::path output = output_of(arguments);
  transformer::FitTableOptions options = transformer::compress_options(arguments);
  const std::string wordnet = arguments.text("wordnet", "");
  const std::string target_wordnet = arguments.text("target-wordnet", "");
  set_threads(arguments);
  arguments.finish();

  translate::SavedModel saved = translate::load(teacher);
  const auto tables = translate::compress_tables(saved, options, wordnet, target_wordnet);
  translate::save(output, saved);
  transformer::print("source table", tables.source);
  transformer::print("target table", tables.target);
  return 0;
}

int distill(Arguments arguments) {
  const auto names = arguments.plain({"TEACHER", "STUDENT", "SOURCE", "TARGET"});
  const std::filesystem::path output = output_of(arguments);
  translate::StudentOptions options;
  options.distill = transformer::distill_options(arguments, output);
  options.batch = arguments.integer("batch", 128);
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 2, 0));
  set_threads(arguments);
  arguments.finish();

  const translate::SavedModel teacher = translate::load(names[0]);
  const translate::SavedModel student = translate::load(names[1]);
  translate::distill(teacher, student, translate::read_pairs(names[2], names[3]), options);
  translate::save(output, student);
  std::filesystem::remove(options.distill.checkpoint());
  return 0;
}

int evaluate(Arguments arguments) {
  const auto names = arguments.plain({"MODEL", "SOURCE", "TARGET"});
  const auto search = search_options(arguments);
  const std::string output = arguments.text("output", "");
  set_threads(arguments);
  arguments.finish();
  std::ofstream file;
  if (!output.empty()) {
    file.open(output);
    if (!file) throw see::FileError("cannot write " + output);
  }
  const translate::SavedModel saved = translate::load(names[0]);
  const auto pairs = translate::read_pairs(names[1], names[2]);
  const auto result = translate::evaluate(saved, pairs, search);
  for (const auto& words : result.translations) file << translate::join_words(words) << '\n';
  std::printf("BLEU %.2f (tokenize none, smoothing exp) over %lld sentences, %.0f tokens/s\n",
              result.bleu, number(std::ssize(pairs.source)), result.tokens_per_second);
  return 0;
}

int run_one(Arguments arguments) {
  const auto names = arguments.plain({"MODEL", "SENTENCE"});
  const auto search = search_options(arguments);
  set_threads(arguments);
  arguments.finish();
  const auto words = translate::translate_all(translate::load(names[0]),
                                              {translate::split_words(names[1])}, search);
  std::printf("%s\n", translate::join_words(words[0]).c_str());
  return 0;
}

int compare(Arguments arguments) {
  const auto names = arguments.plain({"A", "B", "TARGET"});
  const auto resamples = static_cast<int>(arguments.integer("resamples", 1000));
  const auto seed = static_cast<std::uint64_t>(arguments.integer("seed", 1, 0));
  arguments.finish();
  const auto a = translate::read_pairs(names[0], names[2]);
  const auto b = translate::read_pairs(names[1], names[2]);
  const auto result =
      translate::compare_bleu(translate::count_bleu(a.source, a.target),
                              translate::count_bleu(b.source, b.target), resamples, seed);
  std::printf("BLEU %.2f and %.2f, difference %.2f, 95%% interval %.2f to %.2f\n", result.of_a,
              result.of_b, result.difference, result.low, result.high);
  return 0;
}

int demo(Arguments arguments) {
  arguments.plain({});
  translate::DemoOptions options;
  options.ratio = arguments.real("ratio", options.ratio, 1);
  options.method = transformer::method_of(arguments, options.method);
  options.epochs = arguments.real("epochs", options.epochs);
  options.student_steps = arguments.integer("steps1", options.student_steps);
  set_threads(arguments);
  arguments.finish();
  return translate::run_demo(options) ? 0 : 1;
}

}  // namespace

int main(int count, char** values) {
  return transformer::run_command("translate", help,
                                  {{"train", train},
                                   {"compress", compress},
                                   {"distill", distill},
                                   {"eval", evaluate},
                                   {"run", run_one},
                                   {"compare", compare},
                                   {"demo", demo}},
                                  count, values);
}
