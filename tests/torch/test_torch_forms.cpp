#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "torch_layers.hpp"
#include "transformer/fit_table.hpp"

using Catch::Matchers::Contains;
using namespace torch_layers;

namespace {

/// 120 words of 24 numbers, near enough to rank 8.
Tensor table_of(std::int64_t words = 120, std::int64_t dim = 24) {
  ::torch::manual_seed(11);
  return ::torch::randn({words, 8}).matmul(::torch::randn({8, dim})) +
         0.1 * ::torch::randn({words, dim});
}

/// Words of few morphemes.
std::vector<std::string> words_of(std::int64_t count) {
  const std::array stems{"walk", "talk", "jump", "play", "work", "look"};
  const std::array ends{"", "s", "ed", "ing", "er"};
  const std::array starts{"", "re", "un", "out"};
  std::vector<std::string> words;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    words.push_back(std::string(starts[i / 30]) + stems[i / 5 % 6] + ends[i % 5]);
  return words;
}

struct Form {
  const char* method;
  double ratio;
  int order = 2;
};

}  // namespace

TEST_CASE("forms: each keeps to its bytes, and all of its numbers are trained") {
  const Tensor weight = table_of();
  const auto form = GENERATE(Form{"low_rank", 4}, Form{"tt", 6}, Form{"word2ket", 3},
                             Form{"word2ket", 4, 3}, Form{"word2ketxs", 4}, Form{"morphte", 3, 3});
  INFO(form.method << " of order " << form.order);
  see::torch::AnyEmbedding table(weight.size(0), weight.size(1));
  table->dense()->weight.detach().copy_(weight);
  const transformer::FitTableOptions options{.ratio = form.ratio,
                                             .method = form.method,
                                             .words = words_of(weight.size(0)),
                                             .order = form.order};
  const auto result = transformer::compress_table(table, options);
  REQUIRE(result.bytes_before == 4 * weight.numel());
  REQUIRE(static_cast<double>(result.bytes_after) <=
          static_cast<double>(result.bytes_before) / form.ratio);
  REQUIRE(result.bytes_after >= result.parameters_after);
  REQUIRE(result.relative_error < 0.95);
  REQUIRE(result.relative_error ==
          Approx(transformer::relative_error(transformer::fit_table(weight, options), weight)));
  const Tensor rows = table->entangled()->forward(::torch::arange(weight.size(0)));
  (rows - weight - 1).square().sum().backward();
  REQUIRE(result.parameters_after > 0);
  for (const auto& parameter : table->parameters()) {
    REQUIRE(parameter.grad().defined());
    REQUIRE(parameter.grad().abs().max().item<double>() > 0);
  }
}

TEST_CASE("forms: rows of a tensor train are products of its cores") {
  const Tensor weight = table_of(50, 20);
  const auto layer = see::fit_tensor_train(see::torch::to_table(weight), 500);
  const auto& parts = layer.parts();
  const see::Index terms = parts.lexicon.uniform_rank();
  std::array<see::Index, 3> last;
  parts.lexicon.units(0, terms - 1, last.data());
  const see::Index r1 = last[0] + 1, r2 = last[2] + 1;
  REQUIRE(terms == r1 * r2);
  REQUIRE(r1 * r2 > 1);
  std::int64_t numbers = 0;
  for (const auto& inventory : parts.inventories) numbers += std::ssize(inventory.values());
  REQUIRE(numbers <= 500);
  const auto core = [&](std::size_t k, see::Index unit, see::Index at) {
    return double(parts.inventories[k][unit].vectors()(0, at));
  };
  see::RowMatrix<float> rows(50, 20);
  std::vector<see::Index> ids(50);
  for (see::Index w = 0; w < 50; ++w) ids[static_cast<std::size_t>(w)] = w;
  layer.forward(ids, rows);
  const see::Index n2 = parts.inventories[1].size() / terms, n3 = parts.inventories[2].size() / r2;
  REQUIRE(parts.inventories[0].size() / r1 * n2 * n3 >= 50);
  const see::Index d2 = parts.shape.factor_dim(1), d3 = parts.shape.factor_dim(2);
  for (see::Index w = 0; w < 50; ++w)
    for (see::Index j = 0; j < 20; ++j) {
      double sum = 0;
      for (see::Index a = 0; a < r1; ++a)
        for (see::Index b = 0; b < r2; ++b)
          sum += core(0, w / (n2 * n3) * r1 + a, j / (d2 * d3)) *
                 core(1, (w / n3 % n2 * r1 + a) * r2 + b, j / d3 % d2) *
                 core(2, w % n3 * r2 + b, j % d3);
      REQUIRE(double(rows(w, j)) == Approx(sum).margin(1e-4));
    }
}

