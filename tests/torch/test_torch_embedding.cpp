#include <sstream>

#include "torch_layers.hpp"

using namespace torch_layers;
using see::GainScope;
using see::torch::EntangledEmbedding;
using see::torch::EntangledEmbeddingOptions;

TEST_CASE("an entangled module gives the rows of the layer it is made from") {
  const auto parts = small_parts(GainScope::sense, true, -1);
  const see::EntangledEmbedding<double> layer(parts);
  EntangledEmbedding module(layer);
  REQUIRE(module->num_embeddings() == 7);
  REQUIRE(module->embedding_dim() == 8);
  REQUIRE(module->padding_idx() == 6);
  const Tensor dense = to_tensor(layer.to_dense());
  REQUIRE(largest_difference(module->to_dense(), dense) == 0);
  for (const auto type : {::torch::kLong, ::torch::kInt}) {
    const Tensor ids = ::torch::tensor({{1, 6, 3}, {0, 0, 2}}, type);
    const Tensor rows = module(ids);
    REQUIRE(rows.sizes() == ::torch::IntArrayRef({2, 3, 8}));
    REQUIRE(largest_difference(rows, dense.index_select(0, ids.flatten()).reshape({2, 3, 8})) == 0);
    REQUIRE(largest_difference(module(ids.t()), rows.transpose(0, 1)) == 0);
  }
  REQUIRE(module(::torch::tensor(4)).sizes() == ::torch::IntArrayRef({8}));
  REQUIRE(module(::torch::empty({0, 5}, ::torch::kLong)).sizes() ==
          ::torch::IntArrayRef({0, 5, 8}));
}

TEST_CASE("gradients of an entangled module are those of finite differences") {
  const auto gains = GENERATE(GainScope::none, GainScope::term, GainScope::sense);
  const bool layer_norm = GENERATE(false, true);
  EntangledEmbedding module(small_parts(gains, layer_norm, 4));
  const Tensor ids = ::torch::tensor({0, 3, 3, 4, 6, 1, 2});
  check_gradients([&] { return module(ids); }, module->parameters(), layer_norm ? 1e-5 : 1e-7);
}

TEST_CASE("the same form trains as torch's embedding does through its dense table") {
  // The gradient of the dense table, pulled back, is ours: both sum over repeated ids and leave the
  // padding row out.
  EntangledEmbedding module(small_parts(GainScope::none, false, 0));
  ::torch::nn::Embedding dense(::torch::nn::EmbeddingOptions(7, 8).padding_idx(0));
  {
    const ::torch::NoGradGuard guard;
    dense->weight.set_data(module->to_dense());
  }
  const Tensor ids = ::torch::tensor({{0, 3, 1}, {3, 0, 6}}, ::torch::kLong);
  const Tensor out_gradient = ::torch::randn({2, 3, 8}, ::torch::kDouble);
  REQUIRE(largest_difference(module(ids), dense(ids)) == 0);
  (dense(ids) * out_gradient).sum().backward();
  (module(ids) * out_gradient).sum().backward();
  const Tensor ours = module->tensors()[0].grad().clone();
  module->zero_grad();
  (module(::torch::arange(7)) * dense->weight.grad()).sum().backward();
  REQUIRE(largest_difference(ours, module->tensors()[0].grad()) < 1e-12);
  REQUIRE(dense->weight.grad()[0].abs().max().item<double>() == 0);
}

