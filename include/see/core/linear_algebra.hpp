#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"

/// The dense operations that fitting needs, each compiled once: products by one loop for all
/// layouts, eigenvalues and linear systems in double. Eigen's own cost every program that includes
/// them seconds.
namespace see::detail {

/// A matrix as it lies in memory: entry (i, j) at data[i * row_step + j * col_step].
template <class Scalar>
struct MatrixView {
  const Scalar* data;
  Index rows, cols, row_step, col_step;
};

/// Of a matrix, a block of one, or the transpose of either.
template <class Matrix>
MatrixView<typename Matrix::Scalar> view(const Matrix& matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols(), matrix.rowStride(), matrix.colStride()};
}

/// Adds left * right to `sums`, rows `stride` apart, in products of 256 terms an entry at a time:
/// these are sums of Scalar, added up as Sum. rows * inner * cols multiply-adds.
template <class Scalar, class Sum>
void add_product(const MatrixView<Scalar>& left, const MatrixView<Scalar>& right, Sum* sums,
                 Index stride) {
  using namespace Eigen::internal;
  using Packet = typename packet_traits<Scalar>::type;
  constexpr Index lanes = packet_traits<Scalar>::size, width = 2 * lanes, height = 4;
  constexpr Index depth = 256, rows_at_once = 256;
  std::vector<Scalar> panel(static_cast<std::size_t>(depth * width));
  struct Sums {  // of a row of the tile
    Packet first = pset1<Packet>(Scalar(0)), second = first;
    void add(Scalar factor, const Packet& against, const Packet& beside) {
      const Packet each = pset1<Packet>(factor);
      first = pmadd(each, against, first);
      second = pmadd(each, beside, second);
    }
    void store(Scalar* out) const {
      pstoreu(out, first);
      pstoreu(out + lanes, second);
    }
  };
  const auto tile = [&](Index i, Index k, Index inner, Scalar* out) {
    const auto row = [&](Index r) {
      return left.data + std::min(i + r, left.rows - 1) * left.row_step + k * left.col_step;
    };
    const Scalar *a = row(0), *b = row(1), *c = row(2), *d = row(3), *against = panel.data();
    Sums of_a, of_b, of_c, of_d;
    for (Index t = 0, at = 0; t < inner; ++t, at += left.col_step, against += width) {
      const Packet first = ploadu<Packet>(against), second = ploadu<Packet>(against + lanes);
      of_a.add(a[at], first, second);
      of_b.add(b[at], first, second);
      of_c.add(c[at], first, second);
      of_d.add(d[at], first, second);
    }
    of_a.store(out);
    of_b.store(out + width);
    of_c.store(out + 2 * width);
    of_d.store(out + 3 * width);
  };
  for (Index top = 0; top < left.rows; top += rows_at_once)
    for (Index k = 0; k < left.cols; k += depth)
      for (Index j = 0; j < right.cols; j += width) {
        const Index inner = std::min(depth, left.cols - k), cols = std::min(width, right.cols - j);
        const Scalar* const from = right.data + k * right.row_step + j * right.col_step;
        for (Index t = 0; t < inner; ++t)
          for (Index c = 0; c < width; ++c)
            panel[static_cast<std::size_t>(t * width + c)] =
                c < cols ? from[t * right.row_step + c * right.col_step] : Scalar(0);
        const Index end = std::min(left.rows, top + rows_at_once);
        for (Index i = top; i < end; i += height) {
          Scalar out[height * width];
          tile(i, k, inner, out);
          for (Index r = 0; r < std::min(height, end - i); ++r)
            for (Index c = 0; c < cols; ++c)
              sums[(i + r) * stride + j + c] += static_cast<Sum>(out[r * width + c]);
        }
      }
}

/// left * right, of matrices, blocks or transposes of one scalar.
template <class Left, class Right>
RowMatrix<typename Left::Scalar> product(const Left& left, const Right& right) {
  RowMatrix<typename Left::Scalar> result =
      RowMatrix<typename Left::Scalar>::Zero(left.rows(), right.cols());
  add_product(view(left), view(right), result.data(), result.cols());
  return result;
}

inline double dot_product(const double* x, const double* y, Index n) {
  using Numbers = Eigen::Map<const Vector<double>>;
  return Numbers(x, n).dot(Numbers(y, n));
}

/// y += factor * x.
inline void add_scaled(double factor, const double* x, double* y, Index n) {
  Eigen::Map<Vector<double>>(y, n) += factor * Eigen::Map<const Vector<double>>(x, n);
}

