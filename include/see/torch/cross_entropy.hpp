#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "see/nn/softmax.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/head.hpp"

/// Softmax cross-entropy over the words of a tied embedding, fused with the output layer.
namespace see::torch {

/// Options of cross_entropy: torch's. `weight` and the reduction kNone are refused.
using CrossEntropyOptions = ::torch::nn::CrossEntropyLossOptions;

namespace detail {

/// The loss of hidden states and, where they are wanted, its gradients, in one go.
template <class Scalar>
class CrossEntropy final : public Operation {
 public:
  CrossEntropy(std::shared_ptr<View<Scalar>> view, Tensor hidden, const Tensor& targets,
               const CrossEntropyOptions& options, std::optional<Candidates> candidates,
               bool wants_gradients)
      : view_(std::move(view)),
        hidden_(std::move(hidden)),
        candidates_(std::move(candidates)),
        smoothing_(options.label_smoothing()),
        wants_gradients_(wants_gradients) {
    const Tensor words = to_ids(targets, "cross_entropy").to(::at::kLong).contiguous();
    std::vector<std::int64_t> sizes = hidden_.sizes().vec();
    sizes.pop_back();
    require(words.sizes() == sizes, "cross_entropy: targets of ", name_of(words.sizes()),
            ", needed ", name_of(sizes), " as the hidden states");
    with_ids(words, [&](auto ids) { targets_.assign(ids.begin(), ids.end()); });
    require(!options.weight().defined(), "cross_entropy: a weight of classes, needed none");
    require(smoothing_ >= 0 && smoothing_ <= 1, "cross_entropy: label_smoothing of ", smoothing_,
            ", needed 0 to 1");
    require(!candidates_ || smoothing_ == 0,
            "sampled_cross_entropy: label_smoothing, needed 0 with candidates");
    const auto reduction = ::torch::enumtype::reduction_get_enum(options.reduction());
    require(reduction != ::at::Reduction::None,
            "cross_entropy: reduction kNone, needed kMean or kSum");
    options_.reduction = reduction == ::at::Reduction::Mean ? Reduction::mean : Reduction::sum;
    options_.ignore_index = options.ignore_index();
  }

  Tensor forward() override {
    double loss = 0;
    if (!wants_gradients_) {
      loss = candidates_ ? see::sampled_cross_entropy(layer(), states(), targets_, *candidates_,
                                                      options_, executor())
                         : see::cross_entropy(layer(), states(), targets_, options_, executor());
      if (smoothing_ > 0) loss += smooth(nullptr);
    } else {
      hidden_gradient_ = ::torch::empty(hidden_.sizes(), type_of<Scalar>());
      gradients_ = view_->gradients([&](Gradient<Scalar>& gradient) {
        Gradient<Scalar>* const to_layer = layer().is_frozen() ? nullptr : &gradient;
        const auto to_states = as_matrix<Scalar>(hidden_gradient_, layer().embedding_dim());
        loss = candidates_ ? see::sampled_cross_entropy(layer(), states(), targets_, *candidates_,
                                                        to_states, to_layer, options_, executor())
                           : see::cross_entropy(layer(), states(), targets_, to_states, to_layer,
                                                options_, executor());
        if (smoothing_ > 0) loss += smooth(to_layer);
      });
    }
    return ::torch::tensor(static_cast<Scalar>(loss), type_of<Scalar>());
  }

  variable_list backward(const Tensor& out_gradient) override {
    const auto factor = static_cast<double>(out_gradient.template item<Scalar>());
    variable_list result;
    for (const Tensor& gradient : gradients_)
      result.push_back(gradient.defined() ? gradient * factor : Tensor());
    result.push_back(hidden_gradient_ * factor);
    return result;
  }

 private:
  const see::EntangledEmbedding<Scalar>& layer() const { return view_->layer(); }
  RowMatrixMap<Scalar> states() const {
    return as_matrix<Scalar>(hidden_, layer().embedding_dim());
  }

  /// What label smoothing e adds to the loss: e * sum_i (<h_i, E(t_i)> - <h_i, mean of E>), and to
  /// the gradients, where they are wanted.
  double smooth(Gradient<Scalar>* gradient) {
    const auto all = states();
    std::vector<Index> rows, words;
    for (std::size_t i = 0; i < targets_.size(); ++i)
      if (targets_[i] != options_.ignore_index) {
        rows.push_back(static_cast<Index>(i));
        words.push_back(targets_[i]);
      }
    if (rows.empty()) return 0;
    const double factor =
        smoothing_ /
        (options_.reduction == Reduction::mean ? static_cast<double>(rows.size()) : 1.0);
    const auto share = static_cast<Scalar>(factor);
    const RowMatrix<Scalar> of_targets = layer().forward(words);
    const RowVector mean = mean_row();
    double loss = 0;
    RowMatrix<Scalar> scaled(std::ssize(rows), all.cols());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const auto row = static_cast<Index>(k);
      const RowVector apart = of_targets.row(row) - mean;
      loss += static_cast<double>(all.row(rows[k]).dot(apart));
      scaled.row(row) = share * all.row(rows[k]);
      if (wants_gradients_)
        as_matrix<Scalar>(hidden_gradient_, all.cols()).row(rows[k]) += share * apart;
    }
    if (gradient) {
      layer().backward(words, scaled, *gradient, executor());
      add_to_all_rows(-scaled.colwise().sum() / static_cast<Scalar>(layer().num_embeddings()),
                      *gradient);
    }
    return factor * loss;
  }

