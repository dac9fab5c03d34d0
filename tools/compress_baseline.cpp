#include "compress_baseline.hpp"

#include <algorithm>

#include "console.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "see/baseline/compress_baseline.hpp"
#include "see/error.hpp"

namespace see::cli {
namespace {

CompressedTable coded(const CompressCommand& command, const Table& table) {
  ProgressBar bar;
  CompressOptions options;
  options.ratio = command.ratio;
  options.bytes = command.bytes;
  options.method = command.method;
  options.direction = command.direction;
  options.seed = command.seed;
  options.run = threads(command.threads);
  options.progress = bar.callback();
  return compress_baseline(table, options);
}

}  // namespace

bool is_baseline(std::string_view method) {
  return std::ranges::count(baseline_methods(), method) == 1;
}

int save_baseline_of(const CompressCommand& command, const Table& table) {
  const CompressedTable result = coded(command, table);
  save_compressed(command.model, result);
  const Report report = describe(result, compressed_bytes(result));
  print(command.json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