TEST_CASE("forms: a tensor train errs as TT-SVD does, and not at all where there is room") {
  const Tensor weight = table_of(50, 20);
  const see::Table table = see::torch::to_table(weight);
  const auto error_at = [&](see::Index numbers) {
    see::torch::EntangledEmbedding layer(see::fit_tensor_train(table, numbers));
    return transformer::relative_error(layer, weight);
  };
  REQUIRE(error_at(1500) < error_at(500));
  REQUIRE(error_at(20000) < 1e-5);
  REQUIRE(see::fit_tensor_train(table, 1500, 6).lexicon().uniform_rank() <= 6);
  REQUIRE_THAT(error_of([&] { error_at(10); }), Contains("needed more"));
  REQUIRE_THAT(error_of([] { see::fit_tensor_train({}, 100); }), Contains("without rows"));
}

TEST_CASE("forms: one product a word of two factors is the nearest") {
  const Tensor weight = table_of(40, 24);
  const auto dims = see::Shape::balanced(24, 2).factor_dims();
  const auto singular = std::get<1>(::torch::linalg_svd(weight.view({40, dims[0], dims[1]})));
  const double left = singular.slice(1, 1).square().sum().item<double>();
  const auto fitted = transformer::fit_table(weight, {.ratio = 3, .method = "word2ket"});
  REQUIRE(fitted->parameters()[0].numel() == 40 * dims[0]);
  REQUIRE(transformer::relative_error(fitted, weight) ==
          Approx(left / weight.square().sum().item<double>()).epsilon(1e-3));
}

TEST_CASE("forms: a word has as many morphemes as the order") {
  see::Morphemes morphs;
  morphs.forms = see::Vocabulary::from(std::vector<std::string>{"un", "walk", "ed", "er", "s"});
  morphs.units = {0, 1, 3, 4, 1, 2, 3, 4};
  morphs.first = {0, 4, 6, 6, 8};  // un-walk-er-s, walk-ed, nothing, er-s
  const auto equal = transformer::equal_morphemes(morphs, 3);
  // un walk ers | walk ed - | - - - | er s -
  REQUIRE(equal.of_words == std::vector<see::Index>{0, 1, 2, 1, 3, 4, 4, 4, 4, 5, 6, 4});
  REQUIRE(equal.size == 7);
}

TEST_CASE("forms: what leaves no room is refused in one sentence") {
  const Tensor weight = table_of();
  const auto refused = [&](const char* method, double ratio, int order, bool with_words) {
    return error_of([&] {
      transformer::FitTableOptions options{.ratio = ratio, .method = method, .order = order};
      if (with_words) options.words = words_of(weight.size(0));
      transformer::fit_table(weight, options);
    });
  };
  REQUIRE_THAT(refused("word2ket", 20, 2, false), Contains("the smallest takes"));
  REQUIRE_THAT(refused("tt", 200, 2, false), Contains("needed more"));
  REQUIRE_THAT(refused("word2ketxs", 60, 2, false), Contains("leaves no room"));
  REQUIRE_THAT(refused("low_rank", 60, 2, false), Contains("leaves no room"));
  REQUIRE_THAT(refused("morphte", 60, 3, true), Contains("leaves no room"));
  REQUIRE_THAT(refused("morphte", 3, 3, false), Contains("without words"));
}
