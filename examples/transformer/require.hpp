#pragma once

#include <locale>
#include <sstream>
#include <string>

#include "see/error.hpp"

namespace transformer {

/// The parts one after another, the same in every locale.
template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::ostringstream stream;
  stream.imbue(std::locale::classic());
  (stream << ... << parts);
  return stream.str();
}

/// Throws what went wrong where a condition does not hold.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw see::Error(text_of(parts...));
}

}  // namespace transformer
