#include "see/compress/compress.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "cli_text.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "knowledge_sources.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "see/compress/frequency.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/io/npy.hpp"
#include "see/io/read_table.hpp"

namespace see::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

/// While it lives, an interrupt from the keyboard ends the work in an orderly way.
class OrderlyInterrupt {
 public:
  OrderlyInterrupt() : before_(std::signal(SIGINT, [](int) { interrupted = 1; })) {}
  OrderlyInterrupt(const OrderlyInterrupt&) = delete;
  OrderlyInterrupt& operator=(const OrderlyInterrupt&) = delete;
  ~OrderlyInterrupt() { std::signal(SIGINT, before_); }

 private:
  void (*before_)(int);
};

std::vector<float> weights_of(const CompressCommand& command, const Table& table) {
  if (command.weights.empty()) return {};
  if (command.weights == "zipf") return zipf_weights(table.rows());
  const Array<float> weights = read_npy_vector(command.weights);
  return {weights.begin(), weights.end()};
}

Model<float> compressed(const CompressCommand& command, const Table& table) {
  ProgressBar bar;
  CompressOptions options;
  options.ratio = command.ratio;
  options.bytes = command.bytes;
  options.method = command.method;
  options.direction = command.direction;
  options.seed = command.seed;
  options.run = threads(command.threads);
  options.progress = bar.callback();
  options.weights = weights_of(command, table);
  if (!command.activation.empty()) options.activation = read_npy(command.activation).matrix();
  std::optional<KnowledgeSources> sources;
  if (command.method_used().knowledge) {
    require(!table.words().empty(), command.table, ": has no words, needed for --method ",
            command.method);
    const std::uint64_t budget = byte_budget(table, options);
    const Index sememes =
        command.sememes ? *command.sememes
                        : default_sememes(budget, table.dim(), command.method_used().direction);
    sources = open_sources(command.knowledge);
    options.knowledge = sources->knowledge_of_words(table.words(), sememes, command.order);
  }
  if (command.checkpoint.empty()) return see::compress(table, options);
  options.checkpoint = command.checkpoint;
  const OrderlyInterrupt guard;
  options.progress = [&bar](const Progress& progress) {
    bar.show(progress);
    return interrupted == 0;
  };
  return see::compress(table, options);
}

}  // namespace

std::vector<std::string> CompressCommand::methods() {
  std::vector<std::string> names;
  for (const Method& method : compress_methods()) names.emplace_back(method.name);
  return names;
}

const Method& CompressCommand::method_used() const { return compress_method(method); }

int CompressCommand::run() const {
  require_other_file(table, model);
  require_writable(model);
  const Table rows = read_or_warn(table, read);
  const auto start = std::chrono::steady_clock::now();
  const Model<float> result = compressed(*this, rows);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  save_model(model, result);
  std::error_code ignored;
  if (!checkpoint.empty()) std::filesystem::remove(checkpoint, ignored);
  Report report = describe(result, model_bytes(result));
  report.seconds = seconds.count();
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
