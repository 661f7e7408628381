#include "heed/core/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/folder_test_helpers.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using test::TemporaryFolder;

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

TEST(Files, ReplaceFileLeavesNothingBeside) {
  const TemporaryFolder here;
  replace_file(here / "a", "one");
  test::write_bytes(here / "a.partial", "left by a killed writer");
  replace_file(here / "a", "two");
  EXPECT_EQ(read_text(here / "a"), "two");
  EXPECT_FALSE(std::filesystem::exists(here / "a.partial"));
  EXPECT_THROW(replace_file(here / "no" / "a", "x"), FileError);
}

}  // namespace
}  // namespace heed
