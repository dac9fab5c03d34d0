#pragma once

#include <faiss/VectorTransform.h>
#include <faiss/impl/LocalSearchQuantizer.h>
#include <faiss/impl/ProductQuantizer.h>
#include <faiss/impl/ResidualQuantizer.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"

/// Quantizers of FAISS as codes of a whole table, every byte counted.
namespace bench {

using see::Index;

/// `parts` codes of `bits` bits a row. Methods: pq, opq, rq (residual), lsq (local search).
struct QuantizerSetting {
  std::string method;
  Index parts = 1;  ///< sub-vectors of pq and opq, codebooks of rq and lsq
  int bits = 8;
  Index width = 1;  ///< numbers a row that are coded: those that the rotation of opq leaves, or dim

  Index centroids() const { return Index{1} << bits; }
  bool sums() const { return method == "rq" || method == "lsq"; }

  /// Codes packed without a gap; codebooks and rotation two bytes a number.
  std::uint64_t bytes(Index rows, Index dim) const {
    const Index codes = (rows * parts * bits + 7) / 8;
    const Index books = centroids() * width * (sums() ? parts : 1);
    const Index rotation = method == "opq" ? dim * width : 0;
    return static_cast<std::uint64_t>(codes + 2 * (books + rotation));
  }
};

/// The setting of `method` and `bits` whose bytes come nearest to `wanted`; none where no number of
/// parts is possible. A rotation leaves at most `share` of the numbers of a row, the greatest
/// multiple of the sub-vectors, and at least 0.9 of that share. FAISS cuts a row into sub-vectors
/// of one length.
inline std::optional<QuantizerSetting> nearest_setting(const std::string& method, int bits,
                                                       double share, Index rows, Index dim,
                                                       double wanted) {
  std::optional<QuantizerSetting> chosen;
  const auto miss = [&](const QuantizerSetting& setting) {
    return std::abs(std::log(static_cast<double>(setting.bytes(rows, dim)) / wanted));
  };
  const double kept = share * static_cast<double>(dim);
  for (Index parts = 1; parts <= std::max<Index>(256, dim); ++parts) {
    QuantizerSetting setting{method, parts, bits, dim};
    if (method == "opq") {
      setting.width = static_cast<Index>(kept) / parts * parts;
      if (static_cast<double>(setting.width) < 0.9 * kept) continue;
    }
    if (!setting.sums() && (setting.width < parts || setting.width % parts != 0)) continue;
    if (!chosen || miss(setting) < miss(*chosen)) chosen = setting;
  }
  return chosen;
}

/// A quantizer of FAISS trained on rows. Training is FAISS's own with its defaults, but that the
/// k-means of few centroids sees more rows than 256 a centroid, which only helps. A mean needs no
/// bytes of its own: it is in the codebooks.
class TrainedQuantizer {
 public:
  /// `beam` is that of rq in training.
  TrainedQuantizer(const QuantizerSetting& setting, see::ConstRowMatrixRef<float> rows, int beam)
      : dim_(rows.cols()) {
    const auto width = static_cast<std::size_t>(setting.width);
    const auto parts = static_cast<std::size_t>(setting.parts);
    const auto bits = static_cast<std::size_t>(setting.bits);
    if (setting.method == "opq") train_rotation(setting, rows);
    if (setting.method == "rq") {
      auto rq = std::make_unique<faiss::ResidualQuantizer>(width, parts, bits);
      rq->max_beam_size = beam;
      rq->max_mem_distances = std::size_t{1} << 30;
      rq->cp.min_points_per_centroid = 1;
      rq->cp.max_points_per_centroid = std::max(256, 16384 >> setting.bits);
      residual_ = rq.get();
      coder_ = std::move(rq);
    } else if (setting.method == "lsq") {
      coder_ = std::make_unique<faiss::LocalSearchQuantizer>(width, parts, bits);
    } else {
      auto pq = std::make_unique<faiss::ProductQuantizer>(width, parts, bits);
      pq->cp.min_points_per_centroid = 1;
      pq->cp.max_points_per_centroid = static_cast<int>(rows.rows());
      coder_ = std::move(pq);
    }
    const see::RowMatrix<float> rotated = rotate(rows);
    coder_->train(static_cast<std::size_t>(rotated.rows()), rotated.data());
  }

  /// What the codes of `rows` decode to; `beam` is that of rq in encoding.
  see::RowMatrix<float> rebuild(see::ConstRowMatrixRef<float> rows, int beam) const {
    if (residual_) residual_->max_beam_size = beam;
    see::RowMatrix<float> rebuilt(rows.rows(), dim_);
    constexpr Index block = 16384;
    for (Index first = 0; first < rows.rows(); first += block) {
      const Index count = std::min(block, rows.rows() - first);
      see::RowMatrix<float> some = rotate(rows.middleRows(first, count));
      std::vector<std::uint8_t> codes(static_cast<std::size_t>(count) * coder_->code_size);
      coder_->compute_codes(some.data(), codes.data(), static_cast<std::size_t>(count));
      coder_->decode(codes.data(), some.data(), static_cast<std::size_t>(count));
      float* const out = rebuilt.data() + first * dim_;
      if (rotation_)
        rotation_->reverse_transform(count, some.data(), out);
      else
        std::copy_n(some.data(), some.size(), out);
    }
    return rebuilt;
  }

 private:
  void train_rotation(const QuantizerSetting& setting, see::ConstRowMatrixRef<float> rows) {
    const Index width = setting.width;
    rotation_ = std::make_unique<faiss::OPQMatrix>(
        static_cast<int>(dim_), static_cast<int>(setting.parts), static_cast<int>(width));
    faiss::ProductQuantizer pq(static_cast<std::size_t>(width),
                               static_cast<std::size_t>(setting.parts),
                               static_cast<std::size_t>(setting.bits));
    pq.cp.min_points_per_centroid = 1;
    rotation_->pq = &pq;
    const see::RowMatrix<float> copy = rows;
    rotation_->train(copy.rows(), copy.data());
    rotation_->pq = nullptr;
  }

  see::RowMatrix<float> rotate(see::ConstRowMatrixRef<float> rows) const {
    see::RowMatrix<float> copy = rows;
    if (!rotation_) return copy;
    see::RowMatrix<float> rotated(copy.rows(), rotation_->d_out);
    rotation_->apply_noalloc(copy.rows(), copy.data(), rotated.data());
    return rotated;
  }

  Index dim_;
  std::unique_ptr<faiss::OPQMatrix> rotation_;
  std::unique_ptr<faiss::Quantizer> coder_;
  faiss::ResidualQuantizer* residual_ = nullptr;  ///< coder_ where it is one
};

}  // namespace bench
