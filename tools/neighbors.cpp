#include "see/eval/neighbors.hpp"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands.hpp"
#include "console.hpp"
#include "model_rows.hpp"
#include "see/core/parallel.hpp"

namespace see::cli {
namespace {

std::string text_of(const Model<float>& model, const std::vector<Neighbor>& neighbors) {
  std::string lines;
  for (const Neighbor& neighbor : neighbors) {
    char cosine[32];
    std::snprintf(cosine, sizeof cosine, "%7.4f  ", neighbor.cosine);
    lines += cosine + row_name(model, neighbor.row) + '\n';
  }
  return lines;
}

std::string json_of(const Model<float>& model, const std::string& word, Index row,
                    const std::vector<Neighbor>& neighbors) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const Neighbor& neighbor : neighbors)
    list.push_back({{"word", row_name(model, neighbor.row)},
                    {"row", neighbor.row},
                    {"cosine", neighbor.cosine}});
  const Json json = {{"word", word}, {"row", row}, {"neighbors", std::move(list)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

int NeighborsCommand::run() const {
  const auto loaded = load_model<float>(model);
  const auto row = find_row(loaded, word);
  if (!row) {
    complain_unknown(loaded, model, word);
    return word_not_found;
  }
  const std::array<Index, 1> self = {*row};
  const RowMatrix<float> query = loaded.embedding.forward(self);
  const auto found = nearest(loaded.embedding, query, count, self, threads());
  print(json ? json_of(loaded, word, *row, found[0]) : text_of(loaded, found[0]));
  return success;
}

}  // namespace see::cli
