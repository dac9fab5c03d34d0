#pragma once

#include <cmath>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/packet_block.hpp"
#include "see/nn/layer.hpp"

/// Optimizers that change the touched rows of a sparse gradient and no others. Each keeps its state
/// by the number of a parameter, so one optimizer goes with one layer.
namespace see {

namespace detail {

/// Calls change(number, at, values, gradient) for pieces of each touched row of each parameter of
/// `layer` that is not frozen; values and gradient are arrays of one compile-time size, `at` is the
/// place of their first number in the parameter's matrix.
template <EmbeddingLayer Layer, class Change>
void for_touched_pieces(Layer& layer, const Gradient<typename Layer::Scalar>& gradient,
                        const Change& change) {
  using Scalar = typename Layer::Scalar;
  for (auto& parameter : layer.parameters()) {
    const auto& part = gradient[parameter.number];
    Scalar* const values = parameter.values.data();
    for (std::size_t i = 0; i < part.touched().size(); ++i) {
      const Index row = part.touched()[i] * part.cols();
      const Scalar* const g = part.row(i).data();
      kernel::for_pieces<Scalar>(part.cols(), [&](Index k, auto n) {
        using Piece = Eigen::Array<Scalar, n, 1>;
        change(static_cast<std::size_t>(parameter.number), row + k,
               Eigen::Map<Piece>(values + row + k), Eigen::Map<const Piece>(g + k));
      });
    }
  }
}

/// Numbers beside those of each parameter, zeros at first.
template <class Scalar>
class OptimizerState {
 public:
  /// Makes room for the parameters of `layer` that are not frozen. Throws, and changes nothing,
  /// where there is room for parameters of other sizes.
  template <EmbeddingLayer Layer>
  void cover(Layer& layer) {
    const auto parameters = layer.parameters();
    for (const auto& parameter : parameters) {
      const auto number = static_cast<std::size_t>(parameter.number);
      require(values_.size() <= number || values_[number].empty() ||
                  std::ssize(values_[number]) == parameter.values.size(),
              "a step of an optimizer of another layer: parameter ", parameter.name, " has ",
              parameter.values.size(), " numbers, needed as many as before");
    }
    for (const auto& parameter : parameters) {
      const auto number = static_cast<std::size_t>(parameter.number);
      if (values_.size() <= number) values_.resize(number + 1);
      if (values_[number].empty())
        values_[number].resize(static_cast<std::size_t>(parameter.values.size()));
    }
  }

  /// The state beside a piece of parameter `number` that begins at `at`.
  template <class Piece>
  auto beside(std::size_t number, Index at, const Piece&) {
    return Eigen::Map<typename Piece::PlainObject>(values_[number].data() + at);
  }

 private:
  std::vector<std::vector<Scalar>> values_;
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
    detail::for_touched_pieces(
        layer, gradient, [&](std::size_t, Index, auto values, auto g) { values -= rate_ * g; });
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

  /// Throws, and changes nothing, where the gradient or the steps before belong to a
  /// layer of another form.
  template <EmbeddingLayer Layer>
  void step(Layer& layer, const Gradient<Scalar>& gradient) {
    gradient.check_form(layer.parameter_shapes());
    squares_.cover(layer);
    detail::for_touched_pieces(layer, gradient,
                               [&](std::size_t number, Index at, auto values, auto g) {
                                 auto squares = squares_.beside(number, at, g);
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

  /// Throws, and changes nothing, where the gradient or the steps before belong to a
  /// layer of another form.
  template <EmbeddingLayer Layer>
  void step(Layer& layer, const Gradient<Scalar>& gradient) {
    gradient.check_form(layer.parameter_shapes());
    means_.cover(layer);
    squares_.cover(layer);
    ++steps_;
    const double correction2 = std::sqrt(1 - std::pow(beta2_, steps_));
    const auto rate = static_cast<Scalar>(rate_ * correction2 / (1 - std::pow(beta1_, steps_)));
    const auto epsilon = static_cast<Scalar>(epsilon_ * correction2);
    const auto b1 = static_cast<Scalar>(beta1_), b2 = static_cast<Scalar>(beta2_);
    detail::for_touched_pieces(
        layer, gradient, [&](std::size_t number, Index at, auto values, auto g) {
          auto mean = means_.beside(number, at, g), square = squares_.beside(number, at, g);
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
