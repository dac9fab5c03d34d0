#include "sweep.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <span>
#include <utility>

#include "cli_text.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "progress_bar.hpp"
#include "see/compress/compress.hpp"
#include "see/core/row_source.hpp"
#include "see/eval/error.hpp"
#include "see/eval/neighbors.hpp"
#include "see/eval/rate_distortion.hpp"
#include "see/io/atomic_file.hpp"
#include "see/io/read_table.hpp"

namespace see::cli {
namespace {

/// Whether the method writes one size wherever it fits.
bool has_one_size(const std::string& method) { return !compress_method(method).any_size; }

/// [0, 10), [10, 20), [20, 50), [50, 100) ... up to `rows`.
std::vector<RankRange> rank_ranges(Index rows) {
  std::vector<RankRange> ranges;
  Index first = 0;
  for (Index power = 10; first < rows; power *= 10)
    for (const Index end : {power, 2 * power, 5 * power})
      if (first < rows) {
        ranges.push_back({first, std::min(end, rows)});
        first = end;
      }
  return ranges;
}

/// Halves, quarters ... of the way into the table, the most frequent first; at most eight.
std::vector<Index> sample_rows(Index rows) {
  std::vector<Index> sample;
  for (Index row = rows / 2; row > 0 && sample.size() < 8; row /= 2) sample.push_back(row);
  std::reverse(sample.begin(), sample.end());
  return sample;
}

class Sweeper {
 public:
  Sweeper(const SweepCommand& command, const Table& table)
      : command_(command), table_(table), run_(threads(command.threads)) {}

  Sweep run() {
    sweep_.table = std::filesystem::path(command_.table).filename().string();
    sweep_.rows = table_.rows();
    sweep_.dim = table_.dim();
    sweep_.methods = command_.methods;
    sweep_.ranks = rank_ranges(table_.rows());
    sweep_.looked_into = *std::ranges::min_element(
        command_.ratios, {}, [](double ratio) { return std::abs(std::log(ratio / 20)); });
    bar_.show("spectrum", 0);
    spread_ = spectrum(original_, run_);
    for (const std::string& method : command_.methods) {
      if (has_one_size(method)) add(method, std::nullopt);
      for (const double ratio : command_.ratios)
        if (!has_one_size(method)) add(method, ratio);
    }
    sweep_.bound = bound_curve();
    if (best_) sweep_.neighbors = neighbors(*best_);
    return std::move(sweep_);
  }

 private:
  double dense_bytes() const {
    return 4.0 * static_cast<double>(table_.rows()) * static_cast<double>(table_.dim());
  }

  void add(const std::string& method, std::optional<double> ratio) {
    SweepModel model;
    model.method = method;
    model.ratio = ratio;
    CompressOptions options;
    options.ratio = ratio;
    if (!ratio) options.bytes = static_cast<std::uint64_t>(2 * dense_bytes()) + 1'000'000;
    options.method = method;
    options.seed = command_.seed;
    options.run = run_;
    const double models = static_cast<double>(command_.methods.size() * command_.ratios.size() + 1);
    const double begun = static_cast<double>(sweep_.models.size());
    options.progress = [&](const Progress& progress) {
      bar_.show(method, (begun + progress.fraction) / models);
      return true;
    };
    try {
      measure(compress(table_, options), model);
    } catch (const FileError&) {
      throw;
    } catch (const Error& error) {
      model.failure = error.what();
    }
    sweep_.models.push_back(std::move(model));
  }

  void measure(const Model<float>& made, SweepModel& model) {
    model.bytes = model_bytes(made);
    const Fidelity fidelity = see::fidelity(original_, made.embedding, run_);
    model.relative_error = fidelity.relative_error;
    if (fidelity.cosine_rows > 0) model.mean_cosine = fidelity.mean_cosine;
    model.bound = bound(static_cast<double>(model.bytes.total));
    if (model.ratio != sweep_.looked_into) return;
    for (const RankRange& range : sweep_.ranks) {
      std::vector<Index> rows(static_cast<std::size_t>(range.last - range.first));
      std::iota(rows.begin(), rows.end(), range.first);
      model.error_of_ranks.push_back(
          see::fidelity(original_, made.embedding, rows, rows, run_).relative_error);
    }
    if (best_ && model.relative_error >= sweep_.models[*sweep_.best].relative_error) return;
    best_ = made;
    sweep_.best = sweep_.models.size();
  }

