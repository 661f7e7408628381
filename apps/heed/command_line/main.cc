// heed: reads the command line, and loads LibTorch only where a verb runs.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "command_line.h"
#include "frame/waiting.h"
#include "heed/core/error.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

/// Beside the program in the build tree, in the libraries' folder where it is installed.
fs::path verbs_library() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path beside = folder / "libheed_verbs.so";
  return fs::exists(beside) ? beside : folder / HEED_BIN_TO_LIB / "libheed_verbs.so";
}

/// Warnings of the logs of LibTorch, as those of a connection that is tried again every second: the verbs say what they
/// wait for. GLOG_minloglevel (Debian's LibTorch) and TORCH_CPP_LOG_LEVEL bring them back.
void be_silent_about_libraries() {
  setenv("GLOG_minloglevel", "2", 0);
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);
}

}  // namespace

void run_verb(const char* verb, const void* flags) {
  wait_asleep();
  be_silent_about_libraries();
  void* library = dlopen(verbs_library().c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (!library) throw Error(Failure::file, std::string("cannot load the verbs: ") + dlerror());
  using Run = void (*)(const char* verb, const void* flags);
  const auto run = reinterpret_cast<Run>(dlsym(library, "heed_run_verb"));
  if (!run) throw Error(Failure::file, std::string("cannot load the verbs: ") + dlerror());
  run(verb, flags);
}

}  // namespace heed::cli

int main(int argc, char** argv) {
  const int own = heed::cli::keep_words_of_copies(argc, argv);
  const int code = heed::cli::run(own, argv, heed::cli::kHeed);
  // Everything is written. LibTorch takes itself apart at exit(), which takes memory and aborts where there is none.
  std::fflush(nullptr);
  std::_Exit(code);
}
