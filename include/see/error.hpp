#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

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

/// A part of a message: a number, a character, a text or a path. It views what it is made from and
/// erases its type, so that one function joins the parts of every message.
class MessagePart {
 public:
  constexpr MessagePart(char character) : kind_(Kind::character), character_(character) {}
  template <std::signed_integral Number>
  constexpr MessagePart(Number number) : kind_(Kind::signed_number), signed_(number) {}
  template <std::unsigned_integral Number>
  constexpr MessagePart(Number number) : kind_(Kind::unsigned_number), unsigned_(number) {}
  template <std::floating_point Number>
  constexpr MessagePart(Number number) : kind_(Kind::real), real_(static_cast<double>(number)) {}
  constexpr MessagePart(const char* text) : MessagePart(std::string_view(text)) {}
  MessagePart(const std::string& text) : MessagePart(std::string_view(text)) {}
  constexpr MessagePart(std::string_view text)
      : kind_(Kind::text), text_{text.data(), text.size()} {}
  /// A path of the file system, which is given in quotes.
  template <class Path>
  requires requires(const Path& path) { path.lexically_normal().string(); }
  MessagePart(const Path& path)
      : kind_(Kind::path), path_{&path, [](const void* erased) {
                                   return static_cast<const Path*>(erased)->string();
                                 }} {}

  void append_to(std::string& message) const {
    char digits[32];
    char* const end = digits + sizeof digits;
    const auto add = [&](std::to_chars_result written) { message.append(digits, written.ptr); };
    switch (kind_) {
      case Kind::character:
        message += character_;
        return;
      case Kind::signed_number:
        return add(std::to_chars(digits, end, signed_));
      case Kind::unsigned_number:
        return add(std::to_chars(digits, end, unsigned_));
      case Kind::real:
        return add(std::to_chars(digits, end, real_, std::chars_format::general, 6));
      case Kind::text:
        message.append(text_.data, text_.size);
        return;
      case Kind::path:
        message += '"';
        for (const char c : path_.string(path_.path)) {
          if (c == '"' || c == '\\') message += '\\';
          message += c;
        }
        message += '"';
        return;
    }
  }

 private:
  enum class Kind { character, signed_number, unsigned_number, real, text, path };
  struct Text {
    const char* data;
    std::size_t size;
  };
  struct Path {
    const void* path;
    std::string (*string)(const void*);
  };

  Kind kind_;
  union {
    char character_;
    std::int64_t signed_;
    std::uint64_t unsigned_;
    double real_;
    Text text_;
    Path path_;
  };
};

/// The parts one after another, the same in every locale; real numbers with 6 digits.
inline std::string join(std::initializer_list<MessagePart> parts) {
  std::string message;
  for (const MessagePart& part : parts) part.append_to(message);
  return message;
}

template <class E>
[[noreturn]] void throw_joined(std::initializer_list<MessagePart> parts) {
  throw E(join(parts));
}

/// Joins the parts: numbers, characters, texts and paths.
template <class... Parts>
std::string text(const Parts&... parts) {
  return join({MessagePart(parts)...});
}

template <class E = Error, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw_joined<E>({MessagePart(parts)...});
}

/// Throws E with the joined parts unless `condition` holds.
template <class E = Error, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    throw_joined<E>({MessagePart(parts)...});
}

}  // namespace detail
}  // namespace see
