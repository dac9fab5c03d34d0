#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "see/compress/basis.hpp"
#include "see/compress/induced/induce.hpp"
#include "see/compress/induced/induce_choose.hpp"
#include "see/compress/induced/induce_search.hpp"
#include "see/compress/induced/induce_train.hpp"
#include "see/core/random.hpp"
#include "see/model/shape.hpp"

using see::Index;
using see::RowMatrix;
using see::Vector;

namespace {

/// Rows of independent normal numbers whose deviation falls with the column, around a mean.
RowMatrix<float> random_table(Index rows, Index dim, std::uint64_t seed = 3) {
  see::Random random(seed);
  RowMatrix<float> table(rows, dim);
  for (Index w = 0; w < rows; ++w)
    for (Index i = 0; i < dim; ++i)
      table(w, i) = static_cast<float>(0.3 + random.normal() / std::sqrt(1.0 + double(i)));
  return table;
}

/// Rows that are sums of two products of planted units, plus noise of relative energy noise^2.
RowMatrix<float> planted_table(Index rows, Index q1, Index q2, Index units, double noise) {
  see::Random random(11);
  const auto normal = [&](Index n, Index q) {
    RowMatrix<float> values(n, q);
    for (Index i = 0; i < values.size(); ++i)
      values.data()[i] = static_cast<float>(random.normal());
    return values;
  };
  const RowMatrix<float> u = normal(units, q1), v = normal(units, q2);
  RowMatrix<float> table(rows, q1 * q2);
  for (Index w = 0; w < rows; ++w) {
    RowMatrix<float> grid = RowMatrix<float>::Zero(q1, q2);
    for (const float gain : {2.0F, 1.0F}) {
      const auto a = static_cast<Index>(random.below(static_cast<std::size_t>(units)));
      const auto b = static_cast<Index>(random.below(static_cast<std::size_t>(units)));
      grid += gain * u.row(a).transpose() * v.row(b);
    }
    table.row(w) = Eigen::Map<const Eigen::RowVectorXf>(grid.data(), grid.size());
  }
  const RowMatrix<float> errors = normal(rows, q1 * q2);
  return table + static_cast<float>(noise) * table.norm() / errors.norm() * errors;
}

/// Weights of 1/8 to 8.
std::vector<float> random_weights(std::size_t rows) {
  see::Random random(8);
  std::vector<float> weights(rows);
  for (float& weight : weights) weight = std::exp2(static_cast<float>(6 * random.uniform() - 3));
  return weights;
}

see::detail::InducedPlan small_plan(Index dim) {
  see::detail::InducedPlan plan;
  plan.dim = plan.width = dim;
  const see::Shape shape = see::Shape::balanced(dim, 2);
  plan.q1 = shape.factor_dim(0);
  plan.q2 = shape.factor_dim(1);
  plan.units1 = 8;
  plan.units2 = 16;
  plan.terms = 3;
  return plan;
}

see::detail::InducedOptions quick() {
  see::detail::InducedOptions options;
  options.iterations = 4;
  options.beam = 3;
  options.training_beam = 2;
  options.run = see::serial();
  return options;
}

bool same_code(const see::detail::InducedCode& x, const see::detail::InducedCode& y) {
  return x.index == y.index && x.scale_index == y.scale_index && x.scale_table == y.scale_table &&
         x.codebook_a == y.codebook_a && x.codebook_b == y.codebook_b && x.gains == y.gains &&
         x.relative_error == y.relative_error;
}

bool is_half(const RowMatrix<float>& values) {
  return values == values.unaryExpr([](float v) { return see::detail::round_to_half(v); });
}

}  // namespace

TEST_CASE("payload bytes of an induced plan are its parts", "[induce]") {
  see::detail::InducedPlan plan = small_plan(12);
  plan.basis = plan.mean = true;
  plan.scale_bits = 4;
  const std::size_t halves = 8 * 3 + 16 * 4 + 12 + 16, axes = 12 * (12 + 4);
  CHECK(see::detail::term_bits(plan) == 7);
  CHECK(see::detail::payload_bytes(plan, 100) == 2 * halves + axes + 4 * 3 +
                                                     see::detail::packed_bytes(100 * 3 * 7) +
                                                     see::detail::packed_bytes(400));
  CHECK(see::detail::terms_within(plan, 100, see::detail::payload_bytes(plan, 100), 64) == 3);
  CHECK(see::detail::terms_within(plan, 100, see::detail::payload_bytes(plan, 100) - 1, 64) == 2);
  CHECK(see::detail::terms_within(plan, 100, 10, 64) == 0);
}

