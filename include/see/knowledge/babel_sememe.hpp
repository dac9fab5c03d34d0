#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "see/error.hpp"
#include "see/io/mapped_file.hpp"
#include "see/io/text_rows.hpp"
#include "see/knowledge/sememe_dictionary.hpp"
#include "see/knowledge/text_lines.hpp"

namespace see {

/// Reads sememes of synsets (BabelSememe: lines `id<TAB>english|chinese english|chinese ...`) and
/// the synsets of words (`synset_words`: lines `word<TAB>id id ...`, the most frequent sense first;
/// more lines of a word go on where the last one ended). The r-th synset of a word that the list
/// knows weighs 1 / r. Throws FileError, which names the line, for a line without a tab or without
/// anything on either side of it, and for a synset that comes twice in the list.
inline SememeDictionary read_babel_sememes(const std::filesystem::path& list,
                                           const std::filesystem::path& synset_words,
                                           SememeNaming naming = SememeNaming::both) {
  SememeDictionary dictionary(naming);
  const auto each_line = [](const std::filesystem::path& path, const char* form, const auto& body) {
    const auto file = MappedFile::open(path);
    detail::LineReader lines(file->text(), path);
    std::vector<std::string_view> fields;
    while (lines.next()) {
      const std::string_view line = lines.line();
      if (line.empty()) continue;
      const auto tab = line.find('\t');
      fields.clear();
      if (tab != line.npos) {
        std::string_view rest = line.substr(tab);
        for (auto field = detail::take_field(rest); !field.empty();
             field = detail::take_field(rest))
          fields.push_back(field);
      }
      if (tab == 0 || fields.empty())
        lines.require(false, "found ", detail::quote_field(line), ", needed ", form);
      body(lines, line.substr(0, tab), fields);
    }
  };
  std::unordered_map<std::string, std::uint32_t> concept_of;
  each_line(list, "a synset, a tab and its sememes",
            [&](const auto& lines, std::string_view id, const auto& names) {
              const bool added = concept_of.emplace(id, dictionary.add_concept(names)).second;
              if (!added)
                lines.require(false, "found synset ", detail::quote_field(id), " a second time");
            });
  std::unordered_map<std::string, int> ranks;
  each_line(synset_words, "a word, a tab and its synsets",
            [&](const auto&, std::string_view word, const auto& ids) {
              int& rank = ranks[detail::word_key(word)];
              for (const std::string_view id : ids)
                if (const auto at = concept_of.find(std::string(id)); at != concept_of.end())
                  dictionary.add_sense(word, at->second, 1.0 / ++rank);
            });
  return dictionary;
}

}  // namespace see
