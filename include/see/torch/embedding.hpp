#pragma once

#include <torch/torch.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <utility>
#include <vector>

#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"
#include "see/torch/module.hpp"
#include "see/torch/operation.hpp"

namespace see::torch {

/// Options of a fresh layer: those of torch::nn::Embedding, and what its terms are. `max_norm`,
/// `scale_grad_by_freq` and `sparse` are refused: rows are no parameters, and units are shared by
/// so many rows that their gradients are dense.
struct EntangledEmbeddingOptions {
  EntangledEmbeddingOptions(std::int64_t num_embeddings, std::int64_t embedding_dim)
      : num_embeddings_(num_embeddings), embedding_dim_(embedding_dim) {}

  TORCH_ARG(std::int64_t, num_embeddings);
  TORCH_ARG(std::int64_t, embedding_dim);
  /// Looks up as zero and gets no gradient; negative: counted from the end.
  TORCH_ARG(std::optional<std::int64_t>, padding_idx) = std::nullopt;
  TORCH_ARG(std::optional<double>, max_norm) = std::nullopt;  ///< refused
  TORCH_ARG(double, norm_type) = 2;                           ///< of max_norm
  TORCH_ARG(bool, scale_grad_by_freq) = false;                ///< refused
  TORCH_ARG(bool, sparse) = false;                            ///< refused
  /// Factors of a product.
  TORCH_ARG(int, order) = 2;
  /// Products of a row, of word2ketXS's form: slot j of term k holds digit j of the row's number.
  TORCH_ARG(std::int64_t, rank) = 8;
  TORCH_ARG(bool, layer_norm) = false;
  /// Standard deviation of an entry of a row, 1 as torch::nn::Embedding has it.
  TORCH_ARG(double, deviation) = 1;
};

namespace detail {

/// Throws where an option is set that entangled layers do not have.
template <class Options>
void refuse_options(const Options& options) {
  require(
      !options.max_norm().has_value(),
      "EntangledEmbedding: max_norm, needed none: rows are sums of products, which no rescaling "
      "of their factors brings to a norm one by one");
  require(!options.scale_grad_by_freq(),
          "EntangledEmbedding: scale_grad_by_freq, needed false: units are shared among rows");
  require(!options.sparse(),
          "EntangledEmbedding: sparse, needed false: gradients of units are dense");
}

/// A fresh layer of word2ketXS's form, its seed from torch's generator.
template <class Options>
see::EntangledEmbedding<float> fresh_layer(const Options& options) {
  refuse_options(options);
  BuildOptions build{.deviation = options.deviation(), .layer_norm = options.layer_norm()};
  if (options.padding_idx()) build.padding_idx = *options.padding_idx();
  build.seed = static_cast<std::uint64_t>(
      ::torch::randint(std::int64_t{1} << 62, {1}, ::at::kLong).template item<std::int64_t>());
  require(options.num_embeddings() >= 1 && options.embedding_dim() >= 1,
          "EntangledEmbedding: ", options.num_embeddings(), " x ", options.embedding_dim(),
          ", needed positive sizes");
  return make_word2ketxs<float>(options.num_embeddings(), options.embedding_dim(), options.order(),
                                options.rank(), build);
}

/// Rows of ids.
template <class Scalar>
class Lookup final : public Operation {
 public:
  Lookup(std::shared_ptr<View<Scalar>> view, Tensor ids)
      : view_(std::move(view)), ids_(std::move(ids)) {}

  Tensor forward() override {
    const Index dim = view_->layer().embedding_dim();
    std::vector<std::int64_t> sizes = ids_.sizes().vec();
    sizes.push_back(dim);
    Tensor out = ::torch::empty(sizes, type_of<Scalar>());
    with_ids(ids_, [&](auto ids) {
      view_->layer().forward(ids, as_matrix<Scalar>(out, dim), executor());
    });
    return out;
  }

