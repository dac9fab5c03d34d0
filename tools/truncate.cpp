#include "see/compress/truncate.hpp"

#include "commands.hpp"
#include "console.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "see/file/model_file.hpp"

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
  const Model<float> larger = load_model<float>(model);
  const Model<float> result = truncate(larger, options);
  save_model(smaller, result);
  const Report report = describe(result, model_bytes(result));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
