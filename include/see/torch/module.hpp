#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "see/model/embedding.hpp"
#include "see/torch/view.hpp"

namespace see::torch {

namespace detail {

/// A view that is made again when the tensors are others, lie elsewhere or freeze. Copies begin
/// without one.
class CachedView {
 public:
  CachedView() = default;
  CachedView(const CachedView&) {}
  CachedView& operator=(const CachedView&) {
    key_.clear();
    return *this;
  }

  /// make() for other tensors than at the last call.
  template <class Make>
  AnyView get(const std::vector<Tensor>& tensors, const Make& make) {
    const std::lock_guard<std::mutex> lock(mutex_);
    bool same = key_.size() == tensors.size() && has_view_;
    for (std::size_t i = 0; same && i < tensors.size(); ++i)
      same = key_[i].first == tensors[i].data_ptr() && key_[i].second == tensors[i].requires_grad();
    if (same) return view_;
    has_view_ = false;
    view_ = make();
    key_.clear();
    for (const Tensor& tensor : tensors)
      key_.emplace_back(tensor.data_ptr(), tensor.requires_grad());
    has_view_ = true;
    return view_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<const void*, bool>> key_;
  AnyView view_;
  bool has_view_ = false;
};

/// Tensors with the numbers of a layer's parameters; those of frozen ones need no gradient.
template <class Scalar>
std::vector<Tensor> copy_parameters(see::EntangledEmbedding<Scalar> layer,
                                    const Structure& structure) {
  std::vector<Tensor> tensors;
  std::vector<bool> frozen;
  for (std::size_t i = 0; i < structure.sizes().size(); ++i)
    frozen.push_back(layer.is_frozen(static_cast<int>(i)));
  layer.freeze(false);
  for (const auto& parameter : layer.parameters()) {
    const auto i = static_cast<std::size_t>(parameter.number);
    tensors.push_back(::torch::empty(structure.sizes()[i], type_of<Scalar>()));
    as_matrix<Scalar>(tensors.back(), parameter.values.cols()) = parameter.values;
    tensors.back().set_requires_grad(!frozen[i]);
  }
  return tensors;
}

}  // namespace detail

/// What the modules of entangled layers share: parameters `inventory_0`, `inventory_1`, ...
/// (units x m x q each), `gains` and `layer_norm_weight`, `layer_norm_bias` where the layer has
/// them, which the kernels read where they lie; and the buffer `lexicon_checksum`, four numbers by
/// which a layer refuses parameters that were saved with another lexicon.
///
/// Index, basis, scales and codes are constant and no part of what torch::save writes: load into a
/// module made from the same lexicon, or keep the layer in a model file (layer(), save_model).
template <class Derived>
class EntangledModule : public ::torch::nn::Cloneable<Derived> {
 public:
  std::int64_t num_embeddings() const { return structure_->num_embeddings(); }
  std::int64_t embedding_dim() const { return structure_->embedding_dim(); }
  std::optional<std::int64_t> padding_idx() const {
    if (const auto row = structure_->constants().padding_idx) return *row;
    return std::nullopt;
  }

  /// The parameters in the order of EntangledEmbedding::parameter_shapes(): a parameter that is
  /// registered in two modules (with_parameters) is the same tensor.
  const std::vector<Tensor>& tensors() const noexcept { return tensors_; }

  /// A copy as a layer of the core library, which save_model() writes.
  template <std::floating_point Scalar = float>
  see::EntangledEmbedding<Scalar> layer() const {
    return std::visit(
        [](const auto& view) {
          auto copy = view->layer();
          const std::vector<bool> frozen = thaw(copy);
          copy.parameters();  // copies what it views
          for (std::size_t i = 0; i < frozen.size(); ++i)
            copy.freeze_parameter(static_cast<int>(i), frozen[i]);
          return copy.template cast<Scalar>();
        },
        view());
  }