TEST_CASE("parameters of an entangled module are ordinary ones") {
  EntangledEmbedding module(small_parts(GainScope::term, true));
  std::vector<std::string> names;
  for (const auto& item : module->named_parameters()) names.push_back(item.key());
  REQUIRE(names ==
          std::vector<std::string>{"inventory_0", "gains", "layer_norm_weight", "layer_norm_bias"});
  const Tensor ids = ::torch::tensor({0, 3, 5});
  const Tensor before = module(ids).detach().clone();

  SECTION("what an optimizer writes is read at once") {
    module(ids).sum().backward();
    const Tensor gradient = module->tensors()[0].grad().clone();
    REQUIRE(gradient.norm().item<double>() > 1e-3);
    ::torch::nn::utils::clip_grad_norm_(module->parameters(), 1e-3);
    double squares = 0;
    for (const Tensor& tensor : module->parameters())
      squares += tensor.grad().square().sum().item<double>();
    REQUIRE(std::sqrt(squares) < 1.001e-3);
    const void* const where = module->tensors()[0].data_ptr();
    ::torch::optim::SGD sgd(module->parameters(), 100);
    sgd.step();
    REQUIRE(module->tensors()[0].data_ptr() == where);
    REQUIRE(largest_difference(module(ids), before) > 1e-6);
  }
  SECTION("to another type and back") {
    module->to(::torch::kFloat);
    REQUIRE(module(ids).scalar_type() == ::torch::kFloat);
    REQUIRE(largest_difference(module(ids), before) < 1e-5);
    module->to(::torch::kDouble);
    REQUIRE(largest_difference(module(ids), before) < 1e-5);
    module(ids).sum().backward();
  }
  SECTION("copies are apart") {
    auto copy = std::dynamic_pointer_cast<see::torch::EntangledEmbeddingImpl>(module->clone());
    {
      const ::torch::NoGradGuard guard;
      module->tensors()[0].zero_();
    }
    REQUIRE(largest_difference(copy->forward(ids), before) == 0);
    REQUIRE(largest_difference(module(ids), before) > 1e-3);
    copy->forward(ids).sum().backward();
  }
  SECTION("save and load") {
    std::stringstream stream;
    ::torch::save(module, stream);
    auto parts = small_parts(GainScope::term, true);
    parts.inventories[0].mutate()[0] = 100;
    EntangledEmbedding other(parts);
    REQUIRE(largest_difference(other(ids), before) > 1);
    ::torch::load(other, stream);
    REQUIRE(largest_difference(other(ids), before) == 0);
    const auto state = module->named_parameters();
    for (const auto& item : other->named_parameters())
      REQUIRE(::torch::equal(item.value(), state[item.key()]));
  }
  SECTION("a lexicon of other senses refuses them") {
    std::stringstream stream;
    ::torch::save(module, stream);
    see::LexiconBuilder builder(see::SlotTable::shared(2, 5));
    for (int w = 0; w < 7; ++w) builder.word().sense({0, 1}).sense({2, 3}).sense({1, 4});
    EntangledEmbedding other(
        see::make_parts<double>(see::Shape({3, 3}, 8), builder.finish(), 2,
                                {.gains = GainScope::term, .layer_norm = true}));
    ::torch::load(other, stream);
    REQUIRE_THAT(error_of([&] { other(ids); }), contains("of a lexicon with checksum"));
  }
  SECTION("frozen ones get no gradient") {
    module->freeze();
    REQUIRE_FALSE(module(ids).requires_grad());
    module->tensors()[1].set_requires_grad(true);
    module(ids).sum().backward();
    REQUIRE_FALSE(module->tensors()[0].grad().defined());
    REQUIRE(module->tensors()[1].grad().defined());
    REQUIRE(module->layer<double>().is_frozen(0));
    REQUIRE_FALSE(module->layer<double>().is_frozen(1));
  }
  SECTION("a copy for the core library is one") {
    const auto layer = module->layer<double>();
    {
      const ::torch::NoGradGuard guard;
      module->tensors()[0].zero_();
    }
    const auto rows = layer.forward({0, 3, 5});
    REQUIRE(largest_difference(to_tensor(rows), before) == 0);
  }
}

TEST_CASE("gradients are the same bits for any number of threads") {
  ::torch::manual_seed(1);
  EntangledEmbedding module(EntangledEmbeddingOptions(500, 64).rank(4).padding_idx(3));
  const Tensor ids = ::torch::randint(500, {5000});
  const Tensor out_gradient = ::torch::randn({5000, 64});
  const int threads = ::torch::get_num_threads();
  std::vector<Tensor> first;
  for (const int count : {1, 2, 3}) {
    ::torch::set_num_threads(count);
    module->zero_grad();
    (module(ids) * out_gradient).sum().backward();
    std::vector<Tensor> gradients;
    for (const Tensor& tensor : module->tensors()) gradients.push_back(tensor.grad().clone());
    if (first.empty()) first = gradients;
    for (std::size_t i = 0; i < first.size(); ++i) REQUIRE(::torch::equal(first[i], gradients[i]));
  }
  ::torch::set_num_threads(threads);
}

