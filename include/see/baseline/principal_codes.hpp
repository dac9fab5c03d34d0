#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "see/baseline/baseline_rows.hpp"
#include "see/baseline/half_array.hpp"
#include "see/baseline/lloyd_max.hpp"
#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/kernel/packet_block.hpp"

namespace see {

/// How many bits each principal coordinate gets.
struct PrincipalPlan {
  std::vector<std::uint8_t> rates;  ///< 1 to 8, falling; coordinates beyond are dropped
  double distortion = 0;            ///< expected, of all coordinates, for Gaussian ones

  Index axes() const noexcept { return static_cast<Index>(rates.size()); }
  Index row_bits() const noexcept { return std::accumulate(rates.begin(), rates.end(), Index{0}); }
};

/// Bits for coordinates of falling variance: `bits` in all, each to the coordinate whose Lloyd-Max
/// error falls most by it, which is optimal since the fall shrinks from bit to bit. Reverse
/// water-filling (Cover and Thomas, Elements of Information Theory, 10.3.3) with whole bits.
/// O(bits log d).
inline PrincipalPlan fill_bits(std::span<const double> variances, Index bits) {
  const auto error = [](int rate) { return LloydMax::of(rate).distortion; };
  PrincipalPlan plan;
  plan.rates.assign(variances.size(), 0);
  using Gain = std::pair<double, std::ptrdiff_t>;  // of the next bit; of equal ones the first
  std::priority_queue<Gain> gains;
  const auto offer = [&](std::size_t i) {
    const int rate = plan.rates[i];
    const double gain =
        variances[i] * (error(rate) - error(std::min(rate + 1, LloydMax::most_bits)));
    if (gain > 0) gains.emplace(gain, -static_cast<std::ptrdiff_t>(i));
  };
  for (std::size_t i = 0; i < variances.size(); ++i) offer(i);
  for (; bits > 0 && !gains.empty(); --bits) {
    const auto i = static_cast<std::size_t>(-gains.top().second);
    gains.pop();
    ++plan.rates[i];
    offer(i);
  }
  for (std::size_t i = 0; i < variances.size(); ++i)
    plan.distortion += variances[i] * error(plan.rates[i]);
  while (!plan.rates.empty() && plan.rates.back() == 0) plan.rates.pop_back();
  return plan;
}

/// pca: principal coordinates in Lloyd-Max scalars, the mean, axes and deviations of half
/// precision:
///
///     y_w = mean + sum over i of  scale_i level(rate_i, code(w, i)) axis_i
///
/// A row's codes stand one after another, code i in rate_i bits.
class PrincipalCodes final : public BaselineRows {
 public:
  /// Adopts the parts. Throws where sizes do not fit.
  PrincipalCodes(Index rows, Index dim, Array<std::uint8_t> rates, HalfArray mean, HalfArray axes,
                 HalfArray scales, Array<std::uint8_t> codes)
      : BaselineRows(rows, dim),
        rates_(std::move(rates)),
        mean_(std::move(mean)),
        axes_(std::move(axes)),
        scales_(std::move(scales)),
        codes_(std::move(codes)) {
    for (const std::uint8_t rate : rates_) {
      detail::require(rate >= 1 && rate <= LloydMax::most_bits, "a rate of ", int{rate},
                      " bits, needed 1 to ", LloydMax::most_bits);
      row_bits_ += rate;
    }
    const auto count = static_cast<Index>(rates_.size());
    detail::require(count <= dim && std::cmp_equal(mean_.size(), dim) &&
                        std::cmp_equal(axes_.size(), count * dim) &&
                        scales_.size() == rates_.size() &&
                        codes_.size() == code_bytes(rows, row_bits_),
                    "principal codes of ", count, " axes, ", axes_.size(), " numbers and ",
                    codes_.size(), " bytes for a table of ", rows, " x ", dim);
  }

  static std::shared_ptr<const PrincipalCodes> read(const BaselineReader& file) {
    const Index count = file.number("axes", 0, file.dim());
    Array<std::uint8_t> rates = file.bytes("rates", static_cast<std::uint64_t>(count));
    const Index bits = std::accumulate(rates.begin(), rates.end(), Index{0});
    return std::make_shared<const PrincipalCodes>(
        file.rows(), file.dim(), std::move(rates), file.halves("mean", {file.dim()}),
        file.halves("axes", {count, file.dim()}), file.halves("scales", {count}),
        file.bytes("codes", code_bytes(file.rows(), bits)));
  }

  std::span<const std::uint8_t> rates() const noexcept { return rates_; }
  std::string_view method() const noexcept override { return "pca"; }

  void store(BaselineContent& content) const override {
    const auto count = static_cast<Index>(rates_.size());
    content.note("axes", count);
    content.add("mean", {embedding_dim()}, mean_);
    content.add("axes", {count, embedding_dim()}, axes_);
    content.add("scales", {count}, scales_);
    content.add("rates", rates_);
    content.add("codes", codes_);
  }

  /// As store(), but for the numbers.
  static void plan(BaselineContent& content, const Table& table, Index axes, Index row_bits) {
    content.note("axes", axes);
    content.plan_halves("mean", {table.dim()});
    content.plan_halves("axes", {axes, table.dim()});
    content.plan_halves("scales", {axes});
    content.plan_bytes("rates", static_cast<std::uint64_t>(axes));
    content.plan_bytes("codes", code_bytes(table.rows(), row_bits));
  }

