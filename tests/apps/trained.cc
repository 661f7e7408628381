#include "apps/trained.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "apps/run.h"
#include "files.h"

namespace heed::test {
namespace {

namespace fs = std::filesystem;

/// Holds a file against other processes, until it or its process ends.
class FileLock {
 public:
  explicit FileLock(const fs::path& file)
      : descriptor_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0 || flock(descriptor_, LOCK_EX) != 0) {
      throw std::runtime_error("cannot lock " + file.string());
    }
  }
  ~FileLock() { close(descriptor_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

bool newer(const fs::path& file, const fs::path& than) {
  return fs::exists(file) && fs::last_write_time(file) > fs::last_write_time(than);
}

}  // namespace

Trained train_once(const std::string& name, const std::function<void(const fs::path&)>& prepare,
                   const std::vector<std::string>& more) {
  const fs::path tests = fs::read_symlink("/proc/self/exe");
  Trained trained;
  const char* seed = std::getenv("HEED_TEST_SEED");  // of tests/learning.h
  trained.folder = tests.parent_path() / "made" / (seed ? name + "-" + seed : name);
  trained.recipe = trained.file("small.toml");
  trained.model = trained.file("model");
  fs::create_directories(trained.folder.parent_path());
  const FileLock lock(trained.folder.string() + ".lock");
  const std::string err = trained.file("err"), out = trained.file("out");  // out is written last
  if (!newer(out, tests) || !newer(out, HEED_PROGRAM)) {
    fs::remove_all(trained.folder);
    fs::create_directory(trained.folder);
    prepare(trained.folder);
    std::vector<std::string> words{"train", trained.recipe, "--out", trained.model, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = run(words);
    if (result.code != 0) throw std::runtime_error("heed train: " + result.err);
    write_bytes(err, result.err);
    write_bytes(out, result.out);
  }
  trained.out = read_bytes(out), trained.err = read_bytes(err);
  return trained;
}

}  // namespace heed::test
