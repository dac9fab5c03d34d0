#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/mapped_file.hpp"
#include "see/io/text_rows.hpp"
#include "see/knowledge/text_lines.hpp"
#include "see/knowledge/word_key.hpp"
#include "see/knowledge/wordnet_tables.hpp"

namespace see::detail {

/// Cuts a number off `rest`. Throws FileError where the next field is none; `what` names it.
inline std::uint32_t take_number(const LineReader& lines, std::string_view& rest, const char* what,
                                 int base = 10) {
  const std::string_view field = take_field(rest);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, base);
  if (error != std::errc() || end != field.data() + field.size())
    lines.require(false, "found ", quote_field(field), ", needed ", what);
  return value;
}

/// Reads the files of one folder into tables.
class WordNetReader {
 public:
  explicit WordNetReader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  WordNetTables read() {
    for (const PartOfSpeech part : parts_of_speech) read_data(part);
    resolve_links();
    for (const PartOfSpeech part : parts_of_speech) read_index(part);
    group_senses();
    name_synsets();
    read_counts();
    return std::move(tables_);
  }

 private:
  struct RawLink {
    std::uint32_t from;
    std::uint32_t offset;
    PartOfSpeech part;
    WordNetRelation relation;
  };

  void read_data(PartOfSpeech part) {
    const auto p = static_cast<std::size_t>(part);
    const auto path = folder_ / text("data.", wordnet_suffixes[p]);
    tables_.data[p] = MappedFile::open(path);
    require<FileError>(tables_.data[p]->size() <= 0xffffffffU, path.string(), " has ",
                       tables_.data[p]->size(), " bytes, needed less than 2^32");
    LineReader lines(tables_.data[p]->text(), path);
    std::uint32_t previous = 0;
    while (lines.next()) {
      std::string_view line = lines.line();
      if (line.empty() || line.front() == ' ') continue;  // the licence
      const auto offset = take_number(lines, line, "the synset's offset");
      lines.require(tables_.offsets.size() == tables_.first_synset[p] || offset > previous,
                    "found synset ", offset, " after ", previous, ", needed rising offsets");
      previous = offset;
      read_synset(lines, line, part);
      tables_.offsets.push_back(offset);
    }
    tables_.first_synset[p + 1] = static_cast<std::uint32_t>(tables_.offsets.size());
  }

  void read_synset(const LineReader& lines, std::string_view line, PartOfSpeech part) {
    const auto file = take_number(lines, line, "a lexicographer file");
    lines.require(file < wordnet_files, "found lexicographer file ", file, ", needed one of ",
                  wordnet_files);
    const std::string_view type = take_field(line);
    if (part_of_letter(type) != part)
      lines.require(false, "found a synset of type ", quote_field(type),
                    ", which does not belong in this file");
    const auto words = take_number(lines, line, "a number of words", 16);
    std::string_view head;
    const char* const first = line.data();
    for (std::uint32_t i = 0; i < words; ++i) {
      const std::string_view word = take_field(line);
      const std::string_view id = take_field(line);
      lines.require(!id.empty(), "found ", i, " words, needed ", words);
      if (i == 0) head = word.substr(0, word.find('('));  // beautiful(p): a syntactic marker
    }
    lines.require(!head.empty(), "found no word, needed one or more");
    words_.emplace_back(first, static_cast<std::size_t>(line.data() - first));
    const auto pointers = take_number(lines, line, "a number of pointers");
    for (std::uint32_t i = 0; i < pointers; ++i) read_pointer(lines, line, type == "s");
    tables_.files.push_back(static_cast<std::uint8_t>(file));
    head_words_.push_back(head);
    line.remove_prefix(std::min(line.find('|'), line.size()));
    if (line.starts_with('|')) line.remove_prefix(1);
    const auto& file_of_part = tables_.data[static_cast<std::size_t>(part)];
    tables_.glosses.push_back(
        static_cast<std::uint32_t>(line.data() - file_of_part->text().data()));
  }

  void read_pointer(const LineReader& lines, std::string_view& line, bool satellite) {
    const auto relation = relation_of(take_field(line), satellite);
    const auto offset = take_number(lines, line, "the offset that a pointer leads to");
    const std::string_view letter = take_field(line);
    const auto target = part_of_letter(letter);
    if (!target || take_field(line).empty())
      lines.require(false, "found a pointer to a synset of type ", quote_field(letter),
                    ", needed n, v, a, s or r, then the words' numbers");
    if (relation)
      raw_links_.push_back(
          {static_cast<std::uint32_t>(tables_.offsets.size()), offset, *target, *relation});
  }

