#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "temp_dir.hpp"
#include "torch_layers.hpp"
#include "translate/commands.hpp"
#include "translate/demo_pairs.hpp"

using Catch::Matchers::Contains;
using namespace torch_layers;
using translate::Ids;
using translate::Words;

namespace {

Words words_of(const char* line) { return translate::split_words(line); }

double bleu_of(const std::vector<const char*>& lines, const std::vector<const char*>& references) {
  std::vector<Words> own, other;
  for (const char* line : lines) own.push_back(words_of(line));
  for (const char* line : references) other.push_back(words_of(line));
  return translate::bleu(translate::count_bleu(own, other));
}

translate::ModelOptions small_model(double dropout = 0) {
  return {.source_words = 30,
          .target_words = 40,
          .dim = 16,
          .layers = 2,
          .heads = 2,
          .dropout = dropout};
}

/// Ids of sentences of unequal lengths.
std::vector<Ids> sentences(std::int64_t words, std::int64_t seed) {
  std::vector<Ids> all;
  for (std::int64_t i = 0; i < 5; ++i) {
    all.emplace_back();
    for (std::int64_t j = 0; j < 2 + (i * 3 + seed) % 5; ++j)
      all.back().push_back(4 + (i * 7 + j * j + seed) % (words - 4));
  }
  return all;
}

std::vector<const Ids*> pointers(const std::vector<Ids>& all) {
  std::vector<const Ids*> result;
  for (const Ids& each : all) result.push_back(&each);
  return result;
}

translate::Batch batch_of(std::int64_t step) {
  return translate::to_batch(pointers(sentences(30, step)), pointers(sentences(40, step + 3)));
}

}  // namespace

TEST_CASE("translate: BLEU has clipped counts, halves for counts of zero, and brevity") {
  REQUIRE(bleu_of({"a b c d e"}, {"a b c d e"}) == Approx(100));
  // 2 of 7 words count, and no longer n-gram of 6, 5 and 4.
  REQUIRE(bleu_of({"the the the the the the the"}, {"the cat is on the mat"}) ==
          Approx(100 * std::pow(2.0 / 7 / (2 * 6) / (4 * 5) / (8 * 4), 0.25)));
  REQUIRE(bleu_of({"a b c d e"}, {"a b c d e f g"}) == Approx(100 * std::exp(-0.4)));
  REQUIRE(bleu_of({"a b c d e f g"}, {"a b c d e"}) ==
          Approx(100 * std::pow(5.0 / 7 * 4 / 6 * 3 / 5 * 2 / 4, 0.25)));
  // Counts are added over sentences: 8 of 9, 5 of 7, 2 of 5, 1 of 3.
  REQUIRE(bleu_of({"a b c d", "e f g h i"}, {"a b c d", "e f x h i"}) ==
          Approx(100 * std::pow(8.0 / 9 * 5 / 7 * 2 / 5 * 1 / 3, 0.25)));
  REQUIRE(bleu_of({"x y z u"}, {"a b c d"}) == 0);
  REQUIRE(bleu_of({"a b c"}, {"a b c"}) == 0);  // no 4-grams
  REQUIRE(bleu_of({""}, {"a b c"}) == 0);
  REQUIRE_THAT(error_of([] { bleu_of({"a"}, {"a", "b"}); }), Contains("1 sentences and 2"));
}

TEST_CASE("translate: the interval of a difference has it, and is that of equal draws") {
  std::vector<translate::BleuCounts> a, b;
  for (int i = 0; i < 60; ++i) {
    const Words reference = words_of("a b c d e f g");
    a.push_back(
        translate::count_bleu(words_of(i % 3 == 0 ? "a b c d e x g" : "a b c d e f g"), reference));
    b.push_back(
        translate::count_bleu(words_of(i % 2 == 0 ? "a b c d e x g" : "a b c d e f g"), reference));
  }
  const auto same = translate::compare_bleu(a, a, 50, 1);
  REQUIRE(same.low == 0);
  REQUIRE(same.high == 0);
  const auto found = translate::compare_bleu(a, b, 400, 1);
  REQUIRE(found.difference == Approx(translate::bleu(a) - translate::bleu(b)));
  REQUIRE(found.low < found.difference);
  REQUIRE(found.difference < found.high);
  REQUIRE(translate::compare_bleu(b, a, 400, 1).low == Approx(-found.high).margin(1.5));
  REQUIRE(translate::compare_bleu(a, b, 400, 1).low == found.low);
  b.pop_back();
  REQUIRE_THAT(error_of([&] { translate::compare_bleu(a, b, 10, 1); }), Contains("60 and 59"));
}

