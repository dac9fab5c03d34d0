#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <ostream>
#include <type_traits>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/random.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/kernel/packet.hpp"
#include "see/kernel/widen.hpp"

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

  /// Prints the vectors, one a line.
  friend std::ostream& operator<<(std::ostream& out, const Sememe& sememe) {
    return out << sememe.vectors();
  }

 private:
  Scalar* values_;
  Index rank_;
  Index dim_;
};

/// The units that a slot draws from, all of m vectors of q numbers, one after another in memory:
/// unit u is the numbers u*m*q to (u+1)*m*q - 1. Owned, or mapped from a file; as Scalar or in a
/// narrower Storage, from which units are widened as they are read.
///
/// Invariant: there are size() * rank() * dim() numbers, rank() >= 1, dim() >= 1.
template <std::floating_point Scalar>
class Inventory {
 public:
  /// `size` units of zeros. Throws unless size >= 0, rank >= 1 and dim >= 1.
  Inventory(Index size, Index rank, Index dim)
      : Inventory(Array<Scalar>(elements(size, rank, dim)), size, rank, dim) {}

  /// Adopts values. Throws where their number does not fit.
  Inventory(Array<Scalar> values, Index size, Index rank, Index dim)
      : values_(std::move(values)), size_(size), rank_(rank), dim_(dim) {
    check_count(values_.size());
  }

  /// Adopts numbers in Storage::f16 or bf16. Throws where their number does not fit.
  Inventory(Storage storage, Array<std::uint16_t> halves, Index size, Index rank, Index dim)
      : storage_(storage), halves_(std::move(halves)), size_(size), rank_(rank), dim_(dim) {
    detail::require(storage == Storage::f16 || storage == Storage::bf16,
                    "16-bit numbers of an inventory, needed storage f16 or bf16");
    check_count(halves_.size());
  }

  /// Adopts numbers in Storage::i8. Throws where the codes or scales (int8_scales(m * q) a unit)
  /// are not as many as needed.
  Inventory(Array<std::int8_t> codes, Array<std::uint16_t> scales, Index size, Index rank,
            Index dim)
      : storage_(Storage::i8),
        halves_(std::move(scales)),
        codes_(std::move(codes)),
        size_(size),
        rank_(rank),
        dim_(dim) {
    check_count(codes_.size());
    const auto needed = size == 0
                            ? std::size_t{0}
                            : static_cast<std::size_t>(size * detail::int8_scales(rank * dim));
    detail::require(halves_.size() == needed, "an inventory of ", size, " units of ", rank, " x ",
                    dim, " in int8 needs ", needed, " scales, not ", halves_.size());
  }