  using RowVector = Eigen::RowVector<Scalar, Eigen::Dynamic>;

  /// The mean of all rows, summed in the order of the ranges.
  RowVector mean_row() const {
    std::vector<Eigen::RowVectorXd> sums(16);
    for_word_ranges(layer().num_embeddings(), [&](std::size_t range, Index first, Index last) {
      sums[range].setZero(layer().embedding_dim());
      for_row_blocks(layer(), first, last, [&](Index, const auto&, const auto& rows) {
        sums[range] += rows.colwise().sum().template cast<double>();
      });
    });
    Eigen::RowVectorXd total = Eigen::RowVectorXd::Zero(layer().embedding_dim());
    for (const auto& sum : sums)
      if (sum.size() > 0) total += sum;
    return (total / static_cast<double>(layer().num_embeddings())).template cast<Scalar>();
  }

  /// Adds the gradient of <each, sum of all rows>.
  void add_to_all_rows(const RowVector& each, Gradient<Scalar>& gradient) const {
    std::vector<Gradient<Scalar>> parts(16, Gradient<Scalar>(layer()));
    for_word_ranges(layer().num_embeddings(), [&](std::size_t range, Index first, Index last) {
      std::vector<Index> ids;
      for (; first < last; first += 256) {
        ids.resize(static_cast<std::size_t>(std::min<Index>(256, last - first)));
        std::iota(ids.begin(), ids.end(), first);
        const RowMatrix<Scalar> rows = each.replicate(std::ssize(ids), 1);
        layer().backward(ids, rows, parts[range]);
      }
    });
    for (const auto& part : parts) gradient.add(part);
  }

  std::shared_ptr<View<Scalar>> view_;
  Tensor hidden_;
  std::vector<Index> targets_;
  std::optional<Candidates> candidates_;
  see::CrossEntropyOptions options_;
  double smoothing_;
  bool wants_gradients_;
  Tensor hidden_gradient_;
  variable_list gradients_;
};

inline Tensor cross_entropy(const EntangledEmbedding& embedding, const Tensor& hidden,
                            const Tensor& targets, const CrossEntropyOptions& options,
                            std::optional<Candidates> candidates) {
  bool wants_gradients = hidden.defined() && hidden.requires_grad();
  for (const Tensor& tensor : embedding->tensors())
    wants_gradients = wants_gradients || tensor.requires_grad();
  wants_gradients = wants_gradients && ::torch::GradMode::is_enabled();
  return apply_to_hidden(
      embedding, hidden, "cross_entropy", [&](const auto& view, const Tensor& states) {
        using Scalar = typename std::decay_t<decltype(view->layer())>::Scalar;
        return ::c10::make_intrusive<CrossEntropy<Scalar>>(view, states, targets, options,
                                                           std::move(candidates), wants_gradients);
      });
}

}  // namespace detail

/// torch::nn::functional::cross_entropy(logits(embedding, hidden), targets, options) without the
/// logits of all positions at once: words are scored in blocks, twice where gradients are wanted,
/// which are found with the loss (forward and backward in one call).
///
///     loss_i = log(sum_w exp(s_iw)) - (1 - e) s_{i,t_i} - e * mean_w s_iw,   s_iw = <h_i, E(w)>
///
/// with label smoothing e, over the targets that are not ignore_index. Of none, the mean is 0
/// (torch: not a number). `targets` has the sizes of `hidden` without the last. Memory: 17 times
/// the gradients, and blocks of 256 words for each thread. Loss and gradients have the same bits
/// for any number of threads. Throws where sizes or types do not fit, a target is no row, or an
/// option is refused.
///
/// \code{.cpp}
///     auto loss = see::torch::cross_entropy(embed, hidden, targets);
/// \endcode
inline Tensor cross_entropy(const EntangledEmbedding& embedding, const Tensor& hidden,
                            const Tensor& targets, const CrossEntropyOptions& options = {}) {
  return detail::cross_entropy(embedding, hidden, targets, options, std::nullopt);
}

/// The same with candidates, drawn once for the batch, in place of all words: see the function of
/// the core library (see/nn/softmax.hpp). Without label smoothing.
inline Tensor sampled_cross_entropy(const EntangledEmbedding& embedding, const Tensor& hidden,
                                    const Tensor& targets, Candidates candidates,
                                    const CrossEntropyOptions& options = {}) {
  return detail::cross_entropy(embedding, hidden, targets, options, std::move(candidates));
}

}  // namespace see::torch
