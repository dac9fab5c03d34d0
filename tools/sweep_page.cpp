#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "html.hpp"
#include "plot.hpp"
#include "sweep.hpp"

namespace see::cli {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string grouped(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::ptrdiff_t at = std::ssize(text) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

/// 20000 as "20 KB", decimal.
std::string byte_size(double bytes) {
  static constexpr const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit < 4; ++unit) bytes /= 1000;
  return plain_number(bytes) + ' ' + units[unit];
}

std::string error_text(double error) { return format("%.4g", error); }
std::string cosine_text(double cosine) { return format("%.4f", cosine); }

template <class Text>
std::string text_or_none(const std::optional<double>& value, const Text& text) {
  return value ? text(*value) : "none";
}

std::string size_name(const SweepModel& model) {
  return model.ratio ? "ratio " + plain_number(*model.ratio) : "its only size";
}

std::string total_bytes(const SweepModel& model) { return grouped(model.bytes.total) + " bytes"; }

constexpr const char* style =
    ":root{color-scheme:light dark;--ink:#1c2128;--paper:#fff;--faint:#d8dce2;--soft:#59636e}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14171c;--faint:#343b45;"
    "--soft:#9aa4b2}}\n"
    "body{margin:0 auto;max-width:56rem;padding:1rem 1.25rem 4rem;background:var(--paper);"
    "color:var(--ink);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.6rem;overflow-wrap:anywhere}\nh2{font-size:1.2rem;margin-top:2.5rem}\n"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;padding:.6rem;border:1px solid var(--faint)}\n"
    "figure{margin:0}\nfigcaption{color:var(--soft)}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.85rem;margin:.5rem 0}\n"
    "caption{text-align:left;color:var(--soft)}\n"
    "th,td{padding:.15rem .6rem;border-bottom:1px solid var(--faint);text-align:right;"
    "font-variant-numeric:tabular-nums}\n"
    "th:first-child,td.text,.words td,.words th{text-align:left}\n"
    "summary{cursor:pointer}\n";

/// Quoted for a shell where it must be.
std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:,=+").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string heading(const char* text) { return std::string("<h2>") + text + "</h2>\n"; }

/// A drawing, what it shows, and its numbers behind a fold.
std::string figure(const std::string& svg, const std::string& caption, const HtmlTable& data) {
  return "<figure>\n" + svg + "<figcaption>" + escape_html(caption) +
         "</figcaption>\n</figure>\n<details><summary>The numbers</summary>\n<div "
         "class=\"scroll\">\n" +
         data.html() + "</div>\n</details>\n";
}

class Page {
 public:
  explicit Page(const Sweep& sweep) : sweep_(sweep) {}

  std::string html() const {
    const std::string title = escape_html("see sweep: " + sweep_.table);
    std::string command = "see";
    for (const std::string& argument : sweep_.arguments) command += ' ' + shell_word(argument);
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>" +
           title + "</title>\n<style>\n" + style + plot_style() +
           "</style>\n</head>\n<body>\n<h1>" + title + "</h1>\n<p>" +
           format("%s rows of %s numbers, ",
                  grouped(static_cast<std::uint64_t>(sweep_.rows)).c_str(),
                  grouped(static_cast<std::uint64_t>(sweep_.dim)).c_str()) +
           byte_size(dense()) +
           " as float32. Sizes count every byte of a model's file but the "
           "vocabulary's.</p>\n<pre>" +
           escape_html(command) + "</pre>\n" + unreached() + error() + cosine() + parts() +
           ranks() + neighbors() + "</body>\n</html>\n";
  }

 private:
  double dense() const {
    return 4.0 * static_cast<double>(sweep_.rows) * static_cast<double>(sweep_.dim);
  }

  double ratio(const SweepModel& model) const {
    return dense() / static_cast<double>(model.bytes.total);
  }

  std::string unreached() const {
    HtmlTable table{"Sizes that a method did not reach", {"method", "size", "why"}, {}};
    for (const SweepModel& model : sweep_.models)
      if (!model.made())
        table.rows.push_back(
            {escape_html(model.method), escape_html(size_name(model)), escape_html(model.failure)});
    if (table.rows.empty()) return {};
    return "<div class=\"scroll words\">\n" + table.html() + "</div>\n";
  }

