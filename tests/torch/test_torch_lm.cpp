#include <cmath>
#include <filesystem>

#include "lm/commands.hpp"
#include "temp_dir.hpp"
#include "torch_layers.hpp"

using namespace torch_layers;
using lm::Words;

namespace {

lm::ModelOptions small_model() {
  return {.words = 30, .dim = 16, .layers = 2, .heads = 2, .length = 12, .dropout = 0};
}

lm::Batch batch_of(std::int64_t step) {
  const Tensor ids = (::torch::arange(36) * (step % 5 + 3) + step) % 30;
  return {ids.reshape({3, 12}), ((ids + 7) % 30).reshape({3, 12})};
}

}  // namespace

TEST_CASE("lm: a line splits into words and marks, and reads as before") {
  const Words words = lm::split_words("And God's day, (the 3rd): <eos> a<b");
  REQUIRE(words ==
          Words{"And", "God's", "day", ",", "(", "the", "3rd", ")", ":", "<eos>", "a", "<", "b"});
  REQUIRE(lm::join_words({"day", ",", "(", "the", "3rd", ")", "."}) == "day, (the 3rd).");
}

TEST_CASE("lm: books are what references name, and every nth is held out") {
  const std::vector<std::string> lines{"Ge1:1 one", "Ge1:2 two", "1Sam12:3 three",
                                       "2 Sam 1:1 four"};
  REQUIRE(lm::has_books(lines));
  REQUIRE_FALSE(lm::has_books({"at 10:30 he came: late", "no", "12:30 noon"}));
  const lm::Parts parts = lm::split(lines, {.by_book = true, .nth = 2});
  REQUIRE(parts.books == 3);
  REQUIRE(parts.training == std::vector<Words>{{"one"}, {"two"}, {"four"}});
  REQUIRE(parts.held_out == std::vector<Words>{{"three"}});
  const lm::Parts blocks =
      lm::split(std::vector<std::string>(250, "a"), {.by_book = false, .nth = 2});
  REQUIRE(blocks.held_out.size() == 100);
}

TEST_CASE("lm: words of the training part have numbers, others a class") {
  const auto words = lm::Vocabulary::count({{"b", "a", "b"}, {"c", "a", "b"}}, 2);
  REQUIRE(words.words() == Words{"<eos>", "<unk>", "<unk-upper>", "<unk-digit>", "b", "a"});
  REQUIRE(words.ids(Words{"a", "c", "Zed", "4th"}) == std::vector<std::int64_t>{5, 1, 2, 3});
}

TEST_CASE("lm: windows in a row have each word but the first as a target once") {
  const Tensor text = ::torch::arange(23);
  Tensor seen = ::torch::zeros({23});
  for (const auto& batch : lm::all_windows(text, 2, 4)) {
    const Tensor counts = batch.targets.ne(-100);
    REQUIRE(batch.targets.masked_select(counts).equal(batch.ids.masked_select(counts) + 1));
    seen.index_add_(0, batch.targets.masked_select(counts),
                    ::torch::ones({counts.sum().item<std::int64_t>()}));
  }
  REQUIRE(seen[0].item<float>() == 0);
  REQUIRE(seen.slice(0, 1).eq(1).all().item<bool>());
}

TEST_CASE("lm: the loss of a dense table is torch's") {
  ::torch::manual_seed(1);
  see::torch::AnyEmbedding table(30, 16);
  const Tensor hidden = ::torch::randn({3, 4, 16}).set_requires_grad(true);
  Tensor targets = ::torch::randint(30, {3, 4});
  targets[1][2] = -100;
  const auto& weight = table->dense()->weight;
  const Tensor own = 3 * lm::tied_loss(table, hidden, targets);
  const auto gradients = ::torch::autograd::grad({own}, {weight, hidden});
  const Tensor other = 3 * table->cross_entropy(hidden, targets);
  const auto needed = ::torch::autograd::grad({other}, {weight, hidden});
  REQUIRE(own.allclose(other, 1e-5, 1e-6));
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(gradients[i].allclose(needed[i], 1e-4, 1e-6));
  const ::torch::NoGradGuard guard;
  REQUIRE(lm::tied_loss(table, hidden, targets).allclose(other / 3, 1e-5, 1e-6));
}

TEST_CASE("lm: cached keys give the logits of a whole pass, which looks at no later word") {
  ::torch::manual_seed(2);
  lm::LanguageModel model(small_model());
  model->eval();
  const ::torch::NoGradGuard guard;
  lm::Batch batch = batch_of(1);
  batch.wants_logits = true;
  const Tensor whole = model->outputs(batch).logits;
  std::vector<lm::KeysValues> caches;
  model->next(batch.ids.slice(0, 0, 1).slice(1, 0, 5), 0, caches);
  const Tensor last = model->next(batch.ids.slice(0, 0, 1).slice(1, 5, 8), 5, caches);
  REQUIRE(last.allclose(whole[0][7], 1e-4, 1e-5));
}

TEST_CASE("lm: every kind of table is trained, saved and loaded") {
  const TempDir dir;
  ::torch::manual_seed(3);
  for (const char* method : {"low_rank", "word2ketxs", "random", "int4"}) {
    lm::SavedModel saved;
    saved.words = lm::Vocabulary(Words(300, "w"));
    lm::ModelOptions options = small_model();
    options.words = 300;
    saved.model = lm::LanguageModel(options);
    const auto table = lm::compress_table(saved.model->table(), {.ratio = 2, .method = method});
    INFO(method);
    REQUIRE(table.bytes_after <= table.bytes_before / 2);
    REQUIRE((table.parameters_after == 0) == (std::string(method) == "int4"));
    lm::Trainer(saved.model.ptr(), {.steps = 3}).train([&](std::int64_t step) {
      return saved.model->loss(batch_of(step));
    });
    const auto path = dir.path() / "m.pt";
    lm::save(path, saved);
    lm::SavedModel back = lm::load(path);
    REQUIRE(back.model->loss(batch_of(4)).equal(saved.model->loss(batch_of(4))));
  }
}

TEST_CASE("lm: training that goes on from a checkpoint gives the same numbers") {
  const TempDir dir;
  const auto run = [&](bool interrupt) {
    ::torch::manual_seed(4);
    auto options = small_model();
    options.dropout = 0.2;
    lm::LanguageModel model(options);
    lm::TrainOptions train{.steps = 8, .checkpoint = dir.path() / (interrupt ? "a" : "b")};
    train.checkpoint_every = 3;
    const auto loss = [&](std::int64_t step) {
      if (interrupt && step == 5) throw std::runtime_error("stop");
      return model->loss(batch_of(step));
    };
    if (interrupt) {
      REQUIRE_THROWS(lm::Trainer(model.ptr(), train).train(loss));
      interrupt = false;
      ::torch::manual_seed(5);
    }
    lm::Trainer(model.ptr(), train).train(loss);
    return model->parameters();
  };
  const auto whole = run(false), resumed = run(true);
  for (std::size_t i = 0; i < whole.size(); ++i) REQUIRE(whole[i].equal(resumed[i]));
}