  /// Units written out, each as its m * q numbers: `of({{1, 0}, {0.5, 2}})` has two units of one
  /// vector of two numbers. Throws where there is no unit, they differ in length or rank does not
  /// divide it.
  static Inventory of(std::initializer_list<std::initializer_list<Scalar>> units, Index rank = 1) {
    std::vector<Scalar> values;
    const Index length = units.size() == 0 ? 0 : std::ssize(*units.begin());
    for (const auto& unit : units) {
      detail::require(std::ssize(unit) == length && rank >= 1 && length % rank == 0,
                      "Inventory::of: a unit of ", unit.size(), " numbers, needed ", length, " in ",
                      rank, " vectors");
      values.insert(values.end(), unit.begin(), unit.end());
    }
    return {std::move(values), std::ssize(units), rank, length / std::max<Index>(1, rank)};
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
  Storage storage() const noexcept { return storage_; }

  /// All numbers. Throws where the storage is not native.
  const Array<Scalar>& values() const {
    detail::require(storage_ == Storage::native,
                    "the numbers of an inventory in narrow storage, needed storage native");
    return values_;
  }

  /// What is stored where the storage is f16, bf16 (numbers) or i8 (scales), else nothing.
  const Array<std::uint16_t>& halves() const noexcept { return halves_; }
  /// The codes where the storage is i8, else nothing.
  const Array<std::int8_t>& codes() const noexcept { return codes_; }

  /// The numbers for writing, after a change to native storage where it is another. O(size).
  Scalar* mutate() {
    if (storage_ != Storage::native) *this = stored_as(Storage::native);
    narrow_.reset();
    return values_.mutate();
  }

  /// Unit `u`, 0 <= u < size(), of an inventory in native storage; the view is valid while this
  /// inventory's numbers are.
  Sememe<const Scalar> operator[](Index u) const noexcept {
    eigen_assert(storage_ == Storage::native);
    return {values_.data() + u * rank_ * dim_, rank_, dim_};
  }
  Sememe<Scalar> mutate(Index u) { return {mutate() + u * rank_ * dim_, rank_, dim_}; }

  /// Writes the m * q numbers of unit `u` to `out`, from any storage.
  void read(Index u, Scalar* out) const noexcept {
    const Index length = rank_ * dim_;
    switch (storage_) {
      case Storage::native:
        std::copy_n(values_.data() + u * length, length, out);
        return;
      case Storage::i8:
        kernel::widen(codes_.data() + u * length, halves_.data() + u * detail::int8_scales(length),
                      length, out);
        return;
      default:
        kernel::widen(storage_, halves_.data() + u * length, length, out);
    }
  }

  /// Prefetches unit `u`.
  void prefetch(Index u) const noexcept {
    const Index length = rank_ * dim_;
    if (storage_ == Storage::native) {
      kernel::prefetch(values_.data() + u * length, length * Index(sizeof(Scalar)));
    } else if (storage_ == Storage::i8) {
      kernel::prefetch(codes_.data() + u * length, length);
      kernel::prefetch(halves_.data() + u * detail::int8_scales(length),
                       2 * detail::int8_scales(length));
    } else {
      kernel::prefetch(halves_.data() + u * length, 2 * length);
    }
  }

  /// The same units in another storage, rounded to nearest; itself where it has that storage.
  /// Throws where a number is too large for it. What was widened from a storage and not written to
  /// since goes back to it bit for bit.
  Inventory stored_as(Storage storage) const {
    if (storage == storage_) return *this;
    if (narrow_ && narrow_->storage() == storage) return *narrow_;
    if (storage_ != Storage::native) {
      Inventory wide(size_, rank_, dim_);
      Scalar* to = wide.values_.mutate();
      for (Index u = 0; u < size_; ++u) read(u, to + u * rank_ * dim_);
      wide.narrow_ = std::make_shared<const Inventory>(*this);
      return wide.stored_as(storage);
    }
    if (storage == Storage::f16) return rounded<Eigen::half>(storage);
    if (storage == Storage::bf16) return rounded<Eigen::bfloat16>(storage);
    return in_blocks();
  }

  template <std::floating_point Other>
  Inventory<Other> cast() const {
    if constexpr (std::is_same_v<Scalar, Other>) {
      return *this;
    } else {
      if (storage_ == Storage::i8) return {codes_, halves_, size_, rank_, dim_};
      if (storage_ != Storage::native) return {storage_, halves_, size_, rank_, dim_};
      return {Array<Other>(std::vector<Other>(values_.begin(), values_.end())), size_, rank_, dim_};
    }
  }

 private:
  static std::size_t elements(Index size, Index rank, Index dim) {
    detail::require(size >= 0 && rank >= 1 && dim >= 1, "an inventory of ", size, " units of ",
                    rank, " x ", dim, ", needed a size of 0 or more and positive dimensions");
    return static_cast<std::size_t>(size * rank * dim);
  }

  void check_count(std::size_t count) const {
    detail::require(count == elements(size_, rank_, dim_), "an inventory of ", size_, " units of ",
                    rank_, " x ", dim_, " needs as many numbers, not ", count);
  }

  template <class Half>
  Inventory rounded(Storage storage) const {
    std::vector<std::uint16_t> halves(values_.size());
    for (std::size_t i = 0; i < halves.size(); ++i) {
      const auto half = static_cast<Half>(static_cast<float>(values_[i]));
      detail::require((Eigen::numext::isfinite)(half), "the number ", values_[i],
                      " of an inventory, too large for 16 bits");
      halves[i] = std::bit_cast<std::uint16_t>(half);
    }
    return {storage, std::move(halves), size_, rank_, dim_};
  }

  Inventory in_blocks() const {
    const Index length = rank_ * dim_, blocks = detail::int8_scales(length);
    std::vector<std::int8_t> codes(values_.size());
    std::vector<std::uint16_t> scales(static_cast<std::size_t>(size_ * blocks));
    for (Index u = 0; u < size_; ++u)
      for (Index b = 0; b < blocks; ++b) {
        const Index first = u * length + b * detail::int8_block;
        const Index count = std::min(detail::int8_block, length - b * detail::int8_block);
        const Eigen::Map<const Vector<Scalar>> from(values_.data() + first, count);
        const auto largest = static_cast<float>(from.cwiseAbs().maxCoeff());
        auto scale = static_cast<Eigen::half>(largest / 127.0F * 1.0005F);
        if (static_cast<float>(scale) * 127 < largest)  // where halves lie farther apart
          scale = std::bit_cast<Eigen::half>(
              static_cast<std::uint16_t>(std::bit_cast<std::uint16_t>(scale) + 1));
        detail::require((Eigen::numext::isfinite)(scale), "a number of an inventory near ",
                        from.cwiseAbs().maxCoeff(), ", too large for int8 blocks");
        const float step = static_cast<float>(scale);
        scales[static_cast<std::size_t>(u * blocks + b)] = std::bit_cast<std::uint16_t>(scale);
        for (Index i = 0; i < count; ++i)
          codes[static_cast<std::size_t>(first + i)] =
              step > 0 ? static_cast<std::int8_t>(std::clamp(
                             std::nearbyint(static_cast<float>(from[i]) / step), -127.0F, 127.0F))
                       : std::int8_t{0};
      }
    return {std::move(codes), std::move(scales), size_, rank_, dim_};
  }

  Storage storage_ = Storage::native;
  Array<Scalar> values_;                     // native
  Array<std::uint16_t> halves_;              // f16, bf16: the numbers; i8: the scales
  Array<std::int8_t> codes_;                 // i8
  std::shared_ptr<const Inventory> narrow_;  // what the numbers were widened from, if they were
  Index size_ = 0;
  Index rank_ = 1;
  Index dim_ = 1;
};

}  // namespace see
