#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/codes/trellis_file.hpp"
#include "see/compress/trellis/fit_trellis.hpp"
#include "see/compress/trellis/row_classes.hpp"
#include "see/compress/trellis/trellis_encode.hpp"
#include "see/compress/trellis/water_filling.hpp"
#include "see/core/random.hpp"

using see::Index;
using see::RowMatrix;

namespace {

/// Normal rows whose deviation falls with the column and differs from row to row.
RowMatrix<float> mixed_rows(Index rows, Index dim, std::uint64_t seed = 3) {
  see::Random random(seed);
  RowMatrix<float> table(rows, dim);
  for (Index w = 0; w < rows; ++w) {
    const double gain = std::exp(0.7 * random.normal());
    for (Index t = 0; t < dim; ++t)
      table(w, t) = static_cast<float>(gain * random.normal() / std::sqrt(1 + 0.3 * double(t)));
  }
  return table;
}

see::detail::TrellisFit fit(const RowMatrix<float>& rows, double bytes_a_row,
                            see::detail::TrellisOptions options = {},
                            const see::Executor& run = see::serial()) {
  if (options.window_bits == 0) options.window_bits = 8;
  return see::detail::fit_trellis(
      rows, static_cast<std::uint64_t>(bytes_a_row * static_cast<double>(rows.rows())), options,
      run);
}

/// Row w of a residual from its parts, one bit after another, by the formulas of its comment.
std::vector<double> naive_row(const see::detail::TrellisParts& parts, Index w) {
  const auto cell = [&](Index c, Index t) { return static_cast<std::size_t>(c * parts.dim + t); };
  const auto bits_of = [&](Index c) {
    std::uint64_t bits = 0;
    for (Index t = 0; t < parts.dim; ++t)
      if (parts.sigmas[cell(c, t)] > 0) bits += parts.rates[cell(c, t)];
    return bits;
  };
  std::uint64_t start = 0;
  for (Index i = 0; i < w; ++i) start += bits_of(parts.row_classes[static_cast<std::size_t>(i)]);
  const Index c = parts.row_classes[static_cast<std::size_t>(w)];
  const std::uint64_t size = bits_of(c);
  const std::vector<float> table = see::kernel::trellis_table(parts.window_bits);

  std::vector<double> row;
  std::uint64_t offset = 0;
  int column = 0;
  bool first = true;
  for (Index t = 0; t < parts.dim; ++t) {
    row.push_back(double{parts.mean_scales[static_cast<std::size_t>(c)]} * parts.means[cell(c, t)]);
    if (parts.sigmas[cell(c, t)] == 0) continue;
    const std::uint32_t rate = parts.rates[cell(c, t)];
    column = first || rate > 0 ? 0 : column + 1;
    if (!first) offset += rate;
    first = false;
    std::uint32_t window = 0;
    for (int i = 0; i < parts.window_bits; ++i) {
      const std::uint64_t bit = start + (offset + static_cast<std::uint64_t>(i)) % size;
      const std::uint32_t value = (parts.codes[bit / 8] >> (bit % 8)) & 1U;
      window |= value << i;
    }
    const std::uint32_t index = (window * see::kernel::trellis_multipliers[column]) %
                                static_cast<std::uint32_t>(table.size());
    row.back() += parts.sigma_scale * std::exp2((parts.sigmas[cell(c, t)] - 255) / 32.0) *
                  double{table[index]};
  }
  return row;
}

/// Largest |naive - decoded| / largest |naive| over all rows, by float and by double.
void check_decoder(const see::detail::TrellisCodes& residual) {
  const Index dim = residual.embedding_dim();
  RowMatrix<float> all(residual.num_embeddings(), dim);
  std::vector<Index> ids(static_cast<std::size_t>(residual.num_embeddings()));
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = residual.num_embeddings() - 1 - static_cast<Index>(i);
  residual.write_rows(ids, see::RowMatrixRef<float>(all));
  std::vector<float> single(static_cast<std::size_t>(dim)), sum(single.size(), 1.0F);
  std::vector<double> wide(single.size());
  const double tolerance = std::exp2(-8);  // of the deviations in memory
  for (Index w = 0; w < residual.num_embeddings(); ++w) {
    const std::vector<double> naive = naive_row(residual.parts(), w);
    residual.write_row(w, single.data());
    residual.write_row(w, wide.data());
    std::fill(sum.begin(), sum.end(), 1.0F);
    residual.add_row(w, sum.data());
    double worst = 0, gap = 0;
    for (std::size_t t = 0; t < naive.size(); ++t) {
      const double mean =
          double{residual.layout(residual.parts().row_classes[std::size_t(w)]).mean_scale} *
          residual.layout(residual.parts().row_classes[std::size_t(w)]).mean[t];
      worst = std::max(worst,
                       std::abs(naive[t] - double{single[t]}) / (1e-3 + std::abs(naive[t] - mean)));
      const double size = 1 + std::abs(double{single[t]}) + std::abs(mean);
      gap = std::max(gap, std::abs(wide[t] - double{single[t]}) / size);
      gap = std::max(gap, std::abs(double{sum[t]} - 1 - double{single[t]}) / size);
      gap = std::max(gap, std::abs(double{all(residual.num_embeddings() - 1 - w, Index(t))} -
                                   double{single[t]}) /
                              size);
    }
    REQUIRE(worst <= tolerance);
    REQUIRE(gap <= 1e-6);
  }
}

/// Parts of two classes over dim columns with random codes; class 1 has fewer bits than a window.
see::detail::TrellisParts random_parts(Index rows, Index dim, int rate) {
  see::Random random(9);
  see::detail::TrellisParts parts;
  parts.rows = rows;
  parts.dim = dim;
  parts.classes = 2;
  parts.window_bits = 11;
  std::vector<std::uint8_t> rates(static_cast<std::size_t>(2 * dim), 0), sigmas(rates.size(), 0);
  std::vector<std::int8_t> means;
  for (Index t = 0; t < dim; ++t) {
    const auto at = static_cast<std::size_t>(t);
    rates[at] = static_cast<std::uint8_t>(t == 0 ? 3 : t % 5 == 2 ? 0 : rate);
    sigmas[at] = static_cast<std::uint8_t>(t % 7 == 4 ? 0 : 255 - t % 40);
    if (t == 1 || t == dim - 1) {
      rates[static_cast<std::size_t>(dim) + at] = static_cast<std::uint8_t>(t == 1 ? 4 : 1);
      sigmas[static_cast<std::size_t>(dim) + at] = 240;
    }
  }
  std::uint32_t bits[2] = {0, 0};
  for (std::size_t i = 0; i < rates.size(); ++i) {
    means.push_back(static_cast<std::int8_t>(random.below(255)));
    if (sigmas[i] > 0) bits[i / static_cast<std::size_t>(dim)] += rates[i];
  }
  std::vector<std::uint32_t> ids;
  std::uint64_t total = 0;
  for (Index w = 0; w < rows; ++w) {
    ids.push_back(static_cast<std::uint32_t>(random.below(2)));
    total += bits[ids.back()];
  }
  parts.row_classes = see::PackedArray(std::span<const std::uint32_t>(ids), 1);
  parts.rates = see::PackedArray(std::span<const std::uint8_t>(rates), 4);
  parts.sigmas = std::move(sigmas);
  parts.means = std::move(means);
  parts.mean_scales = {0.01F, 0.02F};
  parts.sigma_scale = 1.5F;
  std::vector<std::uint8_t> codes(see::detail::packed_bytes(total));
  for (std::uint64_t bit = 0; bit < total; ++bit)
    codes[bit / 8] = static_cast<std::uint8_t>(codes[bit / 8] | random.below(2) << (bit % 8));
  parts.codes = std::move(codes);
  return parts;
}

}  // namespace