TEST_CASE("fresh layers follow torch's generator") {
  ::torch::manual_seed(2);
  EntangledEmbedding a(EntangledEmbeddingOptions(300, 48).order(3).rank(5));
  ::torch::manual_seed(2);
  EntangledEmbedding b(EntangledEmbeddingOptions(300, 48).order(3).rank(5));
  EntangledEmbedding c(300, 48);
  REQUIRE(::torch::equal(a->to_dense(), b->to_dense()));
  const double deviation = c->to_dense().std().item<double>();
  REQUIRE(deviation > 0.5);
  REQUIRE(deviation < 2);
  std::stringstream text;
  text << a;
  REQUIRE_THAT(text.str(), contains("num_embeddings=300, embedding_dim=48, factors="));
}

TEST_CASE("what an entangled module cannot do it refuses") {
  EntangledEmbedding module(small_parts());
  const auto error = [&](const Tensor& ids) { return error_of([&] { module(ids); }); };
  REQUIRE_THAT(error(::torch::tensor({1, 7})),
               contains("id 7 at position 1, needed one of 7 rows"));
  REQUIRE_THAT(error(::torch::tensor({-1})), contains("id -1 at position 0"));
  REQUIRE_THAT(error(::torch::tensor({1.0})), contains("ids of type"));
  REQUIRE_THAT(error(Tensor()), contains("not defined"));
  REQUIRE_THAT(
      error(::torch::empty({2}, ::torch::TensorOptions(::torch::kLong).device(::torch::kMeta))),
      contains("on meta, needed the CPU"));
  REQUIRE_THAT(error(::torch::tensor({{1, 0}}).to_sparse()), contains("sparse layout"));

  const EntangledEmbeddingOptions options(10, 4);
  const auto refused = [](const EntangledEmbeddingOptions& some) {
    return error_of([&] { EntangledEmbedding{some}; });
  };
  REQUIRE_THAT(refused(EntangledEmbeddingOptions(10, 4).max_norm(1)), contains("max_norm"));
  REQUIRE_THAT(refused(EntangledEmbeddingOptions(10, 4).scale_grad_by_freq(true)),
               contains("scale_grad_by_freq"));
  REQUIRE_THAT(refused(EntangledEmbeddingOptions(10, 4).sparse(true)), contains("sparse"));
  REQUIRE_THAT(refused(EntangledEmbeddingOptions(0, 4)), contains("positive sizes"));
  REQUIRE_THAT(refused(EntangledEmbeddingOptions(10, 4).padding_idx(10)), contains("padding_idx"));

  SECTION("second derivatives") {
    const Tensor rows = module(::torch::tensor({1}));
    const auto first =
        ::torch::autograd::grad({rows.square().sum()}, module->parameters(), {}, true, true);
    REQUIRE_THAT(error_of([&] { first[0].sum().backward(); }), contains("double backward"));
  }
  SECTION("parameters that change between forward and backward") {
    const Tensor rows = module(::torch::tensor({1}));
    {
      const ::torch::NoGradGuard guard;
      module->tensors()[0].mul_(2);
    }
    REQUIRE_THROWS_WITH(rows.sum().backward(), contains("modified by an inplace operation"));
  }
  SECTION("parameters of other types and sizes") {
    module->to(::torch::kHalf);
    REQUIRE_THAT(error(::torch::tensor({1})), contains("type Half, needed Float or Double"));
    module->to(::torch::kDouble);
    module->tensors()[0].set_data(::torch::zeros({5, 3, 2}, ::torch::kDouble).transpose(1, 2));
    REQUIRE_THAT(error(::torch::tensor({1})), contains("not contiguous"));
    module->tensors()[0].set_data(::torch::zeros({4, 2, 3}, ::torch::kDouble));
    REQUIRE_THAT(error(::torch::tensor({1})), contains("of 4 x 2 x 3, needed 5 x 2 x 3"));
  }
  SECTION("other tensors than the structure's") {
    REQUIRE_THAT(error_of([&] { EntangledEmbedding(module->structure(), std::vector<Tensor>{}); }),
                 contains("0 parameters, needed the layer's 1"));
  }
}
