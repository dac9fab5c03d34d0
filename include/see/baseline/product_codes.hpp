#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/baseline/baseline_rows.hpp"
#include "see/baseline/half_array.hpp"
#include "see/baseline/k_means.hpp"
#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/random.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

namespace see {

/// How a product quantizer cuts a row and how it is trained.
struct ProductPlan {
  Index parts = 1;  ///< sub-vectors, 1 to d; part m is columns [m d / parts, (m + 1) d / parts)
  int bits = 8;     ///< of a code, 1 to 16: 2^bits centroids a part
  int iterations = 25;
  Index sample = 65536;  ///< rows to train on, at most
};

/// pq: product quantization (Jegou, Douze and Schmid, IEEE Trans. PAMI 33, 2011): every part of a
/// row is the nearest of 2^bits centroids of its part, which are of half precision:
///
///     y_w = (c_1[code(w, 1)], ..., c_M[code(w, M)])
class ProductCodes final : public BaselineRows {
 public:
  /// Adopts codebooks, 2^bits x dim in the order of centroids, and codes in the order of rows and
  /// parts. Throws where sizes do not fit.
  ProductCodes(Index rows, Index dim, Index parts, HalfArray codebooks, PackedArray codes)
      : BaselineRows(rows, dim),
        parts_(parts),
        codebooks_(std::move(codebooks)),
        codes_(std::move(codes)) {
    detail::require(parts >= 1 && parts <= dim, parts, " parts of a row, needed 1 to ", dim);
    detail::require(codes_.bits() >= 1 && codes_.bits() <= 16 &&
                        std::cmp_equal(codebooks_.size(), dim << codes_.bits()) &&
                        std::cmp_equal(codes_.size(), rows * parts),
                    "product codes of ", codes_.bits(), " bits, ", codes_.size(), " of them and ",
                    codebooks_.size(), " numbers, needed 1 to 16 bits and as many as ", rows, " x ",
                    parts, " and ", dim, " for each centroid");
  }

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
      const Index first = begin(part, plan.parts, dim),
                  width = begin(part + 1, plan.parts, dim) - first;
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
        const Index first = begin(m, plan.parts, dim),
                    width = begin(m + 1, plan.parts, dim) - first;
        detail::NearestCentroid find(rounded.middleCols(first, width));
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

  static std::shared_ptr<const ProductCodes> read(const BaselineReader& file) {
    const Index parts = file.number("parts", 1, file.dim());
    const auto bits = static_cast<int>(file.number("bits", 1, 16));
    const auto count = static_cast<std::size_t>(file.rows()) * static_cast<std::size_t>(parts);
    return std::make_shared<const ProductCodes>(
        file.rows(), file.dim(), parts, file.halves("codebooks", {Index{1} << bits, file.dim()}),
        PackedArray(file.bytes("codes", packed_bytes(std::uint64_t{count} * std::uint64_t(bits))),
                    count, bits));
  }

  Index parts() const noexcept { return parts_; }
  int bits() const noexcept { return codes_.bits(); }
  std::string_view method() const noexcept override { return "pq"; }

  void store(BaselineContent& content) const override {
    content.note("parts", parts_);
    content.note("bits", bits());
    content.add("codebooks", {Index{1} << bits(), embedding_dim()}, codebooks_);
    content.add("codes", codes_.bytes());
  }

  /// As store(), but for the numbers.
  static void plan(BaselineContent& content, const Table& table, const ProductPlan& plan) {
    content.note("parts", plan.parts);
    content.note("bits", plan.bits);
    content.plan_halves("codebooks", {Index{1} << plan.bits, table.dim()});
    content.plan_bytes("codes", packed_bytes(static_cast<std::uint64_t>(table.rows()) *
                                             static_cast<std::uint64_t>(plan.parts) *
                                             static_cast<std::uint64_t>(plan.bits)));
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
        const auto width = static_cast<double>(begin(m + 1, parts, dim) - begin(m, parts, dim));
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

  /// The first column of part `m`.
  static Index begin(Index m, Index parts, Index dim) noexcept { return m * dim / parts; }

 private:
  static void check(const ProductPlan& plan, Index dim) {
    detail::require(plan.parts >= 1 && plan.parts <= dim && plan.bits >= 1 && plan.bits <= 16,
                    plan.parts, " parts of a row in codes of ", plan.bits, " bits, needed 1 to ",
                    dim, " and 1 to 16");
    detail::require(plan.iterations >= 1 && plan.sample >= 1, plan.iterations, " iterations on ",
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

  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    const Index dim = embedding_dim();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      float* const row = out.data() + static_cast<Index>(i) * out.outerStride();
      for (Index m = 0; m < parts_; ++m) {
        const Index code = codes_[static_cast<std::size_t>(ids[i] * parts_ + m)];
        const Index first = begin(m, parts_, dim), last = begin(m + 1, parts_, dim);
        std::copy_n(codebooks_.data() + code * dim + first, last - first, row + first);
      }
    }
  }

  Index parts_;
  HalfArray codebooks_;
  PackedArray codes_;
};

}  // namespace see
