#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/compress.hpp"
#include "see/core/table.hpp"
#include "see/torch/embedding.hpp"

namespace see::torch {

/// How a dense table becomes an entangled layer, as in torch::nn::EmbeddingFromPretrainedOptions.
struct FromPretrainedOptions {
  /// Whether the parameters need no gradient; true, as in torch.
  TORCH_ARG(bool, freeze) = true;
  /// Looks up as zero, whatever its row is in the table.
  TORCH_ARG(std::optional<std::int64_t>, padding_idx) = std::nullopt;
  /// Size, method and the rest, as compress() takes them; method auto is induced here. Sizes are
  /// those of a model file, where factors are halves: as float parameters they take twice as much.
  TORCH_ARG(CompressOptions, compress) = CompressOptions{.ratio = 20};

 public:
  /// compress() with this ratio and no size in bytes.
  FromPretrainedOptions& ratio(double ratio) {
    compress_.ratio = ratio;
    compress_.bytes.reset();
    return *this;
  }
};

/// The numbers of a tensor as a Table, without a copy where they are floats side by side. Throws
/// unless it is rows x dim, float or double, on the CPU.
inline Table to_table(const Tensor& tensor) {
  detail::require_on_cpu(tensor, "to_table", "a table");
  see::detail::require(tensor.dim() == 2 && tensor.is_floating_point(),
                       "to_table: a table of type ", detail::name_of(tensor.scalar_type()), " and ",
                       detail::name_of(tensor.sizes()), ", needed rows x dim real numbers");
  auto kept = std::make_shared<Tensor>(tensor.detach().to(::at::kFloat).contiguous());
  const std::span<const float> numbers(kept->data_ptr<float>(),
                                       static_cast<std::size_t>(kept->numel()));
  return Table({}, Array<float>(numbers, kept), tensor.size(0), tensor.size(1));
}

/// `table` is rows x dim; the layer is of its type. Deterministic. Throws as compress() does, and
/// where the table is none.
///
/// \code{.cpp}
///     auto embed = see::torch::EntangledEmbedding::from_pretrained(
///         dense->weight, see::torch::FromPretrainedOptions().ratio(20).freeze(false));
/// \endcode
inline EntangledEmbedding EntangledEmbedding::from_pretrained(
    const Tensor& table, const FromPretrainedOptions& options) {
  auto parts = see::from_pretrained(to_table(table), options.compress()).parts();
  if (options.padding_idx()) parts.padding_idx = *options.padding_idx();
  EntangledEmbedding embedding(parts);
  if (table.scalar_type() == ::at::kDouble) embedding->to(::at::kDouble);
  embedding->freeze(options.freeze());
  return embedding;
}

}  // namespace see::torch
