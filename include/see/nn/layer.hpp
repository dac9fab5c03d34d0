#pragma once

#include <concepts>
#include <optional>
#include <span>
#include <vector>

#include "see/core/types.hpp"
#include "see/model/gradient.hpp"

namespace see {

/// An embedding layer: a table of num_embeddings() rows of embedding_dim() numbers that is looked
/// up by forward() and trained through backward() and parameters(). The names are those of
/// torch::nn::Embedding; unlike there, the padding row looks up as zero whatever it was made from.
/// Code written for this concept takes EntangledEmbedding, DenseEmbedding and FrozenLayer alike
/// (tests/check_layer.hpp states the laws that they obey):
///
/// \code
///     template <see::EmbeddingLayer Layer>
///     void train(Layer& layer, const std::vector<int>& ids, const see::RowMatrix<float>& target) {
///       see::Gradient<float> gradient(layer);
///       see::Adam<float> adam;
///       for (int step = 0; step < 100; ++step) {
///         gradient.zero();
///         layer.backward(ids, layer.forward(ids) - target, gradient);
///         adam.step(layer, gradient);
///       }
///     }
/// \endcode
template <class Layer>
concept EmbeddingLayer = std::floating_point<typename Layer::Scalar> &&
    requires(Layer& layer, const Layer& fixed, std::span<const Index> ids,
             RowMatrixRef<typename Layer::Scalar> rows,
             Gradient<typename Layer::Scalar>& gradient) {
  { fixed.num_embeddings() } -> std::same_as<Index>;
  { fixed.embedding_dim() } -> std::same_as<Index>;
  { fixed.padding_idx() } -> std::same_as<std::optional<Index>>;
  { fixed.forward(ids) } -> std::same_as<RowMatrix<typename Layer::Scalar>>;
  fixed.forward(ids, rows);
  fixed.backward(ids, rows, gradient);
  { fixed.to_dense() } -> std::same_as<RowMatrix<typename Layer::Scalar>>;
  { layer.parameters() } -> std::same_as<std::vector<Parameter<typename Layer::Scalar>>>;
  { fixed.parameter_shapes() } -> std::same_as<std::vector<std::pair<Index, Index>>>;
  layer.freeze(true);
};

}  // namespace see
