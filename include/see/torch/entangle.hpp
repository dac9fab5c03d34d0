#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "see/file/model_bytes.hpp"
#include "see/model/model.hpp"
#include "see/torch/any_embedding.hpp"
#include "see/torch/pretrained.hpp"
#include "see/torch/share.hpp"

/// From a trained model to one whose embedding tables are entangled.
namespace see::torch {

struct EntangleOptions {
  /// Takes a table by its name in the module ("encoder.embed"); none: all.
  TORCH_ARG(std::function<bool(const std::string&)>, filter) = {};
  /// One inventory of units for all tables that are taken: they are fitted as one table.
  TORCH_ARG(bool, share) = false;
  /// How tables are fitted; padding rows are those of the dense layers. Not frozen by default.
  TORCH_ARG(FromPretrainedOptions, fit) = FromPretrainedOptions().freeze(false);
};

/// A table that entangle() has fitted.
struct EntangledTable {
  std::string name;
  EntangledEmbedding layer = nullptr;
  bool in_place = false;  ///< else `layer` waits for the program to use it
  std::int64_t bytes_before = 0;
  /// Parameters, index, basis, scales and codes; what is shared counts for the first.
  std::int64_t bytes_after = 0;
  double relative_error = 0;  ///< |fitted - dense|^2 / |dense|^2, the padding row left out
};

struct EntangleReport {
  std::vector<EntangledTable> tables;

  std::int64_t bytes_before() const { return sum(&EntangledTable::bytes_before); }
  std::int64_t bytes_after() const { return sum(&EntangledTable::bytes_after); }

  /// A line a table and one for all.
  std::string to_string() const {
    std::string text;
    for (const auto& table : tables)
      text += see::detail::text(table.name, ": ", table.bytes_before, " -> ", table.bytes_after,
                                " bytes, relative error ", table.relative_error,
                                table.in_place ? "" : ", not in place", "\n");
    return text + see::detail::text("all: ", bytes_before(), " -> ", bytes_after(), " bytes\n");
  }

 private:
  std::int64_t sum(std::int64_t EntangledTable::*bytes) const {
    std::int64_t total = 0;
    for (const auto& table : tables) total += table.*bytes;
    return total;
  }
};

namespace detail {

/// A dense table and all places that hold it.
struct FoundTable {
  std::string name;
  std::shared_ptr<::torch::nn::EmbeddingImpl> dense;
  std::vector<std::shared_ptr<AnyEmbeddingImpl>> holders;
  bool is_bare = false;  // held by a module that is no AnyEmbedding
};

inline void find_tables(const std::shared_ptr<::torch::nn::Module>& module, const std::string& name,
                        const EntangleOptions& options, std::vector<FoundTable>& found) {
  const auto holder = std::dynamic_pointer_cast<AnyEmbeddingImpl>(module);
  auto dense = std::dynamic_pointer_cast<::torch::nn::EmbeddingImpl>(module);
  if (holder && !holder->is_entangled()) dense = holder->dense().ptr();
  if (!dense) {
    for (const auto& child : module->named_children())
      find_tables(child.value(), name.empty() ? child.key() : name + "." + child.key(), options,
                  found);
    return;
  }
  if (options.filter() && !options.filter()(name)) return;
  auto at = std::find_if(found.begin(), found.end(), [&](const FoundTable& other) {
    return other.dense->weight.is_same(dense->weight);
  });
  if (at == found.end()) at = found.insert(found.end(), {name, dense, {}, false});
  if (holder)
    at->holders.push_back(holder);
  else
    at->is_bare = true;
}

/// Bytes of a layer as it is in memory but for the C++ objects, as model_bytes() counts them.
inline std::int64_t bytes_of(const EntangledEmbedding& layer) {
  return std::visit(
      [](const auto& view) {
        using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
        const ModelBytes bytes = model_bytes(Model<Scalar>{view->layer()});
        return static_cast<std::int64_t>(bytes.total - bytes.header);
      },
      layer->view());
}

inline double relative_error(const EntangledEmbedding& layer,
                             const ::torch::nn::EmbeddingImpl& dense) {
  const ::torch::NoGradGuard guard;
  Tensor apart = layer->to_dense() - dense.weight, whole = dense.weight.detach().clone();
  if (const auto row = layer->padding_idx()) {
    apart[*row].zero_();
    whole[*row].zero_();
  }
  const double energy = whole.square().sum().template item<double>();
  return energy > 0 ? apart.square().sum().template item<double>() / energy : 0;
}

}  // namespace detail

/// Fits an entangled layer to every dense table of a module and puts it in the table's place, for
/// all tables or those that the filter takes. A table that several modules hold (tied weights) is
/// fitted once and stays tied.
///
/// C++ members have types, so only an AnyEmbedding can change its kind in place. For a plain
/// torch::nn::Embedding the module stays as it is: the fitted layer is in the report, `in_place`
/// false, for the program to use. Make the optimizer after this call; for tables that share units,
/// of unique_parameters().
///
/// Throws, and changes nothing, where there is no table to take, a size cannot be reached, one has
/// the option max_norm, or tables that are to share have other widths or types.
///
/// \code{.cpp}
///     auto report = see::torch::entangle(model, see::torch::EntangleOptions().share(true));
///     std::cout << report.to_string();
/// \endcode
inline EntangleReport entangle(const std::shared_ptr<::torch::nn::Module>& module,
                               const EntangleOptions& options = {}) {
  std::vector<detail::FoundTable> found;
  detail::find_tables(module, "", options, found);
  see::detail::require(!found.empty(),
                       "entangle: a module without a dense table that the filter takes");
  std::vector<Tensor> weights;
  std::vector<std::optional<std::int64_t>> padding;
  for (const auto& table : found) {
    const auto& own = table.dense->options;
    see::detail::require(!own.max_norm().has_value(), "entangle: table ", table.name,
                         " with max_norm, needed none");
    weights.push_back(table.dense->weight.detach());
    padding.emplace_back();
    if (own.padding_idx().has_value()) padding.back() = *own.padding_idx();
  }
  std::vector<EntangledEmbedding> layers;
  if (options.share()) {
    layers = from_pretrained_shared(weights, padding, options.fit());
  } else {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      FromPretrainedOptions fit = options.fit();
      layers.push_back(
          EntangledEmbedding::from_pretrained(weights[i], fit.padding_idx(padding[i])));
    }
  }
  EntangleReport report;
  std::set<const void*> counted;
  for (std::size_t i = 0; i < found.size(); ++i) {
    EntangledTable table{found[i].name, layers[i], !found[i].is_bare};
    table.bytes_before = static_cast<std::int64_t>(weights[i].nbytes());
    table.bytes_after = detail::bytes_of(layers[i]);
    for (const Tensor& tensor : layers[i]->tensors())
      if (!counted.insert(tensor.unsafeGetTensorImpl()).second)
        table.bytes_after -= static_cast<std::int64_t>(tensor.nbytes());
    table.relative_error = detail::relative_error(layers[i], *found[i].dense);
    report.tables.push_back(std::move(table));
  }
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const auto& holder : found[i].holders) holder->entangle(layers[i]);
  return report;
}

/// The same for the holder of a module.
template <class Impl>
EntangleReport entangle(const ::torch::nn::ModuleHolder<Impl>& module,
                        const EntangleOptions& options = {}) {
  return entangle(std::static_pointer_cast<::torch::nn::Module>(module.ptr()), options);
}

}  // namespace see::torch
