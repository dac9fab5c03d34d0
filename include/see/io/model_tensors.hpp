#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/bits.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/knowledge_notes.hpp"
#include "see/io/tensor.hpp"
#include "see/io/write_safetensors.hpp"
#include "see/model/int8_axes.hpp"
#include "see/model/parts.hpp"
#include "see/version.hpp"

namespace see {

/// How a model file stores factors, gains, scales and basis, the wider first. Gains of
/// GainScope::term take F32 at least. i8: factors as Storage::i8, the rest as F16.
enum class Precision { f64, f32, f16, bf16, i8 };

/// Where the bytes of a model file go. `total` is the size of the file less the vocabulary, and the
/// sum of the other seven.
struct ModelBytes {
  std::uint64_t factors = 0;    ///< inventories
  std::uint64_t index = 0;      ///< word -> senses -> units
  std::uint64_t gains = 0;      ///< gains and word scales
  std::uint64_t basis = 0;      ///< mean, axes and LayerNorm
  std::uint64_t residual = 0;   ///< trellis codes and what they need
  std::uint64_t knowledge = 0;  ///< names of units
  std::uint64_t header = 0;
  std::uint64_t total = 0;
  std::uint64_t vocabulary = 0;  ///< the words' bytes and offsets, in no ratio
};

namespace detail {

// What a file may ask a reader to do for one word: senses, and numbers of a product of factors.
inline constexpr Index largest_rank = 65535;
inline constexpr Index largest_product = Index{1} << 24;

constexpr std::string_view name_of(GainScope scope) {
  return scope == GainScope::none ? "none" : scope == GainScope::term ? "term" : "sense";
}

constexpr std::string_view name_of(IndexKind kind) {
  return kind == IndexKind::stored ? "stored" : kind == IndexKind::digits ? "digits" : "own";
}

/// The shares of a file of `size` bytes with the given tensors; what is no tensor is header.
inline ModelBytes count_bytes(const std::vector<Tensor>& tensors, std::uint64_t size) {
  ModelBytes bytes;
  bytes.header = size;
  for (const Tensor& tensor : tensors) {
    std::uint64_t* share = &bytes.basis;
    if (tensor.name.starts_with("inventory.")) share = &bytes.factors;
    if (tensor.name.starts_with("lexicon.")) share = &bytes.index;
    if (tensor.name.starts_with("gains") || tensor.name.starts_with("word_scale."))
      share = &bytes.gains;
    if (tensor.name.starts_with("residual.")) share = &bytes.residual;
    if (tensor.name.starts_with("knowledge.")) share = &bytes.knowledge;
    if (tensor.name.starts_with("vocabulary.")) share = &bytes.vocabulary;
    *share += tensor.bytes.size();
    bytes.header -= tensor.bytes.size();
  }
  bytes.total = size - bytes.vocabulary;
  return bytes;
}

/// The tensors and metadata of a model file. Owns what had to be converted; views the rest, so the
/// parts and words must outlive it.
class ModelTensors {
 public:
  template <class Scalar>
  ModelTensors(const EmbeddingParts<Scalar>& parts, const Vocabulary& words, const Metadata& fit,
               Precision precision, const KnowledgeNotes& knowledge = {})
      : precision_(precision) {
    require(parts.shape.product() <= largest_product, "a model file of factor dimensions ",
            parts.shape.to_string(), ", needed a product of at most ", largest_product);
    for (const auto& [name, value] : fit) metadata_.emplace("fit." + name, value);
    metadata_["format"] = "see";
    // Files that the first release reads say so.
    const bool newer = precision == Precision::i8 || parts.residual;
    metadata_["format_version"] = std::to_string(newer ? format_version : 1);
    metadata_["checksum"] = "crc32:00000000";
    metadata_["words"] = std::to_string(parts.lexicon.words());
    metadata_["dim"] = std::to_string(parts.embedding_dim());
    metadata_["order"] = std::to_string(parts.shape.order());
    metadata_["factor_dims"] = parts.shape.to_string();
    metadata_["width"] = std::to_string(parts.shape.width());
    metadata_["gain_scope"] = name_of(parts.gain_scope);
    for (std::size_t i = 0; i < parts.inventories.size(); ++i)
      add_inventory(text("inventory.", i), parts.inventories[i]);
    add_lexicon(parts.lexicon);
    // A term's gain carries the scale of the whole table, which the range of F16 may not hold.
    const bool few = parts.gain_scope == GainScope::term;
    if (parts.has_gains())
      add("gains", {Index(parts.gains.size())}, parts.gains,
          few ? std::min(precision, Precision::f32) : precision);
    if (!parts.word_scale.empty()) {
      add("word_scale.table", {Index(parts.word_scale.table.size())}, parts.word_scale.table);
      view("word_scale.index", parts.word_scale.index.bytes());
    }
    if (parts.residual) add_residual(parts.residual->parts());
    const Index dim = parts.embedding_dim();
    if (parts.basis.has_mean()) add("basis.mean", {dim}, parts.basis.mean);
    if (parts.basis.has_axes()) add_axes(parts.shape.width(), dim, parts.basis.axes);
    if (parts.layer_norm) {
      add("layer_norm.weight", {dim}, parts.layer_norm->weight);
      add("layer_norm.bias", {dim}, parts.layer_norm->bias);
      char digits[32];
      const auto end = std::to_chars(digits, digits + sizeof digits, parts.layer_norm->epsilon).ptr;
      metadata_["layer_norm.epsilon"] = std::string(digits, end);
    }
    if (parts.padding_idx) metadata_["padding_idx"] = std::to_string(*parts.padding_idx);
    if (!knowledge.empty()) add_knowledge(knowledge, parts.inventories[0].size());
    add_words(words);
  }

