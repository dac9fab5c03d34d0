#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "see/codes/codes_file.hpp"
#include "see/core/bits.hpp"
#include "see/kernel/trellis.hpp"
#include "see/model/trellis_codes.hpp"

/// Trellis codes in a file.
namespace see::detail {

/// The bytes that TrellisParts take in a file.
inline std::uint64_t trellis_bytes(Index rows, Index dim, Index classes, std::uint64_t code_bytes) {
  const auto cells = static_cast<std::uint64_t>(classes) * static_cast<std::uint64_t>(dim);
  const auto id_bits = static_cast<std::uint64_t>(bits_for(static_cast<std::uint64_t>(classes)));
  return packed_bytes(static_cast<std::uint64_t>(rows) * id_bits) +
         packed_bytes(cells * rate_bits) + 2 * cells +
         sizeof(float) * (static_cast<std::uint64_t>(classes) + 1) + code_bytes;
}

inline void store_trellis(const TrellisParts& parts, CodesContent& content) {
  content.note("classes", parts.classes);
  content.note("window_bits", parts.window_bits);
  content.add("row_classes", parts.row_classes.bytes());
  content.add("rates", parts.rates.bytes());
  content.add("sigmas", parts.sigmas);
  content.add("means", parts.means);
  content.add("mean_scales", parts.mean_scales);
  content.add("sigma_scale", Array<float>({parts.sigma_scale}));
  content.add("codes", parts.codes);
}

/// As store_trellis(), but for the numbers.
inline void plan_trellis(Index rows, Index dim, Index classes, std::uint64_t code_bytes,
                         CodesContent& content) {
  const auto packed = [](Index count, int bits) {
    return packed_bytes(static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(bits));
  };
  const Index cells = classes * dim;
  content.note("classes", classes);
  content.note("window_bits", kernel::most_window_bits);  // of two digits, as all but the least
  content.plan_bytes("row_classes", packed(rows, bits_for(static_cast<std::uint64_t>(classes))));
  content.plan_bytes("rates", packed(cells, rate_bits));
  content.plan_bytes("sigmas", static_cast<std::uint64_t>(cells));
  content.plan("means", "I8", {cells});
  content.plan("mean_scales", "F32", {classes});
  content.plan("sigma_scale", "F32", {1});
  content.plan_bytes("codes", code_bytes);
}

inline std::shared_ptr<const RowCodes> read_trellis(const CodesReader& file) {
  TrellisParts parts;
  parts.rows = file.rows();
  parts.dim = file.dim();
  parts.classes = file.number("classes", 1, 65536);
  parts.window_bits = static_cast<int>(
      file.number("window_bits", kernel::least_window_bits, kernel::most_window_bits));
  const Index cells = parts.classes * parts.dim;
  parts.row_classes =
      file.packed("row_classes", parts.rows, bits_for(static_cast<std::uint64_t>(parts.classes)));
  parts.rates = file.packed("rates", cells, rate_bits);
  parts.sigmas = file.array<std::uint8_t>("sigmas", {cells});
  parts.means = file.array<std::int8_t>("means", {cells});
  parts.mean_scales = file.array<float>("mean_scales", {parts.classes});
  parts.sigma_scale = file.array<float>("sigma_scale", {1})[0];
  parts.codes = file.array<std::uint8_t>("codes", {-1});
  return std::make_shared<const TrellisCodes>(std::move(parts));
}

}  // namespace see::detail
