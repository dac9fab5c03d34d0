#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/compress/fit.hpp"
#include "see/kernel/widen.hpp"
#include "see/model/embedding.hpp"
#include "temp_dir.hpp"

using see::EntangledEmbedding;
using see::Index;
using see::Inventory;
using see::RowMatrix;
using see::Storage;

namespace {

constexpr Storage narrow[] = {Storage::f16, Storage::bf16, Storage::i8};

std::vector<Index> ids_backwards(Index words) {
  std::vector<Index> ids(static_cast<std::size_t>(words));
  for (Index w = 0; w < words; ++w) ids[static_cast<std::size_t>(w)] = words - 1 - w;
  return ids;
}

template <class Scalar>
RowMatrix<Scalar> widened(const Inventory<Scalar>& inventory) {
  const Index length = inventory.rank() * inventory.dim();
  RowMatrix<Scalar> rows(inventory.size(), length);
  for (Index u = 0; u < inventory.size(); ++u) inventory.read(u, rows.row(u).data());
  return rows;
}

template <class Scalar>
void check_forward(const oracle::Setup& setup) {
  const EntangledEmbedding<Scalar> layer(oracle::random_parts<Scalar>(setup));
  const auto ids = ids_backwards(layer.num_embeddings());
  for (const Storage storage : narrow) {
    const auto stored = layer.stored_as(storage);
    CHECK(stored.inventory().storage() == storage);
    const RowMatrix<Scalar> rows = stored.forward(ids);
    CHECK(rows == stored.stored_as(Storage::native).forward(ids));
  }
}

}  // namespace

TEST_CASE("every pattern of half precision widens as Eigen widens it", "[storage]") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = std::bit_cast<Eigen::half>(static_cast<std::uint16_t>(bits));
    const float expected = static_cast<float>(half);
    const float found = see::kernel::from_half(static_cast<std::uint16_t>(bits));
    if (std::isnan(expected))
      wrong += !std::isnan(found);
    else
      wrong += std::bit_cast<std::uint32_t>(expected) != std::bit_cast<std::uint32_t>(found);
  }
  CHECK(wrong == 0);
}

TEST_CASE("an inventory is rounded to its storage and no further", "[storage]") {
  see::Random random(5);
  for (const Index dim : {1, 5, 8, 33, 70}) {
    const auto native = Inventory<float>::normal(9, 3, dim, 2.0, random);
    const RowMatrix<float> exact = widened(native);
    const double half_step[] = {std::ldexp(1.0, -11), std::ldexp(1.0, -8)};
    for (int k = 0; k < 2; ++k) {
      const auto found = widened(native.stored_as(narrow[k]));
      const Eigen::ArrayXXf limit = exact.array().abs() * static_cast<float>(half_step[k]) + 1e-7F;
      CHECK(((found - exact).array().abs() <= limit).all());
      CHECK((found - exact).norm() > 0);
    }
    const auto coded = native.stored_as(Storage::i8);
    CHECK(coded.halves().size() == static_cast<std::size_t>(9 * see::detail::int8_scales(3 * dim)));
    const auto found = widened(coded);
    for (Index u = 0; u < 9; ++u)
      for (Index first = 0; first < 3 * dim; first += see::detail::int8_block) {
        const Index count = std::min(see::detail::int8_block, 3 * dim - first);
        const float largest = exact.row(u).segment(first, count).cwiseAbs().maxCoeff();
        const float error = (found - exact).row(u).segment(first, count).cwiseAbs().maxCoeff();
        CHECK(error <= largest / 127 * 0.502F);
      }
    for (const Storage storage : {Storage::f16, Storage::bf16})
      CHECK(widened(native.stored_as(storage).stored_as(Storage::native).stored_as(storage)) ==
            widened(native.stored_as(storage)));
  }
}

