#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "see/core/ids.hpp"
#include "see/core/types.hpp"

namespace see {

/// A table in constant codes: rows y_w, num_embeddings() of them, embedding_dim() numbers each; a
/// RowSource. Codes are what an embedding adds to the sums of its terms, or all of it where it has
/// none; they have no parameters. Immutable, so threads may share one object.
class RowCodes {
 public:
  virtual ~RowCodes() = default;

  Index num_embeddings() const noexcept { return rows_; }
  Index embedding_dim() const noexcept { return dim_; }

  /// Row i of `out` becomes y_{ids[i]}. Throws, and writes nothing, where an id is no row or `out`
  /// is not ids.size() x embedding_dim().
  void forward(std::span<const Index> ids, RowMatrixRef<float> out) const {
    detail::check_batch(ids, rows_, out.rows(), out.cols(), dim_, "an output");
    write_rows(ids, out);
  }

  /// What files and reports call these codes: "trellis", "int8", "pq", ...
  virtual std::string_view kind() const noexcept = 0;

  /// The same for arguments that are known to fit, or y_{ids[i]} is added to row i. Rows come out
  /// the same whatever stands beside them.
  virtual void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const = 0;
  virtual void write_rows(std::span<const Index> ids, RowMatrixRef<double> out) const {
    for_blocks(ids, [&](Index first, const RowMatrix<float>& rows) {
      out.middleRows(first, rows.rows()) = rows.cast<double>();
    });
  }
  virtual void add_rows(std::span<const Index> ids, RowMatrixRef<float> out) const {
    for_blocks(ids, [&](Index first, const RowMatrix<float>& rows) {
      out.middleRows(first, rows.rows()) += rows;
    });
  }
  virtual void add_rows(std::span<const Index> ids, RowMatrixRef<double> out) const {
    for_blocks(ids, [&](Index first, const RowMatrix<float>& rows) {
      out.middleRows(first, rows.rows()) += rows.cast<double>();
    });
  }

 protected:
  RowCodes() = default;
  RowCodes(Index rows, Index dim) : rows_(rows), dim_(dim) {}
  RowCodes(const RowCodes&) = default;
  RowCodes& operator=(const RowCodes&) = default;

 private:
  template <class Visit>
  void for_blocks(std::span<const Index> ids, const Visit& visit) const {
    constexpr std::size_t block = 64;
    for (std::size_t first = 0; first < ids.size(); first += block) {
      const auto some = ids.subspan(first, std::min(block, ids.size() - first));
      RowMatrix<float> rows(static_cast<Index>(some.size()), dim_);
      write_rows(some, rows);
      visit(static_cast<Index>(first), rows);
    }
  }

  Index rows_ = 0;
  Index dim_ = 0;
};

}  // namespace see