/// (x, y) := (c x - s y, s x + c y).
inline void rotate(double* x, double* y, Index n, double c, double s) {
  using namespace Eigen::internal;
  using Packet = packet_traits<double>::type;
  constexpr Index lanes = packet_traits<double>::size;
  const Packet cosine = pset1<Packet>(c), sine = pset1<Packet>(s);
  Index i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Packet a = ploadu<Packet>(x + i), b = ploadu<Packet>(y + i);
    pstoreu(x + i, psub(pmul(cosine, a), pmul(sine, b)));
    pstoreu(y + i, padd(pmul(sine, a), pmul(cosine, b)));
  }
  for (; i < n; ++i) {
    const double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}

/// Householder's reflections to a tridiagonal matrix (Golub and Van Loan, Matrix
/// Computations, 8.3.1), last row first. Reads the lower triangle of `a`; row i then holds the i
/// numbers of the vector u of I - u u' / h_i (no reflection where h_i is 0).
inline void tridiagonalise(RowMatrix<double>& a, std::vector<double>& diagonal,
                           std::vector<double>& beside, std::vector<double>& h) {
  const Index n = a.rows();
  const auto size = static_cast<std::size_t>(n);
  diagonal.assign(size, 0.0);
  beside.assign(size, 0.0);
  h.assign(size, 0.0);
  std::vector<double> p(size);
  for (Index i = n - 1; i > 0; --i) {
    double* const u = a.data() + i * n;
    const double head = dot_product(u, u, i - 1), last = u[i - 1];
    beside[std::size_t(i)] = last;
    if (head == 0) continue;
    const double norm = std::sqrt(head + last * last), to = last > 0 ? -norm : norm;
    const double half = head + last * last - last * to;
    beside[std::size_t(i)] = to;
    h[std::size_t(i)] = half;
    u[i - 1] = last - to;
    for (Index j = 0; j < i; ++j) {
      const double* const row = a.data() + j * n;
      p[std::size_t(j)] = dot_product(row, u, j + 1);
      add_scaled(u[j], row, p.data(), j);
    }
    const double share = dot_product(u, p.data(), i) / (2 * half * half);
    for (Index j = 0; j < i; ++j) p[std::size_t(j)] = p[std::size_t(j)] / half - share * u[j];
    for (Index j = 0; j < i; ++j) {
      double* const row = a.data() + j * n;
      add_scaled(-u[j], p.data(), row, j + 1);
      add_scaled(-p[std::size_t(j)], u, row, j + 1);
    }
  }
  for (Index i = 0; i < n; ++i) diagonal[std::size_t(i)] = a(i, i);
}

/// The product of the reflections, a row for each row of the tridiagonal matrix.
inline RowMatrix<double> reflections(const RowMatrix<double>& a, const std::vector<double>& h) {
  const Index n = a.rows();
  RowMatrix<double> result = RowMatrix<double>::Identity(n, n);
  for (Index i = 1; i < n; ++i) {
    if (h[std::size_t(i)] == 0) continue;
    const double* const u = a.data() + i * n;
    for (Index r = 0; r < i; ++r) {
      double* const row = result.data() + r * n;
      add_scaled(-dot_product(row, u, i) / h[std::size_t(i)], u, row, i);
    }
  }
  return result;
}

/// Eigenvalues of a tridiagonal matrix in `d` by the implicit QL method (Bowdler, Martin, Reinsch
/// and Wilkinson, Numerische Mathematik 11, 1968); `e[i]` is beside d[i - 1] and d[i]. Turns the
/// rows of `vectors` (none: empty) with it. Returns whether they converged.
inline bool diagonalise(std::vector<double>& d, std::vector<double>& e,
                        RowMatrix<double>& vectors) {
  const std::size_t n = d.size();
  std::rotate(e.begin(), e.begin() + 1, e.end());
  e[n - 1] = 0;
  double shift = 0, largest = 0;
  for (std::size_t l = 0; l < n; ++l) {
    largest = std::max(largest, std::abs(d[l]) + std::abs(e[l]));
    const double small = std::numeric_limits<double>::epsilon() * largest;
    std::size_t m = l;
    while (m + 1 < n && !(std::abs(e[m]) <= small)) ++m;
    for (int step = 0; m > l && std::abs(e[l]) > small; ++step) {
      if (step == 60) return false;
      double g = d[l], p = (d[l + 1] - g) / (2 * e[l]);
      double r = p < 0 ? -std::hypot(p, 1.0) : std::hypot(p, 1.0);
      d[l] = e[l] / (p + r);
      d[l + 1] = e[l] * (p + r);
      const double second = d[l + 1], fall = g - d[l], beside = e[l + 1];
      for (std::size_t i = l + 2; i < n; ++i) d[i] -= fall;
      shift += fall;
      p = d[m];
      double c = 1, c2 = 1, c3 = 1, s = 0, s2 = 0;
      for (std::size_t i = m; i-- > l;) {
        c3 = c2;
        c2 = c;
        s2 = s;
        g = c * e[i];
        const double h = c * p;
        r = std::hypot(p, e[i]);
        e[i + 1] = s * r;
        s = e[i] / r;
        c = p / r;
        p = c * d[i] - s * g;
        d[i + 1] = h + s * (c * g + s * d[i]);
        const Index columns = vectors.cols();
        if (columns > 0)
          rotate(vectors.data() + Index(i) * columns, vectors.data() + Index(i + 1) * columns,
                 columns, c, s);
      }
      p = -s * s2 * c3 * beside * e[l] / second;
      e[l] = s * p;
      d[l] = c * p;
    }
    d[l] += shift;
    e[l] = 0;
  }
  return true;
}