TEST_CASE("The table of a trellis holds each quantile once and stratifies all successors") {
  for (const int bits : {8, 11}) {
    std::vector<float> table = see::kernel::trellis_table(bits);
    const std::uint32_t size = 1U << bits;
    std::vector<float> sorted = table;
    std::sort(sorted.begin(), sorted.end());
    for (std::uint32_t i = 0; i < size; ++i)
      REQUIRE(0.5 * std::erfc(-double{sorted[i]} / std::sqrt(2.0)) ==
              Approx((i + 0.5) / size).epsilon(1e-5));
    for (const std::uint32_t multiplier : see::kernel::trellis_multipliers)
      for (int rate = 1; rate <= bits; ++rate)
        for (std::uint32_t low = 0; low < size >> rate; ++low) {
          std::vector<bool> met(std::size_t{1} << rate, false);
          for (std::uint32_t high = 0; high < 1U << rate; ++high) {
            const std::uint32_t s = low | high << (bits - rate);
            const auto rank = static_cast<std::uint32_t>(
                std::lower_bound(sorted.begin(), sorted.end(), table[(s * multiplier) % size]) -
                sorted.begin());
            met[rank >> (bits - rate)] = true;
          }
          REQUIRE(std::count(met.begin(), met.end(), true) == 1 << rate);
        }
  }
}

