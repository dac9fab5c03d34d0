#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

#include "see/error.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/mapped_file.hpp"
#include "see/io/text_rows.hpp"
#include "see/knowledge/sememe_dictionary.hpp"
#include "see/knowledge/text_lines.hpp"

namespace see {

namespace detail {

/// The names of the sememes of a HowNet definition in their order, from either form:
///
///     human|人,#occupation|职位,*cure|医治,medical|医
///     {human|人:HostOf={Occupation|职位},domain={medical|医},{doctor|医治:agent={~}}}
///
/// Names stand between the characters `{ } ( ) , : ; = "`, so what a definition names in
/// parentheses or quotation marks (a country, say) counts as a sememe. Pointer marks before a name
/// are taken off; roles (what stands before '=') and references (~ $ ?) are passed over.
inline std::vector<std::string_view> sememes_of_definition(std::string_view definition) {
  constexpr std::string_view separators = "{}(),:;=\"";
  constexpr std::string_view marks = "#*%@?!&^~$+ \t";
  std::vector<std::string_view> names;
  while (!definition.empty()) {
    const auto end = std::min(definition.find_first_of(separators), definition.size());
    std::string_view name = definition.substr(0, end);
    const bool role = end < definition.size() && definition[end] == '=';
    definition.remove_prefix(std::min(definition.size(), end + 1));
    name.remove_prefix(std::min(name.size(), name.find_first_not_of(marks)));
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    if (!role && !name.empty()) names.push_back(name);
  }
  return names;
}

/// Reads the entries of a HowNet one by one into a dictionary.
class HowNetReader {
 public:
  HowNetReader(LineReader& lines, SememeDictionary& dictionary)
      : lines_(lines), dictionary_(dictionary) {}

  void read() {
    while (lines_.next()) {
      const std::string_view line = lines_.line();
      if (line.find_first_not_of(" \t") == line.npos) continue;
      const auto equals = line.find('=');
      if (equals == line.npos)
        lines_.require(false, "found ", quote_field(line), ", needed KEY=VALUE");
      take(line.substr(0, equals), line.substr(equals + 1));
    }
    end_entry();
  }

 private:
  void take(std::string_view key, std::string_view value) {
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    if (key == "NO.") {
      end_entry();
      inside_ = true;
      return;
    }
    if (!inside_) lines_.require(false, "found ", quote_field(key), " before the first NO.=");
    if (key == "W_C") chinese_ = value;
    if (key == "W_E") english_ = value;
    if (key == "DEF") take_definition(value);
  }

  void take_definition(std::string_view value) {
    lines_.require(utf8_prefix(value) == value.size(),
                   "found bytes that are not UTF-8; recode the file (iconv -f GB18030 -t UTF-8)");
    std::ptrdiff_t open = 0;
    for (const char c : value) {
      open += c == '{' ? 1 : c == '}' ? -1 : 0;
      lines_.require(open >= 0, "found a '}' without its '{' in DEF");
    }
    lines_.require(open == 0, "found ", open, " '{' without their '}' in DEF");
    names_ = sememes_of_definition(value);
  }

  /// What has no words or no sememes adds nothing.
  void end_entry() {
    if (!names_.empty() && !(english_.empty() && chinese_.empty())) {
      const auto concept_id = dictionary_.add_concept(names_);
      if (!english_.empty()) dictionary_.add_sense(english_, concept_id, 1);
      if (!chinese_.empty() && chinese_ != english_) dictionary_.add_sense(chinese_, concept_id, 1);
    }
    english_ = chinese_ = {};
    names_.clear();
  }

  LineReader& lines_;
  SememeDictionary& dictionary_;
  bool inside_ = false;
  std::string_view english_, chinese_;
  std::vector<std::string_view> names_;
};

}  // namespace detail

/// Reads a HowNet in UTF-8: entries that begin with a line "NO.=" and give a word in Chinese (W_C=)
/// and English (W_E=) and its sememes (DEF=), classic or nested in braces; other lines are passed
/// over. A word has a sense for each of its definitions, which weighs as many entries as have it;
/// words are found by either language. Throws FileError, which names the line, for a line that is
/// none of an entry, braces that do not match and bytes that are not UTF-8.
inline SememeDictionary read_hownet(const std::filesystem::path& path,
                                    SememeNaming naming = SememeNaming::both) {
  const auto file = MappedFile::open(path);
  SememeDictionary dictionary(naming);
  detail::LineReader lines(file->text(), path);
  detail::HowNetReader(lines, dictionary).read();
  return dictionary;
}

}  // namespace see
