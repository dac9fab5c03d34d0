#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// A trainable matrix of a layer, to be changed in place by an optimizer.
template <class Scalar>
struct Parameter {
  int number;                   ///< which part of a Gradient belongs to it
  std::string name;             ///< "inventory.0", "gains", ...
  RowMatrixMap<Scalar> values;  ///< valid until the layer is changed otherwise, copied or destroyed
};

/// A sparse gradient of a rows x cols matrix: the rows touched since the last zero(), and their
/// sums.
template <class Scalar>
class SparseRows {
 public:
  SparseRows(Index rows, Index cols) : cols_(cols), slots_(static_cast<std::size_t>(rows), -1) {}

  Index rows() const noexcept { return static_cast<Index>(slots_.size()); }
  Index cols() const noexcept { return cols_; }

  /// The numbers of the touched rows, in the order of their first touch.
  const std::vector<Index>& touched() const noexcept { return touched_; }

  /// Row touched()[i] of the gradient.
  Eigen::Map<const Eigen::RowVector<Scalar, Eigen::Dynamic>> row(std::size_t i) const noexcept {
    return {values_.data() + static_cast<Index>(i) * cols_, cols_};
  }

  /// Makes sure that `row` is there, with zeros if it was not. May move the other rows.
  void touch(Index row) {
    Index& slot = slots_[static_cast<std::size_t>(row)];
    if (slot >= 0) return;
    slot = static_cast<Index>(touched_.size());
    touched_.push_back(row);
    values_.resize(values_.size() + static_cast<std::size_t>(cols_), Scalar(0));
  }

  /// The numbers of a touched row, to add to; valid until the next touch() or zero().
  Scalar* at(Index row) noexcept {
    return values_.data() + slots_[static_cast<std::size_t>(row)] * cols_;
  }

  /// Adds another gradient of the same matrix. Throws where it is of another size.
  void add(const SparseRows& other) {
    detail::require(other.rows() == rows() && other.cols() == cols_, "adding a gradient of ",
                    other.rows(), " x ", other.cols(), ", needed ", rows(), " x ", cols_);
    for (std::size_t i = 0; i < other.touched_.size(); ++i) {
      touch(other.touched_[i]);
      Eigen::Map<Eigen::RowVector<Scalar, Eigen::Dynamic>>(at(other.touched_[i]), cols_) +=
          other.row(i);
    }
  }

  /// Forgets all rows. O(touched rows).
  void zero() noexcept {
    for (const Index row : touched_) slots_[static_cast<std::size_t>(row)] = -1;
    touched_.clear();
    values_.clear();
  }

  /// The whole gradient, untouched rows zero.
  RowMatrix<Scalar> to_dense() const {
    RowMatrix<Scalar> dense = RowMatrix<Scalar>::Zero(rows(), cols_);
    for (std::size_t i = 0; i < touched_.size(); ++i) dense.row(touched_[i]) = row(i);
    return dense;
  }

 private:
  Index cols_;
  std::vector<Index> slots_;  // row -> its place in touched_, -1 where untouched
  std::vector<Index> touched_;
  std::vector<Scalar> values_;
};

/// The sparse gradients of a layer's parameters, one part for each; several may be filled at once
/// by threads that share the layer, and added up.
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
  void check_form(const std::vector<std::pair<Index, Index>>& shapes) const {
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

 private:
  std::vector<SparseRows<Scalar>> parts_;
};

}  // namespace see
