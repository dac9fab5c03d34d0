#include "see/torch/any_embedding.hpp"
#include "see/torch/distill.hpp"
#include "temp_dir.hpp"
#include "torch_layers.hpp"

using namespace torch_layers;
using see::torch::AnyEmbedding;
using see::torch::DistillOptions;
using see::torch::DistillProgress;
using see::torch::EntangledEmbedding;
using see::torch::ModelOutputs;

namespace {

struct Batch {
  Tensor ids, targets;
};

struct ModelImpl : ::torch::nn::Module {
  explicit ModelImpl(AnyEmbedding table) : embed(std::move(table)), inner(8, 8), drop(0.2) {
    register_module("embed", embed);
    register_module("inner", inner);
    register_module("drop", drop);
  }
  ModelOutputs forward(const Tensor& ids) {
    const Tensor rows = embed(ids), hidden = ::torch::tanh(inner(drop(rows)));
    return {rows, {hidden}, embed->logits(hidden)};
  }
  AnyEmbedding embed;
  ::torch::nn::Linear inner;
  ::torch::nn::Dropout drop;
};
TORCH_MODULE(Model);

Batch batch_of(std::int64_t step) {
  const Tensor ids = (::torch::arange(12) * (step % 5 + 1) + step) % 20;
  Batch batch{ids.reshape({3, 4}), ((ids + 1) % 20).reshape({3, 4})};
  batch.targets[0][0] = -100;
  return batch;
}

struct Run {
  Model teacher{nullptr}, student{nullptr};

  Run() {
    ::torch::manual_seed(3);
    teacher = Model(AnyEmbedding(20, 8));
    teacher->eval();
    student = Model(
        AnyEmbedding(EntangledEmbedding(see::torch::EntangledEmbeddingOptions(20, 8).rank(3))));
    ::torch::manual_seed(4);
  }

  double train(const DistillOptions& options) {
    see::torch::Distiller<Batch> distiller(
        [this](const Batch& batch) { return teacher(batch.ids); },
        [this](const Batch& batch) { return student(batch.ids); }, student.ptr(), options);
    return distiller.train(batch_of);
  }
};

see::torch::SoftLossOptions smoothed(see::torch::SoftLossOptions options, double smoothing) {
  return options.label_smoothing(smoothing);
}

}  // namespace

TEST_CASE("the losses of distillation are their formulas") {
  const ModelOutputs teacher{::torch::randn({3, 4}), {::torch::randn({3, 5})}, {}};
  const ModelOutputs student{::torch::randn({3, 4}), {::torch::randn({3, 5})}, {}};
  const double needed =
      (student.embeddings - teacher.embeddings).square().mean().item<double>() +
      0.5 * (student.hidden[0] - teacher.hidden[0]).square().mean().item<double>();
  REQUIRE(see::torch::match_loss(student, teacher, 0.5).item<double>() == Approx(needed));

  const Tensor own = ::torch::randn({2, 3, 7}, ::torch::kDouble);
  const Tensor other = ::torch::randn({2, 3, 7}, ::torch::kDouble);
  const Tensor targets = ::torch::tensor({{1, 2, -100}, {0, 6, 3}});
  const auto soft_options = see::torch::SoftLossOptions().temperature(3).soft_share(0.25);
  double soft = 0, task = 0;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) {
      const auto word = targets[i][j].item<std::int64_t>();
      if (word == -100) continue;
      const Tensor p = ::torch::softmax(other[i][j] / 3, 0), q = ::torch::softmax(own[i][j] / 3, 0);
      soft += (p * (p / q).log()).sum().item<double>() / 5;
      task -= ::torch::softmax(own[i][j], 0)[word].log().item<double>() / 5;
    }
  REQUIRE(see::torch::soft_loss(own, other, targets, soft_options).item<double>() ==
          Approx(0.25 * 9 * soft + 0.75 * task));

  REQUIRE_THAT(error_of([&] { see::torch::match_loss(student, {}); }), contains("hidden layers"));
  REQUIRE_THAT(error_of([&] {
                 see::torch::match_loss(student, {::torch::ones({1}), teacher.hidden, {}});
               }),
               contains("embeddings of 3 x 4 and 1"));
  REQUIRE_THAT(error_of([&] { see::torch::soft_loss(own, other[0], targets); }),
               contains("other sizes"));
  REQUIRE_THAT(error_of([&] {
                 see::torch::soft_loss(own, other, targets,
                                       see::torch::SoftLossOptions().temperature(0));
               }),
               contains("temperature 0"));
}