TEST_CASE("Decoding a residual equals reading its windows bit by bit") {
  for (const Index dim : {2, 15, 16, 33, 100, 200})
    for (const int rate : {1, 4})
      check_decoder(see::detail::TrellisCodes(random_parts(40, dim, rate)));
}

TEST_CASE("A fitted residual decodes to what its encoder claims") {
  for (const double bytes : {3.0, 8.0, 14.0}) {
    const RowMatrix<float> rows = mixed_rows(400, 30);
    const see::detail::TrellisFit result = fit(rows, bytes, {.most_classes = 4});
    check_decoder(result.codes);
    double error = 0;
    std::vector<float> row(30);
    for (Index w = 0; w < rows.rows(); ++w) {
      result.codes.write_row(w, row.data());
      for (Index t = 0; t < 30; ++t)
        error += std::pow(double{rows(w, t)} - double{row[static_cast<std::size_t>(t)]}, 2);
    }
    CHECK(result.error == Approx(error).epsilon(1e-4));
    CHECK(result.expected == Approx(result.error).epsilon(0.35));
    CHECK(result.error < double{rows.squaredNorm()});
  }
}

TEST_CASE("More bytes leave less error, and normal rows come near the Gaussian reference") {
  see::Random random(8);
  RowMatrix<float> rows(300, 64);
  for (Index i = 0; i < rows.size(); ++i) rows.data()[i] = static_cast<float>(random.normal());
  double last = 2 * double{rows.squaredNorm()};
  for (const double bits : {0.5, 1.0, 2.0, 3.0}) {
    const double overhead = static_cast<double>(see::detail::trellis_bytes(300, 64, 1, 8));
    const double bytes = 64 * bits / 8 + overhead / 300;
    const see::detail::TrellisFit result = fit(rows, bytes, {.window_bits = 10, .most_classes = 1});
    const double relative = result.error / double{rows.squaredNorm()};
    CHECK(result.error < last);
    CHECK(relative > std::exp2(-2 * bits) * 0.95);
    CHECK(relative < std::exp2(-2 * bits) * std::pow(10, 0.155));
    last = result.error;
  }
}

