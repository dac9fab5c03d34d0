#pragma once

/// The only header that needs the Hunspell library (Debian: libhunspell-dev), so see/see.hpp leaves
/// it out: include it by name and link hunspell.
#include <hunspell/hunspell.hxx>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/error.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/mapped_file.hpp"
#include "see/knowledge/segmenter.hpp"
#include "see/knowledge/text_lines.hpp"

namespace see {
namespace detail {

/// One rule of an affix table: the affix stands in place of `strip` at that end of the stem.
struct AffixRule {
  std::string strip;
  std::string append;
  std::string form;  ///< the name that all spellings of the affix share, with a hyphen: "-ness"
};

/// The PFX and SFX tables of an .aff file.
struct AffixTables {
  std::vector<AffixRule> prefixes;
  std::vector<AffixRule> suffixes;
};

/// Names the rules from `first` on, which are those of one flag, by the shortest of their spellings
/// that ends the rule's own ("iness" and "ness" are "-ness"), for prefixes that begins it.
inline void name_affixes(std::vector<AffixRule>& rules, std::size_t first, bool is_suffix) {
  for (std::size_t i = first; i < rules.size(); ++i) {
    std::string_view shortest = rules[i].append;
    for (std::size_t j = first; j < rules.size(); ++j) {
      const std::string& other = rules[j].append;
      const bool fits =
          is_suffix ? rules[i].append.ends_with(other) : rules[i].append.starts_with(other);
      if (fits && !other.empty() && other.size() < shortest.size()) shortest = other;
    }
    rules[i].form = is_suffix ? "-" + std::string(shortest) : std::string(shortest) + "-";
  }
}

/// What an .aff file says of its encoding; Hunspell takes none for ISO8859-1.
inline std::string encoding_of(std::string_view aff, const std::filesystem::path& path) {
  LineReader lines(aff, path);
  while (lines.next()) {
    std::string_view rest = lines.line();
    if (take_field(rest) == "SET") return std::string(take_field(rest));
  }
  return "ISO8859-1";
}

/// Reads the affix tables of an .aff file; flags, which are bytes, and conditions are left to
/// Hunspell. Throws FileError where the file cannot be read, its encoding is not UTF-8 or a table
/// is cut short.
inline AffixTables read_affix_tables(const std::filesystem::path& path) {
  AffixTables tables;
  std::string_view flag;
  std::size_t due = 0;  // rules of the table begun last
  std::size_t first = 0;
  std::vector<AffixRule>* table = nullptr;
  const auto part = [](std::string_view field) {
    field = field.substr(0, field.find('/'));
    return std::string(field == "0" ? std::string_view() : field);
  };
  const auto file = MappedFile::open(path);
  const std::string encoding = encoding_of(file->text(), path);
  require<FileError>(encoding == "UTF-8" || encoding == "utf-8", path.string(),
                     ": found the encoding ", encoding,
                     ", needed UTF-8: convert the .aff and the .dic by iconv -f ", encoding,
                     " -t UTF-8, then write SET UTF-8, and FLAG UTF-8 where flags are not ASCII");
  LineReader lines(file->text(), path);
  while (lines.next()) {
    std::string_view rest = lines.line();
    const std::string_view kind = take_field(rest);
    const bool is_suffix = kind == "SFX";
    if (!is_suffix && kind != "PFX") continue;
    std::vector<AffixRule>& rules = is_suffix ? tables.suffixes : tables.prefixes;
    const std::string_view name = take_field(rest);
    const std::string_view third = take_field(rest);
    const std::string_view fourth = take_field(rest);
    lines.require(!fourth.empty(), "an affix line of fewer than four fields");
    // A table may have fewer rules than its head says; Hunspell lets that pass.
    if (due > 0 && name != flag && (third == "Y" || third == "N")) {
      name_affixes(*table, first, table == &tables.suffixes);
      due = 0;
    }
    if (due == 0) {
      const auto [end, error] = std::from_chars(fourth.data(), fourth.data() + fourth.size(), due);
      lines.require(error == std::errc() && end == fourth.data() + fourth.size(),
                    "an affix table of ", json_quote(fourth), " rules, needed their number");
      flag = name;
      first = rules.size();
      table = &rules;
      continue;
    }
    lines.require(name == flag, "a rule of the affix table ", json_quote(name), " where ",
                  json_quote(flag), " still lacks ", due);
    std::string strip = part(third), append = part(fourth);
    for (const std::string& affix : {strip, append})
      lines.require(utf8_prefix(affix) == affix.size(), "an affix that is not UTF-8");
    if (!append.empty()) rules.push_back({std::move(strip), std::move(append), {}});
    if (--due == 0) name_affixes(rules, first, is_suffix);
  }
  lines.require(due == 0, "the affix table ", json_quote(flag), " ends ", due, " rules early");
  return tables;
}

}  // namespace detail

/// Cuts words as a Hunspell dictionary derives them from its entries: a prefix, the stem, which is
/// cut further where it is derived itself, and a suffix of each run of letters. Surfaces are
/// stretches of the word; where an affix changes the spelling the stem's form is the dictionary's
/// entry, and all spellings of an affix share one form: "unhappiness" is un|happ|iness with the
/// forms "un-", "happy" and "-ness". Forms therefore need not make up the word, surfaces always do.
///
/// Of several stems one without a prefix counts, of those the longest. A word that is an entry
/// itself may lose a suffix ("agreement", "agree") where 3 characters are left, but no prefix
/// ("record" is not re|cord). A run that the dictionary lacks is tried with a capital ("german"),
/// and is else one morph: put a FallbackSegmenter around this class to do better. Hunspell objects
/// are not safe to share between threads, so neither is this one; it can be moved, not copied.
class HunspellSegmenter {
 public:
  /// Loads `aff` and `dic`. Throws FileError where one cannot be read or is malformed, or where the
  /// dictionary's encoding is not UTF-8.
  HunspellSegmenter(const std::filesystem::path& aff, const std::filesystem::path& dic)
      : affixes_(detail::read_affix_tables(aff)) {
    check_dictionary(dic);
    hunspell_ = std::make_unique<Hunspell>(aff.string().c_str(), dic.string().c_str());
  }

  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    morphs.clear();
    while (!word.empty()) {
      const std::string_view run = detail::take_run(word);
      std::size_t at = 0;
      for (const Part& part : parts_of(run)) {
        detail::append_morph(morphs, run.substr(at, part.length), part.form);
        at += part.length;
      }
    }
  }