TEST_CASE("translate: attention and its gradient are the formula's") {
  ::torch::manual_seed(1);
  const std::int64_t heads = 3, dim = 12;
  for (const bool causal : {false, true}) {
    const std::int64_t queries = causal ? 2 : 4;
    const Tensor q = ::torch::randn({2, queries, dim}).set_requires_grad(true);
    const Tensor both = ::torch::randn({2, 5, 2 * dim}).set_requires_grad(true);
    const Tensor lengths = causal ? Tensor() : ::torch::tensor({5, 3});
    const auto by_head = [&](const Tensor& x) {
      return x.view({2, x.size(1), heads, -1}).transpose(1, 2);
    };
    Tensor scores = ::torch::matmul(by_head(q), by_head(both.slice(2, 0, dim)).transpose(2, 3));
    scores = scores / std::sqrt(static_cast<double>(dim / heads));
    Tensor mask = ::torch::zeros({2, 1, queries, 5});
    if (causal) mask = ::torch::full({queries, 5}, -INFINITY).triu(5 - queries + 1);
    if (!causal) mask[1].slice(2, 3).fill_(-INFINITY);
    const Tensor shares = ::torch::softmax(scores + mask, -1);
    const Tensor needed =
        ::torch::matmul(shares, by_head(both.slice(2, dim))).transpose(1, 2).flatten(2);
    const auto found = transformer::attention(q, both, lengths, heads, causal);
    REQUIRE(found[0].allclose(needed, 1e-4, 1e-5));
    REQUIRE(found[1].allclose(shares, 1e-4, 1e-5));
    const Tensor weight = ::torch::randn_like(needed);
    const auto own = ::torch::autograd::grad({(found[0] * weight).sum()}, {q, both});
    const auto other = ::torch::autograd::grad({(needed * weight).sum()}, {q, both});
    for (std::size_t i = 0; i < 2; ++i) REQUIRE(own[i].allclose(other[i], 1e-4, 1e-5));
  }
}

TEST_CASE("translate: label smoothing is torch's") {
  ::torch::manual_seed(2);
  see::torch::AnyEmbedding table(30, 16);
  const Tensor hidden = ::torch::randn({7, 16}).set_requires_grad(true);
  const Tensor targets = ::torch::tensor({1, 2, -100, 29, 0, 3, 1});
  const auto& weight = table->dense()->weight;
  const Tensor own = transformer::tied_loss(table, hidden, targets, 0.2);
  const Tensor other =
      table->cross_entropy(hidden, targets, see::torch::CrossEntropyOptions().label_smoothing(0.2));
  REQUIRE(own.allclose(other, 1e-5, 1e-6));
  const auto gradients = ::torch::autograd::grad({own}, {weight, hidden});
  const auto needed = ::torch::autograd::grad({other}, {weight, hidden});
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(gradients[i].allclose(needed[i], 1e-4, 1e-6));
}

