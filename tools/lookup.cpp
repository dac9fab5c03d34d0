#include <charconv>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "cli_text.hpp"
#include "commands.hpp"
#include "compose_words.hpp"
#include "console.hpp"
#include "model_rows.hpp"
#include "see/io/json_quote.hpp"

namespace see::cli {
namespace {

using Json = nlohmann::ordered_json;
using Row = Eigen::RowVector<float, Eigen::Dynamic>;

/// Appends the fewest digits that read as the same float, with a point or an exponent.
void append_float(std::string& line, float value) {
  char digits[32];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  const std::string_view text(digits, static_cast<std::size_t>(end - digits));
  line += text;
  if (text.find_first_not_of("-0123456789") == text.npos) line += ".0";
}

std::string line_of(const std::string& name, const Row& row) {
  std::string line = name;
  for (const float value : row) {
    line += ' ';
    append_float(line, value);
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

Json json_of(const std::string& name, Json number, const Row& row) {
  Json vector = Json::array();
  for (const float value : row) vector.push_back(shortest(value));
  return {{"word", name}, {"row", std::move(number)}, {"vector", std::move(vector)}};
}

Json json_of(const std::string& name, const ComposedWord& word) {
  Json json = json_of(name, Json(), word.row);
  json["composed"] = {
      {"senses", word.how.senses}, {"sememes", word.how.sememes}, {"morphs", word.how.morphs}};
  return json;
}

}  // namespace

int LookupCommand::run() const {
  const Model<float> loaded = load_model<float>(model);
  const bool composes = !loaded.knowledge.empty();
  require(composes || !knowledge.any(), model,
          ": has no names of units, so it cannot compose words from what is known of them");
  std::vector<std::string> unseen;
  for (const std::string& word : words)
    if (!find_row(loaded, word)) unseen.push_back(word);
  std::map<std::string, ComposedWord> composed;
  if (composes) composed = compose_words(loaded, unseen, knowledge);
  int result = success;
  std::string lines;
  Json rows = Json::array();
  for (const std::string& word : words) {
    const auto number = find_row(loaded, word);
    const auto other = composed.find(word);
    if (!number && other != composed.end()) {
      complain(sentence(model, ": has no word ", json_quote(word), ", composed from ",
                        other->second.how.sememes, " sememes of ", other->second.how.senses,
                        " senses and ", other->second.how.morphs, " morphemes"));
      if (json)
        rows.push_back(json_of(word, other->second));
      else
        lines += line_of(word, other->second.row);
      continue;
    }
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
