#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "see/compress/baseline/codes_method.hpp"
#include "see/compress/baseline/word2ketxs.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/method.hpp"
#include "see/core/table.hpp"
#include "see/model/builders.hpp"
#include "see/model/model.hpp"

/// Method word2ketxs.
namespace see::detail {

inline Model<float> fit_word2ketxs_model(const FitRequest& request) {
  const Table& table = request.table;
  const std::uint64_t seed = request.options.seed;
  const auto model_of = [&](EntangledEmbedding<float> layer) {
    return Model<float>{
        std::move(layer), table.words(), fit_notes(request.method, seed), {}, Precision::f16};
  };
  const auto bytes_of = [&](Index rank) {
    return model_bytes(model_of(make_word2ketxs<float>(table.rows(), table.dim(), 2, rank))).total;
  };
  require_budget(table, request.method, request.budget, bytes_of(1));
  const Shape shape = Shape::balanced(table.dim(), 2);
  const auto base = static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(table.rows()))));
  const Index bytes = 2 * base * (shape.factor_dim(0) + shape.factor_dim(1));  // of a product
  const Index most =
      std::min({static_cast<Index>(request.budget / static_cast<std::uint64_t>(bytes)),
                base * shape.factor_dim(0), Index{16384}});
  const Index rank = largest(most, [&](Index some) { return bytes_of(some) <= request.budget; });
  return model_of(fit_word2ketxs(table, rank, seed, request.options.run,
                                 [&](double share) { request.report("fitting", share); }));
}

inline constexpr Method word2ketxs_method{
    .name = "word2ketxs",
    .help = "word2ketXS of order 2: factors chosen by the digits of a row's number",
    .seed = true,
    .least = 1e-9,
    .most = 1e9,
    .fit = fit_word2ketxs_model,
};

}  // namespace see::detail
