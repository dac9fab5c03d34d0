#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "see/model/embedding.hpp"
#include "see/model/trellis_codes.hpp"

/// The equation of EntangledEmbedding written out with naive loops, and random embeddings to hold
/// against it.
namespace oracle {

template <class Scalar>
see::Vector<Scalar> kron(const see::Vector<Scalar>& a, const see::Vector<Scalar>& b) {
  see::Vector<Scalar> c(a.size() * b.size());
  for (see::Index i = 0; i < a.size(); ++i)
    for (see::Index j = 0; j < b.size(); ++j) c[i * b.size() + j] = a[i] * b[j];
  return c;
}

/// E(w), by the definition.
template <class Scalar>
see::Vector<Scalar> row(const see::EmbeddingParts<Scalar>& parts, see::Index w) {
  using see::Index;
  const see::Shape& shape = parts.shape;
  const Index d = parts.embedding_dim();
  see::Vector<Scalar> z = see::Vector<Scalar>::Zero(shape.product());
  for (Index s = 0; s < parts.lexicon.rank(w); ++s) {
    Index units[see::max_order];
    parts.lexicon.units(w, s, units);
    const Index slots = parts.lexicon.table().row_of(s);
    const Scalar gain = parts.has_gains() ? parts.gains[std::size_t(parts.gain_number(w, s))] : 1;
    for (Index i = 0; i < parts.rank_of_row(slots); ++i) {
      see::Vector<Scalar> product = see::Vector<Scalar>::Ones(1);
      for (int j = 0; j < shape.order(); ++j) {
        const auto& inventory =
            parts.inventories[std::size_t(parts.lexicon.table().inventory(slots, j))];
        product = kron<Scalar>(product, inventory[units[j]].vectors().row(i).transpose());
      }
      z += gain * product;
    }
  }
  if (!parts.word_scale.empty()) z *= parts.word_scale(w);
  if (parts.codes) {
    see::RowMatrix<Scalar> coded(1, shape.width());
    parts.codes->write_rows({&w, 1}, coded);
    z.head(shape.width()) += coded.row(0).transpose();
  }
  see::Vector<Scalar> y = see::Vector<Scalar>::Zero(d);
  for (Index k = 0; k < d; ++k) {
    if (parts.basis.has_axes())
      for (Index p = 0; p < shape.width(); ++p)
        y[k] += z[p] * parts.basis.axes[std::size_t(p * d + k)];
    else
      y[k] = z[k];
    if (parts.basis.has_mean()) y[k] += parts.basis.mean[std::size_t(k)];
  }
  if (parts.layer_norm) {
    const auto& norm = *parts.layer_norm;
    const Scalar mean = y.mean();
    Scalar variance = 0;
    for (Index k = 0; k < d; ++k) variance += (y[k] - mean) * (y[k] - mean) / Scalar(d);
    for (Index k = 0; k < d; ++k)
      y[k] =
          (y[k] - mean) / std::sqrt(variance + Scalar(norm.epsilon)) * norm.weight[std::size_t(k)] +
          norm.bias[std::size_t(k)];
  }
  return y;
}

template <class Scalar>
see::Array<Scalar> normal(see::Index size, see::Random& random) {
  std::vector<Scalar> values;
  for (see::Index i = 0; i < size; ++i) values.push_back(Scalar(random.normal()));
  return see::Array<Scalar>(std::move(values));
}

/// Trellis codes of random bits in three classes: of rates 0 to 3, of fewer bits than a window, and
/// of means alone.
inline see::detail::TrellisParts random_residual(see::Index rows, see::Index dim,
                                                 see::Random& random) {
  using see::Index;
  see::detail::TrellisParts parts;
  parts.rows = rows;
  parts.dim = dim;
  parts.classes = 3;
  parts.window_bits = 9;
  parts.sigma_scale = 0.8F;
  parts.mean_scales = {0.004F, 0.002F, 0.006F};
  const auto cells = static_cast<std::size_t>(3 * dim);
  std::vector<std::uint8_t> rates(cells, 0), sigmas(cells, 0), codes;
  std::vector<std::int8_t> means;
  for (std::size_t i = 0; i < cells; ++i)
    means.push_back(std::int8_t(int(random.below(255)) - 127));
  std::uint64_t bits[3] = {0, 0, 0};
  const auto code = [&](std::size_t c, Index t, std::uint8_t rate) {
    rates[c * std::size_t(dim) + std::size_t(t)] = rate;
    sigmas[c * std::size_t(dim) + std::size_t(t)] = std::uint8_t(255 - random.below(60));
    bits[c] += rate;
  };
  int sharing = see::kernel::trellis_columns;
  for (Index t = 0; t < dim; ++t) {
    if (t > 0 && random.below(6) == 0) continue;
    const bool alone = sharing == see::kernel::trellis_columns;
    const auto rate = std::uint8_t(alone ? 1 + random.below(3) : random.below(4));
    sharing = rate > 0 ? 1 : sharing + 1;
    code(0, t, rate);
  }
  code(1, dim / 2, 4);
  std::vector<unsigned> classes;
  std::uint64_t total = 0;
  for (Index w = 0; w < rows; ++w) {
    classes.push_back(unsigned(random.below(3)));
    total += bits[classes.back()];
  }
  codes.resize(see::detail::packed_bytes(total));
  for (std::size_t i = 0; i < (total + 7) / 8; ++i) codes[i] = std::uint8_t(random.below(256));
  if (total % 8 > 0) codes[total / 8] &= std::uint8_t((1 << total % 8) - 1);
  parts.row_classes = see::PackedArray(std::span<const unsigned>(classes), 2);
  parts.rates = see::PackedArray(std::span<const std::uint8_t>(rates), 4);
  parts.sigmas = std::move(sigmas);
  parts.means = std::move(means);
  parts.codes = std::move(codes);
  return parts;
}

/// What a random embedding shall have.
struct Setup {
  std::vector<see::Index> dims{4, 4};
  see::Index width = 0;
  see::Index words = 9;
  see::Index units = 5;
  see::Index rank = 2;     ///< most senses of a word, ragged from 0; 0 with codes: no terms
  see::Index vectors = 1;  ///< m
  bool shared = true;      ///< one inventory for equal slots; else one for each slot and sense
  bool uniform = false;    ///< all words have `rank` senses
  see::GainScope gains = see::GainScope::none;
  bool word_scale = false, mean = false, axes = false, layer_norm = false, residual = false;
  std::uint64_t seed = 1;
};

template <class Scalar>
see::EmbeddingParts<Scalar> random_parts(const Setup& setup) {
  using see::Index;
  see::Random random(setup.seed);
  const int order = static_cast<int>(setup.dims.size());
  see::EmbeddingParts<Scalar> parts;
  parts.shape = see::Shape(setup.dims, setup.width);
  const bool terms = setup.rank > 0 || !setup.residual;
  see::SlotTable table;
  table.order = order;
  std::vector<Index> inventory_dims;
  for (Index row = 0; row < (setup.shared ? 1 : setup.rank); ++row)
    for (int j = 0; j < order; ++j) {
      int found = -1;
      for (std::size_t i = 0; setup.shared && i < inventory_dims.size(); ++i)
        if (inventory_dims[i] == setup.dims[std::size_t(j)]) found = static_cast<int>(i);
      if (found < 0) {
        found = static_cast<int>(inventory_dims.size());
        inventory_dims.push_back(setup.dims[std::size_t(j)]);
        table.sizes.push_back(setup.units + found);
      }
      table.slots.push_back(found);
    }
  for (std::size_t i = 0; i < table.sizes.size(); ++i)
    parts.inventories.push_back(see::Inventory<Scalar>::normal(table.sizes[i], setup.vectors,
                                                               inventory_dims[i], 0.7, random));
  std::vector<Index> ranks, units;
  for (Index w = 0; w < setup.words; ++w) {
    ranks.push_back(setup.uniform ? setup.rank : Index(random.below(std::size_t(setup.rank) + 1)));
    for (Index s = 0; s < ranks.back(); ++s)
      for (int j = 0; j < order; ++j)
        units.push_back(Index(random.below(
            std::size_t(table.sizes[std::size_t(table.inventory(table.row_of(s), j))]))));
  }
  parts.lexicon = see::Lexicon(table, ranks, units);
  if (!terms) {
    parts.shape = see::Shape({parts.shape.width()});
    parts.inventories.clear();
    parts.lexicon = see::Lexicon::without_senses(setup.words);
  }
  parts.gain_scope = setup.gains;
  Index gains = 0;
  if (setup.gains == see::GainScope::sense) gains = parts.lexicon.senses();
  if (setup.gains == see::GainScope::term)
    for (const Index rank : ranks) gains = std::max(gains, rank);
  parts.gains = normal<Scalar>(gains, random);
  if (setup.word_scale) {
    std::vector<unsigned> index;
    for (Index w = 0; w < setup.words; ++w) index.push_back(unsigned(random.below(4)));
    parts.word_scale = {normal<Scalar>(4, random),
                        see::PackedArray(std::span<const unsigned>(index), 2)};
  }
  const Index d = setup.axes ? parts.shape.width() + 3 : parts.shape.width();
  if (setup.axes) parts.basis.axes = normal<Scalar>(parts.shape.width() * d, random);
  if (setup.mean) parts.basis.mean = normal<Scalar>(d, random);
  if (setup.layer_norm)
    parts.layer_norm = see::LayerNorm<Scalar>{normal<Scalar>(d, random), normal<Scalar>(d, random)};
  if (setup.residual)
    parts.codes = std::make_shared<const see::detail::TrellisCodes>(
        random_residual(setup.words, parts.shape.width(), random));
  return parts;
}

/// Setups that between them use every part, for orders 1 to 5.
inline std::vector<Setup> setups() {
  using see::GainScope;
  return {
      {.dims = {7}, .rank = 1, .uniform = true},
      {.dims = {7}, .width = 5, .rank = 3, .vectors = 2, .gains = GainScope::sense},
      {.dims = {10, 10}, .rank = 3, .uniform = true, .gains = GainScope::term},
      {.dims = {3, 5}, .width = 13, .rank = 3, .vectors = 2, .mean = true},
      {.dims = {15, 20}, .rank = 4, .shared = false, .gains = GainScope::term},
      {.dims = {4, 4},
       .rank = 3,
       .uniform = true,
       .gains = GainScope::term,
       .word_scale = true,
       .mean = true,
       .axes = true},
      {.dims = {8, 8, 8}, .rank = 1, .vectors = 7, .uniform = true},
      {.dims = {2, 3, 4},
       .width = 21,
       .rank = 4,
       .vectors = 2,
       .gains = GainScope::sense,
       .layer_norm = true},
      {.dims = {3, 3, 3},
       .rank = 3,
       .shared = false,
       .word_scale = true,
       .axes = true,
       .layer_norm = true},
      {.dims = {3, 4, 3, 4}, .width = 100, .rank = 2, .vectors = 3, .gains = GainScope::sense},
      {.dims = {2, 2, 3, 2, 2}, .rank = 2, .gains = GainScope::sense},
      {.dims = {1, 1, 1}, .rank = 2, .gains = GainScope::sense},
      {.dims = {33, 17}, .words = 70, .units = 40, .rank = 5, .vectors = 1},
      {.dims = {7},
       .width = 5,
       .rank = 3,
       .vectors = 2,
       .gains = GainScope::sense,
       .residual = true},
      {.dims = {3, 6},
       .width = 17,
       .rank = 3,
       .gains = GainScope::term,
       .word_scale = true,
       .mean = true,
       .axes = true,
       .residual = true},
      {.dims = {2, 3, 4},
       .width = 21,
       .rank = 2,
       .shared = false,
       .layer_norm = true,
       .residual = true},
  };
}

/// Setups of codes alone, which have no terms.
inline std::vector<Setup> setups_of_codes() {
  return {
      {.dims = {4, 4}, .rank = 0, .residual = true},
      {.dims = {3, 5},
       .width = 13,
       .rank = 0,
       .mean = true,
       .axes = true,
       .layer_norm = true,
       .residual = true},
  };
}

}  // namespace oracle
