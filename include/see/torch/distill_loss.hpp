#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "see/torch/tensor.hpp"

/// Losses by which a student with entangled tables learns from a teacher with dense ones.
namespace see::torch {

/// What a model gives for a batch, as far as a loss asks for it.
struct ModelOutputs {
  Tensor embeddings;           ///< of the inputs, any shape
  std::vector<Tensor> hidden;  ///< states at the layers that are to match
  Tensor logits;               ///< ... x words
};

/// Stage 1, "match": the mean squared errors of embeddings and hidden states,
///
///     |e_s - e_t|^2 / n + hidden_weight * mean over layers of |h_s - h_t|^2 / n
///
/// Throws where shapes differ or the numbers of layers do.
inline Tensor match_loss(const ModelOutputs& student, const ModelOutputs& teacher,
                         double hidden_weight = 1) {
  const auto apart = [](const Tensor& own, const Tensor& other, const char* what) {
    see::detail::require(
        own.defined() && other.defined() && own.sizes() == other.sizes(), "match_loss: ", what,
        " of ", own.defined() ? detail::name_of(own.sizes()) : "nothing", " and ",
        other.defined() ? detail::name_of(other.sizes()) : "nothing", ", needed equal sizes");
    return ::torch::mse_loss(own, other.detach());
  };
  see::detail::require(
      student.hidden.size() == teacher.hidden.size(), "match_loss: ", student.hidden.size(),
      " hidden layers of the student, needed the ", teacher.hidden.size(), " of the teacher");
  Tensor loss = apart(student.embeddings, teacher.embeddings, "embeddings");
  const auto layers = static_cast<double>(student.hidden.size());
  for (std::size_t i = 0; i < student.hidden.size(); ++i)
    loss = loss +
           hidden_weight / layers * apart(student.hidden[i], teacher.hidden[i], "hidden states");
  return loss;
}

struct SoftLossOptions {
  TORCH_ARG(double, temperature) = 2;   ///< T, above 0
  TORCH_ARG(double, soft_share) = 0.5;  ///< a, 0 to 1
  TORCH_ARG(std::int64_t, ignore_index) = -100;
  TORCH_ARG(double, label_smoothing) = 0;
};

/// Stage 2, "distill": soft targets and the task,
///
///     a * T^2 * mean of KL(softmax(t / T) | softmax(s / T)) + (1 - a) * cross_entropy(s, targets)
///
/// over the positions whose target is not ignored (Hinton, Vinyals and Dean, arXiv 1503.02531).
/// `targets` has the sizes of the logits without the last. Throws where shapes differ or an option
/// is out of range.
inline Tensor soft_loss(const Tensor& student, const Tensor& teacher, const Tensor& targets,
                        const SoftLossOptions& options = {}) {
  const double t = options.temperature(), share = options.soft_share();
  see::detail::require(t > 0 && share >= 0 && share <= 1, "soft_loss: temperature ", t,
                       " and soft share ", share, ", needed one above 0 and one of 0 to 1");
  see::detail::require(student.defined() && teacher.defined() &&
                           student.sizes() == teacher.sizes() && student.dim() >= 2 &&
                           targets.defined() &&
                           targets.numel() * student.size(-1) == student.numel(),
                       "soft_loss: logits and targets of other sizes, needed ... x words twice and "
                       "as many targets");
  const Tensor words = targets.flatten().to(::at::kLong);
  const Tensor own = student.flatten(0, -2);
  const Tensor counts = words.ne(options.ignore_index());
  const Tensor own_log = ::torch::log_softmax(own / t, -1);
  const Tensor other_log = ::torch::log_softmax(teacher.detach().flatten(0, -2) / t, -1);
  const Tensor divergence = (other_log.exp() * (other_log - own_log)).sum(-1);
  const Tensor soft = divergence.masked_select(counts).sum() / counts.sum().clamp_min(1);
  const Tensor task =
      ::torch::nn::functional::cross_entropy(own, words,
                                             ::torch::nn::functional::CrossEntropyFuncOptions()
                                                 .ignore_index(options.ignore_index())
                                                 .label_smoothing(options.label_smoothing()));
  return share * t * t * soft + (1 - share) * task;
}

}  // namespace see::torch