TEST_CASE("A residual takes the bytes of its arrays and no more than it was given") {
  const RowMatrix<float> rows = mixed_rows(300, 20);
  for (const std::uint64_t bytes : {1200U, 2000U, 4001U}) {
    const see::detail::TrellisCodes residual =
        see::detail::fit_trellis(rows, bytes, {.window_bits = 8}).codes;
    const see::detail::TrellisParts& parts = residual.parts();
    CHECK(residual.bytes() == parts.codes.bytes() + parts.row_classes.bytes().bytes() +
                                  parts.rates.bytes().bytes() + parts.sigmas.bytes() +
                                  parts.means.bytes() + parts.mean_scales.bytes() + 4);
    CHECK(residual.bytes() <= bytes);
    CHECK(residual.bytes() >= bytes * 95 / 100);
    CHECK(see::detail::trellis_bytes(300, 20, parts.classes, parts.codes.bytes()) ==
          residual.bytes());
  }
  CHECK(see::detail::TrellisCodes().bytes() == 0);
}

TEST_CASE("A residual is the same for any number of threads") {
  const RowMatrix<float> rows = mixed_rows(700, 12);
  const see::detail::TrellisFit one = fit(rows, 6, {.most_classes = 8});
  const see::detail::TrellisFit three = fit(rows, 6, {.most_classes = 8}, see::threads(3));
  const auto& a = one.codes.parts();
  const auto& b = three.codes.parts();
  CHECK(one.error == three.error);
  CHECK(a.classes == b.classes);
  CHECK(std::equal(a.codes.begin(), a.codes.end(), b.codes.begin(), b.codes.end()));
  CHECK(std::equal(a.sigmas.begin(), a.sigmas.end(), b.sigmas.begin(), b.sigmas.end()));
  CHECK(std::equal(a.means.begin(), a.means.end(), b.means.begin(), b.means.end()));
}

TEST_CASE("On normal numbers each rate leaves less error than the one below") {
  const see::detail::TrellisDistortion distortion = see::detail::measure_distortion(8, 8);
  const double decibels[] = {1.3, 1.2, 1.2, 1.2, 1.5, 1.4, 2.8, 2.1, 3.2, 4.5};
  for (std::size_t p = 0; p < distortion.size(); ++p) {
    if (p > 0) CHECK(distortion[p] < distortion[p - 1]);
    const double rate =
        double(see::detail::trellis_patterns[p].bits) / see::detail::trellis_patterns[p].entries;
    CHECK(distortion[p] > 0.9 * std::exp2(-2 * rate));
    if (p < std::size(decibels))
      CHECK(distortion[p] < std::exp2(-2 * rate) * std::pow(10, decibels[p] / 10));
  }
}

TEST_CASE("The windows of a row close to a circle and follow one another") {
  for (const int pattern : {2, 3, 4, 5, 7, 10}) {
    see::detail::ClassRates rates;
    rates.pattern.assign(12, -1);
    const auto group = see::detail::trellis_patterns[static_cast<std::size_t>(pattern)].entries;
    for (std::size_t t = 0; t < 12; t += static_cast<std::size_t>(group))
      rates.pattern[t] = pattern;
    const auto steps = see::detail::trellis_steps(rates);
    see::detail::TrellisEncoder encoder(9, 12);
    const RowMatrix<float> rows = mixed_rows(20, 12);
    const std::vector<float> sigma(12, 0.8F);
    for (Index w = 0; w < rows.rows(); ++w) {
      const auto windows = encoder.encode(steps, rows.row(w).data(), sigma.data());
      std::vector<int> circle;
      for (std::size_t i = 0; i < steps.size(); ++i)
        for (int b = 0; b < steps[(i + 1) % steps.size()].bits; ++b)
          circle.push_back(static_cast<int>(windows[i] >> b & 1));
      std::size_t offset = 0;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        for (std::size_t b = 0; b < 9; ++b)
          REQUIRE(static_cast<int>(windows[i] >> b & 1) == circle[(offset + b) % circle.size()]);
        offset += static_cast<std::size_t>(steps[(i + 1) % steps.size()].bits);
      }
    }
  }
}

