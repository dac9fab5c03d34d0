#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/register_width.hpp"
#include "see/core/table.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/gradient.hpp"

namespace see {

/// The layer that entangled embeddings replace: a plain table of numbers, n x d, row-major. Copies
/// share the table until one is written to.
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
        padding_idx_(padding_idx) {
    detail::require_one_register_width();
    detail::require(num_embeddings >= 0 && embedding_dim >= 0 &&
                        static_cast<Index>(weight_.size()) == num_embeddings * embedding_dim,
                    "a dense embedding of ", num_embeddings, " x ", embedding_dim,
                    " needs as many numbers, not ", weight_.size());
    if (!padding_idx) return;
    detail::require(*padding_idx >= -num_embeddings && *padding_idx < num_embeddings,
                    "padding_idx ", *padding_idx, ", needed one of ", num_embeddings, " rows");
    if (*padding_idx < 0) *padding_idx_ += num_embeddings;
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

  Index num_embeddings() const noexcept { return num_embeddings_; }
  Index embedding_dim() const noexcept { return embedding_dim_; }
  std::optional<Index> padding_idx() const noexcept { return padding_idx_; }
  ConstRowMatrixMap<Scalar> weight() const noexcept {
    return {weight_.data(), num_embeddings_, embedding_dim_};
  }

  /// Row i of `out` becomes row ids[i] of the table; the padding row is zero. Throws, and writes
  /// nothing, where `out` is not ids.size() x embedding_dim() or an id is no row.
  template <IdRange Ids>
  void forward(const Ids& ids, RowMatrixRef<Scalar> out) const {
    detail::check_batch(ids, num_embeddings_, out.rows(), out.cols(), embedding_dim_, "an output");
    const auto* id = std::ranges::data(ids);
    for (Index i = 0; i < out.rows(); ++i) {
      const auto row = static_cast<Index>(id[i]);
      if (row == padding_idx_)
        out.row(i).setZero();
      else
        std::copy_n(weight_.data() + row * embedding_dim_, embedding_dim_,
                    out.data() + i * out.outerStride());
    }
  }

  template <IdRange Ids>
  RowMatrix<Scalar> forward(const Ids& ids) const {
    RowMatrix<Scalar> out(static_cast<Index>(std::ranges::size(ids)), embedding_dim_);
    forward(ids, out);
    return out;
  }

  /// Adds row i of `out_gradient` to row ids[i] of the gradient, the padding row excepted; the
  /// executor's tasks share the columns, so the bits are the same for any. Throws as forward()
  /// does.
  template <IdRange Ids>
  void backward(const Ids& ids, ConstRowMatrixRef<Scalar> out_gradient, Gradient<Scalar>& gradient,
                const Executor& run = serial()) const {
    detail::check_batch(ids, num_embeddings_, out_gradient.rows(), out_gradient.cols(),
                        embedding_dim_, "a gradient");
    const std::pair<Index, Index> shape(num_embeddings_, embedding_dim_);
    gradient.check_form({&shape, 1});
    if (frozen_) return;
    const auto* id = std::ranges::data(ids);
    const auto rows = static_cast<Index>(std::ranges::size(ids));
    SparseRows<Scalar>& sums = gradient[0];
    for (Index i = 0; i < rows; ++i)
      if (const auto row = static_cast<Index>(id[i]); row != padding_idx_) sums.touch(row);
    const Index grain = std::max<Index>(64, (embedding_dim_ + 7) / 8);
    const auto add_columns = [&](std::size_t part) {
      const Index first = static_cast<Index>(part) * grain;
      const Index cols = std::min(grain, embedding_dim_ - first);
      for (Index i = 0; i < rows; ++i)
        if (const auto row = static_cast<Index>(id[i]); row != padding_idx_)
          kernel::add_scaled(sums.at(row) + first, Scalar(1),
                             out_gradient.data() + i * out_gradient.outerStride() + first, cols);
    };
    run(static_cast<std::size_t>((embedding_dim_ + grain - 1) / grain), std::ref(add_columns));
  }

  RowMatrix<Scalar> to_dense() const {
    RowMatrix<Scalar> table = weight();
    if (padding_idx_) table.row(*padding_idx_).setZero();
    return table;
  }

  std::vector<std::pair<Index, Index>> parameter_shapes() const {
    return {{num_embeddings_, embedding_dim_}};
  }

  /// "weight", unless frozen.
  std::vector<Parameter<Scalar>> parameters() {
    if (frozen_) return {};
    return {{0, "weight", {weight_.mutate(), num_embeddings_, embedding_dim_}}};
  }

  void freeze(bool frozen = true) noexcept { frozen_ = frozen; }
  bool is_frozen() const noexcept { return frozen_; }

 private:
  static Array<Scalar> normal(Index size, Random& random) {
    std::vector<Scalar> values(static_cast<std::size_t>(size));
    for (Scalar& value : values) value = static_cast<Scalar>(random.normal());
    return Array<Scalar>(std::move(values));
  }

  Array<Scalar> weight_;
  Index num_embeddings_;
  Index embedding_dim_;
  std::optional<Index> padding_idx_;
  bool frozen_ = false;
};

}  // namespace see
