#pragma once

#include <cstddef>
#include <vector>

#include "see/compress/prune/row_loss.hpp"
#include "see/core/ids.hpp"
#include "see/core/linear_algebra.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"

namespace see {

/// A RowLoss from few gradients of a loss with respect to rows: the second moments of all of them,
/// and how often each row had one,
///
///     weights[w] = n_w + 1,   activation = sum r r' / sum n_w
///
/// so that n_w times the activation stands for row w's own sum r r', of which a few batches tell
/// little where words are many (Kronecker factors of the Fisher information: Martens and Grosse,
/// arXiv 1503.05671). One more of each row keeps rows that had none.
class GradientMoments {
 public:
  /// Of a layer of `rows` rows of `dim` numbers.
  GradientMoments(Index rows, Index dim)
      : counts_(static_cast<std::size_t>(rows), 0.0), sums_(RowMatrix<double>::Zero(dim, dim)) {}

  /// Adds a batch: row i of `gradients` is that of the loss with respect to row ids[i], a sample of
  /// its own; `samples` is n where the loss is a mean over n. Throws, and adds nothing, where an id
  /// is no row or the gradients are not ids.size() x dim. O(ids.size() dim^2).
  template <IdRange Ids = IdList>
  void add(const Ids& ids, ConstRowMatrixRef<float> gradients, double samples = 1) {
    detail::check_batch(ids, static_cast<Index>(counts_.size()), gradients.rows(), gradients.cols(),
                        sums_.rows(), "GradientMoments::add");
    const RowMatrix<double> rows = samples * gradients.cast<double>();
    detail::add_product(detail::view(rows.transpose()), detail::view(rows), sums_.data(),
                        sums_.cols());
    for (const auto id : detail::id_span(ids)) counts_[static_cast<std::size_t>(id)] += 1;
    count_ += static_cast<double>(rows.rows());
  }

  /// Throws where no gradient was added.
  RowLoss loss() const {
    detail::require(count_ > 0, "moments of no gradients, needed a batch of them");
    RowLoss loss;
    for (const double count : counts_) loss.weights.push_back(static_cast<float>(count + 1));
    loss.activation = (sums_ / count_).cast<float>();
    return loss;
  }

 private:
  std::vector<double> counts_;
  RowMatrix<double> sums_;
  double count_ = 0;
};

}  // namespace see
