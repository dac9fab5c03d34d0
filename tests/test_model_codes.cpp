#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coded_layers.hpp"
#include "oracle.hpp"
#include "see/compress/trellis/fit_trellis.hpp"
#include "see/file/model_file.hpp"
#include "see/model/cosine_search.hpp"
#include "see/model/similarity.hpp"
#include "see/nn/dense.hpp"
#include "see/nn/softmax.hpp"
#include "temp_dir.hpp"

using coded::make;
using coded::setups;
using coded::trellis;
using see::EntangledEmbedding;
using see::Index;
using see::Precision;
using see::RowMatrix;
using see::Storage;

namespace {

template <class Scalar>
EntangledEmbedding<Scalar> without_residual(const EntangledEmbedding<Scalar>& layer) {
  auto parts = layer.parts();
  parts.codes = nullptr;
  return EntangledEmbedding<Scalar>(std::move(parts));
}

template <class Scalar = double>
RowMatrix<Scalar> random_rows(Index rows, Index cols, std::uint64_t seed = 5) {
  see::Random random(seed);
  return RowMatrix<Scalar>::NullaryExpr(
      rows, cols, [&](Index, Index) { return Scalar(0.5 * random.normal()); });
}

std::vector<int> some_ids(Index count, Index words) {
  std::vector<int> ids;
  for (Index i = 0; i < count; ++i) ids.push_back(static_cast<int>((i * 7 + 3) % words));
  return ids;
}

template <class Scalar>
double epsilon() {
  return double(std::numeric_limits<Scalar>::epsilon());
}

/// By the definition, padding row included.
template <class Scalar>
RowMatrix<Scalar> oracle_rows(const EntangledEmbedding<Scalar>& layer) {
  RowMatrix<Scalar> rows(layer.num_embeddings(), layer.embedding_dim());
  for (Index w = 0; w < rows.rows(); ++w) {
    if (layer.padding_idx() == w)
      rows.row(w).setZero();
    else
      rows.row(w) = oracle::row(layer.parts(), w).transpose();
  }
  return rows;
}

template <class Scalar>
void check_forward(const oracle::Setup& setup) {
  const auto layer = make<Scalar>(setup);
  const RowMatrix<Scalar> expected = oracle_rows(layer), found = layer.to_dense();
  for (Index w = 0; w < expected.rows(); ++w)
    CHECK(double((found.row(w) - expected.row(w)).norm()) <=
          1000 * epsilon<Scalar>() * (1 + double(expected.row(w).norm())));
  CHECK(found.row(2).isZero(0));
  if (!layer.parts().has_terms()) return;
  CHECK((without_residual(layer).to_dense() - found).norm() > Scalar(1e-3));
}

template <class Scalar>
void check_scores(const EntangledEmbedding<Scalar>& layer) {
  const RowMatrix<Scalar> rows = oracle_rows(layer);
  const see::Scorer scorer(layer);
  for (const Index batch : {1, 3, 21, 70}) {
    const auto hidden = random_rows<Scalar>(batch, layer.embedding_dim());
    const RowMatrix<Scalar> expected = hidden * rows.transpose();
    const double tolerance = 1000 * epsilon<Scalar>() * (1 + double(expected.norm()));
    const RowMatrix<Scalar> found = scorer.logits(hidden);
    CHECK(double((found - expected).norm()) <= tolerance);
    const std::vector<int> ids{int(layer.num_embeddings()) - 1, 0, 2};
    RowMatrix<Scalar> some(batch, 3);
    scorer.logits_of(hidden, ids, some);
    for (Index k = 0; k < 3; ++k)
      CHECK(double((some.col(k) - expected.col(ids[std::size_t(k)])).norm()) <= tolerance);
    const auto best = scorer.top_k(hidden, 4, see::threads(2));
    for (Index i = 0; i < batch; ++i) {
      std::vector<Scalar> sorted(expected.row(i).begin(), expected.row(i).end());
      std::sort(sorted.rbegin(), sorted.rend());
      REQUIRE(best[std::size_t(i)].size() == 4);
      for (std::size_t k = 0; k < 4; ++k) {
        const auto& one = best[std::size_t(i)][k];
        CHECK(std::abs(double(one.score - sorted[k])) <= tolerance);
        CHECK(std::abs(double(one.score - expected(i, one.row))) <= tolerance);
      }
    }
  }
}

/// Inner products, cosines and the nearest words against the rows.
void check_similarity(const EntangledEmbedding<double>& layer) {
  const RowMatrix<double> rows = oracle_rows(layer), gram = rows * rows.transpose();
  const double size = 1 + gram.diagonal().maxCoeff();
  const see::CosineSearch search(layer);
  for (Index a = 0; a < 9; ++a) {
    for (Index b = 0; b < 9; ++b) {
      CHECK(std::abs(see::inner_product(layer, a, b) - gram(a, b)) <= 1e-12 * size);
      const double norms = std::sqrt(gram(a, a) * gram(b, b));
      CHECK(see::cosine_similarity(layer, a, b) ==
            Approx(norms > 0 ? gram(a, b) / norms : 0).margin(1e-9));
    }
    if (a == 2) continue;
    const auto near = search.nearest(a, 3);
    std::vector<double> cosines;
    for (Index w = 0; w < rows.rows(); ++w)
      if (w != a && gram(w, w) > 0)
        cosines.push_back(gram(a, w) / std::sqrt(gram(a, a) * gram(w, w)));
    std::sort(cosines.rbegin(), cosines.rend());
    REQUIRE(near.size() == 3);
    for (std::size_t k = 0; k < 3; ++k)
      if (cosines[k] > 1e-6) CHECK(near[k].score == Approx(cosines[k]).margin(1e-9));
  }
}

}  // namespace