  std::optional<double> bound(double bytes) const {
    if (!(spread_.mean_square_norm > 0)) return std::nullopt;
    return rate_distortion_bound(spread_, bytes);
  }

  /// At 33 sizes from the least to the greatest, spaced evenly on a log scale.
  std::vector<SizedError> bound_curve() const {
    double least = 0, greatest = 0;
    for (const SweepModel& model : sweep_.models) {
      if (!model.made()) continue;
      const auto bytes = static_cast<double>(model.bytes.total);
      least = greatest > 0 ? std::min(least, bytes) : bytes;
      greatest = std::max(greatest, bytes);
    }
    std::vector<SizedError> curve;
    if (!(greatest > 0)) return curve;
    constexpr int steps = 32;
    for (int i = 0; i <= steps; ++i) {
      const double bytes = least * std::pow(greatest / least, static_cast<double>(i) / steps);
      if (const auto error = bound(bytes)) curve.push_back({bytes, *error});
    }
    return curve;
  }

  std::string name(Index row) const {
    return table_.words().empty() ? std::to_string(row) : std::string(table_.words()[row]);
  }

  template <RowSource Source>
  std::vector<std::vector<NearWord>> nearest_words(const Source& source,
                                                   const std::vector<Index>& rows) const {
    RowMatrix<float> queries(static_cast<Index>(rows.size()), table_.dim());
    source.forward(std::span<const Index>(rows), queries);
    std::vector<std::vector<NearWord>> words;
    for (const auto& found : nearest(source, queries, 5, rows, run_)) {
      auto& list = words.emplace_back();
      for (const Neighbor& neighbor : found) list.push_back({name(neighbor.row), neighbor.score});
    }
    return words;
  }

  std::vector<NeighborSample> neighbors(const Model<float>& model) const {
    const std::vector<Index> rows = sample_rows(table_.rows());
    const auto before = nearest_words(original_, rows),
               after = nearest_words(model.embedding, rows);
    std::vector<NeighborSample> samples;
    for (std::size_t i = 0; i < rows.size(); ++i)
      samples.push_back({name(rows[i]), rows[i], before[i], after[i]});
    return samples;
  }

  const SweepCommand& command_;
  const Table& table_;
  Executor run_;
  TableRows original_{table_};
  Spectrum spread_;
  Sweep sweep_;
  std::optional<Model<float>> best_;  ///< of least error at the ratio looked into
  ProgressBar bar_;
};

/// The command again, without what cannot change the page.
std::vector<std::string> arguments(const SweepCommand& command) {
  const auto joined = [](const auto& values, const auto& text) {
    std::string all;
    for (const auto& value : values) all += (all.empty() ? "" : ",") + text(value);
    return all;
  };
  std::vector<std::string> list = {"sweep", command.table};
  if (command.read.first != all_rows)
    list.insert(list.end(), {"--first", std::to_string(command.read.first)});
  if (command.read.words != WordColumn::detect)
    list.insert(list.end(), {"--words", command.read.words == WordColumn::present ? "yes" : "no"});
  list.insert(list.end(), {"--ratios", joined(command.ratios, plain_number)});
  list.insert(list.end(), {"--methods", joined(command.methods, [](auto name) { return name; })});
  if (command.seed != 1) list.insert(list.end(), {"--seed", std::to_string(command.seed)});
  list.insert(list.end(), {"-o", command.page});
  return list;
}

void write(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace

std::vector<std::string> SweepCommand::known_methods() {
  std::vector<std::string> names;
  for (const Method& method : compress_methods())
    if (!method.knowledge) names.emplace_back(method.name);
  return names;
}

int SweepCommand::run() const {
  for (const std::string& output : {page, json}) {
    if (output.empty()) continue;
    require_other_file(table, output);
    require_writable(output);
  }
  const Table rows = read_or_warn(table, read);
  require(rows.rows() > 0 && rows.dim() > 0, table, ": has no numbers, needed at least one");
  Sweep sweep = Sweeper(*this, rows).run();
  sweep.arguments = arguments(*this);
  write(page, to_page(sweep));
  if (!json.empty()) write(json, to_json(sweep));
  return success;
}

}  // namespace see::cli
