#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/bits.hpp"
#include "see/core/finite.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/trellis.hpp"
#include "see/kernel/trellis_table.hpp"
#include "see/model/row_codes.hpp"

namespace see::detail {

/// The numbers of a trellis-coded table as a file keeps them. Each row belongs to a class, and a
/// class c says how the entries t of its rows are coded.
struct TrellisParts {
  Index rows = 0;
  Index dim = 0;
  Index classes = 1;
  int window_bits = 0;
  PackedArray row_classes;     ///< rows: class of a row; bits_for(classes) bits each
  PackedArray rates;           ///< classes x dim: bits k_{c,t} by which the window moves; 4 bits
  Array<std::uint8_t> sigmas;  ///< classes x dim: deviation code; 0 for an entry without a code
  Array<std::int8_t> means;    ///< classes x dim: mean_{c,t} = means * mean_scales[c]
  Array<float> mean_scales;    ///< classes
  float sigma_scale = 0;       ///< sigma_{c,t} = sigma_scale * 2^((sigmas - 255) / 32)
  Array<std::uint8_t> codes;   ///< the rows' bits one after another, packed_padding at the end
};

/// The bits of a rate in TrellisParts.
inline constexpr int rate_bits = 4;

/// The high half of a float's bits, rounded to nearest: relative error up to 2^-8.
inline std::uint16_t high_half(float value) {
  return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(value) + 0x8000U) >> 16);
}

/// Octaves that one step of a deviation code stands for.
inline constexpr double sigma_step = 1.0 / 32;

/// Most bits of a row, by what a step of a TrellisClass holds.
inline constexpr std::uint32_t most_row_bits = (1U << kernel::trellis_offset_bits) - 1;

/// A table coded by a bit-shift trellis: row w of class c is a circle of B_c bits, and
///
///     y_{w,t} = sigma_{c,t} * table[(s_t * m_t) mod 2^L] + mean_{c,t}
///
/// where s_t are the L bits from bit o_{c,t} of the circle on. o moves by the rate k_{c,t} from one
/// coded entry (sigma > 0) to the next, the first one's rate leading from the last entry back to
/// the first, so B_c is the sum of the rates. An entry with rate 0 reads the same window as the one
/// before, scrambled by another multiplier m. The table is kernel::trellis_table(L).
/// M. Marcellin and T. Fischer, Trellis coded quantization, IEEE Trans. Comm. 38, 1990.
///
/// Invariant: the parts fit each other, so that decoding never reads outside them.
class TrellisCodes final : public RowCodes {
 public:
  /// No rows.
  TrellisCodes() = default;

  /// Adopts `parts` and lays out the classes: O(rows + classes dim + L 2^L) time, a byte of memory
  /// a row. Throws where sizes do not match, a class is not one of `classes`, the codes are not as
  /// long as the rows need, a scale is not finite, more than 4 entries share a window or a row
  /// takes more than 16,383 bits.
  explicit TrellisCodes(TrellisParts parts)
      : RowCodes(parts.rows, parts.dim), parts_(std::move(parts)) {
    check_sizes();
    lay_out_classes();
    find_rows();
    table_ = kernel::trellis_table(parts_.window_bits);
  }

  std::string_view kind() const noexcept override { return "trellis"; }
  const TrellisParts& parts() const noexcept { return parts_; }

  /// The sum of the bytes of all arrays of parts(), scales included.
  std::uint64_t bytes() const noexcept {
    if (parts_.rows == 0) return 0;
    return parts_.row_classes.bytes().bytes() + parts_.rates.bytes().bytes() +
           parts_.sigmas.bytes() + parts_.means.bytes() + parts_.mean_scales.bytes() +
           sizeof(parts_.sigma_scale) + parts_.codes.bytes();
  }

  /// out[t] = y_{w,t} for t = 0 ... dim - 1; w in [0, rows). A table look-up an entry.
  template <class Scalar>
  void write_row(Index w, Scalar* out) const noexcept {
    decode<false>(place(w), out);
  }

