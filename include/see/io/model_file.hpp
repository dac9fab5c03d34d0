#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/bits.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/knowledge_notes.hpp"
#include "see/io/model_tensors.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/write_safetensors.hpp"
#include "see/model/embedding.hpp"
#include "see/version.hpp"

/// Model files: an entangled embedding, its words and what is known of its fit, as a safetensors
/// file. docs/format.md specifies every tensor and metadata entry.
namespace see {

/// An entangled embedding with the words of its rows (or none), notes on how it was fitted, which
/// the file keeps as metadata entries "fit.NAME", and what its units stand for (or nothing).
template <std::floating_point Scalar = float>
struct Model {
  EntangledEmbedding<Scalar> embedding;
  Vocabulary words = {};
  Metadata fit = {};
  KnowledgeNotes knowledge = {};
};

struct LoadOptions {
  bool verify_checksum = true;  ///< reads the whole file once
  /// Leaves factors as F16, BF16 or I8 where they lie in the mapped file, to be widened as rows are
  /// looked up; else they are converted once, on loading.
  bool keep_storage = false;
};

/// Bytes of a model's file: `total` is all of it but the vocabulary, and the sum of the parts.
inline ModelBytes model_bytes(const SafetensorsFile& file) {
  return detail::count_bytes(file.tensors(), file.file()->bytes().size());
}

/// The same for a model that is not written yet.
template <class Scalar>
ModelBytes model_bytes(const Model<Scalar>& model, Precision precision) {
  const detail::ModelTensors content(model.embedding.parts(), model.words, model.fit, precision,
                                     model.knowledge);
  return content.bytes();
}

/// Writes the model, whole or not at all; factors, gains and basis are rounded to `precision`
/// (sizes given to compress() are those of Precision::f16).
/// Throws Error where the words are not as many as the rows, more units are named than there are,
/// or a number is out of that precision's range; throws FileError where writing fails.
template <class Scalar>
void save_model(const std::filesystem::path& path, const Model<Scalar>& model,
                Precision precision = Precision::f32) {
  const Index rows = model.embedding.num_embeddings();
  detail::require(model.words.empty() || model.words.size() == rows, "a vocabulary of ",
                  model.words.size(), " words, needed ", rows);
  const detail::ModelTensors content(model.embedding.parts(), model.words, model.fit, precision,
                                     model.knowledge);
  write_safetensors(path, content.tensors(), content.metadata());
}

namespace detail {

/// Reads the parts of an embedding out of a model file.
template <class Scalar>
class ModelReader {
 public:
  ModelReader(const SafetensorsFile& file, bool keep_storage)
      : file_(file), keep_storage_(keep_storage) {
    require<FileError>(has("format") && file.metadata().at("format") == "see", where(),
                       "not a see model (its metadata lack \"format\": \"see\")");
    const Index version = number("format_version");
    require<FileError>(version >= 1 && version <= format_version, where(), "format version ",
                       version, ", needed 1 to ", format_version,
                       "; a newer release of see reads newer ones");
  }

  EmbeddingParts<Scalar> parts() const {
    EmbeddingParts<Scalar> parts;
    parts.shape = Shape(numbers("factor_dims", 'x'), number("width"));
    const auto slots = numbers("slots", ',');
    SlotTable table{parts.shape.order(), {}, std::vector<int>(slots.begin(), slots.end())};
    require<FileError>(parts.shape.product() <= largest_product, where(), "factor dimensions ",
                       parts.shape.to_string(), ", needed a product of at most ", largest_product);
    const auto most = static_cast<std::size_t>(*std::max_element(slots.begin(), slots.end())) + 1;
    for (std::size_t i = 0; i < std::min(most, slots.size()); ++i) {
      parts.inventories.push_back(inventory(text("inventory.", i)));
      table.sizes.push_back(parts.inventories.back().size());
    }
    parts.lexicon = lexicon(std::move(table));
    parts.gain_scope = gain_scope();
    parts.gains = optional_values("gains", {-1});
    if (file_.find("word_scale.table")) {
      parts.word_scale.table = values("word_scale.table", {-1});
      const int bits = bits_for(parts.word_scale.table.size());
      parts.word_scale.index = PackedArray(file_.array<std::uint8_t>("word_scale.index", {-1}),
                                           static_cast<std::size_t>(parts.lexicon.words()), bits);
    }
    if (has("residual_classes") || file_.find("residual.codes"))
      parts.residual =
          std::make_shared<const Residual>(residual(parts.lexicon.words(), parts.shape.width()));
    const Index dim = number("dim");
    parts.basis = {optional_values("basis.mean", {dim}), axes(parts.shape.width(), dim)};
    if (file_.find("layer_norm.weight"))
      parts.layer_norm =
          LayerNorm<Scalar>{values("layer_norm.weight", {dim}), values("layer_norm.bias", {dim}),
                            real("layer_norm.epsilon")};
    require<FileError>(parts.embedding_dim() == dim, where(), "metadata entry \"dim\" is ", dim,
                       ", needed ", parts.embedding_dim());
    require<FileError>(parts.shape.order() == number("order"), where(),
                       "metadata entry \"order\" is ", entry("order"), ", needed ",
                       parts.shape.order());
    if (has("padding_idx")) parts.padding_idx = number("padding_idx");
    return parts;
  }

