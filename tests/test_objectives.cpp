#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/compress/compress.hpp"
#include "see/compress/frequency.hpp"
#include "see/compress/trellis/add_codes.hpp"
#include "see/compress/truncate.hpp"
#include "see/core/row_source.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "temp_dir.hpp"

using see::Index;
using see::RowMatrix;
using see::Table;

namespace {

/// Rows whose deviation falls with the column, in ten clusters.
Table sloping(Index rows, Index dim) {
  see::Random random(11);
  std::vector<float> values, centres(static_cast<std::size_t>(10 * dim));
  for (float& centre : centres) centre = static_cast<float>(random.normal());
  std::vector<std::string> words;
  for (Index w = 0; w < rows; ++w) {
    words.push_back("w" + std::to_string(w));
    for (Index k = 0; k < dim; ++k)
      values.push_back(static_cast<float>(
          (double{centres[static_cast<std::size_t>(w % 10 * dim + k)]} + 0.5 * random.normal()) /
          std::sqrt(1.0 + 0.2 * double(k))));
  }
  return {see::Vocabulary::from(words), see::Array<float>(std::move(values)), rows, dim};
}

/// sum over rows [first, last) of (x - y)' metric (x - y).
double error_in(const RowMatrix<float>& metric, const Table& table, const see::Model<float>& model,
                Index first, Index last) {
  const RowMatrix<float> lost = (table.matrix() - model.embedding.to_dense()).eval();
  const RowMatrix<float> some = lost.middleRows(first, last - first);
  return double((some * metric).cwiseProduct(some).sum());
}

std::uint64_t file_bytes(const see::Model<float>& model) { return see::model_bytes(model).total; }

}  // namespace

TEST_CASE("Rows of more weight keep more", "[compress][long]") {
  const Table table = sloping(600, 16);
  const RowMatrix<float> plain = RowMatrix<float>::Identity(16, 16);
  const std::string method = GENERATE("trellis", "induced", "auto");
  see::CompressOptions options{.ratio = 8, .method = method};
  const auto equal = see::compress(table, options);
  options.weights.assign(600, 0.3F);
  const auto alike = see::compress(table, options);
  CHECK(alike.embedding.to_dense() == equal.embedding.to_dense());
  for (std::size_t w = 0; w < 200; ++w) options.weights[w] = 20;
  const auto heavy = see::compress(table, options);
  CHECK(error_in(plain, table, heavy, 0, 200) < 0.7 * error_in(plain, table, equal, 0, 200));
  CHECK(error_in(plain, table, heavy, 200, 600) > error_in(plain, table, equal, 200, 600));
  CHECK(4.0 * 600 * 16 / double(file_bytes(heavy)) >= 8);
  if (method != "induced") return;
  const see::Lexicon& lexicon = heavy.embedding.lexicon();
  double first = 0, rest = 0;
  for (Index w = 0; w < 600; ++w) (w < 200 ? first : rest) += double(lexicon.rank(w));
  CHECK(first / 200 > rest / 400 + 1);
}

TEST_CASE("Frequency weights fall slowly", "[compress]") {
  const std::vector<float> weights = see::zipf_weights(100000);
  REQUIRE(weights.size() == 100000);
  CHECK(std::is_sorted(weights.rbegin(), weights.rend()));
  CHECK(weights[0] / weights[1500] == Approx(2));
  CHECK(see::zipf_weights(0).empty());
}

TEST_CASE("What a layer does not see may be lost", "[compress][long]") {
  const Table table = sloping(1200, 12);
  see::Random random(3);
  RowMatrix<float> seen(12, 3);
  for (float& value : seen.reshaped()) value = static_cast<float>(random.normal());
  const RowMatrix<float> metric =
      seen * seen.transpose() + 0.01F * RowMatrix<float>::Identity(12, 12);
  see::CompressOptions options{.ratio = 8, .method = "trellis"};
  const auto plain = see::compress(table, options);
  options.activation = metric;
  const auto aware = see::compress(table, options);
  CHECK(error_in(metric, table, aware, 0, 1200) < 0.6 * error_in(metric, table, plain, 0, 1200));
  CHECK(4.0 * 1200 * 12 / double(file_bytes(aware)) >= 8);
  options.activation = 7 * metric;
  CHECK(error_in(metric, table, see::compress(table, options), 0, 1200) ==
        Approx(error_in(metric, table, aware, 0, 1200)).epsilon(0.01));
}

