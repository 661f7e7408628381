// Threads in place of the processes of a ring.
#pragma once

#include <torch/torch.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "ops/ring.h"

namespace heed {

/// What each thread sends lies here until the next one takes it.
class RingTable {
 public:
  explicit RingTable(int64_t count) : sent_(static_cast<size_t>(count)) {}
  void put(int64_t rank, const at::Tensor& values) {
    const std::lock_guard lock(mutex_);
    sent_[static_cast<size_t>(rank)].push_back(values.clone());
    changed_.notify_all();
  }
  at::Tensor take(int64_t rank, size_t number) {
    std::unique_lock lock(mutex_);
    const auto& of = sent_[static_cast<size_t>(rank)];
    changed_.wait(lock, [&] { return of.size() > number; });
    return of[number];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<at::Tensor>> sent_;
};

class RingSeat : public Ring {
 public:
  RingSeat(RingTable& table, int64_t rank, int64_t count)
      : table_(table), rank_(rank), count_(count) {}
  int64_t rank() const override { return rank_; }
  int64_t count() const override { return count_; }
  std::function<void()> start_pass(at::Tensor from, at::Tensor to) override {
    table_.put(rank_, from);
    return [this, to, number = passes_++] {
      to.copy_(table_.take((rank_ + count_ - 1) % count_, number));
    };
  }

 private:
  RingTable& table_;
  int64_t rank_, count_;
  size_t passes_ = 0;
};

/// work(seat) on `count` threads.
inline void in_ring(int64_t count, const std::function<void(Ring&)>& work) {
  RingTable table(count);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      RingSeat seat(table, rank, count);
      work(seat);
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace heed
