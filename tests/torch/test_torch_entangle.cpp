#include <sstream>

#include "see/file/model_file.hpp"
#include "see/torch/torch.hpp"
#include "temp_dir.hpp"
#include "torch_layers.hpp"

using namespace torch_layers;
using see::GainScope;
using see::torch::AnyEmbedding;
using see::torch::EntangledEmbedding;
using see::torch::EntangleOptions;
using see::torch::FromPretrainedOptions;

namespace {

/// Rows of a few directions and noise, as tables of words are.
Tensor table_of(std::int64_t rows, std::int64_t dim, std::int64_t seed = 1) {
  ::torch::manual_seed(static_cast<std::uint64_t>(seed));
  return ::torch::matmul(::torch::randn({rows, 6}), ::torch::randn({6, dim})) +
         0.1 * ::torch::randn({rows, dim});
}

double error_of_rows(const Tensor& fitted, const Tensor& table) {
  return ((fitted - table).square().sum() / table.square().sum()).item<double>();
}

struct TranslatorImpl : ::torch::nn::Module {
  TranslatorImpl()
      : source(::torch::nn::EmbeddingOptions(300, 16).padding_idx(1)),
        target(200, 16),
        plain(250, 16) {
    const ::torch::NoGradGuard guard;
    source->dense()->weight.copy_(table_of(300, 16));
    target->dense()->weight.copy_(table_of(200, 16, 2));
    plain->weight.copy_(table_of(250, 16, 3));
    inner->push_back(::torch::nn::Linear(16, 16));
    inner->push_back(::torch::nn::Linear(16, 16));
    register_module("source", source);
    register_module("inner", inner);
    register_module("target", target);
    register_module("output", target);  // tied
    register_module("plain", plain);
  }

  Tensor forward(const Tensor& ids) { return target->logits(inner->forward(source(ids))); }

  AnyEmbedding source, target;
  ::torch::nn::Embedding plain;
  ::torch::nn::Sequential inner;
};
TORCH_MODULE(Translator);

bool is_word_table(const std::string& name) { return name != "plain"; }

}  // namespace

TEST_CASE("a layer fitted to a dense table is near to it and trains") {
  const Tensor table = table_of(400, 16);
  auto embedding = EntangledEmbedding::from_pretrained(
      table, FromPretrainedOptions().ratio(8).freeze(false).padding_idx(-1));
  REQUIRE(embedding->padding_idx() == 399);
  REQUIRE(error_of_rows(embedding->to_dense().narrow(0, 0, 399), table.narrow(0, 0, 399)) < 0.3);
  embedding(::torch::tensor({0, 399})).sum().backward();
  auto frozen = EntangledEmbedding::from_pretrained(
      table.to(::torch::kDouble),
      FromPretrainedOptions().compress({.bytes = 4000, .method = "induced"}));
  REQUIRE(frozen->tensors()[0].scalar_type() == ::torch::kDouble);
  REQUIRE_FALSE(frozen(::torch::tensor({1})).requires_grad());
  auto coded = EntangledEmbedding::from_pretrained(
      table, FromPretrainedOptions().compress({.ratio = 8, .method = "trellis"}));
  REQUIRE(error_of_rows(coded->to_dense(), table) < 0.3);
  REQUIRE_FALSE(coded(::torch::tensor({1})).requires_grad());
  REQUIRE_THAT(error_of([] {
                 EntangledEmbedding::from_pretrained(::torch::ones({3}), FromPretrainedOptions());
               }),
               contains("to_table: a table of type Float and 3, needed rows x dim"));
  REQUIRE_THAT(error_of([&] {
                 EntangledEmbedding::from_pretrained(table, FromPretrainedOptions().ratio(1e6));
               }),
               contains("bytes"));
}

TEST_CASE("a module goes to a model file and comes back") {
  const TempDir dir;
  const auto path = dir.path() / "layer.see";
  EntangledEmbedding module(small_parts(GainScope::sense, true, 2));
  see::save_model(path, module->layer<double>());
  EntangledEmbedding back(see::load_model<double>(path).embedding);
  REQUIRE(::torch::equal(back->to_dense(), module->to_dense()));
  REQUIRE(back->padding_idx() == 2);
  back(::torch::tensor({0, 1})).sum().backward();
  ::torch::optim::SGD(back->parameters(), 1).step();  // the mapped file is not written to
  REQUIRE(::torch::equal(EntangledEmbedding(see::load_model<double>(path).embedding)->to_dense(),
                         module->to_dense()));
}

