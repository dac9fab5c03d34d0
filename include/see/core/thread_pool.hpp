#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace see::detail {

/// Threads that share the tasks of one call at a time with the thread that calls, and wait between
/// calls: awake for some hundreds of microseconds, then asleep. They start at the first call that
/// has work for them; where the system refuses them, or their memory, those that could be had do
/// all the work.
class ThreadPool {
 public:
  /// `threads` counts the calling one.
  explicit ThreadPool(unsigned threads) : helpers_(std::max(1U, threads) - 1) {}

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  ~ThreadPool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      ++call_;
    }
    wake_.notify_all();
  }

  /// Runs task(0) ... task(count - 1) and returns when all have ended, or throws the first
  /// exception of one, after which no further task begins. A call from within a task, and one that
  /// comes while another is on, runs in its own thread. Allocates nothing once the threads are
  /// there.
  void run(std::size_t count, const std::function<void(std::size_t)>& task) {
    if (count < 2 || helpers_ == 0 || busy_.test_and_set(std::memory_order_acquire)) {
      for (std::size_t i = 0; i < count; ++i) task(i);
      return;
    }
    start(std::min(helpers_, count - 1));
    {
      const std::lock_guard lock(mutex_);
      task_ = &task;
      count_ = count;
      next_ = 0;
      ++call_;
    }
    wake_.notify_all();
    work(task);
    std::exception_ptr failure = close();
    busy_.clear(std::memory_order_release);
    if (failure) std::rethrow_exception(std::move(failure));
  }

 private:
  static constexpr int yields = 1000;  // before sleep

  void start(std::size_t wanted) {
    try {
      while (team_.size() < wanted) team_.emplace_back([this] { help(); });
    } catch (const std::exception&) {
    }
  }

  void work(const std::function<void(std::size_t)>& task) noexcept {
    for (std::size_t i = next_++; i < count_; i = next_++) {
      try {
        task(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        next_ = count_;
      }
    }
  }

  /// Lets no more helpers in, waits for those that work, and returns what has failed.
  std::exception_ptr close() {
    std::unique_lock lock(mutex_);
    task_ = nullptr;
    for (int i = 0; i < yields && working_ > 0; ++i) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    done_.wait(lock, [&] { return working_ == 0; });
    return std::exchange(failure_, nullptr);
  }

  void help() {
    std::size_t seen = 0;
    for (;;) {
      for (int i = 0; i < yields && call_ == seen; ++i) std::this_thread::yield();
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return call_ != seen; });
      if (stopping_) return;
      seen = call_;
      const auto* const task = task_;  // close() forgets it while tasks still run
      if (!task) continue;
      ++working_;
      lock.unlock();
      work(*task);
      lock.lock();
      if (--working_ == 0) done_.notify_one();
    }
  }

  const std::size_t helpers_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
  std::mutex mutex_;  // of all below but next_
  std::condition_variable wake_, done_;
  std::atomic<std::size_t> call_{0};                        // written under the mutex
  const std::function<void(std::size_t)>* task_ = nullptr;  // null between calls
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_{0};
  int working_ = 0;  // helpers within work()
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<std::jthread> team_;  // last: joined before the rest goes
};

}  // namespace see::detail
