#pragma once

#include <concepts>
#include <cstddef>
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

/// `word` in double quotes, with a backslash before those in it and before backslashes.
inline std::string in_quotes(std::string_view word) {
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

/// Bytes of the UTF-8 character at the head of `text` (not empty): 0 where it is ill-formed, as
/// Unicode's table 3-7 has it.
inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned head = byte(0), second = byte(1);
  if (head < 0x80) return 1;
  if (head < 0xc2 || head > 0xf4) return 0;
  const std::size_t length = head < 0xe0 ? 2 : head < 0xf0 ? 3 : 4;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const bool overlong = (head == 0xe0 && second < 0xa0) || (head == 0xf0 && second < 0x90);
  const bool no_character = (head == 0xed && second >= 0xa0) || (head == 0xf4 && second >= 0x90);
  return overlong || no_character ? 0 : length;
}

}  // namespace see::cli
