#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "see/io/crc32.hpp"
#include "see/model/embedding.hpp"
#include "see/torch/operation.hpp"
#include "see/torch/tensor.hpp"

namespace see::torch::detail {

/// An entangled layer whose parameters are the numbers of tensors, read where they lie, and
/// gradients that its backward passes reuse.
template <class Scalar>
class View {
 public:
  /// `sizes` are those of the parameters' tensors.
  View(see::EntangledEmbedding<Scalar> layer, std::vector<std::vector<std::int64_t>> sizes)
      : layer_(std::move(layer)), sizes_(std::move(sizes)) {}

  const see::EntangledEmbedding<Scalar>& layer() const noexcept { return layer_; }

  /// The gradients that add(gradient) adds up, as dense tensors; undefined where a parameter is
  /// frozen.
  template <class Add>
  variable_list gradients(const Add& add) {
    std::unique_ptr<Gradient<Scalar>> gradient = take();
    add(*gradient);
    variable_list result(sizes_.size());
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      if (layer_.is_frozen(static_cast<int>(i))) continue;
      const SparseRows<Scalar>& part = (*gradient)[static_cast<int>(i)];
      result[i] = ::torch::zeros(sizes_[i], type_of<Scalar>());
      auto dense = as_matrix<Scalar>(result[i], part.cols());
      for (std::size_t k = 0; k < part.touched().size(); ++k)
        dense.row(part.touched()[k]) = part.row(k);
    }
    gradient->zero();
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(gradient));
    return result;
  }

 private:
  std::unique_ptr<Gradient<Scalar>> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) return std::make_unique<Gradient<Scalar>>(layer_);
    auto gradient = std::move(free_.back());
    free_.pop_back();
    return gradient;
  }

  see::EntangledEmbedding<Scalar> layer_;
  std::vector<std::vector<std::int64_t>> sizes_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Gradient<Scalar>>> free_;
};

using AnyView = std::variant<std::shared_ptr<View<float>>, std::shared_ptr<View<double>>>;

/// What an entangled layer is apart from the numbers of its parameters: shape, index, scales,
/// codes, basis and padding row, and the names and sizes of the parameters, in the order of
/// EntangledEmbedding::parameter_shapes().
class Structure {
 public:
  template <class Scalar>
  explicit Structure(const see::EntangledEmbedding<Scalar>& layer)
      : constants_(layer.template cast<double>().parts()) {
    for (std::size_t i = 0; i < constants_.inventories.size(); ++i) {
      const auto& inventory = constants_.inventories[i];
      add(see::detail::text("inventory_", i),
          {inventory.size(), inventory.rank(), inventory.dim()});
    }
    constants_.inventories.clear();
    if (constants_.has_gains()) add("gains", {std::ssize(constants_.gains)});
    constants_.gains = {};
    if (constants_.layer_norm) {
      add("layer_norm_weight", {layer.embedding_dim()});
      add("layer_norm_bias", {layer.embedding_dim()});
    }
    dim_ = layer.embedding_dim();
    checksum_ = find_checksum();
  }

  /// The layer but for its parameters: without inventories and gains.
  const EmbeddingParts<double>& constants() const noexcept { return constants_; }
  std::int64_t num_embeddings() const noexcept { return constants_.lexicon.words(); }
  std::int64_t embedding_dim() const noexcept { return dim_; }
  const std::vector<std::string>& names() const noexcept { return names_; }
  const std::vector<std::vector<std::int64_t>>& sizes() const noexcept { return sizes_; }

  /// CRC-32 of the index: what tells parameters of one lexicon from those of another.
  std::uint32_t checksum() const noexcept { return checksum_; }

