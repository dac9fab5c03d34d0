#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
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

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class Scalar>
std::vector<Index> senses_of(const EmbeddingParts<Scalar>& parts, Index w, Index from) {
  std::vector<Index> senses(static_cast<std::size_t>(parts.lexicon.rank(w) - from));
  std::iota(senses.begin(), senses.end(), parts.lexicon.first_sense(w) + from);
  return senses;
}

/// Row w without the senses whose number is in `gone`, by the definition.
Vector<double> row_without(EmbeddingParts<double> parts, Index w, const std::vector<Index>& gone) {
  std::vector<double> gains;
  for (Index v = 0; v < parts.lexicon.words(); ++v)
    for (Index s = 0; s < parts.lexicon.rank(v); ++s)
      gains.push_back(
          std::ranges::count(gone, std::ssize(gains)) > 0 ? 0.0 : detail::gain_of(parts, v, s));
  parts.gain_scope = GainScope::sense;
  parts.gains = std::move(gains);
  return oracle::row(parts, w);
}

/// Calls check(w, gone, score of all of them) for what may go of one word: a sense, or the last
/// ones.
template <class Check>
void for_losses(const EmbeddingParts<double>& parts, const std::vector<double>& scores,
                const Check& check) {
  for (Index w = 0; w < parts.lexicon.words(); ++w)
    for (Index s = 0; s < parts.lexicon.rank(w); ++s) {
      const Index first = parts.lexicon.first_sense(w) + s;
      std::vector<Index> gone{first};
      if (detail::drops_from_last(parts)) gone = senses_of(parts, w, s);
      double score = 0;
      for (const Index sense : gone) score += scores[std::size_t(sense)];
      check(w, gone, score);
    }
}

RowMatrix<double> random_matrix(Index rows, Index cols, Random& random) {
  return RowMatrix<double>::NullaryExpr(rows, cols, [&](Index, Index) { return random.normal(); });
}

RowLoss random_loss(Index rows, Index dim, Random& random) {
  RowLoss loss;
  for (Index w = 0; w < rows; ++w) loss.weights.push_back(float(random.uniform()));
  const RowMatrix<float> v = random_matrix(dim + 2, dim, random).cast<float>();
  loss.activation = v.transpose() * v;
  return loss;
}

double loss_of(const RowLoss& loss, Index w, const Vector<double>& change) {
  const double weight = loss.weights.empty() ? 1.0 : double{loss.weights[std::size_t(w)]};
  return loss.activation.size() == 0
             ? weight / 2 * change.squaredNorm()
             : weight / 2 * change.dot(loss.activation.cast<double>() * change);
}

/// Setups without LayerNorm that have terms.
std::vector<oracle::Setup> linear_setups() {
  std::vector<oracle::Setup> setups = oracle::setups();
  std::erase_if(setups, [](const auto& setup) { return setup.layer_norm; });
  return setups;
}

std::vector<double> ascending_scores(Index senses) {
  Random random(3);
  std::vector<double> scores(static_cast<std::size_t>(senses));
  for (double& score : scores) score = random.uniform();
  return scores;
}

}  // namespace

TEST_CASE("activation scores are what the loss grows by", "[prune]") {
  for (const auto& setup : linear_setups()) {
    const auto parts = oracle::random_parts<double>(setup);
    const EntangledEmbedding<double> layer(parts);
    Random random(5);
    for (const RowLoss& loss : {RowLoss{}, random_loss(setup.words, parts.embedding_dim(), random)})
      for_losses(parts, activation_scores(layer, loss),
                 [&](Index w, const std::vector<Index>& gone, double score) {
                   const double grown =
                       loss_of(loss, w, row_without(parts, w, gone) - oracle::row(parts, w));
                   CHECK(score == Approx(grown).epsilon(1e-9).margin(1e-9));
                 });
  }
}

TEST_CASE("fisher scores are exact for the quadratic of their gradients", "[prune]") {
  for (const auto& setup : linear_setups()) {
    const auto parts = oracle::random_parts<double>(setup);
    const EntangledEmbedding<double> layer(parts);
    Random random(7);
    FisherScores fisher(layer);
    std::vector<Index> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(Index(random.below(std::size_t(setup.words))));
    const RowMatrix<double> gradients = random_matrix(40, parts.embedding_dim(), random);
    fisher.add(std::span(ids).first(15), gradients.topRows(15));
    fisher.add(std::span(ids).last(25), gradients.bottomRows(25) / 25, 25);  // of a mean
    for (const bool first_order : {false, true})
      for_losses(parts, fisher.scores(first_order),
                 [&](Index w, const std::vector<Index>& gone, double score) {
                   const Vector<double> move = row_without(parts, w, gone) - oracle::row(parts, w);
                   double grown = 0;
                   for (Index i = 0; i < 40; ++i)
                     if (ids[std::size_t(i)] == w) {
                       const double dot = gradients.row(i).dot(move);
                       grown += (dot * dot / 2 + (first_order ? dot : 0)) / (i < 15 ? 1 : 25);
                     }
                   CHECK(score == Approx(grown).epsilon(1e-9).margin(1e-9));
                 });
  }
}

