#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "see/core/bits.hpp"
#include "see/model/embedding.hpp"
#include "see/torch/pretrained.hpp"

/// Several tables over one inventory of units.
namespace see::torch {

namespace detail {

/// The layer of the words from `first` on, `count` of them; shares the inventories.
template <class Scalar>
see::EntangledEmbedding<Scalar> part_of(const see::EntangledEmbedding<Scalar>& layer, Index first,
                                        Index count) {
  EmbeddingParts<Scalar> parts = layer.parts();
  require(!parts.codes, "tables with codes of rows, needed terms alone to share units");
  const Lexicon& whole = layer.lexicon();
  std::vector<Index> ranks, units;
  for (Index w = first; w < first + count; ++w) {
    ranks.push_back(whole.rank(w));
    whole.for_senses(w, [&](Index, const Index* unit) {
      units.insert(units.end(), unit, unit + whole.order());
    });
  }
  const Index most = ranks.empty() ? 0 : *std::max_element(ranks.begin(), ranks.end());
  parts.lexicon = Lexicon(whole.table(), ranks, units);
  if (parts.has_gains()) {
    const bool by_sense = parts.gain_scope == GainScope::sense;
    const Index begin = by_sense ? whole.first_sense(first) : 0;
    const Index size = by_sense ? whole.first_sense(first + count) - begin : most;
    const auto* const gains = layer.parts().gains.data() + begin;
    parts.gains = std::vector<Scalar>(gains, gains + size);
  }
  if (!parts.word_scale.empty()) {
    std::vector<std::uint32_t> index;
    for (Index w = first; w < first + count; ++w)
      index.push_back(parts.word_scale.index[static_cast<std::size_t>(w)]);
    parts.word_scale.index =
        PackedArray(std::span<const std::uint32_t>(index), parts.word_scale.index.bits());
  }
  parts.padding_idx.reset();
  return see::EntangledEmbedding<Scalar>(std::move(parts));
}

}  // namespace detail

/// A layer for each table, all over one inventory for each slot: the tables are fitted as one, row
/// below row, and the layers' inventories (and gains of terms, where they need as many) are the
/// same tensors. `padding` has the padding row of each table, or none. Throws unless the tables
/// have equal widths and types; else as EntangledEmbedding::from_pretrained.
inline std::vector<EntangledEmbedding> from_pretrained_shared(
    const std::vector<Tensor>& tables, const std::vector<std::optional<std::int64_t>>& padding,
    FromPretrainedOptions options = {}) {
  see::detail::require(!tables.empty() && padding.size() == tables.size(),
                       "from_pretrained_shared: ", tables.size(), " tables and ", padding.size(),
                       " padding rows, needed one table or more and as many padding rows");
  for (const Tensor& table : tables) {
    detail::require_type(table, tables[0].scalar_type(), "from_pretrained_shared", "a table");
    see::detail::require(table.dim() == 2 && table.size(1) == tables[0].size(1),
                         "from_pretrained_shared: a table of ", detail::name_of(table.sizes()),
                         ", needed the width of the first, ", detail::name_of(tables[0].sizes()));
  }
  options.padding_idx(std::nullopt);
  EntangledEmbedding all = EntangledEmbedding::from_pretrained(::torch::cat(tables), options);
  const auto whole = all->layer<double>();
  const auto inventories = whole.parts().inventories.size();
  std::vector<EntangledEmbedding> layers;
  Index first = 0;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    auto part = detail::part_of(whole, first, tables[i].size(0));
    first += tables[i].size(0);
    if (padding[i]) {
      auto parts = part.parts();
      parts.padding_idx = *padding[i];
      part = see::EntangledEmbedding<double>(std::move(parts));
    }
    const auto structure = std::make_shared<detail::Structure>(part);
    std::vector<Tensor> tensors = all->tensors();
    if (tensors.size() > inventories) {
      const Tensor own =
          detail::copy_parameters(part, *structure)[inventories].to(tables[0].scalar_type());
      const bool same =
          part.parts().gain_scope == GainScope::term && own.sizes() == tensors[inventories].sizes();
      if (!same) tensors[inventories] = own.detach().set_requires_grad(tensors[0].requires_grad());
    }
    layers.emplace_back(structure, std::move(tensors));
  }
  return layers;
}

/// The parameters of a module, each once. torch::nn::Module::parameters() repeats those that
/// several modules share, which an optimizer would then step more than once.
inline std::vector<Tensor> unique_parameters(const ::torch::nn::Module& module) {
  std::vector<Tensor> unique;
  std::set<const void*> seen;
  for (const Tensor& tensor : module.parameters())
    if (seen.insert(tensor.unsafeGetTensorImpl()).second) unique.push_back(tensor);
  return unique;
}

}  // namespace see::torch
