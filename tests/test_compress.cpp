#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/compress/compress.hpp"
#include "see/compress/methods.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/core/random.hpp"
#include "see/core/row_source.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/nn/layer.hpp"
#include "temp_dir.hpp"

using see::Index;
using see::Table;

namespace {

/// Words in ten clusters around random centres, so that there is something to learn.
Table clustered(Index rows, Index dim) {
  see::Random random(5);
  std::vector<float> values, centres(static_cast<std::size_t>(10 * dim));
  for (float& centre : centres) centre = static_cast<float>(random.normal());
  std::vector<std::string> words;
  for (Index w = 0; w < rows; ++w) {
    words.push_back("w" + std::to_string(w));
    for (Index k = 0; k < dim; ++k)
      values.push_back(centres[static_cast<std::size_t>(w % 10 * dim + k)] +
                       0.3F * static_cast<float>(random.normal()));
  }
  return {see::Vocabulary::from(words), see::Array<float>(std::move(values)), rows, dim};
}

}  // namespace

TEST_CASE("a compressed model keeps to its bytes and its own report", "[compress][long]") {
  const Table table = clustered(200, 20);
  TempDir dir;
  for (const std::string method : {"auto", "induced", "trellis"})
    for (const double ratio : {3.0, 6.0}) {
      INFO(method << ", ratio " << ratio);
      const auto model = see::compress(table, {.ratio = ratio, .method = method});
      const auto path = dir / "m";
      see::save_model(path, model);
      const auto file = see::SafetensorsFile::open(path);
      const auto bytes = see::model_bytes(file);
      CHECK(4.0 * 200 * 20 / double(bytes.total) >= ratio);
      const auto back = see::load_model(file);
      const auto fidelity = see::fidelity(see::TableRows(table), back.embedding, see::serial());
      CHECK(std::stod(back.fit.at("relative_error")) ==
            Approx(fidelity.relative_error).margin(2e-6));
      CHECK(std::stod(back.fit.at("mean_cosine")) == Approx(fidelity.mean_cosine).margin(2e-6));
      CHECK((method == "auto" || back.fit.at("method") == method));
      CHECK(fidelity.relative_error < 1);
      CHECK(back.words[199] == "w199");
    }
}

TEST_CASE("what fits one size is named where another cannot be reached", "[compress]") {
  const Table table = clustered(50, 8);
  const std::string message = message_of<see::Error>([&] { see::compress(table, {.bytes = 10}); });
  const std::string before = "the smallest takes ";
  REQUIRE(message.find(before) != message.npos);
  const auto least = std::stoull(message.substr(message.find(before) + before.size()));
  CHECK_THROWS_AS(see::compress(table, {.bytes = least - 1}), see::Error);
  const auto model = see::compress(table, {.bytes = least});
  CHECK(see::model_bytes(model).total <= least);
}

TEST_CASE("words of more energy get more terms where rows differ", "[compress][long]") {
  const Table equal = clustered(600, 16);
  std::vector<float> values(equal.values().begin(), equal.values().end());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= (i / 16) % 3 == 0 ? 4.0F : 0.5F;
  const Table table(equal.words(), see::Array<float>(std::move(values)), 600, 16);
  const auto model = see::compress(table, {.ratio = 5, .method = "induced"});
  const see::Lexicon& lexicon = model.embedding.lexicon();
  REQUIRE_FALSE(lexicon.is_uniform());
  double large = 0, small = 0;
  for (Index w = 0; w < 600; ++w)
    (w % 3 == 0 ? large : small) += double(lexicon.rank(w)) / (w % 3 == 0 ? 200 : 400);
  CHECK(large > small + 1);
  CHECK(4.0 * 600 * 16 / double(see::model_bytes(model).total) >= 5);
}

