#pragma once

#include <torch/torch.h>

#include <span>

#include "see/compress/prune/gradient_moments.hpp"
#include "see/compress/prune/scores.hpp"
#include "see/core/types.hpp"
#include "see/torch/tensor.hpp"

namespace see::torch {

/// Adds the gradient of `rows`, which were looked up for `ids`, to `scores` whenever it comes by in
/// backward(): FisherScores<float> or GradientMoments, which must live until then. Each row is a
/// sample of its own; `samples` is n where the loss is a mean over n. Works for rows of any module,
/// AnyEmbedding and torch::nn::Embedding too; what a tied output layer adds does not come by here.
/// Throws where ids are no int32 or int64 or not as many as the rows, or rows need no gradient.
///
/// \code{.cpp}
///     auto rows = embed(ids);
///     see::torch::collect_gradients(rows, ids, scores, samples);
///     loss_of(rows).backward();  // of each of a few batches, then prune() by the scores
/// \endcode
template <class Scores>
void collect_gradients(const Tensor& rows, const Tensor& ids, Scores& scores, double samples = 1) {
  const Tensor numbers = detail::to_ids(ids, "collect_gradients").clone();
  detail::require_on_cpu(rows, "collect_gradients", "rows");
  detail::require(rows.dim() >= 1 && rows.numel() == numbers.numel() * rows.size(-1),
                  "collect_gradients: rows of ", detail::name_of(rows.sizes()), " for ids of ",
                  detail::name_of(ids.sizes()), ", needed a row for each");
  detail::require(rows.requires_grad(), "collect_gradients: rows that need no gradient");
  rows.register_hook([numbers, &scores, samples](const Tensor& gradient) {
    const Tensor values = gradient.detach().to(::at::kFloat).contiguous();
    const RowMatrix<float> matrix = as_matrix<float>(values, static_cast<Index>(values.size(-1)));
    detail::with_ids(numbers, [&](auto some) { scores.add(some, matrix, samples); });
  });
}

}  // namespace see::torch
