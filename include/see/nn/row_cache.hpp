#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/nn/layer.hpp"

namespace see {

/// Keeps the rows of a layer that were looked up last, in bounded memory, so that frequent words
/// are copied instead of rebuilt. Word w may be kept in `ways` places of one set; the row of a set
/// that was used least recently makes room. Rows are the layer's own, bit for bit.
///
/// \code
///     see::RowCache cache(layer, 1 << 20);   // at most 1 MiB
///     cache.forward(ids, rows);
///     double share = cache.hit_rate();
/// \endcode
///
/// A layer for inference: it has no backward() and no parameters, and shares the layer's storage as
/// it is when the cache is made. forward() changes the cache, so each thread has one of its own.
/// Moved from, it has no rows.
template <EmbeddingLayer Layer>
class RowCache {
 public:
  using Scalar = typename Layer::Scalar;

  /// Throws unless `bytes` has room for one set of rows: ways * (embedding_dim() * sizeof(Scalar) +
  /// 16).
  RowCache(Layer layer, std::size_t bytes) : layer_(std::move(layer)) {
    const auto dim = static_cast<std::size_t>(layer_.embedding_dim());
    const std::size_t set = ways * (dim * sizeof(Scalar) + sizeof(Entry));
    sets_ = bytes / set;
    detail::require(sets_ > 0, "a row cache of ", bytes, " bytes, needed at least ", set);
    entries_.resize(sets_ * ways);
    rows_.resize(sets_ * ways * dim);
  }

  const Layer& layer() const noexcept { return layer_; }
  Index num_embeddings() const noexcept { return layer_.num_embeddings(); }
  Index embedding_dim() const noexcept { return layer_.embedding_dim(); }
  std::optional<Index> padding_idx() const noexcept { return layer_.padding_idx(); }

  /// Bytes of the rows kept and of what finds them.
  std::size_t bytes() const noexcept {
    return entries_.size() * sizeof(Entry) + rows_.size() * sizeof(Scalar);
  }

  /// Layer::forward(). Throws as that does, and then keeps and counts nothing.
  template <IdRange Ids = IdList>
  void forward(const Ids& ids, RowMatrixRef<Scalar> out) {
    const Index dim = layer_.embedding_dim();
    detail::check_batch(ids, layer_.num_embeddings(), out.rows(), out.cols(), dim, "forward");
    const auto id = detail::id_span(ids);
    missed_.clear();
    missed_at_.clear();
    for (Index i = 0; i < out.rows(); ++i) {
      const auto word = static_cast<Index>(id[static_cast<std::size_t>(i)]);
      if (const Scalar* const row = find(word))
        std::copy_n(row, dim, out.row(i).data());
      else
        missed_.push_back(word), missed_at_.push_back(i);
    }
    lookups_ += static_cast<std::uint64_t>(out.rows());
    hits_ += static_cast<std::uint64_t>(out.rows()) - missed_.size();
    const auto count = static_cast<Index>(missed_.size());
    if (scratch_.rows() < count || scratch_.cols() != dim) scratch_.resize(count, dim);
    layer_.forward(missed_, scratch_.topRows(count));
    for (Index k = 0; k < count; ++k) {
      const auto at = static_cast<std::size_t>(k);
      out.row(missed_at_[at]) = scratch_.row(k);
      if (!find(missed_[at])) keep(missed_[at], scratch_.row(k).data());
    }
  }

  /// The same into a matrix of its own.
  template <IdRange Ids = IdList>
  RowMatrix<Scalar> forward(const Ids& ids) {
    RowMatrix<Scalar> out(std::ssize(detail::id_span(ids)), embedding_dim());
    forward(ids, out);
    return out;
  }

  /// Row w, or forward(ids). Throws where an id is no row.
  template <Id Word>
  Eigen::RowVector<Scalar, Eigen::Dynamic> operator()(Word w) {
    return forward(std::span(&w, 1));
  }
  template <IdRange Ids = IdList>
  RowMatrix<Scalar> operator()(const Ids& ids) {
    return forward(ids);
  }

  std::uint64_t lookups() const noexcept { return lookups_; }
  std::uint64_t hits() const noexcept { return hits_; }
  double hit_rate() const noexcept {
    return lookups_ == 0 ? 0 : static_cast<double>(hits_) / static_cast<double>(lookups_);
  }

 private:
  static constexpr std::size_t ways = 4;

  struct Entry {
    std::int64_t word = -1;
    std::uint64_t used = 0;  // when, counted in uses
  };

  std::size_t first_of_set(Index word) const noexcept {
    const auto mixed = static_cast<std::uint64_t>(word) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>((mixed >> 32) % sets_) * ways;
  }

  Scalar* row(std::size_t entry) noexcept {
    return rows_.data() + entry * static_cast<std::size_t>(layer_.embedding_dim());
  }

  const Scalar* find(Index word) noexcept {
    const std::size_t first = first_of_set(word);
    for (std::size_t at = first; at < first + ways; ++at)
      if (entries_[at].word == word) {
        entries_[at].used = ++uses_;
        return row(at);
      }
    return nullptr;
  }

  void keep(Index word, const Scalar* values) {
    const auto set = entries_.begin() + static_cast<std::ptrdiff_t>(first_of_set(word));
    const auto oldest = std::min_element(
        set, set + ways, [](const Entry& a, const Entry& b) { return a.used < b.used; });
    *oldest = {word, ++uses_};
    std::copy_n(values, layer_.embedding_dim(),
                row(static_cast<std::size_t>(oldest - entries_.begin())));
  }

  Layer layer_;
  std::size_t sets_ = 0;
  std::vector<Entry> entries_;
  std::vector<Scalar> rows_;
  std::vector<Index> missed_, missed_at_;
  RowMatrix<Scalar> scratch_;
  std::uint64_t uses_ = 0, lookups_ = 0, hits_ = 0;
};

}  // namespace see