TEST_CASE("A residual adds to terms what they leave", "[compress]") {
  const Table table = sloping(500, 16);
  const auto terms = see::compress(table, {.ratio = 10, .method = "induced"});
  const std::uint64_t budget = file_bytes(terms) + 3000;
  see::Model<float> model = terms;
  see::detail::add_codes(model, table, budget);
  const see::EmbeddingParts<float> both = model.embedding.parts();
  CHECK(file_bytes(model) <= budget);
  CHECK(file_bytes(model) > budget - 100);
  const RowMatrix<float> plain = RowMatrix<float>::Identity(16, 16);
  CHECK(error_in(plain, table, model, 0, 500) < 0.7 * error_in(plain, table, terms, 0, 500));

  see::Model<float> alone = terms;
  const RowMatrix<float> of_terms = alone.embedding.to_dense();
  RowMatrix<float> of_residual(500, both.shape.width());
  for (Index w = 0; w < 500; ++w) both.codes->write_rows({&w, 1}, of_residual.row(w));
  if (both.basis.has_axes())
    of_residual = of_residual * Eigen::Map<const RowMatrix<float>>(both.basis.axes.data(),
                                                                   of_residual.cols(), 16);
  CHECK((model.embedding.to_dense() - of_terms - of_residual).cwiseAbs().maxCoeff() < 1e-5F);

  CHECK(says<see::Error>("needed at least", [&] { see::detail::add_codes(alone, table, 100); }));
  CHECK_THROWS_AS(see::detail::add_codes(alone, table.first(100), budget), see::Error);
}

TEST_CASE("A smaller model comes from a larger one", "[compress][long]") {
  const Table table = sloping(1500, 16);
  const RowMatrix<float> plain = RowMatrix<float>::Identity(16, 16);
  const auto large = see::compress(table, {.ratio = 3, .method = "trellis"});
  for (const double ratio : {8.0, 12.0}) {
    const auto direct = see::compress(table, {.ratio = ratio, .method = "trellis"});
    const auto small = see::truncate(large, {.ratio = ratio});
    CHECK(4.0 * 1500 * 16 / double(file_bytes(small)) >= ratio);
    // By how many classes of rows the search finds, errors of so few rows scatter by a third.
    CHECK(error_in(plain, table, small, 0, 1500) <
          1.5 * (error_in(plain, table, direct, 0, 1500) + error_in(plain, table, large, 0, 1500)));
    CHECK(small.words[7] == "w7");
    CHECK(small.fit.count("relative_error") == 0);
    CHECK(std::stod(small.fit.at("lost")) > 0);
  }
  CHECK_THROWS_AS(see::truncate(large, {}), see::Error);
  CHECK(says<see::Error>("needed fewer", [&] { see::truncate(large, {.ratio = 2}); }));
}

TEST_CASE("An interrupted compression goes on from its checkpoint", "[compress]") {
  const Table table = sloping(20000, 8);
  const TempDir dir;
  const auto file = dir / "checkpoint";
  see::CompressOptions options{.ratio = 6, .method = "trellis", .run = see::serial()};
  const RowMatrix<float> whole = see::compress(table, options).embedding.to_dense();
  options.checkpoint = file;
  options.progress = [](const see::Progress& progress) { return progress.fraction < 0.5; };
  CHECK(says<see::Error>("cancelled", [&] { see::compress(table, options); }));
  REQUIRE(std::filesystem::exists(file));

  double first = 1;
  options.progress = [&](const see::Progress& progress) {
    if (progress.stage == "coding") first = std::min(first, progress.fraction);
    return true;
  };
  CHECK(see::compress(table, options).embedding.to_dense() == whole);
  CHECK(first > 0.5);

  CHECK(says<see::FileError>("another table", [&] { see::compress(table.first(19999), options); }));
  options.ratio = 7;
  CHECK(says<see::FileError>("another table", [&] { see::compress(table, options); }));
  options.ratio = 6;
  std::string bytes = read_file(file);
  bytes[bytes.size() / 2] ^= 1;
  write_file(file, bytes);
  CHECK_THROWS_AS(see::compress(table, options), see::FileError);
  write_file(file, "not a checkpoint");
  CHECK_THROWS_AS(see::compress(table, options), see::FileError);
}

