#pragma once

#include <algorithm>
#include <concepts>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/register_width.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/kron.hpp"
#include "see/model/embedding_rows.hpp"
#include "see/model/gradient.hpp"
#include "see/model/parts.hpp"

namespace see {

/// An embedding layer whose rows are sums of product states (word2ket, arXiv 1911.04975; MorphTE,
/// arXiv 2210.15379; SEE, arXiv 2412.12204):
///
///     z(w) = h_w * sum_{s=1..R(w)} g_{w,s} * sum_{i=1..m} u^(i)_{w,s,1} (x) ... (x) u^(i)_{w,s,o}
///     E(w) = LayerNorm(mean + (cut_p(z(w)) + r(w)) A)
///
/// where u_{w,s,j} is the unit that the lexicon names for slot j of sense s, cut_p keeps the first
/// p entries, and h (word scale), g (gains), r (row w of the codes), mean and A (basis) and
/// LayerNorm may each be absent. What is trained are units, gains and LayerNorm.
///
/// `Order` is o where a program means one order alone: the constructor refuses all others. It makes
/// nothing faster (0.96 to 1.03 of the time of Eigen::Dynamic): look-ups and gradients choose
/// code for common orders and factor dimensions as they run, once a batch. Copies share all storage
/// until one is written to, so copying is cheap; a layer that was moved from has no rows. Const
/// members may be called from several threads at once.
///
/// \code
///     see::Random random(1);
///     see::EntangledEmbedding<float> layer({
///         .shape = see::Shape::balanced(64, 2),
///         .inventories = {see::Inventory<float>::normal(10, 1, 8, 0.5, random)},
///         .lexicon = see::LexiconBuilder(see::SlotTable::shared(2, 10))
///                        .word().sense({0, 1}).sense({0, 2})
///                        .word().sense({3, 1}).finish()});
///     see::RowMatrix<float> rows = layer.forward({1, 0, 1});   // 3 x 64
///     Eigen::RowVectorXf row = layer(1);
/// \endcode
template <std::floating_point ScalarType, int Order = Eigen::Dynamic>
class EntangledEmbedding {
 public:
  using Scalar = ScalarType;
  using Parts = EmbeddingParts<Scalar>;

  /// Throws unless the parts fit each other (EmbeddingParts::validate) and the order is Order.
  explicit EntangledEmbedding(Parts parts)
      : parts_(std::move(parts)),
        layout_(parts_.shape.factor_dims(), kernel::lanes<Scalar>),
        dim_(parts_.embedding_dim()) {
    detail::require_one_register_width();
    detail::require(Order == Eigen::Dynamic || !parts_.has_terms() || parts_.shape.order() == Order,
                    "a shape of order ", parts_.shape.order(), ", needed ", Order);
    parts_.validate();
    if (parts_.padding_idx && *parts_.padding_idx < 0) *parts_.padding_idx += num_embeddings();
    for (const auto& inventory : parts_.inventories)
      shapes_.emplace_back(inventory.size(), inventory.rank() * inventory.dim());
    if (parts_.has_gains()) shapes_.emplace_back(static_cast<Index>(parts_.gains.size()), 1);
    if (parts_.layer_norm) shapes_.insert(shapes_.end(), 2, {1, dim_});
    frozen_.assign(shapes_.size(), false);
  }

  /// The same embedding where the order becomes known when compiling, or is known no longer. Throws
  /// unless it is Order.
  template <int Other>
  requires((Order == Eigen::Dynamic) != (Other == Eigen::Dynamic)) explicit(Order != Eigen::Dynamic)
      EntangledEmbedding(const EntangledEmbedding<Scalar, Other>& other)
      : EntangledEmbedding(other.parts_) {
    frozen_ = other.frozen_;
  }

