#pragma once

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "see/core/progress.hpp"
#include "see/torch/checkpoint.hpp"
#include "see/torch/distill_loss.hpp"
#include "see/torch/share.hpp"

namespace see::torch {

/// Where a distillation stands after a step.
struct DistillProgress {
  int stage = 1;          ///< 1 matches states, 2 learns soft targets and the task
  std::int64_t step = 0;  ///< done, of all stages
  std::int64_t steps = 0;
  double loss = 0;
  double learning_rate = 0;
  double tokens_per_second = 0;  ///< targets that count, since this run began
  double seconds_left = 0;
};

struct DistillOptions {
  TORCH_ARG(std::int64_t, match_steps) = 1000;    ///< of stage 1
  TORCH_ARG(std::int64_t, distill_steps) = 1000;  ///< of stage 2
  TORCH_ARG(double, learning_rate) = 1e-3;        ///< of Adam, at its highest
  TORCH_ARG(std::int64_t, warmup) = 100;          ///< steps of each stage to get there
  TORCH_ARG(double, last_rate) = 0.1;    ///< share of it at the end of a stage, by a cosine
  TORCH_ARG(double, clip) = 1;           ///< largest norm of a gradient; 0: any
  TORCH_ARG(double, hidden_weight) = 1;  ///< match_loss
  TORCH_ARG(SoftLossOptions, soft) = {};
  TORCH_ARG(std::filesystem::path, checkpoint) = {};  ///< a file to go on from and to keep
  TORCH_ARG(std::int64_t, checkpoint_every) = 500;    ///< steps
  /// Called after each step; false: writes the checkpoint and throws see::Cancelled.
  TORCH_ARG(std::function<bool(const DistillProgress&)>, progress) = {};
};

/// A batch: whatever the models take, and the targets of their logits.
template <class Batch>
concept DistillBatch = requires(const Batch& batch) {
  { batch.targets } -> std::convertible_to<const Tensor&>;
};

/// The share of the highest learning rate at `step` of a stage of `steps`: rises along a line, then
/// falls along a cosine to options.last_rate().
inline double rate_share(std::int64_t step, std::int64_t steps, const DistillOptions& options) {
  const auto warmup = std::min(options.warmup(), steps);
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double done = static_cast<double>(step - warmup) /
                      static_cast<double>(std::max<std::int64_t>(1, steps - warmup));
  return options.last_rate() +
         (1 - options.last_rate()) * 0.5 * (1 + std::cos(3.14159265358979323846 * done));
}

/// Two-stage distillation: match_loss() for some steps, then soft_loss(), by Adam. A run that goes
/// on from its checkpoint gives the same numbers as one that was not interrupted, where batch(step)
/// depends on the step alone: the file has the student, Adam's state, the step and the state of
/// torch's generator.
template <DistillBatch Batch>
class Distiller {
 public:
  using Model = std::function<ModelOutputs(const Batch&)>;

  /// `teacher` and `student` compute outputs of a batch, the student through `module`, whose
  /// parameters that need a gradient are trained. The teacher runs without a graph.
  Distiller(Model teacher, Model student, std::shared_ptr<::torch::nn::Module> module,
            DistillOptions options)
      : teacher_(std::move(teacher)),
        student_(std::move(student)),
        module_(std::move(module)),
        options_(std::move(options)),
        parameters_(trained(*module_)),
        adam_(parameters_, ::torch::optim::AdamOptions(options_.learning_rate())) {}

  /// Trains from the checkpoint, or from the start where there is none, and returns the last loss.
  /// Throws see::Error where the checkpoint is of other numbers of steps, see::FileError where it
  /// is damaged or cannot be written, see::Cancelled where progress returns false.
  double train(const std::function<Batch(std::int64_t step)>& batch) {
    const std::int64_t steps = options_.match_steps() + options_.distill_steps();
    DistillProgress now{.steps = steps};
    const std::filesystem::path& file = options_.checkpoint();
    if (!file.empty() && std::filesystem::exists(file)) load(now);
    const std::int64_t first = now.step;
    const auto start = std::chrono::steady_clock::now();
    double tokens = 0;
    while (now.step < steps) {
      const Batch current = batch(now.step);
      take_step(current, now);
      ++now.step;
      tokens += static_cast<double>(
          current.targets.ne(options_.soft().ignore_index()).sum().template item<std::int64_t>());
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      now.tokens_per_second = tokens / std::max(1e-9, taken.count());
      now.seconds_left = taken.count() / static_cast<double>(now.step - first) *
                         static_cast<double>(steps - now.step);
      const bool go_on = !options_.progress() || options_.progress()(now);
      if (!file.empty() &&
          (!go_on || now.step == steps || now.step % options_.checkpoint_every() == 0))
        save(now);
      if (!go_on) throw Cancelled();
    }
    return now.loss;
  }

 private:
  static std::vector<Tensor> trained(const ::torch::nn::Module& module) {
    std::vector<Tensor> parameters;
    for (const Tensor& parameter : unique_parameters(module))
      if (parameter.requires_grad()) parameters.push_back(parameter);
    see::detail::require(!parameters.empty(),
                         "a Distiller of a module without a parameter that needs a gradient");
    return parameters;
  }

  void take_step(const Batch& batch, DistillProgress& now) {
    const bool matches = now.step < options_.match_steps();
    now.stage = matches ? 1 : 2;
    now.learning_rate =
        options_.learning_rate() * (matches ? rate_share(now.step, options_.match_steps(), options_)
                                            : rate_share(now.step - options_.match_steps(),
                                                         options_.distill_steps(), options_));
    for (auto& group : adam_.param_groups())
      static_cast<::torch::optim::AdamOptions&>(group.options()).lr(now.learning_rate);
    ModelOutputs target;
    {
      const ::torch::NoGradGuard guard;
      target = teacher_(batch);
    }
    adam_.zero_grad();
    const ModelOutputs own = student_(batch);
    const Tensor loss = matches
                            ? match_loss(own, target, options_.hidden_weight())
                            : soft_loss(own.logits, target.logits, batch.targets, options_.soft());
    loss.backward();
    if (options_.clip() > 0) ::torch::nn::utils::clip_grad_norm_(parameters_, options_.clip());
    adam_.step();
    now.loss = loss.template item<double>();
  }

  void save(const DistillProgress& now) const {
    save_checkpoint(options_.checkpoint(), *module_, adam_,
                    {static_cast<double>(now.step), static_cast<double>(options_.match_steps()),
                     static_cast<double>(options_.distill_steps()), now.loss});
  }

  void load(DistillProgress& now) {
    const auto check = [&](const std::vector<double>& numbers) {
      see::detail::require(numbers[1] == static_cast<double>(options_.match_steps()) &&
                               numbers[2] == static_cast<double>(options_.distill_steps()),
                           "a checkpoint of ", numbers[1], " and ", numbers[2],
                           " steps, needed the options' ", options_.match_steps(), " and ",
                           options_.distill_steps());
    };
    const auto numbers = load_checkpoint(options_.checkpoint(), *module_, adam_, 4, check);
    now.step = static_cast<std::int64_t>(numbers[0]);
    now.loss = numbers[3];
  }

  Model teacher_, student_;
  std::shared_ptr<::torch::nn::Module> module_;
  DistillOptions options_;
  std::vector<Tensor> parameters_;
  ::torch::optim::Adam adam_;
};

}  // namespace see::torch
