#pragma once

#include <torch/torch.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "see/core/parallel.hpp"
#include "see/torch/tensor.hpp"

/// Attention of several heads without a transposed copy, and its gradient.
namespace transformer {

/// attention() and its gradient.
class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Map = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;

  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const torch::Tensor& query,
                                                const torch::Tensor& both,
                                                const torch::Tensor& lengths, std::int64_t heads,
                                                bool causal) {
    const Sizes sizes(query, both, lengths, heads);
    const torch::Tensor q = query.detach().contiguous(), kv = both.detach().contiguous();
    torch::Tensor out = torch::empty_like(q);
    torch::Tensor shares = torch::zeros({sizes.batch, heads, sizes.queries, sizes.keys});
    sizes.for_each([&](std::int64_t b, std::int64_t h) {
      auto p = sizes.shares(shares, b, h);
      p.noalias() = sizes.rows(q, b, h) * sizes.key(kv, b, h).transpose();
      for (std::int64_t i = 0; i < sizes.queries; ++i) {
        const std::int64_t last = sizes.keys - sizes.queries + i + 1;
        const std::int64_t seen = causal ? std::min(p.cols(), last) : p.cols();
        auto row = p.row(i).head(seen).array();
        row = ((row - row.maxCoeff()) * sizes.scale).exp();
        row *= 1 / row.sum();
        p.row(i).tail(p.cols() - seen).setZero();
      }
      sizes.rows(out, b, h).noalias() = p * sizes.value(kv, b, h);
    });
    context->save_for_backward({q, kv, lengths, shares});
    context->saved_data["heads"] = heads;
    context->mark_non_differentiable({shares});
    return {out, shares};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list out_gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &q = saved[0], &kv = saved[1], &shares = saved[3];
    const Sizes sizes(q, kv, saved[2], context->saved_data["heads"].toInt());
    const torch::Tensor to_out = out_gradients[0].contiguous();
    torch::Tensor to_q = torch::empty_like(q), to_kv = torch::zeros_like(kv);
    sizes.for_each([&](std::int64_t b, std::int64_t h) {
      const auto p = sizes.shares(shares, b, h);
      const auto from = sizes.rows(to_out, b, h);
      sizes.value(to_kv, b, h).noalias() = p.transpose() * from;
      thread_local Matrix scores;
      scores.noalias() = from * sizes.value(kv, b, h).transpose();
      for (std::int64_t i = 0; i < sizes.queries; ++i) {
        const float mean = scores.row(i).dot(p.row(i));
        scores.row(i) = p.row(i).array() * (scores.row(i).array() - mean) * sizes.scale;
      }
      sizes.rows(to_q, b, h).noalias() = scores * sizes.key(kv, b, h);
      sizes.key(to_kv, b, h).noalias() = scores.transpose() * sizes.rows(q, b, h);
    });
    return {to_q, to_kv, torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }

 private:
  /// Where the numbers of a head are.
  struct Sizes {
    Sizes(const torch::Tensor& query, const torch::Tensor& both, const torch::Tensor& lengths,
          std::int64_t count)
        : batch(query.size(0)),
          queries(query.size(1)),
          keys(both.size(1)),
          dim(query.size(2)),
          heads(count),
          head(dim / count),
          scale(1 / std::sqrt(static_cast<float>(head))),
          length(lengths.data_ptr<std::int64_t>()) {}

    /// Rows of a batch x queries x dim tensor that belong to a head.
    Map rows(const torch::Tensor& x, std::int64_t b, std::int64_t h) const {
      return {x.data_ptr<float>() + b * queries * dim + h * head, queries, head,
              Eigen::OuterStride<>(dim)};
    }
    Map key(const torch::Tensor& both, std::int64_t b, std::int64_t h) const {
      return {both.data_ptr<float>() + 2 * b * keys * dim + h * head, seen(b), head,
              Eigen::OuterStride<>(2 * dim)};
    }
    Map value(const torch::Tensor& both, std::int64_t b, std::int64_t h) const {
      return {both.data_ptr<float>() + (2 * b * keys + 1) * dim + h * head, seen(b), head,
              Eigen::OuterStride<>(2 * dim)};
    }
    Map shares(const torch::Tensor& x, std::int64_t b, std::int64_t h) const {
      return {x.data_ptr<float>() + (b * heads + h) * queries * keys, queries, seen(b),
              Eigen::OuterStride<>(keys)};
    }
    std::int64_t seen(std::int64_t b) const { return length[b]; }

    template <class Visit>
    void for_each(const Visit& visit) const {
      const auto count = static_cast<std::size_t>(batch);
      const std::size_t grain = (count + 15) / 16;
      see::for_ranges(see::torch::executor(), count, grain, [&](auto first, auto last) {
        for (auto b = first; b < last; ++b)
          for (std::int64_t h = 0; h < heads; ++h) visit(static_cast<std::int64_t>(b), h);
      });
    }

    std::int64_t batch, queries, keys, dim, heads, head;
    float scale;
    const std::int64_t* length;
  };
};

/// softmax(Q K' / sqrt(head) + mask) V of each head, where dim = heads * head. `query` is
/// batch x queries x dim and `both` batch x keys x (2 dim), keys before values; position b, i of
/// the query sees the keys before lengths[b] (all, where that is undefined), and where `causal`
/// none after its own: the queries are the last positions of the keys. Returns batch x queries x
/// dim and the shares, batch x heads x queries x keys. Float alone.
inline torch::autograd::variable_list attention(const torch::Tensor& query,
                                                const torch::Tensor& both,
                                                const torch::Tensor& lengths, std::int64_t heads,
                                                bool causal) {
  const torch::Tensor seen =
      lengths.defined() ? lengths : torch::full({query.size(0)}, both.size(1), torch::kLong);
  return AttentionFunction::apply(query, both, seen, heads, causal);
}

}  // namespace transformer