TEST_CASE("An interrupted induction goes on from its checkpoint", "[compress]") {
  const Table table = sloping(2500, 8);
  const TempDir dir;
  const auto file = dir / "checkpoint";
  see::CompressOptions options{.ratio = 8, .method = "induced", .run = see::serial()};
  if (GENERATE(false, true)) {
    options.weights.assign(2500, 1);
    for (std::size_t w = 0; w < 500; ++w) options.weights[w] = 30;
  }
  const auto whole = see::compress(table, options);
  options.checkpoint = file;
  const auto stop_at = [&](double fraction) {
    options.progress = [fraction](const see::Progress& progress) {
      return progress.fraction < fraction;
    };
    CHECK(says<see::Error>("cancelled", [&] { see::compress(table, options); }));
    REQUIRE(std::filesystem::exists(file));
  };
  stop_at(0.05);  // while it learns
  stop_at(0.5);   // while it codes
  double first = 1;
  options.progress = [&](const see::Progress& progress) {
    if (progress.stage != "planning") first = std::min(first, progress.fraction);
    return true;
  };
  options.run = see::threads(2);
  const auto resumed = see::compress(table, options);
  CHECK(first > 0.6);
  CHECK(resumed.embedding.to_dense() == whole.embedding.to_dense());
  CHECK(resumed.fit == whole.fit);

  const auto another = [&](const Table& rows) {
    return says<see::FileError>("another table", [&] { see::compress(rows, options); });
  };
  std::vector<float> values(table.values().begin(), table.values().end());
  values[77] += 1;
  CHECK(another(Table(table.words(), see::Array<float>(std::move(values)), 2500, 8)));
  options.seed = 2;
  CHECK(another(table));
  options.seed = 1;
  options.ratio = 7;
  CHECK(another(table));
  options.ratio = 8;
  options.direction = 0.5;
  CHECK(another(table));
  options.direction = 0;
  options.method = "trellis";
  CHECK(another(table));
  options.method = "induced";
  write_file(file, "not a checkpoint");
  CHECK_THROWS_AS(see::compress(table, options), see::FileError);
}

TEST_CASE("Objectives that make no sense are refused", "[compress]") {
  const Table table = sloping(200, 8);
  see::CompressOptions options{.ratio = 4, .method = "trellis"};
  for (const std::vector<float>& weights :
       {std::vector<float>(199, 1.0F), std::vector<float>(200, 0.0F)}) {
    options.weights = weights;
    CHECK_THROWS_AS(see::compress(table, options), see::Error);
  }
  options.weights = {};
  for (const RowMatrix<float>& activation :
       {RowMatrix<float>(RowMatrix<float>::Identity(7, 7)),
        RowMatrix<float>(-RowMatrix<float>::Identity(8, 8)),
        RowMatrix<float>(RowMatrix<float>::Zero(8, 8)),
        RowMatrix<float>(RowMatrix<float>::Constant(8, 8, std::nanf("")))}) {
    options.activation = activation;
    CHECK_THROWS_AS(see::compress(table, options), see::Error);
  }
  options.activation = RowMatrix<float>::Identity(8, 8);
  options.method = "induced";
  CHECK(says<see::Error>("an activation covariance for method induced",
                         [&] { see::compress(table, options); }));
}
