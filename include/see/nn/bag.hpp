#pragma once

#include <algorithm>
#include <optional>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include "see/core/ids.hpp"
#include "see/core/parallel.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/nn/layer.hpp"

namespace see {

enum class BagMode { sum, mean, max };

/// Reduces bags of rows to one row each without holding the rows, as torch::nn::EmbeddingBag: bag b
/// is the ids from offsets[b] up to offsets[b + 1] (the last one up to the end). The layer's
/// padding row is left out of every bag; a bag of nothing else is zero.
///
///     sum_i w_i E(id_i)    or    mean of E(id_i)    or    entry-wise maximum of E(id_i)
///
/// Weights w (one a id, default 1) go with BagMode::sum alone.
template <EmbeddingLayer Layer>
class EmbeddingBag {
 public:
  using Scalar = typename Layer::Scalar;
  using Weights = std::span<const Scalar>;

  explicit EmbeddingBag(Layer layer, BagMode mode = BagMode::mean)
      : layer_(std::move(layer)), mode_(mode) {}

  Layer& layer() noexcept { return layer_; }
  const Layer& layer() const noexcept { return layer_; }
  BagMode mode() const noexcept { return mode_; }

  /// Row b of `out` becomes the reduction of bag b. Throws, and writes nothing, unless `out` is
  /// offsets.size() x embedding_dim(), every id is a row, the offsets start at 0, do not decrease
  /// and end at ids.size() or before, and weights are as many as ids (or none) and the mode is sum.
  ///
  /// Bags are shared out among the tasks of `run`, each bag whole, so the bits are the same for any
  /// executor. Cost: that of looking up ids.size() rows; memory: 64 rows a task.
  template <IdRange Ids = IdList, IdRange Offsets = IdList>
  void forward(const Ids& ids, const Offsets& offsets, RowMatrixRef<Scalar> out,
               Weights weights = {}, const Executor& run = serial()) const {
    check(ids, offsets, out.rows(), out.cols(), weights, "EmbeddingBag::forward");
    const std::vector<Index> count = bag_sizes(ids, offsets);
    std::vector<unsigned char> begun(count.size(), 0);
    out.setZero();
    for_rows(ids, offsets, run, [&](Index i, Index bag, const auto& row) {
      const auto b = static_cast<std::size_t>(bag);
      if (mode_ == BagMode::max)
        out.row(bag) = begun[b] != 0 ? out.row(bag).cwiseMax(row).eval() : row.eval();
      else
        out.row(bag) += factor(weights, i, count[b]) * row;
      begun[b] = 1;
    });
  }

  template <IdRange Ids = IdList, IdRange Offsets = IdList>
  RowMatrix<Scalar> forward(const Ids& ids, const Offsets& offsets, Weights weights = {}) const {
    RowMatrix<Scalar> out(std::ssize(detail::id_span(offsets)), layer_.embedding_dim());
    forward(ids, offsets, out, weights);
    return out;
  }

