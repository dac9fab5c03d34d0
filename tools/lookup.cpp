#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "commands.hpp"
#include "console.hpp"
#include "model_rows.hpp"
#include "see/io/model_file.hpp"
#include "see/io/write_word_vectors.hpp"

namespace see::cli {
namespace {

using Json = nlohmann::ordered_json;
using Row = Eigen::RowVector<float, Eigen::Dynamic>;

std::string line_of(const std::string& name, const Row& row) {
  std::string line = name;
  for (const float value : row) {
    line += ' ';
    detail::append_float(line, value);
  }
  return line + '\n';
}

/// The double of fewest digits that reads as the float, so that JSON shows no more digits.
double shortest(float value) {
  char digits[32];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  double result = 0;
  std::from_chars(digits, end, result);
  return result;
}

Json json_of(const std::string& name, Index number, const Row& row) {
  Json vector = Json::array();
  for (const float value : row) vector.push_back(shortest(value));
  return {{"word", name}, {"row", number}, {"vector", std::move(vector)}};
}

}  // namespace

int LookupCommand::run() const {
  const auto loaded = load_model<float>(model);
  int result = success;
  std::string lines;
  Json rows = Json::array();
  for (const std::string& word : words) {
    const auto number = find_row(loaded, word);
    if (!number) {
      complain_unknown(loaded, model, word);
      result = word_not_found;
      continue;
    }
    const Row row = loaded.embedding(*number);
    if (json)
      rows.push_back(json_of(word, *number, row));
    else
      lines += line_of(word, row);
  }
  print(json ? rows.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n' : lines);
  return result;
}

}  // namespace see::cli
