#pragma once

#include <cstdint>

#include "see/torch/distill.hpp"
#include "transformer/program.hpp"

namespace transformer {

/// Trains `small` by `large`, which have outputs(batch), with a line of progress. Neither drops
/// anything out. batches(step) depends on the step alone; a batch has logits in stage 2 alone.
template <class Model, class Batches>
void distill_model(Model large, Model small, const Batches& batches,
                   see::torch::DistillOptions options) {
  using Batch = decltype(batches(std::int64_t{0}));
  large->eval();
  small->eval();
  ProgressLine line;
  options.progress([&](const see::torch::DistillProgress& now) {
    line(now.step == now.steps, [&] {
      return format("stage %d, step %lld of %lld, loss %.4f, %.0f tokens/s, %.0f s left", now.stage,
                    number(now.step), number(now.steps), now.loss, now.tokens_per_second,
                    now.seconds_left);
    });
    return true;
  });
  const std::int64_t match_steps = options.match_steps();
  see::torch::Distiller<Batch>([&](const Batch& batch) { return large->outputs(batch); },
                               [&](const Batch& batch) { return small->outputs(batch); },
                               small.ptr(), options)
      .train([&](std::int64_t step) {
        Batch batch = batches(step);
        batch.wants_logits = step >= match_steps;
        return batch;
      });
}

}  // namespace transformer
