#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/types.hpp"

namespace see {

struct WordKnowledge;

/// How to compress a table. Exactly one of `ratio` and `bytes` is given; every byte of the model
/// file but the vocabulary's counts, header included.
///
/// Methods (compress_methods() lists all): `trellis` codes rows entry by entry, and is the more
/// exact wherever its classes find room; `induced` learns sememes, so that the model can be trained
/// and scored by its factors; `auto` is trellis, beside terms where trials on some rows find that
/// these pay (the model's notes then say "mixed"), and where that leaves more than half of the
/// energy or has no room, the better of that and induced; `see` and `hybrid` make terms from what
/// is known of the words; the others are what tables are usually compressed with.
///
/// auto, trellis and induced minimise
///
///     sum_w weights[w] |x_w|^(-2 direction) (x_w - y_w)' activation (x_w - y_w)
///
/// by default the plain squared error, and auto compares methods by it. Rows that count more get
/// more bits, or more terms where trials find that uneven numbers of them pay. Only trellis takes
/// an activation. Auto is trellis alone where there is an activation or a checkpoint, or induced
/// where there is no room and no activation.
struct CompressOptions {
  std::optional<double> ratio = {};         ///< 4 * rows * dim / bytes is to be at least this
  std::optional<std::uint64_t> bytes = {};  ///< the file is to have at most so many bytes
  std::string method = "auto";              ///< one of compress_methods()
  double direction = 0;                     ///< 0 to 1; 1 favours short rows as the cosine does
  std::vector<float> weights = {};          ///< one a row, above 0; empty: all alike
  RowMatrix<float> activation = {};         ///< dim x dim, symmetric; empty: the identity
  std::filesystem::path checkpoint = {};    ///< a file to go on from and to keep; empty: none
  std::shared_ptr<const WordKnowledge> knowledge = {};  ///< of the words; for see and hybrid
  std::uint64_t seed = 1;                               ///< trellis draws no random numbers
  Executor run = threads();
  ProgressCallback progress = {};
};

}  // namespace see
