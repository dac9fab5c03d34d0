#pragma once

#include <cmath>
#include <concepts>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "see/core/random.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"

/// Fresh layers, to be trained or fitted, for the systems that the sum of product states covers.
namespace see {

/// What a fresh layer may have beside its factors.
struct BuildOptions {
  double deviation = 1;               ///< of an entry of a row, before LayerNorm
  GainScope gains = GainScope::none;  ///< start at 1
  bool layer_norm = false;            ///< MorphTE's
  std::optional<Index> padding_idx = {};
  std::uint64_t seed = 1;
};

namespace detail {

/// The standard deviation of independent zero-mean factor entries at which a sum of `terms`
/// products of `order` factors has entries of the given deviation: (deviation^2 / terms)^(1 / (2
/// order)).
inline double factor_deviation(double deviation, double terms, int order) {
  return std::pow(deviation * deviation / std::max(1.0, terms), 1 / (2.0 * order));
}

}  // namespace detail

/// Parts for any lexicon: one inventory of normal numbers for each that its slots name, units of
/// `vectors` vectors (m). Throws where slots of different dimension share an inventory, or one is
/// named by no slot.
template <std::floating_point Scalar = float>
EmbeddingParts<Scalar> make_parts(const Shape& shape, Lexicon lexicon, Index vectors,
                                  const BuildOptions& options = {}) {
  const SlotTable& table = lexicon.table();
  detail::require(lexicon.order() == shape.order(), "a lexicon of order ", lexicon.order(),
                  ", needed the shape's ", shape.order());
  std::vector<Index> dims(table.sizes.size(), 0);
  for (Index row = 0; row < table.rows(); ++row)
    for (int j = 0; j < table.order; ++j) {
      Index& dim = dims[static_cast<std::size_t>(table.inventory(row, j))];
      detail::require(dim == 0 || dim == shape.factor_dim(j), "an inventory shared by slots of ",
                      dim, " and ", shape.factor_dim(j), " numbers, needed equal dimensions");
      dim = shape.factor_dim(j);
    }
  EmbeddingParts<Scalar> parts;
  parts.shape = shape;
  const double words = static_cast<double>(std::max<Index>(1, lexicon.words()));
  const double terms = static_cast<double>(lexicon.senses() * vectors) / words;
  const double deviation = detail::factor_deviation(options.deviation, terms, shape.order());
  Random random(options.seed);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    detail::require(dims[i] > 0, "inventory ", i, " is named by no slot");
    parts.inventories.push_back(
        Inventory<Scalar>::normal(table.sizes[i], vectors, dims[i], deviation, random));
  }
  parts.lexicon = std::move(lexicon);
  parts.gain_scope = options.gains;
  Index gains = options.gains == GainScope::sense ? parts.lexicon.senses() : 0;
  if (options.gains == GainScope::term)
    for (Index w = 0; w < parts.lexicon.words(); ++w)
      gains = std::max(gains, parts.lexicon.rank(w));
  parts.gains = std::vector<Scalar>(static_cast<std::size_t>(gains), Scalar(1));
  if (options.layer_norm) parts.layer_norm = LayerNorm<Scalar>::identity(shape.width());
  parts.padding_idx = options.padding_idx;
  return parts;
}

/// SEE (arXiv 2412.12204): any lexicon of senses; a word's rank is its number of senses. Slots that
/// share an inventory need equal factor dimensions (Shape::cube). Throws as make_parts() does.
template <std::floating_point Scalar = float>
EntangledEmbedding<Scalar> make_see(const Shape& shape, Lexicon lexicon, Index vectors = 1,
                                    const BuildOptions& options = {}) {
  return EntangledEmbedding<Scalar>(
      make_parts<Scalar>(shape, std::move(lexicon), vectors, options));
}

/// MorphTE (arXiv 2210.15379): one sense a word, made of the word's `order` morphemes, each with
/// `rank` vectors. `morphemes` holds words x order unit numbers below `units`, shared by all slots.
template <std::floating_point Scalar = float>
EntangledEmbedding<Scalar> make_morphte(Index width, int order, Index units,
                                        std::span<const Index> morphemes, Index rank,
                                        const BuildOptions& options = {.layer_norm = true}) {
  const Shape shape = Shape::cube(width, order);
  detail::require(morphemes.size() % static_cast<std::size_t>(order) == 0, morphemes.size(),
                  " morphemes, needed a multiple of the order ", order);
  const std::vector<Index> ranks(morphemes.size() / static_cast<std::size_t>(order), 1);
  Lexicon lexicon(SlotTable::shared(order, units), ranks, morphemes);
  return make_see<Scalar>(shape, std::move(lexicon), rank, options);
}

/// word2ket (arXiv 1911.04975): `rank` products a word, of factors that no other word uses.
template <std::floating_point Scalar = float>
EntangledEmbedding<Scalar> make_word2ket(Index words, Index width, int order, Index rank,
                                         const BuildOptions& options = {.layer_norm = true}) {
  detail::require(words >= 1 && rank >= 1, words, " words of rank ", rank,
                  ", needed positive numbers");
  const Shape shape = Shape::balanced(width, order);
  const std::vector<Index> sizes(static_cast<std::size_t>(order), words * rank);
  return EntangledEmbedding<Scalar>(make_parts<Scalar>(
      shape,
      Lexicon::implicit(IndexKind::own, SlotTable::per_slot(sizes), words, std::span(&rank, 1)), 1,
      options));
}

/// word2ketXS (arXiv 1911.04975): `rank` products, of factors that the digits of the word's number
/// choose; ceil(words^(1/order)) vectors for each slot of each of the products, and no index.
template <std::floating_point Scalar = float>
EntangledEmbedding<Scalar> make_word2ketxs(Index words, Index width, int order, Index rank,
                                           const BuildOptions& options = {}) {
  detail::require(words >= 1 && rank >= 1, words, " words of rank ", rank,
                  ", needed positive numbers");
  const Shape shape = Shape::balanced(width, order);
  Index base = 1;
  while (std::pow(static_cast<double>(base), order) < static_cast<double>(words)) ++base;
  SlotTable table{order, std::vector<Index>(static_cast<std::size_t>(rank * order), base), {}};
  for (int i = 0; i < static_cast<int>(rank) * order; ++i) table.slots.push_back(i);
  return EntangledEmbedding<Scalar>(make_parts<Scalar>(
      shape, Lexicon::implicit(IndexKind::digits, std::move(table), words, std::span(&rank, 1)), 1,
      options));
}

}  // namespace see
