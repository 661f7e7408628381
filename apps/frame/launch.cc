#include "launch.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>

#include "core/network.h"
#include "heed/core/error.h"

namespace heed::cli {
namespace {

constexpr int kPatience = 20;  // s between SIGTERM and SIGKILL
constexpr int kOwnEnd =
    5;  // s in which copies end by themselves where one says that it lost another

/// Where the copies stand among all: on one machine, or as Kubernetes says.
struct Place {
  int64_t first_rank = 0, world_size = 1;
  std::string addr = "127.0.0.1", port = "";  ///< port empty: one that is free
};

int64_t number_of(const char* name) {
  const char* text = std::getenv(name);
  char* end = nullptr;
  const long long number = text ? std::strtoll(text, &end, 10) : -1;
  if (text && *text && *end == '\0' && number >= 0 && number < (1 << 20)) return number;
  throw UsageError(std::string(name) + ": expected a whole number, given '" + (text ? text : "") +
                   "'");
}

Place place_of(int64_t processes) {
  const char* nodes = std::getenv("PET_NNODES");
  if (!nodes || std::string(nodes) == "1" || !*nodes) return {0, processes};
  Place place{number_of("PET_NODE_RANK") * processes, number_of("PET_NNODES") * processes};
  const char* addr = std::getenv("PET_MASTER_ADDR");
  const char* port = std::getenv("PET_MASTER_PORT");
  if (!addr || !port)
    throw UsageError("PET_MASTER_ADDR and PET_MASTER_PORT: expected both, beside PET_NNODES");
  place.addr = addr, place.port = port;
  return place;
}

/// Those that this process waits for; they come to sigtimedwait alone. What it was started to ignore (nohup) stays ignored.
sigset_t awaited() {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGCHLD);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction handled = {};
    sigaction(number, nullptr, &handled);
    if (handled.sa_handler != SIG_IGN) sigaddset(&set, number);
  }
  return set;
}

/// The copy lost another one, whose failure is the cause.
bool is_of_others(int code) { return code == static_cast<int>(Failure::peer); }

class Copies {
 public:
  Copies(const LaunchOptions& options, int64_t restart) {
    const auto place = place_of(options.processes);
    const auto port = place.port.empty() ? std::to_string(free_port()) : place.port;
    for (int64_t i = 0; i < options.processes; ++i)
      start({{"RANK", std::to_string(place.first_rank + i)},
             {"WORLD_SIZE", std::to_string(place.world_size)},
             {"LOCAL_RANK", std::to_string(i)},
             {"LOCAL_WORLD_SIZE", std::to_string(options.processes)},
             {"MASTER_ADDR", place.addr},
             {"MASTER_PORT", port},
             {"HEED_LAUNCH", "1"},
             {"TORCHELASTIC_RESTART_COUNT", std::to_string(restart)}},
            options);
  }

  /// Until all have ended. The code of the first that failed.
  int wait() {
    while (!ranks_.empty()) {
      timespec left{1, 0};
      const auto set = awaited();
      const int number = sigtimedwait(&set, nullptr, &left);
      if (number > 0 && number != SIGCHLD) pass_on(number);
      reap();
      if (end_at_ > 0 && std::time(nullptr) >= end_at_) end_all();
      if (kill_at_ > 0 && std::time(nullptr) >= kill_at_) send(SIGKILL), kill_at_ = 0;
    }
    return code_;
  }
  int passed_on() const { return passed_on_; }

 private:
  void start(const std::map<std::string, std::string>& environment, const LaunchOptions& options) {
    const auto log = open_log(options.log_dir, environment.at("RANK"));
    const pid_t parent = getpid(), child = fork();
    const int why = errno;
    if (child != 0 && log >= 0) close(log);
    if (child < 0) {
      send(SIGKILL);
      throw FileError("start a process of", "heed", why);
    }
    if (child > 0) {
      ranks_[child] = environment.at("RANK");
      return;
    }
    setpgid(0, 0);  // Ctrl-C reaches the parent alone, which passes it on once
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    if (log >= 0) dup2(log, STDOUT_FILENO), dup2(log, STDERR_FILENO);
    const auto set = awaited();
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    std::vector<char*> all{const_cast<char*>("heed")};
    for (const auto& word : options.words) all.push_back(const_cast<char*>(word.c_str()));
    all.push_back(nullptr);
    execv("/proc/self/exe", all.data());
    _exit(127);
  }

  /// -1 without a folder.
  int open_log(const std::string& folder, const std::string& rank) const {
    if (folder.empty()) return -1;
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    const auto path = std::filesystem::path(folder) / ("rank-" + rank + ".log");
    const int log = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    if (log >= 0) return log;
    const int why = errno;
    send(SIGKILL);
    throw FileError("write", path.string(), why);
  }

  void send(int number) const {
    for (const auto& [child, rank] : ranks_) {
      kill(child, number);
      if (number != SIGKILL) kill(child, SIGCONT);
    }
  }

  /// Whoever was told to stop by a signal that was passed on saves first, and must not be told again.
  void end_all() {
    end_at_ = 0;
    if (is_ending_ || passed_on_) return;
    send(SIGTERM);
    is_ending_ = true, kill_at_ = std::time(nullptr) + kPatience;
  }

  /// The first failure counts, but those that it brings about may be seen before it.
  void fail(const std::string& rank, pid_t child, int status) {
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    const bool is_first = code_ == 0, is_cause = !is_of_others(code) && !is_ending_;
    if (code == 0 || !(is_first || (is_cause && is_of_others(code_)))) return;
    code_ = code;
    if (!passed_on_ && WIFSIGNALED(status))
      std::fprintf(stderr, "heed: rank %s (process %d) was ended by signal %d (%s)\n", rank.c_str(),
                   static_cast<int>(child), WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (is_cause) return end_all();
    end_at_ = std::time(nullptr) + kOwnEnd;
  }

  void pass_on(int number) {
    if (passed_on_) return send(SIGKILL);  // the second time at once
    passed_on_ = number;
    send(number);
  }

  void reap() {
    int status = 0;
    for (pid_t child; (child = waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = ranks_.find(child);
      if (found == ranks_.end()) continue;
      const auto rank = found->second;
      ranks_.erase(found);
      fail(rank, child, status);
    }
  }

  std::map<pid_t, std::string> ranks_;  // of those that run
  int code_ = 0, passed_on_ = 0;
  bool is_ending_ = false;  // all were told to
  std::time_t end_at_ = 0, kill_at_ = 0;
};

/// Whether it would fail again in the same way.
bool fails_again(int code) {
  for (const auto why : {Failure::usage, Failure::data, Failure::model, Failure::diverged})
    if (code == static_cast<int>(why)) return true;
  return code == 127;
}

}  // namespace

int launch(const LaunchOptions& options) {
  signal(SIGCHLD, SIG_DFL);  // of ignored children no end is told
  const auto set = awaited();
  sigset_t before;
  sigprocmask(SIG_BLOCK, &set, &before);
  int code = 0;
  for (int64_t restart = 0; restart <= options.restarts; ++restart) {
    if (restart > 0)
      std::fprintf(stderr, "heed: all begin anew, restart %lld of at most %lld\n",
                   static_cast<long long>(restart), static_cast<long long>(options.restarts));
    Copies copies(options, restart);
    code = copies.wait();
    if (code == 0 || copies.passed_on() || fails_again(code)) break;
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return code;
}

}  // namespace heed::cli