  ModelTensors(const ModelTensors&) = delete;
  ModelTensors& operator=(const ModelTensors&) = delete;

  const std::vector<Tensor>& tensors() const noexcept { return tensors_; }
  const Metadata& metadata() const noexcept { return metadata_; }

  ModelBytes bytes() const {
    std::uint64_t size = safetensors_header(tensors_, metadata_).size();
    for (const Tensor& tensor : tensors_) size += tensor.bytes.size();
    return count_bytes(tensors_, size);
  }

 private:
  template <class Scalar>
  void add(std::string name, std::vector<Index> shape, const Array<Scalar>& values) {
    add(std::move(name), std::move(shape), values, precision_);
  }

  template <class Scalar>
  void add(std::string name, std::vector<Index> shape, const Array<Scalar>& values,
           Precision precision) {
    switch (precision) {
      case Precision::f64:
        return add_as<double>(std::move(name), std::move(shape), values);
      case Precision::f32:
        return add_as<float>(std::move(name), std::move(shape), values);
      case Precision::f16:
      case Precision::i8:
        return add_as<Eigen::half>(std::move(name), std::move(shape), values);
      case Precision::bf16:
        return add_as<Eigen::bfloat16>(std::move(name), std::move(shape), values);
    }
  }

  static constexpr Storage storage_of(Precision precision) {
    return precision == Precision::f16    ? Storage::f16
           : precision == Precision::bf16 ? Storage::bf16
           : precision == Precision::i8   ? Storage::i8
                                          : Storage::native;
  }

  template <class Scalar>
  void add_inventory(const std::string& name, const Inventory<Scalar>& inventory) {
    const std::vector<Index> shape{inventory.size(), inventory.rank(), inventory.dim()};
    const Storage storage = storage_of(precision_);
    if (storage == Storage::native) return add(name, shape, inventory.stored_as(storage).values());
    const Inventory<Scalar> stored = inventory.stored_as(storage);
    if (storage != Storage::i8)
      return own(name, storage == Storage::f16 ? "F16" : "BF16", shape,
                 copy_bytes(stored.halves()));
    own(name, "I8", shape, copy_bytes(stored.codes()));
    own(name + ".scales", "F16",
        {inventory.size(), int8_scales(inventory.rank() * inventory.dim())},
        copy_bytes(stored.halves()));
  }

  /// In one byte a number where that loses nothing.
  template <class Scalar>
  void add_axes(Index width, Index dim, const Array<Scalar>& axes) {
    const auto narrow = to_int8_axes(std::span<const Scalar>(axes.data(), axes.size()), dim);
    if (!narrow) return add("basis.axes", {width, dim}, axes);
    metadata_["format_version"] = std::to_string(format_version);
    own("basis.axes", "I8", {width, dim}, copy_bytes(narrow->codes));
    own("basis.axes.scales", "F32", {width}, copy_bytes(narrow->scales));
  }

  template <class Numbers>
  static std::vector<std::byte> copy_bytes(const Numbers& numbers) {
    const auto bytes = std::as_bytes(std::span(numbers.data(), numbers.size()));
    return {bytes.begin(), bytes.end()};
  }

  template <class Stored, class Scalar>
  void add_as(std::string name, std::vector<Index> shape, const Array<Scalar>& values) {
    if constexpr (std::is_same_v<Stored, Scalar>) {
      tensors_.push_back(make_tensor(std::move(name), std::move(shape), values));
    } else {
      std::vector<Stored> converted(values.size());
      std::transform(values.begin(), values.end(), converted.begin(), [&](Scalar value) {
        const auto stored = static_cast<Stored>(value);
        require((Eigen::numext::isfinite)(stored) || !std::isfinite(value), name, " holds ", value,
                ", which ", dtype_name<Stored>(), " cannot");
        return stored;
      });
      own(std::move(name), dtype_name<Stored>(), std::move(shape), copy_bytes(converted));
    }
  }

