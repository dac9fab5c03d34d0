#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "see/codes/trellis_file.hpp"
#include "see/compress/basis.hpp"
#include "see/compress/trellis/encode_rows.hpp"
#include "see/compress/trellis/encode_state.hpp"
#include "see/compress/trellis/fit_trellis.hpp"
#include "see/compress/trellis/row_classes.hpp"
#include "see/compress/trellis/trellis_encode.hpp"
#include "see/compress/trellis/water_filling.hpp"
#include "see/core/finite.hpp"
#include "see/error.hpp"

namespace see::detail {

/// Bits for the codes of all rows; below 0 where the bytes do not suffice.
inline double code_bits(Index rows, Index dim, Index classes, const TrellisRoom& room) {
  return 8 * (static_cast<double>(room(classes)) -
              static_cast<double>(trellis_bytes(rows, dim, classes, packed_padding)));
}

/// What the codes of rows lose beyond water_fill's estimate because no row spreads just as its
/// class does: codes of gain g reach rows of energy rho times the expected one with an error that
/// is (1 - D) (sqrt(rho) - 1)^2 larger, by the geometry of codes on a sphere. O(rows * dim).
inline double spread_mismatch(ConstRowMatrixRef<float> rows, std::span<const float> weights,
                              const RowClasses& classes, const WaterFilling& filling,
                              const TrellisDistortion& distortion, const Executor& run) {
  RowMatrix<float> gain = RowMatrix<float>::Zero(classes.mean.rows(), classes.mean.cols());
  Vector<float> expected = Vector<float>::Zero(gain.rows());
  for (Index c = 0; c < gain.rows(); ++c) {
    const ClassSpread& spread = classes.spreads[static_cast<std::size_t>(c)];
    const ClassRates& rates = filling.classes[static_cast<std::size_t>(c)];
    for (const TrellisStep& step : trellis_steps(rates))
      for (std::size_t t = step.first; t < step.first + std::size_t(step.entries); ++t) {
        const auto p = static_cast<std::size_t>(rates.pattern[step.first]);
        gain(c, Index(t)) = static_cast<float>(std::max(0.0, 1 - distortion[p]));
        expected[c] += gain(c, Index(t)) * static_cast<float>(spread.variance[t]);
      }
  }
  const auto n = static_cast<std::size_t>(rows.rows());
  const std::size_t grain = grain_for(n, 64, 256);
  std::vector<double> parts((n + grain - 1) / grain, 0.0);
  for_ranges(run, n, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t w = begin; w < end; ++w) {
      const std::uint32_t c = classes.of_row[w];
      if (!(expected[c] > 0)) continue;
      const float energy =
          ((rows.row(Index(w)) - classes.mean.row(c)).array().square() * gain.row(c).array()).sum();
      const double excess = std::sqrt(double{energy}) - std::sqrt(double{expected[c]});
      parts[begin / grain] += (weights.empty() ? 1.0 : double{weights[w]}) * excess * excess;
    }
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

/// 64 bits that stand for rows, weights and plan.
inline std::uint64_t plan_key(const AnyRows& rows, std::span<const float> weights,
                              const RowClasses& classes, const TrellisPlan& plan, int window_bits,
                              const Executor& run) {
  std::uint64_t key = hash_rows(rows, run) ^ static_cast<std::uint64_t>(window_bits);
  key = hash_numbers(weights, key);
  key = hash_numbers(std::span<const std::uint32_t>(classes.of_row), key);
  key = hash_numbers(std::span<const std::uint32_t>(plan.bits), key);
  return hash_numbers(
      std::span<const float>(plan.sigma.data(), static_cast<std::size_t>(plan.sigma.size())), key);
}

/// Classes learned from a sample of rows: doubled and refitted in turns as long as the expected
/// error falls at equal bytes.
inline RowClasses learn_classes(const RowMatrix<float>& sample, std::span<const float> weights,
                                Index rows, const TrellisRoom& room, const TrellisOptions& options,
                                const TrellisDistortion& distortion, const Executor& run,
                                WaterFilling& filling) {
  const AnyRows source{TableRows(sample)};
  const double share = static_cast<double>(sample.rows()) / static_cast<double>(rows);
  RowClasses classes, best;
  double least = std::numeric_limits<double>::infinity();
  classes.of_row.assign(static_cast<std::size_t>(sample.rows()), 0);
  measure_classes(source, weights, 1, classes, run);
  constexpr int passes = 6;
  for (Index count = 1; count <= options.most_classes && count <= sample.rows(); count *= 2) {
    const double bits = share * code_bits(rows, sample.cols(), count, room);
    if (bits < 0) break;
    if (count > 1) split_classes(source, weights, filling.price, classes, run);
    WaterFilling trial;
    for (int pass = 0; pass < (count > 1 ? passes : 1); ++pass) {
      if (pass > 0) assign_rows(source, weights, trial.price, classes, run);
      measure_classes(source, weights, static_cast<std::size_t>(count), classes, run);
      if (pass % 3 == 0 || pass + 1 == passes)
        trial = water_fill(classes.spreads, distortion, bits);
    }
    const double loss =
        trial.distortion + spread_mismatch(sample, weights, classes, trial, distortion, run);
    if (loss >= least) break;
    least = loss;
    filling = std::move(trial);
    best = classes;
  }
  return best;
}

SEE_INLINE double trellis_error(const AnyRows& source, std::span<const float> weights,
                                const TrellisCodes& residual, const Executor& run) {
  const auto n = static_cast<std::size_t>(source.num_embeddings());
  const std::size_t grain = grain_for(n, 64, 256);
  std::vector<double> errors((n + grain - 1) / grain, 0.0);
  for_ranges(run, n, grain, [&](std::size_t begin, std::size_t end) {
    Eigen::RowVectorXf row(source.embedding_dim());
    for_row_blocks(source, begin, end, [&](std::size_t first, const RowMatrix<float>& rows) {
      for (Index i = 0; i < rows.rows(); ++i) {
        const std::size_t w = first + static_cast<std::size_t>(i);
        residual.write_row(static_cast<Index>(w), row.data());
        errors[begin / grain] += (weights.empty() ? 1.0 : double{weights[w]}) *
                                 double{(rows.row(i) - row).squaredNorm()};
      }
    });
  });
  double error = 0;
  for (const double part : errors) error += part;
  return error;
}

SEE_INLINE TrellisFit fit_trellis(const AnyRows& rows, const TrellisRoom& room,
                                  const TrellisOptions& options, const Executor& run) {
  const Index n = rows.num_embeddings(), dim = rows.embedding_dim();
  require(n >= 1 && dim >= 1, "a residual of ", n, " x ", dim, " numbers, needed at least one");
  require(options.weights.empty() || std::cmp_equal(options.weights.size(), n),
          options.weights.size(), " weights for ", n, " rows");
  for (const float weight : options.weights)
    require(is_finite(weight) && weight > 0, "a row weight of ", weight,
            ", needed a finite number above 0");
  require(options.window_bits == 0 || (options.window_bits >= kernel::least_window_bits &&
                                       options.window_bits <= kernel::most_window_bits),
          "a trellis window of ", options.window_bits, " bits, needed ", kernel::least_window_bits,
          " to ", kernel::most_window_bits);
  require(options.most_classes >= 1 && options.most_classes <= 65536 && options.sample_rows >= 1,
          "classes up to ", options.most_classes, " from ", options.sample_rows,
          " rows, needed 1 to 65536 from at least one");
  const double bits = code_bits(n, dim, 1, room);
  require(bits >= 0, room(1), " bytes for trellis codes of ", n, " x ", dim,
          " numbers, needed at least ", trellis_bytes(n, dim, 1, packed_padding));

  const double row_bits = bits / static_cast<double>(n);
  const int window_bits = options.window_bits > 0 ? options.window_bits
                          : row_bits < 48         ? 8
                          : row_bits < 96         ? 10
                                                  : 12;
  TrellisDistortion distortion = measure_distortion(window_bits, 16);
  std::vector<double> scales;
  for (const double value : distortion) scales.push_back(std::sqrt(std::max(0.05, 1 - value)));

  std::vector<std::size_t> ids;
  const auto weights_of = [&] {
    std::vector<float> some;
    if (!options.weights.empty())
      for (const std::size_t w : ids) some.push_back(options.weights[w]);
    return some;
  };
  const RowMatrix<float> sample = spread_rows(rows, std::min(n, options.sample_rows), ids);
  WaterFilling filling;
  RowClasses classes =
      learn_classes(sample, weights_of(), n, room, options, distortion, run, filling);
  assign_rows(rows, options.weights, filling.price, classes, run);
  const auto count = static_cast<std::size_t>(classes.mean.rows());
  measure_classes(rows, options.weights, count, classes, run);
  const double budget = code_bits(n, dim, Index(count), room);
  filling = water_fill(classes.spreads, distortion, budget);

  RowClasses some = classes;
  const RowMatrix<float> few = spread_rows(rows, std::min<Index>(n, 2048), ids);
  const AnyRows few_rows{TableRows(few)};
  for (std::size_t i = 0; i < ids.size(); ++i) some.of_row[i] = classes.of_row[ids[i]];
  some.of_row.resize(ids.size());
  for (int pass = 0; pass < 3; ++pass) {
    measure_patterns(few_rows, some, filling, window_bits, distortion, scales, run);
    filling = water_fill(classes.spreads, distortion, budget);
  }

  TrellisFit fit;
  fit.expected = filling.distortion;
  TrellisPlan plan(classes, filling, scales);
  Checkpoint checkpoint(options.checkpoint,
                        options.checkpoint.empty()
                            ? 0
                            : plan_key(rows, options.weights, classes, plan, window_bits, run));
  Array<std::uint8_t> codes = encode_all(rows, options.weights, classes, plan, window_bits, run,
                                         std::move(checkpoint), options.progress);
  fit.codes = TrellisCodes(coded_parts(classes, plan, window_bits, std::move(codes)));
  fit.error = trellis_error(rows, options.weights, fit.codes, run);
  return fit;
}

}  // namespace see::detail
