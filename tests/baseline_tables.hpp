#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "see/compress/baseline/block_codes_method.hpp"
#include "see/compress/baseline/k_means.hpp"
#include "see/compress/baseline/low_rank_method.hpp"
#include "see/compress/baseline/principal_codes_method.hpp"
#include "see/compress/baseline/product_codes_method.hpp"
#include "see/compress/baseline/tensor_train_method.hpp"
#include "see/compress/baseline/word2ketxs.hpp"
#include "see/compress/compress.hpp"
#include "see/core/row_source.hpp"
#include "see/eval/error.hpp"
#include "see/file/model_bytes.hpp"

/// Tables and models for the tests of baselines.
namespace baselines {

using see::Index;
using see::RowMatrix;
using see::Table;

inline Table table_of(RowMatrix<float> values, bool words = false) {
  std::vector<std::string> names;
  for (Index w = 0; words && w < values.rows(); ++w) names.push_back("w" + std::to_string(w));
  return {see::Vocabulary::from(names),
          std::vector<float>(values.data(), values.data() + values.size()), values.rows(),
          values.cols()};
}

inline RowMatrix<float> normal(Index rows, Index cols, std::uint64_t seed) {
  see::Random random(seed);
  RowMatrix<float> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<float>(random.normal());
  return values;
}

/// Rows with a mean, whose columns differ in variance and depend on each other.
inline Table correlated(Index rows, Index cols, bool words = true) {
  RowMatrix<float> values = normal(rows, cols, 3) * normal(cols, cols, 4);
  for (Index j = 0; j < cols; ++j)
    values.col(j) = values.col(j).array() * std::pow(0.8F, float(j)) + 2 / float(j + 1);
  return table_of(values, words);
}

template <class Source>
RowMatrix<float> rows_of(const Source& source) {
  RowMatrix<float> rows(source.num_embeddings(), source.embedding_dim());
  see::detail::forward_range(source, 0, rows);
  return rows;
}

inline RowMatrix<float> rows_of(const see::Model<>& model) { return rows_of(model.embedding); }

template <class Source>
double squared_error(const Source& source, const Table& table) {
  const RowMatrix<float> error = rows_of(source) - table.matrix();
  return error.cast<double>().squaredNorm();
}

inline const auto nothing = [](double) {};

inline see::Model<> made(const Table& table, const std::string& method, double ratio,
                         const see::Executor& run = see::serial()) {
  return see::compress(table, {.ratio = ratio, .method = method, .run = run});
}

/// The methods that are no entangled embeddings, and word2ketXS.
inline std::vector<std::string> methods() {
  return {"int8", "int4", "svd", "tt", "pq", "pca", "word2ketxs"};
}

/// A ratio that a table of a few hundred rows reaches by the method.
inline double modest_ratio(const std::string& method) { return method == "int8" ? 2 : 3; }

}  // namespace baselines
