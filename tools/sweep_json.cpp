#include <nlohmann/json.hpp>

#include "sweep.hpp"

namespace see::cli {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

/// All keys for every model, null where there is none.
Json json_of(const SweepModel& model, const Sweep& sweep) {
  const bool made = model.made();
  Json json;
  json["method"] = model.method;
  json["ratio_wanted"] = or_null(model.ratio);
  json["failure"] = made ? Json() : Json(model.failure);
  json["bytes"] = Json();
  if (made) {
    for (const auto& [name, bytes] : size_parts(model.bytes)) json["bytes"][name] = bytes;
    json["bytes"]["total"] = model.bytes.total;
  }
  const double dense = 4.0 * static_cast<double>(sweep.rows) * static_cast<double>(sweep.dim);
  json["ratio"] = made ? Json(dense / static_cast<double>(model.bytes.total)) : Json();
  json["relative_error"] = made ? Json(model.relative_error) : Json();
  json["mean_cosine"] = or_null(model.mean_cosine);
  json["rate_distortion_bound"] = or_null(model.bound);
  json["error_of_ranks"] = model.error_of_ranks.empty() ? Json() : Json(model.error_of_ranks);
  return json;
}

Json json_of(const std::vector<NearWord>& words) {
  Json json = Json::array();
  for (const NearWord& near : words) json.push_back({{"word", near.word}, {"cosine", near.cosine}});
  return json;
}

}  // namespace

std::string to_json(const Sweep& sweep) {
  Json json;
  json["table"] = sweep.table;
  json["words"] = sweep.rows;
  json["dim"] = sweep.dim;
  json["models"] = Json::array();
  for (const SweepModel& model : sweep.models) json["models"].push_back(json_of(model, sweep));
  json["looked_into"] = sweep.looked_into;
  json["ranks"] = Json::array();
  for (const RankRange& range : sweep.ranks) json["ranks"].push_back({range.first, range.last});
  json["neighbors_of"] = or_null(sweep.best);
  json["neighbors"] = Json::array();
  for (const NeighborSample& sample : sweep.neighbors)
    json["neighbors"].push_back({{"word", sample.word},
                                 {"row", sample.row},
                                 {"before", json_of(sample.before)},
                                 {"after", json_of(sample.after)}});
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace see::cli
