#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <span>
#include <tuple>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/lexicon.hpp"

/// In which order senses go, those first that cost least a byte; a sense of infinite score stays.
namespace see::detail {

/// Bits that a file has less without one sense, and without one unit of each inventory (0: its
/// units stay).
struct DropPrices {
  double sense = 1;
  std::vector<double> unit;
};

/// Where senses go from the last of a word on: a word's senses are cut into runs such that means of
/// scores grow from the last run to the first, which pooling neighbours finds (isotonic
/// regression), and runs go in the order of their means. O(senses log senses).
inline std::vector<Index> order_from_last(const Lexicon& lexicon, std::span<const double> scores) {
  struct Run {
    double sum;
    Index first, last;  // senses first to last - 1
    double mean() const { return sum / static_cast<double>(last - first); }
  };
  std::vector<Run> runs;
  for (Index w = 0; w < lexicon.words(); ++w) {
    const std::size_t begin = runs.size();
    for (Index s = lexicon.first_sense(w + 1); s-- > lexicon.first_sense(w);) {
      const double score = scores[static_cast<std::size_t>(s)];
      if (std::isinf(score)) break;
      Run run{score, s, s + 1};
      while (runs.size() > begin && runs.back().mean() >= run.mean()) {
        run.sum += runs.back().sum;
        run.last = runs.back().last;
        runs.pop_back();
      }
      runs.push_back(run);
    }
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const Run& a, const Run& b) { return a.mean() < b.mean(); });
  std::vector<Index> order;
  for (const Run& run : runs)
    for (Index s = run.last; s-- > run.first;) order.push_back(s);
  return order;
}

/// Where each sense can go alone. What goes next is the sense or the unit, with all senses that
/// still have it, of the least score a bit; the score of a unit is the sum of theirs. Units are in
/// a heap anew whenever a sense that has them goes. O(senses order log(senses order)).
class DropOrder {
 public:
  DropOrder(const Lexicon& lexicon, std::span<const double> scores, const DropPrices& prices)
      : scores_(scores), price_(std::max(prices.sense, 1.0)), senses_(lexicon.senses()) {
    find_units(lexicon, prices);
    for (Index s = 0; s < senses_; ++s)
      if (!std::isinf(score(s))) heap_.push({score(s) / price_, s, 0});
    for (std::size_t u = 0; u < units_.size(); ++u) offer(static_cast<Index>(u));
  }

  /// All senses that can go, in order. Once.
  std::vector<Index> run() {
    std::vector<bool> gone(static_cast<std::size_t>(senses_), false);
    std::vector<Index> order;
    const auto drop = [&](Index s) {
      if (gone[static_cast<std::size_t>(s)]) return;
      gone[static_cast<std::size_t>(s)] = true;
      order.push_back(s);
      for (const Index u : units_of(s)) {
        Unit& unit = units_[static_cast<std::size_t>(u)];
        --unit.senses;
        unit.sum -= score(s);
        offer(u);
      }
    };
    while (!heap_.empty()) {
      const Candidate next = heap_.top();
      heap_.pop();
      if (next.number < senses_) {
        drop(next.number);
        continue;
      }
      const auto u = static_cast<std::size_t>(next.number - senses_);
      if (next.version != units_[u].version) continue;
      for (std::size_t i = first_user_[u]; i < first_user_[u + 1]; ++i) drop(users_[i]);
    }
    return order;
  }

 private:
  struct Candidate {
    double density;
    Index number;           // of a sense or, from senses_ on, a unit
    std::uint32_t version;  // of the unit when it was offered
    bool operator>(const Candidate& other) const {
      return std::tie(density, number) > std::tie(other.density, other.number);
    }
  };

  struct Unit {
    double price = 0;
    double sum = 0;     // of the scores of the senses that have it still
    Index senses = 0;   // these
    bool stays = true;  // one of them does
    std::uint32_t version = 0;
  };

  double score(Index s) const { return scores_[static_cast<std::size_t>(s)]; }

  std::span<const Index> units_of(Index s) const {
    const auto at = static_cast<std::size_t>(s);
    return std::span(found_).subspan(first_found_[at], first_found_[at + 1] - first_found_[at]);
  }

  /// The units of each sense, each once, and the senses of each unit.
  void find_units(const Lexicon& lexicon, const DropPrices& prices) {
    const SlotTable& table = lexicon.table();
    std::vector<Index> offsets{0};
    for (std::size_t i = 0; i < table.sizes.size(); ++i) {
      offsets.push_back(offsets.back() + table.sizes[i]);
      units_.resize(static_cast<std::size_t>(offsets.back()),
                    {prices.unit[i], 0, 0, prices.unit[i] == 0});
    }
    first_user_.assign(units_.size() + 1, 0);
    for (Index w = 0; w < lexicon.words(); ++w)
      lexicon.for_senses(w, [&](Index s, const Index* numbers) {
        const auto begin = static_cast<std::ptrdiff_t>(found_.size());
        const double value = score(lexicon.first_sense(w) + s);
        for (int j = 0; j < lexicon.order(); ++j) {
          const int inventory = table.inventory(table.row_of(s), j);
          const Index u = offsets[static_cast<std::size_t>(inventory)] + numbers[j];
          if (std::find(found_.begin() + begin, found_.end(), u) != found_.end()) continue;
          found_.push_back(u);
          Unit& unit = units_[static_cast<std::size_t>(u)];
          unit.sum += value;
          ++unit.senses;
          unit.stays = unit.stays || std::isinf(value);
          ++first_user_[static_cast<std::size_t>(u) + 1];
        }
        first_found_.push_back(found_.size());
      });
    for (std::size_t u = 0; u < units_.size(); ++u) first_user_[u + 1] += first_user_[u];
    users_.resize(found_.size());
    std::vector<std::size_t> next(first_user_.begin(), first_user_.end() - 1);
    for (Index s = 0; s < senses_; ++s)
      for (const Index u : units_of(s)) users_[next[static_cast<std::size_t>(u)]++] = s;
  }

  void offer(Index u) {
    Unit& unit = units_[static_cast<std::size_t>(u)];
    ++unit.version;
    if (unit.stays || unit.senses == 0) return;
    const double bits = unit.price + price_ * static_cast<double>(unit.senses);
    heap_.push({unit.sum / bits, senses_ + u, unit.version});
  }

  std::span<const double> scores_;
  double price_;
  Index senses_;
  std::vector<Unit> units_;
  std::vector<Index> found_, users_;
  std::vector<std::size_t> first_found_{0}, first_user_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap_;
};

}  // namespace see::detail
