#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "see/error.hpp"
#include "see/torch/tensor.hpp"

/// A file that training goes on from.
namespace see::torch {
namespace detail {

/// The generator that dropout draws from.
inline ::at::Generator default_generator() { return ::at::detail::getDefaultCPUGenerator(); }

}  // namespace detail

/// Writes the module, the optimizer's state, `numbers` and the state of torch's generator; a file
/// that was there is replaced whole or not at all. Throws see::FileError where it cannot.
inline void save_checkpoint(const std::filesystem::path& file, const ::torch::nn::Module& module,
                            const ::torch::optim::Optimizer& optimizer,
                            const std::vector<double>& numbers) {
  ::torch::serialize::OutputArchive archive, parameters, state;
  module.save(parameters);
  optimizer.save(state);
  archive.write("module", parameters);
  archive.write("optimizer", state);
  archive.write("numbers", ::torch::tensor(numbers, ::at::kDouble));
  archive.write("generator", detail::default_generator().get_state());
  auto aside = file;
  aside += ".new";
  try {
    archive.save_to(aside.string());
    std::filesystem::rename(aside, file);
  } catch (const std::exception&) {
    throw see::FileError("cannot write checkpoint " + file.string());
  }
}

/// Reads what save_checkpoint() wrote and returns its `count` numbers, which check(numbers) may
/// refuse before anything changes. Throws see::FileError where the file is damaged or has a module
/// of other parameters.
template <class Check>
std::vector<double> load_checkpoint(const std::filesystem::path& file, ::torch::nn::Module& module,
                                    ::torch::optim::Optimizer& optimizer, std::size_t count,
                                    const Check& check) {
  ::torch::serialize::InputArchive archive, parameters, state;
  const auto reading = [&](const auto& read) {
    try {
      read();
    } catch (const std::exception&) {
      throw see::FileError("checkpoint " + file.string() +
                           " is damaged or of another model, needed the one of this training, or "
                           "none: remove it");
    }
  };
  std::vector<double> result;
  reading([&] {
    archive.load_from(file.string());
    Tensor numbers;
    archive.read("numbers", numbers);
    see::detail::require(numbers.numel() == static_cast<std::int64_t>(count), "other numbers");
    const double* const first = numbers.data_ptr<double>();
    result.assign(first, first + numbers.numel());
  });
  check(result);
  reading([&] {
    Tensor generator;
    archive.read("module", parameters);
    archive.read("optimizer", state);
    archive.read("generator", generator);
    std::vector<std::vector<std::int64_t>> sizes;
    for (const Tensor& tensor : module.parameters()) sizes.push_back(tensor.sizes().vec());
    module.load(parameters);
    std::size_t i = 0;
    for (const Tensor& tensor : module.parameters())
      see::detail::require(tensor.sizes() == sizes.at(i++), "parameters of other sizes");
    optimizer.load(state);
    detail::default_generator().set_state(generator);
  });
  return result;
}

}  // namespace see::torch