TEST_CASE("an induced plan is validated", "[induce]") {
  const auto broken = [](auto change) {
    see::detail::InducedPlan plan = small_plan(12);
    change(plan);
    return plan;
  };
  CHECK_NOTHROW(see::detail::validate(small_plan(12)));
  CHECK_THROWS_AS(see::detail::validate(broken([](auto& p) { p.width = 13; })), see::Error);
  CHECK_THROWS_AS(see::detail::validate(broken([](auto& p) { p.width = 11; })), see::Error);
  CHECK_THROWS_AS(see::detail::validate(broken([](auto& p) { p.q2 = 3; })), see::Error);
  CHECK_THROWS_AS(see::detail::validate(broken([](auto& p) { p.units1 = 0; })), see::Error);
  CHECK_THROWS_AS(see::detail::validate(broken([](auto& p) { p.units2 = 70000; })), see::Error);
  CHECK_THROWS_AS(see::detail::validate(broken([](auto& p) { p.terms = 0; })), see::Error);
  CHECK_THROWS_AS(see::detail::validate(broken([](auto& p) { p.scale_bits = 17; })), see::Error);
  CHECK_THROWS_AS(see::detail::smallest_induced_plan(0), see::Error);
}

TEST_CASE("a basis is orthonormal and inverts itself", "[basis]") {
  const RowMatrix<float> table = random_table(400, 9);
  const see::detail::Moments moments = see::detail::moments(table, true, see::serial());
  CHECK(moments.energy == Approx(table.squaredNorm() / 400.0F).epsilon(1e-5));
  const see::detail::PrincipalBasis basis = see::detail::fit_basis(moments, true, true, 9);
  const RowMatrix<float> product = basis.axes * basis.axes.transpose();
  CHECK((product - RowMatrix<float>::Identity(9, 9)).cwiseAbs().maxCoeff() < 9 * 1e-3F);
  const RowMatrix<float> back = see::detail::from_basis(basis, see::detail::to_basis(basis, table));
  CHECK((back - table).norm() < 1e-2F * table.norm());
  const Eigen::RowVectorXf variances = see::detail::to_basis(basis, table).colwise().squaredNorm();
  for (Index i = 1; i < 9; ++i) CHECK(variances(i) <= variances(i - 1) * 1.01F);
  CHECK(is_half(basis.mean));
  CHECK(see::detail::to_int8_axes(
      std::span<const float>(basis.axes.data(), std::size_t(basis.axes.size())),
      basis.axes.cols()));

  CHECK_THROWS_AS(see::detail::moments(table.topRows(0), false, see::serial()), see::Error);
  CHECK_THROWS_AS(see::detail::fit_basis(moments, true, true, 10), see::Error);
  const RowMatrix<float> large = RowMatrix<float>::Constant(3, 2, 1e6F);
  CHECK_THROWS_AS(
      see::detail::fit_basis(see::detail::moments(large, false, see::serial()), true, false, 2),
      see::Error);
  CHECK_THROWS_AS(see::detail::fit_basis(moments, true, false, 8), see::Error);
  CHECK_THROWS_AS(
      see::detail::fit_basis(see::detail::moments(table, false, see::serial()), true, true, 9),
      see::Error);
}

TEST_CASE("pair search finds the best pair where it looks at all", "[induce]") {
  const RowMatrix<float> u = random_table(21, 3, 5), v = random_table(37, 4, 6);
  const RowMatrix<float> rows = random_table(20, 12, 7);
  Vector<float> gains(1);
  gains << 0.7F;
  const see::detail::PairTables tables(u, v, gains);
  see::detail::TermSearch search(tables, 1, 21);
  for (Index w = 0; w < rows.rows(); ++w) {
    const see::ConstRowMatrixMap<float> grid(rows.row(w).data(), 3, 4);
    float least = std::numeric_limits<float>::infinity();
    for (Index a = 0; a < 21; ++a)
      for (Index b = 0; b < 37; ++b)
        least = std::min(least, (grid - 0.7F * u.row(a).transpose() * v.row(b)).squaredNorm());
    std::vector<std::uint16_t> codes(2);
    const float fall = search.encode(rows.row(w).data(), codes);
    CHECK(grid.squaredNorm() - fall == Approx(least).margin(1e-4));
    CHECK((grid - 0.7F * u.row(codes[0]).transpose() * v.row(codes[1])).squaredNorm() ==
          Approx(least).margin(1e-4));
  }
}

