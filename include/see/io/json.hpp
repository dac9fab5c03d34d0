#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "see/error.hpp"
#include "see/io/json_quote.hpp"

namespace see::detail {

/// A JSON value (RFC 8259). Numbers keep their text; the members of an object keep their order.
class JsonValue {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  Kind kind() const noexcept { return kind_; }
  bool is(Kind kind) const noexcept { return kind_ == kind; }

  /// Where the value begins in the parsed text, in bytes.
  std::size_t offset() const noexcept { return offset_; }

  bool boolean() const { return need(Kind::boolean, "true or false").text_ == "true"; }
  const std::string& string() const { return need(Kind::string, "a string").text_; }
  const std::string& number() const { return need(Kind::number, "a number").text_; }
  const std::vector<JsonValue>& items() const { return need(Kind::array, "an array").values_; }

  /// Throws FileError unless the value is a number without fraction or exponent that fits.
  std::int64_t integer() const {
    const std::string& digits = number();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    require<FileError>(error == std::errc() && end == digits.data() + digits.size(),
                       "JSON at byte ", offset_, ": found ", digits.substr(0, 40),
                       ", needed an integer of 64 bits");
    return value;
  }

  /// The keys of an object and, in the same order, their values.
  const std::vector<std::string>& keys() const { return need(Kind::object, "an object").keys_; }
  const std::vector<JsonValue>& values() const { return need(Kind::object, "an object").values_; }

  /// The value of `key` in an object, null where there is none. O(members).
  const JsonValue* find(std::string_view key) const {
    const auto& names = keys();
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == key) return &values_[i];
    return nullptr;
  }

  static std::string_view name(Kind kind) {
    switch (kind) {
      case Kind::null:
        return "null";
      case Kind::boolean:
        return "true or false";
      case Kind::number:
        return "a number";
      case Kind::string:
        return "a string";
      case Kind::array:
        return "an array";
      case Kind::object:
        return "an object";
    }
    return "nothing";
  }

 private:
  friend class JsonParser;

  const JsonValue& need(Kind kind, std::string_view what) const {
    require<FileError>(kind_ == kind, "JSON at byte ", offset_, ": found ", name(kind_),
                       ", needed ", what);
    return *this;
  }

  Kind kind_ = Kind::null;
  std::size_t offset_ = 0;
  std::string text_;
  std::vector<std::string> keys_;
  std::vector<JsonValue> values_;
};

/// What bounds the memory and the stack that a hostile text can claim.
struct JsonLimits {
  int depth = 32;
  std::size_t values = 1'000'000;
};

/// Recursive descent over one text; see parse_json.
class JsonParser {
 public:
  JsonParser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  JsonValue parse() {
    const std::size_t good = utf8_prefix(text_);
    require<FileError>(good == text_.size(), "JSON at byte ", good, ": found ill-formed UTF-8");
    JsonValue value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("the end of the text");
    return value;
  }

 private:
  using Kind = JsonValue::Kind;

  [[noreturn]] void fail(std::string_view needed) const {
    if (at_ >= text_.size())
      detail::fail<FileError>("JSON at byte ", at_, ": found the end, needed ", needed);
    const std::string_view rest = text_.substr(at_);
    detail::fail<FileError>("JSON at byte ", at_, ": found '", rest.substr(0, utf8_length(rest)),
                            "', needed ", needed);
  }

  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool is_digit() const noexcept { return peek() >= '0' && peek() <= '9'; }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != text_.npos) ++at_;
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  JsonValue parse_value(int depth) {
    skip_space();
    require<FileError>(depth < limits_.depth, "JSON at byte ", at_, ": nested deeper than ",
                       limits_.depth, " levels");
    require<FileError>(count_++ < limits_.values, "JSON at byte ", at_, ": more than ",
                       limits_.values, " values");
    JsonValue value;
    value.offset_ = at_;
    switch (peek()) {
      case '{':
        parse_object(value, depth);
        break;
      case '[':
        parse_array(value, depth);
        break;
      case '"':
        value.kind_ = Kind::string;
        value.text_ = parse_string();
        break;
      case 't':
        parse_word(value, Kind::boolean, "true");
        break;
      case 'f':
        parse_word(value, Kind::boolean, "false");
        break;
      case 'n':
        parse_word(value, Kind::null, "null");
        break;
      default:
        parse_number(value);
    }
    return value;
  }

  void parse_word(JsonValue& value, Kind kind, std::string_view word) {
    if (text_.substr(at_, word.size()) != word) fail("a value");
    at_ += word.size();
    value.kind_ = kind;
    value.text_ = word;
  }

  void parse_number(JsonValue& value) {
    const std::size_t first = at_;
    take('-');
    if (!is_digit()) fail(at_ == first ? "a value" : "a digit");
    if (!take('0')) parse_digits();
    if (take('.')) parse_digits();
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      parse_digits();
    }
    value.kind_ = Kind::number;
    value.text_ = text_.substr(first, at_ - first);
  }

  void parse_digits() {
    if (!is_digit()) fail("a digit");
    while (is_digit()) ++at_;
  }

  void parse_array(JsonValue& value, int depth) {
    value.kind_ = Kind::array;
    ++at_;
    skip_space();
    if (take(']')) return;
    do {
      value.values_.push_back(parse_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take(']')) fail("',' or ']'");
  }

  void parse_object(JsonValue& value, int depth) {
    value.kind_ = Kind::object;
    std::unordered_set<std::string> seen;
    ++at_;
    skip_space();
    if (take('}')) return;
    do {
      skip_space();
      if (peek() != '"') fail("a key");
      const std::size_t key_at = at_;
      std::string key = parse_string();
      require<FileError>(seen.insert(key).second, "JSON at byte ", key_at, ": found the key \"",
                         key, "\" twice");
      skip_space();
      if (!take(':')) fail("':'");
      value.keys_.push_back(std::move(key));
      value.values_.push_back(parse_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take('}')) fail("',' or '}'");
  }

  std::string parse_string() {
    std::string out;
    ++at_;
    while (!take('"')) {
      if (at_ >= text_.size()) fail("'\"'");
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) fail("an escape in place of a control character");
      if (c == '\\') {
        ++at_;
        parse_escape(out);
      } else {
        out.push_back(c);
        ++at_;
      }
    }
    return out;
  }

  void parse_escape(std::string& out) {
    static constexpr std::string_view names = "\"\\/bfnrt";
    static constexpr std::string_view codes = "\"\\/\b\f\n\r\t";
    if (const auto which = at_ < text_.size() ? names.find(text_[at_]) : names.npos;
        which != names.npos) {
      out.push_back(codes[which]);
      ++at_;
      return;
    }
    if (!take('u')) fail("an escape");
    std::uint32_t code = parse_hex();
    if (code >= 0xdc00 && code < 0xe000) fail("a high surrogate before the low one");
    if (code >= 0xd800 && code < 0xdc00) {
      if (!take('\\') || !take('u')) fail("a low surrogate");
      const std::uint32_t low = parse_hex();
      if (low < 0xdc00 || low >= 0xe000) fail("a low surrogate");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
  }

  std::uint32_t parse_hex() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("four hexadecimal digits");
      code = code << 4 | static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  std::string_view text_;
  JsonLimits limits_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

/// Parses `text`, which must be one JSON value in UTF-8. Throws FileError with the byte offset
/// where it is not, where an object has a key twice or where `limits` are passed. O(text.size()).
inline JsonValue parse_json(std::string_view text, const JsonLimits& limits = {}) {
  return JsonParser(text, limits).parse();
}

}  // namespace see::detail
