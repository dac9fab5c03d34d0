#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// The words of a table in row order. A word is a sequence of bytes: any byte may occur, no
/// encoding is assumed. An empty vocabulary goes with a table whose rows have no names.
///
/// Invariant: offsets() has size() + 1 non-decreasing entries from 0 to blob().size(); it is empty
/// where size() is 0. Copies share all storage.
class Vocabulary {
 public:
  Vocabulary() = default;

  /// Word i is the bytes offsets[i] to offsets[i+1] - 1 of the blob. Throws where the invariant
  /// fails.
  Vocabulary(Array<char> blob, Array<std::int64_t> offsets)
      : blob_(std::move(blob)), offsets_(std::move(offsets)), ids_(std::make_shared<Ids>()) {
    if (offsets_.empty()) {
      detail::require(blob_.empty(), "a vocabulary with ", blob_.size(), " bytes and no offsets");
      return;
    }
    std::int64_t previous = 0;
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      detail::require(i == 0 ? offsets_[0] == 0 : offsets_[i] >= previous, "vocabulary offset ", i,
                      " is ", offsets_[i], ", needed ", i == 0 ? "0" : "at least the one before");
      previous = offsets_[i];
    }
    detail::require(static_cast<std::uint64_t>(previous) == blob_.size(),
                    "vocabulary offsets end at ", previous, ", needed ", blob_.size());
  }

  /// Copies the words of any range of strings; equal ones are kept, and find() gives the first.
  template <class Words>
  static Vocabulary from(const Words& words) {
    std::vector<char> blob;
    std::vector<std::int64_t> offsets{0};
    for (const auto& word : words) {
      const std::string_view bytes(word);
      blob.insert(blob.end(), bytes.begin(), bytes.end());
      offsets.push_back(static_cast<std::int64_t>(blob.size()));
    }
    return offsets.size() == 1
               ? Vocabulary()
               : Vocabulary(Array<char>(std::move(blob)), Array<std::int64_t>(std::move(offsets)));
  }

  Index size() const noexcept {
    return offsets_.empty() ? 0 : static_cast<Index>(offsets_.size()) - 1;
  }
  bool empty() const noexcept { return size() == 0; }

  /// The bytes of word `i`, 0 <= i < size(); valid while any copy of this vocabulary lives.
  std::string_view operator[](Index i) const noexcept {
    const auto at = static_cast<std::size_t>(i);
    return {blob_.data() + offsets_[at], static_cast<std::size_t>(offsets_[at + 1] - offsets_[at])};
  }

  /// The row of `word`, the first one where it occurs twice. The first call builds a hash index in
  /// O(size()) and some 40 bytes a word; later calls are O(1). Safe to call from several threads.
  std::optional<Index> find(std::string_view word) const {
    if (empty()) return std::nullopt;
    std::call_once(ids_->built, [&] {
      ids_->of.reserve(static_cast<std::size_t>(size()));
      for (Index i = 0; i < size(); ++i) ids_->of.emplace((*this)[i], i);
    });
    const auto found = ids_->of.find(word);
    return found == ids_->of.end() ? std::nullopt : std::optional(found->second);
  }

  /// The first `n` words (all of them where there are fewer). O(n) offsets are copied.
  Vocabulary first(Index n) const {
    if (n >= size()) return *this;
    if (n <= 0) return {};
    const auto count = static_cast<std::size_t>(n);
    std::vector<std::int64_t> offsets(offsets_.begin(), offsets_.begin() + count + 1);
    const std::span<const char> bytes(blob_.data(), static_cast<std::size_t>(offsets.back()));
    return {Array<char>(bytes, std::make_shared<Array<char>>(blob_)), std::move(offsets)};
  }

  const Array<char>& blob() const noexcept { return blob_; }
  const Array<std::int64_t>& offsets() const noexcept { return offsets_; }

 private:
  struct Ids {
    std::once_flag built;
    std::unordered_map<std::string_view, Index> of;
  };

  Array<char> blob_;
  Array<std::int64_t> offsets_;
  std::shared_ptr<Ids> ids_;
};

}  // namespace see
