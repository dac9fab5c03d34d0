#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/compress/truncate.hpp"
#include "see/core/random.hpp"
#include "see/core/row_source.hpp"
#include "see/eval/cosine.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/knowledge/compose.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/knowledge/morphemes.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

constexpr Index heads = 20, tails = 20, dim = 16;

/// Cuts words after their second letter.
struct CutInHalf {
  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    morphs.clear();
    for (const auto part : {word.substr(0, 2), word.substr(2)})
      morphs.push_back({part, std::string(part)});
  }
};

std::string letter(Index i) { return std::string(1, static_cast<char>('a' + i)); }

/// Words of a head and a tail, whose rows are a vector of the head, one of the tail, and noise;
/// every seventh word is left out.
struct Toy {
  std::vector<std::string> names, unseen;
  Table table;
  RowMatrix<float> unseen_rows;

  Toy() {
    Random random(3);
    const auto draw = [&](Index rows) {
      RowMatrix<float> values(rows, dim);
      for (Index i = 0; i < values.size(); ++i)
        values.data()[i] = static_cast<float>(random.normal());
      return values;
    };
    const RowMatrix<float> head = draw(heads), tail = draw(tails);
    std::vector<float> values;
    std::vector<Eigen::RowVectorXf> others;
    for (Index h = 0; h < heads; ++h)
      for (Index t = 0; t < tails; ++t) {
        const std::string name = "h" + letter(h) + "t" + letter(t);
        const Eigen::RowVectorXf row = head.row(h) + 0.8F * tail.row(t) + 0.3F * draw(1).row(0) +
                                       Eigen::RowVectorXf::Constant(dim, 0.5F);
        if ((h * tails + t) % 7 == 3) {
          unseen.push_back(name);
          others.push_back(row);
        } else {
          names.push_back(name);
          values.insert(values.end(), row.data(), row.data() + dim);
        }
      }
    unseen_rows.resize(static_cast<Index>(others.size()), dim);
    for (std::size_t i = 0; i < others.size(); ++i)
      unseen_rows.row(static_cast<Index>(i)) = others[i];
    const auto rows = static_cast<Index>(names.size());
    table = Table(Vocabulary::from(names), std::move(values), rows, dim);
  }
};

/// Every word has one sense, but for every `gap`-th; its sememe is its head.
SememeAnnotation annotation_of(const std::vector<std::string>& names, std::size_t gap = 0) {
  SememeAnnotation annotation;
  std::vector<std::string> sememes;
  for (Index h = 0; h < heads; ++h) sememes.push_back("h" + letter(h));
  annotation.sememes = Vocabulary::from(sememes);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto id = static_cast<std::uint32_t>(*annotation.sememes.find(names[i].substr(0, 2)));
    if (gap == 0 || i % gap != 0) annotation.add_sense(id, 1, {&id, 1});
    annotation.end_word();
  }
  return annotation;
}

WordKnowledge knowledge_of_names(const std::vector<std::string>& names) {
  const Vocabulary words = Vocabulary::from(names);
  return {annotation_of(names),
          [words](Index most) { return build_morphemes(words, CutInHalf(), most); },
          {{"source", "toy"}}};
}

KnowledgeModelOptions within(std::uint64_t bytes, bool residual) {
  KnowledgeModelOptions options;
  options.bytes = bytes;
  options.residual = residual;
  options.shares = {0.5};
  options.plans = {{{1, 1, 1, 1, 2}, 1}, {{2, 1, 1, 1, 2}, 1}};
  options.run = serial();
  return options;
}

std::uint64_t bytes_of_file(const Model<float>& model) { return model_bytes(model).total; }

double number(const Model<float>& model, const char* name) { return std::stod(model.fit.at(name)); }

constexpr std::uint64_t budget = 9000;

}  // namespace

TEST_CASE("a model from knowledge keeps to its bytes and explains the table", "[knowledge_model]") {
  const Toy toy;
  const WordKnowledge knowledge = knowledge_of_names(toy.names);
  for (const bool residual : {false, true}) {
    INFO("residual " << residual);
    const auto [model, report] = compress_on(toy.table, knowledge, within(budget, residual));
    CHECK(bytes_of_file(model) <= budget);
    if (residual) CHECK(bytes_of_file(model) > budget - budget / 25);
    if (!residual) CHECK(report.collisions == 0);
    CHECK(report.with_senses == toy.table.rows());
    CHECK(bool(model.embedding.parts().codes) == residual);
    CHECK(model.knowledge.settings.at("source") == "toy");
    double explained = number(model, "mean_explains") + number(model, "terms_explain");
    if (residual) explained += number(model, "residual_explains");
    CHECK(explained + number(model, "relative_error") == Approx(1).margin(5e-6));
    // Noise is all that heads and tails cannot explain.
    CHECK(number(model, "terms_explain") > 0.7);
    const auto measured = fidelity(TableRows(toy.table), model.embedding);
    CHECK(measured.relative_error == Approx(number(model, "relative_error")).margin(1e-6));

    const TempDir dir;
    save_model(dir / "m", model);
    const auto back = load_model<float>(dir / "m");
    CHECK((back.embedding.to_dense() - model.embedding.to_dense()).norm() <
          1e-4F * model.embedding.to_dense().norm());
    CHECK(back.fit == model.fit);
  }
}

