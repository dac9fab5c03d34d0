#pragma once

#include <functional>
#include <string_view>

namespace see {

/// Where a long job stands.
struct Progress {
  std::string_view stage;     ///< what is being done, in a word or two
  double fraction = 0;        ///< of the whole job, in [0, 1]
  double relative_error = 0;  ///< sum |x-y|^2 / sum |x|^2 so far; NaN where not known yet
};

/// Called from the thread that started the job; returning false ends the job early with what it
/// has.
using ProgressCallback = std::function<bool(const Progress&)>;

/// How a fit ended.
enum class FitStatus { converged, iteration_limit, cancelled };

inline std::string_view to_string(FitStatus status) {
  switch (status) {
    case FitStatus::converged:
      return "converged";
    case FitStatus::iteration_limit:
      return "iteration limit";
    case FitStatus::cancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace see
