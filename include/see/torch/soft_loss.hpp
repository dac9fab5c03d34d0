#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/torch/operation.hpp"

namespace see::torch {

struct SoftLossOptions {
  TORCH_ARG(double, temperature) = 2;   ///< T, above 0
  TORCH_ARG(double, soft_share) = 0.5;  ///< a, 0 to 1
  TORCH_ARG(std::int64_t, ignore_index) = -100;
  TORCH_ARG(double, label_smoothing) = 0;  ///< 0 to 1
};

namespace detail {

/// soft_loss() and its gradient in one pass over the logits. torch's own operations take a dozen,
/// of arrays as large as these.
template <class Scalar>
class SoftLoss final : public Operation {
 public:
  /// Logits are positions x words, contiguous; targets are as many int64.
  SoftLoss(Tensor student, Tensor teacher, Tensor targets, const SoftLossOptions& options,
           bool wants_gradient)
      : student_(std::move(student)),
        teacher_(std::move(teacher)),
        targets_(std::move(targets)),
        options_(options) {
    if (wants_gradient) gradient_ = ::torch::zeros_like(student_);
  }

  Tensor forward() override {
    const auto positions = static_cast<std::size_t>(targets_.numel());
    const auto* const words = targets_.template data_ptr<std::int64_t>();
    const auto counting =
        static_cast<std::size_t>(std::count_if(words, words + positions, [&](std::int64_t word) {
          return word != options_.ignore_index();
        }));
    std::vector<double> losses(positions, 0);
    for_ranges(executor(), positions, 16, [&](std::size_t first, std::size_t last) {
      Row buffer(student_.size(1));
      for (std::size_t i = first; i < last; ++i)
        if (words[i] != options_.ignore_index())
          losses[i] = position(static_cast<Index>(i), words[i], 1.0 / double(counting), buffer);
    });
    const double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
    return ::torch::tensor(static_cast<Scalar>(counting == 0 ? 0.0 : sum / double(counting)),
                           type_of<Scalar>());
  }

  variable_list backward(const Tensor& out_gradient) override { return {gradient_ * out_gradient}; }

 private:
  using Row = Eigen::Array<Scalar, Eigen::Dynamic, 1>;

  /// The loss of a position; `weight` is of its gradient. With s and t the logits less their
  /// largest, p = softmax(s / T), q = softmax(t / T) and h = softmax(s), the gradient is
  ///
  ///     a T (p - q) + (1 - a) (h - (1 - smoothing) onehot - smoothing / words)
  double position(Index i, Index word, double weight, Row& p) {
    const Index words = student_.size(1);
    const Eigen::Map<const Row> own(student_.template data_ptr<Scalar>() + i * words, words);
    const Eigen::Map<const Row> other(teacher_.template data_ptr<Scalar>() + i * words, words);
    const double t = options_.temperature(), a = options_.soft_share();
    const double smoothing = options_.label_smoothing();
    const Scalar own_top = own.maxCoeff(), other_top = other.maxCoeff();
    const auto cooling = static_cast<Scalar>(1 / t);
    double loss = 0;
    Row hard;
    if (a < 1) {
      hard = (own - own_top).exp();
      const double sum = double(hard.sum()), log_sum = std::log(sum) + double(own_top);
      hard *= static_cast<Scalar>(1 / sum);
      const double mean = smoothing > 0 ? double(own.mean()) : 0.0;
      loss += (1 - a) * (log_sum - (1 - smoothing) * double(own[word]) - smoothing * mean);
    }
    Eigen::Map<Row> gradient(nullptr, 0);
    if (gradient_.defined())
      new (&gradient) Eigen::Map<Row>(gradient_.template data_ptr<Scalar>() + i * words, words);
    if (a > 0) {
      p = ((other - other_top) * cooling).exp();
      const double other_sum = double(p.sum());
      const double apart = double((p * (other - own)).sum()) / other_sum;
      if (gradient.size() > 0) gradient = p * static_cast<Scalar>(-a * t * weight / other_sum);
      p = ((own - own_top) * cooling).exp();
      const double own_sum = double(p.sum());
      const double divergence = (apart + double(own_top) - double(other_top)) / t +
                                std::log(own_sum) - std::log(other_sum);
      loss += a * t * t * divergence;
      if (gradient.size() > 0) gradient += p * static_cast<Scalar>(a * t * weight / own_sum);
    }
    if (gradient.size() > 0 && a < 1) {
      gradient += hard * static_cast<Scalar>((1 - a) * weight);
      if (smoothing > 0)
        gradient -= static_cast<Scalar>((1 - a) * weight * smoothing / double(words));
      gradient[word] -= static_cast<Scalar>((1 - a) * weight * (1 - smoothing));
    }
    return loss;
  }

