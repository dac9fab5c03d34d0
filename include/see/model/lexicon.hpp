#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/bits.hpp"
#include "see/core/ids.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/packet.hpp"
#include "see/model/shape.hpp"

namespace see {

/// Which inventory each slot of a sense draws its unit from, and how many units each inventory has.
/// Row t of `slots` (order numbers) serves the t-th sense of a word, the last row all later ones:
/// one row where all senses share their inventories (SEE, MorphTE), one a term where they do not.
///
/// Invariant: slots.size() is a positive multiple of order and each entry is below sizes.size().
struct SlotTable {
  int order = 1;
  std::vector<Index> sizes;  ///< units of each inventory
  std::vector<int> slots;    ///< rows x order, row-major

  /// One inventory for every slot.
  static SlotTable shared(int order, Index units) {
    return {order, {units}, std::vector<int>(static_cast<std::size_t>(order), 0)};
  }

  /// An inventory of its own for each slot, the same for all senses.
  static SlotTable per_slot(std::vector<Index> sizes) {
    SlotTable table{static_cast<int>(sizes.size()), std::move(sizes), {}};
    for (int j = 0; j < table.order; ++j) table.slots.push_back(j);
    return table;
  }

  Index rows() const noexcept { return static_cast<Index>(slots.size()) / order; }
  Index row_of(Index sense) const noexcept { return std::min(sense, rows() - 1); }
  int inventory(Index row, int slot) const noexcept {
    return slots[static_cast<std::size_t>(row * order + slot)];
  }

  /// Throws where the invariant fails.
  void validate() const {
    detail::require(order >= 1 && order <= max_order, "a slot table of order ", order,
                    ", needed 1 to ", max_order);
    detail::require(!slots.empty() && slots.size() % static_cast<std::size_t>(order) == 0,
                    "a slot table of ", slots.size(), " entries, needed a positive multiple of ",
                    order);
    for (const int slot : slots)
      detail::require(slot >= 0 && static_cast<std::size_t>(slot) < sizes.size(),
                      "a slot names inventory ", slot, ", needed one of ", sizes.size());
    for (const Index size : sizes)
      detail::require(size >= 1 && size <= 0xffffffffLL, "an inventory of ", size,
                      " units, needed 1 to 2^32 - 1");
  }

  friend bool operator==(const SlotTable&, const SlotTable&) = default;
};

/// How a lexicon knows the unit in slot j of sense s of word w:
///  - stored: a packed field of sum_j bits_for(largest inventory of slot j) bits a sense, slot 1
///    first;
///  - digits: digit j of w, written with the inventories' sizes as bases, the most significant
///  digit
///    first (word2ketXS); takes no memory;
///  - own: the number of the sense among all senses, in every slot (word2ket); takes no memory.
enum class IndexKind { stored, digits, own };

/// The ragged index of an entangled embedding: word -> senses -> one unit a slot. The rank R(w) of
/// a word is its number of senses.
///
/// Invariant: every unit number is below the size of the inventory that its slot names.
class Lexicon {
 public:
  Lexicon() = default;

  /// The stored index of words with ranks[w] senses each. `units` holds the unit numbers in the
  /// order word, sense, slot. Throws where the counts do not fit or a unit does not exist.
  template <IdRange Units = IdList>
  Lexicon(SlotTable table, std::span<const Index> ranks, const Units& units)
      : Lexicon(std::move(table), static_cast<Index>(ranks.size())) {
    set_ranks(ranks);
    const auto order = static_cast<std::size_t>(table_.order);
    const auto unit_of = detail::id_span(units);
    detail::require(unit_of.size() == static_cast<std::size_t>(senses_) * order, "a lexicon of ",
                    senses_, " senses of order ", table_.order, " needs as many units, not ",
                    unit_of.size());
    detail::BitWriter writer;
    std::size_t at = 0;
    for (Index w = 0; w < words_; ++w)
      for (Index s = 0; s < rank(w); ++s)
        for (int j = 0; j < table_.order; ++j, ++at) {
          const auto unit = static_cast<Index>(unit_of[at]);
          check_unit(w, s, j, unit);
          writer.write(static_cast<std::uint64_t>(unit), bits_[static_cast<std::size_t>(j)]);
        }
    packed_ = writer.finish();
  }

  /// The index of words of which none has a sense, without inventories.
  static Lexicon without_senses(Index words) {
    detail::require(words >= 0, "a lexicon of ", words, " words");
    Lexicon lexicon;
    lexicon.words_ = words;
    return lexicon;
  }

