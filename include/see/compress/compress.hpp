#pragma once

#include <concepts>
#include <utility>

#include "see/compress/compress_options.hpp"
#include "see/compress/fit.hpp"
#include "see/compress/methods.hpp"
#include "see/config.hpp"
#include "see/core/table.hpp"
#include "see/model/builders.hpp"
#include "see/model/model.hpp"

namespace see {

/// Compresses a table to a model by any of compress_methods(), so that its file, as save_model()
/// writes it, has at most the bytes that the options give. The model's notes (Model::fit) say how
/// well it came out. Deterministic for a seed, for any executor.
///
/// Throws on an empty table, an unknown method, an option that the method cannot use, a number that
/// is not finite, a size that cannot be reached (the message names the smallest that can), numbers
/// of a magnitude that the method cannot take (Method::least, most), or a model that would be no
/// better than zeros. Where progress returns false, throws Cancelled, and a checkpoint has what is
/// done: a run that goes on from it gives the bits of one that was not interrupted. Throws
/// FileError where table, size, objective or seed are others than in the checkpoint; the caller
/// removes its file when the model is safe. Memory of trellis: the table once (mapped or not), a
/// sample of at most 49,152 rows twice, the model, 16 bytes a row and some MiB a thread; induced
/// copies the table once. Time is linear in rows.
///
/// \code
///     see::save_model("vectors.see", see::compress(table, {.ratio = 20}));
/// \endcode
Model<float> compress(const Table& table, const CompressOptions& options);

/// A trainable layer that starts from a dense table, compressed; method auto is induced here, since
/// codes are constant.
inline EntangledEmbedding<float> from_pretrained(const Table& table, CompressOptions options) {
  if (options.method == "auto") options.method = "induced";
  return compress(table, options).embedding;
}

/// A trainable layer of a given shape and lexicon whose factors are fitted to a dense table; units
/// have `vectors` vectors.
template <std::floating_point Scalar = float>
EntangledEmbedding<Scalar> from_pretrained(const Table& table, const Shape& shape, Lexicon lexicon,
                                           Index vectors, const BuildOptions& build = {},
                                           const FitOptions& options = {}) {
  EntangledEmbedding<Scalar> layer(make_parts<Scalar>(shape, std::move(lexicon), vectors, build));
  fit(layer, table.matrix(), options);
  return layer;
}

}  // namespace see

#if !defined(SEE_COMPILED)
#include "see/compress/compress-inl.hpp"
#endif
