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
  const Model<float> result = truncate(load_model<float>(model), options);
  const Precision precision = result.knowledge.empty() ? compressed_precision : knowledge_precision;
  save_model(smaller, result, precision);
  const Report report = describe(result, model_bytes(result, precision));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