  void resolve_links() {
    tables_.first_link.assign(tables_.offsets.size() + 1, 0);
    for (const RawLink& link : raw_links_) {
      const auto target = tables_.find(link.part, link.offset);
      require<FileError>(target.has_value(), folder_.string(), ": synset ",
                         tables_.offsets[link.from], " points to ", link.offset, " of data.",
                         wordnet_suffixes[static_cast<std::size_t>(link.part)],
                         ", which is not there");
      tables_.links.push_back({*target, link.relation});
      ++tables_.first_link[link.from + 1];
    }
    for (std::size_t i = 1; i < tables_.first_link.size(); ++i)
      tables_.first_link[i] += tables_.first_link[i - 1];
  }

  void read_index(PartOfSpeech part) {
    const auto path = folder_ / text("index.", wordnet_suffixes[static_cast<std::size_t>(part)]);
    index_files_.push_back(MappedFile::open(path));
    LineReader lines(index_files_.back()->text(), path);
    while (lines.next()) {
      std::string_view line = lines.line();
      if (line.empty() || line.front() == ' ') continue;
      const std::string_view lemma = take_field(line);
      const std::string_view letter = take_field(line);
      if (part_of_letter(letter) != part)
        lines.require(false, "found part of speech ", quote_field(letter),
                      ", which does not belong in this file");
      const auto count = take_number(lines, line, "a number of synsets");
      const auto pointers = take_number(lines, line, "a number of pointers");
      for (std::uint32_t i = 0; i < pointers; ++i)
        lines.require(!take_field(line).empty(), "found ", i, " pointers, needed ", pointers);
      take_number(lines, line, "a number of senses");
      take_number(lines, line, "a number of tagged senses");
      const auto [at, fresh] =
          lemma_ids_.emplace(lemma, static_cast<std::uint32_t>(lemma_words_.size()));
      if (fresh) lemma_words_.push_back(lemma);
      for (std::uint32_t number = 1; number <= count; ++number) {
        const auto offset = take_number(lines, line, "the offset of a synset");
        const auto synset = tables_.find(part, offset);
        lines.require(synset.has_value(), "found synset ", offset, ", which data.",
                      wordnet_suffixes[static_cast<std::size_t>(part)], " lacks");
        raw_senses_.push_back({*synset, at->second, 0, number});
      }
    }
  }

  void group_senses() {
    auto& first = tables_.first_sense;
    first.assign(lemma_words_.size() + 1, 0);
    for (const WordNetSense& sense : raw_senses_) ++first[sense.lemma + 1];
    for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
    tables_.senses.resize(raw_senses_.size());
    auto next = first;
    for (const WordNetSense& sense : raw_senses_) tables_.senses[next[sense.lemma]++] = sense;
    tables_.lemmas = Vocabulary::from(lemma_words_);
  }

  void name_synsets() {
    tables_.heads.reserve(head_words_.size());
    for (std::size_t i = 0; i < head_words_.size(); ++i) {
      const auto at = lemma_ids_.find(word_key(head_words_[i]));
      if (at == lemma_ids_.end() || !has_sense(at->second, i))
        fail<FileError>(folder_.string(), ": synset ", tables_.offsets[i], " has the word ",
                        quote_field(head_words_[i]), ", of which the index does not know it");
      tables_.heads.push_back(at->second);
    }
  }

  bool has_sense(std::uint32_t lemma, std::size_t synset) const {
    for (auto i = tables_.first_sense[lemma]; i < tables_.first_sense[lemma + 1]; ++i)
      if (tables_.senses[i].synset == synset) return true;
    return false;
  }