TEST_CASE("rows with a residual are those of the definition", "[codes]") {
  for (const Index words : {0, 200})
    for (const auto& setup : setups(words)) {
      INFO("order " << setup.dims.size() << ", rank " << setup.rank << ", words " << words);
      check_forward<float>(setup);
      check_forward<double>(setup);
    }
}

TEST_CASE("a row with a residual depends neither on the batch nor on the executor", "[codes]") {
  for (auto setup : setups(50)) {
    setup.layer_norm = false;
    const auto layer = make<float>(setup);
    const Index d = layer.embedding_dim(), many = (Index{8} << 20) / (4 * d) + 7;
    const auto ids = some_ids(many, 50);
    const RowMatrix<float> streamed = layer.forward(ids), rows = layer.to_dense();
    bool same = true;
    for (Index w = 0; w < 50; ++w) same = same && layer(w) == rows.row(w);
    for (Index i = 0; i < many; ++i)
      same = same && streamed.row(i) == rows.row(ids[std::size_t(i)]);
    CHECK(same);
    RowMatrix<float> other(many, d), wide = RowMatrix<float>::Zero(many, d + 3);
    layer.forward(ids, other, see::threads(3));
    CHECK(other == streamed);
    layer.forward(ids, wide.middleCols(1, d));
    CHECK(wide.middleCols(1, d) == streamed);
    CHECK(wide.col(0).isZero(0));
    CHECK(wide.rightCols(2).isZero(0));
  }
}

TEST_CASE("an embedding of a fitted residual alone has the error of the fit", "[codes]") {
  const RowMatrix<float> table = random_rows<float>(300, 12);
  const see::detail::TrellisFit fit =
      see::detail::fit_trellis(table, 300 * 4 + 200, {.window_bits = 8});
  see::EmbeddingParts<float> parts;
  parts.shape = see::Shape({12});
  parts.lexicon = see::Lexicon::without_senses(300);
  parts.codes = std::make_shared<const see::detail::TrellisCodes>(fit.codes);
  const EntangledEmbedding<float> layer(parts);
  CHECK(double((layer.to_dense() - table).squaredNorm()) == Approx(fit.error));
  CHECK(fit.error < 0.2 * double(table.squaredNorm()));
}

TEST_CASE("scores with a residual are the products with the rows", "[codes]") {
  for (const auto& setup : setups(300)) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    check_scores(make<double>(setup));
    check_scores(make<float>(setup));
    CHECK(see::Scorer(make<float>(setup))
              .logits(RowMatrix<float>(0, make<float>(setup).embedding_dim()))
              .size() == 0);
  }
}

