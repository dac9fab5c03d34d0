#include <Eigen/SVD>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/compress/knowledge/fit_knowledge.hpp"
#include "see/core/random.hpp"
#include "see/eval/error.hpp"
#include "see/knowledge/compose.hpp"
#include "see/model/builders.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

/// Words cut at hyphens, with sememes by first letters: "ab-cd" has the morphs "ab" and "cd" and a
/// sense for each of them that is among the sememes a to f, with the sememes "a" and "even".
struct HyphenSegmenter {
  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    morphs.clear();
    while (!word.empty()) {
      const auto end = std::min(word.find('-'), word.size() - 1) + 1;
      morphs.push_back({word.substr(0, end), std::string(word.substr(0, end))});
      word.remove_prefix(end);
    }
  }
};

struct WordSource {
  Vocabulary words;
  SememeAnnotation annotation;
  Morphemes morphemes;
};

WordSource source_of(const std::vector<std::string>& words,
                     const std::vector<std::string>& sememes = {"a", "b", "c", "d", "even",
                                                                "odd"}) {
  WordSource source;
  source.words = Vocabulary::from(words);
  source.morphemes = build_morphemes(source.words, HyphenSegmenter());
  source.annotation.sememes = Vocabulary::from(sememes);
  for (const std::string& word : words) {
    double weight = 2;
    for (const Morph& morph : segment(HyphenSegmenter(), word))
      if (const auto at = source.annotation.sememes.find(morph.form.substr(0, 1))) {
        const auto parity =
            source.annotation.sememes.find(morph.form.size() % 2 == 0 ? "even" : "odd");
        std::vector<std::uint32_t> ids{static_cast<std::uint32_t>(*at)};
        if (parity) ids.push_back(static_cast<std::uint32_t>(*parity));
        source.annotation.add_sense(0, weight, ids);
        weight = 1;
      }
    source.annotation.end_word();
  }
  return source;
}

const std::vector<std::string> known{"ab", "abc-de",  "c-ab", "xyz-ab", "xyz",
                                     "bb", "bb-c-dd", "12",   "-",      "c-xyz-bb-ab"};

template <class Scalar>
EntangledEmbedding<Scalar> layer_of(const KnowledgeLexicon& knowledge, bool transformed) {
  std::vector<Index> dims(static_cast<std::size_t>(knowledge.filling.order), 3);
  for (int j = 0; j < knowledge.filling.roles(); ++j) dims[static_cast<std::size_t>(j)] = 2;
  EmbeddingParts<Scalar> parts = make_parts<Scalar>(Shape(dims), knowledge.lexicon, 2);
  if (!transformed) return EntangledEmbedding<Scalar>(std::move(parts));
  const auto width = static_cast<std::size_t>(parts.shape.width());
  std::vector<Scalar> axes(5 * width), mean(5);
  Random random(9);
  for (Scalar& x : axes) x = static_cast<Scalar>(random.normal());
  for (Scalar& x : mean) x = static_cast<Scalar>(random.normal());
  parts.basis = {mean, axes};
  parts.layer_norm = LayerNorm<Scalar>::identity(5);
  return EntangledEmbedding<Scalar>(std::move(parts));
}

KnowledgeLexicon knowledge_of(const WordSource& source, const SlotFilling& filling = {}) {
  return make_knowledge_lexicon(source.words, source.annotation, source.morphemes, {filling});
}

}  // namespace

TEMPLATE_TEST_CASE("Words of the vocabulary are composed into their own rows", "", float, double) {
  const WordSource source = source_of(known);
  for (int order = 1; order <= 3; ++order)
    for (int held = 1; held <= order; ++held)
      for (const bool transformed : {false, true}) {
        INFO(order << " slots, " << held << " units a term");
        const KnowledgeLexicon knowledge = knowledge_of(source, {order, held});
        REQUIRE(knowledge.report.collisions_before == 0);
        const auto layer = layer_of<TestType>(knowledge, transformed);
        const auto composed =
            Composer(knowledge).compose(layer, source.words, source.annotation, source.morphemes);
        CHECK(composed.embedding.to_dense() == layer.to_dense());
        for (Index w = 0; w < source.words.size(); ++w)
          CHECK(composed.compositions[static_cast<std::size_t>(w)].terms.size() ==
                static_cast<std::size_t>(layer.lexicon().rank(w) * order));
      }
}