  Tensor student_, teacher_, targets_, gradient_;
  SoftLossOptions options_;
};

}  // namespace detail

/// Stage 2, "distill": soft targets and the task,
///
///     a * T^2 * mean of KL(softmax(t / T) | softmax(s / T)) + (1 - a) * cross_entropy(s, targets)
///
/// over the positions whose target is not ignored (Hinton, Vinyals and Dean, arXiv 1503.02531); 0
/// where all are. `targets` has the sizes of the logits without the last. The teacher gets no
/// gradient. Deterministic for any number of threads. Memory: the gradient, as large as the logits.
/// Throws where shapes differ, a target is no word, or an option is out of range.
inline Tensor soft_loss(const Tensor& student, const Tensor& teacher, const Tensor& targets,
                        const SoftLossOptions& options = {}) {
  const double t = options.temperature(), share = options.soft_share();
  see::detail::require(t > 0 && share >= 0 && share <= 1, "soft_loss: temperature ", t,
                       " and soft share ", share, ", needed one above 0 and one of 0 to 1");
  const double smoothing = options.label_smoothing();
  see::detail::require(smoothing >= 0 && smoothing <= 1, "soft_loss: label_smoothing ", smoothing,
                       ", needed 0 to 1");
  see::detail::require(student.defined() && teacher.defined() &&
                           student.sizes() == teacher.sizes() && student.dim() >= 2 &&
                           targets.defined() &&
                           targets.numel() * student.size(-1) == student.numel(),
                       "soft_loss: logits and targets of other sizes, needed ... x words twice and "
                       "as many targets");
  detail::require_on_cpu(student, "soft_loss", "logits");
  see::detail::require(student.is_floating_point(), "soft_loss: logits of type ",
                       detail::name_of(student.scalar_type()), ", needed float or double");
  const Tensor own = student.flatten(0, -2).contiguous();
  const Tensor other = teacher.detach().flatten(0, -2).to(student.scalar_type()).contiguous();
  const Tensor ids = detail::to_ids(targets.flatten(), "soft_loss").to(::at::kLong).contiguous();
  const Tensor counting = ids.masked_select(ids.ne(options.ignore_index()));
  if (counting.numel() > 0) {
    const auto least = counting.min().item<std::int64_t>();
    const auto most = counting.max().item<std::int64_t>();
    see::detail::require(least >= 0 && most < own.size(1), "soft_loss: target ",
                         least < 0 ? least : most, ", needed 0 to ", own.size(1) - 1);
  }
  const bool wants_gradient = ::torch::GradMode::is_enabled() && student.requires_grad();
  ::c10::intrusive_ptr<detail::Operation> operation;
  if (own.scalar_type() == ::at::kDouble)
    operation = ::c10::make_intrusive<detail::SoftLoss<double>>(own.detach(), other, ids, options,
                                                                wants_gradient);
  else
    operation = ::c10::make_intrusive<detail::SoftLoss<float>>(own.detach(), other, ids, options,
                                                               wants_gradient);
  return detail::record(std::move(operation), {own});
}

}  // namespace see::torch
