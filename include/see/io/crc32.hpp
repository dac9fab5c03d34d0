#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace see::detail {

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

/// tables[k][b] is the remainder of byte b followed by k zero bytes.
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t rest = b;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0xedb88320U : 0U);
    tables[0][b] = rest;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b) {
      const std::uint32_t before = tables[k - 1][b];
      tables[k][b] = (before >> 8) ^ tables[0][before & 0xff];
    }
  return tables;
}

inline constexpr CrcTables crc_tables = make_crc_tables();

/// The CRC-32 of IEEE 802.3 (that of zlib, gzip and PNG) of the bytes whose checksum was `previous`
/// followed by `bytes`, eight bytes a step (slicing-by-8; Kounavis and Berry, ISCC 2005).
inline std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t previous = 0) {
  const auto& tables = crc_tables;
  std::uint32_t rest = ~previous;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  const auto four = [](const unsigned char* p) {
    return std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 |
           std::uint32_t{p[3]} << 24;
  };
  for (; left >= 8; left -= 8, at += 8) {
    const std::uint32_t low = four(at) ^ rest;
    const std::uint32_t high = four(at + 4);
    rest = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
           tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^
           tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
  }
  for (; left > 0; --left, ++at) rest = (rest >> 8) ^ tables[0][(rest ^ *at) & 0xff];
  return ~rest;
}

}  // namespace see::detail
