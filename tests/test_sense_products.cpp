#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/compress/compress.hpp"
#include "see/core/random.hpp"
#include "see/core/row_source.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/knowledge/morphemes.hpp"
#include "see/knowledge/word_knowledge.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

/// Cuts words before their third letter.
struct CutInHalf {
  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    morphs.clear();
    for (const auto part : {word.substr(0, 2), word.substr(2)})
      morphs.push_back({part, std::string(part)});
  }
};

/// 24 x 24 words of a head and a tail. Every second word has two senses, of its head and of the
/// next; every fifth has none.
struct Words {
  static constexpr Index parts = 24, dim = 30;
  std::vector<std::string> names;
  WordKnowledge knowledge;
  Table table;

  explicit Words(int order) {
    const auto part = [](char first, Index i) {
      return std::string(1, first) + static_cast<char>('a' + i % parts);
    };
    std::vector<std::string> sememes;
    for (Index i = 0; i < parts; ++i) sememes.push_back(part('h', i));
    SememeAnnotation& annotation = knowledge.annotation;
    annotation.sememes = Vocabulary::from(sememes);
    Random random(8);
    RowMatrix<float> head(parts, dim), tail(parts, dim);
    for (auto* values : {&head, &tail})
      for (Index i = 0; i < values->size(); ++i)
        values->data()[i] = static_cast<float>(random.normal());
    std::vector<float> rows;
    for (Index h = 0; h < parts; ++h)
      for (Index t = 0; t < parts; ++t) {
        const Index number = std::ssize(names);
        names.push_back(part('h', h) + part('t', t));
        for (Index sense = 0; number % 5 != 0 && sense <= number % 2; ++sense) {
          const auto id = static_cast<std::uint32_t>((h + sense) % parts);
          annotation.add_sense(id, sense == 0 ? 0.7 : 0.3, {&id, 1});
        }
        annotation.end_word();
        const Eigen::RowVectorXf row =
            (head.row(h) + tail.row(t)).array() + 0.5F + 0.1F * head.row(t).array();
        rows.insert(rows.end(), row.data(), row.data() + dim);
      }
    const Vocabulary words = Vocabulary::from(names);
    knowledge.morphemes = [words](Index most) { return build_morphemes(words, CutInHalf(), most); };
    knowledge.order = order;
    table = Table(words, std::move(rows), words.size(), dim);
  }
};

void check_sum_of_products(int order) {
  const Words words(order);
  CompressOptions options{.ratio = 6, .method = "senses", .run = serial()};
  options.knowledge = std::make_shared<const WordKnowledge>(words.knowledge);
  const Model<> model = compress(words.table, options);
  INFO("order " << order);
  CHECK(double(model_bytes(model).total) <= 4.0 * double(words.table.rows() * Words::dim) / 6);
  CHECK(model.precision == Precision::i8);
  const auto wide = model.embedding.stored_as(Storage::native);
  const EmbeddingParts<float>& parts = wide.parts();
  CHECK(parts.shape.order() == order);
  CHECK(parts.inventories.size() == 1);  // all slots share it
  CHECK_FALSE(parts.codes);
  const Lexicon& lexicon = model.embedding.lexicon();
  Index most = 0;
  for (Index w = 0; w < lexicon.words(); ++w) {
    CHECK(lexicon.rank(w) >= 1);
    most = std::max(most, lexicon.rank(w));
    const auto expected = oracle::row(parts, w);
    CHECK((model.embedding(w).transpose() - expected).norm() <= 1e-4F * (1 + expected.norm()));
  }
  CHECK(most <= 3);
  // Better than the mean of all rows.
  const double error = fidelity(TableRows(words.table), model.embedding).relative_error;
  CHECK(error < 0.8);
  CHECK(std::stod(model.fit.at("relative_error")) == Approx(error).margin(1e-6));

  const TempDir dir;
  save_model(dir / "m", model);
  const auto back = load_model(dir / "m");
  CHECK(back.knowledge.names.size() == model.knowledge.names.size());
  CHECK(back.embedding.forward(std::vector<Index>{0, 7}) ==
        model.embedding.forward(std::vector<Index>{0, 7}));
  if (order > 2) return;
  const Model<> again = compress(words.table, options);
  CHECK(again.embedding(3) == model.embedding(3));
}

}  // namespace

TEST_CASE("a word is a sum of products, one for each sense", "[senses]") {
  check_sum_of_products(2);
}

TEST_CASE("products may be of three or four units", "[senses][long]") {
  check_sum_of_products(3);
  check_sum_of_products(4);
}

