#include "serve/job_queue.h"

#include <algorithm>

namespace heed::serve {

JobQueue::JobQueue(size_t longest) : longest_(longest), thread_([this] { run(); }) {}

JobQueue::~JobQueue() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    jobs_.clear();
  }
  changed_.notify_all();
  thread_.join();
}

bool JobQueue::push(std::function<void()> work, Over over) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= longest_) return false;
    jobs_.push_back({std::move(work), std::move(over)});
  }
  changed_.notify_one();
  return true;
}

void JobQueue::drop(const Over& over) {
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [&](const Job& job) { return job.over == over; });
}

size_t JobQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

bool JobQueue::is_idle() const {
  const std::lock_guard lock(mutex_);
  return jobs_.empty() && !busy_;
}

void JobQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    busy_ = false;
    changed_.wait(lock, [this] { return ends_ || !jobs_.empty(); });
    if (ends_) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    lock.unlock();
    job.work();
    job = {};
    lock.lock();
  }
}

}  // namespace heed::serve
