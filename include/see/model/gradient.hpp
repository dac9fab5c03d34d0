#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/packet_block.hpp"

namespace see {

/// A trainable matrix of a layer, to be changed in place by an optimizer.
template <class Scalar>
struct Parameter {
  int number;                   ///< which part of a Gradient belongs to it
  std::string name;             ///< "inventory.0", "gains", ...
  RowMatrixMap<Scalar> values;  ///< valid until the layer is changed otherwise, copied or destroyed
};

/// A sparse gradient of a rows x cols matrix: the rows touched since the last zero(), and their
/// sums. A matrix of at most 2^16 numbers has memory for all of its rows, each at its own place; a
/// larger one for as many as were ever touched at a time, in the order of their first touch, and 4
/// bytes for each other one.
template <class Scalar>
class SparseRows {
 public:
  SparseRows(Index rows, Index cols)
      : cols_(cols),
        is_small_(rows * cols <= (Index{1} << 16)),
        places_(static_cast<std::size_t>(rows), -1) {
    if (!is_small_) return;
    values_.resize(static_cast<std::size_t>(rows * cols), Scalar(0));
    touched_.resize(static_cast<std::size_t>(rows) + 1);
  }

  Index rows() const noexcept { return static_cast<Index>(places_.size()); }
  Index cols() const noexcept { return cols_; }

  /// The numbers of the touched rows, in the order of their first touch; valid until the next
  /// touch() or zero().
  std::span<const Index> touched() const noexcept { return {touched_.data(), count_}; }

  /// Row touched()[i] of the gradient.
  Eigen::Map<const Eigen::RowVector<Scalar, Eigen::Dynamic>> row(std::size_t i) const noexcept {
    return {values_.data() + place_at(i) * cols_, cols_};
  }

  /// Makes sure that `row` is there, with zeros if it was not, and returns its place, for data().
  /// May move the other rows, but not their places.
  Index touch(Index row) {
    std::int32_t& place = places_[static_cast<std::size_t>(row)];
    if (is_small_) {  // without a branch: whether a row is new is hard to guess
      touched_[count_] = row;
      count_ += static_cast<std::size_t>(place < 0);
      place = static_cast<std::int32_t>(row);
      return row;
    }
    if (place < 0) {
      values_.resize(values_.size() + static_cast<std::size_t>(cols_), Scalar(0));
      touched_.push_back(row);
      place = static_cast<std::int32_t>(count_++);
    }
    return place;
  }

  /// Prefetches what touch(row) to touch(row + count - 1) read.
  void prefetch(Index row, Index count) const noexcept {
    kernel::prefetch(places_.data() + row, count * Index(sizeof(std::int32_t)));
  }

  /// The numbers of the touched row at `place`, to add to; valid until the next touch() or zero().
  Scalar* data(Index place) noexcept { return values_.data() + place * cols_; }

  /// The numbers of a touched row, to add to; valid until the next touch() or zero().
  Scalar* at(Index row) noexcept { return data(place_of(row)); }

  /// Adds another gradient of the same matrix. Throws where it is of another size.
  void add(const SparseRows& other) {
    detail::require(other.rows() == rows() && other.cols() == cols_, "adding a gradient of ",
                    other.rows(), " x ", other.cols(), ", needed ", rows(), " x ", cols_);
    touch_all(other);
    add_touched(other, 0, 1);
  }

  /// Touches all rows that `other`, of the same size, has.
  void touch_all(const SparseRows& other) {
    if (count_ == places_.size()) return;
    for (const Index row : other.touched()) touch(row);
  }

  /// Adds slice `slice` of `slices` of the rows of `other`, of the same size, all of which are
  /// touched here. Calls for several slices may run at once.
  void add_touched(const SparseRows& other, std::size_t slice, std::size_t slices) noexcept {
    const std::size_t all = is_dense() ? places_.size() : count_;
    const std::size_t first = all * slice / slices, last = all * (slice + 1) / slices;
    if (is_dense()) {  // what is not touched is zero
      const Index from = static_cast<Index>(first) * cols_;
      return kernel::add_scaled(data(0) + from, Scalar(1), other.values_.data() + from,
                                static_cast<Index>(last - first) * cols_);
    }
    for (std::size_t i = first; i < last; ++i)
      if (const Index from = other.place_of(touched_[i]); from >= 0)
        kernel::add_scaled(data(place_at(i)), Scalar(1), other.values_.data() + from * cols_,
                           cols_);
  }

  /// Forgets all rows. O(touched rows).
  void zero() noexcept {
    if (is_dense()) {
      std::ranges::fill(places_, -1);
      std::ranges::fill(values_, Scalar(0));
    } else {
      for (const Index row : touched()) {
        if (is_small_) std::fill_n(at(row), cols_, Scalar(0));
        places_[static_cast<std::size_t>(row)] = -1;
      }
    }
    count_ = 0;
    if (is_small_) return;
    touched_.clear();
    values_.clear();
  }

  /// The whole gradient, untouched rows zero.
  RowMatrix<Scalar> to_dense() const {
    RowMatrix<Scalar> dense = RowMatrix<Scalar>::Zero(rows(), cols_);
    for (std::size_t i = 0; i < count_; ++i) dense.row(touched_[i]) = row(i);
    return dense;
  }

