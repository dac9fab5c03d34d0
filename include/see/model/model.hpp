#pragma once

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "see/core/metadata.hpp"
#include "see/core/storage.hpp"
#include "see/core/vocabulary.hpp"
#include "see/error.hpp"
#include "see/model/embedding.hpp"
#include "see/model/knowledge_notes.hpp"

namespace see {

/// An embedding with the words of its rows (or none), and what goes with it into a file: notes on
/// how it was made ("method", "relative_error", ...), what its units stand for (or nothing), and
/// the precision of its numbers that its size was planned for, which save_model() writes.
///
/// \code
///     const see::Model<> model = see::load_model("vectors.see");
///     const Eigen::RowVectorXf king = model.vector("king");
/// \endcode
template <std::floating_point Scalar = float>
struct Model {
  EntangledEmbedding<Scalar> embedding;
  Vocabulary words = {};
  Metadata fit = {};
  KnowledgeNotes knowledge = {};
  Precision precision = std::is_same_v<Scalar, double> ? Precision::f64 : Precision::f32;

  /// The row of `word`. Throws where the model has no such word.
  Index id(std::string_view word) const {
    const auto found = words.find(word);
    detail::require(found.has_value(), words.empty() ? "a model without words" : "the model",
                    " has no word \"", word, '"');
    return *found;
  }

  /// The vector of `word`. Throws as id().
  Eigen::RowVector<Scalar, Eigen::Dynamic> vector(std::string_view word) const {
    return embedding(id(word));
  }

  /// The vectors of several words, one a row. Throws as id(), before any is looked up.
  RowMatrix<Scalar> vectors(std::span<const std::string> some) const {
    std::vector<Index> ids;
    for (const std::string& word : some) ids.push_back(id(word));
    return embedding.forward(ids);
  }
};

}  // namespace see
