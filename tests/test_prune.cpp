#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "prune_losses.hpp"
#include "see/compress/prune/fit_gains.hpp"
#include "see/compress/prune/gradient_moments.hpp"
#include "see/compress/prune/prune.hpp"
#include "see/file/model_file.hpp"
#include "see/knowledge/knowledge_sources.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/model/builders.hpp"
#include "see/model/named_lexicon.hpp"
#include "temp_dir.hpp"

using namespace see;
using namespace prune_losses;

TEST_CASE("units go with their senses where these are cheap beside the unit", "[prune]") {
  // Unit 2 has two senses; with its 100 bits they cost less a bit than sense 0 alone.
  const Lexicon lexicon = LexiconBuilder(SlotTable::per_slot({3, 1}))
                              .word()
                              .sense({0, 0})
                              .sense({1, 0})
                              .word()
                              .sense({2, 0})
                              .sense({2, 0})
                              .sense({0, 0})
                              .finish();
  const std::vector<double> scores{2, infinity, 3, 4, 9};
  CHECK(detail::DropOrder(lexicon, scores, {2, {100, 0}}).run() == std::vector<Index>{2, 3, 0, 4});
  CHECK(detail::DropOrder(lexicon, scores, {2, {0, 0}}).run() == std::vector<Index>{0, 2, 3, 4});
  CHECK(detail::order_from_last(lexicon, std::vector<double>{9, 1, 2, 1, 5}) ==
        std::vector<Index>{1, 4, 3, 2, 0});
  CHECK(detail::order_from_last(lexicon, std::vector<double>{9, infinity, 2, infinity, 5}) ==
        std::vector<Index>{4});
}

TEST_CASE("what is left after pruning has the rows of the terms that stay", "[prune]") {
  for (auto setup : oracle::setups()) {
    setup.words = 40;
    auto parts = oracle::random_parts<double>(setup);
    parts.padding_idx = 3;
    const Model<double> model{EntangledEmbedding<double>(parts)};
    const Index senses = parts.lexicon.senses();
    std::vector<Index> gone;  // of each word the last senses, which may go from any layer
    for (Index w = 0; w < setup.words; ++w)
      for (const Index s : senses_of(parts, w, parts.lexicon.rank(w) * (w % 4) / 4))
        gone.push_back(s);
    const Model<double> smaller = detail::SensePruner<double>(model).without(gone);
    CHECK(smaller.embedding.lexicon().senses() == senses - std::ssize(gone));
    CHECK(smaller.embedding.padding_idx() == 3);
    const RowMatrix<double> rows = smaller.embedding.to_dense();
    for (Index w = 0; w < setup.words; ++w) {
      if (w == 3) {
        CHECK(rows.row(w).isZero(0));
        continue;
      }
      CHECK((rows.row(w).transpose() - row_without(parts, w, gone)).norm() <= 1e-9);
    }
  }
}

TEST_CASE("pruning to a budget stops at the first sense that is enough", "[prune]") {
  const TempDir dir;
  int pruned = 0;
  for (auto setup : oracle::setups()) {
    setup.words = 60;
    setup.units = 30;
    const auto parts = oracle::random_parts<float>(setup);
    Model<float> model{EntangledEmbedding<float>(parts)};
    model.fit = {{"method", "own"}, {"relative_error", "0.1"}};
    model.precision = Precision::f16;
    const auto scores = random_scores(model.embedding, 2);
    const detail::SensePruner<float> pruner(model);
    const std::vector<Index> order = pruner.order(scores);
    CHECK(std::ssize(order) == parts.lexicon.senses());
    const std::uint64_t all = model_bytes(model).total;
    const std::uint64_t least = model_bytes(pruner.without(order)).total;
    for (const std::uint64_t budget : {all - 1, (all + least) / 2, least}) {
      const Model<float> smaller = prune(model, scores, budget);
      CHECK(model_bytes(smaller).total <= budget);
      CHECK(!smaller.fit.contains("relative_error"));
      CHECK(smaller.fit.at("method") == "own");
      CHECK(smaller.precision == Precision::f16);
      const auto count = std::size_t(parts.lexicon.senses() - smaller.embedding.lexicon().senses());
      Model<float> one_more = count > 0 ? pruner.without(std::span(order).first(count - 1)) : model;
      one_more.fit.erase("relative_error");
      if (count > 0) CHECK(model_bytes(one_more).total > budget);
      CHECK(prune(model, scores, budget).embedding.to_dense() == smaller.embedding.to_dense());
      save_model(dir / "m", smaller);
      save_model(dir / "n", load_model<float>(dir / "m"));
      const Model<float> back = load_model<float>(dir / "n");
      CHECK(model_bytes(back).total == model_bytes(smaller).total);
      CHECK(model_bytes(SafetensorsFile::open(dir / "m")).total == model_bytes(smaller).total);
      CHECK(back.embedding.lexicon().packed().bytes() ==
            smaller.embedding.lexicon().packed().bytes());
      CHECK((back.embedding.to_dense() - smaller.embedding.to_dense()).norm() <=
            2e-2F * (1 + smaller.embedding.to_dense().norm()));
      ++pruned;
    }
  }
  CHECK(pruned > 20);
}

