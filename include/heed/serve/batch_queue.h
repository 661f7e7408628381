// What waits to be computed, and which of it is computed together.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace heed::serve {

/// One example of a request.
struct BatchItem {
  virtual ~BatchItem() = default;

  std::string client;  ///< Request::client
  int64_t lane = 0;    ///< only what is of one lane can be computed together
  int64_t tokens = 1;
  std::shared_ptr<const std::atomic<bool>> over = {};  ///< set: nobody waits for it any more
  std::chrono::steady_clock::time_point queued = {};
};
using BatchItemPtr = std::shared_ptr<BatchItem>;

struct BatchLimits {
  int64_t max_tokens = 16384;  ///< of a batch; a longer item is a batch alone
  int64_t max_items = 512;     ///< of a batch
  int64_t max_waiting = 4096;  ///< items of all clients
  double longest_wait = 0;     ///< seconds that the first item waits for a full batch
};

/// Items of several clients. A batch takes one item of each client in turn, so that who asks for much waits for himself and
/// nobody else; lanes take turns, too. Every function may be called by several threads.
class BatchQueue {
 public:
  explicit BatchQueue(BatchLimits limits) : limits_(limits) {}

  /// All items of a request, or none and false where too many wait already.
  bool push(const std::vector<BatchItemPtr>& items);
  /// A batch of one lane, without items that are over; waits for up to `seconds` and then gives none.
  std::vector<BatchItemPtr> take(double seconds);
  int64_t waiting() const;
  /// Items of others can be pushed no more, and take() waits no more.
  void stop();
  const BatchLimits& limits() const { return limits_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    std::string name;
    std::deque<BatchItemPtr> items;
  };
  struct Lane {
    int64_t number = 0;
    std::list<Client> clients;  // whose turn is next stands first
    int64_t tokens = 0, items = 0;
  };

  void drop_over(Lane& lane);
  Clock::time_point oldest() const;
  bool is_full() const;
  std::vector<BatchItemPtr> batch();

  const BatchLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Lane> lanes_;  // likewise
  int64_t waiting_ = 0;
  bool stopped_ = false;
};

}  // namespace heed::serve
