#include "model_rows.hpp"

#include <charconv>

#include "cli_text.hpp"
#include "console.hpp"
#include "see/io/json_quote.hpp"

namespace see::cli {

std::optional<Index> find_row(const Model<float>& model, std::string_view word) {
  if (!model.words.empty()) return model.words.find(word);
  Index row = -1;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, row);
  if (error != std::errc() || stop != end || row < 0 || row >= model.embedding.num_embeddings())
    return std::nullopt;
  return row;
}

std::string row_name(const Model<float>& model, Index row) {
  return model.words.empty() ? std::to_string(row) : std::string(model.words[row]);
}

void complain_unknown(const Model<float>& model, const std::string& path, std::string_view word) {
  const std::string name = json_quote(word);
  if (!model.words.empty())
    complain(path + ": has no word " + name);
  else
    complain(sentence(path, ": has no words, and ", name, " is no row number below ",
                      model.embedding.num_embeddings()));
}

}  // namespace see::cli
