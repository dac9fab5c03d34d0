#pragma once

#include <torch/torch.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "see/nn/bag.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/module.hpp"
#include "see/torch/operation.hpp"

namespace see::torch {

using BagMode = ::torch::nn::EmbeddingBagMode;  ///< torch::kSum, torch::kMean or kMax

/// Options of a fresh bag layer: torch::nn::EmbeddingBag's, and what its terms are; each means what
/// it means in EntangledEmbeddingOptions.
struct EntangledEmbeddingBagOptions {
  EntangledEmbeddingBagOptions(std::int64_t num_embeddings, std::int64_t embedding_dim)
      : num_embeddings_(num_embeddings), embedding_dim_(embedding_dim) {}

  TORCH_ARG(std::int64_t, num_embeddings);
  TORCH_ARG(std::int64_t, embedding_dim);
  TORCH_ARG(BagMode, mode) = ::torch::kMean;
  /// The last offset is the end of the last bag.
  TORCH_ARG(bool, include_last_offset) = false;
  TORCH_ARG(std::optional<std::int64_t>, padding_idx) = std::nullopt;
  TORCH_ARG(std::optional<double>, max_norm) = std::nullopt;  ///< refused
  TORCH_ARG(double, norm_type) = 2;                           ///< of max_norm
  TORCH_ARG(bool, scale_grad_by_freq) = false;                ///< refused
  TORCH_ARG(bool, sparse) = false;                            ///< refused
  TORCH_ARG(int, order) = 2;
  TORCH_ARG(std::int64_t, rank) = 8;
  TORCH_ARG(bool, layer_norm) = false;
  TORCH_ARG(double, deviation) = 1;
};

namespace detail {

inline see::BagMode to_bag_mode(const BagMode& mode) {
  const see::BagMode modes[] = {see::BagMode::sum, see::BagMode::mean, see::BagMode::max};
  return modes[mode.index()];
}

/// Rows of ids, reduced to one a bag.
template <class Scalar>
class BagLookup final : public Operation {
 public:
  /// `weights` may be undefined.
  BagLookup(std::shared_ptr<View<Scalar>> view, see::BagMode mode, Tensor ids,
            std::vector<std::int64_t> offsets, const Tensor& weights)
      : view_(std::move(view)),
        mode_(mode),
        ids_(std::move(ids)),
        offsets_(std::move(offsets)),
        has_weights_(weights.defined()) {
    if (!has_weights_) return;
    wants_weights_ = weights.requires_grad();
    weights_ = weights.detach().contiguous();
  }

  Tensor forward() override {
    const Index dim = view_->layer().embedding_dim();
    Tensor out = ::torch::empty({std::ssize(offsets_), dim}, type_of<Scalar>());
    with_ids(ids_, [&](auto ids) {
      bag().forward(ids, offsets_, as_matrix<Scalar>(out, dim), weights(), executor());
    });
    return out;
  }

  variable_list backward(const Tensor& out_gradient) override {
    const Index dim = view_->layer().embedding_dim();
    Tensor to_weights;
    if (wants_weights_) to_weights = ::torch::zeros_like(weights_);
    std::span<Scalar> weight_gradient;
    if (wants_weights_)
      weight_gradient = {to_weights.template data_ptr<Scalar>(),
                         static_cast<std::size_t>(to_weights.numel())};
    variable_list gradients = view_->gradients([&](Gradient<Scalar>& gradient) {
      with_ids(ids_, [&](auto ids) {
        bag().backward(ids, offsets_, as_matrix<Scalar>(out_gradient, dim), gradient, weights(),
                       weight_gradient, executor());
      });
    });
    if (has_weights_) gradients.push_back(to_weights);
    return gradients;
  }

 private:
  using Bag = see::EmbeddingBag<see::EntangledEmbedding<Scalar>>;

  Bag bag() const { return Bag(view_->layer(), mode_); }  // shares all storage

  std::span<const Scalar> weights() const {
    if (!has_weights_) return {};
    return {weights_.template data_ptr<Scalar>(), static_cast<std::size_t>(weights_.numel())};
  }

