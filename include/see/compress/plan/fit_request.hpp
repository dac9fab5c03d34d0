#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "see/compress/compress_options.hpp"
#include "see/core/progress.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"

namespace see::detail {

/// What a method is asked to make: a model of `table` whose file takes at most `budget` bytes, the
/// vocabulary not counted. The table has rows and columns, its numbers are finite, and the options
/// are valid and such as the method takes. `table` and `options` outlive the request.
struct FitRequest {
  const Table& table;
  const CompressOptions& options;
  std::string_view method;  ///< its name in the registry
  std::uint64_t budget;
  std::vector<float> weights;  ///< row_weights(): one a row, or none where all count alike
  ProgressReport report;
};

/// Throws where a fit came to nothing.
inline void require_better_than_zeros(double relative_error, const FitRequest& request) {
  require(relative_error < 1, "a model of ", request.budget, " bytes by method ", request.method,
          " that errs as zeros would (relative error ", relative_error,
          "), needed more bytes or another method");
}

}  // namespace see::detail