TEST_CASE("An unseen word is the sum of products of its units and their roles") {
  const WordSource source = source_of(known), unseen = source_of({"abc-xyz", "abc-dede-zzz"});
  const KnowledgeLexicon knowledge = knowledge_of(source);
  const auto layer = layer_of<double>(knowledge, false);
  const auto composed =
      Composer(knowledge).compose(layer, unseen.words, unseen.annotation, unseen.morphemes);
  const auto term = [&](detail::UnitRole role, Index unit) {
    const RowMatrix<double> a = layer.inventory(1)[static_cast<Index>(role)].vectors();
    const RowMatrix<double> b = layer.inventory(0)[unit].vectors();
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(6);
    for (Index i = 0; i < 2; ++i)
      for (Index j = 0; j < 2; ++j) sum.segment(3 * j, 3) += a(i, j) * b.row(i);
    return sum;
  };
  const KnowledgeUnits& units = knowledge.units;
  const auto morph = [&](const char* form) { return units.morph(*units.morphs.find(form)); };
  const Eigen::RowVectorXd expected =
      term(detail::UnitRole::first_sememe, *units.sememes.find("a")) +
      term(detail::UnitRole::further_sememe, *units.sememes.find("even")) +
      term(detail::UnitRole::head_morph, morph("abc-")) +
      term(detail::UnitRole::tail_morph, morph("xyz"));
  REQUIRE((composed.embedding(0) - expected).norm() < 1e-12);

  const Composition& how = composed.compositions[0];
  REQUIRE(how.senses == 1);
  REQUIRE(how.sememes == 2);
  REQUIRE(how.morphs == 2);
  REQUIRE(how.is_known());
  REQUIRE(composed.compositions[1].senses == 2);
}

TEST_CASE("What is no unit is passed over or cut into units") {
  const WordSource source = source_of(known);
  const KnowledgeLexicon knowledge = knowledge_of(source);
  const Composer composer(knowledge);
  const auto compose = [&](const char* word, const std::vector<std::string>& sememes) {
    const WordSource unseen = source_of({word}, sememes);
    return composer.compose(unseen.words, unseen.annotation, unseen.morphemes)[0];
  };
  const auto names = [&](const Composition& composition) {
    std::vector<std::string> list;
    for (std::size_t at = 1; at < composition.terms.size(); at += 2)
      list.push_back(knowledge.units.name(composition.terms[at]));
    return list;
  };
  using Names = std::vector<std::string>;
  // "abxyz" is no morph but "ab" and "xyz" are; "new" is no sememe, which goes by its name.
  REQUIRE(names(compose("abxyz", {"new", "a", "odd"})) == Names{"a", "odd", "ab", "xyz"});
  REQUIRE(names(compose("abxyz", {"new"})) == Names{"word of letters", "ab", "xyz"});
  const Composition nothing = compose("qqq", {"new"});
  REQUIRE(names(nothing) == Names{"word of letters"});
  REQUIRE_FALSE(nothing.is_known());
  REQUIRE(nothing.senses == 0);
}

TEST_CASE("Word scales are the mean of the layer's") {
  const WordSource source = source_of(known), unseen = source_of({"abc-xyz"});
  const KnowledgeLexicon knowledge = knowledge_of(source);
  const Composer composer(knowledge);
  auto parts = layer_of<double>(knowledge, false).parts();
  const auto compose = [&] {
    return composer
        .compose(EntangledEmbedding<double>(parts), unseen.words, unseen.annotation,
                 unseen.morphemes)
        .embedding(0)
        .eval();
  };
  const Eigen::RowVectorXd plain = compose();
  std::vector<std::uint16_t> index(known.size(), 0);
  index[0] = 1;
  parts.word_scale = {std::vector<double>{2, 7},
                      PackedArray(std::span<const std::uint16_t>(index), 1)};
  const double mean = 2 + 5 / static_cast<double>(known.size());
  REQUIRE((compose() - mean * plain).norm() < 1e-12);
}

