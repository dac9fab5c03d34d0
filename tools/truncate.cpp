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
  save_model(smaller, result, compressed_precision);
  const Report report = describe(result, model_bytes(result, compressed_precision));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
