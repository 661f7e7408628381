#include "apps/run.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace heed::test {
namespace {

/// A temporary file without a name, so that no output is too large for a pipe that nobody reads
/// yet.
class Scratch {
 public:
  explicit Scratch(const std::string& content = "") : file_(std::tmpfile()) {
    if (!file_) throw std::runtime_error("cannot make a temporary file");
    if (std::fwrite(content.data(), 1, content.size(), file_) != content.size()) {
      throw std::runtime_error("cannot write a temporary file");
    }
    std::fflush(file_);
    std::rewind(file_);
  }
  ~Scratch() { std::fclose(file_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  int descriptor() const { return fileno(file_); }
  std::string text() const {
    std::string text;
    std::rewind(file_);
    for (int c; (c = std::fgetc(file_)) != EOF;) text.push_back(static_cast<char>(c));
    return text;
  }

 private:
  std::FILE* file_;
};

/// Writes past the limit then fail instead of ending the process.
void limit_files(uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, SIG_IGN);
}

/// Watches the child, without reaping it, until it ends or the moment has come.
void send_when(pid_t child, const RunOptions& options) {
  siginfo_t ended{};
  while (waitid(P_PID, child, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0) {
    if (options.when()) {
      kill(child, options.signal);
      return;
    }
    usleep(200);
  }
}

}  // namespace

Result run(const std::vector<std::string>& arguments, const RunOptions& options) {
  const Scratch in(options.input), out, err;
  std::vector<char*> words{const_cast<char*>(options.program)};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
    const int sink = options.out.empty() ? out.descriptor() : open(options.out.c_str(), O_WRONLY);
    if (options.largest_file > 0) limit_files(options.largest_file);
    dup2(in.descriptor(), 0), dup2(sink, 1), dup2(err.descriptor(), 2);
    for (const int number : options.closed) close(number);
    for (const int number : {SIGINT, SIGHUP, SIGTERM})  // ignored in the background and by nohup
      signal(number, SIG_DFL);
    execv(options.program, words.data());
    _exit(127);
  }
  if (options.signal != 0) send_when(child, options);
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::runtime_error("cannot wait for the program");
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return {code, out.text(), err.text()};
}

}  // namespace heed::test
