#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/model/lexicon.hpp"

namespace see {

/// A lexicon whose words and units have names.
struct NamedLexicon {
  Lexicon lexicon;
  Vocabulary words;  ///< of the lexicon, in its order
  Vocabulary units;  ///< of the one inventory that all slots share
};

/// Collects a lexicon of one's own by names. Words and units are numbered in the order in which
/// they are first named; a unit may stand in any slot.
///
/// \code
///     see::NamedLexiconBuilder builder(2);   // a sense is two units
///     builder.word("king").sense({"human", "royal"});
///     builder.word("bank").sense({"money", "house"}).sense({"water", "edge"});
///     see::NamedLexicon names = builder.finish();
/// \endcode
class NamedLexiconBuilder {
 public:
  /// Throws unless 1 <= order <= max_order.
  explicit NamedLexiconBuilder(int order) : order_(order) {
    detail::require(order >= 1 && order <= max_order, "NamedLexiconBuilder: an order of ", order,
                    ", needed 1 to ", max_order);
  }

  /// Begins the next word, with no sense yet. Throws where it was there before.
  NamedLexiconBuilder& word(std::string_view name) {
    detail::require(numbers_of_words_.emplace(name, words_.size()).second, "word \"", name,
                    "\" comes twice in a lexicon");
    words_.emplace_back(name);
    ranks_.push_back(0);
    return *this;
  }

  /// Adds a sense to the word begun last. Throws before the first word, and where the units are not
  /// as many as the order.
  NamedLexiconBuilder& sense(std::span<const std::string_view> units) {
    detail::require(!words_.empty(), "a sense before the first word of a lexicon");
    detail::require(std::cmp_equal(units.size(), order_), "word \"", words_.back(),
                    "\" has a sense of ", units.size(), " units, needed ", order_);
    for (const std::string_view unit : units) {
      const auto next = static_cast<Index>(units_.size());
      const auto [found, is_new] = numbers_of_units_.emplace(unit, next);
      if (is_new) units_.emplace_back(unit);
      senses_.push_back(found->second);
    }
    ++ranks_.back();
    return *this;
  }
  NamedLexiconBuilder& sense(std::initializer_list<std::string_view> units) {
    return sense(std::span<const std::string_view>(units.begin(), units.size()));
  }

  /// Throws where no unit was named.
  NamedLexicon finish() const {
    return {Lexicon(SlotTable::shared(order_, static_cast<Index>(units_.size())), ranks_, senses_),
            Vocabulary::from(words_), Vocabulary::from(units_)};
  }

 private:
  using Numbers = std::unordered_map<std::string, Index>;

  int order_;
  std::vector<std::string> words_, units_;
  Numbers numbers_of_words_, numbers_of_units_;
  std::vector<Index> ranks_, senses_;
};

}  // namespace see
