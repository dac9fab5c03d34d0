#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/json_quote.hpp"
#include "see/io/mapped_file.hpp"
#include "see/knowledge/segment_unigram.hpp"
#include "see/knowledge/segmenter.hpp"
#include "see/knowledge/text_lines.hpp"

namespace see {

/// The segmentations of a file, one word a line, in either form, which may be mixed:
///
///     12 un + happi + ness           count, then morphs (Morfessor 2)
///     unhappiness<TAB>un happi ness  word, then morphs
///
/// Lines that begin with # and hold no tab are comments, as in Morfessor's output; empty lines are
/// skipped. A word that occurs twice keeps its first segmentation. Words that the file lacks are
/// cut by the unigram model of its morphs and their counts (1 a line of the second form), with the
/// characters of its words as last resort.
class SegmentFile {
 public:
  /// Throws FileError, with the line, where the file cannot be read, holds no word, or a line has
  /// no count above 0, no morph, morphs not apart by " + ", morphs that do not make up its word, or
  /// that cut a character.
  explicit SegmentFile(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    Counts counts;
    std::vector<std::string> words;
    detail::LineReader lines(file->text(), path);
    while (lines.next()) {
      const std::string_view line = lines.line();
      const bool has_tab = line.find('\t') != line.npos;
      if (line.find_first_not_of(" \t") == line.npos || (line[0] == '#' && !has_tab)) continue;
      words.push_back(has_tab ? read_word_line(lines, counts) : read_count_line(lines, counts));
      first_.push_back(ends_.size());
    }
    detail::require<FileError>(!words.empty(), path.string(), ": holds no segmentation");
    words_ = Vocabulary::from(words);
    learn(std::move(counts));
  }

  /// The words of the file, line by line.
  const Vocabulary& words() const noexcept { return words_; }

  bool knows(std::string_view word) const { return words_.find(word).has_value(); }

  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    const auto row = words_.find(word);
    if (!row) return model_.segment(word, morphs);
    morphs.clear();
    const auto at = static_cast<std::size_t>(*row);
    std::size_t begin = 0;
    for (std::size_t i = first_[at]; i < first_[at + 1]; begin = ends_[i++]) {
      const std::string_view surface = word.substr(begin, ends_[i] - begin);
      detail::append_morph(morphs, surface, surface);
    }
  }

 private:
  using Counts = std::map<std::string, double, std::less<>>;

  static std::string shown(std::string_view text) {
    return text.size() <= 40 ? json_quote(text) : json_quote(text.substr(0, 40)) + "...";
  }

  void add(std::string& word, std::string_view morph, double count, Counts& counts) {
    word += morph;
    ends_.push_back(static_cast<std::uint32_t>(word.size()));
    const auto found = counts.find(morph);
    if (found == counts.end())
      counts.emplace(morph, count);
    else
      found->second += count;
  }

  std::string read_count_line(const detail::LineReader& lines, Counts& counts) {
    std::string_view rest = lines.line();
    const std::string_view field = detail::take_field(rest);
    double count = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), count);
    lines.require(
        error == std::errc() && end == field.data() + field.size() && count > 0 && count <= 1e300,
        "found ", shown(field), ", needed a count above 0 (or a word, a tab, its morphs)");
    std::string word;
    std::string_view morph = detail::take_field(rest);
    lines.require(!morph.empty(), "a count without a morph");
    while (true) {
      add(word, morph, count, counts);
      const std::string_view plus = detail::take_field(rest);
      if (plus.empty()) break;
      lines.require(plus == "+", "found ", shown(plus), " after the morph ", shown(morph),
                    ", needed + or the end");
      morph = detail::take_field(rest);
      lines.require(!morph.empty(), "no morph after the last +");
    }
    check_characters(lines, word);
    return word;
  }

  std::string read_word_line(const detail::LineReader& lines, Counts& counts) {
    const std::string_view line = lines.line();
    const std::string_view needed = line.substr(0, line.find('\t'));
    std::string_view rest = line.substr(needed.size() + 1);
    lines.require(!needed.empty(), "no word before the tab");
    std::string word;
    for (std::string_view morph = detail::take_field(rest); !morph.empty();
         morph = detail::take_field(rest))
      add(word, morph, 1, counts);
    lines.require(word == needed, "the morphs make ", shown(word), ", needed ", shown(needed));
    check_characters(lines, word);
    return word;
  }

  /// The morphs of `word` are those read last.
  void check_characters(const detail::LineReader& lines, std::string_view word) const {
    std::size_t morph = first_.back();
    for (std::size_t at = 0; at < word.size();) {
      at += detail::character_length(word.substr(at));
      lines.require(ends_[morph] >= at, "a cut inside a character of ", shown(word));
      if (ends_[morph] == at) ++morph;
    }
  }

  void learn(Counts counts) {
    constexpr double last_resort = 0.01;
    for (Index w = 0; w < words_.size(); ++w)
      for (std::string_view rest = words_[w]; !rest.empty();) {
        const std::string_view character = rest.substr(0, detail::character_length(rest));
        if (counts.find(character) == counts.end()) counts.emplace(character, last_resort);
        rest.remove_prefix(character.size());
      }
    std::vector<std::string_view> morphs;
    std::vector<double> weights;
    for (const auto& [morph, count] : counts) {
      morphs.push_back(morph);
      weights.push_back(count);
    }
    model_ = UnigramSegmenter(Vocabulary::from(morphs), weights);
  }

  Vocabulary words_;
  std::vector<std::size_t> first_{0};  // each word's first morph, and the end
  std::vector<std::uint32_t> ends_;    // where each morph ends in its word
  UnigramSegmenter model_;
};

}  // namespace see
