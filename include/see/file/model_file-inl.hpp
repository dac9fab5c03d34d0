#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "see/codes/codes_kinds.hpp"
#include "see/core/bits.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_content.hpp"
#include "see/file/model_file.hpp"
#include "see/file/vocabulary_tensors.hpp"
#include "see/io/file_reader.hpp"
#include "see/io/safetensors.hpp"
#include "see/model/embedding.hpp"
#include "see/model/model.hpp"
#include "see/version.hpp"

namespace see {

template <class Scalar>
void save_model(const std::filesystem::path& path, const Model<Scalar>& model) {
  detail::content_of(model).write(path);
}

namespace detail {

/// Reads a model out of a file.
template <class Scalar>
class ModelReader {
 public:
  ModelReader(const SafetensorsFile& file, bool keep_storage)
      : file_(file), keep_storage_(keep_storage) {
    const bool known = file_.has("format");
    baseline_ = known && file_.entry("format") == "see baseline";
    require<FileError>(known && (baseline_ || file_.entry("format") == "see"), file_.where(),
                       "not a see model (its metadata lack \"format\": \"see\")");
    const Index newest = baseline_ ? 1 : format_version;
    const Index version = file_.number("format_version");
    require<FileError>(version >= 1 && version <= newest, file_.where(), "format version ", version,
                       ", needed 1 to ", newest, "; a newer release of see reads newer ones");
  }

  Model<Scalar> model() const {
    Model<Scalar> model{EntangledEmbedding<Scalar>(parts()), read_vocabulary(file_),
                        file_.entries("fit.")};
    const auto& made = model.embedding.parts();
    if (made.has_terms()) model.knowledge = knowledge(made.inventories[0].size());
    const Index rows = model.embedding.num_embeddings();
    require(model.words.empty() || model.words.size() == rows, "a vocabulary of ",
            model.words.size(), " words, needed ", rows);
    model.precision = precision();
    return model;
  }

 private:
  EmbeddingParts<Scalar> parts() const {
    EmbeddingParts<Scalar> parts;
    const Index words = file_.number("words");
    const Index dim = file_.number("dim", 1, Index{1} << 24);
    const bool terms = file_.has("factor_dims");
    const Index width = terms || file_.has("width") ? file_.number("width", 1) : dim;
    if (terms)
      read_terms(width, parts);
    else
      parts.lexicon = Lexicon::without_senses(words);
    parts.codes = codes(words, width);
    // Releases before format 3 wrote two inventories without use.
    if (!terms || (parts.codes && parts.lexicon.senses() == 0)) {
      require<FileError>(parts.codes != nullptr, file_.where(), "has neither terms nor codes");
      parts.inventories.clear();
      parts.lexicon = Lexicon::without_senses(words);
      parts.shape = Shape({width});
    }
    if (baseline_) return parts;
    parts.basis = {file_.optional_values<Scalar>("basis.mean", {dim}), axes(width, dim)};
    if (file_.has_tensor("layer_norm.weight"))
      parts.layer_norm = LayerNorm<Scalar>{file_.values<Scalar>("layer_norm.weight", {dim}),
                                           file_.values<Scalar>("layer_norm.bias", {dim}),
                                           file_.real("layer_norm.epsilon")};
    require<FileError>(parts.embedding_dim() == dim, file_.where(), "metadata entry \"dim\" is ",
                       dim, ", needed ", parts.embedding_dim());
    if (file_.has("padding_idx")) parts.padding_idx = file_.number("padding_idx");
    return parts;
  }

  void read_terms(Index width, EmbeddingParts<Scalar>& parts) const {
    parts.shape = Shape(file_.numbers("factor_dims", 'x'), width);
    const auto slots = file_.numbers("slots", ',');
    SlotTable table{parts.shape.order(), {}, std::vector<int>(slots.begin(), slots.end())};
    require<FileError>(parts.shape.product() <= largest_product, file_.where(),
                       "factor dimensions ", parts.shape.to_string(),
                       ", needed a product of at most ", largest_product);
    const auto most = static_cast<std::size_t>(*std::max_element(slots.begin(), slots.end())) + 1;
    for (std::size_t i = 0; i < std::min(most, slots.size()); ++i) {
      parts.inventories.push_back(inventory(text("inventory.", i)));
      table.sizes.push_back(parts.inventories.back().size());
    }
    parts.lexicon = lexicon(std::move(table));
    parts.gain_scope = gain_scope();
    parts.gains = file_.optional_values<Scalar>("gains", {-1});
    if (file_.has_tensor("word_scale.table")) {
      parts.word_scale.table = file_.values<Scalar>("word_scale.table", {-1});
      const int bits = bits_for(parts.word_scale.table.size());
      parts.word_scale.index = PackedArray(file_.array<std::uint8_t>("word_scale.index", {-1}),
                                           static_cast<std::size_t>(parts.lexicon.words()), bits);
    }
    require<FileError>(parts.shape.order() == file_.number("order"), file_.where(),
                       "metadata entry \"order\" is ", file_.entry("order"), ", needed ",
                       parts.shape.order());
  }

  std::shared_ptr<const RowCodes> codes(Index words, Index width) const {
    const auto read = [&](std::string_view kind, CodesPrefix prefix) {
      return read_codes(kind, CodesReader(file_, std::move(prefix), words, width));
    };
    if (baseline_) return read(file_.entry("method"), CodesPrefix::none());
    if (file_.has("codes")) return read(file_.entry("codes"), CodesPrefix::codes());
    if (file_.has("residual_classes") || file_.has_tensor("residual.codes"))
      return read("trellis", CodesPrefix::residual());
    return nullptr;
  }

