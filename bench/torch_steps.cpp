// see::torch beside the same equations in LibTorch's own operations, from the same numbers: steps
// of Adam on an entangled layer, and the loss of a tied output layer with its gradients. One
// thread; each pair is timed in turns and the least times are compared, so that a line is a ratio
// within one run. Before anything is timed, the results are compared. Peak memory is what a process
// of its own needs at most beside what it had.
//
//   bench/torch_steps [--small]

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include "see/model/builders.hpp"
#include "see/torch/any_embedding.hpp"
#include "see/torch/cross_entropy.hpp"
#include "see/torch/embedding.hpp"

namespace {

using see::Index;
using torch::Tensor;

double seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Prints the least times of the two, run in turns, and their ratio.
void compare(const std::string& name, const std::function<void()>& ours,
             const std::function<void()>& theirs, int turns) {
  double own = std::numeric_limits<double>::infinity(), other = own;
  ours();
  theirs();
  for (int i = 0; i < turns; ++i) {
    own = std::min(own, seconds(ours));
    other = std::min(other, seconds(theirs));
  }
  std::printf("| %s | %.3g | %.2f ms / %.2f ms |\n", name.c_str(), other / own, 1e3 * other,
              1e3 * own);
  std::fflush(stdout);
}

bool near(const char* name, const Tensor& ours, const Tensor& theirs, double tolerance) {
  const double apart = (ours - theirs).abs().max().item<double>();
  const double scale = theirs.abs().max().item<double>();
  if (apart <= tolerance * scale) return true;
  std::fprintf(stderr, "%s: %g apart, of numbers up to %g\n", name, apart, scale);
  return false;
}

/// An entangled layer and what torch's operations need for the same rows: the inventory of each
/// slot and the units of each word and sense.
struct Pair {
  see::torch::EntangledEmbedding ours{nullptr};
  std::vector<Tensor> inventories;
  Tensor index;  // words x senses x order
  std::vector<std::int64_t> factors;

  Pair(Index words, Index dim, int order, Index units, Index senses, Index vectors) {
    see::Random random(5);
    const see::Shape shape = see::Shape::balanced(dim, order);
    std::vector<Index> numbers(static_cast<std::size_t>(words * senses * order));
    for (Index& unit : numbers)
      unit = static_cast<Index>(random.below(static_cast<std::size_t>(units)));
    const std::vector<Index> ranks(static_cast<std::size_t>(words), senses);
    const std::vector<Index> sizes(static_cast<std::size_t>(order), units);
    const see::Lexicon lexicon(see::SlotTable::per_slot(sizes), ranks, numbers);
    ours = see::torch::EntangledEmbedding(see::make_parts<float>(shape, lexicon, vectors));
    for (const Tensor& tensor : ours->tensors())
      inventories.push_back(tensor.detach().clone().set_requires_grad(true));
    index = torch::tensor(std::vector<std::int64_t>(numbers.begin(), numbers.end()))
                .reshape({words, senses, order});
    factors.assign(shape.factor_dims().begin(), shape.factor_dims().end());
  }

