#include <span>
#include <vector>

#include "catch.hpp"
#include "see/model/builders.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/softmax_batch.hpp"

using see::EntangledEmbedding;
using see::GainScope;
using see::Gradient;
using see::Index;
using see::Random;
using see::RowMatrix;
using see::Vector;
using see::detail::SoftmaxStates;
using see::detail::SoftmaxTargets;
using see::detail::UnitIndex;
using see::detail::UnitSoftmax;

namespace {

std::vector<double> random_numbers(Index count, Random& random) {
  std::vector<double> numbers;
  for (Index i = 0; i < count; ++i) numbers.push_back(0.5 * random.normal());
  return numbers;
}

/// Words of 0 to 3 senses, the first from inventories of their own, of units of `vectors` vectors,
/// 3 x 4 cut to 11 numbers, with what else is asked for.
see::EmbeddingParts<double> ragged_parts(Index vectors, GainScope gains, bool scales, bool basis,
                                         std::optional<Index> padding_idx) {
  constexpr Index words = 300;
  see::SlotTable table{2, {5, 7, 40, 6}, {0, 1, 2, 3}};
  Random random(9);
  see::LexiconBuilder builder(table);
  for (Index w = 0; w < words; ++w) {
    builder.word();
    const auto senses = static_cast<Index>(random.below(4));
    for (Index s = 0; s < senses; ++s)
      builder.sense({static_cast<Index>(random.below(s == 0 ? 5 : 40)),
                     static_cast<Index>(random.below(s == 0 ? 7 : 6))});
  }
  auto parts = see::make_parts<double>(see::Shape({3, 4}, 11), builder.finish(), vectors,
                                       {.gains = gains, .padding_idx = padding_idx});
  for (std::size_t i = 0; i < parts.gains.size(); ++i) parts.gains.mutate()[i] = random.normal();
  if (scales) {
    std::vector<std::uint32_t> index;
    for (Index w = 0; w < words; ++w) index.push_back(static_cast<std::uint32_t>(w % 2));
    parts.word_scale = {std::vector<double>{0.5, 2},
                        see::PackedArray(std::span<const std::uint32_t>(index), 1)};
  }
  if (basis) {
    parts.basis.axes = random_numbers(11 * 8, random);
    parts.basis.mean = random_numbers(8, random);
  }
  return parts;
}

}  // namespace

TEST_CASE("losses by units and their gradients are those of dense rows") {
  const Index vectors = GENERATE(1, 2);
  const auto gains = GENERATE(GainScope::none, GainScope::term, GainScope::sense);
  const bool more = GENERATE(false, true), soft = GENERATE(false, true);
  CAPTURE(vectors, gains, more, soft);
  EntangledEmbedding<double> layer(
      ragged_parts(vectors, gains, more, more, more ? std::optional<Index>(4) : std::nullopt));
  const bool frozen = more && vectors == 2;
  if (frozen) layer.freeze_parameter(1);
  REQUIRE(UnitIndex::serves(layer.parts()));
  const Index words = layer.num_embeddings(), dim = layer.embedding_dim();
  Random random(2);
  constexpr Index batch = 37;  // more than two groups of states
  const RowMatrix<double> hidden =
      RowMatrix<double>::NullaryExpr(batch, dim, [&](Index, Index) { return random.normal(); });
  std::vector<int> targets;
  for (Index i = 0; i < batch; ++i)
    targets.push_back(i % 9 == 3 ? -1 : static_cast<int>(random.below(std::size_t(words))));
  targets[0] = 4;
  std::vector<double> of_words;
  for (Index w = 0; w < words; ++w) of_words.push_back(random.uniform());
  SoftmaxTargets<double> kind;
  if (soft) kind = {.smoothing = 0.2, .weights = of_words};
  const SoftmaxStates<double> states(words, dim, hidden, targets, -1, nullptr, kind);
  const auto shares = random_numbers(states.size(), random);
  const Vector<double> weights = Eigen::Map<const Vector<double>>(shares.data(), states.size());

  // By definition.
  const RowMatrix<double> rows = layer.to_dense();
  Vector<double> losses(states.size());
  RowMatrix<double> to_hidden(states.size(), dim), to_rows = RowMatrix<double>::Zero(words, dim);
  for (Index i = 0; i < states.size(); ++i) {
    const Vector<double> scores = rows * states.hidden().row(i).transpose();
    const double most = scores.maxCoeff();
    const double log_sum = most + std::log((scores.array() - most).exp().sum());
    Vector<double> wanted(words);
    for (Index w = 0; w < words; ++w) wanted[w] = states.soft(w);
    wanted[states.targets()[std::size_t(i)]] += states.hard(i);
    losses[i] = wanted.sum() * log_sum - wanted.dot(scores);
    const Vector<double> to_scores =
        weights[i] * (wanted.sum() * (scores.array() - log_sum).exp().matrix() - wanted);
    to_hidden.row(i) = to_scores.transpose() * rows;
    to_rows += to_scores * states.hidden().row(i);
  }
  Gradient<double> needed(layer);
  std::vector<Index> all;
  for (Index w = 0; w < words; ++w) all.push_back(w);
  layer.backward(all, to_rows, needed);

  const UnitSoftmax units(layer, states);
  const auto near = [](const auto& a, const auto& b) {
    return (a - b).cwiseAbs().maxCoeff() <= 1e-11 * (1 + b.cwiseAbs().maxCoeff());
  };
  Vector<double> found(states.size());
  units(found, nullptr, nullptr, nullptr, see::serial());
  CHECK(near(found, losses));
  std::vector<RowMatrix<double>> first;
  for (const unsigned threads : {1U, 3U}) {
    RowMatrix<double> own = RowMatrix<double>::Zero(states.size(), dim);
    Gradient<double> gradient(layer);
    found.setZero();
    units(found, &weights, &own, &gradient, see::threads(threads));
    CHECK(near(found, losses));
    CHECK(near(own, to_hidden));
    std::vector<RowMatrix<double>> results = {own};
    for (int p = 0; p < gradient.size(); ++p) {
      results.push_back(gradient[p].to_dense());
      CHECK(near(results.back(), needed[p].to_dense()));
    }
    if (first.empty()) first = results;
    CHECK(first == results);
  }
  if (frozen) CHECK(needed[1].touched().empty());
}

