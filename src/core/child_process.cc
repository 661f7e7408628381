#include "core/child_process.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

#include "core/descriptor.h"
#include "core/text.h"

namespace heed {
namespace {

constexpr uint64_t kNoMoreTexts = ~uint64_t{0};
constexpr size_t kSendBytes = size_t{1} << 16;
constexpr char kWhole = 'W';  // behind what the work returned
enum ChildEnd : int { kReturned = 0, kOutOfMemory = 101, kLostParent = 102, kThrew = 103 };

/// A file in memory that no name leads to.
Descriptor memory_file(const char* name) {
  const int number = ::memfd_create(name, MFD_CLOEXEC);
  if (number < 0) throw FileError("make", "a file in memory", errno);
  return Descriptor(number);
}

std::string whole(const Descriptor& file) {
  std::string bytes(static_cast<size_t>(std::max<off_t>(0, ::lseek(file.number(), 0, SEEK_END))),
                    '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::pread(file.number(), bytes.data() + filled, bytes.size() - filled,
                                static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw FileError("read", "a file in memory", errno);
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

std::string last_line(std::string text) {
  text.erase(text.find_last_not_of(" \n\r\t") + 1);
  const size_t before = text.find_last_of('\n');
  return before == std::string::npos ? text : text.substr(before + 1);
}

// What runs in the child. It ends by _exit: handlers of exit() would wait for threads that are not
// there.

void receive(int socket, void* to, size_t bytes) {
  auto* out = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::read(socket, out, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) ::_exit(kLostParent);
    out += got, bytes -= static_cast<size_t>(got);
  }
}

std::vector<std::string> receive_texts(int socket) {
  std::vector<std::string> texts;
  while (true) {
    uint64_t bytes = 0;
    receive(socket, &bytes, sizeof bytes);
    if (bytes == kNoMoreTexts) return texts;
    texts.emplace_back(static_cast<size_t>(bytes), '\0');
    receive(socket, texts.back().data(), texts.back().size());
  }
}

void write_all(int file, const std::string& bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t put = ::write(file, bytes.data() + written, bytes.size() - written);
    if (put < 0 && errno != EINTR) ::_exit(kOutOfMemory);  // the file lies in memory
    if (put > 0) written += static_cast<size_t>(put);
  }
}

[[noreturn]] void run_child(int socket, int parent_end, const Descriptor& result,
                            const Descriptor& said,
                            const std::function<std::string(std::vector<std::string>)>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::close(parent_end);
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
  ::dup2(said.number(), STDERR_FILENO);
  for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) ::signal(number, SIG_DFL);
  std::atexit([] { ::_exit(255); });
  try {
    write_all(result.number(), work(receive_texts(socket)) + kWhole);
  } catch (const std::bad_alloc&) {
    ::_exit(kOutOfMemory);
  } catch (...) {
    ::_exit(kThrew);
  }
  ::_exit(kReturned);
}

class Child {
 public:
  explicit Child(const std::function<std::string(std::vector<std::string>)>& work)
      : result_(memory_file("heed-result")), said_(memory_file("heed-said")) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw FileError("make", "a pair of sockets", errno);
    parent_end_.emplace(ends[0]);
    const Descriptor child_end(ends[1]);
    id_ = ::fork();
    if (id_ < 0) throw FileError("start", "a process", errno);
    if (id_ == 0) run_child(child_end.number(), ends[0], result_, said_, work);
  }
  ~Child() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// False once the child has gone.
  bool send(const std::string& text) {
    const uint64_t bytes = text.size();
    return put(&bytes, sizeof bytes) && put(text.data(), text.size());
  }
  void end_of_texts() {
    const uint64_t mark = kNoMoreTexts;
    if (put(&mark, sizeof mark)) flush();
  }

  ChildResult finish() {
    const std::optional<int> status = wait();
    ChildResult result{.bytes = whole(result_), .said = last_line(whole(said_))};
    result.returned = result.bytes.ends_with(kWhole);
    if (result.returned) {
      result.bytes.pop_back();
    } else if (!status) {
      result.end = "an unknown signal";  // this program has children reaped by the system
    } else if (WIFSIGNALED(*status)) {
      if (WTERMSIG(*status) == SIGKILL) throw std::bad_alloc();
      result.end = text_of("signal ", WTERMSIG(*status), " (", ::strsignal(WTERMSIG(*status)), ")");
    } else {
      if (WEXITSTATUS(*status) == kOutOfMemory) throw std::bad_alloc();
      result.end = text_of("exit code ", WEXITSTATUS(*status));
    }
    return result;
  }

 private:
  bool put(const void* from, size_t bytes) {
    waiting_.append(static_cast<const char*>(from), bytes);
    return waiting_.size() < kSendBytes || flush();
  }
  bool flush() {
    size_t sent = 0;
    while (sent < waiting_.size()) {
      const ssize_t put = ::send(parent_end_->number(), waiting_.data() + sent,
                                 waiting_.size() - sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return false;
      sent += static_cast<size_t>(put);
    }
    waiting_.clear();
    return true;
  }
  /// Unset where nobody may ask how children end.
  std::optional<int> wait() noexcept {
    int status = 0;
    pid_t gone = -1;
    do gone = ::waitpid(id_, &status, 0);
    while (gone < 0 && errno == EINTR);
    id_ = 0;
    return gone < 0 ? std::nullopt : std::optional(status);
  }

  Descriptor result_, said_;
  std::optional<Descriptor> parent_end_;
  std::string waiting_;  // to be sent
  pid_t id_ = 0;
};

}  // namespace

ChildResult in_child_process(const std::function<bool(std::string&)>& next,
                             const std::function<std::string(std::vector<std::string>)>& work) {
  Child child(work);
  for (std::string text; next(text);)
    if (!child.send(text)) break;
  child.end_of_texts();
  return child.finish();
}

}  // namespace heed
