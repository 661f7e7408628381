// Lets one call of a program to the system fail: preloaded (LD_PRELOAD) into `heed` by tools/faults, which says how the
// program answers.
//
//   HEED_FAULT="write 17 ENOSPC"   the 17th write fails; "17+": it and every one after it; "17x2": two of them
//   HEED_FAULT_SERVER=1            the program stops where its verb begins, LibTorch loaded, and reads lines
//                                  "FOLDER KIND N HOW SECONDS" from standard input. For each it forks a child that runs
//                                  the verb in FOLDER with that fault (KIND "none": without one), streams in FOLDER.in,
//                                  FOLDER.out and FOLDER.err, and answers on standard output
//                                  "STATUS FIRED CALLS ..", the calls of each kind in the order of kNames.
//                                  Of threads N is their number that cannot live at once, and CALLS the most that did.
//
// Allocations are counted from main() on, but not while a library loads: what the start of LibTorch does without memory
// is not ours to say. Of calls with files those count that name a path below the current folder or a descriptor that was
// opened there, of streams 0 and 1. HOW is an error's name, or for read and write "short" (half is done) and "EINTR".
// A child that ends by a signal, or takes too long, writes its stack to standard error; with HEED_FAULT_TRACE the failed
// call does, too.
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {

enum Kind {
  kAlloc,
  kTensor,
  kOpen,
  kRead,
  kWrite,
  kSync,
  kRename,
  kRemove,
  kMake,
  kLook,
  kList,
  kClose,
  kLock,
  kThread,
  kProcess,
  kKinds
};
constexpr const char* kNames[kKinds] = {"alloc", "tensor", "open",   "read",   "write",
                                        "sync",  "rename", "remove", "make",   "look",
                                        "list",  "close",  "lock",   "thread", "process"};
constexpr int kNone = -1, kShort = -2;
constexpr size_t kDescriptors = 4096, kPath = 4096;

/// Shared by the server and what it forks.
struct Counts {
  std::atomic<int64_t> calls[kKinds];
  std::atomic<int64_t> fired;
};

Counts own_counts;
Counts* counts = &own_counts;
std::atomic<bool> counting{false};
std::atomic<bool> ours[kDescriptors];
thread_local int paused = 0;

int fault_kind = kNone, fault_how = 0;
int64_t fault_from = 0, fault_until = 0;
bool trace = false;
char root[kPath];
size_t root_length = 0;

struct Pause {
  Pause() { ++paused; }
  ~Pause() { --paused; }
};

template <class F>
F* next(const char* name, F*) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}
/// The function of that name that the program would have called.
#define REAL(name)                                 \
  ([] {                                            \
    static const auto real = next(#name, &::name); \
    return real;                                   \
  }())

void write_stack() {
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
}

/// Counts a call; what it is to fail with: 0 none, kShort.
int fault(Kind kind) {
  if (!counting.load(std::memory_order_relaxed) || paused > 0) return 0;
  const int64_t call = counts->calls[kind].fetch_add(1) + 1;
  if (kind != fault_kind || call < fault_from || call > fault_until) return 0;
  ++counts->fired;
  if (trace) {
    const Pause here;
    dprintf(2, "fault: %s %ld\n", kNames[kind], static_cast<long>(call));
    write_stack();
  }
  return fault_how;
}

/// Whether the call fails, errno set then.
bool fails(Kind kind) {
  const int how = fault(kind);
  if (how == 0) return false;
  errno = how == kShort ? EIO : how;
  return true;
}

bool is_ours(int descriptor) {
  return descriptor == AT_FDCWD ||
         (descriptor >= 0 && descriptor < static_cast<int>(kDescriptors) && ours[descriptor]);
}

bool is_ours(const char* path, int folder = AT_FDCWD) {
  if (!path) return false;
  if (path[0] != '/') return is_ours(folder);
  return root_length > 0 && std::strncmp(path, root, root_length) == 0;
}

int remember(int descriptor, bool own) {
  if (descriptor >= 0 && descriptor < static_cast<int>(kDescriptors)) ours[descriptor] = own;
  return descriptor;
}

/// A thread that is counted while it lives.
struct Start {
  void* (*start)(void*);
  void* with;
};
std::atomic<int64_t> alive{0};

struct Alive {
  ~Alive() { --alive; }  // also where pthread_exit ends the thread
};

void* counted_thread(void* of) {
  const Start own = *static_cast<Start*>(of);
  std::free(of);
  const Alive here;
  return own.start(own.with);
}

/// Another thread begins to live; what its start is to fail with, 0 none.
int thread_fault() {
  if (!counting.load(std::memory_order_relaxed)) return 0;
  const int64_t now = ++alive;
  auto& most = counts->calls[kThread];
  for (int64_t known = most; known < now && !most.compare_exchange_weak(known, now);) {
  }
  if (fault_kind != kThread || now < fault_from) return 0;
  --alive, ++counts->fired;
  return fault_how;
}

mode_t mode_of(int flags, va_list more) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

const struct {
  const char* name;
  int number;
} kErrors[] = {{"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR},
               {"EIO", EIO},       {"EMFILE", EMFILE}, {"ENOLCK", ENOLCK}, {"ENOMEM", ENOMEM},
               {"ENOSPC", ENOSPC}, {"EROFS", EROFS},   {"EXDEV", EXDEV},   {"short", kShort},
               {"EINVAL", EINVAL}, {"ENOENT", ENOENT}};

bool arm(const char* kind, const char* from, const char* how) {
  fault_kind = kNone;
  if (std::string_view(kind) == "none") return true;
  for (int i = 0; i < kKinds; ++i)
    if (std::string_view(kind) == kNames[i]) fault_kind = i;
  char* rest = nullptr;
  fault_from = std::strtoll(from, &rest, 10);
  fault_until =
      *rest == '+' ? INT64_MAX : fault_from + (*rest == 'x' ? std::atoi(rest + 1) - 1 : 0);
  fault_how = 0;
  for (const auto& [name, number] : kErrors)
    if (std::string_view(how) == name) fault_how = number;
  return fault_kind != kNone && fault_how != 0;
}

void begin() {
  root_length = getcwd(root, sizeof root) ? std::strlen(root) : 0;
  ours[0] = ours[1] = true;
  counting = true;
}

void on_crash(int signal) {
  const Pause here;
  fault_kind = kNone;
  std::signal(signal, SIG_DFL);
  std::signal(SIGALRM, SIG_DFL);
  alarm(5);  // a stack may wait for a lock that is held here
  dprintf(2, "fault: signal %d\n", signal);
  write_stack();
  raise(signal);
}

void stream(const char* folder, const char* ending, int flags, int number) {
  char path[kPath + 8];
  std::snprintf(path, sizeof path, "%s%s", folder, ending);
  int file = REAL(open)(path, flags, 0644);
  if (file < 0) file = REAL(open)("/dev/null", O_RDWR);
  dup2(file, number);
  REAL(close)(file);
}

/// In the child: everything as if the program had been started in the folder.
void become(const char* folder, unsigned seconds) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    std::signal(signal, on_crash);
  stream(folder, ".in", O_RDONLY, 0);
  stream(folder, ".out", O_WRONLY | O_CREAT | O_TRUNC, 1);
  stream(folder, ".err", O_WRONLY | O_CREAT | O_TRUNC, 2);
  alarm(seconds);
  if (chdir(folder) != 0) _exit(99);
  for (auto& calls : counts->calls) calls = 0;
  counts->fired = 0;
  begin();
}

/// Returns in a child, ready to run the verb; ends the server with its standard input.
void serve() {
  counts = static_cast<Counts*>(REAL(mmap)(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  char line[2 * kPath], folder[kPath], kind[16], from[24], how[16];
  unsigned seconds = 0;
  dprintf(1, "ready");
  for (const char* name : kNames) dprintf(1, " %s", name);
  dprintf(1, "\n");
  while (std::fgets(line, sizeof line, stdin)) {
    if (std::sscanf(line, "%4095s %15s %23s %15s %u", folder, kind, from, how, &seconds) != 5 ||
        !arm(kind, from, how)) {
      dprintf(1, "cannot read: %s", line);
      continue;
    }
    const pid_t child = REAL(fork)();
    if (child == 0) return become(folder, seconds);
    int status = 0;
    waitpid(child, &status, 0);
    dprintf(1, "%d %ld", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            counts->fired.load());
    for (const auto& calls : counts->calls) dprintf(1, " %ld", calls.load());
    dprintf(1, "\n");
  }
  _exit(0);
}

using Main = int(int, char**, char**);
Main* program = nullptr;

int counted_main(int argc, char** argv, char** environment) {
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads what it needs now
  trace = getenv("HEED_FAULT_TRACE") != nullptr;
  char kind[16], from[24], how[16];
  const char* text = getenv("HEED_FAULT");
  if (text &&
      (std::sscanf(text, "%15s %23s %15s", kind, from, how) != 3 || !arm(kind, from, how))) {
    dprintf(2, "HEED_FAULT: expected KIND N ERROR, given '%s'\n", text);
    _exit(99);
  }
  if (text) {
    for (const int signal : {SIGSEGV, SIGABRT}) std::signal(signal, on_crash);
    begin();
  }
  return program(argc, argv, environment);
}

}  // namespace

extern "C" {

int __libc_start_main(Main* main, int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*loader_fini)(), void* stack_end) {
  using Start = int(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*);
  program = main;
  return reinterpret_cast<Start*>(dlsym(RTLD_NEXT, "__libc_start_main"))(
      counted_main, argc, argv, init, fini, loader_fini, stack_end);
}

void* dlopen(const char* file, int how) {
  void* library = nullptr;
  {
    const Pause loading;
    library = REAL(dlopen)(file, how);
  }
  if (file && std::strstr(file, "libheed_verbs") && getenv("HEED_FAULT_SERVER")) serve();
  return library;
}

void* malloc(size_t bytes) { return fails(kAlloc) ? nullptr : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) {
  return fails(kAlloc) ? nullptr : __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) {
  return fails(kAlloc) ? nullptr : __libc_realloc(old, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  return fails(kTensor) ? nullptr : __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return fails(kTensor) ? nullptr : __libc_memalign(alignment, bytes);
}
int posix_memalign(void** to, size_t alignment, size_t bytes) {
  if (const int how = fault(kTensor)) return how;
  *to = __libc_memalign(alignment, bytes);
  return *to ? 0 : ENOMEM;
}
void* mmap(void* at, size_t bytes, int access, int flags, int file, off_t offset) noexcept {
  if ((flags & MAP_ANONYMOUS) && fails(kTensor)) return MAP_FAILED;
  return REAL(mmap)(at, bytes, access, flags, file, offset);
}

#define OPEN(name)                                                 \
  int name(const char* path, int flags, ...) {                     \
    va_list more;                                                  \
    va_start(more, flags);                                         \
    const mode_t mode = mode_of(flags, more);                      \
    va_end(more);                                                  \
    if (is_ours(path) && fails(kOpen)) return -1;                  \
    return remember(REAL(name)(path, flags, mode), is_ours(path)); \
  }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                             \
  int name(int folder, const char* path, int flags, ...) {       \
    va_list more;                                                \
    va_start(more, flags);                                       \
    const mode_t mode = mode_of(flags, more);                    \
    va_end(more);                                                \
    const bool own = is_ours(path, folder);                      \
    if (own && fails(kOpen)) return -1;                          \
    return remember(REAL(name)(folder, path, flags, mode), own); \
  }
OPENAT(openat)
OPENAT(openat64)
#define FOPEN(name)                                                          \
  FILE* name(const char* path, const char* mode) {                           \
    return is_ours(path) && fails(kOpen) ? nullptr : REAL(name)(path, mode); \
  }
FOPEN(fopen)
FOPEN(fopen64)
int memfd_create(const char* name, unsigned flags) noexcept {
  return fails(kProcess) ? -1 : REAL(memfd_create)(name, flags);
}

ssize_t read(int file, void* to, size_t bytes) {
  const int how = is_ours(file) ? fault(kRead) : 0;
  if (how > 0) return errno = how, -1;
  return REAL(read)(file, to, how == kShort && bytes > 1 ? bytes / 2 : bytes);
}
#define PREAD(name)                                                                    \
  ssize_t name(int file, void* to, size_t bytes, off_t from) {                         \
    const int how = is_ours(file) ? fault(kRead) : 0;                                  \
    if (how > 0) return errno = how, -1;                                               \
    return REAL(name)(file, to, how == kShort && bytes > 1 ? bytes / 2 : bytes, from); \
  }
PREAD(pread)
PREAD(pread64)
ssize_t write(int file, const void* from, size_t bytes) {
  const int how = is_ours(file) ? fault(kWrite) : 0;
  if (how > 0) return errno = how, -1;
  return REAL(write)(file, from, how == kShort && bytes > 1 ? bytes / 2 : bytes);
}
ssize_t writev(int file, const iovec* parts, int count) {
  if (is_ours(file) && fails(kWrite)) return -1;
  return REAL(writev)(file, parts, count);
}

int fsync(int file) { return is_ours(file) && fails(kSync) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return is_ours(file) && fails(kSync) ? -1 : REAL(fdatasync)(file); }
int flock(int file, int how) noexcept {
  return is_ours(file) && fails(kLock) ? -1 : REAL(flock)(file, how);
}
int close(int file) {
  const bool own = is_ours(file);
  remember(file, false);
  const int result = REAL(close)(file);
  return own && fails(kClose) ? -1 : result;
}

int rename(const char* from, const char* to) noexcept {
  return is_ours(to) && fails(kRename) ? -1 : REAL(rename)(from, to);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned how) noexcept {
  if (is_ours(to, to_folder) && fails(kRename)) return -1;
  return REAL(renameat2)(from_folder, from, to_folder, to, how);
}
int unlink(const char* path) noexcept {
  return is_ours(path) && fails(kRemove) ? -1 : REAL(unlink)(path);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return is_ours(path, folder) && fails(kRemove) ? -1 : REAL(unlinkat)(folder, path, flags);
}
int rmdir(const char* path) noexcept {
  return is_ours(path) && fails(kRemove) ? -1 : REAL(rmdir)(path);
}
int remove(const char* path) noexcept {
  return is_ours(path) && fails(kRemove) ? -1 : REAL(remove)(path);
}
int mkdir(const char* path, mode_t mode) noexcept {
  return is_ours(path) && fails(kMake) ? -1 : REAL(mkdir)(path, mode);
}

#define STAT(name, type)                                              \
  int name(const char* path, struct type* to) noexcept {              \
    return is_ours(path) && fails(kLook) ? -1 : REAL(name)(path, to); \
  }
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)
int fstat(int file, struct stat* to) noexcept {
  return is_ours(file) && fails(kLook) ? -1 : REAL(fstat)(file, to);
}
int fstat64(int file, struct stat64* to) noexcept {
  return is_ours(file) && fails(kLook) ? -1 : REAL(fstat64)(file, to);
}
int fchmod(int file, mode_t mode) noexcept {
  return is_ours(file) && fails(kLook) ? -1 : REAL(fchmod)(file, mode);
}
int fchown(int file, uid_t user, gid_t group) noexcept {
  return is_ours(file) && fails(kLook) ? -1 : REAL(fchown)(file, user, group);
}
ssize_t readlink(const char* path, char* to, size_t bytes) noexcept {
  return is_ours(path) && fails(kLook) ? -1 : REAL(readlink)(path, to, bytes);
}
char* realpath(const char* path, char* to) noexcept {
  return is_ours(path) && fails(kLook) ? nullptr : REAL(realpath)(path, to);
}

DIR* opendir(const char* path) {
  return is_ours(path) && fails(kList) ? nullptr : REAL(opendir)(path);
}
DIR* fdopendir(int file) { return is_ours(file) && fails(kList) ? nullptr : REAL(fdopendir)(file); }
dirent* readdir(DIR* folder) { return fails(kList) ? nullptr : REAL(readdir)(folder); }
dirent64* readdir64(DIR* folder) { return fails(kList) ? nullptr : REAL(readdir64)(folder); }

int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*start)(void*),
                   void* with) noexcept {
  if (const int failure = thread_fault()) return failure;
  const Pause here;  // its stack is glibc's
  if (!counting) return REAL(pthread_create)(thread, how, start, with);
  auto* own = static_cast<Start*>(__libc_malloc(sizeof(Start)));
  *own = {start, with};
  return REAL(pthread_create)(thread, how, counted_thread, own);
}
pid_t fork() noexcept { return fails(kProcess) ? -1 : REAL(fork)(); }
int socketpair(int domain, int type, int protocol, int* ends) noexcept {
  return fails(kProcess) ? -1 : REAL(socketpair)(domain, type, protocol, ends);
}
}
