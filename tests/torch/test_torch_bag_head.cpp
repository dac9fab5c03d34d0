#include "see/torch/any_embedding.hpp"
#include "see/torch/bag.hpp"
#include "torch_layers.hpp"

using namespace torch_layers;
using see::GainScope;
using see::torch::BagMode;
using see::torch::EntangledEmbedding;
using see::torch::EntangledEmbeddingBag;
namespace F = ::torch::nn::functional;

namespace {

Tensor longs(std::vector<std::int64_t> numbers) { return ::torch::tensor(numbers); }

Tensor doubles(std::vector<double> numbers) { return ::torch::tensor(numbers, ::torch::kDouble); }

/// The gradients of sum(weights * ours) and sum(weights * theirs), ours with respect to the
/// parameters, theirs through the dense table `dense` of all rows.
void check_same_gradients(EntangledEmbedding& embedding, const Tensor& ours, const Tensor& theirs,
                          const Tensor& dense, double tolerance = 1e-11) {
  ::torch::manual_seed(8);
  const Tensor weights = ::torch::randn(ours.sizes(), ::torch::kDouble);
  const auto own = ::torch::autograd::grad({(weights * ours).sum()}, embedding->parameters());
  const auto to_dense = ::torch::autograd::grad({(weights * theirs).sum()}, {dense})[0];
  const Tensor rows = embedding(::torch::arange(embedding->num_embeddings()));
  const auto needed = ::torch::autograd::grad({(to_dense * rows).sum()}, embedding->parameters());
  for (std::size_t i = 0; i < own.size(); ++i)
    REQUIRE(largest_difference(own[i], needed[i]) < tolerance);
}

}  // namespace

TEST_CASE("bags are those of torch on the same dense table") {
  const auto mode = GENERATE(0, 1, 2);
  const BagMode modes[] = {::torch::kSum, ::torch::kMean, ::torch::kMax};
  const bool include_last = GENERATE(false, true), padded = GENERATE(false, true);
  CAPTURE(mode, include_last, padded);
  const auto parts =
      small_parts(GainScope::sense, false, padded ? std::optional<see::Index>(3) : std::nullopt);
  EntangledEmbedding embedding(parts);
  EntangledEmbeddingBag bag(embedding, modes[mode], include_last);
  ::torch::nn::EmbeddingBagOptions options(7, 8);
  options.mode(modes[mode]).include_last_offset(include_last);
  if (padded) options.padding_idx(3);
  ::torch::nn::EmbeddingBag theirs(options);
  const Tensor dense = embedding->to_dense().set_requires_grad(true);
  theirs->weight = dense;
  const Tensor ids = longs({0, 3, 3, 1, 6, 2, 3, 5, 5, 4});
  const Tensor offsets =
      include_last ? longs({0, 2, 2, 7, 10}) : longs({0, 2, 2, 7});  // the second bag is empty

  const Tensor rows = bag(ids, offsets), needed = theirs(ids, offsets);
  REQUIRE(largest_difference(rows, needed) < 1e-14);
  check_same_gradients(embedding, rows, needed, dense);
  const Tensor short_rows = bag(ids.to(::torch::kInt), offsets.to(::torch::kInt));
  REQUIRE(::torch::equal(short_rows, rows));

  if (!include_last) {
    const Tensor square = ids.reshape({2, 5});
    REQUIRE(largest_difference(bag(square), theirs(square)) < 1e-14);
    check_same_gradients(embedding, bag(square), theirs(square), dense);
  }
  if (mode != 0) return;
  const Tensor own = ::torch::randn({10}, ::torch::kDouble).set_requires_grad(true);
  const Tensor weighted = bag(ids, offsets, own), other = theirs(ids, offsets, own);
  REQUIRE(largest_difference(weighted, other) < 1e-14);
  check_same_gradients(embedding, weighted, other, dense);
  const auto to_own = ::torch::autograd::grad({bag(ids, offsets, own).square().sum()}, {own})[0];
  const auto to_theirs =
      ::torch::autograd::grad({theirs(ids, offsets, own).square().sum()}, {own})[0];
  REQUIRE(largest_difference(to_own, to_theirs) < 1e-12);
}