  Vocabulary words() const {
    const Tensor* const offsets = file_.find("vocabulary.offsets");
    if (!offsets) return {};
    Array<std::int64_t> wide;
    if (offsets->dtype == "I32") {
      const auto narrow = file_.array<std::int32_t>("vocabulary.offsets", {-1});
      wide = std::vector<std::int64_t>(narrow.begin(), narrow.end());
    } else {
      wide = file_.array<std::int64_t>("vocabulary.offsets", {-1});
    }
    return {text_of("vocabulary.blob"), std::move(wide)};
  }

  /// `units`: of inventory 0.
  KnowledgeNotes knowledge(Index units) const {
    KnowledgeNotes notes;
    if (!has("knowledge_names")) return notes;
    const Index count = number_within("knowledge_names", 1, units);
    const auto bits = static_cast<int>(number_within("knowledge_length_bits", 1, 32));
    const PackedArray lengths = packed("knowledge.name_lengths", count, bits);
    std::vector<std::int64_t> offsets{0};
    for (std::size_t i = 0; i < lengths.size(); ++i) offsets.push_back(offsets.back() + lengths[i]);
    notes.names = {text_of("knowledge.names"), std::move(offsets)};
    notes.settings = entries("knowledge.");
    return notes;
  }

  Metadata fit() const { return entries("fit."); }

 private:
  std::string where() const { return file_.path().string() + ": "; }
  bool has(std::string_view key) const { return file_.metadata().contains(key); }

  /// The metadata whose keys begin so, without that beginning.
  Metadata entries(std::string_view prefix) const {
    Metadata found;
    for (const auto& [key, value] : file_.metadata())
      if (key.starts_with(prefix)) found.emplace(key.substr(prefix.size()), value);
    return found;
  }

  /// A view of the bytes of a tensor.
  Array<char> text_of(const std::string& name) const {
    const auto bytes = file_.array<std::uint8_t>(name, {-1});
    const std::span<const char> text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {text, file_.file()};
  }

  const std::string& entry(std::string_view key) const {
    const auto found = file_.metadata().find(key);
    require<FileError>(found != file_.metadata().end(), where(), "has no metadata entry \"", key,
                       '"');
    return found->second;
  }

  Index to_number(std::string_view digits, std::string_view key) const {
    Index value = -1;
    const auto end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    require<FileError>(error == std::errc() && stop == end && value >= 0 && value <= 0xffffffffLL,
                       where(), "metadata entry \"", key, "\" is \"", entry(key),
                       "\", needed whole numbers below 2^32");
    return value;
  }

  Index number(std::string_view key) const { return to_number(entry(key), key); }

  Index number_within(std::string_view key, Index least, Index most) const {
    const Index value = number(key);
    require<FileError>(value >= least && value <= most, where(), "metadata entry \"", key, "\" is ",
                       value, ", needed ", least, " to ", most);
    return value;
  }

  double real(std::string_view key) const {
    const std::string& digits = entry(key);
    double value = 0;
    const auto end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    require<FileError>(error == std::errc() && stop == end, where(), "metadata entry \"", key,
                       "\" is \"", digits, "\", needed a number");
    return value;
  }

