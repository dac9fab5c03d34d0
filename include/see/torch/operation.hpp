#pragma once

#include <torch/torch.h>

#include <utility>

#include "see/torch/tensor.hpp"

namespace see::torch::detail {

using ::torch::autograd::AutogradContext;
using ::torch::autograd::variable_list;

/// A function of some tensors and its vector-Jacobian product, without a graph of its own.
class Operation : public ::torch::CustomClassHolder {
 public:
  /// Called once.
  virtual Tensor forward() = 0;

  /// The gradient of <out_gradient, result> with respect to each input, undefined where it is not
  /// wanted. `out_gradient` is contiguous.
  virtual variable_list backward(const Tensor& out_gradient) = 0;
};

/// Gradients as they are, which refuse to be differentiated again.
class OnceDifferentiable : public ::torch::autograd::Function<OnceDifferentiable> {
 public:
  static variable_list forward(AutogradContext*, ::at::TensorList gradients, ::at::TensorList) {
    return gradients.vec();
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    see::detail::fail(
        "a second derivative of a layer or loss of see::torch, needed a first one: double backward "
        "is not supported");
  }
};

/// An operation as a node of autograd's graph.
class Node : public ::torch::autograd::Function<Node> {
 public:
  static Tensor forward(AutogradContext* context, const ::c10::intrusive_ptr<Operation>& operation,
                        ::at::TensorList inputs) {
    context->saved_data["operation"] = ::c10::IValue::make_capsule(operation);
    context->save_for_backward(inputs.vec());
    return operation->forward();
  }

  static variable_list backward(AutogradContext* context, const variable_list& out_gradients) {
    const variable_list inputs = context->get_saved_variables();  // throws where one has changed
    const auto capsule = context->saved_data["operation"].toCapsule();
    variable_list gradients;
    {
      const ::torch::NoGradGuard guard;
      gradients = static_cast<Operation&>(*capsule).backward(out_gradients[0].contiguous());
    }
    if (::torch::GradMode::is_enabled()) refuse_second(gradients, out_gradients[0], inputs);
    gradients.insert(gradients.begin(), Tensor());  // that of the operation
    return gradients;
  }

 private:
  static void refuse_second(variable_list& gradients, const Tensor& out_gradient,
                            variable_list inputs) {
    inputs.push_back(out_gradient);
    variable_list defined;
    for (const Tensor& gradient : gradients)
      if (gradient.defined()) defined.push_back(gradient);
    if (defined.empty()) return;
    defined = OnceDifferentiable::apply(::at::TensorList(defined), ::at::TensorList(inputs));
    std::size_t next = 0;
    for (Tensor& gradient : gradients)
      if (gradient.defined()) gradient = defined[next++];
  }
};

/// What `operation` makes of `inputs`, in autograd's graph.
inline Tensor record(::c10::intrusive_ptr<Operation> operation, const variable_list& inputs) {
  return Node::apply(operation, ::at::TensorList(inputs));
}

}  // namespace see::torch::detail