TEST_CASE("a hybrid row is its terms and its residual", "[knowledge_model]") {
  const Toy toy;
  const WordKnowledge knowledge = knowledge_of_names(toy.names);
  const Model<float> hybrid = compress_on(toy.table, knowledge, within(budget, true)).model;
  const Model<float> alone = compress_on(toy.table, knowledge, within(budget, false)).model;
  CHECK(number(hybrid, "relative_error") < 0.8 * number(alone, "relative_error"));

  EmbeddingParts<float> parts = hybrid.embedding.parts();
  const auto residual = dynamic_cast<const detail::TrellisCodes&>(*parts.codes);
  parts.codes = nullptr;
  RowMatrix<float> rows = EntangledEmbedding<float>(parts).to_dense();
  Eigen::RowVectorXf rest(dim);
  for (Index w = 0; w < rows.rows(); ++w) {
    residual.write_row(w, rest.data());
    if (parts.basis.has_axes())
      rest = rest * ConstRowMatrixMap<float>(parts.basis.axes.data(), dim, dim);
    rows.row(w) += rest;
  }
  CHECK((rows - hybrid.embedding.to_dense()).norm() < 1e-4F * rows.norm());
}

TEST_CASE("words left out of the fit are composed near their rows", "[knowledge_model]") {
  const Toy toy;
  const WordKnowledge knowledge = knowledge_of_names(toy.names);
  const Vocabulary words = Vocabulary::from(toy.unseen);
  const Eigen::RowVectorXf mean = toy.table.matrix().colwise().mean();
  for (const bool residual : {false, true}) {
    INFO("residual " << residual);
    const Model<float> model = compress_on(toy.table, knowledge, within(budget, residual)).model;
    const Composer composer(knowledge_of(model));
    const auto composed = composer.compose(model.embedding, words, annotation_of(toy.unseen),
                                           build_morphemes(words, composer.segmenter()));
    const RowMatrix<float> rows = composed.embedding.to_dense();
    const double error = (rows - toy.unseen_rows).squaredNorm();
    const double spread = (toy.unseen_rows.rowwise() - mean).squaredNorm();
    CHECK(error < 0.3 * spread);
    for (const auto& composition : composed.compositions) CHECK(composition.is_known());
  }
}

TEST_CASE("units are as wide as the bytes allow", "[knowledge_model]") {
  const Toy toy;
  const WordKnowledge knowledge = knowledge_of_names(toy.names);
  auto options = within(0, false);
  options.plans = {{{1, 1, 1, 1, 2}, 0.25}};
  Index width = 0;
  for (const std::uint64_t bytes : {3300U, 3500U, 3800U, 4200U, 9000U}) {
    INFO("bytes " << bytes);
    options.bytes = bytes;
    const Model<float> model = compress_on(toy.table, knowledge, options).model;
    const Shape& shape = model.embedding.shape();
    const auto a_number = static_cast<std::uint64_t>(model.embedding.lexicon().table().sizes[0]);
    CHECK(bytes_of_file(model) <= bytes);
    CHECK((shape.width() == dim || bytes - bytes_of_file(model) < 300 + a_number + dim));
    CHECK(shape.width() >= width);
    width = shape.width();
  }
  CHECK(width == dim);
}

