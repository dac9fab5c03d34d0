#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/version.hpp"

namespace see {

/// A fixed-length sequence of T that either owns its elements or views memory that something else
/// (a mapped file, say) keeps alive. Copies share the elements; the first write through `mutate()`
/// to elements that are shared or viewed copies them, so a mapped file is never written to.
///
/// Invariant: data() points at size() readable elements for as long as this object lives.
template <class T>
class Array {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Array() = default;

  /// `size` elements, value-initialised. Throws std::bad_alloc.
  explicit Array(std::size_t size) : Array(std::vector<T>(size)) {}

  Array(std::vector<T> values)
      : owned_(std::make_shared<std::vector<T>>(std::move(values))),
        data_(owned_->data()),
        size_(owned_->size()) {}

  Array(std::initializer_list<T> values) : Array(std::vector<T>(values)) {}

  /// Views `values`; `keep_alive` holds whatever owns them.
  Array(std::span<const T> values, std::shared_ptr<const void> keep_alive)
      : keep_alive_(std::move(keep_alive)), data_(values.data()), size_(values.size()) {}

  Array(const Array&) = default;
  Array& operator=(const Array&) = default;

  /// Leaves `other` empty.
  Array(Array&& other) noexcept { swap(other); }
  Array& operator=(Array&& other) noexcept {
    Array taken(std::move(other));
    swap(taken);
    return *this;
  }

  void swap(Array& other) noexcept {
    std::swap(owned_, other.owned_);
    std::swap(keep_alive_, other.keep_alive_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return size_ * sizeof(T); }
  bool empty() const noexcept { return size_ == 0; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  operator std::span<const T>() const noexcept { return {data_, size_}; }

  /// The elements as another type, each converted; shared where it is the same type.
  template <class Other>
  Array<Other> cast() const {
    if constexpr (std::is_same_v<T, Other>) {
      return *this;
    } else {
      std::vector<Other> values;
      values.reserve(size_);
      for (const T& value : *this) values.push_back(static_cast<Other>(value));
      return values;
    }
  }

  /// The elements for writing, this object's alone afterwards. O(size) where a copy is due.
  T* mutate() {
    if (!owned_ || owned_.use_count() > 1) *this = Array(std::vector<T>(begin(), end()));
    // Pairs with the release by which another thread's copy let go of the elements.
    std::atomic_thread_fence(std::memory_order_acquire);
    return owned_->data();
  }

 private:
  std::shared_ptr<std::vector<T>> owned_;
  std::shared_ptr<const void> keep_alive_;
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace see