  std::vector<Index> numbers(std::string_view key, char separator) const {
    std::vector<Index> result;
    std::string_view rest = entry(key);
    for (;;) {
      const auto at = rest.find(separator);
      result.push_back(to_number(rest.substr(0, at), key));
      if (at == rest.npos) return result;
      rest.remove_prefix(at + 1);
    }
  }

  GainScope gain_scope() const {
    const std::string& name = entry("gain_scope");
    for (const GainScope scope : {GainScope::none, GainScope::term, GainScope::sense})
      if (name == name_of(scope)) return scope;
    fail<FileError>(where(), "gain_scope \"", name, "\", needed none, term or sense");
  }

  Lexicon lexicon(SlotTable table) const {
    const Index words = number("words");
    std::vector<Index> ranks{has("rank") ? number("rank") : 0};
    require<FileError>(ranks[0] <= largest_rank, where(), "words of ", ranks[0],
                       " senses, needed at most ", largest_rank);
    if (!has("rank")) {
      const Index bits = number("rank_bits");
      require<FileError>(bits >= 1 && bits <= 16, where(), "metadata entry \"rank_bits\" is ", bits,
                         ", needed 1 to 16");
      const PackedArray packed(file_.array<std::uint8_t>("lexicon.ranks", {-1}),
                               static_cast<std::size_t>(words), static_cast<int>(bits));
      ranks.resize(packed.size());
      for (std::size_t w = 0; w < ranks.size(); ++w) ranks[w] = packed[w];
    }
    const std::string& kind = entry("index");
    for (const IndexKind implicit : {IndexKind::digits, IndexKind::own})
      if (kind == name_of(implicit))
        return Lexicon::implicit(implicit, std::move(table), words, ranks);
    require<FileError>(kind == name_of(IndexKind::stored), where(), "index \"", kind,
                       "\", needed stored, digits or own");
    auto packed = file_.find("lexicon.index") ? file_.array<std::uint8_t>("lexicon.index", {-1})
                                              : Array<std::uint8_t>();
    return Lexicon::from_packed(std::move(table), words, ranks, std::move(packed));
  }

  Inventory<Scalar> inventory(const std::string& name) const {
    const Tensor& tensor = file_.at(name);
    const bool narrow = tensor.dtype == "F16" || tensor.dtype == "BF16" || tensor.dtype == "I8";
    if (tensor.dtype != "I8" && !(narrow && keep_storage_)) {
      const auto values = this->values(name, {-1, -1, -1});
      return {values, tensor.shape[0], tensor.shape[1], tensor.shape[2]};
    }
    require<FileError>(tensor.shape.size() == 3, where(), "tensor ", json_quote(name), " is ",
                       tensor.dtype, ' ', shape_text(tensor.shape), ", needed any x any x any");
    const Index size = tensor.shape[0], rank = tensor.shape[1], dim = tensor.shape[2];
    if (tensor.dtype != "I8")
      return {tensor.dtype == "F16" ? Storage::f16 : Storage::bf16, halves(name), size, rank, dim};
    const Inventory<Scalar> inventory(file_.array<std::int8_t>(name, {-1, -1, -1}),
                                      halves(name + ".scales"), size, rank, dim);
    return keep_storage_ ? inventory : inventory.stored_as(Storage::native);
  }

