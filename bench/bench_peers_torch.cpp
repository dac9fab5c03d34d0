// Rows of entangled layers beside the same rows by the sequences of operations of MorphTE and
// word2ket in LibTorch, and of a dense table beside torch::nn::Embedding: forward, and forward with
// backward, in one thread, from the same numbers. Before anything is timed the rows are compared.
//
// MorphTE: embedding.py of github.com/bigganbing/Fairseq_MorphTE (forward_block); word2ket:
// EmbeddingKet.py of github.com/panaali/word2ket, which builds its whole table at each call: here
// it gets the rows of the batch alone. Both without LayerNorm, on either side.

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "machine.hpp"
#include "see/nn/dense.hpp"
#include "tables.hpp"

namespace {

using see::Index;
using Layer = see::EntangledEmbedding<float, 3>;
using torch::Tensor;
using torch::indexing::None;
using torch::indexing::Slice;

constexpr Index words = 32000, dim = 512, order = 3, rank = 7;

/// A copy of numbers that lie elsewhere.
Tensor tensor_of(const float* values, std::vector<std::int64_t> sizes) {
  return torch::from_blob(const_cast<float*>(values), sizes).clone();
}
Tensor tensor_of(const std::vector<Index>& ids) {
  return torch::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()));
}

/// left (x) right for each of the leading indices.
Tensor kronecker(const Tensor& left, const Tensor& right) {
  const auto all = Slice();
  const Tensor product = left.index({all, all, all, None}) * right.index({all, all, None, all});
  return product.reshape({left.size(0), left.size(1), -1});
}

/// One layer in both libraries.
struct Pair {
  Layer ours;
  std::vector<Tensor> weights;
  std::function<Tensor(const std::vector<Tensor>&, const Tensor&)> rows;
};

/// The word's unit of a slot is looked up in each of the `rank` tables of all units.
Pair morphte(Index units) {
  Layer ours(bench::shared_parts(words, dim, order, units, 1, rank));
  const see::Inventory<float>& inventory = ours.inventory();
  const Tensor weight =
      tensor_of(inventory.values().data(), {units, rank, inventory.dim()}).permute({1, 0, 2});
  std::vector<Index> units_of_words;
  for (Index w = 0; w < words; ++w)
    ours.lexicon().for_senses(w, [&](Index, const Index* unit) {
      units_of_words.insert(units_of_words.end(), unit, unit + order);
    });
  const Tensor index = tensor_of(units_of_words).reshape({words, order});
  return {std::move(ours), {weight.contiguous()}, [index](const auto& weights, const Tensor& ids) {
            const Tensor chosen = index.gather(0, ids.unsqueeze(-1).expand({-1, order}));
            const Tensor& tables = weights[0];
            const auto factor = [&](int slot) {
              return tables.gather(1, chosen.index({Slice(), slot})
                                          .unsqueeze(0)
                                          .unsqueeze(-1)
                                          .expand({tables.size(0), -1, tables.size(2)}));
            };
            Tensor product = factor(0);
            for (int slot = 1; slot < order; ++slot) product = kronecker(product, factor(slot));
            return product.sum(0);
          }};
}

/// Every word has `rank` vectors of its own for each slot.
Pair word2ket() {
  Layer ours(see::make_word2ket(words, dim, order, rank, {.layer_norm = false}).parts());
  std::vector<Tensor> weights;
  for (int slot = 0; slot < order; ++slot) {
    const see::Inventory<float>& inventory = ours.inventory(slot);
    weights.push_back(tensor_of(inventory.values().data(), {words, rank, inventory.dim()})
                          .permute({1, 0, 2})
                          .contiguous());
  }
  return {std::move(ours), std::move(weights), [](const auto& weights, const Tensor& ids) {
            Tensor product = weights[0].index_select(1, ids);
            for (std::size_t slot = 1; slot < order; ++slot)
              product = kronecker(product, weights[slot].index_select(1, ids));
            return product.sum(0);
          }};
}

/// Whether the two give the same rows to 1e-4 of the largest entry.
bool agree(const char* name, const see::RowMatrix<float>& ours, const Tensor& theirs) {
  const Tensor own = tensor_of(ours.data(), {ours.rows(), ours.cols()});
  if (theirs.sizes() == own.sizes()) {
    const auto error = (theirs - own).abs().max().item<float>() / own.abs().max().item<float>();
    if (error <= 1e-4F) return true;
    std::fprintf(stderr, "%s: rows of LibTorch differ by %g of the largest entry\n", name,
                 static_cast<double>(error));
  } else {
    std::fprintf(stderr, "%s: LibTorch gives rows of another shape\n", name);
  }
  return false;
}

bool agree(const char* name, const Pair& pair) {
  const torch::NoGradGuard guard;
  const std::vector<Index> ids = bench::random_ids(512, words);
  return agree(name, pair.ours.forward(ids), pair.rows(pair.weights, tensor_of(ids)));
}

