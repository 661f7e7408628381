// Work that takes time, done one piece after the other on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace heed::serve {

class JobQueue {
 public:
  explicit JobQueue(size_t longest);
  ~JobQueue();  ///< waits for the job that runs; the others are dropped
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  using Over = std::shared_ptr<std::atomic<bool>>;
  /// False where as many jobs wait as may.
  bool push(std::function<void()> work, Over over);
  /// Drops the job with that flag, if it still waits.
  void drop(const Over& over);

  size_t waiting() const;
  bool is_idle() const;

 private:
  struct Job {
    std::function<void()> work;
    Over over;
  };
  void run();

  const size_t longest_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool busy_ = false, ends_ = false;
  std::thread thread_;
};

}  // namespace heed::serve
