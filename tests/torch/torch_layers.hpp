#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/torch/embedding.hpp"

/// Layers and checks that the tests of see::torch share.
namespace torch_layers {

using ::torch::Tensor;

/// 7 words of 0 to 3 senses over one inventory of 5 units of 2 vectors, 3 x 3 cut to 8 numbers,
/// with what else is asked for.
inline see::EmbeddingParts<double> small_parts(see::GainScope gains = see::GainScope::none,
                                               bool layer_norm = false,
                                               std::optional<see::Index> padding_idx = {}) {
  see::LexiconBuilder builder(see::SlotTable::shared(2, 5));
  builder.word().sense({0, 1}).sense({2, 2}).word().sense({3, 4}).word();
  builder.word().sense({1, 1}).sense({4, 0}).sense({0, 3}).word().sense({2, 0});
  builder.word().sense({1, 3}).word().sense({4, 4}).sense({1, 0});
  auto parts = see::make_parts<double>(
      see::Shape({3, 3}, 8), builder.finish(), 2,
      {.gains = gains, .layer_norm = layer_norm, .padding_idx = padding_idx, .seed = 7});
  see::Random random(3);
  for (std::size_t i = 0; i < parts.gains.size(); ++i) parts.gains.mutate()[i] = random.normal();
  if (layer_norm)
    for (std::size_t i = 0; i < 8; ++i) {
      parts.layer_norm->weight.mutate()[i] = 1 + 0.1 * random.normal();
      parts.layer_norm->bias.mutate()[i] = 0.1 * random.normal();
    }
  return parts;
}

/// A matrix as a tensor of its own.
template <class Scalar>
Tensor to_tensor(const see::RowMatrix<Scalar>& matrix) {
  return ::torch::from_blob(const_cast<Scalar*>(matrix.data()), {matrix.rows(), matrix.cols()},
                            see::torch::detail::type_of<Scalar>())
      .clone();
}

inline double largest_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  if (a.numel() == 0) return 0;
  return (a.detach().to(::torch::kDouble) - b.detach().to(::torch::kDouble))
      .abs()
      .max()
      .item<double>();
}

/// Holds the gradients of sum(weights * f()) by autograd against central differences, for double
/// inputs that f reads.
inline void check_gradients(const std::function<Tensor()>& f, std::vector<Tensor> inputs,
                            double tolerance = 1e-7) {
  ::torch::manual_seed(5);
  const Tensor first = f();
  const Tensor weights = ::torch::randn(first.sizes(), ::torch::kDouble);
  const auto value = [&] {
    const ::torch::NoGradGuard guard;
    return (weights * f()).sum().item<double>();
  };
  const auto gradients = ::torch::autograd::grad({(weights * first).sum()}, inputs);
  constexpr double step = 1e-6;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor numeric = ::torch::zeros_like(inputs[i]);
    double* number = inputs[i].data_ptr<double>();
    for (std::int64_t k = 0; k < inputs[i].numel(); ++k) {
      const double before = number[k];
      number[k] = before + step;
      const double above = value();
      number[k] = before - step;
      const double below = value();
      number[k] = before;
      numeric.data_ptr<double>()[k] = (above - below) / (2 * step);
    }
    INFO("input " << i);
    REQUIRE(largest_difference(gradients[i], numeric) <
            tolerance * (1 + numeric.abs().max().item<double>()));
  }
}

/// The message of the see::Error that f throws.
inline std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const see::Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "no exception";
}

}  // namespace torch_layers
