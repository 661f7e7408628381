#include "train/peers.h"

#include <optional>
#include <utility>

#include "heed/core/error.h"

namespace heed {
namespace {

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }
std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string key(const char* what, int64_t rank) {
  return std::string(what) + "/" + std::to_string(rank);
}

std::string seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

/// A lost process' message says what to do.
std::string silent(const std::string& name, std::chrono::milliseconds time) {
  return name + " is lost: nothing was heard of it for " + seconds(time) +
         " (killed, stopped or cut off); the run goes on from its newest checkpoint by --resume";
}

}  // namespace

Peers::Peers(Connect connect, int64_t rank, Names names)
    : connect_(std::move(connect)),
      rank_(rank),
      names_(std::move(names)),
      seen_(names_.size()),
      round_(Clock::now()) {
  for (auto& seen : seen_) seen.when = Clock::now();
  thread_ = std::jthread([this](const std::stop_token& stopped) { watch(stopped); });
}

Peers::~Peers() {
  for (auto* thread : {&thread_, &guard_}) thread->request_stop();
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

bool Peers::leave(std::chrono::milliseconds most) {
  for (auto* thread : {&thread_, &guard_}) thread->request_stop();
  { const std::lock_guard lock(mutex_); }  // whoever looks at the wish to stop has begun to wait
  changed_.notify_all();
  for (const auto end = Clock::now() + most; !has_ended_ && Clock::now() < end;)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return has_ended_;
}

void Peers::watch(const std::stop_token& stopped) {
  try {
    const auto store = connect_();
    while (!stopped.stop_requested()) {
      round(*store);
      round_ = Clock::now();
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kPeriod, [&] { return stopped.stop_requested() || is_told_; });
    }
    write_told(*store);
    store->set(key("left", rank_), bytes_of("1"));
    store->add("leaving", 1);        // waits for an answer, so that all of it has arrived
  } catch (const std::exception&) {  // the store went away, and with it the first process
    if (rank_ != 0 && !stopped.stop_requested())
      set_lost(names_[0] +
               " is lost: its connection broke (ended, killed or cut off); the run goes on from "
               "its newest "
               "checkpoint by --resume");
  }
  has_ended_ = true;
}

void Peers::round(c10d::Store& store) {
  store.set(key("beat", rank_), bytes_of(std::to_string(++beat_)));
  if (trouble_) store.set("trouble", bytes_of("1"));
  write_told(store);
  for (const char* why : {"failed", "lost"})
    if (store.check({why})) set_lost(text_of(store.get(why)));
  if (rank_ != 0) return look_at(store, 0);
  for (int64_t other = 1; other < std::ssize(names_); ++other) look_at(store, other);
}

/// Without the mutex: the store may not answer.
void Peers::write_told(c10d::Store& store) {
  std::string told;
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(is_told_, false)) return;
    told = told_;
  }
  store.set("failed", bytes_of(told));
}

void Peers::look_at(c10d::Store& store, int64_t rank) {
  auto& seen = seen_[static_cast<size_t>(rank)];
  if (seen.has_left) return;
  if (store.check({key("left", rank)})) {
    seen.has_left = true, ++left_;
    return;
  }
  const auto now = Clock::now();
  const auto beat = store.check({key("beat", rank)}) ? text_of(store.get(key("beat", rank))) : "";
  if (beat != seen.beat) {
    seen.beat = beat, seen.when = now;
    return;
  }
  const auto silence = trouble_ || store.check({"trouble"}) ? kShortSilence : kSilence;
  if (now - seen.when < silence || is_lost()) return;
  const auto why = silent(names_[static_cast<size_t>(rank)], silence);
  store.set("lost", bytes_of(why));
  set_lost(why);
}

void Peers::set_lost(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (lost_.empty()) lost_ = why;
  changed_.notify_all();
}

std::string Peers::lost() const {
  const std::lock_guard lock(mutex_);
  if (!lost_.empty()) return lost_;
  // A store whose machine is stopped answers nothing, and the thread waits for it.
  if (Clock::now() - round_.load() <= kSilence + kPeriod) return "";
  if (rank_ != 0) return silent(names_[0], kSilence);
  // LibTorch's store serves one request after the other, and waits for the rest of one that broke off.
  return "another process is lost, it is not known which: it was cut off in the middle of a "
         "request to the "
         "store of " +
         names_[0] + "; the run goes on from its newest checkpoint by --resume";
}

bool Peers::is_lost() const { return !lost().empty(); }

void Peers::check() const {
  const auto why = lost();
  if (why.empty()) return;
  is_noticed_ = true;
  throw LostPeerError(why);
}

void Peers::find_out(const std::string& words) {
  trouble_ = true;
  for (auto end = Clock::now() + kSilence + 2 * kPeriod; Clock::now() < end;) {
    check();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(100));
  }
  throw LostPeerError("a connection to another process broke: " + words);
}

void Peers::tell(const std::string& why) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (!lost_.empty()) return;  // this process ends because of another
    told_ = names_[static_cast<size_t>(rank_)] + " has ended: " + why;
    lost_ = told_, is_told_ = true, is_noticed_ = true;
    changed_.notify_all();
  } catch (...) {  // without memory the others notice all the same
  }
}

bool Peers::wait_for_others(std::chrono::milliseconds most) const noexcept {
  const auto end = Clock::now() + most;
  while (left_ + 1 < std::ssize(names_) && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return left_ + 1 >= std::ssize(names_);
}

}  // namespace heed