  /// Adds the gradient of <out_gradient, forward(ids, offsets, weights)> to `gradient`; writes that
  /// of weight i to weight_gradient[i] where that is not empty. For the maximum an entry's gradient
  /// goes to the first row that attains it. Throws as forward() does, and where weight_gradient has
  /// another size than ids.
  template <IdRange Ids = IdList, IdRange Offsets = IdList>
  void backward(const Ids& ids, const Offsets& offsets, ConstRowMatrixRef<Scalar> out_gradient,
                Gradient<Scalar>& gradient, Weights weights = {},
                std::span<Scalar> weight_gradient = {}, const Executor& run = serial()) const {
    check(ids, offsets, out_gradient.rows(), out_gradient.cols(), weights,
          "EmbeddingBag::backward");
    const Index total = std::ssize(detail::id_span(ids));
    detail::require(weight_gradient.empty() || static_cast<Index>(weight_gradient.size()) == total,
                    "EmbeddingBag::backward: a weight gradient of ", weight_gradient.size(),
                    ", needed ", total);
    gradient.check_form(layer_.parameter_shapes());
    const std::vector<Index> count = bag_sizes(ids, offsets);
    std::fill(weight_gradient.begin(), weight_gradient.end(), Scalar(0));
    const RowMatrix<Index> winner = mode_ == BagMode::max
                                        ? winners(ids, offsets, out_gradient.rows(), run)
                                        : RowMatrix<Index>();
    gradient.add_ranges(run, total, [&](Index begin, Index end, Gradient<Scalar>& into) {
      RowMatrix<Scalar> rows(std::min(block, end - begin), out_gradient.cols());
      for_blocks(offsets, begin, end, [&](Index first, std::span<const Index> bags) {
        const auto size = static_cast<Index>(bags.size());
        const std::vector<Index> part = part_of(ids, first, size);
        if (!weight_gradient.empty()) {
          layer_.forward(std::span<const Index>(part), rows.topRows(size));
          for (Index k = 0; k < size; ++k)
            if (!is_padding(part[static_cast<std::size_t>(k)]))
              weight_gradient[static_cast<std::size_t>(first + k)] =
                  rows.row(k).dot(out_gradient.row(bags[static_cast<std::size_t>(k)]));
        }
        for (Index k = 0; k < size; ++k) {
          const Index bag = bags[static_cast<std::size_t>(k)], i = first + k;
          if (mode_ == BagMode::max)
            rows.row(k) = (winner.row(bag).array() == i)
                              .select(out_gradient.row(bag).array(), Scalar(0))
                              .matrix();
          else
            rows.row(k) =
                factor(weights, i, count[static_cast<std::size_t>(bag)]) * out_gradient.row(bag);
        }
        layer_.backward(std::span<const Index>(part), rows.topRows(size), into);
      });
    });
  }

 private:
  static constexpr Index block = 64;

  Scalar factor(Weights weights, Index i, Index count) const {
    if (mode_ == BagMode::mean) return Scalar(1) / static_cast<Scalar>(count);
    return weights.empty() ? Scalar(1) : weights[static_cast<std::size_t>(i)];
  }

  template <IdRange Ids, IdRange Offsets>
  void check(const Ids& ids, const Offsets& offsets, Index rows, Index cols, Weights weights,
             const char* where) const {
    const auto offset = detail::id_span(offsets);
    const Index total = std::ssize(detail::id_span(ids)), bags = std::ssize(offset);
    detail::check_batch(ids, layer_.num_embeddings(), total, layer_.embedding_dim(),
                        layer_.embedding_dim(), where);
    detail::require(rows == bags && cols == layer_.embedding_dim(), where, ": a matrix of ", rows,
                    " x ", cols, ", needed ", bags, " x ", layer_.embedding_dim());
    detail::require(bags > 0 || total == 0, where, ": ", total,
                    " ids in no bag, needed at least one offset");
    for (std::size_t b = 0; b < offset.size(); ++b) {
      const Index low = b == 0 ? 0 : static_cast<Index>(offset[b - 1]);
      const Index high = b == 0 ? 0 : total;
      detail::require(
          std::cmp_greater_equal(offset[b], low) && std::cmp_less_equal(offset[b], high), where,
          ": offset ", +offset[b], " of bag ", b, ", needed ", low, " to ", high);
    }
    detail::require(
        weights.empty() || (mode_ == BagMode::sum && std::cmp_equal(weights.size(), total)), where,
        ": ", weights.size(), " weights, needed ", total, " and the mode sum");
  }

  /// Ids of each bag that are not padding.
  template <IdRange Ids, IdRange Offsets>
  std::vector<Index> bag_sizes(const Ids& ids, const Offsets& offsets) const {
    std::vector<Index> count(detail::id_span(offsets).size(), 0);
    const auto id = detail::id_span(ids);
    for_blocks(offsets, 0, std::ssize(id), [&](Index first, std::span<const Index> bags) {
      for (std::size_t k = 0; k < bags.size(); ++k)
        if (!is_padding(id[static_cast<std::size_t>(first) + k]))
          ++count[static_cast<std::size_t>(bags[k])];
    });
    return count;
  }

