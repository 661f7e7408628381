// Whether the other processes are there, watched by a thread beside the training.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/Store.hpp>

namespace heed {

/// Every process writes into the store that it lives (twice a second); the first one looks at all, the others at it. Who is
/// silent for kSilence is lost; for kShortSilence where somebody's connection broke. What happened is written into the
/// store, from which everybody has it. That is a few bytes a second and process, whatever the length of a step.
class Peers {
 public:
  static constexpr std::chrono::milliseconds kPeriod{500}, kSilence{7000}, kShortSilence{3000};
  using Names = std::vector<std::string>;  ///< by rank

  /// `connect`: another connection to the store, for the thread alone.
  using Connect = std::function<c10::intrusive_ptr<c10d::Store>()>;
  Peers(Connect connect, int64_t rank, Names names);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  /// Throws LostPeerError where somebody is lost.
  void check() const;
  /// After a connection broke with these words: waits for what is found, and throws LostPeerError.
  [[noreturn]] void find_out(const std::string& words);
  bool is_lost() const;

  /// Called from another thread, once, where somebody is lost and this process has not asked for kNotice: it computes, and
  /// would find out only when it next needs the others.
  using OnLost = std::function<void(const std::string& why)>;
  void when_lost(OnLost call);
  static constexpr std::chrono::milliseconds kNotice{2000};

  /// Nobody misses this process from now on. False where that could not be told within `most`, because the store does not
  /// answer; the object must stay then.
  [[nodiscard]] bool leave(std::chrono::milliseconds most);
  /// Tells everybody why this process ends.
  void tell(const std::string& why) noexcept;
  /// Of the first process, at the end: until the others have left, at most so long. Whether they have.
  bool wait_for_others(std::chrono::milliseconds most) const noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  void watch(const std::stop_token& stopped);
  void guard(const std::stop_token& stopped, const OnLost& call);
  void round(c10d::Store& store);
  void look_at(c10d::Store& store, int64_t rank);
  void write_told(c10d::Store& store);
  void set_lost(const std::string& why);
  std::string lost() const;

  struct Seen {
    std::string beat = {};
    Clock::time_point when = {};
    bool has_left = false;
  };

  const Connect connect_;
  const int64_t rank_;
  const Names names_;
  std::vector<Seen> seen_;  // the thread's
  int64_t beat_ = 0;
  std::atomic<bool> trouble_ = false;             // a connection of this process broke
  mutable std::atomic<bool> is_noticed_ = false;  // that somebody is lost
  std::atomic<bool> has_ended_ = false;           // the thread
  std::atomic<int64_t> left_ = 0;                 // others that ended in good order
  std::atomic<Clock::time_point> round_;          // end of the last round
  mutable std::mutex mutex_;                      // of the following
  mutable std::condition_variable changed_;
  std::string lost_;
  std::string told_;  // by this process, to be written
  bool is_told_ = false;
  std::jthread thread_, guard_;
};

}  // namespace heed