  /// All rows: num_embeddings() x embedding_dim(), outside of autograd's graph.
  Tensor to_dense() const {
    return std::visit(
        [&](const auto& view) {
          using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
          Tensor out =
              ::torch::empty({num_embeddings(), embedding_dim()}, detail::type_of<Scalar>());
          std::vector<Index> ids(static_cast<std::size_t>(num_embeddings()));
          for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<Index>(i);
          view->layer().forward(ids, as_matrix<Scalar>(out, embedding_dim()), executor());
          return out;
        },
        view());
  }

  /// Whether parameters need a gradient, as requires_grad_() of each would set it.
  void freeze(bool frozen = true) {
    for (Tensor& tensor : tensors_) tensor.set_requires_grad(!frozen);
  }

  /// Registers the parameters; Cloneable calls it for a copy.
  void reset() override {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const bool trains = tensors_[i].requires_grad();
      if (is_registered_) tensors_[i] = ::torch::empty_like(tensors_[i].detach());
      this->register_parameter(structure_->names()[i], tensors_[i], trains);
    }
    const std::uint32_t sum = structure_->checksum();
    checksum_ = ::torch::zeros({4}, ::at::kByte);
    for (unsigned i = 0; i < 4; ++i)
      checksum_[i].fill_(static_cast<std::int64_t>(sum >> (8 * i) & 0xff));
    this->register_buffer("lexicon_checksum", checksum_);
    is_registered_ = true;
  }

  /// How the kernels see the layer. Throws where parameters cannot be read, or were saved with
  /// another lexicon.
  detail::AnyView view() const {
    return view_.get(tensors_, [&] {
      const Tensor sum = checksum_.to(::at::kByte);
      std::uint32_t found = 0;
      for (unsigned i = 0; i < 4; ++i)
        found |= static_cast<std::uint32_t>(sum[i].template item<std::uint8_t>()) << (8 * i);
      see::detail::require(found == structure_->checksum(),
                           "EntangledEmbedding: parameters of a lexicon with checksum ", found,
                           ", needed ", structure_->checksum());
      return structure_->view(tensors_);
    });
  }

  /// What is no parameter; for modules that share some (with_parameters).
  const std::shared_ptr<const detail::Structure>& structure() const noexcept { return structure_; }

 protected:
  template <class Scalar>
  explicit EntangledModule(const see::EntangledEmbedding<Scalar>& layer)
      : structure_(std::make_shared<detail::Structure>(layer)),
        tensors_(detail::copy_parameters(layer, *structure_)) {
    reset();
  }

  EntangledModule(std::shared_ptr<const detail::Structure> structure, std::vector<Tensor> tensors)
      : structure_(std::move(structure)), tensors_(std::move(tensors)) {
    see::detail::require(tensors_.size() == structure_->sizes().size(), tensors_.size(),
                         " parameters, needed the layer's ", structure_->sizes().size());
    reset();
    view();
  }

  /// Prints `name`(num_embeddings=..., ...).
  void print(std::ostream& stream, const char* name) const {
    const auto& shape = structure_->constants().shape;
    std::int64_t numbers = 0;
    for (const Tensor& tensor : tensors_) numbers += tensor.numel();
    stream << name << "(num_embeddings=" << num_embeddings()
           << ", embedding_dim=" << embedding_dim() << ", factors=" << shape.to_string()
           << ", parameters=" << numbers;
    if (padding_idx()) stream << ", padding_idx=" << *padding_idx();
    stream << ")";
  }

 private:
  template <class Layer>
  static std::vector<bool> thaw(Layer& layer) {
    std::vector<bool> frozen;
    for (std::size_t i = 0; i < layer.parameter_shapes().size(); ++i)
      frozen.push_back(layer.is_frozen(static_cast<int>(i)));
    layer.freeze(false);
    return frozen;
  }

  std::shared_ptr<const detail::Structure> structure_;
  std::vector<Tensor> tensors_;
  Tensor checksum_;
  bool is_registered_ = false;
  mutable detail::CachedView view_;
};

}  // namespace see::torch