  Tensor rows(const Tensor& ids) const {
    const Tensor chosen = index.index_select(0, ids);
    std::vector<Tensor> parts;
    for (std::size_t j = 0; j < inventories.size(); ++j)
      parts.push_back(inventories[j]
                          .index_select(0, chosen.select(2, static_cast<int>(j)).flatten())
                          .reshape({ids.size(0), -1, factors[j]}));
    if (parts.size() == 2) return torch::einsum("nsa,nsb->nab", parts).flatten(1);
    return torch::einsum("nsa,nsb,nsc->nabc", parts).flatten(1);
  }
};

bool adam_steps(const char* name, Pair pair, Index batch, int turns) {
  const std::int64_t words = pair.ours->num_embeddings(), dim = pair.ours->embedding_dim();
  const Tensor ids = torch::randint(words, {batch}), target = torch::randn({batch, dim});
  {
    const torch::NoGradGuard guard;
    if (!near(name, pair.ours(ids), pair.rows(ids).narrow(1, 0, dim), 1e-4)) return false;
  }
  torch::optim::Adam own(pair.ours->parameters()), other(pair.inventories);
  const auto step = [&](torch::optim::Adam& adam, const std::function<Tensor()>& rows) {
    adam.zero_grad();
    torch::mse_loss(rows(), target).backward();
    adam.step();
  };
  const auto ours = [&] { step(own, [&] { return pair.ours(ids); }); };
  const auto theirs = [&] { step(other, [&] { return pair.rows(ids).narrow(1, 0, dim); }); };
  compare(std::string("step of Adam, ") + name, ours, theirs, turns);
  compare(
      std::string("forward and backward alone, ") + name,
      [&] { torch::mse_loss(pair.ours(ids), target).backward(); },
      [&] { torch::mse_loss(pair.rows(ids).narrow(1, 0, dim), target).backward(); }, turns);

  torch::nn::Embedding dense(words, dim);
  torch::optim::Adam dense_adam(dense->parameters());
  compare(
      std::string("step of Adam, torch::nn::Embedding / ours, ") + name, ours,
      [&] { step(dense_adam, [&] { return dense(ids); }); }, turns);
  return true;
}

bool head(const char* name, Pair pair, Index states, int turns) {
  const std::int64_t words = pair.ours->num_embeddings(), dim = pair.ours->embedding_dim();
  const Tensor targets = torch::randint(words, {states});
  Tensor hidden = (0.1 * torch::randn({states, dim})).set_requires_grad(true);
  Tensor dense = pair.ours->to_dense().set_requires_grad(true);
  const auto loss = [&] { return see::torch::cross_entropy(pair.ours, hidden, targets); };
  const auto other = [&] {
    return torch::nn::functional::cross_entropy(torch::matmul(hidden, dense.t()), targets);
  };
  if (!near(name, loss(), other(), 1e-4)) return false;
  compare(
      std::string("cross-entropy, forward and backward, ") + name, [&] { loss().backward(); },
      [&] { other().backward(); }, turns);
  torch::nn::Embedding table(words, dim);
  table->weight = dense;
  const see::torch::AnyEmbedding any(table);
  compare(
      std::string("cross-entropy of a dense table in blocks, forward and backward, ") + name,
      [&] { any->cross_entropy(hidden, targets).backward(); }, [&] { other().backward(); }, turns);
  const torch::NoGradGuard guard;
  compare(
      std::string("cross-entropy, forward alone, ") + name, [&] { loss(); }, [&] { other(); },
      turns);
  compare(
      std::string("logits, forward alone, ") + name, [&] { see::torch::logits(pair.ours, hidden); },
      [&] { torch::matmul(hidden, dense.t()); }, turns);
  return true;
}

/// A line of /proc/self/status in MiB, not a number where there is none.
double status(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (double kilobytes; word == key && file >> kilobytes) return kilobytes / 1024;
  return std::numeric_limits<double>::quiet_NaN();
}

/// What two numbers that `body` returns become in a process of its own.
std::array<double, 2> apart(const std::function<std::array<double, 2>()>& body) {
  std::array<double, 2> result{};
  int ends[2];
  if (pipe(ends) != 0) return result;
  const pid_t child = fork();
  if (child == 0) {
    result = body();
    const auto written = write(ends[1], result.data(), sizeof result);
    _exit(written == static_cast<ssize_t>(sizeof result) ? 0 : 1);
  }
  const auto got = read(ends[0], result.data(), sizeof result);
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  if (got != static_cast<ssize_t>(sizeof result)) result.fill(0);
  return result;
}

/// The peak memory of body() beside what the process had, in MiB.
double peak(const std::function<void()>& body) {
  return apart([&] {
    const double before = status("VmRSS:");
    body();
    return std::array<double, 2>{status("VmHWM:") - before, 0};
  })[0];
}

void print_peaks(const std::string& name, double other, double own) {
  std::printf("| peak memory, %s | %.3g | %.0f MiB / %.0f MiB |\n", name.c_str(), other / own,
              other, own);
  std::fflush(stdout);
}

/// Peak memory of one loss of a tied head and its gradients, beside torch's from a dense table.
void head_memory(const std::string& name, const Pair& pair, Index states) {
  const std::int64_t words = pair.ours->num_embeddings(), dim = pair.ours->embedding_dim();
  const Tensor targets = torch::randint(words, {states});
  const Tensor hidden = (0.1 * torch::randn({states, dim})).set_requires_grad(true);
  const double own =
      peak([&] { see::torch::cross_entropy(pair.ours, hidden, targets).backward(); });
  const Tensor dense = pair.ours->to_dense().set_requires_grad(true);
  const double other = peak([&] {
    torch::nn::functional::cross_entropy(torch::matmul(hidden, dense.t()), targets).backward();
  });
  print_peaks("cross-entropy with gradients, " + name, other, own);
}

/// Peak memory, with parameters and the moments of Adam, and tokens a second of training a table as
/// embedding and output layer around a linear one.
void training(const std::string& name, std::int64_t tokens, int steps) {
  constexpr std::int64_t words = 32000, dim = 512;
  const Tensor ids = torch::randint(words, {tokens}), targets = torch::randint(words, {tokens});
  const auto train = [&](const std::function<see::torch::AnyEmbedding()>& make, bool whole) {
    return apart([&] {
      const double before = status("VmRSS:");
      see::torch::AnyEmbedding table = make();
      torch::nn::Linear inner(dim, dim);
      std::vector<Tensor> parameters = table->parameters();
      for (const Tensor& each : inner->parameters()) parameters.push_back(each);
      torch::optim::Adam adam(parameters);
      const auto step = [&] {
        adam.zero_grad();
        const Tensor hidden = torch::tanh(inner(table(ids)));
        const Tensor loss =
            whole ? torch::nn::functional::cross_entropy(table->logits(hidden), targets)
                  : table->cross_entropy(hidden, targets);
        loss.backward();
        adam.step();
      };
      step();
      double least = std::numeric_limits<double>::infinity();
      for (int i = 0; i < steps; ++i) least = std::min(least, seconds(step));
      return std::array<double, 2>{status("VmHWM:") - before, static_cast<double>(tokens) / least};
    });
  };
  const auto dense = [&] { return see::torch::AnyEmbedding(words, dim); };
  const auto [own, own_speed] =
      train([&] { return see::torch::AnyEmbedding(Pair(words, dim, 2, 2000, 8, 1).ours); }, false);
  const auto [all, all_speed] = train(dense, true);
  const auto [block, block_speed] = train(dense, false);
  print_peaks("step of Adam of an embedding and tied head, " + name, all, own);
  print_peaks("the same, dense in blocks / ours, " + name, block, own);
  std::printf("| tokens a second, ours / torch, %s | %.3g | %.0f / %.0f |\n", name.c_str(),
              own_speed / all_speed, own_speed, all_speed);
  std::printf("| tokens a second, ours / dense in blocks, %s | %.3g | %.0f / %.0f |\n",
              name.c_str(), own_speed / block_speed, own_speed, block_speed);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const bool small = argc > 1 && std::string_view(argv[1]) == "--small";
  torch::set_num_threads(1);
  torch::manual_seed(1);
  std::printf("| what | ratio, torch / ours | of |\n| --- | --- | --- |\n");
  training(small ? "256 tokens" : "1,024 tokens", small ? 256 : 1024, small ? 1 : 3);
  if (!small)
    head_memory("128,000 words, d=1024, order 2, 4 senses, 256 states",
                Pair(128000, 1024, 2, 2000, 4, 1), 256);
  bool same = adam_steps("32,000 words, d=512, order 2, 8 senses, 2,000 units, 4,096 rows",
                         Pair(32000, 512, 2, 2000, 8, 1), 4096, small ? 3 : 20) &&
              adam_steps("32,000 words, d=512, order 3, 7 senses, 2,000 units, 4,096 rows",
                         Pair(32000, 512, 3, 2000, 7, 1), 4096, small ? 3 : 20) &&
              head("32,000 words, d=512, order 2, 8 senses, 256 states",
                   Pair(32000, 512, 2, 2000, 8, 1), 256, small ? 2 : 5);
  if (same && !small)
    same = head("128,000 words, d=1024, order 2, 4 senses, 256 states",
                Pair(128000, 1024, 2, 2000, 4, 1), 256, 2);
  return same ? 0 : 1;
}