TEST_CASE("The search finds the best code of short rows and nearly so of others") {
  see::detail::ClassRates rates;
  rates.pattern = {5, 3, 3, 2, -1, 5, 3, 3};  // 2 1 1 1/2 1/2 2 1 1: 9 bits
  const auto steps = see::detail::trellis_steps(rates);
  const std::vector<float> sigma{1, 0.9F, 0.8F, 0.7F, 0.6F, 1, 0.9F, 0.5F};
  const RowMatrix<float> rows = mixed_rows(40, 8);
  for (const int window_bits : {8, 10}) {
    see::detail::TrellisEncoder encoder(window_bits, 8);
    double found = 0, best = 0;
    for (Index w = 0; w < rows.rows(); ++w) {
      const auto cost = [&](std::span<const std::uint32_t> windows) {
        double sum = 0;
        for (std::size_t i = 0; i < steps.size(); ++i)
          for (int v = 0; v < steps[i].entries; ++v) {
            const std::size_t t = steps[i].first + static_cast<std::size_t>(v);
            sum += std::pow(rows(w, Index(t)) - sigma[t] * encoder.value(v, windows[i]), 2);
          }
        return sum;
      };
      double least = 1e30;
      for (std::uint32_t code = 0; code < 512; ++code) {
        std::vector<std::uint32_t> windows;
        std::uint32_t offset = 0;
        for (std::size_t i = 0; i < steps.size(); ++i) {
          if (i > 0) offset += static_cast<std::uint32_t>(steps[i].bits);
          std::uint32_t window = 0;
          for (std::uint32_t b = 0; b < std::uint32_t(window_bits); ++b)
            window |= (code >> (offset + b) % 9 & 1) << b;
          windows.push_back(window);
        }
        least = std::min(least, cost(windows));
      }
      const double mine = cost(encoder.encode(steps, rows.row(w).data(), sigma.data()));
      CHECK(mine >= least * (1 - 1e-5));
      if (window_bits == 10) CHECK(mine == Approx(least).epsilon(1e-4));
      found += mine;
      best += least;
    }
    CHECK(found < 1.5 * best);
  }
}

TEST_CASE("Water-filling keeps to its budget and no single change of rates pays") {
  see::Random random(4);
  std::vector<see::detail::ClassSpread> spreads(3);
  for (auto& spread : spreads) {
    spread.rows = 5 + static_cast<double>(random.below(50));
    spread.weight = spread.rows * (0.5 + random.uniform());
    for (int t = 0; t < 10; ++t) spread.variance.push_back(std::exp(2 * random.normal()));
  }
  see::detail::TrellisDistortion distortion;
  for (std::size_t p = 0; p < distortion.size(); ++p)
    distortion[p] = 1.1 * std::exp2(-2.0 * see::detail::trellis_patterns[p].bits /
                                    see::detail::trellis_patterns[p].entries);
  const auto total = [&](const see::detail::WaterFilling& filling) {
    double bits = 0;
    for (std::size_t c = 0; c < 3; ++c) bits += spreads[c].rows * filling.classes[c].bits;
    return bits;
  };
  double last = 1e300;
  for (const double budget : {0.0, 100.0, 700.0, 2000.0}) {
    const see::detail::WaterFilling filling = see::detail::water_fill(spreads, distortion, budget);
    CHECK(filling.bits == Approx(total(filling)));
    CHECK(filling.bits <= budget);
    CHECK(filling.distortion < last);
    last = filling.distortion;
  }
  // One class alone: no sequence of patterns over its first entries has a lower Lagrangian.
  see::detail::ClassSpread spread = spreads[0];
  spread.variance.resize(4);
  const double price = 0.3;
  const see::detail::ClassRates rates = see::detail::fill_class(spread, distortion, price);
  const double found = rates.distortion + price * spread.rows * rates.bits;
  double best = 1e300;
  const auto visit = [&](const auto& self, std::size_t t, double cost) -> void {
    if (t == 4) {
      best = std::min(best, cost);
      return;
    }
    self(self, t + 1, cost + spread.weight * spread.variance[t]);
    for (std::size_t p = 0; p < distortion.size(); ++p) {
      const auto n = static_cast<std::size_t>(see::detail::trellis_patterns[p].entries);
      if (t + n > 4) continue;
      double sum = cost + price * spread.rows * see::detail::trellis_patterns[p].bits;
      for (std::size_t i = 0; i < n; ++i)
        sum += spread.weight * spread.variance[t + i] * distortion[p];
      self(self, t + n, sum);
    }
  };
  visit(visit, 0, 0);
  CHECK(found == Approx(best));
  CHECK_THROWS_AS(see::detail::water_fill(spreads, distortion, -1), see::Error);
}

