#pragma once

#include <utility>

#include "see/core/array.hpp"
#include "see/core/register_width.hpp"
#include "see/core/types.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"

namespace see {

/// A dense embedding table: rows() x dim() numbers in row-major order, and a word for each row
/// unless words().empty(). The numbers are owned or lie in a mapped file.
///
/// Invariant: words().size() is 0 or rows(); every number is finite (readers see to it).
class Table {
 public:
  Table() = default;

  /// Throws unless values.size() == rows * dim and the words fit.
  Table(Vocabulary words, Array<float> values, Index rows, Index dim)
      : words_(std::move(words)), values_(std::move(values)), rows_(rows), dim_(dim) {
    detail::require_one_register_width();
    detail::require(rows >= 0 && dim >= 0 && static_cast<Index>(values_.size()) == rows * dim,
                    "a table of ", rows, " x ", dim, " needs as many numbers, not ",
                    values_.size());
    detail::require(words_.empty() || words_.size() == rows, "a table of ", rows,
                    " rows needs as many words, not ", words_.size());
  }

  Index rows() const noexcept { return rows_; }
  Index dim() const noexcept { return dim_; }
  const Vocabulary& words() const noexcept { return words_; }
  const Array<float>& values() const noexcept { return values_; }
  ConstRowMatrixMap<float> matrix() const noexcept { return {values_.data(), rows_, dim_}; }

  /// The first `n` rows (all where there are fewer); shares the numbers. Throws where n < 0.
  Table first(Index n) const {
    detail::require(n >= 0, "the first ", n, " rows of a table, needed 0 or more");
    if (n >= rows_) return *this;
    const std::span<const float> head(values_.data(), static_cast<std::size_t>(n * dim_));
    return {words_.first(n), Array<float>(head, std::make_shared<Array<float>>(values_)), n, dim_};
  }

 private:
  Vocabulary words_;
  Array<float> values_;
  Index rows_ = 0;
  Index dim_ = 0;
};

}  // namespace see
