#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"

namespace see {

struct FitOptions {
  int iterations = 60;        ///< Levenberg-Marquardt steps, at most
  int inner_iterations = 20;  ///< conjugate-gradient steps within each, at most
  double tolerance =
      1e-4;  ///< the fit has converged when a step lowers the error by less than this share
  Executor run = threads();
  ProgressCallback progress = {};
};

struct FitReport {
  FitStatus status = FitStatus::iteration_limit;
  int iterations = 0;
  double relative_error = 0;  ///< sum |x-y|^2 / sum |x|^2 (0 where all x are 0)
};

namespace detail {

/// The least-squares problem min |E(theta) - X|^2 over the parameters theta of an embedding that
/// are not frozen, with theta as one flat vector.
template <class Scalar, int Order>
class FitProblem {
 public:
  using Flat = Vector<Scalar>;
  using Embedding = EntangledEmbedding<Scalar, Order>;

  FitProblem(Embedding& embedding, ConstRowMatrixRef<float> table, const Executor& run)
      : embedding_(embedding),
        table_(table.data(), table.rows(), table.cols(), Eigen::OuterStride<>(table.outerStride())),
        run_(run) {
    Index end = 0;
    for (const auto& [rows, cols] : embedding.parameter_shapes()) {
      offsets_.push_back(end);
      end += rows * cols;
    }
    offsets_.push_back(end);
    const auto n = static_cast<std::size_t>(table.rows());
    grain_ = std::max<std::size_t>(block, (n + ranges - 1) / ranges);
  }

  Index size() const noexcept { return offsets_.back(); }

  /// |E - X|^2 and, where asked for, its half gradient J^T (E - X).
  double error(Flat* half_gradient = nullptr) {
    return accumulate(half_gradient, [&](auto ids, Index first, RowMatrix<Scalar>& rows) {
      embedding_.forward(ids, rows);
      rows -= table_.middleRows(first, rows.rows()).template cast<Scalar>();
    });
  }

  /// J^T J p, without J.
  Flat normal_product(const Flat& p) {
    const EmbeddingParts<Scalar>& parts = embedding_.parts();
    std::vector<Inventory<Scalar>> directions;
    for (std::size_t i = 0; i < parts.inventories.size(); ++i) {
      const auto& inventory = parts.inventories[i];
      directions.emplace_back(view(p, i), inventory.size(), inventory.rank(), inventory.dim());
    }
    const Array<Scalar> gains =
        parts.has_gains() ? view(p, parts.inventories.size()) : Array<Scalar>();
    Flat product;
    accumulate(&product, [&](auto ids, Index, RowMatrix<Scalar>& rows) {
      embedding_.forward_tangent(ids, directions, gains, rows);
    });
    return product;
  }

  /// The diagonal of J^T J but for products of different terms of one word: the entries of a factor
  /// share gain^2 times the squared norms of the others, summed over the terms that it occurs in.
  Flat curvature() const {
    const EmbeddingParts<Scalar>& parts = embedding_.parts();
    const Lexicon& lexicon = parts.lexicon;
    const int order = parts.shape.order();
    Flat diagonal = Flat::Zero(size());
    Index units[max_order];
    double norms[max_order];
    for (Index w = 0; w < lexicon.words(); ++w) {
      const double scale = parts.word_scale.empty() ? 1.0 : double(parts.word_scale(w));
      for (Index s = 0; s < lexicon.rank(w); ++s) {
        lexicon.units(w, s, units);
        const Index row = lexicon.table().row_of(s);
        const auto gain_at = static_cast<std::size_t>(parts.gain_number(w, s));
        const double gain = scale * (parts.has_gains() ? double(parts.gains[gain_at]) : 1.0);
        double products = 0;
        for (Index i = 0; i < parts.rank_of_row(row); ++i) {
          double all = 1;
          for (int j = 0; j < order; ++j) {
            const auto& inventory =
                parts.inventories[static_cast<std::size_t>(lexicon.table().inventory(row, j))];
            norms[j] = double(inventory[units[j]].vectors().row(i).squaredNorm()) + 1e-30;
            all *= norms[j];
          }
          products += all;
          for (int j = 0; j < order; ++j) {
            const auto number = static_cast<std::size_t>(lexicon.table().inventory(row, j));
            const auto& inventory = parts.inventories[number];
            const Index at = offsets_[number] + (units[j] * inventory.rank() + i) * inventory.dim();
            diagonal.segment(at, inventory.dim()).array() +=
                static_cast<Scalar>(gain * gain * all / norms[j]);
          }
        }
        if (parts.has_gains())
          diagonal[offsets_[parts.inventories.size()] + static_cast<Index>(gain_at)] +=
              static_cast<Scalar>(scale * scale * products);
      }
    }
    return diagonal;
  }

