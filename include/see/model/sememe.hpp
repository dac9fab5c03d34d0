#pragma once

#include <cmath>
#include <concepts>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/random.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// A basic unit of meaning or form (a sememe or a morpheme): m vectors of q numbers, the rows of a
/// row-major m x q matrix that lies elsewhere, in an Inventory or a mapped file. `Scalar` is const
/// where the unit is read-only.
template <class Scalar>
class Sememe {
 public:
  using Matrix = RowMatrix<std::remove_const_t<Scalar>>;
  using Map = Eigen::Map<std::conditional_t<std::is_const_v<Scalar>, const Matrix, Matrix>>;

  Sememe(Scalar* values, Index rank, Index dim) noexcept
      : values_(values), rank_(rank), dim_(dim) {}

  Index rank() const noexcept { return rank_; }  ///< m, its number of vectors
  Index dim() const noexcept { return dim_; }    ///< q, their length
  Scalar* data() const noexcept { return values_; }
  Map vectors() const noexcept { return {values_, rank_, dim_}; }  ///< m x q

 private:
  Scalar* values_;
  Index rank_;
  Index dim_;
};

/// The units that a slot draws from, all of m vectors of q numbers, one after another in memory:
/// unit u is the numbers u*m*q to (u+1)*m*q - 1. Owned, or mapped from a file.
///
/// Invariant: values().size() == size() * rank() * dim(), rank() >= 1, dim() >= 1.
template <std::floating_point Scalar>
class Inventory {
 public:
  /// `size` units of zeros. Throws unless size >= 0, rank >= 1 and dim >= 1.
  Inventory(Index size, Index rank, Index dim)
      : Inventory(Array<Scalar>(elements(size, rank, dim)), size, rank, dim) {}

  /// Adopts values. Throws where their number does not fit.
  Inventory(Array<Scalar> values, Index size, Index rank, Index dim)
      : values_(std::move(values)), size_(size), rank_(rank), dim_(dim) {
    detail::require(values_.size() == elements(size, rank, dim), "an inventory of ", size,
                    " units of ", rank, " x ", dim, " needs as many numbers, not ", values_.size());
  }

  /// Independent normal numbers of the given standard deviation.
  static Inventory normal(Index size, Index rank, Index dim, double deviation, Random& random) {
    Inventory inventory(size, rank, dim);
    Scalar* values = inventory.mutate();
    for (std::size_t i = 0; i < inventory.values_.size(); ++i)
      values[i] = static_cast<Scalar>(deviation * random.normal());
    return inventory;
  }

  Index size() const noexcept { return size_; }
  Index rank() const noexcept { return rank_; }
  Index dim() const noexcept { return dim_; }
  const Array<Scalar>& values() const noexcept { return values_; }
  Scalar* mutate() { return values_.mutate(); }

  /// Unit `u`, 0 <= u < size(); the view is valid while this inventory's numbers are.
  Sememe<const Scalar> operator[](Index u) const noexcept {
    return {values_.data() + u * rank_ * dim_, rank_, dim_};
  }
  Sememe<Scalar> mutate(Index u) { return {values_.mutate() + u * rank_ * dim_, rank_, dim_}; }

  template <std::floating_point Other>
  Inventory<Other> cast() const {
    if constexpr (std::is_same_v<Scalar, Other>)
      return *this;
    else
      return {Array<Other>(std::vector<Other>(values_.begin(), values_.end())), size_, rank_, dim_};
  }

 private:
  static std::size_t elements(Index size, Index rank, Index dim) {
    detail::require(size >= 0 && rank >= 1 && dim >= 1, "an inventory of ", size, " units of ",
                    rank, " x ", dim, ", needed a size of 0 or more and positive dimensions");
    return static_cast<std::size_t>(size * rank * dim);
  }

  Array<Scalar> values_;
  Index size_ = 0;
  Index rank_ = 1;
  Index dim_ = 1;
};

}  // namespace see