TEST_CASE("a smaller model keeps terms that have names", "[knowledge_model]") {
  const Toy toy;
  const Model<float> large =
      compress_on(toy.table, knowledge_of_names(toy.names), within(budget, true)).model;
  const auto terms_of = [](const Model<float>& model) {
    EmbeddingParts<float> parts = model.embedding.parts();
    parts.codes = nullptr;
    return EntangledEmbedding<float>(std::move(parts)).to_dense();
  };
  const auto terms_bytes = static_cast<std::uint64_t>(number(large, "terms_bytes"));
  const std::uint64_t bytes = std::max(2 * terms_bytes, terms_bytes + 2500);
  REQUIRE(bytes < budget);
  CompressOptions options;
  options.bytes = bytes;
  options.run = serial();
  const Model<float> small = see::truncate(large, options);
  CHECK(bytes_of_file(small) <= bytes);
  CHECK(bytes_of_file(small) > bytes - bytes / 10);
  CHECK(terms_of(small) == terms_of(large));
  CHECK(knowledge_of(small).units.sememes.size() == knowledge_of(large).units.sememes.size());
  CHECK(small.fit.count("relative_error") == 0);
  const RowMatrix<float> before = large.embedding.to_dense();
  const double lost = fidelity(TableRows(before), small.embedding).relative_error;
  CHECK(number(small, "lost") == Approx(lost).margin(1e-6));

  options.bytes = terms_bytes;  // which leave a residual no room
  const Model<float> smallest = see::truncate(large, options);
  CHECK(smallest.knowledge.empty());
}

TEST_CASE("a hybrid model composes words without senses", "[knowledge_model]") {
  const Toy toy;
  WordKnowledge knowledge = knowledge_of_names(toy.names);
  knowledge.annotation = annotation_of(toy.names, 3);
  const Model<float> made = compress_on(toy.table, knowledge, within(budget, true)).model;
  const TempDir dir;
  save_model(dir / "m", made);
  const auto model = load_model<float>(dir / "m");
  const KnowledgeLexicon lexicon = knowledge_of(model);
  CHECK(to_notes(lexicon, {{"source", "toy"}}).settings == made.knowledge.settings);
  const Composer composer(lexicon);
  const Vocabulary words = Vocabulary::from(toy.unseen);
  const auto nothing = no_senses(words.size());
  const auto composed = composer.compose(model.embedding, words, nothing,
                                         build_morphemes(words, composer.segmenter()));
  for (const auto& composition : composed.compositions) CHECK(composition.morphs == 2);
  const Eigen::RowVectorXf mean = toy.table.matrix().colwise().mean();
  CHECK((composed.embedding.to_dense() - toy.unseen_rows).squaredNorm() <
        0.5F * (toy.unseen_rows.rowwise() - mean).squaredNorm());
}

TEST_CASE("a model from knowledge is the same for any number of threads", "[knowledge_model]") {
  const Toy toy;
  const WordKnowledge knowledge = knowledge_of_names(toy.names);
  auto options = within(budget, true);
  const Model<float> one = compress_on(toy.table, knowledge, options).model;
  options.run = threads(3);
  const Model<float> three = compress_on(toy.table, knowledge, options).model;
  CHECK(one.embedding.to_dense() == three.embedding.to_dense());
}

TEST_CASE("a model from knowledge refuses what it cannot do", "[knowledge_model]") {
  const Toy toy;
  const WordKnowledge knowledge = knowledge_of_names(toy.names);
  const auto refused = [&](const std::string& message, const auto& change) {
    auto options = within(budget, true);
    change(options);
    INFO(message);
    CHECK(says<Error>(message, [&] { compress_on(toy.table, knowledge, options); }));
  };
  refused("exactly one of ratio and bytes", [](auto& options) { options.ratio = 2; });
  refused("without a plan", [](auto& options) { options.plans.clear(); });
  refused("without shares", [](auto& options) { options.shares.clear(); });
  refused("a share of 1 for terms", [](auto& options) { options.shares = {1.0}; });
  refused("units of 0 of the columns", [](auto& options) { options.plans[0].width = 0; });
  refused("units of 2 of the columns", [](auto& options) { options.plans[0].width = 2; });
  refused("a direction of 2", [](auto& options) { options.direction = 2; });
  refused("smallest", [](auto& options) { options.bytes = 3000; });
  refused("smallest", [](auto& options) {
    options.bytes = 1000;
    options.residual = false;
  });
  refused("for terms of 2 units, needed 1", [](auto& options) {
    options.plans = {{{2, 2, 1, 1, 1}, 1}};
  });
  refused("cancelled", [](auto& options) {
    options.progress = [](const Progress& progress) { return progress.fraction < 0.5; };
  });
  const auto without_words = Table({}, toy.table.values(), toy.table.rows(), dim);
  CHECK(says<Error>("without words",
                    [&] { compress_on(without_words, knowledge, within(budget, false)); }));
  CHECK(says<Error>("of the vocabulary",
                    [&] { compress_on(toy.table.first(100), knowledge, within(budget, false)); }));
  std::vector<float> values(toy.table.values().begin(), toy.table.values().end());
  values[5] = std::numeric_limits<float>::quiet_NaN();
  const Table bad(toy.table.words(), values, toy.table.rows(), dim);
  CHECK(says<Error>("finite numbers", [&] { compress_on(bad, knowledge, within(budget, false)); }));
}