  /// theta += step
  void move(const Flat& step) {
    for (auto& parameter : embedding_.parameters())
      parameter.values += ConstRowMatrixMap<Scalar>(
          step.data() + offsets_[static_cast<std::size_t>(parameter.number)],
          parameter.values.rows(), parameter.values.cols());
  }

 private:
  static constexpr std::size_t block = 256;  // rows at a time
  static constexpr std::size_t ranges = 8;   // partial sums, whatever the executor

  Array<Scalar> view(const Flat& flat, std::size_t parameter) const {
    const auto length = static_cast<std::size_t>(offsets_[parameter + 1] - offsets_[parameter]);
    return {std::span<const Scalar>(flat.data() + offsets_[parameter], length), nullptr};
  }

  /// Calls fill(ids, first, rows) for blocks of rows, sums their squares, and adds J^T rows into
  /// `pulled` where that is not null. The padding row is left out.
  template <class Fill>
  double accumulate(Flat* pulled, const Fill& fill) {
    const auto n = static_cast<std::size_t>(table_.rows());
    const std::size_t count = (n + grain_ - 1) / grain_;
    std::vector<double> squares(count, 0);
    std::vector<std::optional<Gradient<Scalar>>> gradients(count);
    for_ranges(run_, n, grain_, [&](std::size_t begin, std::size_t end) {
      const std::size_t range = begin / grain_;
      if (pulled) gradients[range].emplace(embedding_);
      std::vector<Index> ids(block);
      for (std::size_t first = begin; first < end; first += block) {
        ids.resize(std::min(block, end - first));
        std::iota(ids.begin(), ids.end(), static_cast<Index>(first));
        RowMatrix<Scalar> rows(static_cast<Index>(ids.size()), table_.cols());
        fill(std::span<const Index>(ids), static_cast<Index>(first), rows);
        for (std::size_t i = 0; i < ids.size(); ++i)
          if (ids[i] == embedding_.padding_idx()) rows.row(static_cast<Index>(i)).setZero();
        squares[range] += double(rows.squaredNorm());
        if (pulled) embedding_.backward(ids, rows, *gradients[range]);
      }
    });
    if (pulled) {
      *pulled = Flat::Zero(size());
      for (const auto& gradient : gradients)
        for (int part = 0; part < gradient->size(); ++part) {
          const auto& rows = (*gradient)[part];
          for (std::size_t i = 0; i < rows.touched().size(); ++i)
            pulled->segment(
                offsets_[static_cast<std::size_t>(part)] + rows.touched()[i] * rows.cols(),
                rows.cols()) += rows.row(i).transpose();
        }
    }
    return std::accumulate(squares.begin(), squares.end(), 0.0);
  }