  /// Adopts a packed index (of a file). `ranks` has an entry a word, or one for all of them. Throws
  /// where sizes do not fit or a unit does not exist. O(senses * order), or O(1) where every
  /// inventory has a power of two of units.
  static Lexicon from_packed(SlotTable table, Index words, std::span<const Index> ranks,
                             Array<std::uint8_t> packed) {
    Lexicon lexicon(std::move(table), words);
    lexicon.set_ranks(ranks);
    const auto bits = static_cast<std::uint64_t>(lexicon.senses_ * lexicon.sense_bits_);
    detail::require(packed.size() == detail::packed_bytes(bits), "an index of ", packed.size(),
                    " bytes, needed ", detail::packed_bytes(bits), " for ", lexicon.senses_,
                    " senses of ", lexicon.sense_bits_, " bits");
    lexicon.packed_ = std::move(packed);
    if (lexicon.every_field_is_a_unit()) return lexicon;
    std::array<Index, max_order> units;
    for (Index w = 0; w < words; ++w)
      for (Index s = 0; s < lexicon.rank(w); ++s) {
        lexicon.units(w, s, units.data());
        for (int j = 0; j < lexicon.order(); ++j)
          lexicon.check_unit(w, s, j, units[static_cast<std::size_t>(j)]);
      }
    return lexicon;
  }

  /// The index of kind `digits` or `own` of `words` words; `ranks` has an entry a word, or one for
  /// all of them. Throws unless the inventories suffice: for digits, the product of the sizes in
  /// each row of the slot table is at least `words`; for own, each has a unit for every sense.
  static Lexicon implicit(IndexKind kind, SlotTable table, Index words,
                          std::span<const Index> ranks) {
    detail::require(kind != IndexKind::stored, "an implicit index of kind stored");
    Lexicon lexicon(std::move(table), words);
    lexicon.set_ranks(ranks);
    lexicon.kind_ = kind;
    for (Index t = 0; t < lexicon.table_.rows(); ++t) {
      Index numbers = 1;
      for (int j = 0; j < lexicon.order(); ++j) {
        const Index size = lexicon.inventory_size(t, j);
        if (kind == IndexKind::own)
          detail::require(size >= lexicon.senses_, "an inventory of ", size, " units for ",
                          lexicon.senses_, " senses that have one each");
        else if (numbers < words)  // cut at words, so that no product is too large
          numbers = size > words / numbers ? words : numbers * size;
      }
      detail::require(kind == IndexKind::own || numbers >= words, "an index of ", numbers,
                      " digit strings, needed ", words, " or more");
    }
    return lexicon;
  }

  Index words() const noexcept { return words_; }
  Index senses() const noexcept { return senses_; }  ///< of all words together
  int order() const noexcept { return table_.order; }
  IndexKind kind() const noexcept { return kind_; }
  const SlotTable& table() const noexcept { return table_; }
  const Array<std::uint8_t>& packed() const noexcept { return packed_; }

  /// Whether all words have uniform_rank() senses.
  bool is_uniform() const noexcept { return first_sense_.empty(); }
  Index uniform_rank() const noexcept { return uniform_rank_; }

  /// Senses of word `w`, 0 <= w < words().
  Index rank(Index w) const noexcept {
    return is_uniform() ? uniform_rank_ : first_sense(w + 1) - first_sense(w);
  }

  /// Number of the first sense of word `w` among all senses, 0 <= w <= words().
  Index first_sense(Index w) const noexcept {
    return is_uniform() ? w * uniform_rank_
                        : static_cast<Index>(first_sense_[static_cast<std::size_t>(w)]);
  }

  /// Writes the order() unit numbers of sense `s` of word `w`, 0 <= s < rank(w), to `out`.
  void units(Index w, Index s, Index* out) const noexcept {
    if (kind_ == IndexKind::own) {
      std::fill_n(out, order(), first_sense(w) + s);
      return;
    }
    if (kind_ == IndexKind::digits) {
      const Index row = table_.row_of(s);
      for (int j = order() - 1; j >= 0; --j) {
        const Index size = inventory_size(row, j);
        out[j] = w % size;
        w /= size;
      }
      return;
    }
    auto position = static_cast<std::uint64_t>((first_sense(w) + s) * sense_bits_);
    for (int j = 0; j < order(); ++j) {
      const int bits = bits_[static_cast<std::size_t>(j)];
      out[j] =
          bits == 0 ? 0 : static_cast<Index>(detail::read_bits(packed_.data(), position, bits));
      position += static_cast<std::uint64_t>(bits);
    }
  }

  /// Prefetches the part of the index that holds the senses of word `w`.
  void prefetch(Index w) const noexcept {
    if (packed_.empty()) return;
    const Index first = first_sense(w) * sense_bits_ / 8;
    kernel::prefetch(packed_.data() + first, rank(w) * sense_bits_ / 8 + 8);
  }

  /// Calls visit(s, units) for every sense of word `w` in turn, units being its order() unit
  /// numbers. `Order` is order() where it is known when compiling.
  template <int Order = Eigen::Dynamic, class Visit>
  void for_senses(Index w, const Visit& visit) const {
    const int order = Order == Eigen::Dynamic ? table_.order : Order;
    const Index count = rank(w);
    Index found[max_order];
    if (kind_ != IndexKind::stored || sense_bits_ > 57) {
      for (Index s = 0; s < count; ++s) {
        units(w, s, found);
        visit(s, static_cast<const Index*>(found));
      }
      return;
    }
    auto position = static_cast<std::uint64_t>(first_sense(w) * sense_bits_);
    for (Index s = 0; s < count; ++s, position += static_cast<std::uint64_t>(sense_bits_)) {
      std::uint64_t field = sense_bits_ == 0 ? 0 : detail::read_word(packed_.data(), position);
      for (int j = 0; j < order; ++j) {
        const int bits = bits_[static_cast<std::size_t>(j)];
        found[j] = static_cast<Index>(field & ((std::uint64_t{1} << bits) - 1));
        field >>= bits;
      }
      visit(s, static_cast<const Index*>(found));
    }
  }

