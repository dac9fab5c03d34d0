#pragma once

#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/reset_on_move.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/gradient.hpp"

namespace see {

/// Any source of rows, a baseline for instance, as an EmbeddingLayer that is frozen for good: it
/// has no parameters, and gradients end here. A layer that was moved from has no rows.
template <RowSource Source>
class FrozenLayer {
 public:
  using Scalar = float;

  /// Throws unless the padding row (negative: counted from the end) exists.
  explicit FrozenLayer(Source source, std::optional<Index> padding_idx = {})
      : source_(std::move(source)),
        num_embeddings_(source_.num_embeddings()),
        embedding_dim_(source_.embedding_dim()),
        padding_idx_(detail::padding_row(padding_idx, num_embeddings())) {}

  Index num_embeddings() const noexcept { return num_embeddings_.value(); }
  Index embedding_dim() const noexcept { return embedding_dim_.value(); }
  std::optional<Index> padding_idx() const noexcept { return padding_idx_.value(); }
  const Source& source() const noexcept { return source_; }

  /// Row i of `out` becomes row ids[i]; the padding row is zero. Throws, and writes nothing, where
  /// `out` is not ids.size() x embedding_dim() or an id is no row.
  template <IdRange Ids = IdList>
  void forward(const Ids& ids, RowMatrixRef<float> out) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), embedding_dim(), "forward");
    write_rows(detail::id_span(ids), out);
  }

  /// The same with the rows shared out among the tasks of `run`.
  template <IdRange Ids = IdList>
  void forward(const Ids& ids, RowMatrixRef<float> out, const Executor& run) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), embedding_dim(), "forward");
    detail::for_rows(run, detail::id_span(ids), out, 256,
                     [&](auto some, auto rows) { write_rows(some, rows); });
  }

  /// The same into a matrix of its own.
  template <IdRange Ids = IdList>
  RowMatrix<float> forward(const Ids& ids) const {
    RowMatrix<float> out(std::ssize(detail::id_span(ids)), embedding_dim());
    forward(ids, out);
    return out;
  }

  /// Row w, or forward(ids). Throws where an id is no row.
  template <Id Word>
  Eigen::RowVectorXf operator()(Word w) const {
    return forward(std::span(&w, 1));
  }
  template <IdRange Ids = IdList>
  RowMatrix<float> operator()(const Ids& ids) const {
    return forward(ids);
  }

  /// Adds nothing. Throws as forward() does, and where the gradient is of another form.
  template <IdRange Ids = IdList>
  void backward(const Ids& ids, ConstRowMatrixRef<float> out_gradient, Gradient<float>& gradient,
                const Executor& = serial()) const {
    detail::check_batch(ids, num_embeddings(), out_gradient.rows(), out_gradient.cols(),
                        embedding_dim(), "backward");
    gradient.check_form({});
  }

  RowMatrix<float> to_dense() const {
    RowMatrix<float> table(num_embeddings(), embedding_dim());
    if (num_embeddings() > 0) detail::forward_range(source_, 0, table);
    if (padding_idx()) table.row(*padding_idx()).setZero();
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
  template <class Word>
  void write_rows(std::span<const Word> ids, RowMatrixRef<float> out) const {
    if (ids.empty()) return;
    if constexpr (std::is_same_v<Word, Index>)
      source_.forward(ids, out);
    else
      source_.forward(std::vector<Index>(ids.begin(), ids.end()), out);
    for (Index i = 0; padding_idx() && i < out.rows(); ++i)
      if (static_cast<Index>(ids[static_cast<std::size_t>(i)]) == *padding_idx())
        out.row(i).setZero();
  }

  Source source_;
  detail::ResetOnMove<Index> num_embeddings_, embedding_dim_;
  detail::ResetOnMove<std::optional<Index>> padding_idx_;
};

}  // namespace see