 private:
  friend class PrincipalFit;

  static std::size_t code_bytes(Index rows, Index row_bits) {
    return packed_bytes(static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(row_bits));
  }

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

  Array<std::uint8_t> rates_;
  HalfArray mean_;
  HalfArray axes_;
  HalfArray scales_;
  Array<std::uint8_t> codes_;
  Index row_bits_ = 0;
};

/// Fits principal codes to one table.
class PrincipalFit {
 public:
  /// Mean and axes: n d^2 + O(d^3) operations. `table` is to outlive this object.
  PrincipalFit(const Table& table, const Executor& run)
      : table_(table), run_(run), mean_(mean_of(table)), axes_(centred_moments()) {}

  /// The plan of the least expected error among those for which fits(axes, bits a row) holds: for
  /// each number of axes as many bits as fit. Empty where not even no axes do.
  template <class Fits>
  PrincipalPlan choose(const Fits& fits) const {
    const auto count = static_cast<double>(table_.rows());
    std::vector<double> variances;
    for (const double value : axes_.values) variances.push_back(value / count);
    const double all = std::accumulate(variances.begin(), variances.end(), 0.0);
    PrincipalPlan best;
    best.distortion = all;
    const Index dim = table_.dim(), step = std::max<Index>(1, dim / 256);
    for (Index axes = 1; axes <= dim && fits(axes, Index{1}); axes += step) {
      Index low = 1, high = LloydMax::most_bits * axes;
      while (low < high) {
        const Index middle = (low + high + 1) / 2;
        if (fits(axes, middle))
          low = middle;
        else
          high = middle - 1;
      }
      const std::span<const double> kept = std::span(variances).first(std::size_t(axes));
      PrincipalPlan plan = fill_bits(kept, low);
      plan.distortion += all - std::accumulate(kept.begin(), kept.end(), 0.0);
      if (plan.distortion < best.distortion) best = std::move(plan);
    }
    return best;
  }

  /// O(n d axes) operations. proceed(share) is called between blocks of rows and may throw.
  template <class Proceed>
  std::shared_ptr<const PrincipalCodes> code(const PrincipalPlan& plan,
                                             const Proceed& proceed) const {
    const Index rows = table_.rows(), dim = table_.dim(), axes = plan.axes();
    detail::require(axes <= dim, axes, " axes, needed at most ", dim);
    const RowMatrix<float> kept = axes_.vectors.leftCols(axes).transpose().cast<float>();
    HalfArray mean(std::vector<float>(mean_.data(), mean_.data() + dim));
    HalfArray directions(std::vector<float>(kept.data(), kept.data() + kept.size()));
    std::vector<float> deviations;
    for (Index i = 0; i < axes; ++i)
      deviations.push_back(
          static_cast<float>(std::sqrt(axes_.values[i] / static_cast<double>(rows))));
    HalfArray scales(std::move(deviations));
    const ConstRowMatrixMap<float> centre(mean.data(), 1, dim), frame(directions.data(), axes, dim);
    BitWriter writer;
    constexpr Index block = 16384;
    RowMatrix<std::uint8_t> codes(std::min(block, rows), axes);
    for (Index first = 0; first < rows; first += block) {
      proceed(static_cast<double>(first) / static_cast<double>(rows));
      const Index count = std::min(block, rows - first);
      for_ranges(
          run_, static_cast<std::size_t>(count), 1024, [&](std::size_t begin, std::size_t end) {
            const auto at = static_cast<Index>(begin), size = static_cast<Index>(end - begin);
            RowMatrix<float> centred = table_.matrix().middleRows(first + at, size);
            centred.rowwise() -= centre.row(0);
            const RowMatrix<float> coordinates = centred * frame.transpose();
            for (Index i = 0; i < axes; ++i) {
              const auto number = static_cast<std::size_t>(i);
              const LloydMax& quantizer = LloydMax::of(plan.rates[number]);
              const float scale = scales[number] > 0 ? scales[number] : 1.0F;
              for (Index w = 0; w < size; ++w)
                codes(at + w, i) =
                    static_cast<std::uint8_t>(quantizer.nearest(coordinates(w, i) / scale));
            }
          });
      for (Index w = 0; w < count; ++w)
        for (Index i = 0; i < axes; ++i)
          writer.write(codes(w, i), plan.rates[static_cast<std::size_t>(i)]);
    }
    return std::make_shared<const PrincipalCodes>(rows, dim, Array<std::uint8_t>(plan.rates),
                                                  std::move(mean), std::move(directions),
                                                  std::move(scales), writer.finish());
  }

 private:
  static Vector<double> mean_of(const Table& table) {
    Vector<double> sum = Vector<double>::Zero(table.dim());
    for (Index w = 0; w < table.rows(); ++w)
      sum += table.matrix().row(w).cast<double>().transpose();
    return sum / static_cast<double>(table.rows());
  }

  Eigen::MatrixXd centred_moments() const { return second_moments(table_.matrix(), run_, &mean_); }

  const Table& table_;
  Executor run_;
  Vector<double> mean_;
  PrincipalDirections axes_;
};

}  // namespace see
