#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli_text.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "help.hpp"
#include "see/error.hpp"
#include "see/model/shape.hpp"
#include "see/version.hpp"

namespace see::cli {
namespace {

/// Of several words CLI11 reads [a,b] as a and b and {} as none, and it takes none after "--" once
/// there is one, so such words pass it behind a mark.
constexpr char word_mark = '\1';

std::vector<std::string> mark_words(const std::vector<std::string>& arguments) {
  std::vector<std::string> marked;
  bool words_only = false;
  for (const std::string& argument : arguments) {
    if (!words_only && argument == "--") {
      words_only = true;
      continue;
    }
    const bool odd =
        !argument.empty() && std::string_view("[{\1").find(argument[0]) != std::string_view::npos;
    std::string& word = marked.emplace_back();
    if (words_only || odd) word += word_mark;
    word += argument;
  }
  return marked;
}

void unmark(std::string& word) {
  if (word.starts_with(word_mark)) word.erase(word.begin());
}

/// Sets up `see` on a CLI::App; parse() leaves in `run` what to do.
class CommandLine {
 public:
  CommandLine() {
    app_.name("see");
    app_.description(about);
    app_.set_version_flag("--version", sentence("see ", SEE_VERSION_MAJOR, '.', SEE_VERSION_MINOR,
                                                '.', SEE_VERSION_PATCH));
    app_.require_subcommand(0, 1);
    app_.get_formatter()->column_width(26);
    app_.footer(main_footer);
    add_compress();
    add_truncate();
    add_expand();
    add_info();
    add_lookup();
    add_neighbors();
    add_eval();
    add_sweep();
    add_senses();
  }

  /// The exit code.
  int run(int argc, const char* const* argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    if (argc > 1 && arguments[0] == "lookup") arguments = mark_words(arguments);
    std::reverse(arguments.begin(), arguments.end());
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      return explain(error);
    }
    if (!command_) {
      std::fputs(app_.help().c_str(), stderr);
      return usage_error;
    }
    return command_();
  }

 private:
  template <class Command>
  CLI::App* add(const char* name, const char* description, const char* footer, Command& command) {
    CLI::App* const sub = app_.add_subcommand(name, description);
    sub->footer(footer);
    sub->final_callback([this, &command] { command_ = [&command] { return command.run(); }; });
    return sub;
  }

  static void add_table(CLI::App* sub, std::string& table, ReadOptions& read) {
    sub->add_option("TABLE", table, "Embeddings: GloVe text, word2vec, .npy or safetensors")
        ->required()
        ->type_name("");
    sub->add_option("--first", read.first, "Take the first N rows alone")
        ->option_text("N")
        ->check(CLI::Range(Index{1}, all_rows));
    static const std::map<std::string, WordColumn> columns{
        {"auto", WordColumn::detect}, {"yes", WordColumn::present}, {"no", WordColumn::absent}};
    sub->add_option("--words", read.words,
                    "Whether rows of text begin with a word: yes, no, or auto, the default")
        ->option_text("HOW")
        ->transform(CLI::CheckedTransformer(columns));
  }

  static void add_model(CLI::App* sub, std::string& model) {
    sub->add_option("MODEL", model, "Compressed table")->required()->type_name("");
  }

  static void add_threads(CLI::App* sub, unsigned& threads) {
    sub->add_option("--threads", threads, "Threads to use; 0, the default, for all cores")
        ->option_text("T")
        ->check(CLI::Range(0U, 4096U));
  }

  static void add_knowledge(CLI::App* sub, SourceFiles& files) {
    const auto add = [&](const char* name, std::string& file, const char* what, const char* text) {
      return sub->add_option(name, file, text)->option_text(what);
    };
    add("--wordnet", files.wordnet, "DIR", "Senses: folder of a WordNet");
    add("--hownet", files.hownet, "FILE", "Senses of words that WordNet lacks: a HowNet in UTF-8");
    auto* const babel =
        add("--babel", files.babel, "FILE", "Senses of words that both lack: BabelSememe ...");
    auto* const synsets =
        add("--synset-words", files.synset_words, "FILE", "... and the synsets of words");
    babel->needs(synsets);
    synsets->needs(babel);
    add("--hunspell", files.hunspell, "X.dic", "Morphemes: a dictionary, X.aff beside it");
    add("--morphemes", files.morphemes, "FILE", "Morphemes: segmentations of words");
  }

  static void add_json(CLI::App* sub, bool& json) { sub->add_flag("--json", json, "Print JSON"); }