  Array<Scalar> axes(Index width, Index dim) const {
    const Tensor* const tensor = file_.find("basis.axes");
    if (!tensor || tensor->dtype != "I8") return optional_values("basis.axes", {width, dim});
    const auto codes = file_.array<std::int8_t>("basis.axes", {width, dim});
    const auto scales = file_.array<float>("basis.axes.scales", {width});
    std::vector<Scalar> values(codes.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<Scalar>(scales[i / static_cast<std::size_t>(dim)] * codes[i]);
    return values;
  }

  Residual residual(Index words, Index width) const {
    ResidualParts parts;
    parts.rows = words;
    parts.dim = width;
    parts.classes = number_within("residual_classes", 1, 65536);
    parts.window_bits = static_cast<int>(
        number_within("residual_window_bits", kernel::least_window_bits, kernel::most_window_bits));
    const Index cells = parts.classes * width;
    parts.row_classes =
        packed("residual.row_classes", words, bits_for(static_cast<std::uint64_t>(parts.classes)));
    parts.rates = packed("residual.rates", cells, rate_bits);
    parts.sigmas = file_.array<std::uint8_t>("residual.sigmas", {cells});
    parts.means = file_.array<std::int8_t>("residual.means", {cells});
    parts.mean_scales = file_.array<float>("residual.mean_scales", {parts.classes});
    parts.sigma_scale = file_.array<float>("residual.sigma_scale", {1})[0];
    parts.codes = file_.array<std::uint8_t>("residual.codes", {-1});
    return Residual(std::move(parts));
  }

  /// A tensor of `count` fields of `bits` bits.
  PackedArray packed(std::string_view name, Index count, int bits) const {
    const std::uint64_t size = static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(bits);
    return {file_.array<std::uint8_t>(name, {static_cast<Index>(packed_bytes(size))}),
            static_cast<std::size_t>(count), bits};
  }

  /// The bits of an F16 or BF16 tensor.
  Array<std::uint16_t> halves(const std::string& name) const {
    const Tensor& tensor = file_.at(name);
    require<FileError>(tensor.dtype == "F16" || tensor.dtype == "BF16", where(), "tensor ",
                       json_quote(name), " is ", tensor.dtype, ", needed F16 or BF16");
    return file_.view_as<std::uint16_t>(tensor);
  }

  /// A view of the file where it holds Scalar, else converted. -1 stands for any size.
  Array<Scalar> values(const std::string& name, std::initializer_list<Index> shape) const {
    const Tensor& tensor = file_.at(name);
    if (tensor.dtype == dtype_name<Scalar>()) return file_.array<Scalar>(name, shape);
    const bool fits =
        std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end(),
                   [](Index needed, Index found) { return needed == -1 || needed == found; });
    require<FileError>(fits && tensor.dtype.find("F") != std::string::npos, where(), "tensor ",
                       json_quote(name), " is ", tensor.dtype, ' ', shape_text(tensor.shape),
                       ", needed F64, F32, F16 or BF16 ", shape_text(std::vector<Index>(shape)));
    Array<float> floats = file_.as_floats(tensor);
    if constexpr (std::is_same_v<Scalar, float>)
      return floats;
    else
      return std::vector<Scalar>(floats.begin(), floats.end());
  }
  Array<Scalar> optional_values(const std::string& name, std::initializer_list<Index> shape) const {
    return file_.find(name) ? values(name, shape) : Array<Scalar>();
  }

  const SafetensorsFile& file_;
  bool keep_storage_;
};

}  // namespace detail

/// Loads a model by mapping its file: numbers of type Scalar are used where they lie, others are
/// converted. Throws FileError where the file cannot be read, is no see model, is damaged (its
/// checksum), of a newer version, or does not hold together.
///
/// Cost: a pass over the file for the checksum unless declined, and O(senses) to check the index
/// where an inventory's size is no power of two.
template <std::floating_point Scalar = float>
Model<Scalar> load_model(const SafetensorsFile& file, const LoadOptions& options = {}) {
  const detail::ModelReader<Scalar> reader(file, options.keep_storage);
  if (options.verify_checksum) verify_checksum(file);
  try {
    Model<Scalar> model{EntangledEmbedding<Scalar>(reader.parts()), reader.words(), reader.fit()};
    model.knowledge = reader.knowledge(model.embedding.parts().inventories[0].size());
    const Index rows = model.embedding.num_embeddings();
    detail::require(model.words.empty() || model.words.size() == rows, "a vocabulary of ",
                    model.words.size(), " words, needed ", rows);
    return model;
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    detail::fail<FileError>(file.path().string(), ": ", error.what());
  } catch (const std::bad_alloc&) {
    detail::fail<FileError>(file.path().string(), ": needs more memory than there is");
  } catch (const std::length_error&) {
    detail::fail<FileError>(file.path().string(), ": needs more memory than there can be");
  }
}

template <std::floating_point Scalar = float>
Model<Scalar> load_model(const std::filesystem::path& path, const LoadOptions& options = {}) {
  return load_model<Scalar>(SafetensorsFile::open(path), options);
}

}  // namespace see
