#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/baseline/baseline_rows.hpp"
#include "see/baseline/half_array.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

namespace see {

/// int8 and int4: numbers on 2^bits even levels, with a scale of half precision for every block of
/// consecutive numbers of the table, row after row (number k = row * dim + column is in block
/// k / block):
///
///     x_k = (code_k - (2^bits - 1) / 2) * scale(k / block),     scale = 2 max |x| / 2^bits
///
/// so that |error| <= scale / 2. int8: a block is a row; int4: 32 numbers, two codes a byte, the
/// first in the low half.
class BlockCodes final : public BaselineRows {
 public:
  /// Adopts the parts. Throws where sizes do not fit.
  BlockCodes(Index rows, Index dim, int bits, Index block, HalfArray scales,
             Array<std::uint8_t> codes)
      : BaselineRows(rows, dim),
        bits_(bits),
        block_(block),
        scales_(std::move(scales)),
        codes_(std::move(codes)) {
    detail::require((bits == 4 || bits == 8) && block >= 1, "codes of ", bits,
                    " bits in blocks of ", block, ", needed 4 or 8 bits and a positive number");
    detail::require(std::cmp_equal(scales_.size(), blocks(rows, dim, block)) &&
                        codes_.size() == code_bytes(rows, dim, bits),
                    scales_.size(), " scales and ", codes_.size(), " bytes of codes, needed ",
                    blocks(rows, dim, block), " and ", code_bytes(rows, dim, bits));
  }

  static std::shared_ptr<const BlockCodes> fit_int8(const Table& table, const Executor& run) {
    return fit(table, 8, table.dim(), run);
  }
  static std::shared_ptr<const BlockCodes> fit_int4(const Table& table, const Executor& run) {
    return fit(table, 4, int4_block, run);
  }

  static std::shared_ptr<const BlockCodes> read(const BaselineReader& file, int bits) {
    const Index block = bits == 8 ? file.dim() : int4_block;
    return std::make_shared<const BlockCodes>(
        file.rows(), file.dim(), bits, block,
        file.halves("scales", {blocks(file.rows(), file.dim(), block)}),
        file.bytes("codes", code_bytes(file.rows(), file.dim(), bits)));
  }

  std::string_view method() const noexcept override { return bits_ == 8 ? "int8" : "int4"; }

  void store(BaselineContent& content) const override {
    content.add("scales", {static_cast<Index>(scales_.size())}, scales_);
    content.add("codes", codes_);
  }

  /// As store(), but for the numbers.
  static void plan(BaselineContent& content, const Table& table, int bits) {
    content.plan_halves("scales",
                        {blocks(table.rows(), table.dim(), bits == 8 ? table.dim() : int4_block)});
    content.plan_bytes("codes", code_bytes(table.rows(), table.dim(), bits));
  }

 private:
  static constexpr Index int4_block = 32;

  static Index blocks(Index rows, Index dim, Index block) {
    return (rows * dim + block - 1) / block;
  }
  static std::size_t code_bytes(Index rows, Index dim, int bits) {
    return (static_cast<std::size_t>(rows) * static_cast<std::size_t>(dim) *
                static_cast<std::size_t>(bits) +
            7) /
           8;
  }

  static std::shared_ptr<const BlockCodes> fit(const Table& table, int bits, Index block,
                                               const Executor& run) {
    const std::span<const float> values = table.values();
    const auto size = static_cast<std::size_t>(block);
    const auto count = static_cast<std::size_t>(blocks(table.rows(), table.dim(), block));
    const auto levels = static_cast<float>(1 << bits);
    std::vector<float> wanted(count);
    for_ranges(run, count, 4096, [&](std::size_t first, std::size_t last) {
      for (std::size_t b = first; b < last; ++b) {
        float largest = 0;
        for (const float x : values.subspan(b * size, std::min(size, values.size() - b * size)))
          largest = std::max(largest, std::abs(x));
        // A little more, so that the rounded scale still covers the block.
        wanted[b] = largest / levels * (2 + 1.0F / 512);
      }
    });
    HalfArray scales(std::move(wanted));
    std::vector<std::uint8_t> codes(code_bytes(table.rows(), table.dim(), bits));
    const auto code = [&](std::size_t k) {
      const float scale = scales[k / size];
      if (!(scale > 0)) return 0U;
      const float level = std::floor(values[k] / scale) + levels / 2;
      return static_cast<unsigned>(std::clamp(level, 0.0F, levels - 1));
    };
    const auto per_byte = static_cast<std::size_t>(8 / bits);
    for_ranges(run, codes.size(), 1 << 16, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) {
        unsigned byte = code(i * per_byte);
        if (bits == 4 && 2 * i + 1 < values.size()) byte |= code(2 * i + 1) << 4;
        codes[i] = static_cast<std::uint8_t>(byte);
      }
    });
    return std::make_shared<const BlockCodes>(table.rows(), table.dim(), bits, block,
                                              std::move(scales), std::move(codes));
  }

  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    const Index dim = embedding_dim();
    const float middle = static_cast<float>((1 << bits_) - 1) / 2;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      float* to = out.data() + static_cast<Index>(i) * out.outerStride();
      const Index end = (ids[i] + 1) * dim;
      for (Index k = ids[i] * dim; k < end;) {
        const Index block = k / block_, last = std::min(end, (block + 1) * block_);
        const float scale = scales_[static_cast<std::size_t>(block)];
        if (bits_ == 8)
          for (; k < last; ++k) *to++ = (static_cast<float>(code(k)) - middle) * scale;
        else
          for (; k < last; ++k)
            *to++ = (static_cast<float>(code(k / 2) >> (k % 2 * 4) & 15) - middle) * scale;
      }
    }
  }

  unsigned code(Index i) const noexcept { return codes_[static_cast<std::size_t>(i)]; }

  int bits_;
  Index block_;
  HalfArray scales_;
  Array<std::uint8_t> codes_;
};

}  // namespace see