TEST_CASE("entangle exchanges the tables of a model") {
  Translator model;
  const Tensor ids = ::torch::tensor({{0, 5, 1}}), targets = ::torch::tensor({{7, 8, 9}});
  const Tensor before = model(ids).detach();
  const Tensor dense = model->target->dense()->weight.detach().clone();
  const auto report = see::torch::entangle(
      model, EntangleOptions().fit(FromPretrainedOptions().ratio(4).freeze(false)));
  REQUIRE(report.tables.size() == 3);
  std::vector<std::string> names;
  for (const auto& table : report.tables) names.push_back(table.name);
  REQUIRE(names == std::vector<std::string>{"source", "target", "plain"});
  REQUIRE(report.tables[0].in_place);
  REQUIRE_FALSE(report.tables[2].in_place);
  REQUIRE(report.tables[2].layer->num_embeddings() == 250);
  REQUIRE(model->source->is_entangled());
  REQUIRE(model->source->entangled()->padding_idx() == 1);
  REQUIRE(report.bytes_before() == 4 * 16 * 750);
  REQUIRE(report.bytes_after() < report.bytes_before() / 2);
  for (const auto& table : report.tables) {
    REQUIRE(table.relative_error > 0);
    REQUIRE(table.relative_error < 0.3);
  }
  REQUIRE(error_of_rows(model->target->entangled()->to_dense(), dense) ==
          Approx(report.tables[1].relative_error));
  REQUIRE_THAT(report.to_string(), contains("plain: 16000 -> ") && contains("not in place"));
  for (const auto& item : model->named_parameters())
    REQUIRE_THAT(item.key(), !contains("source.table.weight"));

  const Tensor after = model(ids);
  REQUIRE(after.sizes() == before.sizes());
  const Tensor loss =
      model->target->cross_entropy(model->inner->forward(model->source(ids)), targets);
  REQUIRE(largest_difference(loss, ::torch::nn::functional::cross_entropy(
                                       after.flatten(0, 1), targets.flatten())) < 1e-4);
  loss.backward();
  ::torch::optim::Adam adam(see::torch::unique_parameters(*model));
  adam.step();
  REQUIRE(largest_difference(model(ids), after) > 1e-6);
  REQUIRE_THAT(error_of([&] { model->source->dense(); }), contains("but it is entangled"));

  std::stringstream stream;
  ::torch::save(model, stream);
  Translator other;
  for (const auto& table : {other->source, other->target})
    REQUIRE_THAT(error_of([&] { table->entangled(); }), contains("but it is dense"));
  other->source->entangle(EntangledEmbedding(report.tables[0].layer->layer()));
  other->target->entangle(EntangledEmbedding(report.tables[1].layer->layer()));
  ::torch::load(other, stream);
  REQUIRE(::torch::equal(other(ids), model(ids)));
}

