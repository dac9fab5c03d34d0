#pragma once

#include <limits>
#include <string_view>

#include "see/compress/plan/fit_request.hpp"
#include "see/model/model.hpp"

namespace see {

/// A way to compress a table: what it is called, what of CompressOptions it can use, and how it
/// makes a model. compress/methods.hpp lists them all.
struct Method {
  static constexpr double any_magnitude = std::numeric_limits<float>::max();

  std::string_view name;
  std::string_view help;    ///< one line
  bool weights = false;     ///< rows whose errors count more
  bool activation = false;  ///< a covariance that weighs errors
  bool checkpoint = false;  ///< goes on after an interrupt
  bool knowledge = false;   ///< needs what is known of the words
  bool direction = false;   ///< between squared error and cosine
  bool seed = false;        ///< draws random numbers
  bool any_size = true;     ///< fills the budget it is given; else it has one size
  /// What the largest number of a table may be in magnitude, if it is not 0.
  double least = 1e-18, most = 1e15;
  Model<float> (*fit)(const detail::FitRequest& request) = nullptr;
};

}  // namespace see
