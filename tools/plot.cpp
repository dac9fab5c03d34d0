#include "plot.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "html.hpp"

namespace see::cli {
namespace {

constexpr std::size_t colours = 10, shapes = 7;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + number(value) + '"';
}

std::string colour_class(std::size_t index) { return "c" + std::to_string(index % colours); }

std::string line(const char* css, double x1, double y1, double x2, double y2) {
  return std::string("<line class=\"") + css + '"' + attribute("x1", x1) + attribute("y1", y1) +
         attribute("x2", x2) + attribute("y2", y2) + "/>\n";
}

std::string text_at(double x, double y, const char* anchor, const std::string& text,
                    const std::string& more = {}) {
  return "<text" + attribute("x", x) + attribute("y", y) + " text-anchor=\"" + anchor + '"' + more +
         '>' + escape_html(text) + "</text>\n";
}

/// Circle, square, triangles, diamond or crosses about (x, y); `inner` is its content.
std::string mark(std::size_t index, double x, double y, const std::string& inner) {
  static constexpr const char* outlines[shapes] = {
      "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
      "m-4 -4h8v8h-8z",
      "m0 -5.5l5 9h-10z",
      "m0 -6l5 6l-5 6l-5 -6z",
      "m-5 -2h3v-3h4v3h3v4h-3v3h-4v-3h-3z",
      "m0 5.5l5 -9h-10z",
      "m-5 -3l2 -2l3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3z"};
  return "<path class=\"mark " + colour_class(index) + "\" d=\"M" + number(x) + ' ' + number(y) +
         outlines[index % shapes] + "\">" + inner + "</path>\n";
}

std::string tooltip(const std::string& text) {
  return text.empty() ? text : "<title>" + escape_html(text) + "</title>";
}

std::string open_svg(const std::string& id, const std::string& title,
                     const std::string& description, double width, double height) {
  return "<svg role=\"img\" aria-labelledby=\"" + id + "-title " + id + "-text\" viewBox=\"0 0 " +
         number(width) + ' ' + number(height) + "\">\n<title id=\"" + id + "-title\">" +
         escape_html(title) + "</title>\n<desc id=\"" + id + "-text\">" + escape_html(description) +
         "</desc>\n";
}

/// The place of a line plot on its canvas.
struct Frame {
  static constexpr double width = 760, height = 400;
  static constexpr double left = 70, right = 600, top = 16, bottom = 345;

  const Axis& x;
  const Axis& y;

  double across(double value) const { return left + (right - left) * x.at(value); }
  double down(double value) const { return bottom - (bottom - top) * y.at(value); }
  bool has(const PlotPoint& point) const {
    const auto covers = [](const Axis& axis, double value) {
      constexpr double slack = 1e-9;
      return axis.has(value) && axis.at(value) >= -slack && axis.at(value) <= 1 + slack;
    };
    return covers(x, point.x) && covers(y, point.y);
  }
};

/// References do not stretch an axis.
Axis axis_of(const std::vector<PlotSeries>& series, double PlotPoint::*coordinate, Scale scale) {
  std::vector<double> values;
  for (const PlotSeries& one : series)
    if (!one.reference)
      for (const PlotPoint& point : one.points) values.push_back(point.*coordinate);
  return Axis(values, scale);
}

std::string grid(const Frame& frame, const LinePlot& plot) {
  std::string text;
  for (const double tick : frame.x.ticks()) {
    const double at = frame.across(tick);
    text += line("grid", at, Frame::top, at, Frame::bottom);
    text += text_at(at, Frame::bottom + 18, "middle", plot.x_format(tick));
  }
  for (const double tick : frame.y.ticks()) {
    const double at = frame.down(tick);
    text += line("grid", Frame::left, at, Frame::right, at);
    text += text_at(Frame::left - 8, at + 4, "end", plot.y_format(tick));
  }
  constexpr double centre = (Frame::left + Frame::right) / 2,
                   middle = (Frame::top + Frame::bottom) / 2;
  text += text_at(centre, Frame::height - 12, "middle", plot.x_label);
  return text + text_at(16, middle, "middle", plot.y_label,
                        " transform=\"rotate(-90 16 " + number(middle) + ")\"");
}

std::string curve(const Frame& frame, const PlotSeries& series) {
  std::string places;
  for (const PlotPoint& point : series.points)
    if (frame.has(point))
      places += (places.empty() ? "" : " ") + number(frame.across(point.x)) + ',' +
                number(frame.down(point.y));
  const std::string css = series.reference ? "reference" : "curve " + colour_class(series.colour);
  std::string text = "<polyline class=\"" + css + "\" points=\"" + places + "\"/>\n";
  if (series.reference) return text;
  for (const PlotPoint& point : series.points)
    if (frame.has(point))
      text += mark(series.colour, frame.across(point.x), frame.down(point.y), tooltip(point.label));
  return text;
}

}  // namespace

