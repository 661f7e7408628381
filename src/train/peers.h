// Whether the other processes are there, watched by a thread beside the training.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "train/peer_messages.h"

namespace heed {

/// Every process tells the first one twice a second that it lives, and hears the same of it. Who is silent for kSilence, or whose
/// connection closes before it has said that it leaves, is lost; the first process tells everybody. That is a few bytes a second and
/// process, whatever the length of a step.
class Peers {
 public:
  static constexpr std::chrono::milliseconds kPeriod{500}, kSilence{7000};
  using Names = std::vector<std::string>;  ///< by rank

  Peers(std::unique_ptr<PeerMessages> messages, int64_t rank, Names names);
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

  /// Waits until all have come here, so that nobody closes a connection that another needs. False where somebody is lost.
  bool arrive();
  /// Of the first process, at the end: until the others have left, at most so long. Whether they have.
  bool wait_for_others(std::chrono::milliseconds most) const noexcept;
  /// Nobody misses this process from now on.
  void leave();
  /// Tells everybody why this process ends.
  void tell(const std::string& why) noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  using Kind = PeerMessages::Kind;
  void watch(const std::stop_token& stopped);
  void guard(const std::stop_token& stopped, const OnLost& call);
  void say(Kind kind, const std::string& text = "");
  void say_wanted();
  void take(const PeerMessages::Message& message);
  void count_silence(std::chrono::milliseconds elapsed);
  void say_goodbye();
  void expect_end(const std::string& name);
  void lose(const std::string& why);
  void count_arrived();
  std::string lost() const;
  bool is_others_end(int64_t rank) const { return rank != rank_ && (rank_ == 0 || rank == 0); }

  struct Seen {
    std::chrono::milliseconds silent{0};  // while this process was awake
    bool has_left = false;
  };

  const std::unique_ptr<PeerMessages> messages_;
  const int64_t rank_;
  const Names names_;
  std::vector<Seen> seen_;                        // the thread's
  int64_t others_arrived_ = 0;                    // the thread's
  mutable std::atomic<bool> is_noticed_ = false;  // that somebody is lost
  std::atomic<int64_t> left_ = 0;                 // others that ended in good order
  mutable std::mutex mutex_;                      // of the following
  mutable std::condition_variable changed_;
  std::string lost_;
  std::string told_;  // by this process, to be sent
  bool is_told_ = false, is_arriving_ = false, has_arrived_ = false, have_all_arrived_ = false;
  std::jthread thread_, guard_;
};

}  // namespace heed