  /// What the numbers of the file were rounded to.
  Precision precision() const {
    if (baseline_) return Precision::f16;
    for (const char* name : {"inventory.0", "basis.mean", "basis.axes", "layer_norm.weight"}) {
      const Tensor* const tensor = file_.file().find(name);
      if (!tensor || (tensor->dtype == "I8" && std::string_view(name) == "basis.axes")) continue;
      if (tensor->dtype == "I8") return Precision::i8;
      if (tensor->dtype == "F16") return Precision::f16;
      if (tensor->dtype == "BF16") return Precision::bf16;
      if (tensor->dtype == "F64" && std::is_same_v<Scalar, double>) return Precision::f64;
      return Precision::f32;
    }
    return Precision::f16;  // nothing but codes
  }

  /// `units`: of inventory 0.
  KnowledgeNotes knowledge(Index units) const {
    KnowledgeNotes notes;
    if (!file_.has("knowledge_names")) return notes;
    const Index count = file_.number("knowledge_names", 1, units);
    const auto bits = static_cast<int>(file_.number("knowledge_length_bits", 1, 32));
    const PackedArray lengths = file_.packed("knowledge.name_lengths", count, bits);
    std::vector<std::int64_t> offsets{0};
    for (std::size_t i = 0; i < lengths.size(); ++i) offsets.push_back(offsets.back() + lengths[i]);
    notes.names = {file_.text_of("knowledge.names"), std::move(offsets)};
    notes.settings = file_.entries("knowledge.");
    return notes;
  }

  GainScope gain_scope() const {
    const std::string& name = file_.entry("gain_scope");
    for (const GainScope scope : {GainScope::none, GainScope::term, GainScope::sense})
      if (name == name_of(scope)) return scope;
    fail<FileError>(file_.where(), "gain_scope \"", name, "\", needed none, term or sense");
  }

  Lexicon lexicon(SlotTable table) const {
    const Index words = file_.number("words");
    std::vector<Index> ranks{file_.has("rank") ? file_.number("rank") : 0};
    require<FileError>(ranks[0] <= largest_rank, file_.where(), "words of ", ranks[0],
                       " senses, needed at most ", largest_rank);
    if (!file_.has("rank")) {
      const auto bits = static_cast<int>(file_.number("rank_bits", 1, 16));
      const PackedArray packed(file_.array<std::uint8_t>("lexicon.ranks", {-1}),
                               static_cast<std::size_t>(words), bits);
      ranks.resize(packed.size());
      for (std::size_t w = 0; w < ranks.size(); ++w) ranks[w] = packed[w];
    }
    const std::string& kind = file_.entry("index");
    for (const IndexKind implicit : {IndexKind::digits, IndexKind::own})
      if (kind == name_of(implicit))
        return Lexicon::implicit(implicit, std::move(table), words, ranks);
    require<FileError>(kind == name_of(IndexKind::stored), file_.where(), "index \"", kind,
                       "\", needed stored, digits or own");
    auto packed = file_.has_tensor("lexicon.index")
                      ? file_.array<std::uint8_t>("lexicon.index", {-1})
                      : Array<std::uint8_t>();
    return Lexicon::from_packed(std::move(table), words, ranks, std::move(packed));
  }

  Inventory<Scalar> inventory(const std::string& name) const {
    const Tensor& tensor = file_.file().at(name);
    const bool narrow = tensor.dtype == "F16" || tensor.dtype == "BF16" || tensor.dtype == "I8";
    if (tensor.dtype != "I8" && !(narrow && keep_storage_)) {
      const auto values = file_.values<Scalar>(name, {-1, -1, -1});
      return {values, tensor.shape[0], tensor.shape[1], tensor.shape[2]};
    }
    require<FileError>(tensor.shape.size() == 3, file_.where(), "tensor ", json_quote(name), " is ",
                       tensor.dtype, ' ', shape_text(tensor.shape), ", needed any x any x any");
    const Index size = tensor.shape[0], rank = tensor.shape[1], dim = tensor.shape[2];
    if (tensor.dtype != "I8")
      return {tensor.dtype == "F16" ? Storage::f16 : Storage::bf16, file_.halves(name), size, rank,
              dim};
    const Inventory<Scalar> inventory(file_.array<std::int8_t>(name, {-1, -1, -1}),
                                      file_.halves(name + ".scales"), size, rank, dim);
    return keep_storage_ ? inventory : inventory.stored_as(Storage::native);
  }

  Array<Scalar> axes(Index width, Index dim) const {
    const Tensor* const tensor = file_.file().find("basis.axes");
    if (!tensor || tensor->dtype != "I8")
      return file_.optional_values<Scalar>("basis.axes", {width, dim});
    const auto codes = file_.array<std::int8_t>("basis.axes", {width, dim});
    const auto scales = file_.array<float>("basis.axes.scales", {width});
    std::vector<Scalar> values(codes.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<Scalar>(scales[i / static_cast<std::size_t>(dim)] * codes[i]);
    return values;
  }

  FileReader file_;
  bool keep_storage_;
  bool baseline_ = false;
};

}  // namespace detail

template <std::floating_point Scalar>
Model<Scalar> load_model(const SafetensorsFile& file, const LoadOptions& options) {
  const detail::ModelReader<Scalar> reader(file, options.keep_storage);
  if (options.verify_checksum) detail::verify_checksum(file);
  return detail::as_file_errors(file, [&] { return reader.model(); });
}

template <std::floating_point Scalar>
Model<Scalar> load_model(const std::filesystem::path& path, const LoadOptions& options) {
  return load_model<Scalar>(SafetensorsFile::open(path), options);
}

}  // namespace see