TEST_CASE("pruning to a budget that holds all changes nothing", "[prune]") {
  const auto parts = oracle::random_parts<float>({.rank = 3});
  Model<float> model{EntangledEmbedding<float>(parts)};
  model.fit["relative_error"] = "0.1";
  const auto scores = size_scores(model.embedding);
  const Model<float> same = prune(model, scores, model_bytes(model).total);
  CHECK(same.fit == model.fit);
  CHECK(same.embedding.to_dense() == model.embedding.to_dense());
  CHECK(same.embedding.lexicon().senses() == parts.lexicon.senses());
}

TEST_CASE("pruning keeps storage, frozen parameters and units of a sense's own", "[prune]") {
  for (const Storage storage : {Storage::native, Storage::f16, Storage::i8}) {
    auto parts = oracle::random_parts<float>(
        {.dims = {6, 7}, .words = 30, .units = 20, .rank = 4, .gains = GainScope::sense});
    EntangledEmbedding<float> layer = EntangledEmbedding<float>(parts).stored_as(storage);
    layer.freeze_parameter(0);
    const auto scores = size_scores(layer);
    const std::uint64_t all = model_bytes(Model<float>{layer}, Precision::f16).total;
    const auto smaller = prune(layer, scores, all - 150, Precision::f16);
    CHECK(smaller.inventory(0).storage() == storage);
    CHECK(smaller.is_frozen(0));
    CHECK(!smaller.is_frozen(1));
    CHECK(smaller.lexicon().senses() < layer.lexicon().senses());
    int same = 0;  // words that lost nothing have their very rows
    for (Index w = 0; w < 30; ++w)
      if (smaller.lexicon().rank(w) == layer.lexicon().rank(w)) {
        CHECK(smaller(w) == layer(w));
        ++same;
      }
    CHECK(same > 0);
  }
  const EntangledEmbedding<float, 2> own(make_word2ket<float>(20, 16, 2, 3));
  const std::uint64_t all = model_bytes(Model<float>{own}).total;
  const EntangledEmbedding<float, 2> smaller = prune(own, size_scores(own), all - 500);
  CHECK(smaller.lexicon().kind() == IndexKind::own);
  CHECK(smaller.inventory(0).size() == smaller.lexicon().senses());
  for (Index w = 0; w < 20; ++w)
    if (smaller.lexicon().rank(w) == 3) CHECK(smaller(w) == own(w));
}

TEST_CASE("names of units stay with their units", "[prune]") {
  NamedLexiconBuilder builder(2);
  builder.word("king").sense({"human", "royal"}).sense({"stone", "game"});
  builder.word("bank").sense({"money", "house"}).sense({"water", "edge"});
  builder.word("shore").sense({"water", "edge"});
  const NamedLexicon names = builder.finish();
  const EntangledEmbedding<float> layer(make_parts<float>(Shape({3, 3}), names.lexicon, 1));
  const Model<float> model{layer, names.words, {}, {names.units, {}}};
  const std::vector<double> scores{1, 0.001, 2, 3, 4};
  const Model<float> smaller = prune(model, scores, model_bytes(model).total - 1);
  const Vocabulary& left = smaller.knowledge.names;
  CHECK(left.size() == names.units.size() - 2);
  CHECK(!left.find("stone"));
  CHECK(smaller.words.size() == 3);
  for (Index u = 0; u < left.size(); ++u) {
    std::vector<float> now(3), before(3);
    smaller.embedding.inventory().read(u, now.data());
    layer.inventory().read(*names.units.find(left[u]), before.data());
    CHECK(now == before);
  }
  CHECK(smaller.vector("bank") == model.vector("bank"));
}