TEST_CASE("a fisher score of one sample a gradient is that of the activation", "[prune]") {
  // Gradients v of all axes in turn have the second moments of the identity.
  auto parts = oracle::random_parts<double>({.rank = 3, .gains = GainScope::sense});
  parts.padding_idx = 2;
  const EntangledEmbedding<double> layer(parts);
  FisherScores fisher(layer);
  const Index dim = layer.embedding_dim();
  for (Index w = 0; w < layer.num_embeddings(); ++w)
    fisher.add(std::vector<Index>(std::size_t(dim), w), RowMatrix<double>::Identity(dim, dim));
  const auto scores = fisher.scores(), others = activation_scores(layer);
  const auto sizes = size_scores(layer);
  for (std::size_t s = 0; s < scores.size(); ++s) {
    CHECK(scores[s] == Approx(others[s]).margin(1e-12));
    CHECK(sizes[s] == others[s]);
  }
  for (const Index s : senses_of(parts, 2, 0)) CHECK(scores[std::size_t(s)] == 0);
}

TEST_CASE("moments of gradients are counts and one covariance", "[prune]") {
  GradientMoments moments(4, 2);
  CHECK_THROWS_WITH(moments.loss(), "moments of no gradients, needed a batch of them");
  RowMatrix<float> gradients(3, 2);
  gradients << 1, 0, 2, 1, 0, 3;
  moments.add({1, 1, 3}, gradients);
  moments.add({1, 1, 3}, RowMatrix<float>(gradients / 3), 3);  // of a mean
  const RowLoss loss = moments.loss();
  CHECK(loss.weights == std::vector<float>{1, 5, 1, 3});
  CHECK(loss.activation.isApprox(gradients.transpose() * gradients / 3, 1e-6F));
  CHECK_THROWS_AS(moments.add({1, 1, 4}, gradients), Error);
  CHECK_THROWS_AS(moments.add({1, 1}, gradients), Error);
}

TEST_CASE("fisher scores go through a LayerNorm to first order", "[prune]") {
  const auto parts = oracle::random_parts<double>(
      {.dims = {3, 4}, .rank = 3, .gains = GainScope::sense, .mean = true, .layer_norm = true});
  const EntangledEmbedding<double> layer(parts);
  Random random(4);
  const RowMatrix<double> gradient = random_matrix(1, layer.embedding_dim(), random);
  for (Index w = 0; w < layer.num_embeddings(); ++w) {
    FisherScores fisher(layer);
    fisher.add({w}, gradient);
    const auto scores = fisher.scores();
    for (const Index s : senses_of(parts, w, 0)) {
      auto moved = parts;
      const double step = 1e-6;
      moved.gains.mutate()[s] *= 1 - step;
      const double slope =
          gradient.row(0).dot(oracle::row(moved, w) - oracle::row(parts, w)) / step;
      CHECK(scores[std::size_t(s)] == Approx(slope * slope / 2).epsilon(1e-4).margin(1e-7));
    }
  }
  CHECK_THROWS_WITH(activation_scores(layer),
                    "activation scores of an embedding with a LayerNorm, needed one without "
                    "(FisherScores take it)");
}

TEST_CASE("scores of units are sums over their terms", "[prune]") {
  const Lexicon lexicon = LexiconBuilder(SlotTable::shared(2, 4))
                              .word()
                              .sense({0, 0})
                              .sense({0, 1})
                              .word()
                              .word()
                              .sense({2, 1})
                              .finish();
  const std::vector<double> scores{1, 2, 4};
  CHECK(unit_scores(lexicon, scores) == std::vector<std::vector<double>>{{3, 6, 4, 0}});
  CHECK_THROWS_WITH(unit_scores(lexicon, std::vector<double>{1}),
                    "unit scores from 1 scores, needed one for each of 3 senses");
}

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
  auto scores = ascending_scores(made.lexicon.senses());
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
