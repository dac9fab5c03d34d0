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
#include "see/torch/any_bag.hpp"
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
  /// Of a torch::nn::EmbeddingBag, with its mode; trains the tensors of `layer`. Else empty.
  EntangledEmbeddingBag bag = nullptr;
  bool in_place = false;  ///< else `layer` and `bag` wait for the program to use them
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
  Tensor weight;
  std::optional<std::int64_t> padding_idx;
  std::optional<::torch::nn::EmbeddingBagOptions> bag;  // of the first bag that holds it
  std::vector<std::shared_ptr<AnyEmbeddingImpl>> holders;
  std::vector<std::shared_ptr<AnyEmbeddingBagImpl>> bag_holders;
  bool is_bare = false;  // held by a module that is neither
};

/// A bag of a dense one's options over a fitted layer, whose tensors it trains.
inline EntangledEmbeddingBag make_bag(const EntangledEmbedding& layer,
                                      const ::torch::nn::EmbeddingBagOptions& options) {
  return EntangledEmbeddingBag(layer, options.mode(), options.include_last_offset());
}

/// The entry of a module's table, made where there is none. Throws where the table cannot be taken.
template <class Dense>
FoundTable& add_table(std::vector<FoundTable>& found, const std::string& name, const Dense& dense) {
  const auto& options = dense.options;
  require(!options.max_norm().has_value(), "entangle: table ", name, " with max_norm, needed none");
  std::optional<std::int64_t> padding_idx;
  if (options.padding_idx().has_value()) padding_idx = *options.padding_idx();
  const auto at = std::find_if(found.begin(), found.end(), [&](const FoundTable& other) {
    return other.weight.is_same(dense.weight);
  });
  if (at == found.end()) {
    found.push_back({name, dense.weight, padding_idx, {}, {}, {}, false});
    return found.back();
  }
  require(at->padding_idx == padding_idx, "entangle: table ", name, " is table ", at->name,
          ", needed the same padding row");
  return *at;
}

inline void find_tables(const std::shared_ptr<::torch::nn::Module>& module, const std::string& name,
                        const EntangleOptions& options, std::vector<FoundTable>& found) {
  const auto holder = std::dynamic_pointer_cast<AnyEmbeddingImpl>(module);
  const auto bag_holder = std::dynamic_pointer_cast<AnyEmbeddingBagImpl>(module);
  auto dense = std::dynamic_pointer_cast<::torch::nn::EmbeddingImpl>(module);
  auto bag = std::dynamic_pointer_cast<::torch::nn::EmbeddingBagImpl>(module);
  if (holder && !holder->is_entangled()) dense = holder->dense().ptr();
  if (bag_holder && !bag_holder->is_entangled()) bag = bag_holder->dense().ptr();
  if (!dense && !bag) {
    for (const auto& child : module->named_children())
      find_tables(child.value(), name.empty() ? child.key() : name + "." + child.key(), options,
                  found);
    return;
  }
  if (options.filter() && !options.filter()(name)) return;
  FoundTable& table = dense ? add_table(found, name, *dense) : add_table(found, name, *bag);
  if (bag && !table.bag) table.bag = bag->options;
  if (holder) table.holders.push_back(holder);
  if (bag_holder) table.bag_holders.push_back(bag_holder);
  if (!holder && !bag_holder) table.is_bare = true;
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

inline double relative_error(const EntangledEmbedding& layer, const Tensor& weight) {
  const ::torch::NoGradGuard guard;
  Tensor apart = layer->to_dense() - weight, whole = weight.detach().clone();
  if (const auto row = layer->padding_idx()) {
    apart[*row].zero_();
    whole[*row].zero_();
  }
  const double energy = whole.square().sum().template item<double>();
  return energy > 0 ? apart.square().sum().template item<double>() / energy : 0;
}

}  // namespace detail

/// Fits an entangled layer to every dense table of a module, of an Embedding or an EmbeddingBag,
/// and puts it in the table's place, for all tables or those that the filter takes. A table that
/// several modules hold (tied weights) is fitted once and stays tied. Bags keep their mode and
/// include_last_offset.
///
/// C++ members have types, so only an AnyEmbedding or AnyEmbeddingBag can change its kind in place.
/// For a plain torch::nn::Embedding or EmbeddingBag the module stays as it is: the fitted layer is
/// in the report, `in_place` false, for the program to use. Make the optimizer after this call; for
/// tables that share units or modules that share tables, of unique_parameters().
///
/// Throws, and changes nothing, where there is no table to take, a size cannot be reached, one has
/// the option max_norm, modules that hold one have other padding rows, or tables that are to share
/// have other widths or types.
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
    weights.push_back(table.weight.detach());
    padding.push_back(table.padding_idx);
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
    EntangledTable table{found[i].name, layers[i]};
    table.in_place = !found[i].is_bare;
    if (found[i].bag) table.bag = detail::make_bag(layers[i], *found[i].bag);
    table.bytes_before = static_cast<std::int64_t>(weights[i].nbytes());
    table.bytes_after = detail::bytes_of(layers[i]);
    for (const Tensor& tensor : layers[i]->tensors())
      if (!counted.insert(tensor.unsafeGetTensorImpl()).second)
        table.bytes_after -= static_cast<std::int64_t>(tensor.nbytes());
    table.relative_error = detail::relative_error(layers[i], weights[i]);
    report.tables.push_back(std::move(table));
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto& holder : found[i].holders) holder->entangle(layers[i]);
    for (const auto& holder : found[i].bag_holders)
      holder->entangle(detail::make_bag(layers[i], holder->dense()->options));
  }
  return report;
}

/// The same for the holder of a module.
template <class Impl>
EntangleReport entangle(const ::torch::nn::ModuleHolder<Impl>& module,
                        const EntangleOptions& options = {}) {
  return entangle(std::static_pointer_cast<::torch::nn::Module>(module.ptr()), options);
}

}  // namespace see::torch
