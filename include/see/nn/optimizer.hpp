#pragma once

#include <cmath>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/nn/layer.hpp"

/// Optimizers that change the touched rows of a sparse gradient and no others. Each keeps its state
/// by the number of a parameter, so one optimizer goes with one layer.
namespace see {

namespace detail {

/// Calls change(number, row, values, gradient) for each touched row of each parameter of `layer`
/// that is not frozen; values and gradient are 1 x cols arrays.
template <EmbeddingLayer Layer, class Change>
void for_touched_rows(Layer& layer, const Gradient<typename Layer::Scalar>& gradient,
                      const Change& change) {
  for (auto& parameter : layer.parameters()) {
    const auto& part = gradient[parameter.number];
    for (std::size_t i = 0; i < part.touched().size(); ++i)
      change(parameter.number, part.touched()[i], parameter.values.row(part.touched()[i]).array(),
             part.row(i).array());
  }
}

/// One matrix a parameter, made of zeros when first asked for.
template <class Scalar>
class OptimizerState {
 public:
  auto row(int number, Index row, Index cols, Index rows) {
    const auto at = static_cast<std::size_t>(number);
    if (matrices_.size() <= at) matrices_.resize(at + 1);
    if (matrices_[at].size() == 0) matrices_[at] = RowMatrix<Scalar>::Zero(rows, cols);
    return matrices_[at].row(row).array();
  }

 private:
  std::vector<RowMatrix<Scalar>> matrices_;
};

}  // namespace detail

/// x -= rate * g
template <class Scalar>
class Sgd {
 public:
  explicit Sgd(double rate = 1e-2) : rate_(static_cast<Scalar>(rate)) {}

  /// Throws, and changes nothing, where the gradient belongs to a layer of another form.
  template <EmbeddingLayer Layer>
  void step(Layer& layer, const Gradient<Scalar>& gradient) {
    gradient.check_form(layer.parameter_shapes());
    detail::for_touched_rows(layer, gradient,
                             [&](int, Index, auto values, auto g) { values -= rate_ * g; });
  }

 private:
  Scalar rate_;
};

/// s += g^2; x -= rate * g / (sqrt(s) + epsilon) (Duchi, Hazan and Singer, JMLR 2011)
template <class Scalar>
class Adagrad {
 public:
  explicit Adagrad(double rate = 1e-2, double epsilon = 1e-10)
      : rate_(static_cast<Scalar>(rate)), epsilon_(static_cast<Scalar>(epsilon)) {}

  /// Throws, and changes nothing, where the gradient belongs to a layer of another form.
  template <EmbeddingLayer Layer>
  void step(Layer& layer, const Gradient<Scalar>& gradient) {
    gradient.check_form(layer.parameter_shapes());
    detail::for_touched_rows(layer, gradient, [&](int number, Index row, auto values, auto g) {
      auto squares = squares_.row(number, row, g.size(), gradient[number].rows());
      squares += g.square();
      values -= rate_ * g / (squares.sqrt() + epsilon_);
    });
  }

 private:
  Scalar rate_, epsilon_;
  detail::OptimizerState<Scalar> squares_;
};

/// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// x -= rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
///
/// with t the number of steps so far (Kingma and Ba, arXiv 1412.6980). Rows that a step does not
/// touch keep x, m and v, as in torch.optim.SparseAdam.
template <class Scalar>
class Adam {
 public:
  explicit Adam(double rate = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
      : rate_(rate), beta1_(beta1), beta2_(beta2), epsilon_(epsilon) {}

  /// Throws, and changes nothing, where the gradient belongs to a layer of another form.
  template <EmbeddingLayer Layer>
  void step(Layer& layer, const Gradient<Scalar>& gradient) {
    gradient.check_form(layer.parameter_shapes());
    ++steps_;
    const double correction2 = std::sqrt(1 - std::pow(beta2_, steps_));
    const auto rate = static_cast<Scalar>(rate_ * correction2 / (1 - std::pow(beta1_, steps_)));
    const auto epsilon = static_cast<Scalar>(epsilon_ * correction2);
    const auto b1 = static_cast<Scalar>(beta1_), b2 = static_cast<Scalar>(beta2_);
    detail::for_touched_rows(layer, gradient, [&](int number, Index row, auto values, auto g) {
      auto mean = means_.row(number, row, g.size(), gradient[number].rows());
      auto square = squares_.row(number, row, g.size(), gradient[number].rows());
      mean += (1 - b1) * (g - mean);
      square += (1 - b2) * (g.square() - square);
      values -= rate * mean / (square.sqrt() + epsilon);
    });
  }

 private:
  double rate_, beta1_, beta2_, epsilon_;
  int steps_ = 0;
  detail::OptimizerState<Scalar> means_, squares_;
};

}  // namespace see