TEST_CASE("a wider beam and sweeps do not code worse", "[induce]") {
  const RowMatrix<float> u = random_table(16, 3, 5), v = random_table(16, 4, 6);
  const RowMatrix<float> rows = random_table(200, 12, 7);
  const see::detail::PairTables tables(u, v, Vector<float>::Constant(4, 0.5F));
  see::detail::TermSearch narrow(tables, 1, 16), wide(tables, 8, 16);
  double fall_narrow = 0, fall_improved = 0, fall_wide = 0;
  std::vector<std::uint16_t> codes(8);
  for (Index w = 0; w < rows.rows(); ++w) {
    const float fall = narrow.encode(rows.row(w).data(), codes);
    const float more = narrow.improve(rows.row(w).data(), codes, 3);
    CHECK(more >= 0);
    fall_narrow += static_cast<double>(fall);
    fall_improved += static_cast<double>(fall + more);
    fall_wide += static_cast<double>(wide.encode(rows.row(w).data(), codes));
  }
  CHECK(fall_improved >= fall_narrow);
  CHECK(fall_wide > fall_narrow);
}

TEST_CASE("a least-squares refit never raises the weighted error", "[induce]") {
  see::detail::InducedPlan plan = small_plan(12);
  plan.scale_bits = 2;
  see::detail::TermGrid grid{random_table(1500, 12)};
  if (GENERATE(false, true)) grid.weights = random_weights(1500);
  see::Random random(2);
  see::detail::TermModel model = see::detail::first_model(grid.rows, plan, random);
  see::detail::TermCodes codes(
      std::vector<std::uint16_t>(1500, static_cast<std::uint16_t>(plan.terms)));
  const auto run = see::serial();
  see::detail::encode_rows(grid.rows, 0, 1500, model, {2, 8, 1}, codes, run);
  double before = see::detail::squared_error(grid, model, codes, run);
  const auto falls = [&](auto&& step) {
    step();
    const double after = see::detail::squared_error(grid, model, codes, run);
    CHECK(after <= before * (1 + 1e-5));
    before = after;
  };
  const double first = before;
  for (int round = 0; round < 3; ++round) {
    falls([&] { see::detail::refit_units(grid, codes, see::detail::Slot::first, model, run); });
    falls([&] { see::detail::refit_units(grid, codes, see::detail::Slot::second, model, run); });
    falls([&] { see::detail::refit_gains(grid, codes, model, run); });
    falls([&] { see::detail::refit_scales(grid, codes, model, run); });
    falls([&] { see::detail::sort_scales(model, codes); });
    falls([&] { see::detail::encode_rows(grid.rows, 0, 1500, model, {0, 8, 1}, codes, run); });
  }
  CHECK(before < 0.9 * first);
}

TEST_CASE("a weight counts a row as often", "[induce]") {
  const RowMatrix<float> once = random_table(300, 6);  // of which a hundred count three times
  RowMatrix<float> all(500, 6);
  all << once, once.topRows(100), once.topRows(100);
  std::vector<float> weights(300, 1);
  std::fill_n(weights.begin(), 100, 3.0F);
  const see::detail::Moments weighted = see::detail::moments(once, true, see::serial(), weights);
  const see::detail::Moments repeated = see::detail::moments(all, true, see::serial());
  CHECK(weighted.mean.isApprox(repeated.mean, 1e-6));
  CHECK(weighted.covariance.isApprox(repeated.covariance, 1e-4));
  CHECK(weighted.energy == Approx(repeated.energy));

  const auto plan = small_plan(6);
  see::Random random(2);
  const see::detail::TermGrid some{once, weights}, more{all};
  see::detail::TermModel one = see::detail::first_model(once, plan, random), other = one;
  see::detail::TermCodes codes(std::vector<std::uint16_t>(300, 3)),
      copies(std::vector<std::uint16_t>(500, 3));
  see::detail::encode_rows(once, 0, 300, one, {2, 8, 0}, codes, see::serial());
  see::detail::encode_rows(all, 0, 500, one, {2, 8, 0}, copies, see::serial());
  CHECK(see::detail::squared_error(some, one, codes, see::serial()) ==
        Approx(see::detail::squared_error(more, one, copies, see::serial())));
  see::detail::refit(some, codes, one, see::serial());
  see::detail::refit(more, copies, other, see::serial());
  CHECK(see::detail::squared_error(some, one, codes, see::serial()) ==
        Approx(see::detail::squared_error(more, other, copies, see::serial())).epsilon(1e-3));
}

