#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <string>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "see/error.hpp"
#include "see/torch/distill.hpp"
#include "transformer/arguments.hpp"

/// What the command lines share.
namespace transformer {

/// A line of progress on stderr, at most one in two seconds, and the last.
class ProgressLine {
 public:
  template <class Text>
  void operator()(bool is_last, const Text& text) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_last && now - last_ < std::chrono::seconds(2)) return;
    last_ = now;
    std::fprintf(stderr, "%s\n", text().c_str());
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// A file next to `output` that is gone when the command has written that.
inline std::filesystem::path checkpoint_of(const std::filesystem::path& output) {
  auto path = output;
  return path += ".checkpoint";
}

inline long long number(std::int64_t value) { return static_cast<long long>(value); }

/// Where the command writes to. Throws where there is no such folder, before hours of work.
inline std::filesystem::path output_of(Arguments& arguments) {
  const std::filesystem::path output = arguments.text("output");
  const auto folder = output.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder))
    throw see::FileError("no folder " + folder.string() + " to write to");
  return output;
}

/// Of torch, as --threads says.
inline void set_threads(Arguments& arguments) {
  const auto threads = arguments.integer("threads", 0, 0);
  if (threads > 0) torch::set_num_threads(static_cast<int>(threads));
}

/// A step of training frees tensors of megabytes and needs them again. Has the allocator keep them:
/// as new pages of the system they take a fifth of the time.
inline void keep_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

/// The options of a distillation whose result is `output`.
inline see::torch::DistillOptions distill_options(Arguments& arguments,
                                                  const std::filesystem::path& output) {
  see::torch::DistillOptions options;
  options.match_steps(arguments.integer("steps1", 500, 0))
      .distill_steps(arguments.integer("steps2", 1000, 0))
      .learning_rate(arguments.real("rate", 0.001))
      .warmup(arguments.integer("warmup", 50))
      .hidden_weight(arguments.real("hidden", 1))
      .checkpoint(checkpoint_of(output))
      .checkpoint_every(arguments.integer("checkpoint-every", 500));
  options.soft()
      .temperature(arguments.real("temperature", 2, 0.01))
      .soft_share(std::min(1.0, arguments.real("soft", 0.5)));
  return options;
}

struct Command {
  const char* name;
  int (*run)(Arguments);
};

/// Runs the command that the first word names, or prints `help`, and returns the exit code: what
/// the command returns; 2 where the command line makes no sense, 3 where something else failed,
/// with a sentence on stderr.
inline int run_command(const std::string& program, const std::string& help,
                       std::initializer_list<Command> commands, int count, char** values) {
  const std::string name = count > 1 ? values[1] : "";
  const auto failed = [&](int code, const char* message) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), message);
    return code;
  };
  try {
    if (name == "--help" || name == "-h" || name == "help") {
      std::fputs(help.c_str(), stdout);
      return 0;
    }
    keep_memory();
    for (const Command& command : commands)
      if (name == command.name) return command.run(Arguments(count, values, 2));
    throw UsageError((name.empty() ? "no command" : "unknown command " + name) + "; " + program +
                     " --help lists them");
  } catch (const UsageError& error) {
    return failed(2, error.what());
  } catch (const c10::Error& error) {
    return failed(3, error.what_without_backtrace());
  } catch (const std::exception& error) {
    return failed(3, error.what());
  }
}

}  // namespace transformer
