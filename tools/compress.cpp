#include "see/compress/compress.hpp"

#include <csignal>
#include <filesystem>

#include "commands.hpp"
#include "compress_baseline.hpp"
#include "compress_see.hpp"
#include "console.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "see/baseline/compress_baseline.hpp"
#include "see/compress/frequency.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/io/npy.hpp"
#include "see/io/read_table.hpp"

namespace see::cli {
namespace {

Table read(const CompressCommand& command) {
  ReadReport report;
  Table table = read_table(command.table, {.first = command.first}, &report);
  warn_of_duplicates(report.duplicates);
  return table;
}

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
  if (command.from_knowledge()) return compressed_on_knowledge(command, table, bar.callback());
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
  if (command.checkpoint.empty()) return see::compress(table, options);
  options.checkpoint = command.checkpoint;
  const OrderlyInterrupt guard;
  options.progress = [&bar](const Progress& progress) {
    bar.show(progress.stage, progress.fraction);
    return interrupted == 0;
  };
  return see::compress(table, options);
}

}  // namespace

std::vector<std::string> CompressCommand::methods() {
  std::vector<std::string> names = compress_methods();
  names.insert(names.begin(), "auto");
  names.insert(names.end(), {"see", "hybrid"});
  for (std::string& name : baseline_methods()) names.push_back(std::move(name));
  return names;
}

int CompressCommand::run() const {
  require_other_file(table, model);
  require_writable(model);
  const bool trellis = method == "auto" || method == "trellis";
  detail::require(trellis || activation.empty(),
                  "--activation needs --method trellis or auto, not ", method);
  detail::require(trellis || method == "induced" || (weights.empty() && checkpoint.empty()),
                  "--weights and --checkpoint need --method trellis, induced or auto, not ",
                  method);
  if (is_baseline(method)) return save_baseline_of(*this, read(*this));
  const Model<float> result = compressed(*this, read(*this));
  const Precision precision = from_knowledge() ? knowledge_precision : compressed_precision;
  save_model(model, result, precision);
  std::error_code ignored;
  if (!checkpoint.empty()) std::filesystem::remove(checkpoint, ignored);
  const Report report = describe(result, model_bytes(result, precision));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