/// A = sum_i values_i v_i v_i' for symmetric A.
struct SymmetricEigen {
  Vector<double> values;  ///< in rising order
  RowMatrix<double>
      vectors;  ///< row i is v_i, of length 1 and open sign; empty where not asked for
};

/// Of the matrix whose lower triangle is given. O(n^3); some 4 n^3 / 3 operations for values alone.
/// Throws where a number is not finite.
inline SymmetricEigen symmetric_eigen(RowMatrix<double> matrix, bool with_vectors = true) {
  const Index n = matrix.rows();
  SymmetricEigen result;
  result.values.resize(n);
  if (n == 0) return result;
  const double largest = matrix.cwiseAbs().maxCoeff();
  bool fine = std::isfinite(largest) && matrix.allFinite();
  std::vector<double> d, e, h;
  RowMatrix<double> vectors;
  if (fine) {
    if (largest > 0) matrix /= largest;
    tridiagonalise(matrix, d, e, h);
    if (with_vectors) vectors = reflections(matrix, h);
    fine = diagonalise(d, e, vectors);
  }
  require(fine, "the eigenvalues of a matrix of ", n, " columns did not converge");
  std::vector<std::size_t> order(d.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return d[i] < d[j]; });
  if (with_vectors) result.vectors.resize(n, n);
  for (Index i = 0; i < n; ++i) {
    const std::size_t from = order[std::size_t(i)];
    result.values(i) = d[from] * largest;
    if (with_vectors)
      std::copy_n(vectors.data() + Index(from) * n, n, result.vectors.data() + i * n);
  }
  return result;
}

/// An orthonormal basis of the columns of `matrix` (n x k, n >= k) by Gram-Schmidt, each step done
/// twice; a column that depends on those before it becomes zero. 4 n k^2 operations.
inline RowMatrix<float> orthonormal_columns(const RowMatrix<float>& matrix) {
  const Index n = matrix.rows();
  RowMatrix<double> rows(matrix.cols(), n);
  for (Index k = 0; k < rows.rows(); ++k)
    for (Index i = 0; i < n; ++i) rows(k, i) = double{matrix(i, k)};
  for (Index k = 0; k < rows.rows(); ++k) {
    double* const x = rows.data() + k * n;
    const double before = std::sqrt(dot_product(x, x, n));
    for (int pass = 0; pass < 2; ++pass)
      for (Index i = 0; i < k; ++i) {
        const double* const unit = rows.data() + i * n;
        add_scaled(-dot_product(unit, x, n), unit, x, n);
      }
    const double norm = std::sqrt(dot_product(x, x, n));
    rows.row(k) *= norm > 1e-10 * before ? 1 / norm : 0.0;
  }
  RowMatrix<float> result(n, rows.rows());
  for (Index i = 0; i < n; ++i)
    for (Index k = 0; k < rows.rows(); ++k) result(i, k) = static_cast<float>(rows(k, i));
  return result;
}

/// Solves A X = B for symmetric positive definite A by Cholesky's method; B becomes X, and A its
/// factor. n^3 / 3 + 2 n^2 columns operations. Returns false where A is not positive definite.
inline bool solve_positive(RowMatrix<double>& a, RowMatrix<double>& b) {
  const Index n = a.rows(), columns = b.cols();
  for (Index i = 0; i < n; ++i) {
    double* const row = a.data() + i * n;
    for (Index j = 0; j < i; ++j) {
      const double* const other = a.data() + j * n;
      row[j] = (row[j] - dot_product(row, other, j)) / other[j];
    }
    const double pivot = row[i] - dot_product(row, row, i);
    if (!(pivot > 0)) return false;
    row[i] = std::sqrt(pivot);
  }
  const auto solved = [&](Index i) { return b.data() + i * columns; };
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) add_scaled(-a(i, j), solved(j), solved(i), columns);
    b.row(i) /= a(i, i);
  }
  for (Index i = n; i-- > 0;) {
    for (Index j = i + 1; j < n; ++j) add_scaled(-a(j, i), solved(j), solved(i), columns);
    b.row(i) /= a(i, i);
  }
  return true;
}

}  // namespace see::detail
