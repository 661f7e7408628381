#include "core/bytes.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "heed/core/error.h"

namespace heed {
namespace {

class BytesTest : public ::testing::Test {
 protected:
  BytesTest()
      : file_(std::filesystem::temp_directory_path() / ("heed-bytes-" + std::to_string(getpid()))) {
    std::ofstream(file_, std::ios::binary) << "0123456789";
  }
  ~BytesTest() override { std::filesystem::remove(file_); }

  std::filesystem::path file_;
};

TEST_F(BytesTest, ReadsAllWithinTheLimit) {
  EXPECT_THAT(read_bytes(file_, 10), ::testing::ElementsAreArray("0123456789", 10));
  EXPECT_EQ(read_bytes(file_, 1 << 30).size(), 10u);
  EXPECT_THROW(read_bytes(file_, 9), DataError);
}

TEST_F(BytesTest, ReadsTheFirst) {
  EXPECT_THAT(read_first_bytes(file_, 4), ::testing::ElementsAreArray("0123", 4));
  EXPECT_EQ(read_first_bytes(file_, 40).size(), 10u);
}

TEST_F(BytesTest, NamesWhatCannotBeRead) {
  EXPECT_THROW(read_bytes(file_.string() + ".absent", 10), FileError);
  EXPECT_THROW(read_bytes(std::filesystem::temp_directory_path(), 10), FileError);
  EXPECT_THROW(read_first_bytes("/dev/zero", 10), FileError);
}

}  // namespace
}  // namespace heed
