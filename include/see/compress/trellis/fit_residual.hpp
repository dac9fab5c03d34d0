#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "see/config.hpp"
#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/model/residual.hpp"

namespace see {

struct ResidualOptions {
  std::span<const float> weights = {};  ///< one a row: its error counts that much; empty: 1
  int window_bits = 0;                  ///< 8 to 16, 0: by the bits of a row; time grows as 2^bits
  Index most_classes = 256;             ///< classes are doubled while that pays, up to this many
  Index sample_rows = 49152;            ///< from which the classes are learned
  std::function<void(double)> progress = {};  ///< told now and then what share of rows is coded
  /// A file that keeps the codes of rows, so that an interrupted run can go on; empty: none.
  std::filesystem::path checkpoint = {};
};

struct ResidualFit {
  Residual residual;
  double error = 0;     ///< sum_w weight_w |x_w - y_w|^2 of the residual
  double expected = 0;  ///< the same as foreseen before the rows were coded
};

/// Bytes of a residual of these sizes without the codes of its rows.
inline std::uint64_t residual_overhead(Index rows, Index dim, Index classes) {
  const auto cells = static_cast<std::uint64_t>(classes) * static_cast<std::uint64_t>(dim);
  const auto id_bits = static_cast<std::uint64_t>(bits_for(static_cast<std::uint64_t>(classes)));
  return packed_bytes(static_cast<std::uint64_t>(rows) * id_bits) +
         packed_bytes(cells * detail::rate_bits) + 2 * cells +
         sizeof(float) * (static_cast<std::uint64_t>(classes) + 1);
}

/// sum_w weight_w |x_w - y_w|^2 for what the residual makes of the rows. O(rows * dim).
double residual_error(const AnyRows& source, std::span<const float> weights,
                      const Residual& residual, const Executor& run = serial());

/// Codes `rows` (n x dim), best rotated to their principal axes and about a mean of zero, in at
/// most `bytes` bytes: classes of rows by how they spread, rates by reverse water-filling over
/// classes and entries with distortions measured on a sample, a Viterbi search a row, scales and
/// means refitted to the codes. The same for any number of threads. About n * dim * 2^window_bits /
/// 2^13 microseconds on one core with AVX2. Rows are read in blocks, in five passes; memory beside
/// them: the sample, the codes and four bytes a row. Throws where there are no rows, a number is
/// not finite, the weights are not n positive numbers, an option is out of range or the bytes do
/// not suffice for a single class without codes (residual_overhead of 1 class + packed_padding).
ResidualFit fit_residual(const AnyRows& rows, std::uint64_t bytes,
                         const ResidualOptions& options = {}, const Executor& run = serial());

/// The same for rows in memory.
inline ResidualFit fit_residual(ConstRowMatrixRef<float> rows, std::uint64_t bytes,
                                const ResidualOptions& options = {},
                                const Executor& run = serial()) {
  return fit_residual(AnyRows(TableRows(rows.data(), rows.rows(), rows.cols(), rows.outerStride())),
                      bytes, options, run);
}

}  // namespace see

#if !defined(SEE_COMPILED)
#include "see/compress/trellis/fit_residual-inl.hpp"
#endif