TEST_CASE("translate: every pair is in a batch of each epoch, beside pairs of its length") {
  translate::Pairs pairs;
  for (std::size_t i = 0; i < 103; ++i) {
    pairs.source.emplace_back(1 + i % 9, "a");
    pairs.target.emplace_back(1 + i % 7, "b" + std::to_string(i));
  }
  pairs.source.emplace_back();  // left out
  pairs.target.push_back({"c"});
  const auto source = translate::Vocabulary::count(pairs.source, 1);
  const auto target = translate::Vocabulary::count(pairs.target, 1);
  const translate::PairBatches batches(pairs, source, target, 10, 7), again = batches;
  REQUIRE(batches.steps() == 11);
  for (const std::int64_t epoch : {0, 2}) {
    Tensor seen = ::torch::zeros({target.size()});
    for (std::int64_t step = 0; step < 11; ++step) {
      const auto batch = batches(11 * epoch + step);
      REQUIRE(batch.targets.numel() == batch.places.numel());
      const Tensor first = batch.input.flatten().index_select(0, batch.places).ne(0);
      REQUIRE(first.sum().item<std::int64_t>() == batch.targets.ne(0).sum().item<std::int64_t>());
      const Tensor words = batch.input.select(1, 1);
      seen.index_add_(0, words, ::torch::ones({words.numel()}));
      REQUIRE(batch.input.numel() - batch.places.numel() <= batch.input.size(0));
    }
    REQUIRE(seen.max().item<float>() == 1);
    REQUIRE(seen.sum().item<float>() == 103);
  }
  REQUIRE(again(5).input.equal(batches(5).input));
  REQUIRE_FALSE(batches(5).input.equal(batches(16).input));
  REQUIRE_THAT(error_of([&] {
                 translate::PairBatches({{{}}, {{}}}, source, target, 1, 1);
               }),
               Contains("without a pair"));
}

TEST_CASE("translate: files of other numbers of lines are refused") {
  const TempDir dir;
  const std::string a = dir.path() / "a", b = dir.path() / "b";
  std::ofstream(a) << "x y\n\nz\n";
  std::ofstream(b) << "x y\nz\n";
  REQUIRE(translate::read_pairs(a, a).source == std::vector<Words>{{"x", "y"}, {}, {"z"}});
  REQUIRE_THAT(error_of([&] { translate::read_pairs(a, b); }), Contains("3 lines and"));
  REQUIRE_THAT(error_of([&] { translate::read_pairs(a, dir.path() / "c"); }),
               Contains("cannot read"));
}

TEST_CASE("translate: a sentence counts the same alone and in a batch") {
  ::torch::manual_seed(3);
  translate::Translator model(small_model());
  model->eval();
  const ::torch::NoGradGuard guard;
  const auto from = sentences(30, 1), to = sentences(40, 4);
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto alone = translate::to_batch({&from[i]}, {&to[i]});
    const auto targets = static_cast<double>(alone.targets.numel());
    sum += model->loss(alone).item<double>() * targets;
    count += targets;
  }
  translate::Batch all = translate::to_batch(pointers(from), pointers(to));
  REQUIRE(model->loss(all).item<double>() == Approx(sum / count).epsilon(1e-4));
  all.wants_logits = true;
  const auto outputs = model->outputs(all);
  REQUIRE(outputs.hidden.size() == 6);
  REQUIRE(::torch::nn::functional::cross_entropy(outputs.logits, all.targets).item<double>() ==
          Approx(sum / count).epsilon(1e-4));
}

TEST_CASE("translate: the score of a hypothesis is the log-likelihood of its words") {
  ::torch::manual_seed(4);
  translate::Translator model(small_model());
  model->eval();
  const ::torch::NoGradGuard guard;
  const auto from = sentences(30, 2);
  for (const std::int64_t beam : {1, 4}) {
    const auto found = translate::BeamSearch(model, {.beam = beam})(pointers(from));
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto& words = found[i].words;
      translate::Batch alone = translate::to_batch({&from[i]}, {&words});
      alone.wants_logits = true;
      Tensor logs = ::torch::log_softmax(model->outputs(alone).logits, -1);
      const bool is_full = std::ssize(words) == 2 * std::ssize(from[i]) + 10;  // without <eos>
      if (is_full) logs = logs.slice(0, 0, -1);
      const Tensor targets = alone.targets.slice(0, 0, logs.size(0)).unsqueeze(1);
      REQUIRE(found[i].score == Approx(logs.gather(1, targets).sum().item<double>()).epsilon(1e-3));
      if (beam == 1) REQUIRE(logs.argmax(-1).equal(targets.squeeze(1)));
      const auto by_itself = translate::BeamSearch(model, {.beam = beam})({&from[i]});
      REQUIRE(by_itself[0].words == words);
      REQUIRE(by_itself[0].looked_at == found[i].looked_at);
    }
  }
}

