#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "see/codes/product_codes.hpp"
#include "see/compress/baseline/codes_method.hpp"
#include "see/compress/baseline/k_means.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

/// Method pq.
namespace see::detail {

/// How a product quantizer cuts a row and how it is trained.
struct ProductPlan {
  Index parts = 1;  ///< sub-vectors, 1 to d; part m is columns [m d / parts, (m + 1) d / parts)
  int bits = 8;     ///< of a code, 1 to 16: 2^bits centroids a part
  int iterations = 25;
  Index sample = 65536;  ///< rows to train on, at most
};

/// Fits product codes.
struct ProductFit {
  /// Trains the parts side by side, each on the same rows drawn at random, then codes all rows:
  /// 2 * 2^bits * d * (n + iterations * sample) operations. proceed(share) is called from any
  /// thread and may throw.
  template <class Proceed>
  static std::shared_ptr<const ProductCodes> fit(const Table& table, const ProductPlan& plan,
                                                 std::uint64_t seed, const Executor& run,
                                                 const Proceed& proceed) {
    check(plan, table.dim());
    const Index rows = table.rows(), dim = table.dim(), k = Index{1} << plan.bits;
    const std::vector<Index> drawn = draw(rows, plan.sample, seed);
    RowMatrix<float> centroids(k, dim);
    run(static_cast<std::size_t>(plan.parts), [&](std::size_t m) {
      const auto part = static_cast<Index>(m);
      const Index first = ProductCodes::begin(part, plan.parts, dim),
                  width = ProductCodes::begin(part + 1, plan.parts, dim) - first;
      RowMatrix<float> points(static_cast<Index>(drawn.size()), width);
      for (std::size_t i = 0; i < drawn.size(); ++i)
        points.row(static_cast<Index>(i)) = table.matrix().row(drawn[i]).segment(first, width);
      centroids.middleCols(first, width) = k_means(points, k, plan.iterations, seed + m, [&] {
        proceed(static_cast<double>(m) / static_cast<double>(plan.parts));
      });
    });
    HalfArray codebooks(std::vector<float>(centroids.data(), centroids.data() + centroids.size()));
    const ConstRowMatrixMap<float> rounded(codebooks.data(), k, dim);
    std::vector<std::uint16_t> codes(static_cast<std::size_t>(rows * plan.parts));
    for_ranges(run, static_cast<std::size_t>(rows), 4096, [&](std::size_t from, std::size_t to) {
      proceed(1.0);
      for (Index m = 0; m < plan.parts; ++m) {
        const Index first = ProductCodes::begin(m, plan.parts, dim),
                    width = ProductCodes::begin(m + 1, plan.parts, dim) - first;
        NearestCentroid find(rounded.middleCols(first, width));
        for (std::size_t w = from; w < to; ++w)
          codes[w * static_cast<std::size_t>(plan.parts) + static_cast<std::size_t>(m)] =
              static_cast<std::uint16_t>(
                  find(table.values().data() + static_cast<Index>(w) * dim + first));
      }
    });
    return std::make_shared<const ProductCodes>(
        rows, dim, plan.parts, std::move(codebooks),
        PackedArray(std::span<const std::uint16_t>(codes), plan.bits));
  }

  /// A plan for d columns and whatever fits(parts, bits) allows (monotone in both; true for 1, 1):
  /// of codes of up to 12 bits and the most parts that fit, the one of the least error on
  /// independent normal numbers of equal variance, which is s L(s) 2^(-2 bits / s) for a part of s,
  /// with Zador's loss L(1) = 2.72, L(2) = 2.02, L(3) = 1.77, L(4) = 1.62, L(8) = 1.38 by
  /// 1 + 1.72 s^(-3/4) (Gersho and Gray, Vector Quantization and Signal Compression, 10.7).
  template <class Fits>
  static ProductPlan choose(Index dim, const Fits& fits) {
    ProductPlan best;
    double least = std::numeric_limits<double>::infinity();
    for (int bits = 1; bits <= 12 && fits(Index{1}, bits); ++bits) {
      Index parts = 1, high = dim;
      while (parts < high) {
        const Index middle = (parts + high + 1) / 2;
        if (fits(middle, bits))
          parts = middle;
        else
          high = middle - 1;
      }
      double error = 0;
      for (Index m = 0; m < parts; ++m) {
        const auto width = static_cast<double>(ProductCodes::begin(m + 1, parts, dim) -
                                               ProductCodes::begin(m, parts, dim));
        const double loss = 1 + 1.72 * std::pow(width, -0.75);
        error += width * std::min(1.0, loss * std::exp2(-2 * bits / width));
      }
      if (error < least) {
        least = error;
        best.parts = parts;
        best.bits = bits;
      }
    }
    return best;
  }

 private:
  static void check(const ProductPlan& plan, Index dim) {
    require(plan.parts >= 1 && plan.parts <= dim && plan.bits >= 1 && plan.bits <= 16, plan.parts,
            " parts of a row in codes of ", plan.bits, " bits, needed 1 to ", dim, " and 1 to 16");
    require(plan.iterations >= 1 && plan.sample >= 1, plan.iterations, " iterations on ",
            plan.sample, " rows, needed positive numbers");
  }

  static std::vector<Index> draw(Index rows, Index sample, std::uint64_t seed) {
    Random random(seed);
    std::vector<Index> drawn;
    for (const std::size_t row :
         sample_without_replacement(static_cast<std::size_t>(rows),
                                    static_cast<std::size_t>(std::min(rows, sample)), random))
      drawn.push_back(static_cast<Index>(row));
    return drawn;
  }
};

inline Model<float> fit_product_codes_model(const FitRequest& request) {
  const Table& table = request.table;
  const CodesBudget budget(request, fit_notes(request.method, request.options.seed));
  const auto plan = [&](Index parts, int bits) {
    return [&table, parts, bits](CodesContent& content) {
      ProductCodes::plan(content, table.rows(), table.dim(), parts, bits);
    };
  };
  budget.require_room(plan(1, 1));
  const ProductPlan chosen = ProductFit::choose(
      table.dim(), [&](Index parts, int bits) { return budget.fits(plan(parts, bits)); });
  const auto caller = std::this_thread::get_id();  // the one that may report
  return budget.model(
      ProductFit::fit(table, chosen, request.options.seed, request.options.run, [&](double share) {
        if (std::this_thread::get_id() == caller) request.report("k-means", share);
      }));
}

inline constexpr Method pq_method{
    .name = "pq",
    .help = "product quantization",
    .seed = true,
    .fit = fit_product_codes_model,
};

}  // namespace see::detail
