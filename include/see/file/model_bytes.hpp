#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "see/codes/trellis_file.hpp"
#include "see/file/model_content.hpp"
#include "see/io/file_content.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/tensor.hpp"
#include "see/model/model.hpp"

namespace see {

/// Where the bytes of a model file go. `total` is the size of the file less the vocabulary, and the
/// sum of the other seven.
struct ModelBytes {
  std::uint64_t factors = 0;    ///< inventories
  std::uint64_t index = 0;      ///< word -> senses -> units
  std::uint64_t gains = 0;      ///< gains and word scales
  std::uint64_t basis = 0;      ///< mean, axes and LayerNorm
  std::uint64_t codes = 0;      ///< codes of rows, or of what terms leave of them
  std::uint64_t knowledge = 0;  ///< names of units
  std::uint64_t header = 0;
  std::uint64_t total = 0;
  std::uint64_t vocabulary = 0;  ///< the words' bytes and offsets, in no ratio
};

namespace detail {

/// The shares of a file of `size` bytes with the given tensors; what is no tensor is header.
inline ModelBytes count_bytes(std::span<const Tensor> tensors, std::uint64_t size) {
  ModelBytes bytes;
  bytes.header = size;
  for (const Tensor& tensor : tensors) {
    const auto named = [&](std::string_view start) { return tensor.name.starts_with(start); };
    std::uint64_t* share = &bytes.codes;  // those of baselines have no prefix
    if (named("basis.") || named("layer_norm.")) share = &bytes.basis;
    if (named("inventory.")) share = &bytes.factors;
    if (named("lexicon.")) share = &bytes.index;
    if (tensor.name == "gains" || named("word_scale.")) share = &bytes.gains;
    if (named("knowledge.")) share = &bytes.knowledge;
    if (named("vocabulary.")) share = &bytes.vocabulary;
    *share += tensor.bytes.size();
    bytes.header -= tensor.bytes.size();
  }
  bytes.total = size - bytes.vocabulary;
  return bytes;
}

inline ModelBytes count_bytes(const FileContent& content) {
  return count_bytes(content.tensors(), content.size());
}

/// Bytes of the file (less the vocabulary) of a model with planned codes in place of its own:
/// plan(codes_content) adds these.
template <class Scalar>
std::uint64_t planned_bytes(const Model<Scalar>& model, std::string_view codes,
                            const AddCodes& plan) {
  return count_bytes(content_of(model, codes, plan)).total;
}

}  // namespace detail

/// Bytes of a model's file: `total` is all of it but the vocabulary.
inline ModelBytes model_bytes(const SafetensorsFile& file) {
  return detail::count_bytes(file.tensors(), file.file()->bytes().size());
}

/// The same for a model that is not written yet, as save_model() would write it.
template <class Scalar>
ModelBytes model_bytes(const Model<Scalar>& model) {
  return detail::count_bytes(detail::content_of(model));
}

/// The same in another precision than the model's.
template <class Scalar>
ModelBytes model_bytes(Model<Scalar> model, Precision precision) {
  model.precision = precision;
  return model_bytes(model);
}

}  // namespace see
