#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/lloyd_max.hpp"
#include "see/codes/principal_codes.hpp"
#include "see/compress/baseline/codes_method.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/bits.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/parallel.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

/// Method pca.
namespace see::detail {

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
    require(axes <= dim, axes, " axes, needed at most ", dim);
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
            const RowMatrix<float> coordinates = product(centred, frame.transpose());
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

inline Model<float> fit_principal_codes_model(const FitRequest& request) {
  const Table& table = request.table;
  const CodesBudget budget(request, fit_notes(request.method));
  const auto plan = [&](Index axes, Index bits) {
    return [&table, axes, bits](CodesContent& content) {
      PrincipalCodes::plan(content, table.rows(), table.dim(), axes, bits);
    };
  };
  budget.require_room(plan(0, 0));
  request.report("fitting", 0);
  const PrincipalFit fit(table, request.options.run);
  request.report("coding", 0.5);
  return budget.model(
      fit.code(fit.choose([&](Index axes, Index bits) { return budget.fits(plan(axes, bits)); }),
               [&](double share) { request.report("coding", 0.5 + share / 2); }));
}

inline constexpr Method pca_method{
    .name = "pca",
    .help = "principal coordinates in Lloyd-Max scalars",
    .least = 0,
    .most = Method::any_magnitude,
    .fit = fit_principal_codes_model,
};

}  // namespace see::detail