  std::shared_ptr<View<Scalar>> view_;
  see::BagMode mode_;
  Tensor ids_;
  std::vector<std::int64_t> offsets_;
  bool has_weights_, wants_weights_ = false;
  Tensor weights_;
};

/// Where bags begin among ids. Throws unless there are offsets for ids in one dimension, or none
/// for ids in two.
inline std::vector<std::int64_t> bag_offsets(const Tensor& ids, const Tensor& offsets,
                                             bool include_last_offset) {
  std::vector<std::int64_t> begins;
  if (ids.dim() == 2) {
    require(!offsets.defined(), "EntangledEmbeddingBag: offsets with ids of ", name_of(ids.sizes()),
            ", needed none: a row is a bag");
    for (std::int64_t row = 0; row < ids.size(0); ++row) begins.push_back(row * ids.size(1));
    return begins;
  }
  require(ids.dim() == 1, "EntangledEmbeddingBag: ids of ", name_of(ids.sizes()),
          ", needed one or two dimensions");
  require(offsets.defined() && offsets.dim() == 1,
          "EntangledEmbeddingBag: ids of one dimension, needed offsets of one dimension too");
  with_ids(to_ids(offsets, "EntangledEmbeddingBag: offsets"),
           [&](auto numbers) { begins.assign(numbers.begin(), numbers.end()); });
  if (!include_last_offset) return begins;
  require(!begins.empty() && begins.back() == ids.size(0),
          "EntangledEmbeddingBag: a last offset of ", begins.empty() ? 0 : begins.back(),
          ", needed the ", ids.size(0), " ids with include_last_offset");
  begins.pop_back();
  return begins;
}

}  // namespace detail

/// torch::nn::EmbeddingBag over an entangled layer: bags of ids become the sum, mean or entry-wise
/// maximum of their rows, without the rows in memory. The padding row is left out of every bag; a
/// bag of nothing else is zero. Parameters and their rules are EntangledEmbedding's.
class EntangledEmbeddingBagImpl : public EntangledModule<EntangledEmbeddingBagImpl> {
 public:
  using Base = EntangledModule<EntangledEmbeddingBagImpl>;

  EntangledEmbeddingBagImpl(std::int64_t num_embeddings, std::int64_t embedding_dim)
      : EntangledEmbeddingBagImpl(EntangledEmbeddingBagOptions(num_embeddings, embedding_dim)) {}

  /// A fresh layer. Throws as EntangledEmbedding does.
  explicit EntangledEmbeddingBagImpl(const EntangledEmbeddingBagOptions& options)
      : Base(detail::fresh_layer(options)),
        mode_(options.mode()),
        include_last_offset_(options.include_last_offset()) {}

  /// Copies the numbers of a layer.
  template <std::floating_point Scalar, int Order>
  explicit EntangledEmbeddingBagImpl(const see::EntangledEmbedding<Scalar, Order>& layer,
                                     BagMode mode = ::torch::kMean,
                                     bool include_last_offset = false)
      : Base(see::EntangledEmbedding<Scalar>(layer)),
        mode_(std::move(mode)),
        include_last_offset_(include_last_offset) {}

  /// Shares the parameters of an embedding: both train the same tensors.
  explicit EntangledEmbeddingBagImpl(const EntangledEmbedding& embedding,
                                     BagMode mode = ::torch::kMean,
                                     bool include_last_offset = false)
      : Base(embedding->structure(), embedding->tensors()),
        mode_(std::move(mode)),
        include_last_offset_(include_last_offset) {}

  /// bags x embedding_dim(): a bag for each row of ids in two dimensions, or for each offset into
  /// ids in one. `per_sample_weights`, of the sizes of `ids`, go with the mode kSum alone. Throws
  /// where sizes and types do not fit, an id is no row or the offsets do not ascend from 0.
  Tensor forward(const Tensor& ids, const Tensor& offsets = {},
                 const Tensor& per_sample_weights = {}) {
    const Tensor rows = detail::to_ids(ids, "EntangledEmbeddingBag::forward");
    std::vector<std::int64_t> begins = detail::bag_offsets(rows, offsets, include_last_offset_);
    return std::visit(
        [&](const auto& view) {
          using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
          detail::variable_list inputs = tensors();
          if (per_sample_weights.defined()) {
            detail::require_type(per_sample_weights, detail::type_of<Scalar>(),
                                 "EntangledEmbeddingBag", "per_sample_weights");
            see::detail::require(per_sample_weights.sizes() == ids.sizes(),
                                 "EntangledEmbeddingBag: per_sample_weights of ",
                                 detail::name_of(per_sample_weights.sizes()), ", needed ",
                                 detail::name_of(ids.sizes()), " as the ids");
            inputs.push_back(per_sample_weights);
          }
          return detail::record(
              ::c10::make_intrusive<detail::BagLookup<Scalar>>(
                  view, detail::to_bag_mode(mode_), rows, std::move(begins), per_sample_weights),
              inputs);
        },
        view());
  }

  const BagMode& mode() const noexcept { return mode_; }
  bool include_last_offset() const noexcept { return include_last_offset_; }

  void pretty_print(std::ostream& stream) const override {
    print(stream, "see::torch::EntangledEmbeddingBag");
  }

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, ::torch::nn::AnyValue(Tensor())},
                           {2, ::torch::nn::AnyValue(Tensor())})

 private:
  BagMode mode_;
  bool include_last_offset_;
};

/// The holder.
///
/// \code{.cpp}
///     see::torch::EntangledEmbeddingBag bag(
///         see::torch::EntangledEmbeddingBagOptions(32000, 512).mode(::torch::kSum));
///     auto sums = bag(::torch::tensor({3, 1, 4}), ::torch::tensor({0, 2}));   // 2 x 512
/// \endcode
class EntangledEmbeddingBag : public ::torch::nn::ModuleHolder<EntangledEmbeddingBagImpl> {
 public:
  using ::torch::nn::ModuleHolder<EntangledEmbeddingBagImpl>::ModuleHolder;
};

}  // namespace see::torch
