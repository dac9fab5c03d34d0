#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/gradient.hpp"

namespace see {

/// Any source of rows, a baseline for instance, as an EmbeddingLayer that is frozen for good: it
/// has no parameters, and gradients end here.
template <RowSource Source>
class FrozenLayer {
 public:
  using Scalar = float;

  /// Throws unless the padding row (negative: counted from the end) exists.
  explicit FrozenLayer(Source source, std::optional<Index> padding_idx = {})
      : source_(std::move(source)), padding_idx_(padding_idx) {
    if (!padding_idx) return;
    detail::require(*padding_idx >= -num_embeddings() && *padding_idx < num_embeddings(),
                    "padding_idx ", *padding_idx, ", needed one of ", num_embeddings(), " rows");
    if (*padding_idx < 0) *padding_idx_ += num_embeddings();
  }

  Index num_embeddings() const { return source_.num_embeddings(); }
  Index embedding_dim() const { return source_.embedding_dim(); }
  std::optional<Index> padding_idx() const noexcept { return padding_idx_; }
  const Source& source() const noexcept { return source_; }

  /// Row i of `out` becomes row ids[i]; the padding row is zero. Throws, and writes nothing, where
  /// `out` is not ids.size() x embedding_dim() or an id is no row.
  template <IdRange Ids>
  void forward(const Ids& ids, RowMatrixRef<float> out) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), embedding_dim(),
                        "an output");
    if constexpr (std::is_same_v<std::ranges::range_value_t<Ids>, Index>)
      source_.forward(std::span<const Index>(ids), out);
    else
      source_.forward(std::vector<Index>(std::ranges::begin(ids), std::ranges::end(ids)), out);
    const auto* id = std::ranges::data(ids);
    for (Index i = 0; padding_idx_ && i < out.rows(); ++i)
      if (static_cast<Index>(id[i]) == *padding_idx_) out.row(i).setZero();
  }

  template <IdRange Ids>
  RowMatrix<float> forward(const Ids& ids) const {
    RowMatrix<float> out(static_cast<Index>(std::ranges::size(ids)), embedding_dim());
    forward(ids, out);
    return out;
  }

  /// Adds nothing. Throws as forward() does, and where the gradient is of another form.
  template <IdRange Ids>
  void backward(const Ids& ids, ConstRowMatrixRef<float> out_gradient,
                Gradient<float>& gradient) const {
    detail::check_batch(ids, num_embeddings(), out_gradient.rows(), out_gradient.cols(),
                        embedding_dim(), "a gradient");
    gradient.check_form({});
  }

  RowMatrix<float> to_dense() const {
    RowMatrix<float> table(num_embeddings(), embedding_dim());
    detail::forward_range(source_, 0, table);
    if (padding_idx_) table.row(*padding_idx_).setZero();
    return table;
  }

  std::vector<std::pair<Index, Index>> parameter_shapes() const { return {}; }
  std::vector<Parameter<float>> parameters() { return {}; }

  /// Throws where asked to thaw.
  void freeze(bool frozen = true) const {
    detail::require(frozen, "a layer of fixed rows has nothing to train, needed freeze(true)");
  }
  bool is_frozen() const noexcept { return true; }

 private:
  Source source_;
  std::optional<Index> padding_idx_;
};

}  // namespace see