  Embedding& embedding_;
  Eigen::Map<const RowMatrix<float>, 0, Eigen::OuterStride<>> table_;
  const Executor& run_;
  std::vector<Index> offsets_;
  std::size_t grain_ = 1;
};

template <class Scalar>
double inner_product(const Vector<Scalar>& a, const Vector<Scalar>& b) {
  return a.template cast<double>().dot(b.template cast<double>());
}

/// Solves (J^T J + damping D) x = b approximately by conjugate gradients with D as preconditioner.
template <class Problem, class Flat>
Flat solve_damped(Problem& problem, const Flat& b, const Flat& diagonal, double damping,
                  int iterations) {
  using Scalar = typename Flat::Scalar;
  Flat x = Flat::Zero(b.size()), r = b;
  Flat z = r.cwiseQuotient(diagonal), p = z;
  double rz = inner_product<Scalar>(r, z);
  const double enough = 1e-4 * rz;
  for (int i = 0; i < iterations && rz > enough && rz > 0; ++i) {
    const Flat q =
        problem.normal_product(p) + static_cast<Scalar>(damping) * diagonal.cwiseProduct(p);
    const auto step = static_cast<Scalar>(rz / inner_product<Scalar>(p, q));
    if (!detail::is_finite(double(step))) break;
    x += step * p;
    r -= step * q;
    z = r.cwiseQuotient(diagonal);
    const double next = inner_product<Scalar>(r, z);
    p = z + static_cast<Scalar>(next / rz) * p;
    rz = next;
  }
  return x;
}

}  // namespace detail

/// Fits the factors and gains of `embedding` that are not frozen to the rows of `table`, given its
/// lexicon: min over theta of sum_w |E(w) - x_w|^2 by Levenberg and Marquardt's method, each step
/// solved by preconditioned conjugate gradients on the normal equations (Nocedal and Wright,
/// Numerical Optimization, 10.3), with products by J and J^T instead of a matrix. The error never
/// grows. All slots move at once, which alternating least squares cannot do where slots share an
/// inventory.
///
/// `table` is num_embeddings() x embedding_dim(); the padding row is ignored. Start from factors
/// that are not zero. Deterministic, whatever the executor. Where progress returns false, it
/// throws Cancelled; the embedding keeps the best parameters so far.
///
/// Cost: iterations * inner_iterations * (order + 5) lookups of every row; memory: some ten copies
/// of the parameters. Throws, and changes nothing, where the table has another size or a number
/// that is not finite, or the embedding has a LayerNorm.
template <class Scalar, int Order>
FitReport fit(EntangledEmbedding<Scalar, Order>& embedding, ConstRowMatrixRef<float> table,
              const FitOptions& options = {}) {
  detail::require(
      table.rows() == embedding.num_embeddings() && table.cols() == embedding.embedding_dim(),
      "fitting to a table of ", table.rows(), " x ", table.cols(), ", needed ",
      embedding.num_embeddings(), " x ", embedding.embedding_dim());
  detail::require(!embedding.parts().layer_norm, "fitting an embedding with a LayerNorm");
  detail::require(detail::is_all_finite(table),
                  "fitting to a table with a number that is not finite");
  embedding = embedding.stored_as(Storage::native);
  using Flat = Vector<Scalar>;
  double energy = table.template cast<double>().squaredNorm();
  if (embedding.padding_idx())
    energy -= table.row(*embedding.padding_idx()).template cast<double>().squaredNorm();
  const auto relative = [&](double error) { return energy > 0 ? error / energy : 0.0; };
  FitReport report;
  const detail::ProgressReport proceed(options.progress);

  detail::FitProblem<Scalar, Order> problem(embedding, table, options.run);
  Flat half_gradient;
  double error = problem.error(&half_gradient), damping = 1e-2;
  report.relative_error = relative(error);
  while (report.iterations < options.iterations) {
    proceed("fitting", double(report.iterations) / options.iterations, report.relative_error);
    Flat diagonal = problem.curvature();
    diagonal.array() += diagonal.mean() * Scalar(1e-6) + std::numeric_limits<Scalar>::min();
    const double before = error;
    bool lower = false;
    for (int attempt = 0; attempt < 8 && !lower; ++attempt) {
      const Flat step = -detail::solve_damped(problem, half_gradient, diagonal, damping,
                                              options.inner_iterations);
      problem.move(step);
      const double moved = problem.error();
      lower = moved < error;
      if (lower) {
        error = moved;
        damping = std::max(1e-7, damping / 3);
      } else {
        problem.move(-step);
        damping *= 8;
      }
    }
    ++report.iterations;
    report.relative_error = relative(error);
    if (!lower || before - error <= options.tolerance * before) {
      report.status = FitStatus::converged;
      break;
    }
    problem.error(&half_gradient);
  }
  proceed("fitting", 1, report.relative_error);
  return report;
}

#if defined(SEE_COMPILED)
extern template FitReport fit(EntangledEmbedding<float>&, ConstRowMatrixRef<float>,
                              const FitOptions&);
#endif

}  // namespace see
