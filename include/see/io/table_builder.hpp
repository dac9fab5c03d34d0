#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "see/core/table.hpp"
#include "see/error.hpp"

namespace see::detail {

/// Collects rows of numbers with distinct words, or without. The numbers grow by realloc, which on
/// large blocks moves pages instead of copying them where the system can, so the table is never
/// held twice.
class TableBuilder {
 public:
  /// Throws Error unless dim >= 1.
  explicit TableBuilder(Index dim) : dim_(static_cast<std::size_t>(dim)) {
    require(dim >= 1, "a table of ", dim, " columns, needed at least 1");
  }

  /// Makes room for that many rows; memory that is never written costs nothing on most systems.
  void reserve(std::size_t rows) {
    if (rows > capacity_) resize(rows);
  }

  /// Room for the dim numbers of the row that the next add() ends; valid until then.
  float* next_row() {
    if (rows_ == capacity_) resize(std::max<std::size_t>(16, capacity_ + capacity_ / 2));
    return values_.get() + rows_ * dim_;
  }

  /// Makes the numbers at next_row() the row of `word`; drops them where an earlier row has it.
  /// O(1) on average.
  void add(std::string_view word) {
    if (2 * (rows_ + 1) > slots_.size()) rehash();
    std::size_t& slot = find(word);
    if (slot != 0) {
      ++duplicates_;
      return;
    }
    slot = ++rows_;
    blob_.insert(blob_.end(), word.begin(), word.end());
    offsets_.push_back(static_cast<std::int64_t>(blob_.size()));
  }

  /// Makes the numbers at next_row() a row. In one table either all rows have words or none.
  void add_without_word() { ++rows_; }

  Index rows() const noexcept { return static_cast<Index>(rows_); }
  Index duplicates() const noexcept { return duplicates_; }

  /// The table of all rows; the builder must not be used afterwards.
  Table finish() {
    slots_ = {};
    if (rows_ > 0 && rows_ < capacity_) resize(rows_);
    const std::span<const float> view(values_.get(), rows_ * dim_);
    std::shared_ptr<const void> keep_alive(values_.release(), Free());
    Vocabulary words;
    if (offsets_.size() > 1)
      words = {Array<char>(std::move(blob_)), Array<std::int64_t>(std::move(offsets_))};
    return {std::move(words), Array<float>(view, std::move(keep_alive)), rows(),
            static_cast<Index>(dim_)};
  }

 private:
  struct Free {
    void operator()(const void* memory) const noexcept { std::free(const_cast<void*>(memory)); }
  };

  void resize(std::size_t rows) {
    if (rows > std::size_t(PTRDIFF_MAX) / sizeof(float) / dim_) throw std::bad_alloc();
    void* const moved = std::realloc(values_.get(), rows * dim_ * sizeof(float));
    if (!moved) throw std::bad_alloc();
    static_cast<void>(values_.release());
    values_.reset(static_cast<float*>(moved));
    capacity_ = rows;
  }

  std::string_view word(std::size_t row) const noexcept {
    return {blob_.data() + offsets_[row],
            static_cast<std::size_t>(offsets_[row + 1] - offsets_[row])};
  }

  /// The slot that holds 1 + the row of `word`, or the empty one where it belongs.
  std::size_t& find(std::string_view key) {
    std::size_t at = std::hash<std::string_view>()(key) & (slots_.size() - 1);
    while (slots_[at] != 0 && word(slots_[at] - 1) != key) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  void rehash() {
    slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), 0);
    for (std::size_t row = 0; row < rows_; ++row) find(word(row)) = row + 1;
  }

  std::size_t dim_;
  std::size_t rows_ = 0;
  std::size_t capacity_ = 0;
  Index duplicates_ = 0;
  std::unique_ptr<float, Free> values_;
  std::vector<char> blob_;
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::size_t> slots_;
};

}  // namespace see::detail