TEST_CASE("soft_loss has the value and the gradient of torch's operations") {
  namespace F = ::torch::nn::functional;
  const Tensor other = 3 * ::torch::randn({4, 3, 9}, ::torch::kDouble);
  const Tensor start = 3 * ::torch::randn({4, 3, 9}, ::torch::kDouble);
  Tensor targets = ::torch::randint(9, {4, 3});
  targets[1] = -100;
  const Tensor counts = targets.flatten().ne(-100);
  for (const double share : {0.0, 0.3, 1.0})
    for (const double smoothing : {0.0, 0.2}) {
      const double t = 2.5;
      const Tensor own = start.clone().requires_grad_(true);
      const Tensor by_torch = start.clone().requires_grad_(true);
      const auto soft = see::torch::SoftLossOptions().temperature(t).soft_share(share);
      const Tensor loss = see::torch::soft_loss(own, other, targets, smoothed(soft, smoothing));
      const Tensor own_log = ::torch::log_softmax(by_torch.flatten(0, 1) / t, -1);
      const Tensor other_log = ::torch::log_softmax(other.flatten(0, 1) / t, -1);
      const Tensor divergence = (other_log.exp() * (other_log - own_log)).sum(-1);
      const Tensor needed =
          share * t * t * divergence.masked_select(counts).mean() +
          (1 - share) * F::cross_entropy(by_torch.flatten(0, 1), targets.flatten(),
                                         F::CrossEntropyFuncOptions().label_smoothing(smoothing));
      REQUIRE(loss.item<double>() == Approx(needed.item<double>()));
      (2 * loss).backward();
      (2 * needed).backward();
      REQUIRE((own.grad() - by_torch.grad()).abs().max().item<double>() < 1e-12);
    }
  const Tensor own = start.to(::torch::kFloat).requires_grad_(true);
  const Tensor none = see::torch::soft_loss(own, other, ::torch::full_like(targets, -100));
  none.backward();
  REQUIRE(none.item<float>() == 0);
  REQUIRE(own.grad().abs().max().item<float>() == 0);
  REQUIRE_THAT(error_of([&] { see::torch::soft_loss(own, other, targets + 9); }),
               contains("needed 0 to 8"));
}

TEST_CASE("learning rates rise along a line and fall along a cosine") {
  const auto options = DistillOptions().warmup(4).last_rate(0.2);
  REQUIRE(see::torch::rate_share(0, 104, options) == Approx(0.25));
  REQUIRE(see::torch::rate_share(4, 104, options) == Approx(1));
  REQUIRE(see::torch::rate_share(54, 104, options) == Approx(0.6));
  REQUIRE(see::torch::rate_share(104, 104, options) == Approx(0.2));
}

TEST_CASE("a student learns from its teacher, and resumes to the same numbers") {
  const TempDir dir;
  const auto options = [] {
    return DistillOptions().match_steps(60).distill_steps(40).learning_rate(0.02).warmup(5);
  };
  Run whole;
  std::vector<DistillProgress> seen;
  const double last = whole.train(options().progress([&](const DistillProgress& now) {
    seen.push_back(now);
    return true;
  }));
  REQUIRE(seen.size() == 100);
  REQUIRE(seen[59].stage == 1);
  REQUIRE(seen[60].stage == 2);
  REQUIRE(seen[59].loss < 0.7 * seen[0].loss);
  REQUIRE(seen[99].loss < seen[60].loss);
  REQUIRE(seen[99].loss == last);
  REQUIRE(seen[99].seconds_left == 0);
  REQUIRE(seen[50].tokens_per_second > 0);

  for (const std::int64_t stop : {30, 75}) {
    const auto file = dir.path() / ("stop-" + std::to_string(stop));
    const auto keep = [&] { return options().checkpoint(file).checkpoint_every(20); };
    Run first;
    REQUIRE_THROWS_AS(
        first.train(keep().progress([&](const DistillProgress& now) { return now.step < stop; })),
        see::Cancelled);
    Run second;
    REQUIRE(second.train(keep()) == last);
    const auto needed = whole.student->parameters(), found = second.student->parameters();
    for (std::size_t i = 0; i < needed.size(); ++i) REQUIRE(::torch::equal(found[i], needed[i]));
    REQUIRE_THAT(error_of([&] { Run().train(keep().match_steps(61)); }),
                 contains("a checkpoint of 60 and 40 steps, needed the options' 61 and 40"));
  }
  Run frozen;
  for (auto& parameter : frozen.student->parameters()) parameter.set_requires_grad(false);
  REQUIRE_THAT(error_of([&] { frozen.train(options()); }), contains("needs a gradient"));
}
