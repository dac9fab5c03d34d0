#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/codes_file.hpp"
#include "see/codes/half_array.hpp"
#include "see/core/bits.hpp"
#include "see/error.hpp"
#include "see/model/row_codes.hpp"

namespace see::detail {

/// pq: product quantization (Jegou, Douze and Schmid, IEEE Trans. PAMI 33, 2011): every part of a
/// row is the nearest of 2^bits centroids of its part, which are of half precision:
///
///     y_w = (c_1[code(w, 1)], ..., c_M[code(w, M)])
class ProductCodes final : public RowCodes {
 public:
  /// Adopts codebooks, 2^bits x dim in the order of centroids, and codes in the order of rows and
  /// parts. Throws where sizes do not fit.
  ProductCodes(Index rows, Index dim, Index parts, HalfArray codebooks, PackedArray codes)
      : RowCodes(rows, dim),
        parts_(parts),
        codebooks_(std::move(codebooks)),
        codes_(std::move(codes)) {
    require(parts >= 1 && parts <= dim, parts, " parts of a row, needed 1 to ", dim);
    require(codes_.bits() >= 1 && codes_.bits() <= 16 &&
                std::cmp_equal(codebooks_.size(), dim << codes_.bits()) &&
                std::cmp_equal(codes_.size(), rows * parts),
            "product codes of ", codes_.bits(), " bits, ", codes_.size(), " of them and ",
            codebooks_.size(), " numbers, needed 1 to 16 bits and as many as ", rows, " x ", parts,
            " and ", dim, " for each centroid");
  }

  static std::shared_ptr<const ProductCodes> read(const CodesReader& file) {
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
  std::string_view kind() const noexcept override { return "pq"; }

  void store(CodesContent& content) const {
    content.note("parts", parts_);
    content.note("bits", bits());
    content.add("codebooks", {Index{1} << bits(), embedding_dim()}, codebooks_);
    content.add("codes", codes_.bytes());
  }

  /// As store(), but for the numbers.
  static void plan(CodesContent& content, Index rows, Index dim, Index parts, int bits) {
    content.note("parts", parts);
    content.note("bits", bits);
    content.plan_halves("codebooks", {Index{1} << bits, dim});
    content.plan_bytes(
        "codes", packed_bytes(static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(parts) *
                              static_cast<std::uint64_t>(bits)));
  }

  /// The first column of part `m`.
  static Index begin(Index m, Index parts, Index dim) noexcept { return m * dim / parts; }

  using RowCodes::write_rows;
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

 private:
  Index parts_;
  HalfArray codebooks_;
  PackedArray codes_;
};

}  // namespace see::detail