void ours_forward(benchmark::State& state, const Layer& layer, Index batch) {
  const std::vector<Index> ids = bench::random_ids(batch, words);
  see::RowMatrix<float> out(batch, dim);
  for (auto _ : state) {
    layer.forward(ids, out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, bench::file_bytes(layer));
}

void ours_training(benchmark::State& state, const Layer& layer, Index batch) {
  const std::vector<Index> ids = bench::random_ids(batch, words);
  see::RowMatrix<float> out(batch, dim);
  see::Gradient<float> gradient(layer);
  for (auto _ : state) {
    gradient.zero();
    layer.forward(ids, out);
    layer.backward(ids, out, gradient);
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, bench::file_bytes(layer));
}

double bytes_of(const std::vector<Tensor>& weights) {
  double bytes = 0;
  for (const Tensor& weight : weights) bytes += static_cast<double>(weight.nbytes());
  return bytes;
}

void theirs_forward(benchmark::State& state, const Pair& pair, Index batch) {
  const torch::NoGradGuard guard;
  const Tensor ids = tensor_of(bench::random_ids(batch, words));
  for (auto _ : state) {
    const Tensor out = pair.rows(pair.weights, ids);
    benchmark::DoNotOptimize(out.data_ptr());
  }
  bench::report_rows(state, batch, bytes_of(pair.weights));
}

void theirs_training(benchmark::State& state, const Pair& pair, Index batch) {
  const Tensor ids = tensor_of(bench::random_ids(batch, words));
  std::vector<Tensor> weights;
  for (const Tensor& weight : pair.weights)
    weights.push_back(weight.clone().set_requires_grad(true));
  for (auto _ : state) {
    const Tensor out = pair.rows(weights, ids);
    out.backward(out.detach());
    for (Tensor& weight : weights) {
      benchmark::DoNotOptimize(weight.grad().data_ptr());
      weight.mutable_grad().reset();
    }
  }
  bench::report_rows(state, batch, bytes_of(pair.weights));
}

/// torch::nn::Embedding and a gather of ours from the same dense table.
struct Dense {
  see::DenseEmbedding<float> ours;
  torch::nn::Embedding theirs;
};

Dense dense() {
  see::Random random(1);
  see::DenseEmbedding<float> ours(words, dim, random);
  std::vector<Index> all(words);
  std::iota(all.begin(), all.end(), Index{0});
  see::RowMatrix<float> table(words, dim);
  ours.forward(all, table);
  const torch::NoGradGuard guard;
  torch::nn::Embedding theirs(torch::nn::EmbeddingOptions(words, dim));
  theirs->weight.copy_(tensor_of(table.data(), {words, dim}));
  return {std::move(ours), theirs};
}

bool agree(const Dense& pair) {
  const torch::NoGradGuard guard;
  const std::vector<Index> ids = bench::random_ids(512, words);
  see::RowMatrix<float> rows(512, dim);
  pair.ours.forward(ids, rows);
  torch::nn::Embedding theirs = pair.theirs;
  return agree("nn::Embedding", rows, theirs->forward(tensor_of(ids)));
}

void ours_dense(benchmark::State& state, const Dense& pair, Index batch) {
  const std::vector<Index> ids = bench::random_ids(batch, words);
  see::RowMatrix<float> out(batch, dim);
  for (auto _ : state) {
    pair.ours.forward(ids, out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  bench::report_rows(state, batch, bench::dense_bytes(words, dim));
}

void theirs_dense(benchmark::State& state, const Dense& pair, Index batch) {
  const torch::NoGradGuard guard;
  torch::nn::Embedding theirs = pair.theirs;
  const Tensor ids = tensor_of(bench::random_ids(batch, words));
  for (auto _ : state) {
    const Tensor out = theirs->forward(ids);
    benchmark::DoNotOptimize(out.data_ptr());
  }
  bench::report_rows(state, batch, bench::dense_bytes(words, dim));
}

template <class Body>
void add(const std::string& name, Index batch, Body body) {
  benchmark::RegisterBenchmark((name + "/" + std::to_string(batch) + "_rows").c_str(),
                               [=](auto& state) { body(state, batch); })
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const std::pair<std::string, Pair> pairs[] = {{"morphte_2000_units", morphte(2000)},
                                                {"morphte_20000_units", morphte(20000)},
                                                {"word2ket", word2ket()}};
  const Dense table = dense();
  bool same = agree(table);
  for (const auto& [name, pair] : pairs) same = agree(name.c_str(), pair) && same;
  if (!same) return 1;

  for (const Index batch : {1024, 16384}) {
    for (const auto& named : pairs) {
      const Pair& pair = named.second;
      const std::string& name = named.first;
      add("forward/see/" + name, batch,
          [&pair](auto& state, Index n) { ours_forward(state, pair.ours, n); });
      add("forward/torch/" + name, batch,
          [&pair](auto& state, Index n) { theirs_forward(state, pair, n); });
      add("training/see/" + name, batch,
          [&pair](auto& state, Index n) { ours_training(state, pair.ours, n); });
      add("training/torch/" + name, batch,
          [&pair](auto& state, Index n) { theirs_training(state, pair, n); });
    }
    add("forward/see/dense", batch,
        [&table](auto& state, Index n) { ours_dense(state, table, n); });
    add("forward/torch/dense", batch,
        [&table](auto& state, Index n) { theirs_dense(state, table, n); });
  }
  return bench::run(argc, argv);
}
