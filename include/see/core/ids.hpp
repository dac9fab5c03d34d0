#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// An integer that can be a row number: of any width and sign, std::int8_t and std::uint8_t among
/// them, but no bool and no character.
template <class T>
concept Id = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
             !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
             !std::same_as<T, char32_t>;

namespace detail {

/// A vector of Eigen whose numbers lie side by side.
template <class Ids>
concept EigenVector = requires(const Ids& ids) {
  requires(int(Ids::IsVectorAtCompileTime) == 1) && (int(Ids::InnerStrideAtCompileTime) == 1);
  { ids.data() } -> std::same_as<const typename Ids::Scalar*>;
  { ids.size() } -> std::same_as<Index>;
};

template <class Ids>
requires std::ranges::contiguous_range<const Ids> && std::ranges::sized_range<const Ids> &&
    Id<std::ranges::range_value_t<const Ids>>
        std::span<const std::ranges::range_value_t<const Ids>> id_span(const Ids& ids) {
  return {std::ranges::data(ids), static_cast<std::size_t>(std::ranges::size(ids))};
}

template <EigenVector Ids>
requires(!std::ranges::contiguous_range<const Ids>) &&
    Id<typename Ids::Scalar> std::span<const typename Ids::Scalar> id_span(const Ids& ids) {
  return {ids.data(), static_cast<std::size_t>(ids.size())};
}

}  // namespace detail

/// Row numbers in contiguous memory: a vector, array or span of an Id type, a vector of Eigen, or a
/// braced list, which functions take by the default `IdRange Ids = IdList`:
///
///     layer.forward({1, 2, 3});
template <class Ids>
concept IdRange = requires(const Ids& ids) {
  detail::id_span(ids);
};

using IdList = std::initializer_list<Index>;

namespace detail {

/// Throws unless a matrix for a batch is ids.size() x dim and every id is one of `num_embeddings`
/// rows. `where` names the function that was called.
template <IdRange Ids>
void check_batch(const Ids& ids, Index num_embeddings, Index rows, Index cols, Index dim,
                 const char* where) {
  const auto id = id_span(ids);
  require(std::cmp_equal(rows, id.size()) && cols == dim, where, ": a matrix of ", rows, " x ",
          cols, ", needed ", id.size(), " x ", dim);
  for (std::size_t i = 0; i < id.size(); ++i)
    // Widened, so that an id of 8 bits is printed as a number.
    require(std::cmp_greater_equal(id[i], 0) && std::cmp_less(id[i], num_embeddings), where,
            ": id ", +id[i], " at position ", i, ", needed one of ", num_embeddings, " rows");
}

/// Calls write(some ids, their rows of `out`) for ranges of at most `grain` rows, shared out among
/// the tasks of `run`.
template <class Number, class Scalar, class Write>
void for_rows(const Executor& run, std::span<const Number> ids, RowMatrixRef<Scalar>& out,
              std::size_t grain, const Write& write) {
  for_ranges(run, ids.size(), grain, [&](std::size_t first, std::size_t last) {
    const std::size_t rows = last - first;
    write(ids.subspan(first, rows),
          out.middleRows(static_cast<Index>(first), static_cast<Index>(rows)));
  });
}

/// The padding row counted from 0; negative ones are counted from the end. Throws where it is none
/// of `num_embeddings` rows.
inline std::optional<Index> padding_row(std::optional<Index> padding_idx, Index num_embeddings) {
  if (!padding_idx) return {};
  require(*padding_idx >= -num_embeddings && *padding_idx < num_embeddings, "padding_idx ",
          *padding_idx, ", needed one of ", num_embeddings, " rows");
  return *padding_idx < 0 ? *padding_idx + num_embeddings : *padding_idx;
}

}  // namespace detail
}  // namespace see