  /// No rows, of no numbers; what a layer is once it has been moved from.
  EntangledEmbedding() = default;
  EntangledEmbedding(const EntangledEmbedding&) = default;
  EntangledEmbedding(EntangledEmbedding&& other) noexcept : EntangledEmbedding() { swap(other); }
  EntangledEmbedding& operator=(EntangledEmbedding other) noexcept {
    swap(other);
    return *this;
  }
  void swap(EntangledEmbedding& other) noexcept {
    std::swap(parts_, other.parts_);
    std::swap(layout_, other.layout_);
    std::swap(dim_, other.dim_);
    shapes_.swap(other.shapes_);
    frozen_.swap(other.frozen_);
  }

  Index num_embeddings() const noexcept { return parts_.lexicon.words(); }
  Index embedding_dim() const noexcept { return dim_; }
  std::optional<Index> padding_idx() const noexcept { return parts_.padding_idx; }
  const Parts& parts() const noexcept { return parts_; }
  const Shape& shape() const noexcept { return parts_.shape; }
  const Lexicon& lexicon() const noexcept { return parts_.lexicon; }

  /// Inventory `i`. Throws where there is none.
  const Inventory<Scalar>& inventory(int i = 0) const {
    detail::require(i >= 0 && static_cast<std::size_t>(i) < parts_.inventories.size(),
                    "no inventory ", i, " among ", parts_.inventories.size());
    return parts_.inventories[static_cast<std::size_t>(i)];
  }