TEST_CASE("similarities with a residual are those of the rows", "[codes]") {
  for (const auto& setup : setups(60)) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    check_similarity(make<double>(setup));
    CHECK_FALSE(see::detail::is_plain_sum(make<double>(setup).parts()));
  }
}

TEST_CASE("cross-entropy with a residual is that of the rows, with gradients to match", "[codes]") {
  for (const auto& setup : setups(40)) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    auto layer = make<double>(setup);
    auto hidden = random_rows(6, layer.embedding_dim());
    const auto targets = some_ids(6, 40);
    const RowMatrix<double> rows = oracle_rows(layer);
    const see::DenseEmbedding<double> dense(
        std::vector<double>(rows.data(), rows.data() + rows.size()), rows.rows(), rows.cols());
    see::Gradient<double> gradient(layer), of_rows(dense);
    RowMatrix<double> mine(6, hidden.cols()), theirs(6, hidden.cols());
    const double expected = see::cross_entropy(dense, hidden, targets, theirs, &of_rows);
    CHECK(see::cross_entropy(layer, hidden, targets) == Approx(expected));
    see::Gradient<double>* const wanted = layer.parameters().empty() ? nullptr : &gradient;
    CHECK(see::cross_entropy(layer, hidden, targets, mine, wanted) == Approx(expected));
    CHECK((mine - theirs).norm() <= 1e-12 * (1 + theirs.norm()));
    for (auto& parameter : layer.parameters()) {
      const RowMatrix<double> found = gradient[parameter.number].to_dense();
      for (Index i = 0; i < found.size(); i += 1 + found.size() / 11) {
        double& at = parameter.values.data()[i];
        const double kept = at, step = 1e-5;
        at = kept + step;
        const double above = see::cross_entropy(layer, hidden, targets);
        at = kept - step;
        const double below = see::cross_entropy(layer, hidden, targets);
        at = kept;
        CHECK(found.data()[i] == Approx((above - below) / (2 * step)).margin(1e-7));
      }
    }
  }
}

TEST_CASE("without LayerNorm a residual changes no gradient and no tangent", "[codes]") {
  for (auto setup : setups(100)) {
    setup.layer_norm = false;
    if (setup.rank == 0) continue;
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    const auto layer = make<double>(setup);
    const auto plain = without_residual(layer);
    const auto ids = some_ids(150, 100);
    const auto weights = random_rows(150, layer.embedding_dim());
    see::Gradient<double> a(layer), b(plain);
    layer.backward(ids, weights, a);
    plain.backward(ids, weights, b);
    REQUIRE(a.size() == b.size());
    for (int p = 0; p < a.size(); ++p) CHECK(a[p].to_dense() == b[p].to_dense());

    see::Random random(3);
    std::vector<see::Inventory<double>> directions;
    for (const auto& inventory : layer.parts().inventories)
      directions.push_back(see::Inventory<double>::normal(inventory.size(), inventory.rank(),
                                                          inventory.dim(), 1, random));
    const auto gains = oracle::normal<double>(Index(layer.parts().gains.size()), random);
    RowMatrix<double> with(150, layer.embedding_dim()), without = with;
    layer.forward_tangent(ids, directions, gains, with);
    plain.forward_tangent(ids, directions, gains, without);
    CHECK(with == without);
  }
}

TEST_CASE("gradients through LayerNorm see the residual", "[codes]") {
  const auto setup = setups().back();
  REQUIRE(setup.layer_norm);
  auto layer = make<double>(setup);
  const auto ids = some_ids(12, layer.num_embeddings());
  const auto weights = random_rows(12, layer.embedding_dim());
  see::Gradient<double> gradient(layer), other(layer);
  layer.backward(ids, weights, gradient);
  without_residual(layer).backward(ids, weights, other);
  CHECK((gradient[0].to_dense() - other[0].to_dense()).norm() > 1e-3);
  const auto objective = [&] { return layer.forward(ids).cwiseProduct(weights).sum(); };
  for (auto& parameter : layer.parameters()) {
    const RowMatrix<double> found = gradient[parameter.number].to_dense();
    for (Index i = 0; i < found.size(); i += 1 + found.size() / 23) {
      double& at = parameter.values.data()[i];
      const double kept = at, step = 1e-6;
      at = kept + step;
      const double above = objective();
      at = kept - step;
      const double below = objective();
      at = kept;
      const double expected = (above - below) / (2 * step);
      CHECK(std::abs(found.data()[i] - expected) <= 1e-5 * (1 + std::abs(expected)));
    }
  }
}

