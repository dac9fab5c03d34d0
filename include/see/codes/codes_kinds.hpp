#pragma once

#include <array>
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

/// A kind of codes in files: RowCodes::kind(), and how it is written and read.
struct CodesKind {
  std::string_view name;
  void (*store)(const RowCodes& codes, CodesContent& content);
  std::shared_ptr<const RowCodes> (*read)(const CodesReader& file);
};

/// The kind of a class of codes with a member store() and a static read().
template <class Codes>
constexpr CodesKind kind_of(std::string_view name) {
  return {
      name,
      [](const RowCodes& codes, CodesContent& content) {
        static_cast<const Codes&>(codes).store(content);
      },
      [](const CodesReader& file) -> std::shared_ptr<const RowCodes> { return Codes::read(file); }};
}

inline constexpr std::array codes_kinds{
    CodesKind{"trellis",
              [](const RowCodes& codes, CodesContent& content) {
                store_trellis(static_cast<const TrellisCodes&>(codes).parts(), content);
              },
              read_trellis},
    kind_of<Int8Codes>("int8"),
    kind_of<Int4Codes>("int4"),
    kind_of<LowRank>("svd"),
    kind_of<TensorTrain>("tt"),
    kind_of<ProductCodes>("pq"),
    kind_of<PrincipalCodes>("pca"),
};

/// Throws where there is no kind of this name.
inline const CodesKind& codes_kind(std::string_view name) {
  for (const CodesKind& kind : codes_kinds)
    if (kind.name == name) return kind;
  fail("codes of the kind \"", name, "\", which this release does not know");
}

}  // namespace see::detail
