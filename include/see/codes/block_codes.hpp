#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/codes_file.hpp"
#include "see/codes/half_array.hpp"
#include "see/error.hpp"
#include "see/model/row_codes.hpp"

namespace see::detail {

/// int8 and int4: numbers on 2^bits even levels, with a scale of half precision for every block of
/// consecutive numbers of the table, row after row (number k = row * dim + column is in block
/// k / block):
///
///     x_k = (code_k - (2^bits - 1) / 2) * scale(k / block),     scale = 2 max |x| / 2^bits
///
/// so that |error| <= scale / 2. int8: a block is a row; int4: 32 numbers, two codes a byte, the
/// first in the low half.
template <int Bits>
class BlockCodes final : public RowCodes {
  static_assert(Bits == 4 || Bits == 8);

 public:
  /// Adopts the parts. Throws where sizes do not fit.
  BlockCodes(Index rows, Index dim, HalfArray scales, Array<std::uint8_t> codes)
      : RowCodes(rows, dim), scales_(std::move(scales)), codes_(std::move(codes)) {
    require(
        std::cmp_equal(scales_.size(), blocks(rows, dim)) && codes_.size() == code_bytes(rows, dim),
        scales_.size(), " scales and ", codes_.size(), " bytes of codes, needed ",
        blocks(rows, dim), " and ", code_bytes(rows, dim));
  }

  static std::shared_ptr<const BlockCodes> read(const CodesReader& file) {
    const Index rows = file.rows(), dim = file.dim();
    return std::make_shared<const BlockCodes>(rows, dim, file.halves("scales", {blocks(rows, dim)}),
                                              file.bytes("codes", code_bytes(rows, dim)));
  }

  std::string_view kind() const noexcept override { return Bits == 8 ? "int8" : "int4"; }

  void store(CodesContent& content) const {
    content.add("scales", {static_cast<Index>(scales_.size())}, scales_);
    content.add("codes", codes_);
  }

  /// As store(), but for the numbers.
  static void plan(CodesContent& content, Index rows, Index dim) {
    content.plan_halves("scales", {blocks(rows, dim)});
    content.plan_bytes("codes", code_bytes(rows, dim));
  }

  /// Numbers of a block, for rows of `dim` numbers; blocks and bytes of codes of a table.
  static constexpr Index block(Index dim) { return Bits == 8 ? dim : 32; }
  static constexpr Index blocks(Index rows, Index dim) {
    return (rows * dim + block(dim) - 1) / block(dim);
  }
  static constexpr std::size_t code_bytes(Index rows, Index dim) {
    return (static_cast<std::size_t>(rows) * static_cast<std::size_t>(dim) * Bits + 7) / 8;
  }

  using RowCodes::write_rows;
  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    const Index dim = embedding_dim();
    const Index length = block(dim);
    constexpr float middle = static_cast<float>((1 << Bits) - 1) / 2;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      float* to = out.data() + static_cast<Index>(i) * out.outerStride();
      const Index end = (ids[i] + 1) * dim;
      for (Index k = ids[i] * dim; k < end;) {
        const Index block = k / length, last = std::min(end, (block + 1) * length);
        const float scale = scales_[static_cast<std::size_t>(block)];
        if constexpr (Bits == 8)
          for (; k < last; ++k) *to++ = (static_cast<float>(code(k)) - middle) * scale;
        else
          for (; k < last; ++k)
            *to++ = (static_cast<float>(code(k / 2) >> (k % 2 * 4) & 15) - middle) * scale;
      }
    }
  }

 private:
  unsigned code(Index i) const noexcept { return codes_[static_cast<std::size_t>(i)]; }

  HalfArray scales_;
  Array<std::uint8_t> codes_;
};

using Int8Codes = BlockCodes<8>;
using Int4Codes = BlockCodes<4>;

}  // namespace see::detail
