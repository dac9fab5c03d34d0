#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "console.hpp"
#include "see/core/progress.hpp"

namespace see::cli {

/// A line on standard error that shows how far a job is; erased with the object. Nothing where
/// standard error is no terminal.
class ProgressBar {
 public:
  ProgressBar() : terminal_(error_is_terminal()) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  ~ProgressBar() {
    if (drawn_) write("\r\x1b[K");
  }

  /// Draws the line, at most ten times a second.
  void show(std::string_view stage, double fraction) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || (drawn_ && now < next_)) return;
    next_ = now + std::chrono::milliseconds(100);
    stage_ = stage;
    drawn_ = true;
    const double share = fraction > 0 ? std::min(fraction, 1.0) : 0;
    std::string bar(width, '.');
    std::fill_n(bar.begin(), static_cast<std::size_t>(share * width), '#');
    char percent[8];
    std::snprintf(percent, sizeof percent, "%3.0f%%", 100 * share);
    write("\r[" + bar + "] " + percent + "  " + stage_.substr(0, 36) + "\x1b[K");
  }

  void show(const Progress& progress) {
    std::string stage(progress.stage);
    if (progress.seconds_left >= 1) {
      const auto left = static_cast<long>(progress.seconds_left);
      char text[32];
      std::snprintf(text, sizeof text, ", %ld:%02ld left", left / 60, left % 60);
      stage += text;
    }
    show(stage, progress.fraction);
  }

  /// For a job; outlived by this object.
  ProgressCallback callback() {
    if (!terminal_) return {};
    return [this](const Progress& progress) {
      show(progress);
      return true;
    };
  }

 private:
  static constexpr int width = 40;

  static void write(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  }

  bool terminal_;
  bool drawn_ = false;
  std::string stage_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace see::cli
