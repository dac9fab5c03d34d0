#pragma once

#include <filesystem>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "see/baseline/baseline_rows.hpp"
#include "see/baseline/block_codes.hpp"
#include "see/baseline/low_rank.hpp"
#include "see/baseline/principal_codes.hpp"
#include "see/baseline/product_codes.hpp"
#include "see/baseline/tensor_train.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/write_safetensors.hpp"

namespace see {

/// A table compressed by one of the methods that entangled embeddings are compared with, the words
/// of its rows (or none) and notes on the fit; a RowSource. Copies share the rows. docs/format.md
/// specifies its file.
struct Baseline {
  std::shared_ptr<const BaselineRows> rows;
  Vocabulary words = {};
  Metadata fit = {};

  Index num_embeddings() const noexcept { return rows->num_embeddings(); }
  Index embedding_dim() const noexcept { return rows->embedding_dim(); }
  void forward(std::span<const Index> ids, RowMatrixRef<float> out) const {
    rows->forward(ids, out);
  }
};

/// Calls body(content) with what the file of a baseline holds. Throws where the words are not as
/// many as the rows.
template <class Body>
auto with_content(const Baseline& baseline, const Body& body) {
  const Index rows = baseline.num_embeddings();
  detail::require(baseline.words.empty() || baseline.words.size() == rows, "a vocabulary of ",
                  baseline.words.size(), " words, needed ", rows);
  BaselineContent content(baseline.rows->method(), rows, baseline.embedding_dim(), baseline.words,
                          baseline.fit);
  baseline.rows->store(content);
  return body(std::as_const(content));
}

/// Bytes of a baseline's file: `total` is all of it but the vocabulary.
inline ModelBytes baseline_bytes(const SafetensorsFile& file) {
  return BaselineContent::count_bytes(file.tensors(), file.file()->bytes().size());
}

/// The same for one that is not written yet.
inline ModelBytes baseline_bytes(const Baseline& baseline) {
  return with_content(baseline, [](const BaselineContent& content) { return content.bytes(); });
}

/// Writes the baseline, whole or not at all. Throws Error where the words are not as many as the
/// rows, FileError where writing fails.
inline void save_baseline(const std::filesystem::path& path, const Baseline& baseline) {
  with_content(baseline, [&](const BaselineContent& content) {
    write_safetensors(path, content.tensors(), content.metadata());
  });
}

namespace detail {

inline std::shared_ptr<const BaselineRows> read_baseline_rows(const BaselineReader& file) {
  const std::string& method = file.method();
  if (method == "int8") return BlockCodes::read(file, 8);
  if (method == "int4") return BlockCodes::read(file, 4);
  if (method == "svd") return LowRank::read(file);
  if (method == "tt") return TensorTrain::read(file);
  if (method == "pq") return ProductCodes::read(file);
  if (method == "pca") return PrincipalCodes::read(file);
  fail("the method \"", method, "\", needed int8, int4, svd, tt, pq or pca");
}

}  // namespace detail

/// Loads a baseline: codes are used where they lie in the mapped file, numbers are widened. Throws
/// FileError where the file is no baseline, is damaged (its checksum), of a newer version, or does
/// not hold together.
inline Baseline load_baseline(const SafetensorsFile& file) {
  const BaselineReader reader(file);
  verify_checksum(file);
  try {
    Baseline baseline{detail::read_baseline_rows(reader), reader.words(), reader.fit()};
    const Index rows = baseline.num_embeddings();
    detail::require(baseline.words.empty() || baseline.words.size() == rows, "a vocabulary of ",
                    baseline.words.size(), " words, needed ", rows);
    return baseline;
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

inline Baseline load_baseline(const std::filesystem::path& path) {
  return load_baseline(SafetensorsFile::open(path));
}

}  // namespace see
