#pragma once

#include <cmath>
#include <vector>

#include "see/core/types.hpp"

namespace see {

/// Row weights for a table whose rows fall in frequency, (w + 100)^(-1/4) for row w: frequent rows
/// get more of the bytes. Word frequencies fall about as 1 / (w + const) (Zipf); the root keeps
/// rare rows usable.
inline std::vector<float> zipf_weights(Index rows) {
  std::vector<float> weights;
  weights.reserve(static_cast<std::size_t>(rows));
  for (Index w = 0; w < rows; ++w)
    weights.push_back(static_cast<float>(std::pow(static_cast<double>(w) + 100.0, -0.25)));
  return weights;
}

}  // namespace see