 private:
  /// Whether to go over all rows takes less than to go over those that are touched.
  bool is_dense() const noexcept {
    const auto cols = static_cast<std::size_t>(cols_);
    return is_small_ && places_.size() * cols <= count_ * (cols + 64);
  }

  /// The place of row touched()[i].
  Index place_at(std::size_t i) const noexcept {
    return is_small_ ? touched_[i] : static_cast<Index>(i);
  }
  Index place_of(Index row) const noexcept { return places_[static_cast<std::size_t>(row)]; }

  Index cols_;
  bool is_small_;
  std::size_t count_ = 0;             // of touched rows
  std::vector<std::int32_t> places_;  // row -> its place, -1 where untouched
  std::vector<Index> touched_;
  std::vector<Scalar> values_;
};

/// The sparse gradients of a layer's parameters, one part for each; several may be filled at once
/// by threads that share the layer, and added up. Reused through zero(), it allocates nothing once
/// it has held as many rows.
template <class Scalar>
class Gradient {
 public:
  /// Zero gradients for a layer with parameter_shapes().
  template <class Layer>
  requires requires(const Layer& layer) { layer.parameter_shapes(); }
  explicit Gradient(const Layer& layer) {
    for (const auto& [rows, cols] : layer.parameter_shapes()) parts_.emplace_back(rows, cols);
  }

  SparseRows<Scalar>& operator[](int number) noexcept {
    return parts_[static_cast<std::size_t>(number)];
  }
  const SparseRows<Scalar>& operator[](int number) const noexcept {
    return parts_[static_cast<std::size_t>(number)];
  }
  int size() const noexcept { return static_cast<int>(parts_.size()); }

  /// Throws unless the parts have the given rows and columns. O(parts).
  void check_form(std::span<const std::pair<Index, Index>> shapes) const {
    detail::require(parts_.size() == shapes.size(), "a gradient of ", parts_.size(),
                    " parts, needed ", shapes.size());
    for (std::size_t i = 0; i < shapes.size(); ++i)
      detail::require(parts_[i].rows() == shapes[i].first && parts_[i].cols() == shapes[i].second,
                      "part ", i, " of a gradient is ", parts_[i].rows(), " x ", parts_[i].cols(),
                      ", needed ", shapes[i].first, " x ", shapes[i].second);
  }

  void zero() noexcept {
    for (auto& part : parts_) part.zero();
  }

  /// Throws, and adds nothing, where `other` belongs to a layer of another form.
  void add(const Gradient& other) {
    std::vector<std::pair<Index, Index>> shapes;
    for (const auto& part : parts_) shapes.emplace_back(part.rows(), part.cols());
    other.check_form(shapes);
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].add(other.parts_[i]);
  }

  /// Adds a sum over rows 0 to n - 1 of a batch: body(first, last, into) adds what the rows from
  /// first to last - 1 contribute to `into`, a gradient of this form. Ranges of rows, which depend
  /// on n and the sizes of the parts alone, are summed apart, and their sums added in order, so the
  /// result has the same bits for any executor. Where body throws, adds nothing of a batch of more
  /// than one range.
  ///
  /// A range has 1,024 rows or more, and so many that adding up costs little beside summing; there
  /// are at most 16. A batch of one range goes straight into this gradient. Memory: a gradient a
  /// range, kept for the next call.
  template <class Body>
  void add_ranges(const Executor& run, Index n, const Body& body) {
    Index size = 0;
    for (const auto& part : parts_) size += part.rows() * part.cols();
    const Index grain = std::max({Index{1024}, (n + 15) / 16, std::min(size / 32, (n + 3) / 4)});
    if (n <= grain) return body(Index{0}, n, *this);
    const Index count = (n + grain - 1) / grain;
    while (std::ssize(ranges_) < count) {
      Gradient added;
      for (const auto& part : parts_) added.parts_.emplace_back(part.rows(), part.cols());
      ranges_.push_back(std::move(added));
    }
    // By reference, so that the executor's std::function needs no memory.
    const auto sum = [&](std::size_t range) {
      const Index first = static_cast<Index>(range) * grain;
      ranges_[range].zero();
      body(first, std::min(n, first + grain), ranges_[range]);
    };
    run(static_cast<std::size_t>(count), std::ref(sum));
    for (std::size_t p = 0; p < parts_.size(); ++p)
      for (Index range = 0; range < count; ++range)
        parts_[p].touch_all(ranges_[static_cast<std::size_t>(range)].parts_[p]);
    constexpr std::size_t slices = 16;
    const auto reduce = [&](std::size_t slice) {
      for (std::size_t p = 0; p < parts_.size(); ++p)
        for (Index range = 0; range < count; ++range)
          parts_[p].add_touched(ranges_[static_cast<std::size_t>(range)].parts_[p], slice, slices);
    };
    run(slices, std::ref(reduce));
  }

 private:
  Gradient() = default;

  std::vector<SparseRows<Scalar>> parts_;
  std::vector<Gradient> ranges_;  // scratch of add_ranges
};

}  // namespace see
