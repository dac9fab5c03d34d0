#include "commands.hpp"
#include "console.hpp"
#include "report.hpp"
#include "see/baseline/compressed_table.hpp"

namespace see::cli {

int InfoCommand::run() const {
  const auto file = SafetensorsFile::open(model);
  const Report report = describe(load_compressed(file), compressed_bytes(file));
  print(json ? to_json(report) : to_text(report));
  return success;
}

}  // namespace see::cli
