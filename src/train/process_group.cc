#include "train/process_group.h"

#include <cstdio>

#include "heed/core/error.h"

#if HEED_HAS_GLOO
#define USE_C10D_GLOO
#include <unistd.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "core/network.h"
#include "ops/ring.h"
#include "train/peers.h"

namespace heed {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Gloo = c10d::ProcessGroupGloo;
using StorePtr = c10::intrusive_ptr<c10d::Store>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

constexpr seconds kArrival{300};  // of all, at the start
/// Of a collective: who is lost is found by Peers, and a step, a checkpoint or a validation of the first process may be long.
constexpr std::chrono::hours kAnyTime{24 * 365};

std::vector<uint8_t> as_bytes(const std::string& text) { return {text.begin(), text.end()}; }

/// Set once, and waited for while the others are watched.
class Event {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  bool wait_for(milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return is_set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

class GlooProcesses : public Processes {
 public:
  explicit GlooProcesses(const DistributedEnvironment& environment)
      : environment_(environment),
        rank_(environment.rank),
        count_(environment.world_size),
        exceptions_(std::uncaught_exceptions()) {
    meet();
    peers_ = std::make_unique<Peers>(messages(), rank_, names_);
    gloo_ = connected(store_, rank_, count_);
  }

  ~GlooProcesses() override {
    if (std::uncaught_exceptions() > exceptions_) peers_->tell("an error ended it");
    if (peers_->arrive()) {
      gloo_.reset(), rings_.clear();
      while (is_first() && !peers_->wait_for_others(milliseconds(100)) && !peers_->is_lost())
        continue;
    } else {
      (void)gloo_.release();  // its threads may wait for a process that is gone
      for (auto& ring : rings_) ring->abandon();
      (void)store_.release();  // likewise, for the rest of a request
      if (is_first()) peers_->wait_for_others(seconds(2));
    }
    peers_->leave();
  }

  int64_t rank() const override { return rank_; }
  int64_t count() const override { return count_; }
  std::string name(int64_t rank) const override { return names_[static_cast<size_t>(rank)]; }

  // Gloo is given tensors that own their memory: it may still write there when a lost process has ended the wait.
  void sum(std::span<double> values) override {
    const auto own = at::empty({std::ssize(values)}, at::kDouble);
    std::copy(values.begin(), values.end(), own.data_ptr<double>());
    start_sum(own)();
    std::copy_n(own.data_ptr<double>(), values.size(), values.begin());
  }

  std::function<void()> start_sum(at::Tensor values) override {
    std::vector<at::Tensor> all{std::move(values)};
    return started([&] { return gloo_->allreduce(all); });
  }

  std::string from_first(std::string bytes) override {
    auto size = at::scalar_tensor(static_cast<int64_t>(bytes.size()), at::kLong);
    from_first(size);
    bytes.resize(static_cast<size_t>(size.item<int64_t>()));
    from_first(at::from_blob(bytes.data(), {std::ssize(bytes)}, at::kByte));
    return bytes;
  }
  void from_first(std::span<double> values) override {
    from_first(at::from_blob(values.data(), {std::ssize(values)}, at::kDouble));
  }
  void from_first(at::Tensor values) override {
    const auto whole = values.contiguous();
    start_from(0, whole)();
    if (!whole.is_same(values)) values.copy_(whole);
  }
  /// As bytes, which Gloo knows of every dtype, and in memory that is nobody else's.
  std::function<void()> start_from(int64_t rank, at::Tensor values) override {
    if (values.numel() == 0) return [] {};
    const auto bytes = at::empty({static_cast<int64_t>(values.nbytes())}, at::kByte);
    if (rank_ == rank) std::memcpy(bytes.data_ptr(), values.data_ptr(), values.nbytes());
    std::vector<at::Tensor> all{bytes};
    c10d::BroadcastOptions options;
    options.rootRank = static_cast<int>(rank);
    const auto wait = started([&] { return gloo_->broadcast(all, options); });
    return [this, wait, bytes, values, rank] {
      wait();
      if (rank_ != rank) std::memcpy(values.data_ptr(), bytes.data_ptr(), bytes.nbytes());
    };
  }

  std::vector<std::string> gather(std::string text) override {
    auto sizes = at::zeros({count_}, at::kLong);
    sizes[rank_] = static_cast<int64_t>(text.size());
    start_sum(sizes)();
    const auto longest = sizes.max().item<int64_t>();
    auto texts = at::zeros({count_, std::max<int64_t>(1, longest)}, at::kByte);
    std::copy(text.begin(), text.end(), texts[rank_].data_ptr<uint8_t>());
    start_sum(texts)();  // all but one row of each are 0
    std::vector<std::string> all;
    for (int64_t i = 0; i < count_; ++i) {
      const auto* first = texts[i].data_ptr<uint8_t>();
      all.emplace_back(first, first + sizes[i].item<int64_t>());
    }
    return all;
  }

  Ring* ring(int64_t count) override {
    const auto first = std::to_string(rank_ - rank_ % count);
    const auto place = std::to_string(rings_.size()) + "/" + first;  // the rings before have theirs
    const auto store = c10::make_intrusive<c10d::PrefixStore>("ring/" + place, store_);
    rings_.push_back(std::make_unique<GlooRing>(*this, connected(store, rank_ % count, count),
                                                rank_ % count, count));
    return rings_.back().get();
  }

  double waited() const override { return waited_; }

  void tell_failure(const std::string& why) noexcept override { peers_->tell(why); }
  void when_lost(std::function<void(const std::string&)> call) override {
    peers_->when_lost(std::move(call));
  }

 private:
  class GlooRing : public Ring {
   public:
    GlooRing(GlooProcesses& all, c10::intrusive_ptr<Gloo> gloo, int64_t rank, int64_t count)
        : all_(all), gloo_(std::move(gloo)), rank_(rank), count_(count) {}
    int64_t rank() const override { return rank_; }
    int64_t count() const override { return count_; }
    /// One of Gloo's exchanges of all with all in which only neighbours have something to say: of its kinds of sending it
    /// is the one that can be waited for while the others are watched.
    std::function<void()> start_pass(at::Tensor from, at::Tensor to) override {
      if (from.numel() == 0) from = at::zeros({1}, from.options());  // Gloo needs an address
      if (to.numel() == 0) to = at::zeros({1}, to.options());
      from = from.view({-1}), to = to.view({-1});
      std::vector<int64_t> sent(static_cast<size_t>(count_), 0), taken = sent;
      sent[static_cast<size_t>((rank_ + 1) % count_)] = from.numel();
      taken[static_cast<size_t>((rank_ + count_ - 1) % count_)] = to.numel();
      const auto wait = all_.started([&] { return gloo_->alltoall_base(to, from, taken, sent); });
      return [wait, from, to] { wait(); };
    }
    void abandon() { (void)gloo_.release(); }

   private:
    GlooProcesses& all_;
    c10::intrusive_ptr<Gloo> gloo_;
    int64_t rank_, count_;
  };

  /// A connection to the store of rank 0; keys of an earlier start of the same job are others.
  StorePtr connect() const {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(environment_.master_port);
    options.isServer = is_first();
    options.waitWorkers = false;
    options.timeout = kArrival;
    auto tcp = c10::make_intrusive<c10d::TCPStore>(environment_.master_addr, options);
    return c10::make_intrusive<c10d::PrefixStore>("heed/" + std::to_string(environment_.restarts),
                                                  tcp);
  }

  std::string place() const {
    return environment_.master_addr + ":" + std::to_string(environment_.master_port) +
           " (MASTER_ADDR, MASTER_PORT)";
  }

  /// A machine may get its name late, as a pod does when it is ready.
  void wait_for_name() const {
    const auto& host = environment_.master_addr;
    const auto end = std::chrono::steady_clock::now() + kArrival;
    for (int64_t asked = 1; !is_known_host(host); ++asked) {
      if (std::chrono::steady_clock::now() > end)
        throw UsageError("no machine is known by the name " + host + " after " +
                         std::to_string(kArrival.count()) +
                         " s; set MASTER_ADDR to the address of rank 0's machine");
      if (asked % 20 == 0)  // 10 s
        std::fprintf(stderr, "heed: waiting for a machine of the name %s (MASTER_ADDR)\n",
                     host.c_str());
      std::this_thread::sleep_for(milliseconds(500));
    }
  }

  /// All write their names into the store of rank 0, and read the others'.
  void meet() {
    wait_for_name();
    try {
      store_ = connect();
    } catch (const std::exception& error) {
      if (is_first())
        throw UsageError("cannot listen at " + place() + ": " + error.what() +
                         "; choose another port");
      throw LostPeerError("rank 0 is not found at " + place() + " within " +
                          std::to_string(kArrival.count()) + " s: " + error.what());
    }
    const auto own = std::to_string(rank_);
    store_->set("size/" + own, as_bytes(std::to_string(count_)));
    if (store_->add("taken/" + own, 1) > 1)
      throw UsageError("RANK = " + own +
                       " is there twice: every process needs one of its own from 0 to " +
                       std::to_string(count_ - 1));
    store_->set("name/" + own, as_bytes("rank " + own + " on " + host_name() + " (process " +
                                        std::to_string(getpid()) + ")"));
    const auto end = std::chrono::steady_clock::now() + kArrival;
    for (int64_t other = 0; other < count_; ++other) {
      names_.push_back(name_of(other, end));
      check_size(other);
    }
  }

  /// Asks again and again: LibTorch 1.13 has an answer left in the connection where waiting took too long.
  std::string name_of(int64_t other, std::chrono::steady_clock::time_point end) {
    const auto key = "name/" + std::to_string(other);
    const auto who = "rank " + std::to_string(other) + " of " + std::to_string(count_);
    try {
      for (int64_t asked = 1; !store_->check({key}); ++asked) {
        if (std::chrono::steady_clock::now() > end)
          throw LostPeerError(who + " did not come to " + place() + " within " +
                              std::to_string(kArrival.count()) + " s");
        if (is_first() && asked % 200 == 0)  // 10 s
          std::fprintf(stderr, "heed: waiting for %s at %s\n", who.c_str(), place().c_str());
        std::this_thread::sleep_for(milliseconds(50));
      }
      const auto name = store_->get(key);
      return {name.begin(), name.end()};
    } catch (const LostPeerError&) {
      throw;
    } catch (const std::exception& error) {
      throw LostPeerError("rank 0 at " + place() + " ended before " + who +
                          " came: " + error.what());
    }
  }

  /// The connection by which the processes watch each other: its place is said through the store.
  std::unique_ptr<PeerMessages> messages() {
    const char* key = "peers";
    if (is_first()) {
      auto own = std::make_unique<PeerMessages>(own_address(environment_).address, count_);
      store_->set(key, as_bytes(own->place()));
      return own;
    }
    try {
      const auto found = store_->get(key);
      return std::make_unique<PeerMessages>(std::string(found.begin(), found.end()), rank_, count_);
    } catch (const FileError& error) {
      throw UsageError(std::string("rank 0 cannot be reached: ") + error.what() +
                       "; name another interface by GLOO_SOCKET_IFNAME");
    } catch (const std::exception& error) {
      throw LostPeerError("rank 0 at " + place() + " ended at the start: " + error.what());
    }
  }

  void check_size(int64_t other) {
    const auto size = store_->get("size/" + std::to_string(other));
    const std::string text(size.begin(), size.end());
    if (text != std::to_string(count_))
      throw UsageError(names_[static_cast<size_t>(other)] + " was told of WORLD_SIZE = " + text +
                       ", and this one of " + std::to_string(count_));
  }

  /// In a thread of its own, since it waits for the others, who may be lost meanwhile.
  c10::intrusive_ptr<Gloo> connected(const StorePtr& store, int64_t rank, int64_t count) {
    struct Connecting {
      Event done;
      c10::intrusive_ptr<Gloo> gloo = {};
      std::string error = {};
    };
    const auto state = std::make_shared<Connecting>();
    const auto address = own_address(environment_).address;
    std::thread([state, address, store, rank, count] {
      try {
        auto options = Gloo::Options::create(kAnyTime);
        options->devices.push_back(Gloo::createDeviceForHostname(address));
        state->gloo = c10::make_intrusive<Gloo>(store, static_cast<int>(rank),
                                                static_cast<int>(count), options);
      } catch (const std::exception& error) {
        state->error = error.what();
      }
      state->done.set();
    }).detach();
    while (!state->done.wait_for(milliseconds(100))) peers_->check();
    if (!state->gloo)
      throw UsageError("the processes cannot connect to each other by the address " + address +
                       ": " + state->error + "; name another interface by GLOO_SOCKET_IFNAME");
    return std::move(state->gloo);
  }

  /// Starts a collective; what is returned waits for it, and throws where somebody is lost meanwhile.
  template <class Start>
  std::function<void()> started(Start&& start) {
    WorkPtr work;
    try {
      peers_->check();
      work = start();
    } catch (const LostPeerError&) {
      throw;
    } catch (const std::exception& error) {
      peers_->find_out(error.what());
    }
    return [this, work] { wait(*work); };
  }

  void wait(c10d::Work& work) {
    const auto start = std::chrono::steady_clock::now();
    const auto done = std::make_shared<Event>();
    const auto future = work.getFuture();
    future->addCallback([done](c10::ivalue::Future&) { done->set(); });
    while (!done->wait_for(milliseconds(100))) peers_->check();
    if (future->hasError()) peers_->find_out(future->tryRetrieveErrorMessage());
    waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  const DistributedEnvironment environment_;
  const int64_t rank_, count_;
  const int exceptions_;
  StorePtr store_;
  Peers::Names names_;
  std::unique_ptr<Peers> peers_;
  c10::intrusive_ptr<Gloo> gloo_;
  std::vector<std::unique_ptr<GlooRing>> rings_;
  double waited_ = 0;
};

}  // namespace

std::unique_ptr<Processes> make_process_group(const DistributedEnvironment& environment) {
  return std::make_unique<GlooProcesses>(environment);
}

}  // namespace heed

#else

namespace heed {

std::unique_ptr<Processes> make_process_group(const DistributedEnvironment& environment) {
  throw UsageError("this build of Heed knows one process, and " + environment.launcher +
                   " started " + std::to_string(environment.world_size) +
                   ": the headers of Gloo were missing when it was built (libgloo-dev)");
}

}  // namespace heed

#endif

namespace heed {

std::unique_ptr<Processes> join_processes() {
  const auto environment = distributed_environment();
  if (environment.world_size == 1) return std::make_unique<Processes>();
  return make_process_group(environment);
}

}  // namespace heed
