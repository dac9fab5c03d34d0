// The programs in class comments, word for word.

#include <vector>

#include "catch.hpp"
#include "see/see.hpp"

namespace {

template <see::EmbeddingLayer Layer>
void train(Layer& layer, const std::vector<int>& ids, const see::RowMatrix<float>& target) {
  see::Gradient<float> gradient(layer);
  see::Adam<float> adam;
  for (int step = 0; step < 100; ++step) {
    gradient.zero();
    layer.backward(ids, layer.forward(ids) - target, gradient);
    adam.step(layer, gradient);
  }
}

}  // namespace

TEST_CASE("the programs in class comments compile and run", "[comments]") {
  see::Random random(1);
  see::EntangledEmbedding<float> layer(
      {.shape = see::Shape::balanced(64, 2),
       .inventories = {see::Inventory<float>::normal(10, 1, 8, 0.5, random)},
       .lexicon = see::LexiconBuilder(see::SlotTable::shared(2, 10))
                      .word()
                      .sense({0, 1})
                      .sense({0, 2})
                      .word()
                      .sense({3, 1})
                      .finish()});
  see::RowMatrix<float> rows = layer.forward({1, 0, 1});  // 3 x 64
  Eigen::RowVectorXf row = layer(1);
  CHECK(row == rows.row(0));
  CHECK(rows.row(0) == rows.row(2));
  CHECK(rows.cols() == 64);

  see::LexiconBuilder builder(see::SlotTable::shared(2, 100));
  builder.word().sense({3, 17}).sense({3, 4});  // a word of rank 2
  see::Lexicon lexicon = builder.finish();
  CHECK(lexicon.rank(0) == 2);

  see::NamedLexiconBuilder named(2);  // a sense is two units
  named.word("king").sense({"human", "royal"});
  named.word("bank").sense({"money", "house"}).sense({"water", "edge"});
  see::NamedLexicon names = named.finish();
  CHECK(names.lexicon.senses() == 3);

  const std::vector<int> ids{0, 1};
  const see::RowMatrix<float> target = see::RowMatrix<float>::Constant(2, 64, 0.3F);
  const float before = (layer.forward(ids) - target).squaredNorm();
  train(layer, ids, target);
  CHECK((layer.forward(ids) - target).squaredNorm() < before);

  const see::RowMatrix<float> hidden = rows;
  see::Scorer scorer(layer);
  see::RowMatrix<float> logits = scorer.logits(hidden);
  std::vector<std::vector<see::Scored<float>>> best = scorer.top_k(hidden, 10);
  CHECK(best.front().front().score == logits.row(0).maxCoeff());
}