TEST_CASE("units serve embeddings of order 2 without codes and LayerNorm") {
  auto parts = ragged_parts(1, GainScope::none, false, false, {});
  REQUIRE(UnitIndex::serves(parts));
  REQUIRE(UnitIndex::is_cheaper(see::make_word2ketxs<float>(100000, 1024, 2, 2).parts(), 256));
  REQUIRE_FALSE(UnitIndex::is_cheaper(see::make_word2ketxs<float>(9, 16, 2, 8).parts(), 1));
  REQUIRE_FALSE(UnitIndex::serves(see::make_word2ketxs<float>(100, 27, 3, 2).parts()));
  REQUIRE_FALSE(
      UnitIndex::serves(see::make_word2ketxs<float>(100, 16, 2, 2, {.layer_norm = true}).parts()));
}

TEST_CASE("a cross-entropy by units is that of dense rows") {
  const auto layer = see::make_word2ketxs<double>(2000, 64, 2, 2);
  Random random(3);
  const RowMatrix<double> hidden =
      RowMatrix<double>::NullaryExpr(32, 64, [&](Index, Index) { return random.normal(); });
  std::vector<int> targets;
  for (Index i = 0; i < 32; ++i) targets.push_back(static_cast<int>(random.below(2000)));
  REQUIRE(UnitIndex::is_cheaper(layer.parts(), 32));
  const RowMatrix<double> table = layer.to_dense();
  const see::DenseEmbedding<double> dense(
      std::vector<double>(table.data(), table.data() + table.size()), 2000, 64);
  using Batch = see::detail::SoftmaxBatch<EntangledEmbedding<double>>;
  using DenseBatch = see::detail::SoftmaxBatch<see::DenseEmbedding<double>>;
  const SoftmaxTargets<double> kind{.smoothing = 0.1};
  Batch ours(layer, hidden, targets, -100, nullptr, kind);
  DenseBatch theirs(dense, hidden, targets, -100, nullptr, kind);
  const Vector<double> weights = Vector<double>::Constant(32, 0.05);
  RowMatrix<double> own(32, 64), other(32, 64);
  Gradient<double> gradient(layer), to_dense(dense), needed(layer);
  const Vector<double> losses = ours.losses_and_gradients(weights, own, &gradient, see::serial());
  const Vector<double> others =
      theirs.losses_and_gradients(weights, other, &to_dense, see::serial());
  CHECK((losses - others).cwiseAbs().maxCoeff() < 1e-11);
  CHECK((ours.losses(see::serial()) - others).cwiseAbs().maxCoeff() < 1e-11);
  CHECK((own - other).cwiseAbs().maxCoeff() < 1e-12);
  std::vector<Index> all;
  for (Index w = 0; w < 2000; ++w) all.push_back(w);
  layer.backward(all, to_dense[0].to_dense(), needed);
  for (int p = 0; p < gradient.size(); ++p)
    CHECK((gradient[p].to_dense() - needed[p].to_dense()).cwiseAbs().maxCoeff() < 1e-11);
}