  template <class Id>
  bool is_padding(Id id) const {
    return layer_.padding_idx() == std::optional(static_cast<Index>(id));
  }

  /// For every entry of every bag, the id whose row attains the maximum first.
  template <IdRange Ids, IdRange Offsets>
  RowMatrix<Index> winners(const Ids& ids, const Offsets& offsets, Index bags,
                           const Executor& run) const {
    RowMatrix<Scalar> best(bags, layer_.embedding_dim());
    RowMatrix<Index> winner = RowMatrix<Index>::Constant(bags, best.cols(), -1);
    for_rows(ids, offsets, run, [&](Index i, Index bag, const auto& row) {
      for (Index k = 0; k < row.size(); ++k)
        if (winner(bag, k) < 0 || row[k] > best(bag, k)) {
          winner(bag, k) = i;
          best(bag, k) = row[k];
        }
    });
    return winner;
  }

  /// `count` ids from `first` on.
  template <IdRange Ids>
  static std::vector<Index> part_of(const Ids& ids, Index first, Index count) {
    const auto* id = detail::id_span(ids).data() + first;
    return std::vector<Index>(id, id + count);
  }

  /// Calls body(first, bags) for consecutive blocks of ids begin to end - 1; bags[k] is the bag of
  /// id first + k.
  template <IdRange Offsets, class Body>
  static void for_blocks(const Offsets& offsets, Index begin, Index end, const Body& body) {
    const auto all = detail::id_span(offsets);
    const auto* const offset = all.data();
    const auto* const last = offset + all.size();
    Index bags[block];
    // The last bag that begins at `begin` or before; bags of nothing may begin there too.
    auto bag = static_cast<Index>(
        std::upper_bound(offset, last, begin,
                         [](Index id, auto from) { return std::cmp_less(id, from); }) -
        offset - 1);
    for (Index first = begin; first < end; first += block) {
      const Index rows = std::min(block, end - first);
      for (Index k = 0; k < rows; ++k) {
        while (bag + 1 < last - offset && std::cmp_less_equal(offset[bag + 1], first + k)) ++bag;
        bags[k] = bag;
      }
      body(first, std::span<const Index>(bags, static_cast<std::size_t>(rows)));
    }
  }

  /// Calls body(i, bag, row) for every id that is not padding. The bags are shared out, some 1,024
  /// ids a task; those of a task, and the ids of a bag, come in order.
  template <IdRange Ids, IdRange Offsets, class Body>
  void for_rows(const Ids& ids, const Offsets& offsets, const Executor& run,
                const Body& body) const {
    const auto id = detail::id_span(ids);
    const auto offset = detail::id_span(offsets);
    const auto begin_of = [&](std::size_t bag) {
      return bag < offset.size() ? static_cast<Index>(offset[bag]) : std::ssize(id);
    };
    const std::size_t grain = 1 + 1024 * offset.size() / (id.size() + 1);
    for_ranges(run, offset.size(), grain, [&](std::size_t begin, std::size_t end) {
      RowMatrix<Scalar> rows(block, layer_.embedding_dim());
      const auto add_block = [&](Index first, std::span<const Index> bags) {
        const auto size = static_cast<Index>(bags.size());
        const std::vector<Index> part = part_of(ids, first, size);
        layer_.forward(std::span<const Index>(part), rows.topRows(size));
        for (Index k = 0; k < size; ++k)
          if (const auto at = static_cast<std::size_t>(k); !is_padding(part[at]))
            body(first + k, bags[at], rows.row(k));
      };
      for_blocks(offsets, begin_of(begin), begin_of(end), add_block);
    });
  }

  Layer layer_;
  BagMode mode_;
};

}  // namespace see
