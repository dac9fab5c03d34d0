#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

#include "see/error.hpp"

namespace see {

/// Where a long job stands.
struct Progress {
  std::string_view stage;     ///< what is being done, in a word or two
  double fraction = 0;        ///< of the whole job, in [0, 1]
  double relative_error = 0;  ///< sum |x-y|^2 / sum |x|^2 so far; NaN where not known yet
  double seconds_left = 0;    ///< by the time that the fraction took; NaN where not known yet
};

/// Called from the thread that started the job; returning false cancels it: the job throws
/// Cancelled.
using ProgressCallback = std::function<bool(const Progress&)>;

/// What a job throws that its progress callback cancelled.
class Cancelled : public Error {
 public:
  Cancelled() : Error("the job was cancelled") {}
};

namespace detail {

/// Tells a callback, which may be empty, how far a job is.
class ProgressReport {
 public:
  explicit ProgressReport(ProgressCallback callback) : callback_(std::move(callback)) {}

  /// Throws Cancelled where the callback returns false.
  void operator()(std::string_view stage, double fraction,
                  double relative_error = std::numeric_limits<double>::quiet_NaN()) const {
    if (!callback_) return;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    const double left = fraction > 0 ? passed.count() * (1 - fraction) / fraction
                                     : std::numeric_limits<double>::quiet_NaN();
    if (!callback_({stage, fraction, relative_error, left})) throw Cancelled();
  }

  /// A callback for a part of the job, from fraction `first` of the whole on to `last`.
  ProgressCallback part(double first, double last) const {
    if (!callback_) return {};
    return [*this, first, last](const Progress& part) {
      (*this)(part.stage, first + (last - first) * part.fraction, part.relative_error);
      return true;
    };
  }

 private:
  ProgressCallback callback_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace detail

/// How a fit ended.
enum class FitStatus { converged, iteration_limit };

inline std::string_view to_string(FitStatus status) {
  return status == FitStatus::converged ? "converged" : "iteration limit";
}

}  // namespace see
