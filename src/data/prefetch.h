// Batches made ahead on background threads, handed out in their order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "heed/core/error.h"
#include "heed/data/cursor.h"

namespace heed::data {

/// The records of each batch of an epoch.
using Plan = std::vector<std::vector<int64_t>>;

/// An order of records cut into batches; the last holds what is left.
inline Plan cut(const std::vector<int64_t>& order, int64_t batch) {
  Plan plan;
  const auto size = std::ssize(order);
  for (int64_t first = 0; first < size; first += batch)
    plan.emplace_back(order.begin() + first, order.begin() + std::min(size, first + batch));
  return plan;
}

/// Workers take batches in order under the mutex, make them without it, and leave each in the slot
/// of its number. The consumer empties slots in order, so the number of workers changes nothing but
/// the speed. A cursor counts records.
template <class Batch>
class Prefetch {
 public:
  /// The batches of an epoch behind its first `position` records.
  using MakePlan = std::function<Plan(int64_t epoch, int64_t position)>;
  using Make = std::function<Batch(const std::vector<int64_t>& records, int64_t epoch)>;

  /// `size` records an epoch, cut by `plan` into `batches` batches.
  Prefetch(int64_t size, int64_t batches, int64_t workers, MakePlan plan, Make make)
      : size_(size), batches_(batches), plan_of_(std::move(plan)), make_(std::move(make)) {
    slots_.resize(static_cast<size_t>(workers) + 1);
  }
  ~Prefetch() { stop(); }

  /// Throws what making the batch threw; the cursor then stays before it.
  std::optional<Batch> next() {
    if (cursor_.position == size_) {
      cursor_ = {cursor_.epoch + 1, 0};
      return std::nullopt;
    }
    if (workers_.empty()) start();
    std::unique_lock lock(mutex_);
    auto& slot = slots_[static_cast<size_t>(taken_) % slots_.size()];
    ready_.wait(lock, [&] { return slot.has_value(); });
    if (slot->error) std::rethrow_exception(slot->error);
    auto batch = std::move(slot->batch);
    const int64_t records = slot->records;
    slot.reset();
    ++taken_;
    lock.unlock();
    free_.notify_one();
    cursor_.position += records;
    return batch;
  }

  const Cursor& cursor() const { return cursor_; }
  int64_t batches() const { return batches_; }

  void seek(const Cursor& cursor) {
    if (cursor.epoch < 0 || cursor.epoch > UINT32_MAX || cursor.position < 0 ||
        cursor.position > size_)
      throw UsageError("loader: no position " + std::to_string(cursor.position) + " of epoch " +
                       std::to_string(cursor.epoch) + "; expected a position in 0 .. " +
                       std::to_string(size_) + " (does the cursor belong to other data?)");
    stop();
    cursor_ = cursor;
  }

 private:
  /// A batch, or why there is none.
  struct Result {
    std::optional<Batch> batch;
    int64_t records = 0;
    std::exception_ptr error;
  };

  void start() {
    epoch_ = cursor_.epoch;
    plan_ = std::make_shared<const Plan>(plan_of_(epoch_, cursor_.position));
    planned_ = 0;
    given_ = taken_ = 0;
    for (auto& slot : slots_) slot.reset();
    try {
      for (size_t i = 0; i + 1 < slots_.size(); ++i)
        workers_.emplace_back([this](const std::stop_token& stopped) { work(stopped); });
    } catch (const std::system_error& error) {  // those that run do the others' work
      if (workers_.empty())
        throw Error(Failure::memory, "loader: cannot start a thread: " + error.code().message() +
                                         "; raise the limit of processes (ulimit -u)");
    }
  }

  void stop() {
    for (auto& worker : workers_) worker.request_stop();
    workers_.clear();  // joins
  }

  void work(const std::stop_token& stopped) {
    std::unique_lock lock(mutex_);
    const auto room = [&] { return given_ - taken_ < std::ssize(slots_); };
    while (free_.wait(lock, stopped, room) && !stopped.stop_requested()) {
      auto& slot = slots_[static_cast<size_t>(given_++) % slots_.size()];
      Result result;
      try {
        if (planned_ == plan_->size()) {
          plan_ = std::make_shared<const Plan>(plan_of_(++epoch_, 0));
          planned_ = 0;
        }
        const auto plan = plan_;
        const auto& records = (*plan)[planned_++];
        const int64_t epoch = epoch_;
        lock.unlock();
        result.records = std::ssize(records);
        result.batch = make_(records, epoch);
      } catch (...) {
        result.error = std::current_exception();
      }
      if (!lock.owns_lock()) lock.lock();
      slot = std::move(result);
      ready_.notify_one();
    }
  }

  const int64_t size_, batches_;
  const MakePlan plan_of_;
  const Make make_;
  Cursor cursor_;  // the consumer's

  std::mutex mutex_;                          // guards all below
  std::condition_variable_any free_;          // a slot was emptied
  std::condition_variable_any ready_;         // a slot was filled
  std::vector<std::optional<Result>> slots_;  // batch n lies in slot n % size
  int64_t given_ = 0, taken_ = 0;             // batches given to workers, taken by the consumer
  int64_t epoch_ = 0;                         // of plan_
  std::shared_ptr<const Plan> plan_;
  size_t planned_ = 0;  // batches of plan_ that workers have
  std::vector<std::jthread> workers_;
};

}  // namespace heed::data