TEST_CASE("gradients of bags are those of finite differences") {
  EntangledEmbedding embedding(small_parts(GainScope::term, false, 4));
  Tensor weights = ::torch::randn({6}, ::torch::kDouble).set_requires_grad(true);
  EntangledEmbeddingBag bag(embedding, ::torch::kSum);
  std::vector<Tensor> inputs = bag->parameters();
  inputs.push_back(weights);
  check_gradients([&] { return bag(longs({0, 3, 4, 6, 1, 0}), longs({0, 4}), weights); }, inputs);
}

TEST_CASE("bags share, freeze and stand in a Sequential") {
  EntangledEmbedding embedding(small_parts());
  EntangledEmbeddingBag bag(embedding, ::torch::kSum);
  const Tensor before = bag(longs({0}).unsqueeze(0)).detach();
  {
    const ::torch::NoGradGuard guard;
    embedding->tensors()[0].mul_(2);
  }
  REQUIRE(largest_difference(bag(longs({0}).unsqueeze(0)), 4 * before) < 1e-12);
  ::torch::nn::Sequential sequential(bag);
  REQUIRE(sequential->forward(longs({0, 1}).unsqueeze(0)).sizes() == ::torch::IntArrayRef({1, 8}));
  EntangledEmbeddingBag fresh(
      see::torch::EntangledEmbeddingBagOptions(20, 8).rank(2).mode(::torch::kMax).padding_idx(0));
  REQUIRE(fresh(longs({0, 0}), longs({0})).abs().max().item<double>() == 0);
}

TEST_CASE("what bags cannot do they refuse") {
  EntangledEmbedding embedding(small_parts());
  EntangledEmbeddingBag bag(embedding, ::torch::kMean), last(embedding, ::torch::kSum, true);
  const Tensor ids = longs({0, 1, 2});
  const auto error = [&](EntangledEmbeddingBag& some, auto... arguments) {
    return error_of([&] { some(arguments...); });
  };
  REQUIRE_THAT(error(bag, ids), contains("needed offsets"));
  REQUIRE_THAT(error(bag, ids.unsqueeze(0), longs({0})), contains("a row is a bag"));
  REQUIRE_THAT(error(bag, ids.reshape({1, 1, 3})), contains("one or two dimensions"));
  REQUIRE_THAT(error(bag, ids, longs({1})), contains("offset 1 of bag 0"));
  REQUIRE_THAT(error(bag, ids, longs({0, 2, 1})), contains("offset 1 of bag 2"));
  REQUIRE_THAT(error(bag, ids, doubles({0})), contains("offsets: ids of type"));
  REQUIRE_THAT(error(bag, ids, longs({0}), doubles({1, 1, 1})), contains("the mode sum"));
  REQUIRE_THAT(error(bag, ids, longs({0}), doubles({1, 1})), contains("per_sample_weights of 2"));
  REQUIRE_THAT(error(bag, ids, longs({0}), ::torch::ones({3})), contains("of type Float"));
  REQUIRE_THAT(error(last, ids, longs({0, 2})), contains("a last offset of 2"));
  REQUIRE_THAT(error(bag, longs({9}), longs({0})), contains("id 9"));
}

TEST_CASE("logits are products with the dense table, and so are their gradients") {
  const bool layer_norm = GENERATE(false, true);
  EntangledEmbedding embedding(small_parts(GainScope::sense, layer_norm, 2));
  ::torch::manual_seed(4);
  Tensor hidden = ::torch::randn({2, 3, 8}, ::torch::kDouble).set_requires_grad(true);
  const Tensor dense = embedding->to_dense().set_requires_grad(true);
  const Tensor ours = see::torch::logits(embedding, hidden);
  const Tensor theirs = ::torch::matmul(hidden, dense.t());
  REQUIRE(largest_difference(ours, theirs) < 1e-12);
  check_same_gradients(embedding, ours, theirs, dense);
  std::vector<Tensor> inputs = embedding->parameters();
  inputs.push_back(hidden);
  check_gradients([&] { return see::torch::logits(embedding, hidden); }, inputs,
                  layer_norm ? 1e-5 : 1e-7);
}