  /// Whether the dictionary derives every run of letters in `word`, and there is one.
  bool knows(std::string_view word) const {
    bool any = false;
    while (!word.empty()) {
      const std::string_view run = detail::take_run(word);
      if (!is_letters(run)) continue;
      any = true;
      if (stems(run).empty()) return false;
    }
    return any;
  }

 private:
  static constexpr std::size_t longest = 100;   // bytes of a word; Hunspell answers none beyond
  static constexpr std::size_t least_stem = 3;  // characters that are left of an entry

  struct Part {
    std::size_t length;  // bytes of its surface
    std::string form;
  };

  /// How a run comes from a stem; null: no affix.
  struct Derivation {
    const detail::AffixRule* prefix = nullptr;
    const detail::AffixRule* suffix = nullptr;
  };

  static bool is_letters(std::string_view run) {
    return detail::class_of(run[0]) == detail::CharacterClass::letter;
  }

  static void check_dictionary(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    detail::LineReader lines(file->text(), path);
    lines.next();
    std::string_view rest = lines.line();
    const std::string_view count = detail::take_field(rest);
    lines.require(!count.empty() && count.find_first_not_of("0123456789") == count.npos, "found ",
                  json_quote(count.substr(0, 40)), ", needed the number of entries");
  }

  static char folded(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c;
  }

