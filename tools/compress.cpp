#include "see/compress/compress.hpp"

#include "commands.hpp"
#include "console.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "see/io/read_table.hpp"

namespace see::cli {
namespace {

Table read(const CompressCommand& command) {
  ReadReport report;
  Table table = read_table(command.table, {.first = command.first}, &report);
  warn_of_duplicates(report.duplicates);
  return table;
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
  return see::compress(table, options);
}

}  // namespace

std::vector<std::string> CompressCommand::methods() {
  std::vector<std::string> names = compress_methods();
  names.insert(names.begin(), "auto");
  return names;
}

int CompressCommand::run() const {
  require_other_file(table, model);
  require_writable(model);
  const Model<float> result = compressed(*this, read(*this));
  save_model(model, result, compressed_precision);
  const Report report = describe(result, model_bytes(result, compressed_precision));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
