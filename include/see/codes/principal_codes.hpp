#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/codes_file.hpp"
#include "see/codes/half_array.hpp"
#include "see/codes/lloyd_max.hpp"
#include "see/core/bits.hpp"
#include "see/error.hpp"
#include "see/kernel/packet_block.hpp"
#include "see/model/row_codes.hpp"

namespace see::detail {

/// pca: principal coordinates in Lloyd-Max scalars, the mean, axes and deviations of half
/// precision:
///
///     y_w = mean + sum over i of  scale_i level(rate_i, code(w, i)) axis_i
///
/// A row's codes stand one after another, code i in rate_i bits.
class PrincipalCodes final : public RowCodes {
 public:
  /// Adopts the parts. Throws where sizes do not fit.
  PrincipalCodes(Index rows, Index dim, Array<std::uint8_t> rates, HalfArray mean, HalfArray axes,
                 HalfArray scales, Array<std::uint8_t> codes)
      : RowCodes(rows, dim),
        rates_(std::move(rates)),
        mean_(std::move(mean)),
        axes_(std::move(axes)),
        scales_(std::move(scales)),
        codes_(std::move(codes)) {
    for (const std::uint8_t rate : rates_) {
      require(rate >= 1 && rate <= LloydMax::most_bits, "a rate of ", int{rate},
              " bits, needed 1 to ", LloydMax::most_bits);
      row_bits_ += rate;
    }
    const auto count = static_cast<Index>(rates_.size());
    require(count <= dim && std::cmp_equal(mean_.size(), dim) &&
                std::cmp_equal(axes_.size(), count * dim) && scales_.size() == rates_.size() &&
                codes_.size() == code_bytes(rows, row_bits_),
            "principal codes of ", count, " axes, ", axes_.size(), " numbers and ", codes_.size(),
            " bytes for a table of ", rows, " x ", dim);
  }

  static std::shared_ptr<const PrincipalCodes> read(const CodesReader& file) {
    const Index count = file.number("axes", 0, file.dim());
    Array<std::uint8_t> rates = file.bytes("rates", static_cast<std::uint64_t>(count));
    const Index bits = std::accumulate(rates.begin(), rates.end(), Index{0});
    return std::make_shared<const PrincipalCodes>(
        file.rows(), file.dim(), std::move(rates), file.halves("mean", {file.dim()}),
        file.halves("axes", {count, file.dim()}), file.halves("scales", {count}),
        file.bytes("codes", code_bytes(file.rows(), bits)));
  }

  std::span<const std::uint8_t> rates() const noexcept { return rates_; }
  std::string_view kind() const noexcept override { return "pca"; }

  void store(CodesContent& content) const {
    const auto count = static_cast<Index>(rates_.size());
    content.note("axes", count);
    content.add("mean", {embedding_dim()}, mean_);
    content.add("axes", {count, embedding_dim()}, axes_);
    content.add("scales", {count}, scales_);
    content.add("rates", rates_);
    content.add("codes", codes_);
  }

  /// As store(), but for the numbers.
  static void plan(CodesContent& content, Index rows, Index dim, Index axes, Index row_bits) {
    content.note("axes", axes);
    content.plan_halves("mean", {dim});
    content.plan_halves("axes", {axes, dim});
    content.plan_halves("scales", {axes});
    content.plan_bytes("rates", static_cast<std::uint64_t>(axes));
    content.plan_bytes("codes", code_bytes(rows, row_bits));
  }

  using RowCodes::write_rows;
  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    const Index dim = embedding_dim();
    for (std::size_t r = 0; r < ids.size(); ++r) {
      float* const row = out.data() + static_cast<Index>(r) * out.outerStride();
      std::copy_n(mean_.data(), dim, row);
      std::uint64_t at = static_cast<std::uint64_t>(ids[r]) * static_cast<std::uint64_t>(row_bits_);
      for (std::size_t i = 0; i < rates_.size(); at += rates_[i++]) {
        const std::uint32_t code = read_bits(codes_.data(), at, rates_[i]);
        kernel::add_scaled(row, scales_[i] * LloydMax::of(rates_[i]).levels[code],
                           axes_.data() + static_cast<Index>(i) * dim, dim);
      }
    }
  }

 private:
  static std::size_t code_bytes(Index rows, Index row_bits) {
    return packed_bytes(static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(row_bits));
  }

  Array<std::uint8_t> rates_;
  HalfArray mean_;
  HalfArray axes_;
  HalfArray scales_;
  Array<std::uint8_t> codes_;
  Index row_bits_ = 0;
};

}  // namespace see::detail