TEST_CASE("auto is the better of the methods where both are poor", "[compress][long]") {
  const Table table = clustered(2000, 16);
  const auto error = [&](const std::string& method) {
    const auto model = see::compress(table, {.ratio = 30, .method = method});
    return std::stod(model.fit.at("relative_error"));
  };
  const double terms = error("induced"), residual = error("trellis");
  CHECK(error("auto") <= std::min(residual, std::max(terms, 0.5)) + 1e-6);
}

TEST_CASE("terms stand before the residual where rows are made of them", "[compress][long]") {
  // Two products of 40 units a slot, and a hundredth as much energy in noise.
  constexpr Index rows = 1500, dim = 36;
  see::Random random(5);
  std::vector<Index> units;
  for (Index i = 0; i < rows * 2 * 2; ++i) units.push_back(Index(random.below(40)));
  const std::vector<Index> ranks(rows, 2);
  const see::EntangledEmbedding<float> made(see::make_parts<float>(
      see::Shape({6, 6}), see::Lexicon(see::SlotTable::per_slot({40, 40}), ranks, units), 1, {}));
  see::RowMatrix<float> values = made.to_dense();
  const float noise = 0.1F * std::sqrt(values.squaredNorm() / float(values.size()));
  for (Index i = 0; i < values.size(); ++i)
    values.data()[i] += noise * static_cast<float>(random.normal());
  const see::Table table({}, std::vector<float>(values.data(), values.data() + values.size()), rows,
                         dim);
  const auto both = see::compress(table, {.ratio = 12});
  const auto alone = see::compress(table, {.ratio = 12, .method = "trellis"});
  CHECK(both.fit.at("method") == "mixed");
  CHECK(both.embedding.parts().lexicon.senses() > 0);
  CHECK(both.embedding.parts().codes);
  CHECK(std::stod(both.fit.at("relative_error")) < 0.7 * std::stod(alone.fit.at("relative_error")));
  CHECK(see::model_bytes(both).total <= rows * dim * 4 / 12);
}

TEST_CASE("the trellis coder keeps directions of short rows where asked to", "[compress][long]") {
  const Table equal = clustered(1500, 16);
  std::vector<float> values(equal.values().begin(), equal.values().end());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= (i / 16) % 3 == 0 ? 3.0F : 0.3F;
  const Table table({}, see::Array<float>(std::move(values)), 1500, 16);
  const auto at = [&](double direction) {
    const auto fit =
        see::compress(table, {.ratio = 14, .method = "trellis", .direction = direction}).fit;
    return std::pair(std::stod(fit.at("relative_error")), std::stod(fit.at("mean_cosine")));
  };
  CHECK(at(0).first < at(1).first);
  CHECK(at(0).second < at(1).second);
}

TEST_CASE("the unit of a table does not matter", "[compress]") {
  const Table table = clustered(200, 8);
  const std::string method = GENERATE("trellis", "induced");
  const auto error_at = [&](float factor) {
    std::vector<float> values(table.values().begin(), table.values().end());
    for (float& value : values) value *= factor;
    const Table scaled({}, see::Array<float>(std::move(values)), 200, 8);
    return std::stod(
        see::compress(scaled, {.ratio = 3, .method = method}).fit.at("relative_error"));
  };
  CHECK(error_at(1e12F) == Approx(error_at(1)).epsilon(0.2));
  CHECK(error_at(1e-12F) == Approx(error_at(1)).epsilon(0.2));
  if (method == "induced") CHECK_THROWS_AS(error_at(1e20F), see::Error);
}

