#include "heed/core/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/folder_test_helpers.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

TEST(Files, ReadWhatWasWritten) {
  const TemporaryFolder here;
  std::string bytes;
  for (int i = 0; i < 100000; ++i) bytes += static_cast<char>(i * 31);
  FileWriter writer(here / "a");
  writer.write(std::string_view(bytes).substr(0, 7));
  writer.write("");
  writer.write(std::string_view(bytes).substr(7));
  writer.sync();
  writer.close();
  EXPECT_EQ(read_text(here / "a"), bytes);
  FileWriter more(here / "a", FileWriter::Mode::append);
  more.write("end");
  more.close();
  EXPECT_EQ(read_text(here / "a"), bytes + "end");
}

TEST(Files, RefuseWhatIsThereAndWhatIsNot) {
  const TemporaryFolder here;
  test::write_bytes(here / "a", "mine");
  EXPECT_THROW(FileWriter(here / "a"), FileError);
  EXPECT_EQ(read_text(here / "a"), "mine");
  EXPECT_THROW(read_text(here / "b"), FileError);
  EXPECT_THROW(read_text(here.path()), FileError);
  EXPECT_THROW(read_text(here / "a", 3), FileError);
  ASSERT_EQ(mkfifo((here / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(read_text(here / "pipe"), FileError);
}

TEST(Files, ReadingPastTheEndIsAnError) {
  const TemporaryFolder here;
  test::write_bytes(here / "a", "0123456789");
  const FileReader file(here / "a");
  char to[4];
  file.read(to, 4, 6);
  EXPECT_EQ(std::string(to, 4), "6789");
  EXPECT_THROW(file.read(to, 4, 7), FileError);
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

int mode_of(const std::filesystem::path& file) {
  struct stat status {};
  EXPECT_EQ(stat(file.c_str(), &status), 0);
  return static_cast<int>(status.st_mode & 07777);
}

TEST(ReplaceFile, LeavesNothingBesideAndTouchesNothingElse) {
  const TemporaryFolder here;
  replace_file(here / "a", "one");
  test::write_bytes(here / "a.partial", "a user's");
  replace_file(here / "a", "two");
  EXPECT_EQ(read_text(here / "a"), "two");
  EXPECT_EQ(read_text(here / "a.partial"), "a user's");
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
  EXPECT_THAT(message_of([&] { replace_file(here / "no" / "a", "x"); }),
              HasSubstr((here / "no" / "a").string() + ": No such file or directory"));
  EXPECT_THAT(message_of([&] { replace_file(here.path(), "x"); }), HasSubstr("Is a directory"));
}

TEST(ReplaceFile, KeepsModeAndOwner) {
  const TemporaryFolder here;
  test::write_bytes(here / "a", "secret");
  ASSERT_EQ(chmod((here / "a").c_str(), 0600), 0);
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(chown((here / "a").c_str(), 1234, 2345), 0);
  }
  replace_file(here / "a", "new");
  EXPECT_EQ(read_text(here / "a"), "new");
  EXPECT_EQ(mode_of(here / "a"), 0600);
  struct stat status {};
  stat((here / "a").c_str(), &status);
  if (is_root) {
    EXPECT_EQ(status.st_uid, 1234u);
    EXPECT_EQ(status.st_gid, 2345u);
  }
  umask(022);
  replace_file(here / "b", "new");
  EXPECT_EQ(mode_of(here / "b"), 0644);
}

TEST(ReplaceFile, FollowsLinks) {
  const TemporaryFolder here;
  namespace fs = std::filesystem;
  fs::create_directory(here / "far");
  test::write_bytes(here / "far" / "a", "old");
  fs::create_symlink("far/b", here / "link");
  fs::create_symlink("a", here / "far" / "b");
  replace_file(here / "link", "new");
  EXPECT_TRUE(fs::is_symlink(here / "link"));
  EXPECT_TRUE(fs::is_symlink(here / "far" / "b"));
  EXPECT_EQ(read_text(here / "far" / "a"), "new");
  fs::create_symlink("nothing", here / "dangling");
  replace_file(here / "dangling", "made");
  EXPECT_TRUE(fs::is_symlink(here / "dangling"));
  EXPECT_EQ(read_text(here / "nothing"), "made");
  fs::create_symlink("circle", here / "circle");
  EXPECT_THAT(message_of([&] { replace_file(here / "circle", "x"); }),
              HasSubstr((here / "circle").string() + ": Too many levels of symbolic links"));
}

TEST(ReplaceFile, WritesThroughDevicesPipesAndDescriptors) {
  const TemporaryFolder here;
  namespace fs = std::filesystem;
  const auto null = test::device_in(here, "null", 3), full = test::device_in(here, "full", 7);
  replace_file(null, "gone");
  EXPECT_TRUE(fs::is_character_file(null));
  EXPECT_EQ(message_of([&] { replace_file(full, "x"); }),
            "cannot write " + full.string() + ": No space left on device");
  ASSERT_EQ(mkfifo((here / "pipe").c_str(), 0600), 0);
  const int reader = open((here / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
  replace_file(here / "pipe", "through");
  char got[16] = "";
  EXPECT_EQ(read(reader, got, sizeof got), 7);
  EXPECT_STREQ(got, "through");
  close(reader);
  EXPECT_TRUE(fs::is_fifo(here / "pipe"));
  const int file = open((here / "log").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(write(file, "before ", 7), 7);
  fs::create_symlink("/proc/self/fd/" + std::to_string(file), here / "stdout");
  replace_file(here / "stdout", "after");
  ASSERT_EQ(write(file, " end", 4), 4);
  close(file);
  EXPECT_EQ(read_text(here / "log"), "before after end");
}

TEST(ReplaceFile, AFolderThatMayNotBeWrittenStillLetsItsFilesBe) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become a user without rights";
  const TemporaryFolder here;
  test::write_bytes(here / "a", "old and longer");
  chmod(here.path().c_str(), 0755);
  chmod((here / "a").c_str(), 0666);
  const int status = test::status_of(test::in_child([&]() -> int {
    if (setgid(65534) != 0 || setuid(65534) != 0) return 9;
    replace_file(here / "a", "new");
    return message_of([&] { replace_file(here / "b", "x"); }).find("denied") == std::string::npos;
  }));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(read_text(here / "a"), "new");
}

TEST(ReplaceFile, AFullDiskKeepsTheOldFile) {
  const TemporaryFolder here;
  test::write_bytes(here / "a", "old");
  const int status = test::status_of(test::in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit bytes{100, 100};
    setrlimit(RLIMIT_FSIZE, &bytes);
    const auto message = message_of([&] { replace_file(here / "a", std::string(200, 'x')); });
    return message.find((here / "a").string() + ": File too large") == std::string::npos;
  }));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(read_text(here / "a"), "old");
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
}

TEST(KindOf, FollowsLinksAndNamesCircles) {
  const TemporaryFolder here;
  namespace fs = std::filesystem;
  test::write_bytes(here / "a", "");
  fs::create_symlink(here / "a", here / "link");
  fs::create_symlink("y", here / "x");
  fs::create_symlink("x", here / "y");
  EXPECT_EQ(kind_of(here / "link"), PathKind::file);
  EXPECT_EQ(kind_of(here.path()), PathKind::folder);
  EXPECT_EQ(kind_of("/dev/null"), PathKind::other);
  EXPECT_EQ(kind_of(here / "a" / "b"), PathKind::absent);
  EXPECT_EQ(kind_of(std::string(5000, 'x')), PathKind::absent) << "a text, no name";
  EXPECT_EQ(message_of([&] { kind_of(here / "x"); }),
            "cannot look at " + (here / "x").string() + ": Too many levels of symbolic links");
}

}  // namespace
}  // namespace heed
