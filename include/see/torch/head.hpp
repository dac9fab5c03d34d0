#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "see/model/scorer.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/operation.hpp"

/// The tied output head: an embedding's rows as the weight of the output layer.
namespace see::torch {

namespace detail {

/// Hidden states as they come, side by side. Throws unless they are of the module's type and width.
template <class Scalar>
Tensor to_hidden(const Tensor& hidden, std::int64_t dim, const char* where) {
  require_type(hidden, type_of<Scalar>(), where, "hidden states");
  require(hidden.dim() >= 1 && hidden.size(-1) == dim, where, ": hidden states of ",
          name_of(hidden.sizes()), ", needed ", dim, " in the last dimension");
  return hidden.detach().contiguous();
}

/// Calls body(range, first, last) for at most 16 ranges of words, numbered in order.
template <class Body>
void for_word_ranges(Index words, const Body& body) {
  constexpr Index block = 256, most = 16;
  const Index part = ((words + block - 1) / block + most - 1) / most * block;
  for_ranges(executor(), static_cast<std::size_t>(words), static_cast<std::size_t>(part),
             [&](std::size_t first, std::size_t last) {
               body(first / static_cast<std::size_t>(part), static_cast<Index>(first),
                    static_cast<Index>(last));
             });
}

/// Calls body(first, ids, rows) for blocks of the words from `first` to `last` - 1 and their rows.
template <class Scalar, class Body>
void for_row_blocks(const see::EntangledEmbedding<Scalar>& layer, Index first, Index last,
                    const Body& body) {
  std::vector<Index> ids;
  RowMatrix<Scalar> rows;
  for (; first < last; first += 256) {
    ids.resize(static_cast<std::size_t>(std::min<Index>(256, last - first)));
    std::iota(ids.begin(), ids.end(), first);
    rows.resize(std::ssize(ids), layer.embedding_dim());
    layer.forward(ids, rows);
    body(first, std::as_const(ids), std::as_const(rows));
  }
}

/// S = H E^T.
template <class Scalar>
class Logits final : public Operation {
 public:
  Logits(std::shared_ptr<View<Scalar>> view, Tensor hidden)
      : view_(std::move(view)), hidden_(std::move(hidden)) {}

  Tensor forward() override {
    const auto& layer = view_->layer();
    std::vector<std::int64_t> sizes = hidden_.sizes().vec();
    sizes.back() = layer.num_embeddings();
    Tensor out = ::torch::empty(sizes, type_of<Scalar>());
    const Executor run = executor();
    Scorer<see::EntangledEmbedding<Scalar>>(layer, run)
        .logits(states(), as_matrix<Scalar>(out, layer.num_embeddings()), run);
    return out;
  }

  variable_list backward(const Tensor& out_gradient) override {
    const auto& layer = view_->layer();
    const auto hidden = states();
    const auto to_scores = as_matrix<Scalar>(out_gradient, layer.num_embeddings());
    std::vector<RowMatrix<Scalar>> to_hidden(16);
    variable_list gradients = view_->gradients([&](Gradient<Scalar>& gradient) {
      std::vector<Gradient<Scalar>> to_layer;
      if (!layer.is_frozen()) to_layer.assign(16, Gradient<Scalar>(layer));
      for_word_ranges(layer.num_embeddings(), [&](std::size_t range, Index first, Index last) {
        to_hidden[range].setZero(hidden.rows(), hidden.cols());
        for_row_blocks(layer, first, last, [&](Index at, const auto& ids, const auto& rows) {
          const auto some = to_scores.middleCols(at, rows.rows());
          to_hidden[range].noalias() += some * rows;
          if (to_layer.empty()) return;
          const RowMatrix<Scalar> to_rows = some.transpose() * hidden;
          layer.backward(ids, to_rows, to_layer[range]);
        });
      });
      for (const auto& each : to_layer) gradient.add(each);
    });
    Tensor to_states = ::torch::zeros(hidden_.sizes(), type_of<Scalar>());
    auto total = as_matrix<Scalar>(to_states, hidden.cols());
    for (const auto& each : to_hidden)
      if (each.size() > 0) total += each;
    gradients.push_back(to_states);
    return gradients;
  }

 private:
  RowMatrixMap<Scalar> states() const {
    return as_matrix<Scalar>(hidden_, view_->layer().embedding_dim());
  }

  std::shared_ptr<View<Scalar>> view_;
  Tensor hidden_;
};

/// make(view, hidden) applied to the parameters of `embedding` and `hidden`.
template <class Make>
Tensor apply_to_hidden(const EntangledEmbedding& embedding, const Tensor& hidden, const char* where,
                       const Make& make) {
  return std::visit(
      [&](const auto& view) {
        using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
        const Tensor states = to_hidden<Scalar>(hidden, embedding->embedding_dim(), where);
        variable_list inputs = embedding->tensors();
        inputs.push_back(hidden);
        return record(make(view, states), inputs);
      },
      embedding->view());
}

}  // namespace detail

/// Logits of hidden states against all rows of a tied embedding, from its factors where that is
/// cheaper than by rows (see::Scorer):
///
///     S = H E^T        (H: ... x d, S: ... x words)
///
/// The padding row scores 0. Gradients reach the hidden states and the embedding's parameters; they
/// take 2 * states * words * d multiply-adds and expand every row once, 256 at a time. Throws where
/// the hidden states are of another type or width, or elsewhere than on the CPU.
///
/// \code{.cpp}
///     auto scores = see::torch::logits(embed, decoder(embed(ids)));
/// \endcode
inline Tensor logits(const EntangledEmbedding& embedding, const Tensor& hidden) {
  return detail::apply_to_hidden(
      embedding, hidden, "logits", [](const auto& view, const Tensor& states) {
        using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
        return ::c10::make_intrusive<detail::Logits<Scalar>>(view, states);
      });
}

}  // namespace see::torch