TEST_CASE("Composing with a layer or sources that do not fit is refused") {
  const WordSource source = source_of(known), one = source_of({"ab"});
  const KnowledgeLexicon knowledge = knowledge_of(source);
  const Composer composer(knowledge);
  const auto layer = layer_of<float>(knowledge, false);
  CHECK(says<Error>("knowledge of 1 and 10 words, needed the 10 to compose",
                    [&] { composer.compose(source.words, one.annotation, source.morphemes); }));
  CHECK(says<Error>("knowledge of 10 and 1 words, needed the 10 to compose",
                    [&] { composer.compose(source.words, source.annotation, one.morphemes); }));
  auto parts = layer.parts();
  parts.gain_scope = GainScope::sense;
  parts.gains = std::vector<float>(static_cast<std::size_t>(parts.lexicon.senses()), 1.0F);
  CHECK(says<Error>("a layer that has gains", [&] {
    composer.compose(EntangledEmbedding<float>(parts), one.words, one.annotation, one.morphemes);
  }));
  const KnowledgeLexicon other = knowledge_of(one);
  CHECK(says<Error>("of other units", [&] {
    Composer(other).compose(layer, one.words, one.annotation, one.morphemes);
  }));
}

TEST_CASE("A fit finds the rows of a layer of its form, and its directions are the best") {
  std::vector<std::string> words;
  for (const char* a : {"ab", "bc", "cd", "de", "fg", "x"})
    for (const char* b : {"aa", "bbb", "cc", "ddd", "q"}) words.push_back(std::string(a) + "-" + b);
  const WordSource source = source_of(words);
  const KnowledgeLexicon knowledge = knowledge_of(source);
  constexpr Index dim = 6;
  auto parts = make_parts<float>(Shape({1, dim}), knowledge.lexicon, 1);
  std::vector<float> mean(dim, 0.5F);
  parts.basis.mean = mean;
  const RowMatrix<float> table = EntangledEmbedding<float>(parts).to_dense();
  const FitOptions thorough{.iterations = 50, .inner_iterations = 200, .tolerance = 1e-6};
  const auto fitted = [&](Index width) {
    return fit_knowledge(knowledge, table, {.width = width, .fit = thorough});
  };
  const auto full = fitted(0);
  CHECK(fidelity(TableRows(table), full).relative_error < 1e-3);
  CHECK(full.shape() == Shape({1, dim}));

  const RowMatrix<float> rows = full.to_dense();
  const Eigen::RowVectorXf center = table.colwise().mean();
  for (Index width = 1; width < dim; ++width) {
    const auto cut = fitted(width);
    CHECK(cut.shape() == Shape({1, width}));
    const ConstRowMatrixMap<float> axes(cut.parts().basis.axes.data(), width, dim);
    CHECK((axes * axes.transpose() - Eigen::MatrixXf::Identity(width, width)).norm() < 1e-5F);
    const RowMatrix<float> projected =
        ((rows.rowwise() - center) * axes.transpose() * axes).rowwise() + center;
    CHECK((cut.to_dense() - projected).norm() < 1e-4F * rows.norm());
    // No other directions leave less: the least singular values are what is lost.
    const Eigen::JacobiSVD<Eigen::MatrixXf> svd(rows.rowwise() - center);
    CHECK((projected - rows).norm() ==
          Approx(svd.singularValues().tail(dim - width).norm()).epsilon(1e-3));
  }
}

TEST_CASE("A fit of knowledge refuses what does not fit") {
  const WordSource source = source_of(known);
  const KnowledgeLexicon knowledge = knowledge_of(source);
  const RowMatrix<float> table = RowMatrix<float>::Ones(source.words.size(), 4);
  CHECK(says<Error>("units of 5 numbers, needed 1 to the 4",
                    [&] { fit_knowledge(knowledge, table, {.width = 5}); }));
  CHECK(
      says<Error>("units of -1 numbers", [&] { fit_knowledge(knowledge, table, {.width = -1}); }));
  CHECK(says<Error>("10 words to a table of 3 rows",
                    [&] { fit_knowledge(knowledge, table.topRows(3)); }));
  const KnowledgeLexicon product = knowledge_of(source, {2, 2});
  CHECK(says<Error>("fitting terms of 2 units, needed 1", [&] { fit_knowledge(product, table); }));
}