TEST_CASE("int8 rounds small numbers to half a step too", "[storage]") {
  for (const float size : {1.0F, 1e-2F, 1e-3F, 1e-4F, 1e-5F}) {
    const Inventory<float> inventory(see::Array<float>(std::vector<float>(32, size)), 1, 1, 32);
    const float back = inventory.stored_as(Storage::i8).stored_as(Storage::native).values()[0];
    CHECK(std::abs(back - size) <= size / 127 + 3e-8F);  // steps are multiples of 6e-8
  }
}

TEST_CASE("units of zeros stay zero in every storage", "[storage]") {
  for (const Storage storage : narrow)
    CHECK(widened(Inventory<double>(3, 2, 20).stored_as(storage)).isZero(0));
}

TEST_CASE("a narrow layer looks up what its widened copy looks up", "[storage]") {
  for (const auto& setup : oracle::setups()) {
    INFO("order " << setup.dims.size());
    check_forward<float>(setup);
    check_forward<double>(setup);
  }
}

TEST_CASE("a narrow layer has the gradients of its widened copy", "[storage]") {
  const EntangledEmbedding<double> layer(oracle::random_parts<double>(oracle::setups()[0]));
  const auto ids = ids_backwards(layer.num_embeddings());
  const RowMatrix<double> weights =
      RowMatrix<double>::Random(static_cast<Index>(ids.size()), layer.embedding_dim());
  for (const Storage storage : narrow) {
    const auto stored = layer.stored_as(storage);
    const auto wide = stored.stored_as(Storage::native);
    see::Gradient<double> a(stored), b(wide);
    stored.backward(ids, weights, a);
    wide.backward(ids, weights, b);
    for (int p = 0; p < a.size(); ++p) CHECK(a[p].to_dense() == b[p].to_dense());
  }
}

TEST_CASE("what is trained becomes native, and the original stays narrow", "[storage]") {
  const EntangledEmbedding<float> layer(oracle::random_parts<float>(oracle::setups()[0]));
  const auto stored = layer.stored_as(Storage::i8);
  auto trained = stored;
  const auto rows = trained.forward(ids_backwards(trained.num_embeddings()));
  trained.parameters();
  CHECK(trained.inventory().storage() == Storage::native);
  CHECK(stored.inventory().storage() == Storage::i8);
  CHECK(trained.forward(ids_backwards(trained.num_embeddings())) == rows);
}

TEST_CASE("a narrow layer can be fitted, and is native then", "[storage]") {
  oracle::Setup setup;
  setup.uniform = true;
  const EntangledEmbedding<float> layer(oracle::random_parts<float>(setup));
  auto stored = layer.stored_as(Storage::i8);
  const auto report = see::fit(stored, layer.to_dense());
  CHECK(stored.inventory().storage() == Storage::native);
  CHECK(report.relative_error < 1e-3);
}

TEST_CASE("storage that does not fit is refused", "[storage]") {
  const Inventory<float> large(see::Array<float>{1e6F, 0, 0, 1}, 2, 1, 2);
  CHECK(says<see::Error>("too large for 16 bits", [&] { (void)large.stored_as(Storage::f16); }));
  const Inventory<float> huge(see::Array<float>{1e30F, 0, 0, 1}, 2, 1, 2);
  CHECK(says<see::Error>("too large for int8 blocks", [&] { (void)huge.stored_as(Storage::i8); }));
  CHECK(says<see::Error>("needed storage native",
                         [&] { (void)large.stored_as(Storage::bf16).values(); }));
  CHECK(says<see::Error>("needed storage f16 or bf16", [&] {
    (void)Inventory<float>(Storage::i8, see::Array<std::uint16_t>(std::size_t(4)), 2, 1, 2);
  }));
  CHECK(says<see::Error>("needs as many numbers, not 3", [&] {
    (void)Inventory<float>(Storage::f16, see::Array<std::uint16_t>(std::size_t(3)), 2, 1, 2);
  }));
  CHECK(says<see::Error>("needs 2 scales, not 1", [&] {
    (void)Inventory<float>(see::Array<std::int8_t>(std::size_t(4)),
                           see::Array<std::uint16_t>(std::size_t(1)), 2, 1, 2);
  }));
}
