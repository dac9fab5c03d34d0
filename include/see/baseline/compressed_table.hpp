#pragma once

#include <filesystem>
#include <span>
#include <utility>
#include <variant>

#include "see/baseline/baseline.hpp"
#include "see/compress/induced/induced_model.hpp"
#include "see/core/vocabulary.hpp"
#include "see/io/model_file.hpp"
#include "see/io/safetensors.hpp"

namespace see {

/// A compressed table of either kind, an entangled model or a baseline; a RowSource. Copies share
/// the rows.
class CompressedTable {
  template <class Body>
  auto visit(const Body& body) const {
    return model() ? body(model()->embedding) : body(std::get<Baseline>(content_));
  }

 public:
  CompressedTable(Model<float> model) : content_(std::move(model)) {}
  CompressedTable(Baseline baseline) : content_(std::move(baseline)) {}

  Index num_embeddings() const {
    return visit([](const auto& rows) { return rows.num_embeddings(); });
  }
  Index embedding_dim() const {
    return visit([](const auto& rows) { return rows.embedding_dim(); });
  }
  void forward(std::span<const Index> ids, RowMatrixRef<float> out) const {
    visit([&](const auto& rows) { rows.forward(ids, out); });
  }

  const Vocabulary& words() const {
    return model() ? model()->words : std::get<Baseline>(content_).words;
  }
  /// Notes on the fit: "method", "relative_error", ...
  const Metadata& fit() const { return model() ? model()->fit : std::get<Baseline>(content_).fit; }

  /// Null where this is of the other kind.
  const Model<float>* model() const noexcept { return std::get_if<Model<float>>(&content_); }
  const Baseline* baseline() const noexcept { return std::get_if<Baseline>(&content_); }

 private:
  std::variant<Model<float>, Baseline> content_;
};

/// Opens what `see compress` writes, of either kind. Throws as load_model() and load_baseline().
inline CompressedTable load_compressed(const SafetensorsFile& file) {
  if (BaselineReader::is_baseline(file)) return load_baseline(file);
  return load_model<float>(file);
}
inline CompressedTable load_compressed(const std::filesystem::path& path) {
  return load_compressed(SafetensorsFile::open(path));
}

/// Writes either kind; a model with compressed_precision. Throws as save_model() and
/// save_baseline().
inline void save_compressed(const std::filesystem::path& path, const CompressedTable& table) {
  if (table.baseline()) return save_baseline(path, *table.baseline());
  save_model(path, *table.model(), compressed_precision);
}

/// Bytes of the file, all but the vocabulary's in `total`.
inline ModelBytes compressed_bytes(const SafetensorsFile& file) {
  return BaselineReader::is_baseline(file) ? baseline_bytes(file) : model_bytes(file);
}
inline ModelBytes compressed_bytes(const CompressedTable& table) {
  return table.baseline() ? baseline_bytes(*table.baseline())
                          : model_bytes(*table.model(), compressed_precision);
}

}  // namespace see