TEST_CASE("entangle exchanges the tables of bags") {
  struct TaggerImpl : ::torch::nn::Module {
    TaggerImpl()
        : bag(::torch::nn::EmbeddingBagOptions(300, 16)
                  .mode(::torch::kSum)
                  .include_last_offset(true)
                  .padding_idx(1)),
          plain(::torch::nn::EmbeddingBagOptions(200, 16).mode(::torch::kMax)),
          tied(200, 16) {
      {
        const ::torch::NoGradGuard guard;
        bag->dense()->weight.copy_(table_of(300, 16));
        plain->weight.copy_(table_of(200, 16, 2));
      }
      register_module("bag", bag);
      register_module("plain", plain);
      tied->dense()->weight = plain->weight;
      register_module("tied", tied);
    }
    see::torch::AnyEmbeddingBag bag;
    ::torch::nn::EmbeddingBag plain;
    AnyEmbedding tied;
  };
  const auto model = std::make_shared<TaggerImpl>();
  const Tensor ids = ::torch::tensor({0, 5, 1, 7}), offsets = ::torch::tensor({0, 3, 4});
  const Tensor before = model->bag(ids, offsets).detach();
  const auto report = see::torch::entangle(
      model, EntangleOptions().fit(FromPretrainedOptions().ratio(4).freeze(false)));
  REQUIRE(report.tables.size() == 2);
  REQUIRE(report.tables[0].name == "bag");
  REQUIRE(report.tables[0].in_place);
  REQUIRE(model->bag->is_entangled());
  auto bag = model->bag->entangled();
  REQUIRE(see::torch::detail::to_bag_mode(bag->mode()) == see::BagMode::sum);
  REQUIRE(bag->include_last_offset());
  REQUIRE(bag->padding_idx() == 1);
  REQUIRE(bag->tensors()[0].is_same(report.tables[0].bag->tensors()[0]));
  const Tensor after = model->bag(ids, offsets);
  REQUIRE(after.sizes() == before.sizes());
  REQUIRE(error_of_rows(after, before) < 0.3);
  after.sum().backward();
  REQUIRE(bag->tensors()[0].grad().defined());
  REQUIRE_THAT(error_of([&] { model->bag->dense(); }), contains("but it is entangled"));

  auto plain = report.tables[1];
  REQUIRE(plain.name == "plain");
  REQUIRE_FALSE(plain.in_place);
  REQUIRE(see::torch::detail::to_bag_mode(plain.bag->mode()) == see::BagMode::max);
  REQUIRE(model->tied->is_entangled());
  REQUIRE(plain.bag->tensors()[0].is_same(model->tied->entangled()->tensors()[0]));
  REQUIRE(plain.bag->forward(ids, offsets.slice(0, 0, 2)).sizes() == ::torch::IntArrayRef({2, 16}));

  auto copy = std::dynamic_pointer_cast<see::torch::AnyEmbeddingBagImpl>(model->bag->clone());
  REQUIRE(::torch::equal(copy->forward(ids, offsets), after));
  REQUIRE_FALSE(copy->parameters()[0].is_same(model->bag->parameters()[0]));
  see::torch::AnyEmbeddingBag dense(30, 8);
  copy = std::dynamic_pointer_cast<see::torch::AnyEmbeddingBagImpl>(dense->clone());
  REQUIRE(::torch::equal(copy->dense()->weight, dense->dense()->weight));
  REQUIRE_THAT(error_of([&] { dense->entangled(); }), contains("but it is dense"));
  REQUIRE_THAT(error_of([&] { dense->entangle(see::torch::EntangledEmbeddingBag(31, 8)); }),
               contains("a table of 31 x 8, needed 30 x 8"));
  REQUIRE_THAT(error_of([] {
                 see::torch::entangle(
                     ::torch::nn::EmbeddingBag(::torch::nn::EmbeddingBagOptions(9, 4).max_norm(1)));
               }),
               contains("max_norm"));
  const auto other = std::make_shared<TaggerImpl>();
  other->bag->dense()->weight = other->plain->weight;
  REQUIRE_THAT(error_of([&] { see::torch::entangle(other); }), contains("the same padding row"));
}

TEST_CASE("tables share one inventory") {
  Translator model;
  const auto report =
      see::torch::entangle(model, EntangleOptions()
                                      .filter(is_word_table)
                                      .share(true)
                                      .fit(FromPretrainedOptions().ratio(4).freeze(false)));
  REQUIRE(report.tables.size() == 2);
  for (const auto& table : report.tables) REQUIRE(table.relative_error < 0.3);
  auto source = model->source->entangled();
  auto target = model->target->entangled();
  REQUIRE(source->tensors()[0].is_same(target->tensors()[0]));
  REQUIRE(source->padding_idx() == 1);
  REQUIRE_FALSE(target->padding_idx().has_value());
  const auto all = model->parameters(), unique = see::torch::unique_parameters(*model);
  REQUIRE(unique.size() < all.size());
  const Tensor rows = target(::torch::tensor({3})).detach();
  source(::torch::arange(10)).square().sum().backward();
  ::torch::optim::SGD(unique, 0.1).step();
  REQUIRE(largest_difference(target(::torch::tensor({3})), rows) > 1e-6);
  model->to(::torch::kDouble);
  REQUIRE(source->tensors()[0].is_same(target->tensors()[0]));
  source(::torch::tensor({3})).sum().backward();

  using see::torch::from_pretrained_shared;
  REQUIRE_THAT(error_of([] {
                 from_pretrained_shared({::torch::ones({3, 4}), ::torch::ones({3, 5})},
                                        {std::nullopt, std::nullopt});
               }),
               contains("a table of 3 x 5, needed the width of the first, 3 x 4"));
  REQUIRE_THAT(error_of([] { from_pretrained_shared({}, {}); }), contains("0 tables"));
  REQUIRE_THAT(error_of([] {
                 const Tensor table = table_of(300, 16);
                 from_pretrained_shared(
                     {table, table}, {std::nullopt, std::nullopt},
                     FromPretrainedOptions().compress({.ratio = 8, .method = "trellis"}));
               }),
               contains("needed terms alone"));
}

TEST_CASE("parts of a layer have its rows") {
  for (const auto gains : {GainScope::none, GainScope::term, GainScope::sense}) {
    auto parts = small_parts(gains);
    const std::vector<std::uint32_t> scales = {0, 1, 1, 0, 1, 0, 1};
    parts.word_scale = {std::vector<double>{0.5, 2},
                        see::PackedArray(std::span<const std::uint32_t>(scales), 1)};
    const see::EntangledEmbedding<double> layer(parts);
    const auto part = see::torch::detail::part_of(layer, 2, 4);
    REQUIRE(part.to_dense() == layer.to_dense().middleRows(2, 4));
  }
}

