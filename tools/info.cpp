#include "commands.hpp"
#include "console.hpp"
#include "report.hpp"
#include "see/file/model_file.hpp"

namespace see::cli {

int InfoCommand::run() const {
  const auto file = SafetensorsFile::open(model);
  const Report report = describe(load_model<float>(file), model_bytes(file));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