  void add_compress() {
    CLI::App* const sub =
        add("compress", "Compress a table to a given size.", compress_footer, compress_);
    sub->footer(methods_text() + '\n' + compress_footer);
    add_table(sub, compress_.table, compress_.read);
    sub->add_option("-o,--output", compress_.model, "The model to write (required)")
        ->option_text("MODEL")
        ->required();
    add_size(sub, compress_.ratio, compress_.bytes);
    const auto methods = CompressCommand::methods();
    sub->add_option("--method", compress_.method, "How, one of those below (auto)")
        ->option_text("NAME")
        ->check(CLI::IsMember(methods));
    sub->add_option("--direction", compress_.direction,
                    "0: squared error (default) ... 1: direction, in favour of short rows")
        ->option_text("P")
        ->check(CLI::Range(0.0, 1.0));
    sub->add_option(
           "--weights", compress_.weights,
           "How much each row's error counts: a .npy of one number a row, or zipf for rows "
           "in order of frequency (methods " +
               methods_with(&Method::weights) + ")")
        ->option_text("FILE|zipf");
    sub->add_option("--activation", compress_.activation,
                    "Covariance of what reads the rows, a .npy of D x D: errors that it does not "
                    "see are cheap (methods " +
                        methods_with(&Method::activation) + ")")
        ->option_text("FILE");
    sub->add_option("--checkpoint", compress_.checkpoint,
                    "Keep what is done in FILE and go on from there after an interrupt (methods " +
                        methods_with(&Method::checkpoint) + ")")
        ->option_text("FILE");
    sub->add_option("--seed", compress_.seed, "Seed of all random choices (1)")
        ->option_text("S")
        ->check(CLI::NonNegativeNumber);
    add_knowledge(sub, compress_.knowledge);
    sub->add_option("--order", compress_.order,
                    "Factors of a term, for methods " + methods_with(&Method::knowledge) +
                        " (1 and 2 are tried, above 2 the role is repeated; senses: 2)")
        ->option_text("O")
        ->check(CLI::Range(1, max_order));
    sub->add_option("--sememes", compress_.sememes,
                    "How many sememes to choose from WordNet (up to 2000 by the size)")
        ->option_text("N")
        ->check(CLI::Range(Index{45}, Index{1} << 31));
    add_threads(sub, compress_.threads);
    add_json(sub, compress_.json);
    sub->parse_complete_callback([this] {
      const Method& method = compress_.method_used();
      const auto need = [&](bool given, bool Method::*taken, const char* what) {
        if (given && !(method.*taken))
          throw CLI::ValidationError("compress", std::string(what) + " need --method " +
                                                     methods_with(taken) + ", not " +
                                                     compress_.method);
      };
      if (method.knowledge && !compress_.knowledge.any())
        throw CLI::ValidationError("compress", "--method " + compress_.method +
                                                   " needs one of --wordnet, --hownet, --babel, "
                                                   "--hunspell and --morphemes");
      need(compress_.knowledge.any(), &Method::knowledge, "sources of knowledge");
      need(compress_.order || compress_.sememes, &Method::knowledge, "--order and --sememes");
      need(!compress_.weights.empty(), &Method::weights, "--weights");
      need(!compress_.activation.empty(), &Method::activation, "--activation");
      need(!compress_.checkpoint.empty(), &Method::checkpoint, "--checkpoint");
      need(compress_.direction != 0, &Method::direction, "--direction");
      require_one_size(compress_.ratio, compress_.bytes, "compress");
    });
  }

  static void add_size(CLI::App* sub, std::optional<double>& ratio,
                       std::optional<std::uint64_t>& bytes) {
    sub->add_option("--ratio", ratio, "At least R times smaller than float32 ...")
        ->option_text("R")
        ->check(CLI::Range(1e-6, 1e12));
    sub->add_option("--bytes", bytes, "... or at most N bytes (one of the two)")
        ->option_text("N")
        ->check(CLI::PositiveNumber);
  }

  static void require_one_size(const std::optional<double>& ratio,
                               const std::optional<std::uint64_t>& bytes, const char* command) {
    if (ratio.has_value() == bytes.has_value())
      throw CLI::ValidationError(command, "needed exactly one of --ratio and --bytes");
  }

  void add_truncate() {
    CLI::App* const sub = add("truncate", "Make a smaller model from a model, without the table.",
                              truncate_footer, truncate_);
    add_model(sub, truncate_.model);
    sub->add_option("-o,--output", truncate_.smaller, "The model to write (required)")
        ->option_text("SMALLER")
        ->required();
    add_size(sub, truncate_.ratio, truncate_.bytes);
    add_threads(sub, truncate_.threads);
    add_json(sub, truncate_.json);
    sub->parse_complete_callback(
        [this] { require_one_size(truncate_.ratio, truncate_.bytes, "truncate"); });
  }

  void add_expand() {
    CLI::App* const sub = add("expand", "Write a model's rows as NumPy, word2vec or GloVe text.",
                              expand_footer, expand_);
    add_model(sub, expand_.model);
    sub->add_option("-o,--output", expand_.table,
                    "X.npy, words go to X.words.txt; X.bin; X.txt (required)")
        ->option_text("TABLE.npy")
        ->required();
  }

  void add_info() {
    CLI::App* const sub =
        add("info", "Show what a model is made of and where its bytes go.", info_footer, info_);
    add_model(sub, info_.model);
    add_json(sub, info_.json);
  }

