#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "see/version.hpp"

namespace see {

/// What every failed precondition and every bad input throws. The message is one sentence that says
/// where, what was found and what was needed. Nothing in the library prints or aborts.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file or stream that cannot be read or written, or whose content breaks its format.
class FileError : public Error {
 public:
  using Error::Error;
};

namespace detail {

/// Joins the parts with operator<<.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

template <class E = Error, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw E(text(parts...));
}

/// Throws E with the joined parts unless `condition` holds.
template <class E = Error, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail<E>(parts...);
}

}  // namespace detail
}  // namespace see
