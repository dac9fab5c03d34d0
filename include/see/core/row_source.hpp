#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// What gives embeddings by row number: a dense table or a compressed model. All of eval/ works
/// through it a block of rows at a time, so a compressed model is never expanded whole.
///
/// forward(ids, out) writes row ids[i] into row i of the ids.size() x embedding_dim() matrix `out`,
/// for ids in [0, num_embeddings()) in any order; it is called from several threads at once where
/// the executor has them.
template <class Source>
concept RowSource = requires(const Source& source, std::span<const Index> ids,
                             RowMatrixRef<float> out) {
  { source.num_embeddings() } -> std::convertible_to<Index>;
  { source.embedding_dim() } -> std::convertible_to<Index>;
  source.forward(ids, out);
};

namespace detail {

inline void require_row_ids(std::span<const Index> ids, Index rows) {
  for (const Index id : ids)
    require(id >= 0 && id < rows, "a row number is ", id, ", needed one in [0, ", rows, ")");
}

/// Rows [first, first + out.rows()) of `source`.
template <RowSource Source>
void forward_range(const Source& source, Index first, RowMatrixRef<float> out) {
  std::vector<Index> ids(static_cast<std::size_t>(out.rows()));
  std::iota(ids.begin(), ids.end(), first);
  source.forward(std::span<const Index>(ids), out);
}

}  // namespace detail

/// A dense table as a RowSource.
class TableRows {
 public:
  /// Shares the table's numbers and keeps them alive.
  explicit TableRows(const Table& table)
      : values_(table.values()),
        data_(values_.data()),
        rows_(table.rows()),
        dim_(table.dim()),
        stride_(table.dim()) {}

  /// Views rows that something else keeps alive for as long as this object and its copies are used.
  /// No copy is made: rows are `stride` >= dim numbers apart. Throws where a size does not fit.
  TableRows(const float* data, Index rows, Index dim, Index stride)
      : data_(data), rows_(rows), dim_(dim), stride_(stride) {
    detail::require(rows >= 0 && dim >= 0 && stride >= dim, "a view of ", rows, " x ", dim,
                    " numbers with stride ", stride,
                    ", needed sizes of at least 0 and a stride of at least the row");
  }

  /// Views a matrix that outlives this object and its copies; no copy is made.
  explicit TableRows(const RowMatrix<float>& matrix)
      : TableRows(matrix.data(), matrix.rows(), matrix.cols(), matrix.cols()) {}
  explicit TableRows(RowMatrix<float>&&) = delete;

  Index num_embeddings() const noexcept { return rows_; }
  Index embedding_dim() const noexcept { return dim_; }

  /// Copies the rows. Throws where an id is out of range or `out` is not ids.size() x dim.
  void forward(std::span<const Index> ids, RowMatrixRef<float> out) const {
    detail::require(out.rows() == static_cast<Index>(ids.size()) && out.cols() == dim_,
                    "an output of ", out.rows(), " x ", out.cols(), ", needed ", ids.size(), " x ",
                    dim_);
    detail::require_row_ids(ids, rows_);
    for (std::size_t i = 0; i < ids.size(); ++i)
      out.row(static_cast<Index>(i)) =
          Eigen::Map<const Eigen::RowVectorXf>(data_ + ids[i] * stride_, dim_);
  }

 private:
  Array<float> values_;
  const float* data_;
  Index rows_;
  Index dim_;
  Index stride_;
};

/// Rows of any source, or rows that are computed when they are asked for, as one type.
class AnyRows {
 public:
  using Forward = std::function<void(std::span<const Index> ids, RowMatrixRef<float> out)>;

  /// `forward` is as RowSource says.
  AnyRows(Index rows, Index dim, Forward forward)
      : rows_(rows), dim_(dim), forward_(std::move(forward)) {}

  /// A copy of a source, which is small where the source views or shares its rows.
  template <RowSource Source>
  explicit AnyRows(Source source)
      : AnyRows(source.num_embeddings(), source.embedding_dim(),
                [source = std::move(source)](std::span<const Index> ids, RowMatrixRef<float> out) {
                  source.forward(ids, out);
                }) {}

  Index num_embeddings() const noexcept { return rows_; }
  Index embedding_dim() const noexcept { return dim_; }
  void forward(std::span<const Index> ids, RowMatrixRef<float> out) const { forward_(ids, out); }

 private:
  Index rows_;
  Index dim_;
  Forward forward_;
};

/// Some rows of another source, renumbered: row i is row rows[i] of `source`. Two such lists of
/// equal length pair the rows of two tables, by word for instance.
template <RowSource Source>
class SelectedRows {
 public:
  /// Views both arguments, which outlive this object. Throws where a row number is out of range.
  SelectedRows(const Source& source, std::span<const Index> rows) : source_(&source), rows_(rows) {
    detail::require_row_ids(rows, source.num_embeddings());
  }

  Index num_embeddings() const noexcept { return static_cast<Index>(rows_.size()); }
  Index embedding_dim() const { return source_->embedding_dim(); }

  /// As the source's. Throws where an id is out of range, and what the source throws.
  void forward(std::span<const Index> ids, RowMatrixRef<float> out) const {
    detail::require_row_ids(ids, num_embeddings());
    std::vector<Index> chosen;
    chosen.reserve(ids.size());
    for (const Index id : ids) chosen.push_back(rows_[static_cast<std::size_t>(id)]);
    source_->forward(std::span<const Index>(chosen), out);
  }

 private:
  const Source* source_;
  std::span<const Index> rows_;
};

}  // namespace see
