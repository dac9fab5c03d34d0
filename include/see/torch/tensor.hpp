#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

/// LibTorch modules over entangled layers. Within namespace see, `torch` is this namespace; that of
/// LibTorch is the global one.
namespace see::torch {

using Tensor = ::torch::Tensor;

namespace nn = ::torch::nn;  // macros of LibTorch say torch::nn, which is looked up here

/// A contiguous tensor as a matrix of `cols` columns, which views its numbers.
template <class Scalar>
RowMatrixMap<Scalar> as_matrix(const Tensor& tensor, Index cols) {
  return {tensor.data_ptr<Scalar>(), cols == 0 ? 0 : tensor.numel() / cols, cols};
}

/// As many threads as LibTorch has (at::set_num_threads), one pool for all layers.
inline Executor executor() {
  static std::mutex mutex;
  static int count = 1;
  static Executor run = serial();
  const std::lock_guard<std::mutex> lock(mutex);
  if (const int wanted = ::at::get_num_threads(); wanted != count) {
    run = threads(static_cast<unsigned>(wanted));
    count = wanted;
  }
  return run;
}

namespace detail {

using see::detail::require;

inline std::string name_of(::at::ScalarType type) { return ::at::toString(type); }

/// "3 x 4"
inline std::string name_of(::at::IntArrayRef sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "a single number" : text;
}

/// Throws unless the tensor is there and lies in the memory of the CPU, as strided numbers.
inline void require_on_cpu(const Tensor& tensor, const char* where, const char* what) {
  require(tensor.defined(), where, ": ", what, " that are not defined, needed a tensor");
  require(tensor.device().is_cpu(), where, ": ", what, " on ", tensor.device().str(),
          ", needed the CPU");
  require(tensor.layout() == ::at::kStrided, where, ": ", what,
          " of a sparse layout, needed a dense one");
}

/// The same, and numbers of type `type`.
inline void require_type(const Tensor& tensor, ::at::ScalarType type, const char* where,
                         const char* what) {
  require_on_cpu(tensor, where, what);
  require(tensor.scalar_type() == type, where, ": ", what, " of type ",
          name_of(tensor.scalar_type()), ", needed ", name_of(type));
}

/// Row numbers side by side. Throws unless they are int32 or int64 on the CPU.
inline Tensor to_ids(const Tensor& ids, const char* where) {
  require_on_cpu(ids, where, "ids");
  require(ids.scalar_type() == ::at::kInt || ids.scalar_type() == ::at::kLong, where,
          ": ids of type ", name_of(ids.scalar_type()), ", needed Int or Long");
  return ids.contiguous();
}

/// visit(a span of the ids), which are contiguous and of type int32 or int64.
template <class Visit>
decltype(auto) with_ids(const Tensor& ids, const Visit& visit) {
  const auto count = static_cast<std::size_t>(ids.numel());
  if (ids.scalar_type() == ::at::kInt)
    return visit(std::span<const std::int32_t>(ids.data_ptr<std::int32_t>(), count));
  return visit(std::span<const std::int64_t>(ids.data_ptr<std::int64_t>(), count));
}

/// The type of a tensor of Scalar.
template <class Scalar>
constexpr ::at::ScalarType type_of() {
  return ::c10::CppTypeToScalarType<Scalar>::value;
}

}  // namespace detail
}  // namespace see::torch