  void add_lookup() {
    CLI::App* const sub = add("lookup", "Print the embeddings of words.", lookup_footer, lookup_);
    add_model(sub, lookup_.model);
    sub->add_option("WORD", lookup_.words, "Words, spelled as in the table")
        ->required()
        ->type_name("");
    add_knowledge(sub, lookup_.knowledge);
    add_json(sub, lookup_.json);
    sub->parse_complete_callback([this] {
      unmark(lookup_.model);
      for (std::string& word : lookup_.words) unmark(word);
    });
  }

  void add_neighbors() {
    CLI::App* const sub =
        add("neighbors", "Print the words nearest to a word.", neighbors_footer, neighbors_);
    add_model(sub, neighbors_.model);
    sub->add_option("WORD", neighbors_.word, "A word, spelled as in the table")
        ->required()
        ->type_name("");
    sub->add_option("-k", neighbors_.count, "How many (10)")
        ->option_text("K")
        ->check(CLI::Range(Index{1}, Index{1} << 31));
    add_json(sub, neighbors_.json);
  }

  void add_eval() {
    CLI::App* const sub =
        add("eval", "Measure how well a model keeps a table.", eval_footer, eval_);
    add_table(sub, eval_.table, eval_.read);
    add_model(sub, eval_.model);
    sub->add_option("--wordsim", eval_.word_pairs, "Word pairs scored by people; may be repeated")
        ->option_text("FILE")
        ->allow_extra_args(false);
    sub->add_option("--analogy", eval_.analogies, "Analogy questions")->option_text("FILE");
    add_threads(sub, eval_.threads);
    add_json(sub, eval_.json);
  }

  void add_sweep() {
    CLI::App* const sub = add("sweep", "Compare methods and sizes on a table: a page of plots.",
                              sweep_footer, sweep_);
    add_table(sub, sweep_.table, sweep_.read);
    sub->add_option("-o,--output", sweep_.page, "The page to write (required)")
        ->option_text("PAGE.html")
        ->required();
    sub->add_option("--ratios", sweep_.ratios, "Times smaller than float32 (8,10,20,40,80)")
        ->option_text("R,...")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::Range(1e-6, 1e12));
    const auto methods = SweepCommand::known_methods();
    sub->add_option("--methods", sweep_.methods,
                    "Some of " + joined(methods, ", ") + " (" + joined(sweep_.methods, ",") + ")")
        ->option_text("NAME,...")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::IsMember(methods));
    sub->add_option("--json", sweep_.json, "Write the numbers as JSON too")->option_text("FILE");
    sub->add_option("--seed", sweep_.seed, "Seed of all random choices (1)")
        ->option_text("S")
        ->check(CLI::NonNegativeNumber);
    add_threads(sub, sweep_.threads);
  }

  void add_senses() {
    CLI::App* const sub =
        add("senses", "Show what a WordNet, or a model, knows of a word.", senses_footer, senses_);
    sub->add_option("WORD", senses_.word, "A word as it stands in a text")
        ->required()
        ->type_name("");
    CLI::Option* const wordnet =
        sub->add_option("--wordnet", senses_.wordnet, "Folder of the WordNet")->option_text("DIR");
    CLI::Option* const model =
        sub->add_option("--model", senses_.model, "A model whose units have names")
            ->option_text("MODEL")
            ->excludes(wordnet);
    sub->parse_complete_callback([=] {
      if (wordnet->empty() && model->empty())
        throw CLI::RequiredError("--wordnet DIR or --model MODEL");
    });
    sub->add_option("--sememes", senses_.sememes, "How many sememes to choose (2000)")
        ->option_text("N")
        ->excludes(model)
        ->check(CLI::Range(Index{45}, Index{1} << 31));
    sub->add_option("--morphemes", senses_.morphemes, "Segmentations of words")
        ->option_text("FILE")
        ->excludes(model);
    add_json(sub, senses_.json);
  }

  /// Prints help or the version, or what is wrong with the arguments.
  int explain(const CLI::ParseError& error) {
    std::ostringstream out, ignored;
    const int code = app_.exit(error, out, ignored);
    if (code != 0) {
      complain(sentence(error.what(), " (see --help)"));
      return usage_error;
    }
    print(out.str());
    return success;
  }

  CLI::App app_;
  CompressCommand compress_;
  TruncateCommand truncate_;
  ExpandCommand expand_;
  InfoCommand info_;
  LookupCommand lookup_;
  NeighborsCommand neighbors_;
  EvalCommand eval_;
  SweepCommand sweep_;
  SensesCommand senses_;
  std::function<int()> command_;
};

}  // namespace
}  // namespace see::cli

int main(int argc, char** argv) {
  using namespace see::cli;
#if defined(SIGPIPE)
  std::signal(SIGPIPE, SIG_IGN);  // a write to a closed pipe is to fail, not to end the program
#endif
  try {
    return CommandLine().run(argc, argv);
  } catch (const std::bad_alloc&) {
    complain("out of memory");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  return failure;
}
