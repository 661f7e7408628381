#include "heed/core/atomic_folder.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

#include <string>

#include "core/folder_test_helpers.h"
#include "core/replace_folder.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/random.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

constexpr int kFiles = 3;

/// Every file of a version says the version, so that a mixture shows.
std::string content(int version, int file) {
  return "version " + std::to_string(version) + std::string(20000 + 7 * file, 'x');
}

void write_version(const fs::path& target, int version, bool exchange = true) {
  AtomicFolder folder(target);
  for (int i = 0; i < kFiles; ++i) folder.write("file" + std::to_string(i), content(version, i));
  if (exchange) {
    folder.commit();
  } else {
    replace_by_two_renames(folder.path(), target);
  }
}

/// The version that stands there, after making sure that it is complete; -1 where nothing stands.
int version_of(const fs::path& target) {
  if (!fs::exists(target)) return -1;
  const int version = std::stoi(test::read_bytes(target / "file0").substr(8));
  int files = 0;
  for (const auto& entry : fs::directory_iterator(target)) files += entry.is_regular_file();
  EXPECT_EQ(files, kFiles);
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_EQ(test::read_bytes(target / ("file" + std::to_string(i))), content(version, i));
  }
  return version;
}

TEST(AtomicFolder, AppearsAndIsReplacedWhole) {
  const TemporaryFolder here;
  write_version(here / "model", 1);
  EXPECT_EQ(version_of(here / "model"), 1);
  write_version(here / "model", 2);
  EXPECT_EQ(version_of(here / "model"), 2);
  write_version(here / "model", 3, false);
  EXPECT_EQ(version_of(here / "model"), 3);
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
}

TEST(AtomicFolder, WithoutCommitLeavesNothing) {
  const TemporaryFolder here;
  write_version(here / "model", 1);
  {
    AtomicFolder folder(here / "model");
    folder.write("file0", "new");
    EXPECT_TRUE(fs::exists(folder.path() / "file0"));
  }
  EXPECT_EQ(version_of(here / "model"), 1);
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
}

TEST(AtomicFolder, ReplacesTheFolderBehindALink) {
  const TemporaryFolder here;
  write_version(here / "real", 1);
  fs::create_directory_symlink("real", here / "link");
  write_version(here / "link", 2);
  EXPECT_TRUE(fs::is_symlink(here / "link"));
  EXPECT_EQ(version_of(here / "real"), 2);
}

TEST(AtomicFolder, TakesANameWithASlashAtItsEnd) {
  const TemporaryFolder here;
  for (int version : {1, 2}) write_version(here.path() / "model/", version);
  EXPECT_EQ(version_of(here / "model"), 2);
}

TEST(AtomicFolder, RefusesAFileInItsPlaceAndAMissingParent) {
  const TemporaryFolder here;
  test::write_bytes(here / "model", "mine");
  EXPECT_THROW(AtomicFolder(here / "model"), FileError);
  EXPECT_EQ(test::read_bytes(here / "model"), "mine");
  try {
    const AtomicFolder folder(here / "no" / "model");
    FAIL() << "a missing parent";
  } catch (const FileError& error) {
    EXPECT_THAT(std::string(error.what()), testing::HasSubstr("No such file"));
  }
}

TEST(AtomicFolder, LeavesALivingWritersFolderAlone) {
  const TemporaryFolder here;
  AtomicFolder first(here / "model");
  first.write("file0", "first");
  write_version(here / "model", 2);
  first.write("file1", "first");
  first.commit();
  EXPECT_EQ(test::read_bytes(here / "model" / "file1"), "first");
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
}

TEST(AtomicFolder, RemoveFolderLeavesNothing) {
  const TemporaryFolder here;
  write_version(here / "model", 1);
  remove_folder(here / "model");
  EXPECT_TRUE(fs::is_empty(here.path()));
  EXPECT_THROW(remove_folder(here / "model"), FileError);
}

