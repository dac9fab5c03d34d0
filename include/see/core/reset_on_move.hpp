#pragma once

#include <utility>

namespace see::detail {

/// A value that becomes T{} where it is moved from, so that a class with defaulted moves is left
/// empty.
template <class T>
class ResetOnMove {
 public:
  ResetOnMove(T value = {}) noexcept : value_(std::move(value)) {}
  ResetOnMove(const ResetOnMove&) = default;
  ResetOnMove(ResetOnMove&& other) noexcept : value_(std::exchange(other.value_, T{})) {}
  ResetOnMove& operator=(const ResetOnMove&) = default;
  ResetOnMove& operator=(ResetOnMove&& other) noexcept {
    value_ = std::exchange(other.value_, T{});
    return *this;
  }

  const T& value() const noexcept { return value_; }

 private:
  T value_;
};

}  // namespace see::detail