TEST_CASE("a table of any magnitude is compressed as well, or refused", "[compress][long]") {
  const Table table = clustered(120, 8);
  const auto scaled = [&](double scale) {
    std::vector<float> values;
    for (const float value : table.values())
      values.push_back(static_cast<float>(double(value) * scale));
    return Table(table.words(), see::Array<float>(std::move(values)), table.rows(), table.dim());
  };
  for (const see::Method& method : see::compress_methods()) {
    if (method.knowledge) continue;
    see::CompressOptions options{.bytes = 3500, .method = std::string(method.name)};
    options.run = see::serial();
    const auto error = [&](const Table& of) {
      return see::fidelity(see::TableRows(of), see::compress(of, options).embedding).relative_error;
    };
    const double as_it_is = error(table);
    for (const double scale : {1e-36, 1e-19, 1e-15, 1e-8, 1e8, 1e14, 1e16, 1e37}) {
      INFO(method.name << " at " << scale);
      const Table other = scaled(scale);
      const double largest = double(other.matrix().cwiseAbs().maxCoeff());
      if (largest < method.least || largest > method.most)
        CHECK(says<see::Error>("scale the table", [&] { see::compress(other, options); }));
      else
        CHECK(error(other) < 2 * as_it_is + 1e-4);
    }
  }
  // One number that others are lost beside.
  std::vector<float> values(table.values().begin(), table.values().end());
  values[8 * 7 + 3] = -2e19F;
  const Table odd(table.words(), see::Array<float>(values), table.rows(), table.dim());
  CHECK(says<see::Error>("largest number is -2e+19 (row 7, column 3)",
                         [&] { see::compress(odd, {.bytes = 3500}); }));
}