TEST_CASE("a fused cross-entropy is that of torch on the same dense table") {
  const int reduction = GENERATE(0, 1, 2);
  const double smoothing = GENERATE(0.0, 0.1, 1.0);
  const auto ignored = GENERATE(-100, 5);
  const bool weighted = GENERATE(false, true), by_units = GENERATE(false, true);
  CAPTURE(reduction, smoothing, ignored, weighted, by_units);
  ::torch::manual_seed(4);
  EntangledEmbedding embedding(
      by_units ? see::make_word2ketxs<double>(90, 64, 2, 1, {.padding_idx = 2})
               : see::EntangledEmbedding<double>(small_parts(GainScope::term, false, 2)));
  const std::int64_t words = embedding->num_embeddings(), dim = embedding->embedding_dim();
  REQUIRE(see::detail::UnitIndex::is_cheaper(embedding->layer<double>().parts(), 16) == by_units);
  Tensor hidden = ::torch::randn({2, 8, dim}, ::torch::kDouble).set_requires_grad(true);
  const Tensor targets = longs({0, 5, 2, 6, 5, 1, 3, 3, 0, 5, 2, 6, 4, 4, 1, 0}).reshape({2, 8});
  see::torch::CrossEntropyOptions options;
  options.label_smoothing(smoothing).ignore_index(ignored);
  F::CrossEntropyFuncOptions same;
  same.label_smoothing(smoothing).ignore_index(ignored);
  if (reduction == 0) options.reduction(::torch::kMean), same.reduction(::torch::kMean);
  if (reduction == 1) options.reduction(::torch::kSum), same.reduction(::torch::kSum);
  if (reduction == 2) options.reduction(::torch::kNone), same.reduction(::torch::kNone);
  if (weighted) {
    const Tensor weight = ::torch::rand({words}, ::torch::kDouble);
    options.weight(weight);
    same.weight(weight);
  }
  const Tensor dense = embedding->to_dense().set_requires_grad(true);
  const auto loss = [&] { return see::torch::cross_entropy(embedding, hidden, targets, options); };
  const auto on = [&](const Tensor& table) {
    const Tensor losses = F::cross_entropy(::torch::matmul(hidden, table.t()).reshape({16, words}),
                                           targets.flatten(), same);
    return reduction == 2 ? losses.reshape({2, 8}) : losses;
  };
  const Tensor ours = loss(), theirs = on(dense);
  REQUIRE(ours.sizes() == theirs.sizes());
  REQUIRE(largest_difference(ours, theirs) < 1e-11);
  {
    const ::torch::NoGradGuard guard;
    REQUIRE(largest_difference(loss(), theirs) < 1e-11);
  }
  check_same_gradients(embedding, ours, theirs, dense);
  const Tensor shares = ::torch::randn(ours.sizes(), ::torch::kDouble);
  const auto to_own = ::torch::autograd::grad({(shares * loss()).sum()}, {hidden})[0];
  const auto to_theirs = ::torch::autograd::grad({(shares * on(dense)).sum()}, {hidden})[0];
  REQUIRE(largest_difference(to_own, to_theirs) < 1e-11);

  // So it is where the table is dense, in blocks of positions.
  ::torch::nn::Embedding table(words, dim);
  table->weight = dense;
  const see::torch::AnyEmbedding any(table);
  const Tensor in_blocks = any->cross_entropy(hidden, targets, options);
  REQUIRE(in_blocks.sizes() == theirs.sizes());
  REQUIRE(largest_difference(in_blocks, theirs) < 1e-12);
  const auto own = ::torch::autograd::grad({(shares * in_blocks).sum()}, {hidden, dense});
  const auto other = ::torch::autograd::grad({(shares * on(dense)).sum()}, {hidden, dense});
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(largest_difference(own[i], other[i]) < 1e-12);
  if (by_units) return;
  std::vector<Tensor> inputs = embedding->parameters();
  inputs.push_back(hidden);
  check_gradients(loss, inputs);
}

