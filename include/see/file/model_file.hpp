#pragma once

#include <concepts>
#include <filesystem>
#include <utility>

#include "see/config.hpp"
#include "see/core/storage.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"

/// Model files: a model as a safetensors file. docs/format.md specifies every tensor and metadata
/// entry. For Scalar float and double.
namespace see {

class SafetensorsFile;

struct LoadOptions {
  bool verify_checksum = true;  ///< reads the whole file once
  /// Leaves factors as F16, BF16 or I8 where they lie in the mapped file, to be widened as rows are
  /// looked up; else they are converted once, on loading.
  bool keep_storage = false;
};

/// Writes the model, whole or not at all; factors, gains and basis are rounded to its precision, so
/// that the file has the size that it was made for. The same model gives the same bytes. Throws
/// Error where the words are not as many as the rows, more units are named than there are, or a
/// number is out of that precision's range; throws FileError where writing fails.
template <class Scalar>
void save_model(const std::filesystem::path& path, const Model<Scalar>& model);

/// The same in another precision than the model's.
template <class Scalar>
void save_model(const std::filesystem::path& path, Model<Scalar> model, Precision precision) {
  model.precision = precision;
  save_model(path, model);
}

/// The same for a layer alone, without words.
template <class Scalar, int Order>
void save_model(const std::filesystem::path& path, const EntangledEmbedding<Scalar, Order>& layer) {
  save_model(path, Model<Scalar>{EntangledEmbedding<Scalar>(layer.parts())});
}

/// Loads a model by mapping its file: numbers of type Scalar are used where they lie, others are
/// converted. Saving it again gives the same bytes (files of older formats are written in the one
/// that they need today). Throws FileError where the file cannot be read, is no see model, is
/// damaged (its checksum), of a newer version, or does not hold together.
///
/// Cost: a pass over the file for the checksum unless declined, and O(senses) to check the index
/// where an inventory's size is no power of two.
template <std::floating_point Scalar = float>
Model<Scalar> load_model(const std::filesystem::path& path, const LoadOptions& options = {});

template <std::floating_point Scalar = float>
Model<Scalar> load_model(const SafetensorsFile& file, const LoadOptions& options = {});

}  // namespace see

#if !defined(SEE_COMPILED)
#include "see/file/model_file-inl.hpp"
#endif
