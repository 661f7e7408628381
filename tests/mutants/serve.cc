// Preloaded (LD_PRELOAD) into `heed` by tools/mutants: loads the verbs and with them LibTorch once, then reads lines
//
//   FOLDER <tab> SECONDS <tab> BYTES <tab> WORD <tab> WORD ...
//
// from standard input. For each it forks a child, in which the program runs with these words as if it had been started in
// FOLDER: streams in FOLDER.in, FOLDER.out and FOLDER.err, at most BYTES of address space.
// After SECONDS of processor time it is interrupted, as by Ctrl-C; after twice that it is killed, and so is one that does
// nothing for five minutes. Answers on standard output "STATUS MILLISECONDS KIB", a signal as 128 + its number: what it ended
// with, the processor time and the largest memory in use.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Main = int(int, char**, char**);
Main* program = nullptr;
constexpr unsigned kIdleSeconds = 300;

void on_crash(int signal) {
  void* frames[64];
  std::signal(signal, SIG_DFL);
  dprintf(2, "crash: signal %d\n", signal);
  backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
  raise(signal);
}

void on_time_up(int) { raise(SIGINT); }

void stream(const std::string& path, int flags, int number) {
  const int file = open(path.c_str(), flags, 0644);
  if (file < 0) _exit(99);
  dup2(file, number);
  close(file);
}

void limit(int what, rlim_t soft, rlim_t hard) {
  const rlimit limits{soft, hard};
  setrlimit(static_cast<__rlimit_resource>(what), &limits);
}

std::vector<std::string> cut(const std::string& line) {
  std::vector<std::string> words(1);
  for (const char c : line) {
    if (c == '\n') break;
    if (c == '\t')
      words.emplace_back();
    else
      words.back() += c;
  }
  return words;
}

/// In the child: everything as if the program had been started in the folder; gives its exit code.
int become(const std::vector<std::string>& request, char** environment) {
  const auto& folder = request[0];
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_crash);
  std::signal(SIGXCPU, on_time_up);
  stream(folder + ".in", O_RDONLY, 0);
  stream(folder + ".out", O_WRONLY | O_CREAT | O_TRUNC, 1);
  stream(folder + ".err", O_WRONLY | O_CREAT | O_TRUNC, 2);
  if (chdir(folder.c_str()) != 0) _exit(99);
  const auto seconds = static_cast<rlim_t>(std::stoul(request[1]));
  limit(RLIMIT_CPU, seconds, 2 * seconds);
  limit(RLIMIT_AS, std::stoul(request[2]), std::stoul(request[2]));
  limit(RLIMIT_CORE, 0, 0);
  alarm(kIdleSeconds);
  std::vector<std::string> words{"heed"};
  words.insert(words.end(), request.begin() + 3, request.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return program(static_cast<int>(words.size()), arguments.data(), environment);
}

void load_verbs() {
  setenv("OMP_WAIT_POLICY", "passive", 0);
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  const std::string self(path, size > 0 ? static_cast<size_t>(size) : 0);
  const auto verbs = self.substr(0, self.rfind('/')) + "/libheed_verbs.so";
  if (dlopen(verbs.c_str(), RTLD_NOW | RTLD_GLOBAL)) return;
  dprintf(2, "cannot load the verbs: %s\n", dlerror());
  _exit(99);
}

int serve(int, char**, char** environment) {
  load_verbs();
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads what it needs now
  dprintf(1, "ready\n");
  char* line = nullptr;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    const auto request = cut(line);
    const pid_t child = fork();
    if (child == 0) return become(request, environment);
    int status = 0;
    rusage used{};
    wait4(child, &status, 0, &used);
    const auto milliseconds = [](const timeval& t) { return t.tv_sec * 1000 + t.tv_usec / 1000; };
    dprintf(1, "%d %ld %ld\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            milliseconds(used.ru_utime) + milliseconds(used.ru_stime), used.ru_maxrss);
  }
  _exit(0);
}

}  // namespace

extern "C" int __libc_start_main(Main* main, int argc, char** argv, void (*init)(), void (*fini)(),
                                 void (*loader_fini)(), void* stack_end) {
  using Start = int(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*);
  program = main;
  unsetenv("LD_PRELOAD");  // for what the program starts
  return reinterpret_cast<Start*>(dlsym(RTLD_NEXT, "__libc_start_main"))(
      serve, argc, argv, init, fini, loader_fini, stack_end);
}