  /// The layer whose parameters are the numbers of `tensors`, as they are and as they become;
  /// frozen where they need no gradient. Throws unless they are on the CPU, contiguous, of the
  /// sizes that are needed and all float or all double.
  AnyView view(std::span<const Tensor> tensors) const {
    const auto type = tensors.empty() ? ::at::kFloat : tensors[0].scalar_type();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const char* const name = names_[i].c_str();
      require(type == ::at::kFloat || type == ::at::kDouble, "EntangledEmbedding: parameters of ",
              "type ", name_of(type), ", needed Float or Double");
      require_type(tensors[i], type, "EntangledEmbedding: parameter", name);
      require(tensors[i].sizes() == sizes_[i] && tensors[i].is_contiguous(),
              "EntangledEmbedding: parameter ", name, " of ", name_of(tensors[i].sizes()),
              tensors[i].is_contiguous() ? "" : ", not contiguous", ", needed ", name_of(sizes_[i]),
              " side by side");
    }
    if (type == ::at::kDouble) return view_of<double>(tensors);
    return view_of<float>(tensors);
  }

 private:
  void add(std::string name, std::vector<std::int64_t> sizes) {
    names_.push_back(std::move(name));
    sizes_.push_back(std::move(sizes));
  }

  template <class Scalar>
  std::shared_ptr<View<Scalar>> view_of(std::span<const Tensor> tensors) const {
    std::size_t next = 0;
    const auto numbers = [&] {
      auto kept = std::make_shared<Tensor>(tensors[next++].detach());
      const auto count = static_cast<std::size_t>(kept->numel());
      return Array<Scalar>(std::span<const Scalar>(kept->template data_ptr<Scalar>(), count), kept);
    };
    EmbeddingParts<Scalar> parts{.shape = constants_.shape,
                                 .inventories = {},
                                 .lexicon = constants_.lexicon,
                                 .gain_scope = constants_.gain_scope,
                                 .gains = {},
                                 .word_scale = constants_.word_scale.template cast<Scalar>(),
                                 .codes = constants_.codes,
                                 .basis = constants_.basis.template cast<Scalar>(),
                                 .layer_norm = {},
                                 .padding_idx = constants_.padding_idx};
    while (next < sizes_.size() && sizes_[next].size() == 3) {
      const auto& size = sizes_[next];
      parts.inventories.emplace_back(numbers(), size[0], size[1], size[2]);
    }
    if (parts.has_gains()) parts.gains = numbers();
    if (constants_.layer_norm) {
      auto weight = numbers(), bias = numbers();
      parts.layer_norm =
          LayerNorm<Scalar>{std::move(weight), std::move(bias), constants_.layer_norm->epsilon};
    }
    see::EntangledEmbedding<Scalar> layer(std::move(parts));
    for (std::size_t i = 0; i < tensors.size(); ++i)
      layer.freeze_parameter(static_cast<int>(i), !tensors[i].requires_grad());
    return std::make_shared<View<Scalar>>(std::move(layer), sizes_);
  }

  std::uint32_t find_checksum() const {
    std::uint32_t sum = 0;
    const auto add = [&](const auto& numbers) {
      sum = see::detail::crc32(std::as_bytes(std::span(numbers.data(), numbers.size())), sum);
    };
    const Lexicon& lexicon = constants_.lexicon;
    std::vector<std::int64_t> first = {static_cast<std::int64_t>(lexicon.kind()),
                                       constants_.shape.width(), lexicon.words()};
    for (const Index q : constants_.shape.factor_dims()) first.push_back(q);
    for (const int slot : lexicon.table().slots) first.push_back(slot);
    if (lexicon.is_uniform())
      first.push_back(lexicon.uniform_rank());
    else
      for (Index w = 0; w < lexicon.words(); ++w) first.push_back(lexicon.first_sense(w));
    add(first);
    add(lexicon.packed());
    return sum;
  }

  EmbeddingParts<double> constants_;
  std::int64_t dim_ = 0;
  std::vector<std::string> names_;
  std::vector<std::vector<std::int64_t>> sizes_;
  std::uint32_t checksum_ = 0;
};

}  // namespace see::torch::detail
