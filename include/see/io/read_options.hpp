#pragma once

#include <limits>
#include <string>

#include "see/core/types.hpp"

namespace see {

inline constexpr Index all_rows = std::numeric_limits<Index>::max();

/// Whether rows of text without a header begin with a word. `detect`: they do, but where the first
/// 100 have numbers alone of which the first is no whole number somewhere, as numpy.savetxt writes.
enum class WordColumn { detect, present, absent };

/// What to read of a table.
struct ReadOptions {
  Index first = all_rows;  ///< stop after that many rows (duplicates not counted), at least 1
  WordColumn words = WordColumn::detect;
};

/// What a reader met.
struct ReadReport {
  Index duplicates = 0;  ///< rows dropped because an earlier row has the same word (text and .bin)
  std::string format;    ///< such as "GloVe text"
};

}  // namespace see
