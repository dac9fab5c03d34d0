#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/error.hpp"
#include "see/knowledge/tree_cut.hpp"
#include "temp_dir.hpp"

using namespace see;

TEST_CASE("cut_tree: each node chosen lowers the cost most, and weights are those of clusters") {
  Random random(11);
  for (int trial = 0; trial < 20; ++trial) {
    const std::size_t n = 2 + random.below(40);
    std::vector<std::uint32_t> parents(n);
    std::vector<double> weights(n);
    for (std::size_t i = 0; i < n; ++i) {
      // Numbers do not follow the tree: parents of i are n - 1 - (what comes before).
      const auto at = n - 1 - i;
      parents[at] = static_cast<std::uint32_t>(i < 2 ? at : n - 1 - random.below(i));
      weights[at] = random.uniform() < 0.2 ? 0 : static_cast<double>(1 + random.below(4));
    }
    const auto clusters = [&](const std::vector<std::uint32_t>& nodes) {
      std::vector<double> sums(nodes.size(), 0);
      for (std::size_t i = 0; i < n; ++i) {
        auto at = static_cast<std::uint32_t>(i);
        while (std::find(nodes.begin(), nodes.end(), at) == nodes.end()) at = parents[at];
        sums[static_cast<std::size_t>(std::find(nodes.begin(), nodes.end(), at) - nodes.begin())] +=
            weights[i];
      }
      return sums;
    };
    const auto cost = [&](const std::vector<std::uint32_t>& nodes) {
      double bits = 0;
      for (const double sum : clusters(nodes)) bits += sum > 0 ? sum * std::log2(sum) : 0;
      return bits;
    };
    const detail::TreeCut cut = detail::cut_tree(parents, weights, 12);
    REQUIRE(cut.nodes.size() <= 12);
    const auto sums = clusters(cut.nodes);
    for (std::size_t i = 0; i < sums.size(); ++i) REQUIRE(cut.weights[i] == Approx(sums[i]));
    for (std::size_t taken = 2; taken <= cut.nodes.size(); ++taken) {
      std::vector<std::uint32_t> chosen(cut.nodes.begin(),
                                        cut.nodes.begin() + static_cast<std::ptrdiff_t>(taken));
      double best = cost(chosen);
      for (std::uint32_t i = 0; i < n; ++i) {
        if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
        chosen.push_back(i);
        best = std::min(best, cost(chosen));
        chosen.pop_back();
      }
      if (taken < cut.nodes.size()) {
        chosen.push_back(cut.nodes[taken]);
        REQUIRE(cost(chosen) == Approx(best).epsilon(1e-12).margin(1e-9));
      } else if (taken < 12) {
        REQUIRE(cost(chosen) == Approx(best).epsilon(1e-12).margin(1e-9));
      }
    }
  }
}

TEST_CASE("cut_tree: equal leaves of a binary tree are divided evenly") {
  std::vector<std::uint32_t> parents{0};
  for (std::uint32_t i = 1; i < 127; ++i) parents.push_back((i - 1) / 2);
  std::vector<double> weights(127, 0);
  std::fill(weights.begin() + 63, weights.end(), 1.0);
  const detail::TreeCut cut = detail::cut_tree(parents, weights, 16);
  REQUIRE(cut.nodes.front() == 0);
  for (const double weight : cut.weights) REQUIRE(weight == 4);
  REQUIRE(detail::cut_tree(parents, weights, 16).nodes == cut.nodes);
}

TEST_CASE("cut_tree refuses what is no weighted forest") {
  using Parents = std::vector<std::uint32_t>;
  using Weights = std::vector<double>;
  const auto message = [](const Parents& parents, const Weights& weights, Index count) {
    return message_of<Error>([&] { detail::cut_tree(parents, weights, count); });
  };
  REQUIRE(message({0, 0}, {1}, 1) == "1 weights for 2 nodes");
  REQUIRE(message({0, 2}, {1, 1}, 1) == "node 1 has the parent 2, needed one of 2");
  REQUIRE(message({0, 0}, {1, -1}, 1).find("node 1 has the weight -1") == 0);
  REQUIRE(message({0, 0}, {1, INFINITY}, 1).find("node 1 has the weight inf") == 0);
  REQUIRE(message({0, 1}, {1, 1}, 1).find("1 nodes to choose, needed at least the 2") == 0);
  REQUIRE(message({0, 2, 1}, {1, 1, 1}, 2) == "a forest of 3 nodes with a cycle");
}