TEST_CASE("a dense cross-entropy in several blocks is that of torch") {
  ::torch::manual_seed(7);
  constexpr std::int64_t words = 300, positions = 45;  // blocks of 16
  see::torch::AnyEmbedding any(words, 4);
  Tensor hidden = ::torch::randn({positions, 4}).set_requires_grad(true);
  const Tensor targets = ::torch::randint(words, {positions});
  const Tensor weight = any->dense()->weight;
  const Tensor ours = any->cross_entropy(hidden, targets);
  const Tensor theirs = F::cross_entropy(::torch::matmul(hidden, weight.t()), targets);
  REQUIRE(largest_difference(ours, theirs) < 1e-5);
  const auto own = ::torch::autograd::grad({ours}, {hidden, weight});
  const auto other = ::torch::autograd::grad({theirs}, {hidden, weight});
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(largest_difference(own[i], other[i]) < 1e-6);
  const ::torch::NoGradGuard guard;
  REQUIRE(largest_difference(any->cross_entropy(hidden, targets), theirs) < 1e-5);
}

TEST_CASE("a mean of no targets is 0") {
  EntangledEmbedding embedding(small_parts());
  Tensor hidden = ::torch::randn({2, 8}, ::torch::kDouble).set_requires_grad(true);
  const Tensor loss = see::torch::cross_entropy(embedding, hidden, longs({-100, -100}));
  REQUIRE(loss.item<double>() == 0);
  loss.backward();
  REQUIRE(hidden.grad().abs().max().item<double>() == 0);
}

TEST_CASE("logits of a layer with LayerNorm follow its parameters") {
  EntangledEmbedding embedding(small_parts(GainScope::none, true));
  const Tensor hidden = ::torch::randn({2, 8}, ::torch::kDouble);
  const auto check = [&] {
    const ::torch::NoGradGuard guard;
    for (int i = 0; i < 2; ++i)
      REQUIRE(largest_difference(see::torch::logits(embedding, hidden),
                                 ::torch::matmul(hidden, embedding->to_dense().t())) < 1e-12);
  };
  check();
  ::torch::optim::SGD sgd(embedding->parameters(), 0.1);
  see::torch::logits(embedding, hidden).square().sum().backward();
  sgd.step();
  check();
  {
    const ::torch::NoGradGuard guard;
    embedding->tensors()[0].mul_(2);
  }
  check();
  const ::torch::InferenceMode mode;
  EntangledEmbedding other(small_parts(GainScope::none, true));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(largest_difference(see::torch::logits(other, hidden),
                               ::torch::matmul(hidden, other->to_dense().t())) < 1e-12);
    other->tensors()[0].mul_(2);
  }
}

TEST_CASE("a fused cross-entropy over many words has the same bits for any number of threads") {
  ::torch::manual_seed(6);
  EntangledEmbedding embedding(see::torch::EntangledEmbeddingOptions(9000, 32).rank(3));
  Tensor hidden = ::torch::randn({20, 32}).set_requires_grad(true);
  const Tensor targets = ::torch::randint(9000, {20});
  see::torch::CrossEntropyOptions options;
  options.label_smoothing(0.1);
  const Tensor scores = ::torch::matmul(hidden, embedding->to_dense().t());
  const auto theirs =
      F::cross_entropy(scores, targets, F::CrossEntropyFuncOptions().label_smoothing(0.1));
  const int threads = ::torch::get_num_threads();
  std::vector<Tensor> first;
  for (const int count : {1, 2, 3}) {
    ::torch::set_num_threads(count);
    const Tensor loss = see::torch::cross_entropy(embedding, hidden, targets, options);
    REQUIRE(largest_difference(loss, theirs) < 1e-4);
    std::vector<Tensor> inputs = embedding->parameters();
    inputs.push_back(hidden);
    auto all = ::torch::autograd::grad({loss}, inputs);
    all.push_back(loss);
    const Tensor some = see::torch::logits(embedding, hidden);
    for (const Tensor& each : ::torch::autograd::grad({some.square().sum()}, inputs))
      all.push_back(each);
    if (first.empty()) first = all;
    for (std::size_t i = 0; i < first.size(); ++i) REQUIRE(::torch::equal(first[i], all[i]));
  }
  ::torch::set_num_threads(threads);
}

