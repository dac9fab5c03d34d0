#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "see/error.hpp"

/// Messages and other text of the command line.
namespace see::cli {

inline std::string to_text(std::string_view part) { return std::string(part); }
inline std::string to_text(char part) { return std::string(1, part); }
template <std::integral Number>
std::string to_text(Number part) {
  return std::to_string(part);
}

/// The parts, texts and whole numbers, one after another.
template <class... Parts>
std::string sentence(const Parts&... parts) {
  return (std::string() + ... + to_text(parts));
}

/// Throws E with the parts unless `condition` holds.
template <class E = Error, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw E(sentence(parts...));
}

/// The values with `separator` between them.
template <class Values>
std::string joined(const Values& values, std::string_view separator) {
  std::string all;
  for (const auto& value : values) {
    if (!all.empty()) all += separator;
    all += value;
  }
  return all;
}

}  // namespace see::cli
