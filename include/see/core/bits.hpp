#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {
namespace detail {

/// Bits that tell `count` values apart: ceil(log2(count)), 0 for one value.
constexpr int bits_for(std::uint64_t count) {
  return count <= 1 ? 0 : 64 - std::countl_zero(count - 1);
}

/// Bytes after the last packed bit, so that any field can be read with one 64-bit load.
inline constexpr std::size_t packed_padding = 8;

/// Bytes of a packed sequence of `bits` bits: ceil(bits / 8) + packed_padding; 0 for no bits.
constexpr std::size_t packed_bytes(std::uint64_t bits) {
  return bits == 0 ? 0 : static_cast<std::size_t>((bits + 7) / 8) + packed_padding;
}

/// The 57 bits or more from bit `position` on, least significant first; see read_bits.
inline std::uint64_t read_word(const std::uint8_t* bytes, std::uint64_t position) noexcept {
  static_assert(std::endian::native == std::endian::little, "needed a little-endian machine");
  std::uint64_t word;
  std::memcpy(&word, bytes + (position >> 3), 8);
  return word >> (position & 7);
}

/// The field of `bits` <= 32 bits at bit `position`. Bit p of the sequence is bit p % 8 of byte
/// p / 8 (least significant first), and the first bit of a field is its least significant one.
/// At least 8 bytes from byte position / 8 on must be readable (packed_padding sees to it).
inline std::uint32_t read_bits(const std::uint8_t* bytes, std::uint64_t position,
                               int bits) noexcept {
  return static_cast<std::uint32_t>(read_word(bytes, position) & ((std::uint64_t{1} << bits) - 1));
}

/// Appends bit fields in the order of read_bits.
class BitWriter {
 public:
  /// Appends the low `bits` <= 32 bits of `value`. Throws where value needs more.
  void write(std::uint64_t value, int bits) {
    require(bits >= 0 && bits <= 32 && (value >> bits) == 0, "the value ", value,
            " does not fit into ", bits, " bits");
    const std::size_t first = static_cast<std::size_t>(position_ >> 3);
    const int shift = static_cast<int>(position_ & 7);
    position_ += static_cast<std::uint64_t>(bits);
    bytes_.resize(static_cast<std::size_t>((position_ + 7) / 8));
    std::uint64_t word = value << shift;
    for (std::size_t i = first; word != 0; ++i, word >>= 8)
      bytes_[i] = static_cast<std::uint8_t>(bytes_[i] | (word & 0xff));
  }

  std::uint64_t position() const noexcept { return position_; }

  /// The bytes, padded for read_bits; the writer is empty afterwards.
  Array<std::uint8_t> finish() {
    bytes_.resize(packed_bytes(position_));
    position_ = 0;
    return Array<std::uint8_t>(std::exchange(bytes_, {}));
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::uint64_t position_ = 0;
};

}  // namespace detail

/// A sequence of unsigned numbers of equal width in bits (0 to 32), packed without gaps.
class PackedArray {
 public:
  PackedArray() = default;

  /// Packs `values`, each below 2^bits. Throws where one is not.
  template <class T>
  PackedArray(std::span<const T> values, int bits) : size_(values.size()), bits_(bits) {
    detail::BitWriter writer;
    for (const T value : values) writer.write(static_cast<std::uint64_t>(value), bits);
    bytes_ = writer.finish();
  }

  /// Adopts packed bytes. Throws unless there are exactly detail::packed_bytes(size * bits) of
  /// them.
  PackedArray(Array<std::uint8_t> bytes, std::size_t size, int bits)
      : bytes_(std::move(bytes)), size_(size), bits_(bits) {
    detail::require(bits >= 0 && bits <= 32, "a packed width of ", bits, " bits, needed 0 to 32");
    detail::require(
        bytes_.size() == detail::packed_bytes(std::uint64_t{size} * std::uint64_t(bits)),
        bytes_.size(), " packed bytes, needed ",
        detail::packed_bytes(std::uint64_t{size} * std::uint64_t(bits)), " for ", size,
        " numbers of ", bits, " bits");
  }

  std::size_t size() const noexcept { return size_; }
  int bits() const noexcept { return bits_; }
  const Array<std::uint8_t>& bytes() const noexcept { return bytes_; }
  std::uint32_t operator[](std::size_t i) const noexcept {
    return bits_ == 0
               ? 0
               : detail::read_bits(bytes_.data(), i * static_cast<std::uint64_t>(bits_), bits_);
  }

 private:
  Array<std::uint8_t> bytes_;
  std::size_t size_ = 0;
  int bits_ = 0;
};

}  // namespace see
