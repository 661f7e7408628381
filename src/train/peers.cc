#include "train/peers.h"

#include <optional>
#include <utility>

#include "heed/core/error.h"

namespace heed {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMostGoodbye{1000};  // until the first process has answered

/// A lost process' message says what to do.
std::string lost_text(const std::string& name, const std::string& why) {
  return name + " is lost: " + why +
         " (killed, stopped or cut off); the run goes on from its newest checkpoint by --resume";
}

std::string silence_text() {
  const auto time = std::chrono::duration_cast<std::chrono::seconds>(Peers::kSilence).count();
  return "nothing was heard of it for " + std::to_string(time) + " s";
}

}  // namespace

Peers::Peers(std::unique_ptr<PeerMessages> messages, int64_t rank, Names names)
    : messages_(std::move(messages)), rank_(rank), names_(std::move(names)), seen_(names_.size()) {
  thread_ = std::jthread([this](const std::stop_token& stopped) {
    try {
      watch(stopped);
    } catch (const std::exception& error) {
      lose(std::string("the other processes are not watched any more: ") + error.what());
    }
  });
}

Peers::~Peers() {
  for (auto* thread : {&thread_, &guard_}) thread->request_stop();
  messages_->wake();
  changed_.notify_all();
}

void Peers::when_lost(OnLost call) {
  guard_ = std::jthread(
      [this, call = std::move(call)](const std::stop_token& stopped) { guard(stopped, call); });
}

void Peers::guard(const std::stop_token& stopped, const OnLost& call) {
  std::optional<Clock::time_point> since;
  while (!stopped.stop_requested() && !is_noticed_) {
    if (const auto why = lost(); !why.empty()) {
      if (!since) since = Clock::now();
      if (Clock::now() - *since > kNotice) return call(why);
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPeriod, [&] { return stopped.stop_requested(); });
  }
}

void Peers::leave() {
  for (auto* thread : {&thread_, &guard_}) thread->request_stop();
  { const std::lock_guard lock(mutex_); }  // whoever looks at the wish to stop has begun to wait
  messages_->wake();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

/// To the first process; of that to all others.
void Peers::say(Kind kind, const std::string& text) {
  for (int64_t other = 0; other < std::ssize(names_); ++other)
    if (is_others_end(other)) messages_->send(other, kind, text);
}

void Peers::watch(const std::stop_token& stopped) {
  auto before = Clock::now(), next = before;
  while (!stopped.stop_requested()) {
    if (before >= next) say(Kind::alive), next = before + kPeriod;
    say_wanted();
    const auto most = std::chrono::ceil<milliseconds>(next - before);
    for (const auto& message : messages_->wait(most)) take(message);
    const auto now = Clock::now();
    count_silence(std::chrono::duration_cast<milliseconds>(now - before));
    before = now;
  }
  say_wanted();
  if (rank_ != 0) say_goodbye();
}

void Peers::say_goodbye() {
  say(Kind::leaving);
  for (const auto end = Clock::now() + kMostGoodbye; !seen_[0].has_left && Clock::now() < end;)
    for (const auto& message : messages_->wait(milliseconds(50))) take(message);
}

/// What other threads of this process want to be said.
void Peers::say_wanted() {
  std::optional<std::string> told;
  bool arrives = false;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_told_, false)) told = told_;
    arrives = is_arriving_ && !std::exchange(has_arrived_, is_arriving_);
  }
  if (told) say(Kind::failed, *told);
  if (!arrives) return;
  if (rank_ != 0) return say(Kind::arrived);
  count_arrived();
}

/// Of the first process.
void Peers::count_arrived() {
  {
    const std::lock_guard lock(mutex_);
    if (!has_arrived_ || others_arrived_ + 1 < std::ssize(names_)) return;
    have_all_arrived_ = true;
  }
  changed_.notify_all();
  say(Kind::all_arrived);
}

void Peers::take(const PeerMessages::Message& message) {
  auto& seen = seen_[static_cast<size_t>(message.from)];
  seen.silent = milliseconds(0);
  switch (message.kind) {
    case Kind::failed:
      return lose(message.text);
    case Kind::arrived:
      ++others_arrived_;
      return count_arrived();
    case Kind::all_arrived: {
      const std::lock_guard lock(mutex_);
      have_all_arrived_ = true;
      return changed_.notify_all();
    }
    case Kind::leaving:
      seen.has_left = true, ++left_;
      messages_->send(message.from, Kind::left);
      return expect_end(names_[static_cast<size_t>(message.from)]);
    case Kind::left:
      seen.has_left = true;
      return;
    case Kind::closed:
      if (!std::exchange(seen.has_left, true))
        ++left_, lose(lost_text(names_[static_cast<size_t>(message.from)], "its connection broke"));
      return;
    case Kind::alive:
    case Kind::hello:
      return;
  }
}

/// Who leaves before all have arrived is missed by those who still need it.
void Peers::expect_end(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (have_all_arrived_) return;
  }
  lose(name + " has ended before the others");
}

/// Time in which this process itself was stopped counts as one round.
void Peers::count_silence(milliseconds elapsed) {
  for (size_t other = 0; other < seen_.size(); ++other) {
    auto& seen = seen_[other];
    if (!is_others_end(static_cast<int64_t>(other)) || seen.has_left) continue;
    seen.silent += std::min(elapsed, 2 * kPeriod);
    if (seen.silent >= kSilence && !is_lost()) lose(lost_text(names_[other], silence_text()));
  }
}

/// The first reason counts; the first process tells it to everybody.
void Peers::lose(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (!lost_.empty()) return;
    lost_ = why;
  }
  changed_.notify_all();
  if (rank_ == 0) say(Kind::failed, why);
}

std::string Peers::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

bool Peers::is_lost() const { return !lost().empty(); }

void Peers::check() const {
  const auto why = lost();
  if (why.empty()) return;
  is_noticed_ = true;
  throw LostPeerError(why);
}

void Peers::find_out(const std::string& words) {
  for (auto end = Clock::now() + kSilence + 2 * kPeriod; Clock::now() < end;) {
    check();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, milliseconds(100));
  }
  throw LostPeerError("a connection to another process broke: " + words);
}

bool Peers::arrive() {
  std::unique_lock lock(mutex_);
  is_arriving_ = true;
  messages_->wake();
  changed_.wait(lock, [&] { return have_all_arrived_ || !lost_.empty(); });
  return have_all_arrived_;
}

void Peers::tell(const std::string& why) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (!lost_.empty()) return;  // this process ends because of another
    told_ = names_[static_cast<size_t>(rank_)] + " has ended: " + why;
    lost_ = told_, is_told_ = true, is_noticed_ = true;
    messages_->wake();
    changed_.notify_all();
  } catch (...) {  // without memory the others notice all the same
  }
}

bool Peers::wait_for_others(milliseconds most) const noexcept {
  const auto end = Clock::now() + most;
  while (left_ + 1 < std::ssize(names_) && Clock::now() < end)
    std::this_thread::sleep_for(milliseconds(20));
  return left_ + 1 >= std::ssize(names_);
}

}  // namespace heed
