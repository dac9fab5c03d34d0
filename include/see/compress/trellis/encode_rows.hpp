#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "see/compress/trellis/encode_state.hpp"
#include "see/compress/trellis/row_classes.hpp"
#include "see/compress/trellis/trellis_encode.hpp"
#include "see/compress/trellis/water_filling.hpp"
#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/second_moments.hpp"
#include "see/core/types.hpp"
#include "see/model/trellis_codes.hpp"

/// The steps of fit_trellis from rates to bits: coding rows, and measuring and refitting on what
/// their codes hold.
namespace see::detail {

/// How the rows of all classes are coded.
struct TrellisPlan {
  std::vector<std::vector<TrellisStep>> steps;  // classes
  RowMatrix<float> sigma;                       // classes x dim; 0 for entries without code
  std::vector<std::uint32_t> bits;              // classes: of a row
  std::size_t most_steps = 0;

  TrellisPlan(const RowClasses& classes, const WaterFilling& filling,
              std::span<const double> scales)
      : sigma(RowMatrix<float>::Zero(classes.mean.rows(), classes.mean.cols())) {
    for (std::size_t c = 0; c < filling.classes.size(); ++c) {
      const ClassRates& rates = filling.classes[c];
      steps.push_back(trellis_steps(rates));
      bits.push_back(rates.bits);
      most_steps = std::max(most_steps, steps.back().size());
      for (const TrellisStep& step : steps.back())
        for (std::size_t t = step.first; t < step.first + std::size_t(step.entries); ++t)
          sigma(Index(c), Index(t)) =
              static_cast<float>(std::sqrt(classes.spreads[c].variance[t]) *
                                 scales[static_cast<std::size_t>(rates.pattern[step.first])]);
    }
  }
};

/// Codes the rows of [begin, end) that have bits and calls done(row, its class, its numbers,
/// encoder, windows).
template <class Done>
void encode_rows(const AnyRows& source, const RowClasses& classes, const TrellisPlan& plan,
                 int window_bits, std::size_t begin, std::size_t end, const Done& done) {
  TrellisEncoder encoder(window_bits, std::max<std::size_t>(plan.most_steps, 1));
  Eigen::RowVectorXf centred;
  for_row_blocks(source, begin, end, [&](std::size_t first, const RowMatrix<float>& rows) {
    for (Index i = 0; i < rows.rows(); ++i) {
      const std::size_t w = first + static_cast<std::size_t>(i);
      const std::uint32_t c = classes.of_row[w];
      if (plan.bits[c] == 0) continue;
      centred = rows.row(i) - classes.mean.row(c);
      const float* const row = rows.data() + i * rows.cols();
      done(w, c, row, encoder,
           encoder.encode(plan.steps[c], centred.data(), plan.sigma.row(c).data()));
    }
  });
}

/// Codes a sample and measures for each pattern how much error it leaves and which scale of the
/// table fits best, both relative to the classes' deviations. Patterns with less than a thousandth
/// of the energy keep what they had.
inline void measure_patterns(const AnyRows& sample, const RowClasses& classes,
                             const WaterFilling& filling, int window_bits,
                             TrellisDistortion& distortion, std::vector<double>& scales,
                             const Executor& run) {
  constexpr std::size_t patterns = trellis_patterns.size();
  const TrellisPlan plan(classes, filling, scales);
  const auto n = static_cast<std::size_t>(sample.num_embeddings());
  const std::size_t grain = grain_for(n, 64, 16);
  struct Sums {
    double error = 0, energy = 0, product = 0, square = 0;
  };
  std::vector<std::vector<Sums>> parts((n + grain - 1) / grain, std::vector<Sums>(patterns));
  for_ranges(run, n, grain, [&](std::size_t begin, std::size_t end) {
    encode_rows(sample, classes, plan, window_bits, begin, end,
                [&](std::size_t, std::uint32_t c, const float* row, const TrellisEncoder& encoder,
                    std::span<const std::uint32_t> windows) {
                  for (std::size_t i = 0; i < windows.size(); ++i) {
                    const TrellisStep& step = plan.steps[c][i];
                    const auto p = static_cast<std::size_t>(filling.classes[c].pattern[step.first]);
                    for (int v = 0; v < step.entries; ++v) {
                      const std::size_t t = step.first + static_cast<std::size_t>(v);
                      const double target = double{row[t]} - double{classes.mean(c, Index(t))};
                      const double deviation = std::sqrt(classes.spreads[c].variance[t]);
                      const double value = deviation * encoder.value(v, windows[i]);
                      const double error = target - scales[p] * value;
                      Sums& sums = parts[begin / grain][p];
                      sums.error += error * error;
                      sums.energy += deviation * deviation;
                      sums.product += target * value;
                      sums.square += value * value;
                    }
                  }
                });
  });
  std::vector<Sums> total(patterns);
  double energy = 0;
  for (const auto& part : parts)
    for (std::size_t p = 0; p < patterns; ++p) {
      total[p].error += part[p].error;
      total[p].energy += part[p].energy;
      total[p].product += part[p].product;
      total[p].square += part[p].square;
      energy += part[p].energy;
    }
  for (std::size_t p = 0; p < patterns; ++p) {
    if (total[p].energy <= 1e-3 * energy || total[p].square <= 0) continue;
    distortion[p] = total[p].error / total[p].energy;
    if (total[p].product > 0) scales[p] = total[p].product / total[p].square;
  }
}

/// Ranges of rows whose sums are held at once.
inline constexpr std::size_t ranges_at_once = 8;

/// The rows that make one range of encode_all.
inline std::size_t encode_grain(std::size_t rows) {
  return std::min<std::size_t>(grain_for(rows, 64, 64), 4096);
}

/// Codes all rows and refits the scale and mean of each class and entry to what the windows hold.
/// Goes on from what `checkpoint` has kept; keeps the state there where progress throws.
inline Array<std::uint8_t> encode_all(const AnyRows& source, std::span<const float> weights,
                                      RowClasses& classes, TrellisPlan& plan, int window_bits,
                                      const Executor& run, Checkpoint checkpoint,
                                      const std::function<void(double)>& progress) {
  const auto n = static_cast<std::size_t>(source.num_embeddings());
  const auto cells = static_cast<std::size_t>(plan.sigma.size());
  const auto dim = static_cast<std::size_t>(source.embedding_dim());
  const std::size_t grain = encode_grain(n);
  const std::size_t ranges = (n + grain - 1) / grain;
  std::vector<std::uint64_t> starts(ranges + 1, 0);
  for (std::size_t w = 0; w < n; ++w) starts[w / grain + 1] += plan.bits[classes.of_row[w]];
  for (std::size_t r = 0; r < ranges; ++r) starts[r + 1] += starts[r];
  EncodeState state = restored_codes(checkpoint, ranges, cells);
  state.fits.resize(cells);
  std::vector<std::vector<LineFit>> sums(std::min(ranges_at_once, ranges));
  for (std::size_t from = state.codes.size(); from < ranges; from += ranges_at_once) {
    const std::size_t some = std::min(ranges_at_once, ranges - from);
    state.codes.resize(from + some);
    run(some, [&](std::size_t i) {
      const std::size_t r = from + i;
      sums[i].assign(cells, {});
      BitWriter writer;
      writer.write(0, static_cast<int>(starts[r] & 7));
      encode_rows(source, classes, plan, window_bits, r * grain, std::min(n, (r + 1) * grain),
                  [&](std::size_t w, std::uint32_t c, const float* row,
                      const TrellisEncoder& encoder, std::span<const std::uint32_t> windows) {
                    write_windows(plan.steps[c], windows, writer);
                    const double weight = weights.empty() ? 1.0 : double{weights[w]};
                    for (std::size_t s = 0; s < windows.size(); ++s) {
                      const TrellisStep& step = plan.steps[c][s];
                      for (int v = 0; v < step.entries; ++v) {
                        const std::size_t t = step.first + static_cast<std::size_t>(v);
                        sums[i][c * dim + t].add(weight, encoder.value(v, windows[s]),
                                                 double{row[t]});
                      }
                    }
                  });
      state.codes[r] = writer.finish();
    });
    for (std::size_t i = 0; i < some; ++i)
      for (std::size_t at = 0; at < cells; ++at) state.fits[at].add(sums[i][at]);
    keep(checkpoint, state, false);
    try {
      if (progress) progress(static_cast<double>(from + some) / static_cast<double>(ranges));
    } catch (...) {
      keep(checkpoint, state, true);
      throw;
    }
  }
  std::vector<std::uint8_t> codes(packed_bytes(starts[ranges]));
  for (std::size_t r = 0; r < ranges; ++r) {
    const auto first = static_cast<std::size_t>(starts[r] >> 3);
    const Array<std::uint8_t>& part = state.codes[r];
    for (std::size_t i = 0; i < part.size() && first + i < codes.size(); ++i)
      codes[first + i] = static_cast<std::uint8_t>(codes[first + i] | part[i]);
  }
  for (std::size_t at = 0; at < cells; ++at) {
    const LineFit& fit = state.fits[at];
    if (fit.weight <= 0) continue;
    const double spread = fit.square - fit.value * fit.value / fit.weight;
    const double common = fit.product - fit.value * fit.target / fit.weight;
    if (!(spread > 1e-6 * fit.square) || !(common > 0)) continue;
    const double scale = common / spread;
    plan.sigma.data()[at] = static_cast<float>(scale);
    classes.mean.data()[at] = static_cast<float>((fit.target - scale * fit.value) / fit.weight);
  }
  return Array<std::uint8_t>(std::move(codes));
}

/// The arrays of a residual; scales and means rounded to what a file keeps.
inline TrellisParts coded_parts(const RowClasses& classes, const TrellisPlan& plan, int window_bits,
                                Array<std::uint8_t> codes) {
  TrellisParts parts;
  parts.rows = static_cast<Index>(classes.of_row.size());
  parts.classes = plan.sigma.rows();
  parts.dim = plan.sigma.cols();
  parts.window_bits = window_bits;
  parts.row_classes = PackedArray(std::span<const std::uint32_t>(classes.of_row),
                                  bits_for(static_cast<std::uint64_t>(parts.classes)));
  parts.codes = std::move(codes);
  parts.sigma_scale = plan.sigma.maxCoeff();
  const auto cells = static_cast<std::size_t>(plan.sigma.size());
  std::vector<std::uint8_t> rates(cells, 0), sigmas(cells, 0);
  std::vector<std::int8_t> means(cells, 0);
  std::vector<float> mean_scales;
  for (Index c = 0; c < parts.classes; ++c) {
    for (const TrellisStep& step : plan.steps[static_cast<std::size_t>(c)])
      rates[static_cast<std::size_t>(c * parts.dim) + step.first] =
          static_cast<std::uint8_t>(step.bits);
    const float scale =
        std::abs(*largest_entry(classes.mean.data() + c * parts.dim, parts.dim)) / 127;
    mean_scales.push_back(scale);
    for (Index t = 0; t < parts.dim; ++t) {
      const auto at = static_cast<std::size_t>(c * parts.dim + t);
      if (scale > 0) means[at] = static_cast<std::int8_t>(std::lround(classes.mean(c, t) / scale));
      if (plan.sigma(c, t) > 0)
        sigmas[at] = static_cast<std::uint8_t>(std::clamp(
            255 + std::lround(std::log2(plan.sigma(c, t) / parts.sigma_scale) / sigma_step), 1L,
            255L));
    }
  }
  parts.rates = PackedArray(std::span<const std::uint8_t>(rates), rate_bits);
  parts.sigmas = std::move(sigmas);
  parts.means = std::move(means);
  parts.mean_scales = std::move(mean_scales);
  return parts;
}

}  // namespace see::detail