TEST_CASE("rows of more weighted energy get no fewer terms, to the same total", "[induce]") {
  see::detail::TermGrid grid{random_table(400, 12), random_weights(400)};
  see::detail::InducedPlan plan = small_plan(12);
  plan.terms = 7;
  plan.senses = 1200;
  const auto terms = see::detail::terms_for(grid, plan, 400);
  const auto counts = [&](std::size_t w) {
    return grid.weights[w] * grid.rows.row(static_cast<Index>(w)).squaredNorm();
  };
  std::size_t total = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    total += terms[i];
    for (std::size_t j = 0; j < 400; ++j)
      if (counts(i) > counts(j) && terms[i] < terms[j]) FAIL("a row that counts more has fewer");
  }
  CHECK((total <= 1200 && total > 1100));
  CHECK(*std::ranges::max_element(terms) > *std::ranges::min_element(terms));
}

TEST_CASE("an induced code decodes to the error it reports, in half precision", "[induce]") {
  const RowMatrix<float> table = random_table(300, 12);
  for (const bool basis : {false, true})
    for (const int scale_bits : {0, 3}) {
      see::detail::InducedPlan plan = small_plan(12);
      plan.basis = plan.mean = basis;
      plan.scale_bits = scale_bits;
      const see::detail::InducedCode code = see::detail::induce(table, plan, quick());
      const RowMatrix<float> rows = see::detail::decode(code);
      REQUIRE((rows.rows() == 300 && rows.cols() == 12));
      CHECK(code.relative_error ==
            Approx((rows - table).squaredNorm() / table.squaredNorm()).epsilon(1e-4));
      CHECK(code.relative_error < 0.5);
      CHECK(see::detail::decode(code, 7, 2).isApprox(rows.middleRows(7, 2)));
      CHECK((is_half(code.codebook_a) && is_half(code.codebook_b)));
      CHECK(code.index.size() == 300 * 3 * 2);
      for (std::size_t i = 0; i < code.index.size(); ++i)
        if (code.index[i] >= (i % 2 == 0 ? 8 : 16)) FAIL("a unit out of range");
      CHECK(code.scale_table.size() == (scale_bits == 0 ? 0U : 8U));
      for (const auto scale : code.scale_index)
        if (scale >= 8) FAIL("a scale out of range");
      CHECK_THROWS_AS(see::detail::decode(code, 299, 2), see::Error);
    }
}

TEST_CASE("a planted sum of products is recovered", "[induce][long]") {
  const double noise = 0.1;
  const RowMatrix<float> table = planted_table(3000, 4, 5, 8, noise);
  see::detail::InducedPlan plan = small_plan(20);
  plan.units1 = plan.units2 = 16;
  plan.terms = 2;
  see::detail::InducedOptions options = quick();
  options.iterations = 25;
  options.training_beam = options.beam = 8;
  const see::detail::InducedCode code = see::detail::induce(table, plan, options);
  CHECK(code.relative_error < 0.05);
}

TEST_CASE("an induced code is the same for any number of threads", "[induce]") {
  const RowMatrix<float> table = random_table(1500, 10);
  see::detail::InducedPlan plan = small_plan(10);
  plan.basis = plan.mean = true;
  plan.scale_bits = 2;
  see::detail::InducedOptions options = quick();
  options.sample_rows = 700;
  const see::detail::InducedCode serial = see::detail::induce(table, plan, options);
  for (const unsigned count : {2U, 3U}) {
    options.run = see::threads(count);
    CHECK(same_code(see::detail::induce(table, plan, options), serial));
    CHECK(see::detail::plan_induced(table.topRows(200), 500, options.run) ==
          see::detail::plan_induced(table.topRows(200), 500, see::serial()));
  }
}

