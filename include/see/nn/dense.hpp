#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/register_width.hpp"
#include "see/core/reset_on_move.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/gradient.hpp"

namespace see {

/// The layer that entangled embeddings replace: a plain table of numbers, n x d, row-major. Copies
/// share the table until one is written to; a layer that was moved from has no rows.
template <std::floating_point ScalarType>
class DenseEmbedding {
 public:
  using Scalar = ScalarType;

  /// Adopts a table. Throws unless it has num_embeddings * embedding_dim numbers, both dimensions
  /// are 0 or more and the padding row (negative: counted from the end) exists.
  DenseEmbedding(Array<Scalar> weight, Index num_embeddings, Index embedding_dim,
                 std::optional<Index> padding_idx = {})
      : weight_(std::move(weight)),
        num_embeddings_(num_embeddings),
        embedding_dim_(embedding_dim),
        padding_idx_(detail::padding_row(padding_idx, num_embeddings)) {
    detail::require_one_register_width();
    detail::require(num_embeddings >= 0 && embedding_dim >= 0 &&
                        static_cast<Index>(weight_.size()) == num_embeddings * embedding_dim,
                    "a dense embedding of ", num_embeddings, " x ", embedding_dim,
                    " needs as many numbers, not ", weight_.size());
  }

  /// Independent standard normal numbers, as torch::nn::Embedding starts.
  DenseEmbedding(Index num_embeddings, Index embedding_dim, Random& random,
                 std::optional<Index> padding_idx = {})
      : DenseEmbedding(normal(std::max<Index>(0, num_embeddings * embedding_dim), random),
                       num_embeddings, embedding_dim, padding_idx) {}

  /// The rows of a table, shared where Scalar is float. Frozen unless asked otherwise, as in torch;
  /// unlike there, a padding row looks up as zero whatever the table holds.
  static DenseEmbedding from_pretrained(const Table& table, bool freeze = true,
                                        std::optional<Index> padding_idx = {}) {
    Array<Scalar> weight;
    if constexpr (std::is_same_v<Scalar, float>)
      weight = table.values();
    else
      weight = std::vector<Scalar>(table.values().begin(), table.values().end());
    DenseEmbedding layer(std::move(weight), table.rows(), table.dim(), padding_idx);
    layer.freeze(freeze);
    return layer;
  }

  Index num_embeddings() const noexcept { return num_embeddings_.value(); }
  Index embedding_dim() const noexcept { return embedding_dim_.value(); }
  std::optional<Index> padding_idx() const noexcept { return padding_idx_.value(); }
  ConstRowMatrixMap<Scalar> weight() const noexcept {
    return {weight_.data(), num_embeddings(), embedding_dim()};
  }

  /// Row i of `out` becomes row ids[i] of the table; the padding row is zero. Throws, and writes
  /// nothing, where `out` is not ids.size() x embedding_dim() or an id is no row.
  template <IdRange Ids = IdList>
  void forward(const Ids& ids, RowMatrixRef<Scalar> out) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), embedding_dim(), "forward");
    copy_rows(detail::id_span(ids), out);
  }

  /// The same with the rows shared out among the tasks of `run`.
  template <IdRange Ids = IdList>
  void forward(const Ids& ids, RowMatrixRef<Scalar> out, const Executor& run) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), embedding_dim(), "forward");
    detail::for_rows(run, detail::id_span(ids), out, 1024,
                     [&](auto some, auto rows) { copy_rows(some, rows); });
  }

  /// The same into a matrix of its own.
  template <IdRange Ids = IdList>
  RowMatrix<Scalar> forward(const Ids& ids) const {
    RowMatrix<Scalar> out(std::ssize(detail::id_span(ids)), embedding_dim());
    forward(ids, out);
    return out;
  }

  /// Row w, or forward(ids). Throws where an id is no row.
  template <Id Word>
  Eigen::RowVector<Scalar, Eigen::Dynamic> operator()(Word w) const {
    return forward(std::span(&w, 1));
  }
  template <IdRange Ids = IdList>
  RowMatrix<Scalar> operator()(const Ids& ids) const {
    return forward(ids);
  }

  /// Adds row i of `out_gradient` to row ids[i] of the gradient, the padding row excepted; the
  /// executor's tasks share the columns, so the bits are the same for any. Throws as forward()
  /// does.
  template <IdRange Ids = IdList>
  void backward(const Ids& ids, ConstRowMatrixRef<Scalar> out_gradient, Gradient<Scalar>& gradient,
                const Executor& run = serial()) const {
    detail::check_batch(ids, num_embeddings(), out_gradient.rows(), out_gradient.cols(),
                        embedding_dim(), "backward");
    const std::pair<Index, Index> shape(num_embeddings(), embedding_dim());
    gradient.check_form({&shape, 1});
    if (frozen_) return;
    const auto id = detail::id_span(ids);
    SparseRows<Scalar>& sums = gradient[0];
    for (const auto each : id)
      if (const auto row = static_cast<Index>(each); row != padding_idx()) sums.touch(row);
    const Index grain = std::max<Index>(64, (embedding_dim() + 7) / 8);
    const auto add_columns = [&](std::size_t part) {
      const Index first = static_cast<Index>(part) * grain;
      const Index cols = std::min(grain, embedding_dim() - first);
      for (Index i = 0; i < out_gradient.rows(); ++i)
        if (const auto row = static_cast<Index>(id[static_cast<std::size_t>(i)]);
            row != padding_idx())
          kernel::add_scaled(sums.at(row) + first, Scalar(1),
                             out_gradient.data() + i * out_gradient.outerStride() + first, cols);
    };
    run(static_cast<std::size_t>((embedding_dim() + grain - 1) / grain), std::ref(add_columns));
  }

  RowMatrix<Scalar> to_dense() const {
    RowMatrix<Scalar> table = weight();
    if (padding_idx()) table.row(*padding_idx()).setZero();
    return table;
  }

  std::vector<std::pair<Index, Index>> parameter_shapes() const {
    return {{num_embeddings(), embedding_dim()}};
  }

  /// "weight", unless frozen.
  std::vector<Parameter<Scalar>> parameters() {
    if (frozen_) return {};
    return {{0, "weight", {weight_.mutate(), num_embeddings(), embedding_dim()}}};
  }

  void freeze(bool frozen = true) noexcept { frozen_ = frozen; }
  bool is_frozen() const noexcept { return frozen_; }

 private:
  template <class Word>
  void copy_rows(std::span<const Word> ids, RowMatrixRef<Scalar> out) const {
    for (Index i = 0; i < out.rows(); ++i) {
      Scalar* const to = out.data() + i * out.outerStride();
      const auto row = static_cast<Index>(ids[static_cast<std::size_t>(i)]);
      if (row == padding_idx())
        std::fill_n(to, embedding_dim(), Scalar(0));
      else
        std::copy_n(weight_.data() + row * embedding_dim(), embedding_dim(), to);
    }
  }

  static Array<Scalar> normal(Index size, Random& random) {
    std::vector<Scalar> values(static_cast<std::size_t>(size));
    for (Scalar& value : values) value = static_cast<Scalar>(random.normal());
    return Array<Scalar>(std::move(values));
  }

  Array<Scalar> weight_;
  detail::ResetOnMove<Index> num_embeddings_, embedding_dim_;
  detail::ResetOnMove<std::optional<Index>> padding_idx_;
  bool frozen_ = false;
};

}  // namespace see