  /// out[t] += y_{w,t}, as write_row.
  template <class Scalar>
  void add_row(Index w, Scalar* out) const noexcept {
    decode<true>(place(w), out);
  }

  /// Faster than row by row, since the codes of several rows are fetched from memory at once.
  void write_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    decode_rows<false>(ids, out);
  }
  void write_rows(std::span<const Index> ids, RowMatrixRef<double> out) const override {
    decode_rows<false>(ids, out);
  }
  void add_rows(std::span<const Index> ids, RowMatrixRef<float> out) const override {
    decode_rows<true>(ids, out);
  }
  void add_rows(std::span<const Index> ids, RowMatrixRef<double> out) const override {
    decode_rows<true>(ids, out);
  }

  /// The bits of a row of class c, and how they are laid out.
  std::uint32_t class_bits(Index c) const noexcept { return bits_[std::size_t(c)]; }
  kernel::TrellisClass layout(Index c) const noexcept {
    const std::size_t at = static_cast<std::size_t>(c * padded_);
    const auto number = static_cast<std::size_t>(c);
    return {steps_.data() + at,         sigma_.data() + at, mean_.data() + at,
            parts_.mean_scales[number], coded_[number],     bits_[number]};
  }

 private:
  static constexpr std::size_t stride = 8;  // rows between two starts

  void check_sizes() const {
    const TrellisParts& p = parts_;
    require(p.rows >= 1 && p.dim >= 1 && p.classes >= 1, "trellis codes of ", p.rows, " x ", p.dim,
            " numbers in ", p.classes, " classes, needed at least one of each");
    require(p.dim <= Index{1} << 24 && p.classes <= 65536, "trellis codes of ", p.dim,
            " columns and ", p.classes, " classes, needed at most 2^24 and 65536");
    require(p.window_bits >= kernel::least_window_bits && p.window_bits <= kernel::most_window_bits,
            "a trellis window of ", p.window_bits, " bits, needed ", kernel::least_window_bits,
            " to ", kernel::most_window_bits);
    const auto check = [](const char* what, std::size_t found, Index needed) {
      require(std::cmp_equal(found, needed), "trellis codes with ", found, " ", what, ", needed ",
              needed);
    };
    check("row classes", p.row_classes.size(), p.rows);
    check("bits a row class", static_cast<std::size_t>(p.row_classes.bits()),
          bits_for(static_cast<std::uint64_t>(p.classes)));
    check("rates", p.rates.size(), p.classes * p.dim);
    check("bits a rate", static_cast<std::size_t>(p.rates.bits()), rate_bits);
    check("deviations", p.sigmas.size(), p.classes * p.dim);
    check("means", p.means.size(), p.classes * p.dim);
    check("scales of means", p.mean_scales.size(), p.classes);
    bool finite = is_finite(p.sigma_scale);
    for (const float scale : p.mean_scales) finite = finite && is_finite(scale);
    require(finite, "trellis codes with a scale that is not finite");
  }

  void lay_out_classes() {
    const auto group = kernel::trellis_group;
    padded_ = (parts_.dim + group - 1) / group * group;
    const auto size = static_cast<std::size_t>(parts_.classes * padded_);
    steps_.assign(size, 0);
    sigma_.assign(size, 0);
    mean_.assign(size, 0);
    for (Index c = 0; c < parts_.classes; ++c) lay_out_class(c);
  }

  void lay_out_class(Index c) {
    std::uint32_t offset = 0, closing = 0;
    Index coded = 0;
    int column = 0;
    for (Index t = 0; t < parts_.dim; ++t) {
      const auto from = static_cast<std::size_t>(c * parts_.dim + t);
      const auto to = static_cast<std::size_t>(c * padded_ + t);
      mean_[to] = parts_.means[from];
      if (parts_.sigmas[from] == 0) continue;
      const std::uint32_t rate = parts_.rates[from];
      column = coded > 0 && rate == 0 ? column + 1 : 0;
      require(column < kernel::trellis_columns, "class ", c, " of trellis codes has more than ",
              kernel::trellis_columns, " entries that share a window");
      require(rate <= std::uint32_t(kernel::least_window_bits), "class ", c,
              " of trellis codes has a rate of ", rate, " bits, needed at most ",
              kernel::least_window_bits);
      if (coded == 0)
        closing = rate;
      else
        offset += rate;
      require(offset + closing <= most_row_bits, "class ", c, " of trellis codes takes more than ",
              most_row_bits, " bits a row");
      steps_[to] = static_cast<std::uint16_t>(offset | static_cast<std::uint32_t>(column)
                                                           << kernel::trellis_offset_bits);
      sigma_[to] = high_half(static_cast<float>(
          double{parts_.sigma_scale} * std::exp2((parts_.sigmas[from] - 255) * sigma_step)));
      coded = t + 1;
    }
    require(coded == 0 || closing > 0, "class ", c,
            " of trellis codes begins with a rate of 0, needed at least 1");
    coded_.push_back(coded);
    bits_.push_back(offset + closing);
  }

  void find_rows() {
    if (parts_.classes == 1 && bits_[0] == 0) {  // whatever the number of rows
      require_codes(0);
      return;
    }
    std::uint64_t at = 0;
    if (parts_.classes == 1) require_codes(parts_.row_classes.size() * bits_[0]);
    for (std::size_t w = 0; w < parts_.row_classes.size(); ++w) {
      const std::uint32_t c = parts_.row_classes[w];
      require(std::cmp_less(c, parts_.classes), "row ", w, " of trellis codes is of class ", c,
              ", needed below ", parts_.classes);
      if (w % stride == 0) starts_.push_back(at);
      at += bits_[c];
    }
    require_codes(at);
  }

  void require_codes(std::uint64_t bits) const {
    require(parts_.codes.size() == packed_bytes(bits), "trellis codes with ", parts_.codes.size(),
            " bytes of codes, needed ", packed_bytes(bits));
  }

  struct Place {
    std::uint64_t start;  // bit
    Index row_class;
  };

  Place place(Index w) const noexcept {
    if (starts_.empty()) return {};
    const auto row = static_cast<std::size_t>(w);
    Place result{starts_[row / stride], static_cast<Index>(parts_.row_classes[row])};
    for (std::size_t i = row / stride * stride; i < row; ++i)
      result.start += bits_[parts_.row_classes[i]];
    return result;
  }

  template <bool add, class Scalar>
  void decode(const Place& at, Scalar* out) const noexcept {
    kernel::trellis_row<add>({table_.data(), parts_.window_bits}, layout(at.row_class), parts_.dim,
                             parts_.codes.data(), at.start, out);
  }

  template <bool add, class Scalar>
  void decode_rows(std::span<const Index> ids, RowMatrixRef<Scalar>& out) const noexcept {
    constexpr std::size_t together = 16;
    Place places[together];
    for (std::size_t from = 0; from < ids.size(); from += together) {
      const std::size_t some = std::min(together, ids.size() - from);
      for (std::size_t i = 0; i < some; ++i) {
        places[i] = place(ids[from + i]);
        kernel::prefetch(parts_.codes.data() + (places[i].start >> 3));
      }
      for (std::size_t i = 0; i < some; ++i)
        decode<add>(places[i], out.row(static_cast<Index>(from + i)).data());
    }
  }

  TrellisParts parts_;
  Index padded_ = 0;                   // dim, rounded up to whole groups
  std::vector<float> table_;           // 2^window_bits
  std::vector<std::uint16_t> steps_;   // classes x padded
  std::vector<std::uint16_t> sigma_;   // classes x padded: high halves of floats
  std::vector<std::int8_t> mean_;      // classes x padded
  std::vector<Index> coded_;           // classes
  std::vector<std::uint32_t> bits_;    // classes
  std::vector<std::uint64_t> starts_;  // first bit of every stride-th row
};

}  // namespace see::detail
