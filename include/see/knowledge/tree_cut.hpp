#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "see/core/finite.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see::detail {

/// Some nodes of a forest. Every node belongs to the cluster of its nearest chosen ancestor, itself
/// included; the roots are always chosen.
struct TreeCut {
  std::vector<std::uint32_t> nodes;  ///< in the order of choice, roots first
  std::vector<double> weights;       ///< sum of the weights of each node's cluster
};

class TreeCutter {
 public:
  TreeCutter(std::span<const std::uint32_t> parents, std::span<const double> weights) {
    const std::size_t n = parents.size();
    std::vector<std::uint32_t> first(n + 1, 0), child(n), path, roots;
    for (std::size_t i = 0; i < n; ++i)
      if (parents[i] != i) ++first[parents[i]];
    for (std::size_t i = 1; i <= n; ++i) first[i] += first[i - 1];
    for (std::size_t i = n; i-- > 0;) {
      if (parents[i] == i)
        path.push_back(static_cast<std::uint32_t>(i));
      else
        child[--first[parents[i]]] = static_cast<std::uint32_t>(i);
    }
    end_.resize(n);
    std::vector<std::uint32_t> position(n);
    // A node is met twice: when it gets its position, and when all below it have theirs.
    std::vector<bool> met(n);
    while (!path.empty()) {
      const auto node = path.back();
      if (met[node]) {
        end_[position[node]] = static_cast<std::uint32_t>(node_.size());
        path.pop_back();
        continue;
      }
      met[node] = true;
      position[node] = static_cast<std::uint32_t>(node_.size());
      node_.push_back(node);
      parent_.push_back(position[parents[node]]);
      weight_.push_back(weights[node]);
      for (auto c = first[node + 1]; c-- > first[node];) path.push_back(child[c]);
    }
    require(node_.size() == n, "a forest of ", n, " nodes with a cycle");
    sum_.assign(n, 0);
  }

  TreeCut cut(std::size_t count) {
    TreeCut result;
    for (std::size_t p = 0; p < node_.size(); p = end_[p]) {
      std::vector<std::uint32_t> members(end_[p] - p);
      for (std::size_t i = 0; i < members.size(); ++i)
        members[i] = static_cast<std::uint32_t>(p + i);
      add_cluster(std::move(members), result);
    }
    while (result.nodes.size() < count && !queue_.empty()) {
      const Split split = queue_.top();
      queue_.pop();
      divide(split, result);
    }
    return result;
  }

 private:
  struct Split {
    double gain;
    std::uint32_t position;
    std::size_t cluster;
    std::uint32_t node;

    bool operator<(const Split& other) const {
      return gain != other.gain ? gain < other.gain : node > other.node;
    }
  };

  static double bits(double weight) { return weight > 0 ? weight * std::log2(weight) : 0; }

  void add_cluster(std::vector<std::uint32_t> members, TreeCut& result) {
    result.nodes.push_back(node_[members.front()]);
    result.weights.push_back(0);
    clusters_.push_back(std::move(members));
    propose(clusters_.size() - 1, result);
  }

  /// Weighs cluster `c` and queues its best split, if any lowers the cost.
  void propose(std::size_t c, TreeCut& result) {
    const auto& members = clusters_[c];
    for (const auto p : members) sum_[p] = 0;
    for (std::size_t i = members.size(); i-- > 0;) {
      const auto p = members[i];
      sum_[p] += weight_[p];
      if (i > 0) sum_[parent_[p]] += sum_[p];
    }
    const double all = sum_[members.front()];
    result.weights[c] = all;
    Split best{0, 0, c, 0};
    for (std::size_t i = 1; i < members.size(); ++i) {
      const auto p = members[i];
      const Split split{bits(all) - bits(sum_[p]) - bits(all - sum_[p]), p, c, node_[p]};
      if (best < split) best = split;
    }
    if (best.gain > 0) queue_.push(best);
  }

  void divide(const Split& split, TreeCut& result) {
    auto& members = clusters_[split.cluster];
    const auto first = std::lower_bound(members.begin(), members.end(), split.position);
    const auto last = std::lower_bound(first, members.end(), end_[split.position]);
    std::vector<std::uint32_t> below(first, last);
    members.erase(first, last);
    propose(split.cluster, result);
    add_cluster(std::move(below), result);
  }

  // By position in an order where what lies below a node follows it.
  std::vector<std::uint32_t> node_, parent_, end_;
  std::vector<double> weight_, sum_;
  std::vector<std::vector<std::uint32_t>> clusters_;
  std::priority_queue<Split> queue_;
};

/// Chooses at most `count` nodes of a forest so that they cover its weight evenly: the cost
///
///     sum_i w_i * log2(W_c(i)),   c(i) the cluster of node i, W_c the sum of w over cluster c,
///
/// is, but for a constant, how many bits it takes to name a node, drawn with probability
/// proportional to w, once its cluster is known; its least value for `count` clusters is that of
/// equal ones. Greedy: the roots, then again and again the node whose choice lowers the cost most,
/// which halves heavy clusters first; of equal ones that of the lower number. Chooses fewer than
/// `count` where no further node lowers the cost. parents[i] is the parent of i, i itself where i
/// is a root; w >= 0. O(count * n) at worst, O(n log count) where splits are balanced. Throws for
/// fewer than the roots, and parents with a cycle.
inline TreeCut cut_tree(std::span<const std::uint32_t> parents, std::span<const double> weights,
                        Index count) {
  require(parents.size() == weights.size(), weights.size(), " weights for ", parents.size(),
          " nodes");
  Index roots = 0;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    require(parents[i] < parents.size(), "node ", i, " has the parent ", parents[i],
            ", needed one of ", parents.size());
    require(weights[i] >= 0 && is_finite(weights[i]), "node ", i, " has the weight ", weights[i],
            ", needed a finite one of at least 0");
    roots += parents[i] == i;
  }
  require(count >= roots, count, " nodes to choose, needed at least the ", roots,
          " roots of the forest");
  return TreeCutter(parents, weights).cut(static_cast<std::size_t>(count));
}

}  // namespace see::detail
