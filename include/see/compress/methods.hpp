#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "see/compress/baseline/block_codes_method.hpp"
#include "see/compress/baseline/low_rank_method.hpp"
#include "see/compress/baseline/principal_codes_method.hpp"
#include "see/compress/baseline/product_codes_method.hpp"
#include "see/compress/baseline/tensor_train_method.hpp"
#include "see/compress/baseline/word2ketxs_method.hpp"
#include "see/compress/induced/induced_method.hpp"
#include "see/compress/knowledge/knowledge_method.hpp"
#include "see/compress/plan/auto_method.hpp"
#include "see/compress/plan/method.hpp"
#include "see/compress/trellis/trellis_method.hpp"
#include "see/error.hpp"

namespace see {

namespace detail {

inline constexpr std::array methods{
    auto_method, trellis_method, induced_method, see_method, hybrid_method, int8_method,
    int4_method, svd_method,     tt_method,      pq_method,  pca_method,    word2ketxs_method,
};

}  // namespace detail

/// All that CompressOptions::method may name, `auto` first.
inline std::span<const Method> compress_methods() { return detail::methods; }

/// Throws where there is no method of this name, and lists those that there are.
inline const Method& compress_method(std::string_view name) {
  std::string names;
  for (const Method& method : detail::methods) {
    if (method.name == name) return method;
    names += (names.empty() ? "" : ", ") + std::string(method.name);
  }
  detail::fail("method \"", name, "\", needed one of ", names);
}

}  // namespace see
