#pragma once

#include <torch/torch.h>

#include <vector>

#include "see/torch/soft_loss.hpp"
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

}  // namespace see::torch
