#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "see/codes/codes_file.hpp"
#include "see/compress/plan/budget.hpp"
#include "see/compress/plan/fit_request.hpp"
#include "see/compress/plan/planned_codes.hpp"
#include "see/core/types.hpp"
#include "see/model/model.hpp"

/// What methods whose models are codes alone have in common.
namespace see::detail {

/// A model of codes alone.
inline Model<float> model_of_codes(const FitRequest& request, std::shared_ptr<const RowCodes> codes,
                                   Metadata notes) {
  EmbeddingParts<float> parts;
  parts.shape = Shape({codes->embedding_dim()});
  parts.lexicon = Lexicon::without_senses(codes->num_embeddings());
  parts.codes = std::move(codes);
  return {EntangledEmbedding<float>(std::move(parts)),
          request.table.words(),
          std::move(notes),
          {},
          Precision::f16};
}

/// The sizes that a method can plan within the budget of a request.
class CodesBudget {
 public:
  /// `notes`: those that the model will have, but for the values of its errors.
  CodesBudget(const FitRequest& request, Metadata notes)
      : request_(request),
        blank_(model_of_codes(
            request,
            std::make_shared<const PlannedCodes>(request.table.rows(), request.table.dim()),
            std::move(notes))) {}

  /// Bytes of the file whose codes plan(codes_content) describes.
  std::uint64_t bytes(const AddCodes& plan) const {
    return planned_bytes(blank_, request_.method, plan);
  }
  bool fits(const AddCodes& plan) const { return bytes(plan) <= request_.budget; }
  /// Throws where not even `smallest` fits.
  void require_room(const AddCodes& smallest) const {
    require_budget(request_.table, request_.method, request_.budget, bytes(smallest));
  }

  Model<float> model(std::shared_ptr<const RowCodes> codes) const {
    return model_of_codes(request_, std::move(codes), blank_.fit);
  }

 private:
  const FitRequest& request_;
  Model<float> blank_;
};

/// The largest number in [1, most] for which holds(number), which is monotone and true for 1.
template <class Holds>
Index largest(Index most, const Holds& holds) {
  Index low = 1, high = most > 1 ? most : 1;
  while (low < high) {
    const Index middle = (low + high + 1) / 2;
    if (holds(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

}  // namespace see::detail
