#pragma once

#include <memory>
#include <string_view>

#include "see/codes/block_codes.hpp"
#include "see/codes/codes_file.hpp"
#include "see/codes/low_rank.hpp"
#include "see/codes/principal_codes.hpp"
#include "see/codes/product_codes.hpp"
#include "see/codes/tensor_train.hpp"
#include "see/codes/trellis_file.hpp"
#include "see/error.hpp"
#include "see/model/row_codes.hpp"

namespace see::detail {

/// Reads codes of a kind, RowCodes::kind(). Throws where there is none of this name.
inline std::shared_ptr<const RowCodes> read_codes(std::string_view kind, const CodesReader& file) {
  if (kind == "trellis") return read_trellis(file);
  if (kind == "int8") return Int8Codes::read(file);
  if (kind == "int4") return Int4Codes::read(file);
  if (kind == "svd") return LowRank::read(file);
  if (kind == "tt") return TensorTrain::read(file);
  if (kind == "pq") return ProductCodes::read(file);
  if (kind == "pca") return PrincipalCodes::read(file);
  fail("codes of the kind \"", kind, "\", which this release does not know");
}

/// Adds codes to the content of a file. Throws where their kind is none of those that are read.
inline void store_codes(const RowCodes& codes, CodesContent& content) {
  const std::string_view kind = codes.kind();
  if (kind == "trellis")
    return store_trellis(static_cast<const TrellisCodes&>(codes).parts(), content);
  if (kind == "int8") return static_cast<const Int8Codes&>(codes).store(content);
  if (kind == "int4") return static_cast<const Int4Codes&>(codes).store(content);
  if (kind == "svd") return static_cast<const LowRank&>(codes).store(content);
  if (kind == "tt") return static_cast<const TensorTrain&>(codes).store(content);
  if (kind == "pq") return static_cast<const ProductCodes&>(codes).store(content);
  if (kind == "pca") return static_cast<const PrincipalCodes&>(codes).store(content);
  fail("codes of the kind \"", kind, "\", which this release does not know");
}

}  // namespace see::detail
