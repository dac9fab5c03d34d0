#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "see/codes/block_codes.hpp"
#include "see/compress/baseline/codes_method.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"

/// Methods int8 and int4.
namespace see::detail {

/// Codes a table; O(rows * dim).
template <int Bits>
std::shared_ptr<const BlockCodes<Bits>> fit_block_codes(const Table& table, const Executor& run) {
  const std::span<const float> values = table.values();
  using Codes = BlockCodes<Bits>;
  const auto size = static_cast<std::size_t>(Codes::block(table.dim()));
  const auto count = static_cast<std::size_t>(Codes::blocks(table.rows(), table.dim()));
  const auto levels = static_cast<float>(1 << Bits);
  std::vector<float> wanted(count);
  for_ranges(run, count, 4096, [&](std::size_t first, std::size_t last) {
    for (std::size_t b = first; b < last; ++b) {
      float largest = 0;
      for (const float x : values.subspan(b * size, std::min(size, values.size() - b * size)))
        largest = std::max(largest, std::abs(x));
      // A little more, so that the rounded scale still covers the block.
      wanted[b] = largest / levels * (2 + 1.0F / 512);
    }
  });
  HalfArray scales(std::move(wanted));
  std::vector<std::uint8_t> codes(Codes::code_bytes(table.rows(), table.dim()));
  const auto code = [&](std::size_t k) {
    const float scale = scales[k / size];
    if (!(scale > 0)) return 0U;
    const float level = std::floor(values[k] / scale) + levels / 2;
    return static_cast<unsigned>(std::clamp(level, 0.0F, levels - 1));
  };
  const auto per_byte = static_cast<std::size_t>(8 / Bits);
  for_ranges(run, codes.size(), 1 << 16, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      unsigned byte = code(i * per_byte);
      if (Bits == 4 && 2 * i + 1 < values.size()) byte |= code(2 * i + 1) << 4;
      codes[i] = static_cast<std::uint8_t>(byte);
    }
  });
  return std::make_shared<const Codes>(table.rows(), table.dim(), std::move(scales),
                                       std::move(codes));
}

template <int Bits>
Model<float> fit_block_codes_model(const FitRequest& request) {
  const Table& table = request.table;
  const CodesBudget budget(request, fit_notes(request.method));
  budget.require_room(
      [&](CodesContent& content) { BlockCodes<Bits>::plan(content, table.rows(), table.dim()); });
  request.report("fitting", 0);
  return budget.model(fit_block_codes<Bits>(table, request.options.run));
}

inline constexpr Method int8_method{
    .name = "int8",
    .help = "one byte a number, a scale a row (one size)",
    .any_size = false,
    .least = 0,
    .most = Method::any_magnitude,
    .fit = fit_block_codes_model<8>,
};
inline constexpr Method int4_method{
    .name = "int4",
    .help = "four bits a number, a scale for 32 (one size)",
    .any_size = false,
    .least = 0,
    .most = Method::any_magnitude,
    .fit = fit_block_codes_model<4>,
};

}  // namespace see::detail
