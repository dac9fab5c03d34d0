#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"
#include "see/model/score_rows.hpp"

/// Inner products of words of an entangled embedding, from their factors where that is exact and
/// cheaper than from their rows.
namespace see {

namespace detail {

/// The products of a word side by side: row t of factors[j] is factor j of product t.
template <class Scalar>
struct WordFactors {
  std::vector<RowMatrix<Scalar>> factors;  // of each slot, products x q_j
  Vector<Scalar> gains;                    // word scale and gain of each product

  template <int Order>
  WordFactors(const EntangledEmbedding<Scalar, Order>& layer, Index w) {
    const EmbeddingParts<Scalar>& parts = layer.parts();
    const Lexicon& lexicon = parts.lexicon;
    Index products = 0;
    for (Index s = 0; s < lexicon.rank(w); ++s)
      products += parts.rank_of_row(lexicon.table().row_of(s));
    for (const Index q : parts.shape.factor_dims()) factors.emplace_back(products, q);
    gains.resize(products);
    const Scalar scale = parts.word_scale.empty() ? Scalar(1) : parts.word_scale(w);
    Index at = 0;
    lexicon.for_senses(w, [&](Index s, const Index* units) {
      const Index row = lexicon.table().row_of(s), m = parts.rank_of_row(row);
      const Scalar gain =
          parts.has_gains() ? parts.gains[static_cast<std::size_t>(parts.gain_number(w, s))] : 1;
      gains.segment(at, m).setConstant(scale * gain);
      for (int j = 0; j < lexicon.order(); ++j)
        layer.inventory(lexicon.table().inventory(row, j))
            .read(units[j], factors[static_cast<std::size_t>(j)].row(at).data());
      at += m;
    });
  }
};

/// sum over pairs of products of g_a g_b prod_j <f_aj, f_bj>
template <class Scalar>
Scalar factored_inner_product(const WordFactors<Scalar>& a, const WordFactors<Scalar>& b) {
  RowMatrix<Scalar> pairs = a.gains * b.gains.transpose();
  for (std::size_t j = 0; j < a.factors.size(); ++j)
    pairs.array() *= (a.factors[j] * b.factors[j].transpose()).array();
  return pairs.sum();
}

/// Whether rows are sums of products as they are, so that inner products can be taken of factors.
template <class Scalar>
bool is_plain_sum(const EmbeddingParts<Scalar>& parts) {
  return !parts.layer_norm && !parts.codes && !parts.basis.has_axes() && !parts.basis.has_mean() &&
         parts.shape.width() == parts.shape.product();
}

/// Whether the factors of two words cost fewer multiply-adds than their rows.
template <class Scalar>
bool factors_are_cheaper(const EmbeddingParts<Scalar>& parts, Index a, Index b) {
  const auto products = [&](Index w) {
    return static_cast<double>(parts.lexicon.rank(w) * parts.rank_of_row(0));
  };
  const std::vector<Index>& dims = parts.shape.factor_dims();
  const auto sum = static_cast<double>(std::accumulate(dims.begin(), dims.end(), Index{0}));
  const auto product = static_cast<double>(parts.shape.product());
  return products(a) * products(b) * sum < (products(a) + products(b)) * product + product;
}

}  // namespace detail

/// <E(a[i]), E(b[i])> for pairs of words, into `out`. Without LayerNorm, codes, basis and cut,
///
///     <E(a), E(b)> = sum_{s, t} g_{a,s} g_{b,t} prod_j <f_{a,s,j}, f_{b,t,j}>
///
/// over the products s of a and t of b, at R(a) R(b) m^2 (q_1 + ... + q_o) multiply-adds; rows are
/// expanded where this does not hold or costs more. The padding row is zero. Throws, and writes
/// nothing, where the sizes differ or an id is no row.
template <std::floating_point Scalar, int Order, IdRange Ids = IdList>
void inner_products(const EntangledEmbedding<Scalar, Order>& layer, const Ids& a, const Ids& b,
                    std::span<Scalar> out) {
  const auto count = static_cast<Index>(out.size()), words = layer.num_embeddings();
  for (const Ids* ids : {&a, &b}) detail::check_batch(*ids, words, count, 1, 1, "inner_products");
  const bool plain = detail::is_plain_sum(layer.parts());
  RowMatrix<Scalar> rows(2, layer.embedding_dim());
  for (std::size_t at = 0; at < out.size(); ++at) {
    const Index pair[] = {static_cast<Index>(detail::id_span(a)[at]),
                          static_cast<Index>(detail::id_span(b)[at])};
    Scalar& product = out[at];
    if (layer.padding_idx() == pair[0] || layer.padding_idx() == pair[1]) {
      product = 0;
    } else if (plain && detail::factors_are_cheaper(layer.parts(), pair[0], pair[1])) {
      product = detail::factored_inner_product(detail::WordFactors<Scalar>(layer, pair[0]),
                                               detail::WordFactors<Scalar>(layer, pair[1]));
    } else {
      layer.forward_unchecked(pair, rows);
      product = rows.row(0).dot(rows.row(1));
    }
  }
}

/// <E(a), E(b)>. Throws where one is no row.
template <std::floating_point Scalar, int Order>
Scalar inner_product(const EntangledEmbedding<Scalar, Order>& layer, Index a, Index b) {
  Scalar product;
  inner_products(layer, std::span<const Index>(&a, 1), std::span<const Index>(&b, 1),
                 std::span<Scalar>(&product, 1));
  return product;
}

/// <E(a), E(b)> / (|E(a)| |E(b)|), as torch::cosine_similarity; 0 where a row is zero. Throws where
/// one is no row.
template <std::floating_point Scalar, int Order>
Scalar cosine_similarity(const EntangledEmbedding<Scalar, Order>& layer, Index a, Index b) {
  const Index left[] = {a, a, b}, right[] = {b, a, b};
  Scalar products[3];
  inner_products(layer, left, right, std::span<Scalar>(products));
  const Scalar norms = std::sqrt(products[1]) * std::sqrt(products[2]);
  return norms > 0 ? std::clamp(products[0] / norms, Scalar(-1), Scalar(1)) : Scalar(0);
}

/// |E(w)| of every word, from rows, a block of 256 at a time.
template <detail::ScoredRows Layer>
std::vector<detail::RowScalar<Layer>> row_norms(const Layer& layer,
                                                const Executor& run = serial()) {
  using Scalar = detail::RowScalar<Layer>;
  std::vector<Scalar> norms(static_cast<std::size_t>(layer.num_embeddings()));
  for_ranges(run, norms.size(), 256, [&](std::size_t first, std::size_t last) {
    std::vector<Index> ids(last - first);
    std::iota(ids.begin(), ids.end(), static_cast<Index>(first));
    RowMatrix<Scalar> rows(static_cast<Index>(ids.size()), layer.embedding_dim());
    layer.forward(std::span<const Index>(ids), rows);
    Eigen::Map<Vector<Scalar>>(norms.data() + first, rows.rows()) = rows.rowwise().stableNorm();
  });
  return norms;
}

}  // namespace see
