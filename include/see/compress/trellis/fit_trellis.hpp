#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "see/config.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/model/trellis_codes.hpp"

namespace see::detail {

struct TrellisOptions {
  std::span<const float> weights = {};  ///< one a row: its error counts that much; empty: 1
  int window_bits = 0;                  ///< 8 to 16, 0: by the bits of a row; time grows as 2^bits
  Index most_classes = 256;             ///< classes are doubled while that pays, up to this many
  Index sample_rows = 49152;            ///< from which the classes are learned
  std::function<void(double)> progress = {};  ///< told now and then what share of rows is coded
  /// A file that keeps the codes of rows, so that an interrupted run can go on; empty: none.
  std::filesystem::path checkpoint = {};
};

struct TrellisFit {
  TrellisCodes codes;
  double error = 0;     ///< sum_w weight_w |x_w - y_w|^2 of the residual
  double expected = 0;  ///< the same as foreseen before the rows were coded
};

/// The bytes that all arrays of TrellisParts together may take where there are so many classes.
using TrellisRoom = std::function<std::uint64_t(Index classes)>;

/// sum_w weight_w |x_w - y_w|^2 for what the residual makes of the rows. O(rows * dim).
double trellis_error(const AnyRows& source, std::span<const float> weights,
                     const TrellisCodes& residual, const Executor& run = serial());

/// Codes `rows` (n x dim), best rotated to their principal axes and about a mean of zero, in at
/// most room(classes) bytes: classes of rows by how they spread, rates by reverse water-filling
/// over classes and entries with distortions measured on a sample, a Viterbi search a row, scales
/// and means refitted to the codes. The same for any number of threads. About n * dim *
/// 2^window_bits / 2^13 microseconds on one core with AVX2. Rows are read in blocks, in five
/// passes; memory beside them: the sample, the codes and four bytes a row. Throws where there are
/// no rows, a number is not finite, the weights are not n positive numbers, an option is out of
/// range or the bytes do not suffice for a single class without codes.
TrellisFit fit_trellis(const AnyRows& rows, const TrellisRoom& room,
                       const TrellisOptions& options = {}, const Executor& run = serial());

/// The same in at most `bytes` bytes, however many classes there are.
inline TrellisFit fit_trellis(const AnyRows& rows, std::uint64_t bytes,
                              const TrellisOptions& options = {}, const Executor& run = serial()) {
  return fit_trellis(
      rows, [bytes](Index) { return bytes; }, options, run);
}

/// The same for rows in memory.
inline TrellisFit fit_trellis(ConstRowMatrixRef<float> rows, std::uint64_t bytes,
                              const TrellisOptions& options = {}, const Executor& run = serial()) {
  return fit_trellis(AnyRows(TableRows(rows.data(), rows.rows(), rows.cols(), rows.outerStride())),
                     bytes, options, run);
}

}  // namespace see::detail

#if !defined(SEE_COMPILED)
#include "see/compress/trellis/fit_trellis-inl.hpp"
#endif