  /// A series a method, in the order of bytes; `measure` is what of a model is drawn, or nothing.
  template <class Measure>
  std::vector<PlotSeries> over_bytes(const Measure& measure, const char* name) const {
    std::vector<PlotSeries> all;
    for (std::size_t i = 0; i < sweep_.methods.size(); ++i) {
      const std::string& method = sweep_.methods[i];
      PlotSeries series{method, {}, i};
      for (const SweepModel& model : sweep_.models) {
        if (model.method != method || !model.made()) continue;
        const std::optional<double> value = measure(model);
        if (!value) continue;
        series.points.push_back({static_cast<double>(model.bytes.total), *value,
                                 method + ", " + size_name(model) + ": " + total_bytes(model) +
                                     ", " + name + ' ' + error_text(*value)});
      }
      std::ranges::stable_sort(series.points, {}, &PlotPoint::x);
      if (!series.points.empty()) all.push_back(std::move(series));
    }
    return all;
  }

  std::string error() const {
    LinePlot plot;
    plot.id = "error";
    plot.title = "Relative error against bytes";
    plot.description = "A line for each method and a dashed line for the Gaussian reference.";
    plot.x_label = "bytes";
    plot.y_label = "relative error";
    plot.x_scale = plot.y_scale = Scale::log;
    plot.x_format = byte_size;
    plot.y_format = plain_number;
    plot.series = over_bytes(
        [](const SweepModel& model) { return std::optional(model.relative_error); }, "error");
    PlotSeries bound{"Gaussian reference", {}, 0, true};
    for (const SizedError& one : sweep_.bound) bound.points.push_back({one.bytes, one.error, {}});
    plot.series.push_back(std::move(bound));

    HtmlTable table{
        "Relative error, sum |x-y|\u00b2 / sum |x|\u00b2",
        {"method", "size wanted", "bytes", "ratio", "relative error", "Gaussian reference"},
        {}};
    for (const SweepModel& model : sweep_.models) {
      std::vector<std::string> row = {escape_html(model.method), escape_html(size_name(model))};
      if (model.made())
        row.insert(row.end(),
                   {grouped(model.bytes.total), format("%.2f", ratio(model)),
                    error_text(model.relative_error), text_or_none(model.bound, error_text)});
      else
        row.insert(row.end(), {"not reached", "", "", ""});
      table.rows.push_back(std::move(row));
    }
    return heading("Error") +
           figure(
               plot.svg(),
               "The bound is the least relative error of any code of so many bytes on rows drawn "
               "from a Gaussian of the table's covariance; real rows are a mixture, so a code "
               "that adapts to them may go below it.",
               table);
  }

  std::string cosine() const {
    LinePlot plot;
    plot.id = "cosine";
    plot.title = "Mean cosine against bytes";
    plot.description =
        "A line for each method: the mean cosine of the rows of the table and of the "
        "model.";
    plot.x_label = "bytes";
    plot.y_label = "mean cosine";
    plot.x_scale = Scale::log;
    plot.x_format = byte_size;
    plot.y_format = plain_number;
    plot.series = over_bytes([](const SweepModel& model) { return model.mean_cosine; }, "cosine");
    HtmlTable table{"Mean cosine", {"method", "size wanted", "bytes", "mean cosine"}, {}};
    for (const SweepModel& model : sweep_.models)
      table.rows.push_back({escape_html(model.method), escape_html(size_name(model)),
                            model.made() ? grouped(model.bytes.total) : "not reached",
                            model.made() ? text_or_none(model.mean_cosine, cosine_text) : ""});
    return heading("Direction") +
           figure(plot.svg(), "Over the rows that have a direction on both sides.", table);
  }

  std::string parts() const {
    StackedBars plot;
    plot.id = "parts";
    plot.title = "Where the bytes go";
    plot.description = "A bar for each model, cut into the shares of its parts.";
    HtmlTable table{"Bytes of each part", {"model"}, {}};
    for (const auto& [name, bytes] : size_parts({})) plot.parts.push_back(name);
    table.columns.insert(table.columns.end(), plot.parts.begin(), plot.parts.end());
    table.columns.push_back("total");
    for (const SweepModel& model : sweep_.models) {
      if (!model.made()) continue;
      Bar bar{model.ratio ? model.method + ' ' + plain_number(*model.ratio) : model.method,
              {},
              total_bytes(model)};
      std::vector<std::string> row = {escape_html(bar.name)};
      for (const auto& [name, bytes] : size_parts(model.bytes)) {
        bar.parts.push_back(static_cast<double>(bytes));
        row.push_back(grouped(bytes));
      }
      row.push_back(grouped(model.bytes.total));
      plot.bars.push_back(std::move(bar));
      table.rows.push_back(std::move(row));
    }
    plot.label = [&plot](const Bar& bar, std::size_t part) {
      return bar.name + ", " + plot.parts[part] + ": " +
             grouped(static_cast<std::uint64_t>(bar.parts[part])) + " bytes";
    };
    return heading("Where the bytes go") +
           figure(plot.svg(),
                  "Shares of each model's bytes; its method and ratio on the left, its size on the "
                  "right. Codes of int8, int4, pq and pca count as index, codebooks and low-rank "
                  "factors as factors.",
                  table);
  }