  void own(std::string name, std::string_view dtype, std::vector<Index> shape,
           std::vector<std::byte> bytes) {
    owned_.push_back(std::move(bytes));
    tensors_.push_back({std::move(name), std::string(dtype), std::move(shape), owned_.back()});
  }

  template <class T>
  void view(std::string name, const Array<T>& values) {
    tensors_.push_back(make_tensor(std::move(name), {static_cast<Index>(values.size())}, values));
  }

  void add_lexicon(const Lexicon& lexicon) {
    const SlotTable& table = lexicon.table();
    std::string slots;
    for (const int slot : table.slots) slots += (slots.empty() ? "" : ",") + std::to_string(slot);
    metadata_["slots"] = slots;
    metadata_["index"] = name_of(lexicon.kind());
    Index most = lexicon.is_uniform() ? lexicon.uniform_rank() : 0;
    for (Index w = 0; !lexicon.is_uniform() && w < lexicon.words(); ++w)
      most = std::max(most, lexicon.rank(w));
    require(most <= largest_rank, "a model file with a word of ", most, " senses, needed at most ",
            largest_rank);
    if (lexicon.is_uniform()) {
      metadata_["rank"] = std::to_string(lexicon.uniform_rank());
    } else {
      std::vector<Index> ranks(static_cast<std::size_t>(lexicon.words()));
      for (std::size_t w = 0; w < ranks.size(); ++w) ranks[w] = lexicon.rank(static_cast<Index>(w));
      const PackedArray packed(std::span<const Index>(ranks),
                               bits_for(static_cast<std::uint64_t>(most) + 1));
      metadata_["rank_bits"] = std::to_string(packed.bits());
      own("lexicon.ranks", "U8", {static_cast<Index>(packed.bytes().size())},
          copy_bytes(packed.bytes()));
    }
    if (lexicon.kind() == IndexKind::stored) view("lexicon.index", lexicon.packed());
  }

  void add_residual(const ResidualParts& residual) {
    metadata_["residual_classes"] = std::to_string(residual.classes);
    metadata_["residual_window_bits"] = std::to_string(residual.window_bits);
    view("residual.row_classes", residual.row_classes.bytes());
    view("residual.rates", residual.rates.bytes());
    view("residual.sigmas", residual.sigmas);
    view("residual.means", residual.means);
    view("residual.mean_scales", residual.mean_scales);
    const auto bytes = std::as_bytes(std::span(&residual.sigma_scale, 1));
    own("residual.sigma_scale", "F32", {1}, std::vector<std::byte>(bytes.begin(), bytes.end()));
    view("residual.codes", residual.codes);
  }

  void add_knowledge(const KnowledgeNotes& knowledge, Index units) {
    require(!knowledge.names.empty() && knowledge.names.size() <= units, "names of ",
            knowledge.names.size(), " units, needed 1 to the ", units, " of inventory 0");
    for (const auto& [name, value] : knowledge.settings)
      metadata_.emplace("knowledge." + name, value);
    std::vector<std::uint32_t> lengths;
    std::uint32_t longest = 0;
    for (Index i = 0; i < knowledge.names.size(); ++i) {
      lengths.push_back(static_cast<std::uint32_t>(knowledge.names[i].size()));
      longest = std::max(longest, lengths.back());
    }
    const PackedArray packed(std::span<const std::uint32_t>(lengths),
                             std::max(1, bits_for(std::uint64_t{longest} + 1)));
    metadata_["knowledge_names"] = std::to_string(knowledge.names.size());
    metadata_["knowledge_length_bits"] = std::to_string(packed.bits());
    own("knowledge.name_lengths", "U8", {static_cast<Index>(packed.bytes().size())},
        copy_bytes(packed.bytes()));
    view("knowledge.names", knowledge.names.blob());
  }

  void add_words(const Vocabulary& words) {
    if (words.empty()) return;
    view("vocabulary.blob", words.blob());
    const Array<std::int64_t>& offsets = words.offsets();
    if (words.blob().size() > std::numeric_limits<std::int32_t>::max()) {
      view("vocabulary.offsets", offsets);
      return;
    }
    std::vector<std::int32_t> narrow(offsets.size());
    std::transform(offsets.begin(), offsets.end(), narrow.begin(),
                   [](std::int64_t offset) { return static_cast<std::int32_t>(offset); });
    own("vocabulary.offsets", "I32", {static_cast<Index>(offsets.size())}, copy_bytes(narrow));
  }

  Precision precision_;
  Metadata metadata_;
  std::vector<Tensor> tensors_;
  std::list<std::vector<std::byte>> owned_;
};

}  // namespace detail
}  // namespace see
