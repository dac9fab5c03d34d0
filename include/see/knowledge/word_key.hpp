#pragma once

#include <string>
#include <string_view>

namespace see::detail {

/// `text` as lexical resources key their entries: A to Z in lower case and '_' for a blank.
inline std::string word_key(std::string_view text) {
  std::string key(text);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == ' ') c = '_';
  }
  return key;
}

}  // namespace see::detail
