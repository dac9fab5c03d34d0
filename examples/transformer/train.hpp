#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "see/torch/checkpoint.hpp"
#include "see/torch/distill.hpp"
#include "see/torch/share.hpp"
#include "transformer/require.hpp"

/// A training loop for any module.
namespace transformer {

struct TrainProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0;
  double seconds = 0;       ///< since this run began
  double seconds_left = 0;  ///< by the time that the steps of this run took
};

struct TrainOptions {
  std::int64_t steps = 1000;
  double rate = 1e-3;  ///< of Adam, at its highest
  std::int64_t warmup = 100;
  double last_rate = 0.05;                ///< share of it at the end, by a cosine
  double beta2 = 0.999;                   ///< of Adam
  double clip = 1;                        ///< largest norm of a gradient
  std::filesystem::path checkpoint = {};  ///< a file to go on from and to keep; empty: none
  std::int64_t checkpoint_every = 500;
  std::function<void(const TrainProgress&)> progress = {};
};

/// Minimises loss(step) over the parameters of `module` by Adam, from the checkpoint where there is
/// one. A run that goes on gives the numbers of one that was not interrupted, where loss(step)
/// depends on the step, the parameters and torch's generator alone.
class Trainer {
 public:
  Trainer(std::shared_ptr<torch::nn::Module> module, TrainOptions options)
      : module_(std::move(module)),
        options_(std::move(options)),
        parameters_(see::torch::unique_parameters(*module_)),
        adam_(parameters_, torch::optim::AdamOptions(options_.rate).betas({0.9, options_.beta2})) {}

  void train(const std::function<torch::Tensor(std::int64_t)>& loss) {
    const auto& file = options_.checkpoint;
    const auto shape =
        see::torch::DistillOptions().warmup(options_.warmup).last_rate(options_.last_rate);
    TrainProgress now{.steps = options_.steps};
    if (!file.empty() && std::filesystem::exists(file)) now.step = load();
    const std::int64_t first = now.step;
    const auto start = std::chrono::steady_clock::now();
    while (now.step < options_.steps) {
      const double rate = options_.rate * see::torch::rate_share(now.step, options_.steps, shape);
      for (auto& group : adam_.param_groups())
        static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate);
      adam_.zero_grad();
      const torch::Tensor value = loss(now.step);
      value.backward();
      torch::nn::utils::clip_grad_norm_(parameters_, options_.clip);
      adam_.step();
      now.loss = value.item<double>();
      ++now.step;
      now.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      now.seconds_left = now.seconds / static_cast<double>(now.step - first) *
                         static_cast<double>(now.steps - now.step);
      if (options_.progress) options_.progress(now);
      if (!file.empty() && (now.step == now.steps || now.step % options_.checkpoint_every == 0))
        save(now.step);
    }
  }

 private:
  void save(std::int64_t step) const {
    see::torch::save_checkpoint(options_.checkpoint, *module_, adam_,
                                {static_cast<double>(step), static_cast<double>(options_.steps)});
  }

  std::int64_t load() {
    const auto check = [&](const std::vector<double>& numbers) {
      require(numbers[1] == static_cast<double>(options_.steps), "checkpoint ",
              options_.checkpoint.string(), " of ", numbers[1], " steps, needed one of ",
              options_.steps, ", or none: remove it");
    };
    const auto numbers =
        see::torch::load_checkpoint(options_.checkpoint, *module_, adam_, 2, check);
    return static_cast<std::int64_t>(numbers[0]);
  }

  std::shared_ptr<torch::nn::Module> module_;
  TrainOptions options_;
  std::vector<torch::Tensor> parameters_;
  torch::optim::Adam adam_;
};

}  // namespace transformer