TEST_CASE("a residual of another size is refused", "[codes]") {
  see::Random random(4);
  for (const auto& [rows, dim] : {std::pair<Index, Index>{8, 16}, {9, 15}, {10, 16}, {9, 19}}) {
    auto parts = oracle::random_parts<float>({.axes = true});
    parts.codes = std::make_shared<const see::detail::TrellisCodes>(
        oracle::random_residual(rows, dim, random));
    CHECK(
        says<see::Error>("needed 9 words of width 16", [&] { EntangledEmbedding<float>{parts}; }));
  }
}

TEST_CASE("scores and similarities of a narrow layer are those of its widened copy", "[codes]") {
  std::vector<oracle::Setup> all;
  for (auto setup : oracle::setups()) {
    setup.words = 300;
    all.push_back(setup);
    setup.units = 3000;  // scored by rows
    if (setup.dims.size() < 3) all.push_back(setup);
  }
  for (const auto& setup : all)
    for (const Storage storage : {Storage::f16, Storage::bf16, Storage::i8}) {
      INFO("order " << setup.dims.size() << ", rank " << setup.rank);
      const auto narrow = make<float>(setup).stored_as(storage);
      const auto wide = narrow.stored_as(Storage::native);
      REQUIRE(narrow.inventory().storage() == storage);
      const see::Scorer scorer(narrow);
      CHECK(scorer.layer().inventory().storage() == Storage::native);
      for (const Index batch : {1, 5}) {
        const auto hidden = random_rows<float>(batch, narrow.embedding_dim());
        CHECK(scorer.logits(hidden) == see::Scorer(wide).logits(hidden));
        const auto best = scorer.top_k(hidden, 3),
                   best_of_wide = see::Scorer(wide).top_k(hidden, 3);
        for (std::size_t i = 0; i < best.size(); ++i)
          for (std::size_t k = 0; k < 3; ++k) {
            CHECK(best[i][k].row == best_of_wide[i][k].row);
            CHECK(best[i][k].score == best_of_wide[i][k].score);
          }
      }
      const auto near = see::CosineSearch(narrow).nearest(Index{5}, 4);
      const auto near_of_wide = see::CosineSearch(wide).nearest(Index{5}, 4);
      for (std::size_t k = 0; k < 4; ++k) {
        CHECK(near[k].row == near_of_wide[k].row);
        CHECK(near[k].score == near_of_wide[k].score);
      }
      for (Index b = 0; b < 9; ++b) {
        CHECK(see::inner_product(narrow, 4, b) == see::inner_product(wide, 4, b));
        CHECK(see::cosine_similarity(narrow, 4, b) == see::cosine_similarity(wide, 4, b));
      }
      CHECK(see::row_norms(narrow) == see::row_norms(wide));
    }
}

TEST_CASE("cross-entropy of a narrow layer is that of its widened copy", "[codes]") {
  for (auto setup : oracle::setups()) {
    setup.words = 60;
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    const auto narrow = make<double>(setup).stored_as(Storage::i8);
    const auto wide = narrow.stored_as(Storage::native);
    const auto hidden = random_rows(4, narrow.embedding_dim());
    const auto targets = some_ids(4, 60);
    see::Gradient<double> a(narrow), b(wide);
    RowMatrix<double> mine(4, hidden.cols()), theirs(4, hidden.cols());
    CHECK(see::cross_entropy(narrow, hidden, targets, mine, &a) ==
          see::cross_entropy(wide, hidden, targets, theirs, &b));
    CHECK(mine == theirs);
    for (int p = 0; p < a.size(); ++p) CHECK(a[p].to_dense() == b[p].to_dense());
  }
}
