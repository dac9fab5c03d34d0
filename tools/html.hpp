#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "see/io/json_quote.hpp"

namespace see::cli {

/// `text` as content or attribute value of HTML and XML: & < > " ' as references; bytes that are no
/// UTF-8 and characters that XML 1.0 does not allow become U+FFFD.
inline std::string escape_html(std::string_view text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  std::string escaped;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    const auto byte = static_cast<unsigned char>(character.front());
    const bool control = byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r';
    const bool no_character = character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
    if (length == 0 || control || no_character)
      escaped += replacement;
    else if (byte == '&')
      escaped += "&amp;";
    else if (byte == '<')
      escaped += "&lt;";
    else if (byte == '>')
      escaped += "&gt;";
    else if (byte == '"')
      escaped += "&quot;";
    else if (byte == '\'')
      escaped += "&#39;";
    else
      escaped += character;
    text.remove_prefix(character.size());
  }
  return escaped;
}

/// A table of HTML: a heading for each column, the first cell of a row heads the row. Cells are
/// HTML; the caption and headings are text.
struct HtmlTable {
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  std::string html() const {
    std::string text = "<table>\n<caption>" + escape_html(caption) + "</caption>\n<thead><tr>";
    for (const std::string& column : columns)
      text += "<th scope=\"col\">" + escape_html(column) + "</th>";
    text += "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows) {
      text += "<tr>";
      for (std::size_t i = 0; i < row.size(); ++i)
        text += i == 0 ? "<th scope=\"row\">" + row[i] + "</th>" : "<td>" + row[i] + "</td>";
      text += "</tr>\n";
    }
    return text + "</tbody>\n</table>\n";
  }
};

}  // namespace see::cli
