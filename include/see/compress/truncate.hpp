#pragma once

#include "see/compress/compress_options.hpp"
#include "see/config.hpp"
#include "see/model/model.hpp"

namespace see {

/// A smaller model from a larger one, without the table that it was made from: the rows that the
/// model rebuilds are compressed anew. The error of what comes out is about the sum of both errors,
/// since what the first coder lost the second cannot see. The notes have "lost", the relative error
/// against `model`, in place of "relative_error" and "mean_cosine", which only the table could
/// tell. The file has at most the bytes asked for. Memory: the dense table and what compress()
/// needs. Throws as compress(), and where the size asked for is not below the model's.
///
/// A model made from knowledge with codes keeps its terms, and so the names of units and the
/// composing of words that it lacks, where they take at most half of the bytes and the method is
/// auto.
///
/// \code
///     const auto smaller = see::truncate(see::load_model("vectors.see"), {.ratio = 40});
/// \endcode
Model<float> truncate(const Model<float>& model, const CompressOptions& options);

}  // namespace see

#if !defined(SEE_COMPILED)
#include "see/compress/truncate-inl.hpp"
#endif
