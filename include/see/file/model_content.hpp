#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/codes/codes_kinds.hpp"
#include "see/core/bits.hpp"
#include "see/core/storage.hpp"
#include "see/error.hpp"
#include "see/file/vocabulary_tensors.hpp"
#include "see/io/file_content.hpp"
#include "see/model/int8_axes.hpp"
#include "see/model/model.hpp"
#include "see/version.hpp"

/// What a model is in a file: its tensors and metadata, as docs/format.md specifies them.
namespace see::detail {

// What a file may ask a reader to do for one word: senses, and numbers of a product of factors.
inline constexpr Index largest_rank = 65535;
inline constexpr Index largest_product = Index{1} << 24;

constexpr std::string_view name_of(GainScope scope) {
  return scope == GainScope::none ? "none" : scope == GainScope::term ? "term" : "sense";
}

constexpr std::string_view name_of(IndexKind kind) {
  return kind == IndexKind::stored ? "stored" : kind == IndexKind::digits ? "digits" : "own";
}

/// Adds a model to the content of a file. Throws Error where the words are not as many as the rows,
/// more units are named than there are, or a number is out of the precision's range.
template <class Scalar>
class ModelContent {
 public:
  ModelContent(const Model<Scalar>& model, FileContent& content)
      : model_(model), parts_(model.embedding.parts()), content_(content) {}

  /// All of it. `codes` adds the codes, if there are any.
  void add(const std::function<void()>& codes) {
    const Index rows = parts_.lexicon.words(), dim = parts_.embedding_dim();
    require(model_.words.empty() || model_.words.size() == rows, "a vocabulary of ",
            model_.words.size(), " words, needed ", rows);
    for (const auto& [name, value] : model_.fit) content_.note("fit." + name, value);
    content_.note("words", rows);
    content_.note("dim", dim);
    if (parts_.has_terms() || parts_.basis.has_axes()) content_.note("width", parts_.shape.width());
    if (parts_.has_terms()) add_terms();
    codes();
    if (parts_.basis.has_mean()) add("basis.mean", {dim}, parts_.basis.mean);
    if (parts_.basis.has_axes()) add_axes(parts_.shape.width(), dim, parts_.basis.axes);
    if (parts_.layer_norm) {
      add("layer_norm.weight", {dim}, parts_.layer_norm->weight);
      add("layer_norm.bias", {dim}, parts_.layer_norm->bias);
      char digits[32];
      const auto end =
          std::to_chars(digits, digits + sizeof digits, parts_.layer_norm->epsilon).ptr;
      content_.note("layer_norm.epsilon", std::string(digits, end));
    }
    if (parts_.padding_idx) content_.note("padding_idx", *parts_.padding_idx);
    if (!model_.knowledge.empty()) add_knowledge();
    append_vocabulary(model_.words, content_);
  }

 private:
  void add_terms() {
    require(parts_.shape.product() <= largest_product, "a model file of factor dimensions ",
            parts_.shape.to_string(), ", needed a product of at most ", largest_product);
    content_.note("order", Index{parts_.shape.order()});
    content_.note("factor_dims", parts_.shape.to_string());
    content_.note("gain_scope", std::string(name_of(parts_.gain_scope)));
    for (std::size_t i = 0; i < parts_.inventories.size(); ++i)
      add_inventory(text("inventory.", i), parts_.inventories[i]);
    add_lexicon(parts_.lexicon);
    // A term's gain carries the scale of the whole table, which the range of F16 may not hold.
    const bool few = parts_.gain_scope == GainScope::term;
    if (parts_.has_gains())
      add("gains", {Index(parts_.gains.size())}, parts_.gains,
          few ? std::min(model_.precision, Precision::f32) : model_.precision);
    if (parts_.word_scale.empty()) return;
    add("word_scale.table", {Index(parts_.word_scale.table.size())}, parts_.word_scale.table);
    content_.add("word_scale.index", parts_.word_scale.index.bytes());
  }

  void add(const std::string& name, std::vector<Index> shape, const Array<Scalar>& values) {
    add(name, std::move(shape), values, model_.precision);
  }

  void add(const std::string& name, std::vector<Index> shape, const Array<Scalar>& values,
           Precision precision) {
    switch (precision) {
      case Precision::f64:
        return add_as<double>(name, std::move(shape), values);
      case Precision::f32:
        return add_as<float>(name, std::move(shape), values);
      case Precision::f16:
      case Precision::i8:
        return add_as<Eigen::half>(name, std::move(shape), values);
      case Precision::bf16:
        return add_as<Eigen::bfloat16>(name, std::move(shape), values);
    }
  }

  template <class Stored>
  void add_as(const std::string& name, std::vector<Index> shape, const Array<Scalar>& values) {
    if constexpr (std::is_same_v<Stored, Scalar>) {
      content_.add(name, std::move(shape), values);
    } else {
      std::vector<Stored> converted(values.size());
      std::transform(values.begin(), values.end(), converted.begin(), [&](Scalar value) {
        const auto stored = static_cast<Stored>(value);
        require((Eigen::numext::isfinite)(stored) || !std::isfinite(value), name, " holds ", value,
                ", which ", dtype_name<Stored>(), " cannot");
        return stored;
      });
      content_.add(name, std::move(shape), Array<Stored>(std::move(converted)));
    }
  }

  static constexpr Storage storage_of(Precision precision) {
    return precision == Precision::f16    ? Storage::f16
           : precision == Precision::bf16 ? Storage::bf16
           : precision == Precision::i8   ? Storage::i8
                                          : Storage::native;
  }

