#include <torch/torch.h>

#include <vector>

#include "catch.hpp"
#include "see/compress/prune/prune.hpp"
#include "see/model/builders.hpp"
#include "see/torch/any_embedding.hpp"
#include "see/torch/prune.hpp"

using see::Index;

TEST_CASE("gradients that come by become scores, and a pruned layer goes in", "[torch_prune]") {
  torch::manual_seed(1);
  const see::EntangledEmbedding<float> layer(see::make_word2ket<float>(40, 12, 2, 4));
  see::torch::AnyEmbedding embed{see::torch::EntangledEmbedding(layer)};
  see::FisherScores<float> fisher(layer), expected(layer);
  see::GradientMoments moments(40, 12), same(40, 12);
  for (int batch = 0; batch < 3; ++batch) {
    const auto ids = torch::randint(40, {5, 4});
    const auto weights = torch::randn({5, 4, 12});
    const auto rows = embed(ids);
    see::torch::collect_gradients(rows, ids, fisher, 20);
    see::torch::collect_gradients(rows, ids, moments, 20);
    (rows * weights).sum().backward();
    const std::vector<std::int64_t> id(ids.data_ptr<std::int64_t>(),
                                       ids.data_ptr<std::int64_t>() + 20);
    const see::RowMatrix<float> gradients =
        see::ConstRowMatrixMap<float>(weights.data_ptr<float>(), 20, 12);
    expected.add(id, gradients, 20);
    same.add(id, gradients, 20);
  }
  CHECK(fisher.scores() == expected.scores());
  CHECK(moments.loss().activation == same.loss().activation);
  const auto bytes = see::model_bytes(see::Model<float>{layer}).total / 2;
  embed->entangle(see::torch::EntangledEmbedding(see::prune(layer, fisher.scores(), bytes)));
  const auto pruned = embed->entangled()->layer();
  CHECK(see::model_bytes(see::Model<float>{pruned}).total <= bytes);
  CHECK(embed(torch::tensor({3})).sizes() == torch::IntArrayRef({1, 12}));

  const auto ids = torch::tensor({1, 2});
  CHECK_THROWS_WITH(see::torch::collect_gradients(embed(ids), torch::tensor({1}), fisher),
                    "collect_gradients: rows of 2 x 12 for ids of 1, needed a row for each");
  CHECK_THROWS_WITH(see::torch::collect_gradients(torch::zeros({2, 12}), ids, fisher),
                    "collect_gradients: rows that need no gradient");
}
