#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "see/io/mapped_file.hpp"
#include "see/io/text_rows.hpp"
#include "see/knowledge/irregular_forms.hpp"
#include "see/knowledge/text_lines.hpp"

namespace see {

enum class PartOfSpeech : std::uint8_t { noun, verb, adjective, adverb };

namespace detail {

inline constexpr std::array parts_of_speech{PartOfSpeech::noun, PartOfSpeech::verb,
                                            PartOfSpeech::adjective, PartOfSpeech::adverb};

struct Detachment {
  std::string_view suffix;
  std::string_view ending;
};

/// The rules of detachment of WordNet's morphy(7WN), in the order in which they are tried.
inline std::span<const Detachment> detachments(PartOfSpeech part) noexcept {
  static constexpr std::array<Detachment, 8> noun{{{"s", ""},
                                                   {"ses", "s"},
                                                   {"xes", "x"},
                                                   {"zes", "z"},
                                                   {"ches", "ch"},
                                                   {"shes", "sh"},
                                                   {"men", "man"},
                                                   {"ies", "y"}}};
  static constexpr std::array<Detachment, 8> verb{{{"s", ""},
                                                   {"ies", "y"},
                                                   {"es", "e"},
                                                   {"es", ""},
                                                   {"ed", "e"},
                                                   {"ed", ""},
                                                   {"ing", "e"},
                                                   {"ing", ""}}};
  static constexpr std::array<Detachment, 4> adjective{
      {{"er", ""}, {"est", ""}, {"er", "e"}, {"est", "e"}}};
  switch (part) {
    case PartOfSpeech::noun:
      return noun;
    case PartOfSpeech::verb:
      return verb;
    case PartOfSpeech::adjective:
      return adjective;
    case PartOfSpeech::adverb:
      return {};
  }
  return {};
}

}  // namespace detail

/// From an inflected form to its dictionary forms: a list of exceptions for each part of speech
/// (geese -> goose), and where that does not know the form, the detachment of suffixes
/// (dogs -> dog). Forms are keys: lower case, '_' between words.
class Morphy {
 public:
  /// With the common irregular forms of English for exceptions.
  Morphy() {
    for (std::size_t part = 0; part < exceptions_.size(); ++part) read_irregular(part);
  }

  /// Reads noun.exc, verb.exc, adj.exc and adv.exc of `folder`, lines of a form and its dictionary
  /// forms; common irregular forms stand in for each file that is not there. Throws FileError where
  /// a line has no dictionary form.
  explicit Morphy(const std::filesystem::path& folder) {
    static constexpr std::array names{"noun.exc", "verb.exc", "adj.exc", "adv.exc"};
    for (std::size_t part = 0; part < exceptions_.size(); ++part) {
      const auto path = folder / names[part];
      const bool listed = std::filesystem::exists(path);
      if (listed)
        read(path, exceptions_[part]);
      else
        read_irregular(part);
      has_exceptions_ = has_exceptions_ || listed;
    }
  }

  /// Whether any list of exceptions was read from a file.
  bool has_exceptions() const noexcept { return has_exceptions_; }

  /// The dictionary forms of `form` that `contains(std::string_view)` accepts, other than `form`
  /// itself: those of the exceptions where there are any, else those of all rules of detachment,
  /// else of verbs and adjectives that double their last letter (planned, bigger). Nouns in -ful
  /// are detached before it (boxesful -> boxful), nouns in -ss or of one or two letters not at all.
  /// Of a form with '_' or '-' inside, the whole is tried, and where that finds nothing, the form
  /// with each word replaced by its first dictionary form (attorneys_general). O(length) and at
  /// most some ten calls of `contains` for each word in it.
  template <class Contains>
  std::vector<std::string> bases(const std::string& form, PartOfSpeech part,
                                 const Contains& contains) const {
    std::vector<std::string> found = whole(form, part, contains);
    if (!found.empty() || form.find_first_of("_-") == form.npos) return found;
    const std::string joined = by_words(form, part, contains);
    if (joined != form && contains(joined)) found.push_back(joined);
    return found;
  }

 private:
  using Exceptions = std::unordered_map<std::string, std::vector<std::string>>;

  static void read(const std::filesystem::path& path, Exceptions& list) {
    const auto file = MappedFile::open(path);
    detail::LineReader lines(file->text(), path);
    while (lines.next()) {
      std::string_view line = lines.line();
      const std::string_view form = detail::take_field(line);
      if (form.empty()) continue;
      auto& bases = list[std::string(form)];
      while (true) {
        const std::string_view base = detail::take_field(line);
        if (base.empty()) break;
        bases.emplace_back(base);
      }
      if (bases.empty())
        lines.require(false, "found ", detail::quote_field(form),
                      " alone, needed its dictionary forms after it");
    }
  }

  void read_irregular(std::size_t part) {
    std::string_view rest = detail::irregular_forms[part];
    while (!rest.empty()) {
      std::string_view line = rest.substr(0, rest.find(';'));
      rest.remove_prefix(line.size() + 1);
      const std::string base(detail::take_field(line));
      for (auto form = detail::take_field(line); !form.empty(); form = detail::take_field(line))
        exceptions_[part][std::string(form)].push_back(base);
    }
  }

  template <class Contains>
  std::vector<std::string> whole(const std::string& form, PartOfSpeech part,
                                 const Contains& contains) const {
    std::vector<std::string> found;
    const auto add = [&](std::string base) {
      if (base == form || !contains(base)) return;
      for (const std::string& other : found)
        if (other == base) return;
      found.push_back(std::move(base));
    };
    const Exceptions& list = exceptions_[static_cast<std::size_t>(part)];
    if (const auto at = list.find(form); at != list.end()) {
      for (const std::string& base : at->second) add(base);
      return found;
    }
    std::string_view stem = form, tail;
    if (part == PartOfSpeech::noun) {
      if (stem.ends_with("ful")) {
        tail = "ful";
        stem.remove_suffix(3);
      }
      if (stem.ends_with("ss") || stem.size() <= 2) return found;
    }
    for (const auto& [suffix, ending] : detail::detachments(part))
      if (stem.size() > suffix.size() && stem.ends_with(suffix)) {
        std::string base(stem.substr(0, stem.size() - suffix.size()));
        add((base += ending) += tail);
      }
    if (found.empty() && part != PartOfSpeech::noun)
      for (const auto& [suffix, ending] : detail::detachments(part)) {
        const std::size_t length = form.size() - std::min(form.size(), suffix.size());
        if (ending.empty() && suffix != "s" && length > 3 && form.ends_with(suffix) &&
            form[length - 1] == form[length - 2])
          add(form.substr(0, length - 1));
      }
    return found;
  }

  template <class Contains>
  std::string by_words(const std::string& form, PartOfSpeech part, const Contains& contains) const {
    std::string joined;
    for (std::size_t first = 0; first <= form.size();) {
      const std::size_t last = std::min(form.find_first_of("_-", first), form.size());
      const std::string word = form.substr(first, last - first);
      const auto found = whole(word, part, contains);
      joined += found.empty() ? word : found.front();
      if (last < form.size()) joined += form[last];
      first = last + 1;
    }
    return joined;
  }

  std::array<Exceptions, 4> exceptions_;
  bool has_exceptions_ = false;
};

}  // namespace see