  /// Row i of `out` becomes E(ids[i]); the padding row is zero. `out` is ids.size() x
  /// embedding_dim(). Throws, and writes nothing, where `out` has another size or an id is no row.
  ///
  /// Cost a row: R(w) * m * product multiply-adds, and p * d more with axes. A call allocates
  /// nothing once its thread's buffers have grown to its rows (with axes: where a block of 64 rows
  /// and the axes take less than 128 KiB; Eigen's product allocates beyond that). Ids of other
  /// types than Index and int are copied first.
  template <IdRange Ids = IdList>
  void forward(const Ids& ids, RowMatrixRef<Scalar> out) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), dim_, "forward");
    forward_unchecked(ids, out);
  }

  /// The same with the rows shared out among the tasks of `run`: equal for every executor.
  template <IdRange Ids = IdList>
  void forward(const Ids& ids, RowMatrixRef<Scalar> out, const Executor& run) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), dim_, "forward");
    detail::for_rows(
        run, detail::id_span(ids), out, rows_a_task,
        [&, large = exceeds_caches(out)](auto some, auto rows) {
          with_rows(some, [&](const auto& sums, const auto* id) { sums.forward(id, rows, large); });
        });
  }

  /// The same into a matrix of its own.
  template <IdRange Ids = IdList>
  RowMatrix<Scalar> forward(const Ids& ids) const {
    RowMatrix<Scalar> out(std::ssize(detail::id_span(ids)), dim_);
    forward(ids, out);
    return out;
  }

  /// forward() for ids and an output that are known to be good. Outputs of 8 MiB and more are
  /// written by non-temporal stores, where the machine has them. Ends the program where the memory
  /// that a thread's first call needs is not to be had.
  template <IdRange Ids = IdList>
  void forward_unchecked(const Ids& ids, RowMatrixRef<Scalar> out) const noexcept {
    with_rows(detail::id_span(ids), [&](const auto& sums, const auto* id) {
      sums.forward(id, out, exceeds_caches(out));
    });
  }

  /// E(w) as a row of its own, or forward(ids). Throws where an id is no row.
  template <Id Word>
  Eigen::RowVector<Scalar, Eigen::Dynamic> operator()(Word w) const {
    detail::check_batch(std::span(&w, 1), num_embeddings(), 1, dim_, dim_, "forward");
    Eigen::RowVector<Scalar, Eigen::Dynamic> row(dim_);
    const auto id = static_cast<Index>(w);
    forward_unchecked(std::span(&id, 1), Eigen::Map<RowMatrix<Scalar>>(row.data(), 1, dim_));
    return row;
  }
  template <IdRange Ids = IdList>
  RowMatrix<Scalar> operator()(const Ids& ids) const {
    return forward(ids);
  }

  /// All rows: num_embeddings() x embedding_dim().
  RowMatrix<Scalar> to_dense() const {
    std::vector<Index> ids(static_cast<std::size_t>(num_embeddings()));
    std::iota(ids.begin(), ids.end(), Index{0});
    return forward(ids);
  }

  /// The change of forward() where the inventories and gains move along `directions` and
  /// `gain_direction`, to first order: a Jacobian-vector product. The directions have the shapes of
  /// parts().inventories and parts().gains (empty: no change of gains). Throws, and writes nothing,
  /// where one has another shape, `out` or an id does not fit, or the layer has a LayerNorm.
  ///
  /// Cost: o + 1 times that of forward().
  template <IdRange Ids = IdList>
  void forward_tangent(const Ids& ids, const std::vector<Inventory<Scalar>>& directions,
                       const Array<Scalar>& gain_direction, RowMatrixRef<Scalar> out) const {
    detail::check_batch(ids, num_embeddings(), out.rows(), out.cols(), dim_, "forward_tangent");
    detail::require(!parts_.layer_norm, "a tangent of an embedding with a LayerNorm");
    bool fits = directions.size() == parts_.inventories.size() &&
                (gain_direction.empty() || gain_direction.size() == parts_.gains.size());
    for (std::size_t i = 0; fits && i < directions.size(); ++i)
      fits = directions[i].size() == parts_.inventories[i].size() &&
             directions[i].rank() == parts_.inventories[i].rank() &&
             directions[i].dim() == parts_.inventories[i].dim();
    detail::require(fits, "directions of other shapes than the inventories and gains");
    with_rows(detail::id_span(ids), [&](const auto& sums, const auto* id) {
      sums.tangent(id, directions, gain_direction, out);
    });
  }

  /// The same embedding with its inventories in another storage (Inventory::stored_as): narrow ones
  /// take less memory and cache, and are widened as rows are looked up. To train it, parameters()
  /// turns them back into native storage.
  EntangledEmbedding stored_as(Storage storage) const {
    EntangledEmbedding other(*this);
    for (auto& inventory : other.parts_.inventories) inventory = inventory.stored_as(storage);
    return other;
  }

  /// The same embedding in another precision; the index and the residual are shared, and what is
  /// frozen stays so. Inventories keep their storage. O(parameters).
  template <std::floating_point Other>
  EntangledEmbedding<Other, Order> cast() const {
    EmbeddingParts<Other> parts{.shape = parts_.shape,
                                .inventories = {},
                                .lexicon = parts_.lexicon,
                                .gain_scope = parts_.gain_scope,
                                .gains = parts_.gains.template cast<Other>(),
                                .word_scale = parts_.word_scale.template cast<Other>(),
                                .codes = parts_.codes,
                                .basis = parts_.basis.template cast<Other>(),
                                .padding_idx = parts_.padding_idx};
    for (const auto& inventory : parts_.inventories)
      parts.inventories.push_back(inventory.template cast<Other>());
    if (parts_.layer_norm) parts.layer_norm = parts_.layer_norm->template cast<Other>();
    EntangledEmbedding<Other, Order> result(std::move(parts));
    result.frozen_ = frozen_;
    return result;
  }

  /// Rows and columns of every parameter: the inventories (size x m*q each), the gains (one a row)
  /// if there are any, LayerNorm's weight and bias (1 x d) if it is there.
  std::vector<std::pair<Index, Index>> parameter_shapes() const { return shapes_; }

  /// The parameters that are not frozen, to be changed in place. Copies what a mapped file or
  /// another layer shares, the first time.
  std::vector<Parameter<Scalar>> parameters() {
    std::vector<Parameter<Scalar>> result;
    int number = 0;
    const auto add = [&](std::string name, auto& owner) {
      const auto [rows, cols] = shapes_[static_cast<std::size_t>(number)];
      if (!is_frozen(number))
        result.push_back({number, std::move(name), {owner.mutate(), rows, cols}});
      ++number;
    };
    for (auto& inventory : parts_.inventories) add(detail::text("inventory.", number), inventory);
    if (parts_.has_gains()) add("gains", parts_.gains);
    if (parts_.layer_norm) {
      add("layer_norm.weight", parts_.layer_norm->weight);
      add("layer_norm.bias", parts_.layer_norm->bias);
    }
    return result;
  }

  /// Freezes all parameters (or thaws them): they are left out of parameters() and get no gradient.
  void freeze(bool frozen = true) { frozen_.assign(frozen_.size(), frozen); }

  /// The same for one parameter, by its place in parameter_shapes(). Throws where there is none.
  void freeze_parameter(int number, bool frozen = true) {
    check_parameter(number);
    frozen_[static_cast<std::size_t>(number)] = frozen;
  }
  bool is_frozen(int number) const {
    check_parameter(number);
    return frozen_[static_cast<std::size_t>(number)];
  }

  /// Whether nothing is left to train: all parameters are frozen, or there are none.
  bool is_frozen() const {
    return std::find(frozen_.begin(), frozen_.end(), false) == frozen_.end();
  }

  /// Adds to `gradient` the gradient of sum_i <out_gradient row i, E(ids[i])> with respect to every
  /// parameter that is not frozen. The padding row contributes nothing. `out_gradient` is
  /// ids.size() x embedding_dim(). Throws, and adds nothing, where it has another size or an id is
  /// no row. The bits of the result are the same for any executor (Gradient::add_ranges).
  ///
  /// Cost a row: about 2 * R(w) * m * product multiply-adds, and p * d more with axes. Without axes
  /// a call in the calling thread allocates nothing once the buffers of both have grown to its
  /// size.
  template <IdRange Ids = IdList>
  void backward(const Ids& ids, ConstRowMatrixRef<Scalar> out_gradient, Gradient<Scalar>& gradient,
                const Executor& run = serial()) const {
    detail::require(!shapes_.empty(),
                    "a gradient of an embedding of codes alone, which have no "
                    "parameters, needed one with terms (see::from_pretrained learns some)");
    detail::check_batch(ids, num_embeddings(), out_gradient.rows(), out_gradient.cols(), dim_,
                        "backward");
    gradient.check_form(shapes_);
    with_rows(detail::id_span(ids), [&](const auto& sums, const auto* id) {
      sums.backward(id, out_gradient, frozen_, gradient, run);
    });
  }

 private:
  template <std::floating_point OtherScalar, int OtherOrder>
  friend class EntangledEmbedding;

  static constexpr Index cached_bytes = 8 << 20;  // larger outputs would leave the caches
  static constexpr std::size_t rows_a_task =
      4 * detail::EmbeddingRows<Scalar, Index>::largest_block;

  void check_parameter(int number) const {
    detail::require(number >= 0 && static_cast<std::size_t>(number) < frozen_.size(),
                    "no parameter ", number, " among ", frozen_.size());
  }

  /// Whether an output is too large for a cache to keep it.
  static bool exceeds_caches(const RowMatrixRef<Scalar>& out) noexcept {
    return out.size() * Index(sizeof(Scalar)) >= cached_bytes;
  }

  /// Calls use(rows, ids): the arithmetic of rows, for ids of type Index or int. Others are copied.
  template <class Id, class Use>
  void with_rows(std::span<const Id> ids, const Use& use) const {
    if constexpr (std::same_as<Id, Index> || std::same_as<Id, int>) {
      use(detail::EmbeddingRows<Scalar, Id>(parts_, layout_), ids.data());
    } else {
      const std::vector<Index> copy(ids.begin(), ids.end());
      use(detail::EmbeddingRows<Scalar, Index>(parts_, layout_), copy.data());
    }
  }

  Parts parts_;
  kernel::Layout layout_;
  Index dim_ = 0;
  std::vector<std::pair<Index, Index>> shapes_;  // of the parameters
  std::vector<bool> frozen_;
};

}  // namespace see
