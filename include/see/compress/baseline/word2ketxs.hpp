#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/model/builders.hpp"
#include "see/model/embedding.hpp"

namespace see::detail {

/// The word2ketXS layer of order 2 and the given rank nearest to a table, its factors of half
/// precision. Row w = w1 base + w2 is sum_k a_k(w1) (x) b_k(w2), so the table, its entries moved to
/// row (w1, j1) and column (w2, j2), is a matrix of that rank, and the factors are its largest
/// singular vectors (Van Loan and Pitsianis, Approximation with Kronecker products, 1993), found by
/// subspace iteration (Halko, Martinsson and Tropp, SIAM Review 53, 2011). Words that the digits
/// name beyond the table count as zero.
///
/// `passes` * 4 n d (rank + 16) operations or so, one copy of the table. Throws as
/// make_word2ketxs() and where a factor does not fit half precision.
template <class Proceed>
EntangledEmbedding<float> fit_word2ketxs(const Table& table, Index rank, std::uint64_t seed,
                                         const Executor& run, const Proceed& proceed,
                                         int passes = 8) {
  const Index rows = table.rows(), dim = table.dim();
  auto parts = make_word2ketxs<float>(rows, dim, 2, rank).parts();
  const Index base = parts.inventories[0].size(), q1 = parts.shape.factor_dim(0),
              q2 = parts.shape.factor_dim(1);
  RowMatrix<float> matrix = RowMatrix<float>::Zero(base * q1, base * q2);
  for (Index w = 0; w < rows; ++w)
    for (Index j = 0; j < dim; ++j)
      matrix(w / base * q1 + j / q2, w % base * q2 + j % q2) = table.matrix()(w, j);

  const Index width = std::min({rank + 16, matrix.rows(), matrix.cols()});
  const auto product = [&](const auto& left, const RowMatrix<float>& right) {
    RowMatrix<float> result(left.rows(), right.cols());
    for_ranges(run, static_cast<std::size_t>(left.rows()), 256,
               [&](std::size_t begin, std::size_t end) {
                 const auto at = static_cast<Index>(begin), size = static_cast<Index>(end - begin);
                 result.middleRows(at, size) = detail::product(left.middleRows(at, size), right);
               });
    return result;
  };
  Random random(seed);
  RowMatrix<float> right(matrix.cols(), width);
  for (Index i = 0; i < right.size(); ++i) right.data()[i] = static_cast<float>(random.normal());
  RowMatrix<float> left;
  for (int pass = 0; pass < passes; ++pass) {
    proceed(static_cast<double>(pass) / passes);
    left = orthonormal_columns(product(matrix, right));
    right = product(matrix.transpose(), left);
    if (pass + 1 < passes) right = orthonormal_columns(right);
  }
  // matrix = left right^T nearly; the singular vectors of that are those of a small matrix.
  const PrincipalDirections directions(second_moments(right, run));
  const RowMatrix<float> turn = directions.vectors.leftCols(std::min(rank, width)).cast<float>();
  left = product(left, turn);
  right = product(right, turn);
  for (Index k = 0; k < rank; ++k) {
    std::vector<float> a(static_cast<std::size_t>(base * q1), 0.0F),
        b(static_cast<std::size_t>(base * q2), 0.0F);
    const float norm = k < left.cols() ? right.col(k).norm() : 0.0F;
    if (norm > 0) {
      const float root = std::sqrt(norm);
      for (std::size_t i = 0; i < a.size(); ++i) a[i] = left(static_cast<Index>(i), k) * root;
      for (std::size_t i = 0; i < b.size(); ++i) b[i] = right(static_cast<Index>(i), k) / root;
    }
    const auto number = static_cast<std::size_t>(2 * k);
    parts.inventories[number] = Inventory<float>(std::move(a), base, 1, q1);
    parts.inventories[number + 1] = Inventory<float>(std::move(b), base, 1, q2);
  }
  const EntangledEmbedding<float> exact(std::move(parts));
  return exact.stored_as(Storage::f16).stored_as(Storage::native);
}

}  // namespace see::detail