  /// Lines of cntlist.rev are a sense's key, a number that may not be the index's, and the count;
  /// those of index.sense have the offset after the key, but no counts of satellites whose head has
  /// a syntactic marker (816 senses of WordNet 3.0), so cntlist.rev comes first. What they say of
  /// senses that are not there is passed over.
  void read_counts() {
    const bool indexed = !std::filesystem::exists(folder_ / "cntlist.rev");
    if (indexed && !std::filesystem::exists(folder_ / "index.sense")) return;
    const auto path = folder_ / (indexed ? "index.sense" : "cntlist.rev");
    const auto file = MappedFile::open(path);
    LineReader lines(file->text(), path);
    while (lines.next()) {
      std::string_view line = lines.line();
      if (line.empty()) continue;
      const SenseKey key = parse_key(lines, take_field(line));
      const auto offset = indexed ? take_number(lines, line, "the offset of a synset") : 0;
      take_number(lines, line, "the number of a sense");
      const auto count = take_number(lines, line, "a count");
      const auto lemma = lemma_ids_.find(key.lemma);
      if (lemma == lemma_ids_.end()) continue;
      const auto synset = indexed ? tables_.find(key.part, offset) : std::nullopt;
      for (auto i = tables_.first_sense[lemma->second]; i < tables_.first_sense[lemma->second + 1];
           ++i) {
        WordNetSense& sense = tables_.senses[i];
        if (indexed ? synset == sense.synset : has_key(sense.synset, key)) sense.count = count;
      }
    }
    tables_.has_counts = true;
  }

  /// A sense key of senseidx(5WN), lemma%type:file:id:head:head's id; the head, of satellites
  /// alone, without its syntactic marker.
  struct SenseKey {
    std::string_view lemma;
    PartOfSpeech part;
    std::uint32_t file = 0, id = 0;
    std::string_view head;
    std::uint32_t head_id = 0;
  };

  static SenseKey parse_key(const LineReader& lines, std::string_view text) {
    const auto mark = std::min(text.rfind('%'), text.size());
    std::array<std::string_view, 5> fields;
    std::string_view rest = text.substr(mark);
    for (auto& field : fields) {
      if (!rest.empty()) rest.remove_prefix(1);
      field = rest.substr(0, rest.find(':'));
      rest.remove_prefix(field.size());
    }
    SenseKey key{text.substr(0, mark), {}, 0, 0, fields[3].substr(0, fields[3].find('(')), 0};
    const auto number = [](std::string_view digits, std::uint32_t& value) {
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return error == std::errc() && end == digits.data() + digits.size();
    };
    std::uint32_t type = 0;
    if (!number(fields[0], type) || type < 1 || type > 5 || !number(fields[1], key.file) ||
        !number(fields[2], key.id) || (type == 5 && !number(fields[4], key.head_id)))
      lines.require(false, "found ", quote_field(text), ", needed a sense key as in dog%1:05:00::");
    key.part = type == 5 ? PartOfSpeech::adjective : static_cast<PartOfSpeech>(type - 1);
    return key;
  }

  bool has_key(std::uint32_t synset, const SenseKey& key) const {
    const auto part = static_cast<std::size_t>(key.part);
    if (synset < tables_.first_synset[part] || synset >= tables_.first_synset[part + 1] ||
        tables_.files[synset] != key.file || !has_word(synset, key.lemma, key.id))
      return false;
    if (key.head.empty()) return true;
    for (auto l = tables_.first_link[synset]; l < tables_.first_link[synset + 1]; ++l)
      if (tables_.links[l].relation == WordNetRelation::similar &&
          has_word(tables_.links[l].synset, key.head, key.head_id))
        return true;
    return false;
  }

  bool has_word(std::uint32_t synset, std::string_view lemma, std::uint32_t id) const {
    std::string_view rest = words_[synset];
    while (true) {
      const std::string_view word = take_field(rest), digit = take_field(rest);
      if (digit.empty()) return false;
      std::uint32_t value = 0;
      std::from_chars(digit.data(), digit.data() + digit.size(), value, 16);
      if (value == id && word_key(word.substr(0, word.find('('))) == lemma) return true;
    }
  }

  std::filesystem::path folder_;
  WordNetTables tables_;
  std::vector<std::string_view> words_;  ///< of synsets: word, id, word, id ...
  std::vector<std::string_view> head_words_;
  std::vector<RawLink> raw_links_;
  std::vector<std::shared_ptr<const MappedFile>> index_files_;
  std::vector<std::string_view> lemma_words_;
  std::unordered_map<std::string_view, std::uint32_t> lemma_ids_;
  std::vector<WordNetSense> raw_senses_;
};

}  // namespace see::detail
