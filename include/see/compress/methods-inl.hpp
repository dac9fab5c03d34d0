#pragma once

#include <array>
#include <string>

#include "see/compress/baseline/block_codes_method.hpp"
#include "see/compress/baseline/low_rank_method.hpp"
#include "see/compress/baseline/principal_codes_method.hpp"
#include "see/compress/baseline/product_codes_method.hpp"
#include "see/compress/baseline/tensor_train_method.hpp"
#include "see/compress/baseline/word2ketxs_method.hpp"
#include "see/compress/induced/induced_method.hpp"
#include "see/compress/knowledge/knowledge_method.hpp"
#include "see/compress/knowledge/sense_products.hpp"
#include "see/compress/methods.hpp"
#include "see/compress/plan/auto_method.hpp"
#include "see/compress/trellis/trellis_method.hpp"
#include "see/error.hpp"

namespace see {

namespace detail {

inline constexpr std::array methods{
    auto_method,   trellis_method,      induced_method, see_method,        hybrid_method,
    senses_method, senses_coded_method, int8_method,    int4_method,       svd_method,
    tt_method,     pq_method,           pca_method,     word2ketxs_method,
};

}  // namespace detail

SEE_INLINE std::span<const Method> compress_methods() { return detail::methods; }

SEE_INLINE const Method& compress_method(std::string_view name) {
  std::string names;
  for (const Method& method : detail::methods) {
    if (method.name == name) return method;
    names += (names.empty() ? "" : ", ") + std::string(method.name);
  }
  detail::fail("method \"", name, "\", needed one of ", names);
}

}  // namespace see
