#include "heed/serve/batch_queue.h"

#include <algorithm>

namespace heed::serve {

bool BatchQueue::push(const std::vector<BatchItemPtr>& items) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || waiting_ + std::ssize(items) > limits_.max_waiting) return false;
    for (const auto& item : items) {
      item->queued = Clock::now();
      auto lane = std::find_if(lanes_.begin(), lanes_.end(),
                               [&](const Lane& one) { return one.number == item->lane; });
      if (lane == lanes_.end()) lane = lanes_.insert(lanes_.end(), Lane{.number = item->lane});
      auto& clients = lane->clients;
      auto client = std::find_if(clients.begin(), clients.end(),
                                 [&](const Client& one) { return one.name == item->client; });
      if (client == clients.end())
        client = clients.insert(clients.end(), Client{.name = item->client});
      client->items.push_back(item);
      lane->tokens += item->tokens, ++lane->items, ++waiting_;
    }
  }
  changed_.notify_all();
  return true;
}

void BatchQueue::drop_over(Lane& lane) {
  for (auto& client : lane.clients)
    std::erase_if(client.items, [&](const BatchItemPtr& item) {
      if (!item->over || !*item->over) return false;
      lane.tokens -= item->tokens, --lane.items, --waiting_;
      return true;
    });
  lane.clients.remove_if([](const Client& client) { return client.items.empty(); });
}

BatchQueue::Clock::time_point BatchQueue::oldest() const {
  auto first = Clock::time_point::max();
  for (const auto& lane : lanes_)
    for (const auto& client : lane.clients) first = std::min(first, client.items.front()->queued);
  return first;
}

bool BatchQueue::is_full() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [this](const Lane& lane) {
    return lane.tokens >= limits_.max_tokens || lane.items >= limits_.max_items;
  });
}

/// Of the lane whose turn it is: an item of each client in turn, as long as they fit.
std::vector<BatchItemPtr> BatchQueue::batch() {
  auto& lane = lanes_.front();
  std::vector<BatchItemPtr> all;
  int64_t tokens = 0;
  while (!lane.clients.empty() && std::ssize(all) < limits_.max_items) {
    auto& client = lane.clients.front();
    const auto& item = client.items.front();
    if (!all.empty() && tokens + item->tokens > limits_.max_tokens) break;
    tokens += item->tokens;
    lane.tokens -= item->tokens, --lane.items, --waiting_;
    all.push_back(item);
    client.items.pop_front();
    if (client.items.empty())
      lane.clients.pop_front();
    else
      lane.clients.splice(lane.clients.end(), lane.clients, lane.clients.begin());
  }
  if (lane.clients.empty())
    lanes_.pop_front();
  else
    lanes_.splice(lanes_.end(), lanes_, lanes_.begin());
  return all;
}

std::vector<BatchItemPtr> BatchQueue::take(double seconds) {
  const auto duration = [](double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  };
  const auto end = Clock::now() + duration(seconds);
  std::unique_lock lock(mutex_);
  while (true) {
    for (auto& lane : lanes_) drop_over(lane);
    lanes_.remove_if([](const Lane& lane) { return lane.clients.empty(); });
    const auto now = Clock::now();
    if (!lanes_.empty()) {
      const auto due = oldest() + duration(limits_.longest_wait);
      if (is_full() || stopped_ || now >= due) return batch();
      if (now >= end) return {};
      changed_.wait_until(lock, std::min(due, end));
      continue;
    }
    if (stopped_ || now >= end) return {};
    changed_.wait_until(lock, end);
  }
}

int64_t BatchQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void BatchQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

}  // namespace heed::serve
