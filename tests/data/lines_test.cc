#include "heed/data/lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "data/samples.h"
#include "heed/data/tokenizer.h"

namespace heed::data {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<std::string> read(const std::filesystem::path& file) {
  LineReader reader(file);
  std::vector<std::string> lines;
  std::string line;
  while (reader.next(line)) {
    lines.push_back(line);
    EXPECT_EQ(reader.number(), static_cast<int64_t>(lines.size()));
    EXPECT_EQ(reader.place(), file.string() + ":" + std::to_string(lines.size()));
  }
  EXPECT_FALSE(reader.next(line));
  return lines;
}

TEST(LineReader, LinesEndByOneRule) {
  const test::TempFolder folder;
  const auto lines = [&](std::string_view text) { return read(folder.write("x", bytes(text))); };
  EXPECT_THAT(lines("a\nb\n"), ElementsAre("a", "b"));
  EXPECT_THAT(lines("a\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(lines("a\r\nb\r"), ElementsAre("a", "b"));
  EXPECT_THAT(lines("a\r\r\n\rb\n"), ElementsAre("a\r", "\rb"));
  EXPECT_THAT(lines("\n\n"), ElementsAre("", ""));
  EXPECT_THAT(lines("\n"), ElementsAre(""));
  EXPECT_THAT(lines("a\u2028b\u0085c\n"), ElementsAre("a\u2028b\u0085c"));
  EXPECT_THAT(lines("\xEF\xBB\xBF"
                    "a\n\xEF\xBB\xBF"),
              ElementsAre("a", "\xEF\xBB\xBF"));
}

TEST(LineReader, LongLinesAndPackedFiles) {
  const test::TempFolder folder;
  std::string text;
  std::vector<std::string> expected;
  for (const int length : {0, 1, 65535, 65536, 65537, 300000, 3}) {
    expected.push_back(std::string(static_cast<size_t>(length), 'x') + "é");
    text += expected.back() + '\n';
  }
  EXPECT_EQ(read(folder.write("plain", bytes(text))), expected);
  EXPECT_EQ(read(folder.write("x.gz", test::gzip(bytes(text)))), expected);
  Bytes members = test::gzip(bytes(text.substr(0, 100000)));
  const Bytes second = test::gzip(bytes(text.substr(100000)));
  members.insert(members.end(), second.begin(), second.end());
  EXPECT_EQ(read(folder.write("two.gz", members)), expected);
}

TEST(LineReader, NamesWhatIsWrong) {
  const test::TempFolder folder;
  const auto refused = [&](const Bytes& file) {
    return message_of<DataError>([&] { read(folder.write("x", file)); });
  };
  EXPECT_THAT(refused({}), HasSubstr("x: the file is empty"));
  EXPECT_THAT(refused(bytes("\xEF\xBB\xBF")), HasSubstr("the file is empty"));
  EXPECT_THAT(refused(test::gzip(Bytes{})), HasSubstr("the file is empty"));
  EXPECT_THAT(refused(bytes("ab\r\ncd\n\nxé\xC3\n")),
              HasSubstr("x:4: invalid UTF-8 at byte 3 of the line (byte 11 of the file)"));
  EXPECT_THAT(refused(bytes("\xEF\xBB\xBF\xFF")), HasSubstr("byte 0 of the line (byte 3 of"));
  EXPECT_THAT(refused(bytes("\xED\xA0\x80")), HasSubstr("x:1: invalid UTF-8"));  // a surrogate
  EXPECT_THAT(refused(bytes(std::string_view("a\nb\0c", 5))), HasSubstr("x:2: a NUL at byte 1"));
  Bytes packed = test::gzip(bytes("some text\n"));
  packed.pop_back();
  EXPECT_THAT(refused(packed), HasSubstr("cut short"));
  packed = test::gzip(bytes("some text\n"));
  packed.push_back('x');
  EXPECT_THAT(refused(packed), HasSubstr("1 bytes follow the gzip stream"));
  packed = test::gzip(bytes("some text\n"));
  packed[packed.size() - 6] ^= 1;  // of the checksum
  EXPECT_THAT(refused(packed), HasSubstr("damaged"));
  EXPECT_THROW(LineReader(folder.path() / "absent"), FileError);
  EXPECT_THROW(LineReader(folder.path()), FileError);
}

/// A named pipe into which a thread writes.
class Pipe {
 public:
  Pipe(const std::filesystem::path& path, std::vector<std::string> parts) {
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    writer_ = std::jthread([path, parts = std::move(parts)] {
      const int to = ::open(path.c_str(), O_WRONLY);
      for (const auto& part : parts) {
        EXPECT_EQ(::write(to, part.data(), part.size()), static_cast<ssize_t>(part.size()));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      ::close(to);
    });
  }

 private:
  std::jthread writer_;
};

TEST(LineReader, APipeIsReadAsAFileIs) {
  const test::TempFolder folder;
  int number = 0;
  const auto lines = [&](std::vector<std::string> parts) {
    const auto path = folder.path() / std::to_string(++number);
    const Pipe pipe(path, std::move(parts));
    auto reader = LineReader::once(path);
    std::vector<std::string> found;
    for (std::string line; reader.next(line);) found.push_back(line);
    return found;
  };
  EXPECT_THAT(lines({"\xEF",
                     "\xBB\xBF"
                     "a\r\n",
                     "b"}),
              ElementsAre("a", "b"));
  EXPECT_THAT(lines({"\xEF\xBB\xBF"}), ElementsAre());
  EXPECT_THAT(lines({}), ElementsAre());
  const auto packed = test::gzip(bytes("x\ny\n"));
  EXPECT_THAT(lines({{packed.begin(), packed.begin() + 1}, {packed.begin() + 1, packed.end()}}),
              ElementsAre("x", "y"));
  EXPECT_THAT(message_of<DataError>([&] {
                lines({"a\n", std::string("b\0", 2)});
              }),
              HasSubstr(":2: a NUL at byte 1"));
  EXPECT_THAT(message_of<DataError>([&] { lines({"\xFF\n"}); }), HasSubstr(":1: invalid UTF-8"));
}

TEST(LineReader, ALineIsThereBeforeTheNextIsWritten) {
  const test::TempFolder folder;
  const auto path = folder.path() / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int end = ::open(path.c_str(), O_RDWR);  // so that neither side waits for the other
  const auto put = [&](std::string_view text) {
    ASSERT_EQ(::write(end, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  };
  put("a\n");
  auto reader = LineReader::once(path);
  std::string line;
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line, "a");
  EXPECT_FALSE(reader.ready());
  put("b\nc\n");
  EXPECT_TRUE(reader.ready());
  ASSERT_TRUE(reader.next(line));
  EXPECT_TRUE(reader.ready());
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line, "c");
  EXPECT_FALSE(reader.ready());
  ::close(end);
  EXPECT_TRUE(reader.ready());
  EXPECT_FALSE(reader.next(line));
}

TEST(LineReader, NamesAreAnyBytes) {
  const test::TempFolder folder;
  auto reader = LineReader::names(folder.write("names", bytes("a\xFF.png\n")));
  std::string line;
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line, "a\xFF.png");
}

TEST(LinesOf, OneFileAfterTheOther) {
  const test::TempFolder folder;
  const auto lines = lines_of({folder.write("a", bytes("1\n2\n")), folder.write("b", bytes("3"))});
  std::vector<std::string> all;
  for (std::string line; lines(line);) all.push_back(line);
  EXPECT_THAT(all, ElementsAre("1", "2", "3"));
}

}  // namespace
}  // namespace heed::data
