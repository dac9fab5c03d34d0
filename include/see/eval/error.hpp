#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/cosine.hpp"

namespace see {

/// How near the rows y of a compressed table are to the rows x of the original.
struct Fidelity {
  /// sum |x - y|^2 / sum |x|^2 over all rows. Where all x are zero: 0 if all y are too, else
  /// infinity.
  double relative_error = 0;
  /// Mean of <x, y> / (|x| |y|) over the rows where both norms are non-zero; rows where one is zero
  /// have no direction and do not count. NaN where no row counts.
  double mean_cosine = 0;
  Index rows = 0;         ///< compared
  Index cosine_rows = 0;  ///< that mean_cosine is over
};

/// Compares row i of `original` with row i of `compressed` for every i, in blocks of 1,024 rows:
/// some 8 KiB times dim of memory a thread. The result is the same for any number of threads.
/// Throws where the shapes differ or there are no rows.
template <RowSource Original, RowSource Compressed>
Fidelity fidelity(const Original& original, const Compressed& compressed,
                  const Executor& run = serial()) {
  const Index rows = original.num_embeddings();
  const Index dim = original.embedding_dim();
  detail::require(rows == compressed.num_embeddings() && dim == compressed.embedding_dim(),
                  "fidelity of ", compressed.num_embeddings(), " x ", compressed.embedding_dim(),
                  " numbers, needed ", rows, " x ", dim, " as in the original");
  detail::require(rows > 0, "fidelity over no rows, needed at least one");

  struct Sums {
    double error = 0;
    double energy = 0;
    double cosine = 0;
    Index cosine_rows = 0;
  };
  constexpr std::size_t block = 1024;
  std::vector<Sums> parts((static_cast<std::size_t>(rows) + block - 1) / block);
  for_ranges(run, static_cast<std::size_t>(rows), block, [&](std::size_t first, std::size_t last) {
    const auto count = static_cast<Index>(last - first);
    RowMatrix<float> x(count, dim), y(count, dim);
    detail::forward_range(original, static_cast<Index>(first), x);
    detail::forward_range(compressed, static_cast<Index>(first), y);
    Sums sums;
    for (Index i = 0; i < count; ++i) {
      const float* a = x.data() + i * dim;
      const float* b = y.data() + i * dim;
      const double energy = detail::dot(a, a, dim);
      const double other = detail::dot(b, b, dim);
      sums.energy += energy;
      sums.error += (x.row(i).cast<double>() - y.row(i).cast<double>()).squaredNorm();
      if (energy == 0 || other == 0) continue;
      sums.cosine += detail::dot(a, b, dim) / (std::sqrt(energy) * std::sqrt(other));
      ++sums.cosine_rows;
    }
    parts[first / block] = sums;
  });

  Sums total;
  for (const Sums& part : parts) {
    total.error += part.error;
    total.energy += part.energy;
    total.cosine += part.cosine;
    total.cosine_rows += part.cosine_rows;
  }
  Fidelity result;
  result.rows = rows;
  result.cosine_rows = total.cosine_rows;
  result.relative_error = total.energy > 0   ? total.error / total.energy
                          : total.error == 0 ? 0
                                             : std::numeric_limits<double>::infinity();
  result.mean_cosine = total.cosine_rows > 0 ? total.cosine / static_cast<double>(total.cosine_rows)
                                             : std::numeric_limits<double>::quiet_NaN();
  return result;
}

/// The same over pairs of rows: row original_rows[i] with row compressed_rows[i]. Throws also where
/// the lists differ in length or a row number is out of range.
template <RowSource Original, RowSource Compressed>
Fidelity fidelity(const Original& original, const Compressed& compressed,
                  std::span<const Index> original_rows, std::span<const Index> compressed_rows,
                  const Executor& run = serial()) {
  return fidelity(SelectedRows(original, original_rows), SelectedRows(compressed, compressed_rows),
                  run);
}

}  // namespace see