TEST_CASE("a sampled cross-entropy over all words is the whole one") {
  EntangledEmbedding embedding(small_parts());
  Tensor hidden = ::torch::randn({3, 8}, ::torch::kDouble).set_requires_grad(true);
  const Tensor targets = ::torch::tensor({1, 0, 6}, ::torch::kInt);
  const auto sampled = [&] {
    return see::torch::sampled_cross_entropy(embedding, hidden, targets, see::Candidates::all(7));
  };
  REQUIRE(largest_difference(sampled(), see::torch::cross_entropy(embedding, hidden, targets)) <
          1e-12);
  std::vector<Tensor> inputs = embedding->parameters();
  inputs.push_back(hidden);
  check_gradients(sampled, inputs);
  see::Candidates some{{1, 3, 5}, {0.5, -0.25, 0}};
  check_gradients(
      [&] { return see::torch::sampled_cross_entropy(embedding, hidden, targets, some); }, inputs);
}

TEST_CASE("frozen parameters and hidden states get no gradient from a cross-entropy") {
  EntangledEmbedding embedding(small_parts());
  const Tensor targets = longs({1, 0});
  Tensor hidden = ::torch::randn({2, 8}, ::torch::kDouble);
  see::torch::CrossEntropyOptions smooth;
  smooth.label_smoothing(0.1);
  see::torch::cross_entropy(embedding, hidden, targets, smooth).backward();
  REQUIRE(embedding->tensors()[0].grad().defined());
  embedding->zero_grad();
  embedding->freeze();
  hidden.set_requires_grad(true);
  see::torch::cross_entropy(embedding, hidden, targets, smooth).backward();
  REQUIRE(hidden.grad().defined());
  see::torch::logits(embedding, hidden).sum().backward();
}

TEST_CASE("what the head cannot do it refuses") {
  EntangledEmbedding embedding(small_parts());
  const Tensor hidden = ::torch::randn({2, 8}, ::torch::kDouble), targets = longs({1, 0});
  const auto error = [&](const Tensor& states, const Tensor& words,
                         const see::torch::CrossEntropyOptions& options = {}) {
    return error_of([&] { see::torch::cross_entropy(embedding, states, words, options); });
  };
  REQUIRE_THAT(error(hidden.to(::torch::kFloat), targets),
               contains("hidden states of type Float, needed Double"));
  REQUIRE_THAT(error(::torch::randn({2, 7}, ::torch::kDouble), targets),
               contains("hidden states of 2 x 7, needed 8"));
  REQUIRE_THAT(error(hidden, longs({1})), contains("targets of 1, needed 2"));
  REQUIRE_THAT(error(hidden, longs({1, 7})), contains("target 7 at position 1"));
  REQUIRE_THAT(error(hidden, doubles({1, 0})), contains("ids of type Double"));
  see::torch::CrossEntropyOptions options;
  REQUIRE_THAT(error(hidden, targets, options.weight(doubles({1}))),
               contains("weights of classes of 1, needed 7"));
  REQUIRE_THAT(error(hidden, targets, options.weight(::torch::ones({7}))),
               contains("weights of classes of type Float"));
  options = {};
  options.label_smoothing(1.5);
  REQUIRE_THAT(error(hidden, targets, options), contains("label_smoothing of 1.5"));
  options.label_smoothing(0.5);
  REQUIRE_THAT(error_of([&] {
                 see::torch::sampled_cross_entropy(embedding, hidden, targets,
                                                   see::Candidates::all(7), options);
               }),
               contains("needed 0 with candidates"));
  REQUIRE_THAT(
      error_of([&] { see::torch::logits(embedding, ::torch::randn({3}, ::torch::kDouble)); }),
      contains("hidden states of 3, needed 8"));
}