TEST_CASE("Weights move error from heavy rows to light ones") {
  const RowMatrix<float> rows = mixed_rows(500, 16);
  std::vector<float> weights;
  for (Index w = 0; w < rows.rows(); ++w)
    weights.push_back(1 / (1e-6F + rows.row(w).squaredNorm()));
  const see::detail::TrellisFit plain = fit(rows, 5),
                                direction = fit(rows, 5, {.weights = weights});
  CHECK(see::detail::trellis_error(see::AnyRows(see::TableRows(rows)), weights, direction.codes) <
        see::detail::trellis_error(see::AnyRows(see::TableRows(rows)), weights, plain.codes));
  CHECK(see::detail::trellis_error(see::AnyRows(see::TableRows(rows)), {}, plain.codes) <
        see::detail::trellis_error(see::AnyRows(see::TableRows(rows)), {}, direction.codes));
}

TEST_CASE("Residuals of tiny and constant tables") {
  const RowMatrix<float> one = RowMatrix<float>::Constant(1, 1, 2.5F);
  const see::detail::TrellisFit single = see::detail::fit_trellis(one, 64);
  float value = 0;
  single.codes.write_row(0, &value);
  CHECK(value == Approx(2.5F));
  const RowMatrix<float> zeros = RowMatrix<float>::Zero(9, 5);
  const see::detail::TrellisFit nothing = see::detail::fit_trellis(zeros, 200);
  CHECK(nothing.error == 0);
  const RowMatrix<float> rows = mixed_rows(50, 1);
  const see::detail::TrellisFit column = see::detail::fit_trellis(rows, 120, {.window_bits = 8});
  CHECK(column.error < 0.2 * double{rows.squaredNorm()});
  check_decoder(column.codes);
  const std::uint64_t least = see::detail::trellis_bytes(50, 1, 1, see::detail::packed_padding);
  CHECK(see::detail::fit_trellis(rows, least).codes.bytes() <= least);
  CHECK_THROWS_AS(see::detail::fit_trellis(rows, least - 1), see::Error);
}

TEST_CASE("Fitting a residual refuses what it cannot use") {
  const RowMatrix<float> rows = mixed_rows(10, 4);
  RowMatrix<float> bad = rows;
  bad(3, 2) = NAN;
  CHECK_THROWS_AS(see::detail::fit_trellis(bad, 500), see::Error);
  CHECK_THROWS_AS(see::detail::fit_trellis(RowMatrix<float>(0, 4), 500), see::Error);
  std::vector<float> weights(9, 1.0F);
  CHECK_THROWS_AS(see::detail::fit_trellis(rows, 500, {.weights = weights}), see::Error);
  weights.assign(10, 1.0F);
  weights[4] = 0;
  CHECK_THROWS_AS(see::detail::fit_trellis(rows, 500, {.weights = weights}), see::Error);
  CHECK_THROWS_AS(see::detail::fit_trellis(rows, 500, {.window_bits = 7}), see::Error);
  CHECK_THROWS_AS(see::detail::fit_trellis(rows, 500, {.window_bits = 17}), see::Error);
  CHECK_THROWS_AS(see::detail::fit_trellis(rows, 500, {.most_classes = 0}), see::Error);
}

