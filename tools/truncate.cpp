#include "see/compress/truncate.hpp"

#include "commands.hpp"
#include "console.hpp"
#include "progress_bar.hpp"
#include "report.hpp"

namespace see::cli {

int TruncateCommand::run() const {
  require_other_file(model, smaller);
  require_writable(smaller);
  ProgressBar bar;
  CompressOptions options;
  options.ratio = ratio;
  options.bytes = bytes;
  options.run = see::threads(threads);
  options.progress = bar.callback();
  // Factors as they lie, so that terms which are kept are written as they were.
  const Model<float> larger = load_model<float>(model, {.keep_storage = true});
  const Model<float> result = truncate(larger, options);
  const Precision precision = result.knowledge.empty() ? compressed_precision : knowledge_precision;
  save_model(smaller, result, precision);
  const Report report = describe(result, model_bytes(result, precision));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