TEST_CASE("translate: a translator learns a few pairs, and copies what it does not know") {
  translate::Pairs pairs{{words_of("a b c d"), words_of("b a X")},
                         {words_of("e f g h"), words_of("f e X")}};
  for (int i = 0; i < 3; ++i) {
    pairs.source.push_back(pairs.source[0]);
    pairs.target.push_back(pairs.target[0]);
    pairs.source.push_back(words_of(("b a X" + std::to_string(i)).c_str()));
    pairs.target.push_back(words_of(("f e X" + std::to_string(i)).c_str()));
  }
  translate::TeacherOptions options{.model = {.dim = 32, .layers = 1, .heads = 2, .dropout = 0},
                                    .train = {.rate = 5e-3, .warmup = 10},
                                    .epochs = 80,
                                    .batch = 8};
  const auto saved = translate::train_teacher(pairs, {}, options);
  const std::vector<Words> asked{words_of("a b c d"), {}, words_of("b a Y9")};
  const auto found = translate::translate_all(saved, asked, {});
  REQUIRE(found[0] == words_of("e f g h"));
  REQUIRE(found[1].empty());
  REQUIRE(found[2] == words_of("f e Y9"));
  const auto kept = translate::translate_all(saved, asked, {.unknown = translate::Unknown::keep});
  REQUIRE(kept[2] == words_of("f e <unk-digit>"));
  const auto known =
      translate::translate_all(saved, asked, {.unknown = translate::Unknown::forbid});
  REQUIRE(known[2].back().find("unk") == std::string::npos);
  REQUIRE(translate::evaluate(saved, pairs, {.beam = 2}).bleu > 50);
}

TEST_CASE("translate: every kind of table is distilled, saved and loaded") {
  const TempDir dir;
  translate::DemoPairs language(3);
  const auto pairs = language.pairs(60);
  translate::TeacherOptions options{
      .model = {.dim = 16, .layers = 1, .heads = 2}, .epochs = 1, .batch = 16, .least = 1};
  const auto teacher = translate::train_teacher(pairs, pairs, options);
  const auto path = dir.path() / "m.pt";
  translate::save(path, teacher);
  for (const char* method : {"low_rank", "int4"}) {
    INFO(method);
    auto student = translate::load(path);
    const auto tables = translate::compress_tables(student, {.ratio = 2, .method = method});
    REQUIRE(tables.target.bytes_after <= tables.target.bytes_before / 2);
    translate::StudentOptions how{.distill = {}, .batch = 16};
    how.distill.match_steps(2).distill_steps(2);
    translate::distill(teacher, student, pairs, how);
    const auto other = dir.path() / "s.pt";
    translate::save(other, student);
    auto back = translate::load(other);
    const auto batch = translate::PairBatches(pairs, student.source, student.target, 8, 1)(0);
    REQUIRE(back.model->loss(batch).equal(student.model->loss(batch)));
  }
  std::ofstream(path) << "no model";
  REQUIRE_THAT(error_of([&] { translate::load(path); }), Contains("as a model of translate"));
}

TEST_CASE("translate: a damaged checkpoint is named in one sentence") {
  const TempDir dir;
  const auto file = dir.path() / "checkpoint";
  const auto train = [&](translate::ModelOptions options) {
    ::torch::manual_seed(5);
    translate::Translator model(options);
    transformer::Trainer(model.ptr(), {.steps = 2, .checkpoint = file})
        .train([&](std::int64_t step) { return model->loss(batch_of(step)); });
  };
  train(small_model());
  auto other = small_model();
  other.target_words = 41;
  REQUIRE_THAT(error_of([&] { train(other); }), Contains("is damaged or of another model"));
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  REQUIRE_THAT(error_of([&] { train(small_model()); }), Contains("is damaged or of another model"));
  std::filesystem::remove(file);
  REQUIRE_THAT(error_of([&] {
                 translate::Translator model(small_model());
                 transformer::Trainer(model.ptr(), {.steps = 1, .checkpoint = dir.path() / "x/y"})
                     .train([&](std::int64_t step) { return model->loss(batch_of(step)); });
               }),
               Contains("cannot write checkpoint"));
}