TEST_CASE("Parts that do not fit make no residual") {
  const see::detail::TrellisParts good = random_parts(20, 10, 2);
  CHECK_NOTHROW(see::detail::TrellisCodes(good));
  const auto refused = [&](auto&& change) {
    see::detail::TrellisParts parts = good;
    change(parts);
    CHECK_THROWS_AS(see::detail::TrellisCodes(parts), see::Error);
  };
  const auto with_rates = [&](std::size_t at, std::uint8_t rate) {
    std::vector<std::uint8_t> rates;
    for (std::size_t i = 0; i < good.rates.size(); ++i)
      rates.push_back(i == at ? rate : static_cast<std::uint8_t>(good.rates[i]));
    return see::PackedArray(std::span<const std::uint8_t>(rates), 4);
  };
  refused([](auto& parts) { parts.rows = 0; });
  refused([](auto& parts) { parts.rows = 21; });
  refused([](auto& parts) { parts.dim = 11; });
  refused([](auto& parts) { parts.dim = Index{1} << 60; });
  refused([](auto& parts) { parts.classes = 3; });
  refused([](auto& parts) { parts.classes = 1; });
  refused([](auto& parts) { parts.window_bits = 7; });
  refused([](auto& parts) { parts.window_bits = 17; });
  refused([](auto& parts) { parts.sigma_scale = INFINITY; });
  refused([](auto& parts) { parts.mean_scales = {0.1F, NAN}; });
  refused([](auto& parts) { parts.mean_scales = {0.1F}; });
  refused([](auto& parts) { parts.means = see::Array<std::int8_t>(19); });
  refused([](auto& parts) { parts.sigmas = see::Array<std::uint8_t>(21); });
  refused([](auto& parts) { parts.codes = see::Array<std::uint8_t>(parts.codes.size() - 1); });
  refused([&](auto& parts) { parts.rates = with_rates(0, 0); });  // no rate to close the circle
  refused([&](auto& parts) { parts.rates = with_rates(0, 9); });  // more than a window
  refused([&](auto& parts) { parts.rates = with_rates(0, 8); });  // codes too short
  refused([](auto& parts) {                                       // five share a window
    std::vector<std::uint8_t> rates(20, 0);
    rates[0] = rates[10] = 1;
    parts.rates = see::PackedArray(std::span<const std::uint8_t>(rates), 4);
    parts.sigmas = see::Array<std::uint8_t>(std::vector<std::uint8_t>(20, 9));
  });
  refused([](auto& parts) {  // a class that is not there
    const std::vector<std::uint32_t> ids(20, 3);
    parts.classes = 3;
    parts.row_classes = see::PackedArray(std::span<const std::uint32_t>(ids), 2);
    parts.mean_scales = {0, 0, 0};
    parts.means = see::Array<std::int8_t>(30);
    parts.sigmas = see::Array<std::uint8_t>(30);
    parts.rates = see::PackedArray(see::Array<std::uint8_t>(see::detail::packed_bytes(120)), 30, 4);
    parts.codes = {};
  });
  refused([](auto& parts) {  // a row of more bits than offsets hold
    const Index dim = 2100;
    std::vector<std::uint8_t> rates(static_cast<std::size_t>(dim), 8);
    parts = {};
    parts.rows = 1;
    parts.dim = dim;
    parts.window_bits = 8;
    parts.row_classes = see::PackedArray({}, 1, 0);
    parts.rates = see::PackedArray(std::span<const std::uint8_t>(rates), 4);
    parts.sigmas = rates;
    parts.means = see::Array<std::int8_t>(static_cast<std::size_t>(dim));
    parts.mean_scales = {0};
    parts.codes = see::Array<std::uint8_t>(see::detail::packed_bytes(16800));
  });
}