TEST_CASE("a model pruned of sememes and morphs knows the others", "[prune]") {
  const std::vector<std::string> words{"ab", "b", "abc", "cd", "d"};
  SememeAnnotation annotation;
  annotation.sememes = Vocabulary::from(std::vector<std::string>{"a", "b", "c", "d"});
  for (const std::string& word : words) {
    for (const char letter : word)
      if (const auto at = annotation.sememes.find(std::string_view(&letter, 1))) {
        const auto id = static_cast<std::uint32_t>(*at);
        annotation.add_sense(id, 1, {&id, 1});
      }
    annotation.end_word();
  }
  const auto letters = [](std::string_view word, std::vector<Morph>& morphs) {
    morphs.clear();
    for (std::size_t i = 0; i < word.size(); ++i)
      morphs.push_back({word.substr(i, 1), std::string(word.substr(i, 1))});
  };
  const Vocabulary vocabulary = Vocabulary::from(words);
  const KnowledgeLexicon made = make_knowledge_lexicon(
      vocabulary, annotation, build_morphemes(vocabulary, AnySegmenter{letters}), {});
  const Model<float> model{
      EntangledEmbedding<float>(make_parts<float>(Shape({2, 3}), made.lexicon, 1)),
      vocabulary,
      {},
      to_notes(made)};
  auto scores = uniform_scores(made.lexicon.senses());
  const std::uint64_t all = model_bytes(model).total;
  const Model<float> smaller = prune(model, scores, all - 60);
  const KnowledgeLexicon left = knowledge_of(smaller);
  CHECK(left.units.size() < made.units.size());
  CHECK(left.units.distinctions == made.units.distinctions);
  for (Index u = 0; u < left.units.sememes.size(); ++u)
    CHECK(made.units.sememes.find(left.units.sememes[u]));
  for (Index u = 0; u < left.units.morphs.size(); ++u)
    CHECK(made.units.morphs.find(left.units.morphs[u]));
  for (Index u = 0; u < left.units.size(); ++u)
    for (Index v = 0; v < made.units.size(); ++v) {
      const bool sememes = u < left.units.sememes.size() && v < made.units.sememes.size();
      const bool others = u >= left.units.sememes.size() && v >= made.units.sememes.size();
      if (!(sememes || others) || left.units.name(u) != made.units.name(v)) continue;
      std::vector<float> now(3), before(3);
      smaller.embedding.inventory().read(u, now.data());
      model.embedding.inventory().read(v, before.data());
      CHECK(now == before);
    }
}