  static bool equal(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return folded(x) == folded(y); });
  }

  /// The entries that `run` derives from, the longest first; none where it is misspelt.
  std::vector<std::string> stems(std::string_view run) const {
    if (run.size() > longest || detail::utf8_prefix(run) != run.size()) return {};
    std::string word(run);
    std::vector<std::string> found = hunspell_->stem(word);
    if (found.empty() && run[0] >= 'a' && run[0] <= 'z') {
      word[0] = static_cast<char>(word[0] - 32);
      found = hunspell_->stem(word);
      for (std::string& stem : found)
        if (!stem.empty()) stem[0] = folded(stem[0]);
    }
    std::erase_if(found, [](const std::string& stem) { return stem.empty(); });
    std::sort(found.begin(), found.end(), [](const std::string& a, const std::string& b) {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    });
    return found;
  }

  std::vector<Part> parts_of(std::string_view run) const {
    if (is_letters(run)) {
      const std::vector<std::string> found = stems(run);
      const bool is_entry = is_among(run, found);
      for (const bool with_prefix : {false, true}) {
        if (with_prefix && is_entry) break;
        for (const std::string& stem : found) {
          if (equal(stem, run) || (is_entry && characters(stem) < least_stem)) continue;
          if (const auto by = derive(run, stem, with_prefix)) return parts_of(run, stem, *by);
        }
      }
    }
    return {{run.size(), std::string(run)}};
  }

  static bool is_among(std::string_view run, const std::vector<std::string>& stems) {
    return std::any_of(stems.begin(), stems.end(),
                       [&](const std::string& stem) { return equal(stem, run); });
  }

  std::vector<Part> parts_of(std::string_view run, const std::string& stem,
                             const Derivation& by) const {
    if (by.prefix && by.suffix) {  // "reporting": "report" is an entry, whatever "port" is
      const std::string base = by.prefix->append + stem.substr(by.prefix->strip.size());
      if (is_among(base, stems(base))) return parts_of(run, base, {nullptr, by.suffix});
    }
    const std::size_t head = by.prefix ? by.prefix->append.size() : 0;
    const std::size_t tail = by.suffix ? by.suffix->append.size() : 0;
    const std::size_t no_head = by.prefix ? by.prefix->strip.size() : 0;
    const std::size_t no_tail = by.suffix ? by.suffix->strip.size() : 0;
    std::vector<Part> inner;
    if (stem.size() < run.size()) inner = parts_of(stem);
    if (inner.size() > 1 && inner.front().length > no_head && inner.back().length > no_tail) {
      inner.front().length -= no_head;
      inner.back().length -= no_tail;
    } else {
      inner = {{run.size() - head - tail, stem}};
    }
    std::vector<Part> parts;
    if (by.prefix) parts.push_back({head, by.prefix->form});
    parts.insert(parts.end(), inner.begin(), inner.end());
    if (by.suffix) parts.push_back({tail, by.suffix->form});
    return parts;
  }

  static std::size_t characters(std::string_view text) {
    std::size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(detail::character_length(text));
    return count;
  }

  /// The rules for which run = prefix.append + (stem less prefix.strip at its head and suffix.strip
  /// at its end) + suffix.append, with or without a prefix. O(rules) comparisons, for each prefix
  /// that fits.
  std::optional<Derivation> derive(std::string_view run, std::string_view stem,
                                   bool with_prefix) const {
    static const detail::AffixRule no_affix;
    const auto fits = [&](const detail::AffixRule& prefix, const detail::AffixRule& suffix) {
      const std::size_t affixes = prefix.append.size() + suffix.append.size();
      const std::size_t strip = prefix.strip.size() + suffix.strip.size();
      if (run.size() <= affixes || stem.size() <= strip ||
          stem.size() - strip != run.size() - affixes)
        return false;
      return equal(stem.substr(prefix.strip.size(), stem.size() - strip),
                   run.substr(prefix.append.size(), run.size() - affixes)) &&
             equal(stem.substr(0, prefix.strip.size()), prefix.strip) &&
             equal(stem.substr(stem.size() - suffix.strip.size()), suffix.strip) &&
             equal(run.substr(run.size() - suffix.append.size()), suffix.append);
    };
    if (!with_prefix) {
      for (const detail::AffixRule& suffix : affixes_.suffixes)
        if (fits(no_affix, suffix)) return Derivation{nullptr, &suffix};
      return std::nullopt;
    }
    for (const detail::AffixRule& prefix : affixes_.prefixes) {
      if (!equal(run.substr(0, prefix.append.size()), prefix.append)) continue;
      if (fits(prefix, no_affix)) return Derivation{&prefix, nullptr};
      for (const detail::AffixRule& suffix : affixes_.suffixes)
        if (fits(prefix, suffix)) return Derivation{&prefix, &suffix};
    }
    return std::nullopt;
  }

  detail::AffixTables affixes_;
  std::unique_ptr<Hunspell> hunspell_;
};

}  // namespace see