TEST_CASE("an embedding of either kind has the same head") {
  AnyEmbedding any(::torch::nn::EmbeddingOptions(20, 8));
  const Tensor hidden = ::torch::randn({2, 3, 8}), targets = ::torch::randint(20, {2, 3});
  const Tensor needed = ::torch::matmul(hidden, any->dense()->weight.t());
  REQUIRE(largest_difference(any->logits(hidden), needed) == 0);
  REQUIRE(largest_difference(any->cross_entropy(hidden, targets),
                             ::torch::nn::functional::cross_entropy(needed.flatten(0, 1),
                                                                    targets.flatten())) < 1e-6);
  auto copy = std::dynamic_pointer_cast<see::torch::AnyEmbeddingImpl>(any->clone());
  REQUIRE(::torch::equal(copy->forward(targets), any(targets)));
  REQUIRE_FALSE(copy->dense()->weight.is_same(any->dense()->weight));
  AnyEmbedding entangled(EntangledEmbedding(20, 8));
  copy = std::dynamic_pointer_cast<see::torch::AnyEmbeddingImpl>(entangled->clone());
  REQUIRE(::torch::equal(copy->forward(targets), entangled(targets)));
  REQUIRE_FALSE(copy->parameters()[0].is_same(entangled->parameters()[0]));
  REQUIRE_THAT(error_of([&] { any->entangle(EntangledEmbedding(21, 8)); }),
               contains("a table of 21 x 8, needed 20 x 8"));
  const auto none = std::make_shared<TranslatorImpl>();
  REQUIRE_THAT(error_of([&] {
                 see::torch::entangle(
                     none, EntangleOptions().filter([](const std::string&) { return false; }));
               }),
               contains("without a dense table"));
  const ::torch::nn::Embedding limited(::torch::nn::EmbeddingOptions(9, 4).max_norm(1));
  REQUIRE_THAT(error_of([&] { see::torch::entangle(limited); }), contains("max_norm"));
}

TEST_CASE("two hundred steps of Adam are those of the same equation in torch's operations") {
  // Words of two senses over 12 units of 2 vectors, 4 x 4, a gain for each sense.
  constexpr std::int64_t words = 40, units = 12, vectors = 2, q = 4;
  see::Random random(11);
  std::vector<see::Index> numbers;
  for (int i = 0; i < words * 2 * 2; ++i)
    numbers.push_back(static_cast<see::Index>(random.below(units)));
  const std::vector<see::Index> ranks(words, 2);
  const see::Lexicon lexicon(see::SlotTable::shared(2, units), ranks, numbers);
  EntangledEmbedding ours(
      see::make_parts<double>(see::Shape({q, q}), lexicon, vectors, {.gains = GainScope::sense}));
  const Tensor index = ::torch::tensor(std::vector<std::int64_t>(numbers.begin(), numbers.end()))
                           .reshape({words, 2, 2});
  Tensor inventory = ours->tensors()[0].detach().clone().set_requires_grad(true);
  Tensor gains = ours->tensors()[1].detach().clone().set_requires_grad(true);
  const auto theirs = [&](const Tensor& ids) {
    const Tensor chosen = index.index_select(0, ids);
    const auto factor = [&](std::int64_t slot) {
      return inventory.index_select(0, chosen.select(2, slot).flatten())
          .reshape({-1, 2, vectors, q});
    };
    return ::torch::einsum("nsma,nsmb,ns->nab",
                           {factor(0), factor(1), gains.reshape({words, 2}).index_select(0, ids)})
        .reshape({-1, q * q});
  };
  REQUIRE(largest_difference(ours(::torch::arange(words)), theirs(::torch::arange(words))) < 1e-12);

  ::torch::manual_seed(12);
  const Tensor target = ::torch::randn({words, q * q}, ::torch::kDouble);
  const auto options = ::torch::optim::AdamOptions(0.01);
  ::torch::optim::Adam own(ours->parameters(), options), other({inventory, gains}, options);
  const auto step = [&](::torch::optim::Adam& adam, const Tensor& rows, const Tensor& ids) {
    adam.zero_grad();
    ::torch::mse_loss(rows, target.index_select(0, ids)).backward();
    adam.step();
  };
  for (int i = 0; i < 200; ++i) {
    const Tensor ids = ::torch::randint(words, {16});
    step(own, ours(ids), ids);
    step(other, theirs(ids), ids);
  }
  REQUIRE(largest_difference(ours->tensors()[0], inventory) < 1e-5);
  REQUIRE(largest_difference(ours->tensors()[1], gains) < 1e-5);
}
