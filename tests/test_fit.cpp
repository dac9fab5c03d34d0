#include <Eigen/Cholesky>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/compress/fit.hpp"
#include "see/model/builders.hpp"

using see::EntangledEmbedding;
using see::GainScope;
using see::Index;
using see::RowMatrix;

namespace {

/// The same lexicon with other factors.
template <class Scalar>
EntangledEmbedding<Scalar> restarted(const see::EmbeddingParts<Scalar>& parts, std::uint64_t seed) {
  auto fresh = parts;
  see::Random random(seed);
  for (auto& inventory : fresh.inventories)
    inventory = see::Inventory<Scalar>::normal(inventory.size(), inventory.rank(), inventory.dim(),
                                               0.5, random);
  fresh.gains = std::vector<Scalar>(parts.gains.size(), Scalar(1));
  return EntangledEmbedding<Scalar>(fresh);
}

oracle::Setup planted() {
  return {.dims = {4, 4}, .words = 120, .units = 12, .rank = 2, .gains = GainScope::sense};
}

}  // namespace

TEST_CASE("a table that the lexicon can express is fitted", "[fit]") {
  for (const auto& setup :
       {planted(),
        oracle::Setup{
            .dims = {3, 4, 3}, .width = 33, .words = 90, .units = 6, .rank = 2, .vectors = 2},
        oracle::Setup{.dims = {4, 4},
        .words = 90,
        .units = 6,
        .rank = 2,
        .shared = false,
        .uniform = true,
        .gains = GainScope::term,
        .word_scale = true,
        .mean = true,
        .axes = true},
        oracle::Setup{.dims = {9}, .words = 60, .units = 8, .rank = 3}}) {
    INFO("order " << setup.dims.size());
    const auto parts = oracle::random_parts<double>(setup);
    const RowMatrix<float> table = EntangledEmbedding<double>(parts).to_dense().cast<float>();
    double best = 1;
    for (std::uint64_t seed = 1; seed <= 3 && best > 1e-3; ++seed) {
      auto layer = restarted(parts, seed);
      const auto report = see::fit(layer, table, {.iterations = 200, .tolerance = 1e-6});
      const double error = double((layer.to_dense() - table.cast<double>()).squaredNorm()) /
                           double(table.squaredNorm());
      CHECK(report.relative_error == Approx(error).margin(1e-9));
      best = std::min(best, error);
    }
    CHECK(best <= 1e-3);
  }
}

TEST_CASE("a fit of order 1 is linear least squares", "[fit]") {
  const auto parts =
      oracle::random_parts<double>({.dims = {5}, .words = 40, .units = 6, .rank = 3});
  see::Random random(2);
  const RowMatrix<float> table =
      RowMatrix<float>::NullaryExpr(40, 5, [&](Index, Index) { return float(random.normal()); });
  RowMatrix<double> design = RowMatrix<double>::Zero(40, 6);
  for (Index w = 0; w < 40; ++w)
    for (Index s = 0; s < parts.lexicon.rank(w); ++s) {
      Index unit;
      parts.lexicon.units(w, s, &unit);
      design(w, unit) += 1;
    }
  const RowMatrix<double> target = table.cast<double>();
  const Eigen::MatrixXd solution =
      (design.transpose() * design).ldlt().solve(design.transpose() * target);
  const double best = (design * solution - target).squaredNorm() / target.squaredNorm();
  auto layer = restarted(parts, 1);
  const auto report = see::fit(layer, table, {.tolerance = 1e-9});
  CHECK(report.status == see::FitStatus::converged);
  CHECK(report.relative_error == Approx(best).epsilon(1e-6));
}

TEST_CASE("the error of a fit never grows, and threads do not change it", "[fit]") {
  const auto setup = oracle::Setup{.dims = {3, 4}, .words = 700, .units = 20, .rank = 3};
  const auto parts = oracle::random_parts<float>(setup);
  see::Random random(9);
  const RowMatrix<float> table =
      RowMatrix<float>::NullaryExpr(700, 12, [&](Index, Index) { return float(random.normal()); });
  std::vector<RowMatrix<float>> results;
  for (const auto& run : {see::serial(), see::threads(2), see::threads(3)}) {
    auto layer = restarted(parts, 4);
    double last = std::numeric_limits<double>::infinity();
    see::fit(layer, table, {.iterations = 8, .run = run, .progress = [&](const see::Progress& p) {
                              CHECK(p.relative_error <= last);
                              last = p.relative_error;
                              return true;
                            }});
    results.push_back(layer.to_dense());
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("a cancelled fit keeps its best and throws", "[fit]") {
  const auto parts = oracle::random_parts<double>(planted());
  const RowMatrix<float> table = EntangledEmbedding<double>(parts).to_dense().cast<float>();
  auto layer = restarted(parts, 1);
  int calls = 0;
  const auto before = (layer.to_dense().cast<float>() - table).norm();
  CHECK_THROWS_AS(
      see::fit(layer, table, {.progress = [&](const see::Progress&) { return ++calls < 3; }}),
      see::Cancelled);
  CHECK((layer.to_dense().cast<float>() - table).norm() < before);
  CHECK(see::fit(layer, table, {.iterations = 1}).status == see::FitStatus::iteration_limit);
}

TEST_CASE("frozen parameters and the padding row stay out of a fit", "[fit]") {
  auto parts = oracle::random_parts<double>(planted());
  RowMatrix<float> table = EntangledEmbedding<double>(parts).to_dense().cast<float>();
  table.row(3).setConstant(1000);
  parts.padding_idx = 3;
  auto layer = restarted(parts, 2);
  layer.freeze_parameter(1);
  const auto report = see::fit(layer, table);
  CHECK(report.relative_error < 1);
  for (const double gain : layer.parts().gains) CHECK(gain == 1);
}

TEST_CASE("tables that cannot be fitted are refused", "[fit]") {
  auto layer = EntangledEmbedding<double>(oracle::random_parts<double>({}));
  CHECK_THROWS_AS(see::fit(layer, RowMatrix<float>::Zero(9, 15)), see::Error);
  CHECK_THROWS_AS(see::fit(layer, RowMatrix<float>::Zero(8, 16)), see::Error);
  RowMatrix<float> bad = RowMatrix<float>::Zero(9, 16);
  bad(3, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(see::fit(layer, bad), see::Error);
  CHECK(see::fit(layer, RowMatrix<float>::Zero(9, 16)).relative_error == 0);
  EntangledEmbedding<double> normed(oracle::random_parts<double>({.layer_norm = true}));
  CHECK_THROWS_AS(see::fit(normed, RowMatrix<float>::Zero(9, 16)), see::Error);
}