TEST(AtomicFolder, SurvivesKillsAtRandomMoments) {
  const TemporaryFolder here;
  const fs::path target = here / "model";
  write_version(target, 0);
  Random random(1);
  int before = 0, replaced = 0;
  for (int round = 0; round < 150; ++round) {
    const pid_t writer = test::in_child([&] {
      for (int version = before + 1;; ++version) write_version(target, version, version % 3 != 0);
      return 0;
    });
    usleep(random.below(8000) * (replaced > 0 ? 1 : round + 1));  // a busy machine begins late
    kill(writer, SIGKILL);
    test::status_of(writer);
    recover_folder(target);
    const int now = version_of(target);
    ASSERT_GE(now, before) << "a committed folder was lost";
    ASSERT_EQ(test::hidden_entries(here.path()), 0);
    replaced += now - before, before = now;
  }
  EXPECT_GT(replaced, 0) << "the kills came before anything was written";
}

/// Runs the body in a child that stops at each entry to and exit from the system, and kills it at
/// the n-th stop. Returns whether the child ended before.
bool kill_at_stop(int n, const std::function<int()>& body) {
  const pid_t child = test::in_child([&] {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 98;
    raise(SIGSTOP);
    return body();
  });
  int status = 0;
  waitpid(child, &status, 0);
  for (int stop = 0; stop < n && !WIFEXITED(status); ++stop) {
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    waitpid(child, &status, 0);
  }
  if (WIFEXITED(status)) {
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return true;
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return false;
}

class KilledAtEverySystemCall : public testing::TestWithParam<bool> {};

TEST_P(KilledAtEverySystemCall, KeepsOldOrNew) {
  const pid_t probe = test::in_child([] { return ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? 0 : 1; });
  if (test::status_of(probe) != 0) GTEST_SKIP() << "this system forbids ptrace";
  const TemporaryFolder here;
  const fs::path target = here / "model";
  int news = 0, olds = 0;
  for (int n = 1;; ++n) {
    fs::remove_all(target);
    write_version(target, 1);
    const bool ended = kill_at_stop(n, [&] {
      write_version(target, 2, GetParam());
      return 0;
    });
    if (!fs::exists(target)) {
      EXPECT_FALSE(GetParam()) << "an exchange leaves no moment without a folder";
      recover_folder(target);
    }
    const int version = version_of(target);
    ASSERT_TRUE(version == 1 || version == 2) << "killed at stop " << n;
    (version == 1 ? olds : news) += 1;
    recover_folder(target);
    ASSERT_EQ(test::hidden_entries(here.path()), 0) << "killed at stop " << n;
    ASSERT_EQ(version_of(target), version);
    if (ended) break;
  }
  EXPECT_GT(olds, 20);
  EXPECT_GT(news, 5);
}

INSTANTIATE_TEST_SUITE_P(ByExchangeAndByTwoRenames, KilledAtEverySystemCall, testing::Bool());

TEST(AtomicFolder, FullDiskKeepsTheOldFolder) {
  const TemporaryFolder here;
  const fs::path target = here / "model";
  write_version(target, 1);
  // A limit on a file's size is a disk that is full at that size.
  for (const rlim_t limit : {0, 1, 4096, 20000}) {
    const pid_t child = test::in_child([&] {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit bytes{limit, limit};
      setrlimit(RLIMIT_FSIZE, &bytes);
      try {
        write_version(target, 2);
      } catch (const FileError& error) {
        const std::string message = error.what();
        const bool says = message.find("cannot write") != std::string::npos &&
                          message.find("file0") != std::string::npos &&
                          message.find("File too large") != std::string::npos;
        return says ? 7 : 8;
      }
      return 9;
    });
    EXPECT_EQ(WEXITSTATUS(test::status_of(child)), 7);
    EXPECT_EQ(version_of(target), 1);
    EXPECT_EQ(test::hidden_entries(here.path()), 0);
  }
}

TEST(AtomicFolder, FullFileSystemKeepsTheOldFolder) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may mount a small file system";
  const TemporaryFolder here;
  if (mount("none", here.path().c_str(), "tmpfs", 0, "size=128k") != 0) {
    GTEST_SKIP() << "this system forbids mounts";
  }
  write_version(here / "model", 1);  // 60 of 128 KiB; two versions do not fit with a third file
  test::write_bytes(here / "filler", std::string(40000, 'f'));
  try {
    write_version(here / "model", 2);
    ADD_FAILURE() << "two versions do not fit";
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("No space left"), std::string::npos) << error.what();
  }
  EXPECT_EQ(version_of(here / "model"), 1);
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
  umount(here.path().c_str());
}

}  // namespace
}  // namespace heed