  void add_inventory(const std::string& name, const Inventory<Scalar>& inventory) {
    const std::vector<Index> shape{inventory.size(), inventory.rank(), inventory.dim()};
    const Storage storage = storage_of(model_.precision);
    const Inventory<Scalar> stored = inventory.stored_as(storage);
    if (storage == Storage::native) return add(name, shape, stored.values());
    if (storage != Storage::i8)
      return content_.add(name, shape, stored.halves(), storage == Storage::f16 ? "F16" : "BF16");
    content_.add(name, shape, stored.codes());
    content_.add(name + ".scales",
                 {inventory.size(), int8_scales(inventory.rank() * inventory.dim())},
                 stored.halves(), "F16");
  }

  /// In one byte a number where that loses nothing.
  void add_axes(Index width, Index dim, const Array<Scalar>& axes) {
    auto narrow = to_int8_axes(std::span<const Scalar>(axes.data(), axes.size()), dim);
    if (!narrow) return add("basis.axes", {width, dim}, axes);
    content_.add("basis.axes", {width, dim}, Array<std::int8_t>(std::move(narrow->codes)));
    content_.add("basis.axes.scales", {width}, Array<float>(std::move(narrow->scales)));
  }

  void add_lexicon(const Lexicon& lexicon) {
    std::string slots;
    for (const int slot : lexicon.table().slots)
      slots += (slots.empty() ? "" : ",") + std::to_string(slot);
    content_.note("slots", slots);
    content_.note("index", std::string(name_of(lexicon.kind())));
    Index most = lexicon.is_uniform() ? lexicon.uniform_rank() : 0;
    for (Index w = 0; !lexicon.is_uniform() && w < lexicon.words(); ++w)
      most = std::max(most, lexicon.rank(w));
    require(most <= largest_rank, "a model file with a word of ", most, " senses, needed at most ",
            largest_rank);
    if (lexicon.is_uniform()) {
      content_.note("rank", lexicon.uniform_rank());
    } else {
      std::vector<Index> ranks(static_cast<std::size_t>(lexicon.words()));
      for (std::size_t w = 0; w < ranks.size(); ++w) ranks[w] = lexicon.rank(static_cast<Index>(w));
      const PackedArray packed(std::span<const Index>(ranks),
                               bits_for(static_cast<std::uint64_t>(most) + 1));
      content_.note("rank_bits", Index{packed.bits()});
      content_.add("lexicon.ranks", packed.bytes());
    }
    if (lexicon.kind() == IndexKind::stored) content_.add("lexicon.index", lexicon.packed());
  }

  void add_knowledge() {
    const KnowledgeNotes& knowledge = model_.knowledge;
    const Index units = parts_.has_terms() ? parts_.inventories[0].size() : 0;
    require(knowledge.names.size() <= units, "names of ", knowledge.names.size(),
            " units, needed 1 to the ", units, " of inventory 0");
    for (const auto& [name, value] : knowledge.settings) content_.note("knowledge." + name, value);
    std::vector<std::uint32_t> lengths;
    std::uint32_t longest = 0;
    for (Index i = 0; i < knowledge.names.size(); ++i) {
      lengths.push_back(static_cast<std::uint32_t>(knowledge.names[i].size()));
      longest = std::max(longest, lengths.back());
    }
    const PackedArray packed(std::span<const std::uint32_t>(lengths),
                             std::max(1, bits_for(std::uint64_t{longest} + 1)));
    content_.note("knowledge_names", knowledge.names.size());
    content_.note("knowledge_length_bits", Index{packed.bits()});
    content_.add("knowledge.name_lengths", packed.bytes());
    content_.add("knowledge.names", knowledge.names.blob());
  }

  const Model<Scalar>& model_;
  const EmbeddingParts<Scalar>& parts_;
  FileContent& content_;
};

/// The version of the format that a model needs, so that older releases read what they can: 3 where
/// there are no terms or codes of another kind than trellis codes, 2 where there are trellis codes
/// or one-byte factors or axes, else 1.
template <class Scalar>
Index format_version_for(const Model<Scalar>& model, std::string_view codes) {
  const EmbeddingParts<Scalar>& parts = model.embedding.parts();
  if (!parts.has_terms() || (!codes.empty() && codes != "trellis")) return 3;
  const Array<Scalar>& axes = parts.basis.axes;
  const bool narrow_axes =
      parts.basis.has_axes() &&
      to_int8_axes(std::span<const Scalar>(axes.data(), axes.size()), parts.embedding_dim());
  return model.precision == Precision::i8 || !codes.empty() || narrow_axes ? 2 : 1;
}

/// The content of a model's file with codes of the kind `codes` (empty: none), which
/// add_codes(codes_content) adds, in place of its own. `model` outlives it.
template <class Scalar>
FileContent content_of(const Model<Scalar>& model, std::string_view codes,
                       const AddCodes& add_codes) {
  const Index version = format_version_for(model, codes);
  FileContent content("see", version);
  ModelContent<Scalar>(model, content).add([&] {
    if (codes.empty()) return;
    if (version >= 3) content.note("codes", std::string(codes));
    CodesContent part(content, version >= 3 ? CodesPrefix::codes() : CodesPrefix::residual());
    add_codes(part);
  });
  return content;
}

/// The same with the model's own codes.
template <class Scalar>
FileContent content_of(const Model<Scalar>& model) {
  const auto& codes = model.embedding.parts().codes;
  return content_of(model, codes ? codes->kind() : std::string_view(),
                    [&](CodesContent& part) { store_codes(*codes, part); });
}

}  // namespace see::detail