TEST_CASE("what cannot be pruned is refused", "[prune]") {
  const auto parts = oracle::random_parts<float>({.rank = 2, .uniform = true});
  const Model<float> model{EntangledEmbedding<float>(parts)};
  std::vector<double> scores = size_scores(model.embedding);
  CHECK_THROWS_WITH(prune(model, std::span(scores).first(5), 100),
                    "pruning by 5 scores, needed one for each of 18 senses");
  CHECK_THROWS_WITH(prune(model, scores, 100),
                    contains("pruning to 100 bytes, needed") && contains("or more"));
  scores[4] = std::nan("");
  CHECK_THROWS_WITH(prune(model, scores, 100),
                    "pruning by a score of nan for sense 4, needed a number or infinity");
  const auto digits = make_word2ketxs<float>(20, 16, 2, 3);
  CHECK_THROWS_WITH(prune(digits, size_scores(digits), 100),
                    "pruning an embedding whose units are digits of word numbers, needed an index "
                    "of kind stored or own");
  const EntangledEmbedding<float> codes(oracle::random_parts<float>(oracle::setups_of_codes()[0]));
  CHECK_THROWS_WITH(prune(codes, {}, 100),
                    "pruning of an embedding of codes alone, needed one with terms");
  CHECK_THROWS_WITH(FisherScores<float>(codes),
                    "fisher scores of an embedding of codes alone, needed one with terms");
  FisherScores<float> fisher(model.embedding);
  CHECK_THROWS_AS(fisher.add({0, 99}, RowMatrix<float>::Zero(2, 16)), Error);
  CHECK_THROWS_AS(fisher.add({0, 1}, RowMatrix<float>::Zero(2, 15)), Error);
  CHECK_THROWS_WITH(activation_scores(model.embedding, {.weights = {1, 2}}),
                    "a loss with 2 weights, needed one for each of 9 rows");
  CHECK_THROWS_WITH(activation_scores(model.embedding, {.weights = std::vector<float>(9, -1.0F)}),
                    "a loss with a weight of -1, needed finite numbers of 0 or more");
  CHECK_THROWS_WITH(
      activation_scores(model.embedding, {.activation = RowMatrix<float>::Identity(3, 3)}),
      "a loss with an activation of 3 x 3, needed 16 x 16");
  RowMatrix<float> bad = RowMatrix<float>::Constant(16, 16, std::nanf(""));
  CHECK_THROWS_WITH(activation_scores(model.embedding, {.activation = bad}),
                    "a loss with an activation that is not finite");
  CHECK_THROWS_WITH(fit_gains(model.embedding, model.embedding),
                    "fit_gains: an embedding without gains and word scales, needed one of them");
}

TEST_CASE("fitted gains leave no slope and never a larger loss", "[prune]") {
  for (const GainScope scope : {GainScope::sense, GainScope::term}) {
    const auto parts = oracle::random_parts<float>({.dims = {4, 5},
                                                    .width = 18,
                                                    .words = 600,
                                                    .rank = 4,
                                                    .gains = scope,
                                                    .mean = true,
                                                    .axes = true});
    const EntangledEmbedding<float> layer(parts);
    Random random(6);
    const RowLoss loss = random_loss(600, layer.embedding_dim(), random);
    const auto scores = activation_scores(layer, loss);
    CHECK(scores == activation_scores(layer, loss, serial()));
    const std::uint64_t all = model_bytes(Model<float>{layer}).total;
    const auto smaller = prune(layer, scores, all * 3 / 4);
    const auto fitted = fit_gains(smaller, layer, loss);
    CHECK(fitted.to_dense() == fit_gains(smaller, layer, loss, serial()).to_dense());
    const RowMatrix<double> target = layer.to_dense().cast<double>();
    const auto total = [&](const auto& some) {
      const RowMatrix<double> rows = some.to_dense().template cast<double>();
      double sum = 0;
      for (Index w = 0; w < 600; ++w) sum += loss_of(loss, w, rows.row(w) - target.row(w));
      return sum;
    };
    CHECK(total(fitted) < total(smaller));
    auto moved = fitted.parts();
    const double least = total(fitted);
    for (const Index gain : {0, 1, 2})
      for (const float step : {-0.05F, 0.05F}) {
        auto other = moved;
        other.gains.mutate()[gain] += step;
        CHECK(total(EntangledEmbedding<float>(other)) >= least * (1 - 1e-6));
      }
  }
}

TEST_CASE("each word's scale is the best of the table", "[prune]") {
  auto parts =
      oracle::random_parts<float>({.words = 30, .rank = 3, .uniform = true, .word_scale = true});
  const EntangledEmbedding<float> layer(parts);
  auto other = parts;
  other.word_scale.index = PackedArray(std::span<const unsigned>(std::vector<unsigned>(30, 0)), 2);
  const auto fitted = fit_gains(EntangledEmbedding<float>(other), layer);
  CHECK(fitted.to_dense() == layer.to_dense());
  CHECK_THROWS_WITH(fit_gains(layer, EntangledEmbedding<float>(oracle::random_parts<float>({}))),
                    "fit_gains: a target of 9 x 16, needed 30 x 16");
  const EntangledEmbedding<float> normed(
      oracle::random_parts<float>({.rank = 2, .gains = GainScope::sense, .layer_norm = true}));
  CHECK_THROWS_WITH(fit_gains(normed, normed),
                    "fit_gains: an embedding with a LayerNorm, needed one without");
}