TEST_CASE("a model that is no better than zeros is refused", "[compress]") {
  const Table table = clustered(4, 2);
  const see::detail::FitRequest request{table, {}, "pq", 900, {}, see::detail::ProgressReport({})};
  CHECK_NOTHROW(see::detail::require_better_than_zeros(0.999, request));
  for (const double error : {1.0, 7.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(says<see::Error>("a model of 900 bytes by method pq that errs as zeros would",
                           [&] { see::detail::require_better_than_zeros(error, request); }));
}

TEST_CASE("equal seeds give equal models, whatever the threads", "[compress]") {
  const Table table = clustered(300, 12);
  const std::string method = GENERATE("trellis", "induced");
  const auto one = see::compress(table, {.ratio = 6, .method = method, .run = see::serial()});
  const auto two = see::compress(table, {.ratio = 6, .method = method, .run = see::threads(3)});
  CHECK(one.embedding.to_dense() == two.embedding.to_dense());
}

TEST_CASE("a cancelled compression throws, whatever the method", "[compress]") {
  for (const see::Method& method : see::compress_methods()) {
    if (method.knowledge) continue;
    see::CompressOptions options;
    options.ratio = method.any_size ? 6 : 1.5;
    options.method = method.name;
    double before = 0;
    options.progress = [&](const see::Progress& progress) {
      CHECK((progress.fraction >= before && progress.fraction <= 1));
      before = progress.fraction;
      return method.name == "auto" || progress.fraction < 1;
    };
    if (method.name == "auto") continue;  // which tries several in turn
    CHECK_THROWS_AS(see::compress(clustered(300, 12), options), see::Cancelled);
    CHECK(before == 1);
  }
}

TEST_CASE("budgets are used, and never exceeded", "[compress][long]") {
  const std::vector<double> ratios{2, 4, 10, 20, 40, 80};
  for (const auto& [rows, dim] : {std::pair<Index, Index>{1000, 16}, {500, 32}, {300, 48}}) {
    const Table table = clustered(rows, dim);
    for (const see::Method& method : see::compress_methods()) {
      if (method.knowledge || !method.any_size || method.name == "auto") continue;
      const bool is_slow = method.name == "induced";
      for (const double ratio : is_slow ? std::vector<double>{10, 80} : ratios) {
        const auto budget = static_cast<std::uint64_t>(4 * double(rows * dim) / ratio);
        INFO(method.name << ", " << rows << " x " << dim << ", ratio " << ratio);
        std::optional<see::Model<>> model;
        try {
          model = see::compress(table, {.ratio = ratio, .method = std::string(method.name)});
        } catch (const see::Error& error) {
          CHECK(std::string(error.what()).find("the smallest") != std::string::npos);
          CHECK(ratio >= 40);
          continue;
        }
        const std::uint64_t bytes = see::model_bytes(*model).total;
        CHECK(bytes <= budget);
        // A code takes at most 8 bits a number. Other methods are of whole ranks, terms or groups.
        if (method.name == "trellis" && ratio >= 4) CHECK(double(bytes) >= 0.99 * double(budget));
        TempDir dir;
        see::save_model(dir / "m", *model);
        const auto file = see::SafetensorsFile::open(dir / "m");
        CHECK(see::model_bytes(file).total == bytes);
        see::save_model(dir / "again", see::load_model(file));
        CHECK(read_file(dir / "again") == read_file(dir / "m"));
      }
    }
  }
}

TEST_CASE("words are looked up by name", "[compress]") {
  const Table table = clustered(40, 8);
  const auto model = see::compress(table, {.ratio = 1.2, .method = "svd"});
  CHECK(model.vector("w7") == model.embedding(7));
  const std::vector<std::string> some{"w3", "w39"};
  CHECK(model.vectors(some) == model.embedding.forward(std::vector<Index>{3, 39}));
  CHECK(says<see::Error>("no word \"quokka\"", [&] { model.vector("quokka"); }));
}

TEST_CASE("codes alone have nothing to train", "[compress]") {
  auto model = see::compress(clustered(300, 12), {.ratio = 6, .method = "trellis"});
  CHECK_FALSE(model.embedding.parts().has_terms());
  CHECK(model.embedding.parameters().empty());
  see::Gradient<float> gradient(model.embedding);
  const std::vector<int> ids{1, 2};
  CHECK(says<see::Error>("no parameters", [&] {
    model.embedding.backward(ids, see::RowMatrix<float>::Ones(2, 12), gradient);
  }));
}

TEST_CASE("a layer starts from a dense table, and trains on", "[compress]") {
  const Table table = clustered(300, 12);
  auto layer = see::from_pretrained(table, {.ratio = 6});
  CHECK(layer.num_embeddings() == 300);
  CHECK(layer.parameters().size() == 3);
  const see::Lexicon lexicon = [] {
    see::LexiconBuilder builder(see::SlotTable::shared(2, 30));
    for (Index w = 0; w < 300; ++w)
      builder.word().sense({w % 10, 10 + w % 20}).sense({w % 7, w % 11});
    return builder.finish();
  }();
  const auto fitted = see::from_pretrained(table, see::Shape::cube(12, 2), lexicon, 2);
  const auto fresh = see::make_see(see::Shape::cube(12, 2), lexicon, 2);
  const auto error = [&](const auto& e) { return (e.to_dense() - table.matrix()).squaredNorm(); };
  CHECK(error(fitted) < 0.5F * error(fresh));
  CHECK(error(fitted) < table.matrix().squaredNorm());
}

TEST_CASE("compressions that make no sense are refused", "[compress]") {
  const Table table = clustered(40, 8);
  CHECK_THROWS_AS(see::compress(table, {}), see::Error);
  CHECK_THROWS_AS(see::compress(table, {.ratio = 4, .bytes = 4000}), see::Error);
  CHECK_THROWS_AS(see::compress(table, {.ratio = 0}), see::Error);
  CHECK_THROWS_AS(see::compress(table, {.ratio = -1}), see::Error);
  CHECK_THROWS_AS(see::compress(table, {.ratio = std::nan("")}), see::Error);
  CHECK_THROWS_AS(see::compress(table, {.ratio = 2, .method = "magic"}), see::Error);
  CHECK_THROWS_AS(see::compress(Table(), {.ratio = 2}), see::Error);
  CHECK_THROWS_AS(see::compress(table, {.ratio = 2, .direction = 2}), see::Error);
  CHECK(says<see::Error>("the smallest takes",
                         [&] { see::compress(table, {.bytes = 900, .method = "trellis"}); }));
  Table bad(see::Vocabulary(), {1, std::numeric_limits<float>::infinity()}, 1, 2);
  CHECK_THROWS_AS(see::compress(bad, {.bytes = 100000}), see::Error);
}