TEST_CASE("a cancelled induction throws", "[induce]") {
  const RowMatrix<float> table = random_table(300, 12);
  for (const int calls : {1, 5}) {
    int left = calls;
    see::detail::InducedOptions options = quick();
    options.progress = [&](const see::Progress& progress) {
      CHECK((progress.fraction >= 0 && progress.fraction <= 1));
      return --left > 0;
    };
    CHECK_THROWS_AS(see::detail::induce(table, small_plan(12), options), see::Cancelled);
  }
}

TEST_CASE("plans keep to their budget and more bytes serve", "[induce]") {
  const RowMatrix<float> table = random_table(600, 12);
  const std::size_t least = see::detail::smallest_induced_payload(600, 12);
  double before = 1.05;
  for (const std::size_t budget : {least, std::size_t{100}, std::size_t{700}, std::size_t{1500},
                                   std::size_t{3000}, std::size_t{6000}}) {
    const see::detail::InducedPlan plan = see::detail::plan_induced(table, budget, see::serial());
    CHECK_NOTHROW(see::detail::validate(plan));
    CHECK(see::detail::payload_bytes(plan, 600) <= budget);
    const double error = see::detail::induce(table, plan, quick()).relative_error;
    CHECK(error < before + 0.02);
    before = error;
  }
  CHECK(before < 0.15);
  try {
    see::detail::plan_induced(table, least - 1, see::serial());
    FAIL("an impossible budget was met");
  } catch (const see::Error& error) {
    CHECK(std::string(error.what()).find("at least " + std::to_string(least)) != std::string::npos);
  }
}

TEST_CASE("a small wide table does without axes", "[induce]") {
  const RowMatrix<float> table = random_table(150, 60);
  CHECK_FALSE(see::detail::plan_induced(table, 150 * 10, see::serial()).basis);
}

TEST_CASE("odd tables induce without NaN", "[induce]") {
  const auto check = [](const RowMatrix<float>& table, double most) {
    const Index n = table.rows(), d = table.cols();
    for (const std::size_t budget : {see::detail::smallest_induced_payload(n, d),
                                     see::detail::smallest_induced_payload(n, d) + 200}) {
      const see::detail::InducedPlan plan = see::detail::plan_induced(table, budget, see::serial());
      CHECK(see::detail::payload_bytes(plan, n) <= budget);
      const see::detail::InducedCode code = see::detail::induce(table, plan, quick());
      CHECK(see::detail::decode(code).allFinite());
      CHECK(code.relative_error <= most);
    }
    for (const int scale_bits : {0, 2}) {
      see::detail::InducedPlan plan = small_plan(d);
      plan.scale_bits = scale_bits;
      plan.mean = plan.basis = scale_bits > 0 && table.cwiseAbs().maxCoeff() < 1e4F;
      const see::detail::InducedCode code = see::detail::induce(table, plan, quick());
      CHECK(see::detail::decode(code).allFinite());
      CHECK(code.relative_error <= most);
    }
  };
  for (const Index rows : {1, 2, 5})
    for (const Index dim : {1, 2, 7}) check(random_table(rows, dim), 1.01);
  check(random_table(40, 1), 1.01);
  check(RowMatrix<float>::Constant(30, 7, 3.0F), 0.05);
  check(RowMatrix<float>::Zero(30, 7), 0.0);
  RowMatrix<float> half_zero = random_table(60, 7);
  half_zero.topRows(30).setZero();
  check(half_zero, 1.01);
  check(1e-12F * random_table(30, 6), 1.01);
  check(1e12F * random_table(30, 6), 1.01);
}

TEST_CASE("inducing validates its table", "[induce]") {
  RowMatrix<float> table = random_table(10, 12);
  CHECK_THROWS_AS(see::detail::induce(table.topRows(0), small_plan(12), quick()), see::Error);
  CHECK_THROWS_AS(see::detail::induce(table, small_plan(10), quick()), see::Error);
  for (const std::vector<float>& weights :
       {std::vector<float>(9, 1.0F), std::vector<float>(10, 0.0F)}) {
    see::detail::InducedOptions options = quick();
    options.weights = weights;
    CHECK_THROWS_AS(see::detail::induce(table, small_plan(12), options), see::Error);
    CHECK_THROWS_AS(see::detail::plan_induced(table, 10000, see::serial(), weights), see::Error);
  }
  table(3, 4) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(see::detail::induce(table, small_plan(12), quick()), see::Error);
  CHECK_THROWS_AS(see::detail::plan_induced(table, 10000, see::serial()), see::Error);
}