std::string plot_style() {
  static constexpr const char* light[colours] = {"#0b62c4", "#c2410c", "#15803d", "#8b2fd6",
                                                 "#a16207", "#0e7490", "#be185d", "#4d7c0f",
                                                 "#475569", "#7c2d12"};
  static constexpr const char* dark[colours] = {"#6cb4ff", "#ff9466", "#5fd38d", "#c79bff",
                                                "#f5c04e", "#4fd1dc", "#ff8ac2", "#b6d957",
                                                "#a8b3c4", "#d9a27e"};
  const auto variables = [](const char* const* values) {
    std::string text;
    for (std::size_t i = 0; i < colours; ++i)
      text += "--" + colour_class(i) + ':' + values[i] + ';';
    return text;
  };
  std::string style = ":root{" + variables(light) + "}\n@media (prefers-color-scheme:dark){:root{" +
                      variables(dark) + "}}\n";
  for (std::size_t i = 0; i < colours; ++i)
    style += '.' + colour_class(i) + "{--series:var(--" + colour_class(i) + ")}\n";
  return style +
         "svg{width:100%;height:auto;font-size:12px}\nsvg text{fill:var(--ink)}\n"
         ".grid{stroke:var(--faint)}\n"
         ".curve{fill:none;stroke:var(--series);stroke-width:2}\n"
         ".reference{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-dasharray:6 4}\n"
         ".mark,.part{fill:var(--series);stroke:var(--paper)}\n";
}

std::string LinePlot::svg() const {
  const Axis x = axis_of(series, &PlotPoint::x, x_scale),
             y = axis_of(series, &PlotPoint::y, y_scale);
  const Frame frame{x, y};
  std::string text = open_svg(id, title, description, Frame::width, Frame::height);
  text += grid(frame, *this);
  double at = Frame::top + 10;
  for (const PlotSeries& one : series) {
    text += curve(frame, one);
    constexpr double left = Frame::right + 14, end = left + 26;
    const std::string css = one.reference ? "reference" : "curve " + colour_class(one.colour);
    text += line(css.c_str(), left, at, end, at);
    if (!one.reference) text += mark(one.colour, (left + end) / 2, at, {});
    text += text_at(end + 6, at + 4, "start", one.name);
    at += 20;
  }
  return text + "</svg>\n";
}

std::string StackedBars::svg() const {
  constexpr double width = 760, left = 130, right = 600, step = 22, thickness = 16, top = 34;
  const double height = top + step * static_cast<double>(bars.size()) + 10;
  std::string text = open_svg(id, title, description, width, height);
  double legend = left;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    text += "<rect class=\"part " + colour_class(part) + '"' + attribute("x", legend) +
            " y=\"6\" width=\"12\" height=\"12\"/>\n" +
            text_at(legend + 16, 16, "start", parts[part]);
    legend += 30 + 7 * static_cast<double>(parts[part].size());
  }
  double y = top;
  for (const Bar& bar : bars) {
    text += text_at(left - 8, y + 12, "end", bar.name);
    const double total = std::accumulate(bar.parts.begin(), bar.parts.end(), 0.0);
    double x = left;
    for (std::size_t part = 0; part < bar.parts.size() && total > 0; ++part) {
      const double share = (right - left) * bar.parts[part] / total;
      if (share > 0)
        text += "<rect class=\"part " + colour_class(part) + '"' + attribute("x", x) +
                attribute("y", y) + attribute("width", share) + attribute("height", thickness) +
                '>' + tooltip(label(bar, part)) + "</rect>\n";
      x += share;
    }
    text += text_at(right + 8, y + 12, "start", bar.note);
    y += step;
  }
  return text + "</svg>\n";
}

}  // namespace see::cli