TEST_CASE("codes beside products of senses keep what these leave", "[senses]") {
  Words words(2);
  std::vector<float> rows(words.table.values().begin(), words.table.values().end());
  Random random(9);
  for (float& number : rows) number += static_cast<float>(random.normal());  // of no knowledge
  words.table = Table(words.table.words(), std::move(rows), words.table.rows(), Words::dim);
  CompressOptions options{.ratio = 5, .method = "senses", .run = serial()};
  options.knowledge = std::make_shared<const WordKnowledge>(words.knowledge);
  const Model<> bare = compress(words.table, options);
  options.method = "senses_coded";
  const Model<> model = compress(words.table, options);
  const double budget = 4.0 * double(words.table.rows() * Words::dim) / 5;
  CHECK(double(model_bytes(model).total) <= budget);
  CHECK(double(model_bytes(model).total) > 0.97 * budget);
  const EmbeddingParts<float>& parts = model.embedding.parts();
  REQUIRE(parts.codes);
  CHECK(parts.has_terms());
  CHECK(parts.inventories.size() == 1);
  const auto note = [&](const Model<>& of, const char* name) { return std::stod(of.fit.at(name)); };
  const double error = fidelity(TableRows(words.table), model.embedding).relative_error;
  CHECK(note(model, "relative_error") == Approx(error).margin(1e-6));
  CHECK(error < 0.5 * note(bare, "relative_error"));
  CHECK(note(model, "mean_explains") + note(model, "terms_explain") +
            note(model, "residual_explains") + error ==
        Approx(1).margin(1e-5));
  CHECK(note(model, "terms_explain") > 0.05);
  CHECK(note(model, "terms_bytes") <= 0.5 * budget);

  const TempDir dir;
  save_model(dir / "m", model);
  const auto back = load_model(dir / "m");
  CHECK(back.embedding.forward(std::vector<Index>{0, 7}) ==
        model.embedding.forward(std::vector<Index>{0, 7}));
  options.ratio = 100;
  CHECK_THROWS_WITH(compress(words.table, options), contains("the smallest"));
}

TEST_CASE("in small files products take more than half of the bytes", "[senses][long]") {
  const Words words(2);
  CompressOptions options{.method = "senses_coded", .run = serial()};
  options.knowledge = std::make_shared<const WordKnowledge>(words.knowledge);
  double share = 0;
  for (double ratio = 8;; ratio *= 1.15) {
    options.ratio = ratio;
    const double bytes = 4.0 * double(words.table.rows() * Words::dim) / ratio;
    try {
      const Model<> small = compress(words.table, options);
      CHECK(double(model_bytes(small).total) <= bytes);
      share = std::stod(small.fit.at("terms_bytes")) / bytes;
    } catch (const Error&) {
      break;
    }
  }
  CHECK(share > 0.5);
  CHECK(share <= 0.7);
}

TEST_CASE("products of senses refuse what they cannot be made of", "[senses]") {
  const Words words(2);
  CompressOptions options{.ratio = 6, .method = "senses"};
  CHECK_THROWS_WITH(compress(words.table, options), contains("knowledge"));
  options.knowledge = std::make_shared<const WordKnowledge>(words.knowledge);
  options.ratio = 1000;
  CHECK_THROWS_WITH(compress(words.table, options), contains("the smallest"));
}

TEST_CASE("tables past half precision are refused by methods of units", "[senses]") {
  Words words(2);
  const auto scaled = [&](float scale) {
    std::vector<float> values(words.table.values().begin(), words.table.values().end());
    for (float& value : values) value *= scale;
    return Table(words.table.words(), std::move(values), words.table.rows(), Words::dim);
  };
  CompressOptions options{.ratio = 6, .run = serial()};
  options.knowledge = std::make_shared<const WordKnowledge>(words.knowledge);
  for (const char* method : {"see", "senses", "senses_coded", "hybrid"}) {
    options.method = method;
    INFO(method);
    CHECK_THROWS_WITH(compress(scaled(1e6F), options), contains("scale the table"));
    CHECK_THROWS_WITH(compress(scaled(1e30F), options), contains("scale the table"));
    if (options.method != "hybrid")
      CHECK_THROWS_WITH(compress(scaled(1e-20F), options), contains("scale the table"));
  }
  options.method = "senses";
  const auto error = [&](float scale) {
    const Table table = scaled(scale);
    return fidelity(TableRows(table), compress(table, options).embedding).relative_error;
  };
  const double as_it_is = error(1);
  CHECK(error(1024) < 2 * as_it_is + 1e-5);
  CHECK(error(1.0F / 1024) < 2 * as_it_is + 1e-5);
}
