#pragma once

#include <concepts>
#include <ranges>
#include <utility>

#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// Row numbers in contiguous memory, of any integer type.
template <class Ids>
concept IdRange = std::ranges::contiguous_range<const Ids> && std::ranges::sized_range<const Ids> &&
    std::integral<std::ranges::range_value_t<const Ids>>;

namespace detail {

/// Throws unless a batch of rows is ids.size() x dim and every id is one of `num_embeddings` rows.
/// `what` names the batch with its article.
template <IdRange Ids>
void check_batch(const Ids& ids, Index num_embeddings, Index rows, Index cols, Index dim,
                 const char* what) {
  const auto count = static_cast<Index>(std::ranges::size(ids));
  require(rows == count && cols == dim, what, " of ", rows, " x ", cols, ", needed ", count, " x ",
          dim);
  const auto* id = std::ranges::data(ids);
  for (Index i = 0; i < count; ++i) {
    // Widened first, so that ids of every integer type compare by value.
    const auto value = +id[i];
    require(std::cmp_greater_equal(value, 0) && std::cmp_less(value, num_embeddings), "id ", value,
            " at position ", i, ", needed one of ", num_embeddings, " rows");
  }
}

}  // namespace detail
}  // namespace see