  static std::string range_text(const RankRange& range) {
    return grouped(static_cast<std::uint64_t>(range.first) + 1) + "\u2013" +
           grouped(static_cast<std::uint64_t>(range.last));
  }

  /// The middle of the range on a log scale, of ranks from 1.
  static double middle(const RankRange& range) {
    return std::sqrt(static_cast<double>(range.first + 1) * static_cast<double>(range.last));
  }

  std::string ranks() const {
    LinePlot plot;
    plot.id = "ranks";
    plot.title = "Relative error against rank at ratio " + plain_number(sweep_.looked_into);
    plot.description = "A line for each method over ranges of rows, the most frequent on the left.";
    plot.x_label = "rank of the row";
    plot.y_label = "relative error";
    plot.x_scale = plot.y_scale = Scale::log;
    plot.x_format = plain_number;
    plot.y_format = plain_number;
    HtmlTable table{"Relative error of rows by rank", {"ranks"}, {}};
    for (const RankRange& range : sweep_.ranks) table.rows.push_back({range_text(range)});
    for (std::size_t m = 0; m < sweep_.methods.size(); ++m) {
      const std::string& method = sweep_.methods[m];
      const auto model = std::ranges::find_if(sweep_.models, [&](const SweepModel& one) {
        return one.method == method && !one.error_of_ranks.empty();
      });
      if (model == sweep_.models.end()) continue;
      PlotSeries series{method, {}, m};
      table.columns.push_back(method);
      for (std::size_t i = 0; i < sweep_.ranks.size(); ++i) {
        const std::string error = error_text(model->error_of_ranks[i]);
        series.points.push_back({middle(sweep_.ranks[i]), model->error_of_ranks[i],
                                 method + ", rows " + range_text(sweep_.ranks[i]) + ": " + error});
        table.rows[i].push_back(error);
      }
      plot.series.push_back(std::move(series));
    }
    return heading("Frequent and rare words") +
           figure(plot.svg(),
                  "Sum of squared errors over sum of squared norms within a range of rows. Tables "
                  "of words have the most frequent first; of others this is the order of the rows.",
                  table);
  }

  static std::string list(const std::vector<NearWord>& words, const std::vector<NearWord>& others) {
    std::string text;
    for (const NearWord& near : words) {
      const bool kept = std::ranges::any_of(
          others, [&](const NearWord& other) { return other.word == near.word; });
      const std::string word = escape_html(near.word);
      text += (text.empty() ? "" : ", ") + (kept ? "<strong>" + word + "</strong>" : word) +
              format(" %.2f", near.cosine);
    }
    return text;
  }

  std::string neighbors() const {
    if (!sweep_.best || sweep_.neighbors.empty()) return {};
    HtmlTable table{
        "Five nearest rows by cosine; bold on both sides", {"word", "before", "after"}, {}};
    for (const NeighborSample& sample : sweep_.neighbors)
      table.rows.push_back({escape_html(sample.word), list(sample.before, sample.after),
                            list(sample.after, sample.before)});
    const SweepModel& model = sweep_.models[*sweep_.best];
    return heading("Nearest neighbours") + "<p>" +
           escape_html("Before and after " + model.method + " at " + size_name(model) +
                       ", the method of least error there; words from the whole length of the "
                       "table.") +
           "</p>\n<div class=\"scroll words\">\n" + table.html() + "</div>\n";
  }

  const Sweep& sweep_;
};

}  // namespace

std::string plain_number(double value) { return format("%g", value); }

std::string to_page(const Sweep& sweep) { return Page(sweep).html(); }

}  // namespace see::cli
