#pragma once

#include <span>
#include <string_view>

#include "see/core/types.hpp"
#include "see/model/row_codes.hpp"

namespace see::detail {

/// Rows of zeros that stand for the codes of a model which is still to be coded.
class PlannedCodes final : public RowCodes {
 public:
  PlannedCodes(Index rows, Index dim) : RowCodes(rows, dim) {}

  std::string_view kind() const noexcept override { return "planned"; }

  using RowCodes::write_rows;
  void write_rows(std::span<const Index>, RowMatrixRef<float> out) const override { out.setZero(); }
};

}  // namespace see::detail
