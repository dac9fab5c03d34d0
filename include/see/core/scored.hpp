#pragma once

#include "see/core/types.hpp"

namespace see {

/// A row and its score: an inner product, or a cosine where nearest rows are asked for.
template <class Scalar>
struct Scored {
  Index row = 0;
  Scalar score = 0;

  friend bool operator==(const Scored&, const Scored&) = default;
};

}  // namespace see
