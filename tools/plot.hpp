#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "plot_axis.hpp"

/// Plots as inline SVG. Colours are those of the classes c0 to c9 of the page (plot_style), so that
/// they follow its light or dark scheme; series differ by their marks too.
namespace see::cli {

/// The rules of CSS that plots need, for both colour schemes.
std::string plot_style();

/// How a number is written at a tick.
using NumberFormat = std::function<std::string(double)>;

struct PlotPoint {
  double x = 0;
  double y = 0;
  std::string label;  ///< shown where the pointer rests on it
};

struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> points;
  std::size_t colour = 0;  ///< and mark, the same for one thing in all plots of a page
  bool reference = false;  ///< a dashed line without marks or colour
};

/// Lines over two axes. A point that has no place on an axis is left out; a reference ends where
/// the axes of the others do.
struct LinePlot {
  std::string id;  ///< of the element, unique in the page
  std::string title;
  std::string description;  ///< for those who do not see it
  std::string x_label, y_label;
  Scale x_scale = Scale::linear, y_scale = Scale::linear;
  NumberFormat x_format, y_format;
  std::vector<PlotSeries> series;

  std::string svg() const;
};

struct Bar {
  std::string name;
  std::vector<double> parts;  ///< one for each of StackedBars::parts
  std::string note;           ///< at the end of the bar
};

/// Bars of equal length, each cut into the shares of its parts.
struct StackedBars {
  std::string id;
  std::string title;
  std::string description;
  std::vector<std::string> parts;
  std::vector<Bar> bars;
  std::function<std::string(const Bar&, std::size_t part)> label;  ///< as PlotPoint's

  std::string svg() const;
};

}  // namespace see::cli
