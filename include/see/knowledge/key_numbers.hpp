#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace see::detail {

/// Numbers distinct 64-bit keys 0, 1, 2, ... in the order of their first insertion. O(1) a call on
/// average, 32 bytes a key or more.
class KeyNumbers {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  std::size_t size() const noexcept { return size_; }

  /// The number of `key`, a new one where it was not here. Fewer than 2^32 - 1 keys.
  std::uint32_t insert(std::uint64_t key) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[position(key)];
    if (slot.number == none) slot = {key, static_cast<std::uint32_t>(size_++)};
    return slot.number;
  }

  /// `none` where `key` was never inserted.
  std::uint32_t find(std::uint64_t key) const noexcept {
    return slots_.empty() ? none : slots_[position(key)].number;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t number = none;
  };

  std::size_t position(std::uint64_t key) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::uint64_t hash = (key ^ key >> 32) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask)
      if (slots_[at].number == none || slots_[at].key == key) return at;
  }

  void grow() {
    std::vector<Slot> old(std::max<std::size_t>(64, 2 * slots_.size()));
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.number != none) slots_[position(slot.key)] = slot;
  }

  std::vector<Slot> slots_;  // a power of two of them, at most half in use
  std::size_t size_ = 0;
};

}  // namespace see::detail