  variable_list backward(const Tensor& out_gradient) override {
    const Index dim = view_->layer().embedding_dim();
    return view_->gradients([&](Gradient<Scalar>& gradient) {
      with_ids(ids_, [&](auto ids) {
        view_->layer().backward(ids, as_matrix<Scalar>(out_gradient, dim), gradient, executor());
      });
    });
  }

 private:
  std::shared_ptr<View<Scalar>> view_;
  Tensor ids_;
};

}  // namespace detail

/// torch::nn::Embedding whose rows are sums of products of shared units: EntangledEmbedding of the
/// core library, whose formula it computes, as a module. Ids are int32 or int64 on the CPU in a
/// tensor of any shape; rows are float or double as the parameters are (module->to(dtype)).
///
/// Unlike torch's, the padding row always looks up as zero, whatever it was made from. There are
/// first derivatives alone. Gradients have the same bits for any number of threads.
class EntangledEmbeddingImpl : public EntangledModule<EntangledEmbeddingImpl> {
 public:
  using Base = EntangledModule<EntangledEmbeddingImpl>;

  EntangledEmbeddingImpl(std::int64_t num_embeddings, std::int64_t embedding_dim)
      : EntangledEmbeddingImpl(EntangledEmbeddingOptions(num_embeddings, embedding_dim)) {}

  /// A fresh layer. Throws where an option is refused or a size is not positive.
  explicit EntangledEmbeddingImpl(const EntangledEmbeddingOptions& options)
      : Base(detail::fresh_layer(options)) {}

  /// Copies the numbers of a layer; what is frozen there needs no gradient here. Inventories in
  /// narrow storage are widened.
  template <std::floating_point Scalar, int Order>
  explicit EntangledEmbeddingImpl(const see::EntangledEmbedding<Scalar, Order>& layer)
      : Base(see::EntangledEmbedding<Scalar>(layer)) {}

  /// The same from parts (make_parts): any shape and lexicon.
  template <std::floating_point Scalar>
  explicit EntangledEmbeddingImpl(const EmbeddingParts<Scalar>& parts)
      : Base(see::EntangledEmbedding<Scalar>(parts)) {}

  /// A module over given tensors, which may be parameters of others: the same tensor registered in
  /// several modules is trained by all. Throws unless they have the sizes of `structure`.
  EntangledEmbeddingImpl(std::shared_ptr<const detail::Structure> structure,
                         std::vector<Tensor> tensors)
      : Base(std::move(structure), std::move(tensors)) {}

  /// ids.sizes() x embedding_dim(). Throws see::Error where ids are of another type or elsewhere,
  /// or one is no row.
  Tensor forward(const Tensor& ids) {
    const Tensor rows = detail::to_ids(ids, "EntangledEmbedding::forward");
    return std::visit(
        [&](const auto& view) {
          using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
          return detail::record(::c10::make_intrusive<detail::Lookup<Scalar>>(view, rows),
                                tensors());
        },
        view());
  }

  void pretty_print(std::ostream& stream) const override {
    print(stream, "see::torch::EntangledEmbedding");
  }
};

/// Options of EntangledEmbedding::from_pretrained (see/torch/pretrained.hpp).
struct FromPretrainedOptions;

/// The holder, as torch::nn::Embedding is one.
///
/// \code{.cpp}
///     see::torch::EntangledEmbedding embed(see::torch::EntangledEmbeddingOptions(32000, 512));
///     auto rows = embed(::torch::tensor({3, 1, 4}));   // 3 x 512
/// \endcode
class EntangledEmbedding : public ::torch::nn::ModuleHolder<EntangledEmbeddingImpl> {
 public:
  using ::torch::nn::ModuleHolder<EntangledEmbeddingImpl>::ModuleHolder;

  /// A layer fitted to a dense table.
  static EntangledEmbedding from_pretrained(const Tensor& table,
                                            const FromPretrainedOptions& options);
};

}  // namespace see::torch