 private:
  Lexicon(SlotTable table, Index words) : table_(std::move(table)), words_(words) {
    table_.validate();
    detail::require(words >= 0, "a lexicon of ", words, " words");
    for (int j = 0; j < order(); ++j) {
      Index largest = 1;
      for (Index t = 0; t < table_.rows(); ++t)
        largest = std::max(largest, table_.sizes[static_cast<std::size_t>(table_.inventory(t, j))]);
      bits_[static_cast<std::size_t>(j)] = detail::bits_for(static_cast<std::uint64_t>(largest));
      sense_bits_ += bits_[static_cast<std::size_t>(j)];
    }
  }

  Index inventory_size(Index row, int slot) const noexcept {
    return table_.sizes[static_cast<std::size_t>(table_.inventory(row, slot))];
  }

  /// Whether no packed field can name a unit that does not exist.
  bool every_field_is_a_unit() const noexcept {
    bool every = true;
    for (Index t = 0; t < table_.rows(); ++t)
      for (int j = 0; j < order(); ++j)
        every = every && inventory_size(t, j) >> bits_[static_cast<std::size_t>(j)] >= 1;
    return every || senses_ == 0;
  }

  void set_ranks(std::span<const Index> ranks) {
    for (const Index rank : ranks)
      detail::require(rank >= 0 && rank <= 0xffffffffLL, "a word of ", rank,
                      " senses, needed 0 to 2^32 - 1");
    const bool uniform =
        std::adjacent_find(ranks.begin(), ranks.end(), std::not_equal_to<>()) == ranks.end();
    detail::require(static_cast<Index>(ranks.size()) == words_ || ranks.size() == 1, "ranks of ",
                    ranks.size(), " words, needed ", words_);
    if (uniform) {
      uniform_rank_ = ranks.empty() ? 0 : ranks[0];
      detail::require(uniform_rank_ == 0 || words_ <= 0xffffffffLL / uniform_rank_,
                      "a lexicon of 2^32 senses or more");
      senses_ = uniform_rank_ * words_;
      return;
    }
    std::vector<std::uint32_t> first;
    first.reserve(ranks.size() + 1);
    for (const Index rank : ranks) {
      first.push_back(static_cast<std::uint32_t>(senses_));
      senses_ += rank;
      detail::require(senses_ <= 0xffffffffLL, "a lexicon of 2^32 senses or more");
    }
    first.push_back(static_cast<std::uint32_t>(senses_));
    first_sense_ = Array<std::uint32_t>(std::move(first));
  }

  void check_unit(Index w, Index s, int slot, Index unit) const {
    const Index size = inventory_size(table_.row_of(s), slot);
    detail::require(unit >= 0 && unit < size, "word ", w, ", sense ", s, ", slot ", slot,
                    " names unit ", unit, ", needed one below ", size);
  }

  SlotTable table_;
  Index words_ = 0;
  Index senses_ = 0;
  Index uniform_rank_ = 0;
  IndexKind kind_ = IndexKind::stored;
  Array<std::uint32_t> first_sense_;  // words + 1 running sums of ranks; empty where uniform
  Array<std::uint8_t> packed_;
  std::array<int, max_order> bits_{};
  Index sense_bits_ = 0;
};

/// Collects a lexicon word by word:
///
/// \code
///     LexiconBuilder builder(SlotTable::shared(2, 100));
///     builder.word().sense({3, 17}).sense({3, 4});   // a word of rank 2
///     Lexicon lexicon = builder.finish();
/// \endcode
class LexiconBuilder {
 public:
  explicit LexiconBuilder(SlotTable table) : table_(std::move(table)) { table_.validate(); }

  /// Begins the next word, with no sense yet.
  LexiconBuilder& word() {
    ranks_.push_back(0);
    return *this;
  }

  /// Adds a sense to the word begun last. Throws before the first word, and where the number of
  /// units is not the order.
  LexiconBuilder& sense(std::span<const Index> units) {
    detail::require(!ranks_.empty(), "a sense before the first word");
    detail::require(static_cast<int>(units.size()) == table_.order, "a sense of ", units.size(),
                    " units, needed ", table_.order);
    ++ranks_.back();
    units_.insert(units_.end(), units.begin(), units.end());
    return *this;
  }
  LexiconBuilder& sense(std::initializer_list<Index> units) {
    return sense(std::span<const Index>(units.begin(), units.size()));
  }

  /// Throws where a unit does not exist.
  Lexicon finish() const { return Lexicon(table_, ranks_, units_); }

 private:
  SlotTable table_;
  std::vector<Index> ranks_;
  std::vector<Index> units_;
};

}  // namespace see
