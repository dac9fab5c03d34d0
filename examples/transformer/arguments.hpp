#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "transformer/require.hpp"

/// Plain words and options of a command line.
namespace transformer {

/// A command line that makes no sense.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `WORD --name value --name=value -o value`. Every option takes a value.
class Arguments {
 public:
  Arguments(int count, char** values, int first) {
    for (int i = first; i < count; ++i) {
      std::string word = values[i];
      if (word == "-o") word = "--output";
      if (word.rfind("--", 0) != 0) {
        plain_.push_back(word);
        continue;
      }
      const std::size_t equals = word.find('=');
      if (equals != std::string::npos) {
        options_[word.substr(2, equals - 2)] = word.substr(equals + 1);
        continue;
      }
      if (++i == count) throw UsageError("option " + word + " without a value");
      options_[word.substr(2)] = values[i];
    }
  }

  /// The plain words. Throws unless there are as many as `names`.
  std::vector<std::string> plain(const std::vector<std::string>& names) const {
    if (plain_.size() == names.size()) return plain_;
    std::string needed;
    for (const std::string& name : names) needed += " " + name;
    throw UsageError(std::to_string(plain_.size()) + " arguments, needed" +
                     (needed.empty() ? " none" : needed));
  }

  std::string text(const std::string& name, const std::string& otherwise) {
    known_.insert(name);
    const auto found = options_.find(name);
    return found == options_.end() ? otherwise : found->second;
  }

  /// Throws where it is not given.
  std::string text(const std::string& name) {
    const std::string value = text(name, "");
    if (value.empty()) throw UsageError("no --" + name + ", which this command needs");
    return value;
  }

  /// Throws where it is no number of `least` or more.
  std::int64_t integer(const std::string& name, std::int64_t otherwise, std::int64_t least = 1) {
    return number<std::int64_t>(name, otherwise, least);
  }
  double real(const std::string& name, double otherwise, double least = 0) {
    return number<double>(name, otherwise, least);
  }

  /// Throws where there is an option that was not asked for; call it after all others.
  void finish() const {
    for (const auto& [name, value] : options_)
      if (!known_.contains(name)) throw UsageError("unknown option --" + name);
  }

 private:
  template <class Number>
  Number number(const std::string& name, Number otherwise, Number least) {
    const std::string given = text(name, "");
    if (given.empty()) return otherwise;
    Number value{};
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (error != std::errc() || end != given.data() + given.size() || !(value >= least))
      throw UsageError("--" + name + " " + given + ", needed a number of at least " +
                       text_of(least));
    return value;
  }

  std::vector<std::string> plain_;
  std::map<std::string, std::string> options_;
  std::set<std::string> known_;
};

}  // namespace transformer
