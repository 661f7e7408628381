// Parses an event file back from the description of its formats alone: TFRecord, protocol buffers,
// event.proto.
#include "formats/event_file.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <map>

#include "core/folder_test_helpers.h"

namespace heed {
namespace {

using test::TemporaryFolder;

/// Bit by bit, where the program uses a table.
uint32_t slow_crc32c(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

template <class Number>
Number number_at(const std::string& bytes, size_t at) {
  Number number{};
  EXPECT_LE(at + sizeof number, bytes.size());
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::vector<std::string> records_of(const std::string& file) {
  const auto unmask = [](uint32_t masked) {
    const uint32_t rotated = masked - 0xa282ead8u;
    return rotated >> 17 | rotated << 15;
  };
  std::vector<std::string> records;
  size_t at = 0;
  while (at < file.size()) {
    const auto length = number_at<uint64_t>(file, at);
    EXPECT_EQ(unmask(number_at<uint32_t>(file, at + 8)), slow_crc32c(file.substr(at, 8)));
    if (length > file.size()) ADD_FAILURE() << "a record of " << length << " bytes";
    if (length > file.size()) break;
    records.push_back(file.substr(at + 12, length));
    EXPECT_EQ(unmask(number_at<uint32_t>(file, at + 12 + length)), slow_crc32c(records.back()));
    at += 16 + length;
  }
  EXPECT_EQ(at, file.size());
  return records;
}

/// Field number -> raw values of one message, in order.
std::multimap<uint64_t, std::string> fields_of(const std::string& message) {
  std::multimap<uint64_t, std::string> fields;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t number = 0;
    for (int shift = 0; at < message.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(message[at++]);
      number |= uint64_t{byte & 127u} << shift;
      if (byte < 128) break;
    }
    return number;
  };
  while (at < message.size()) {
    const uint64_t key = varint();
    size_t length = 0;
    switch (key & 7) {
      case 0: {
        const uint64_t number = varint();
        fields.emplace(key >> 3, std::string(reinterpret_cast<const char*>(&number), 8));
        continue;
      }
      case 1:
        length = 8;
        break;
      case 2:
        length = varint();
        break;
      case 5:
        length = 4;
        break;
      default:
        ADD_FAILURE() << "wire type " << (key & 7);
        return fields;
    }
    EXPECT_LE(at + length, message.size());
    fields.emplace(key >> 3, message.substr(at, length));
    at += length;
  }
  return fields;
}

std::string only(const std::multimap<uint64_t, std::string>& fields, uint64_t field) {
  EXPECT_EQ(fields.count(field), 1u) << "field " << field;
  return fields.count(field) ? fields.find(field)->second : std::string(8, '\0');
}

TEST(EventFile, KnownChecksums) {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(EventFile, ParsesBack) {
  const TemporaryFolder here;
  EventFile events(here.path(), 41);
  events.write(42, {{"train/loss", 0.125f}, {"train/accuracy", 0.5f}});
  events.write(int64_t{1} << 40, {{std::string(300, 'x'), NAN}});
  events.sync();
  EXPECT_THAT(events.path().filename().string(), testing::StartsWith("events.out.tfevents."));
  const auto records = records_of(test::read_bytes(events.path()));
  ASSERT_EQ(records.size(), 4u);

  auto event = fields_of(records[0]);
  EXPECT_EQ(only(event, 3), "brain.Event:2");
  EXPECT_NEAR(number_at<double>(only(event, 1), 0), static_cast<double>(time(nullptr)), 60);

  event = fields_of(records[1]);  // "forget what other files say from step 42 on"
  EXPECT_EQ(number_at<int64_t>(only(event, 2), 0), 42);
  EXPECT_EQ(number_at<int64_t>(only(fields_of(only(event, 7)), 1), 0), 1);

  event = fields_of(records[2]);
  EXPECT_EQ(number_at<int64_t>(only(event, 2), 0), 42);
  const auto summary = fields_of(only(event, 5));
  ASSERT_EQ(summary.count(1), 2u);
  const auto value = fields_of(summary.begin()->second);
  EXPECT_EQ(only(value, 1), "train/loss");
  EXPECT_EQ(number_at<float>(only(value, 2), 0), 0.125f);
  const auto second = fields_of(std::next(summary.begin())->second);
  EXPECT_EQ(only(second, 1), "train/accuracy");
  EXPECT_EQ(number_at<float>(only(second, 2), 0), 0.5f);

  event = fields_of(records[3]);
  EXPECT_EQ(number_at<int64_t>(only(event, 2), 0), int64_t{1} << 40);
  const auto last = fields_of(only(fields_of(only(event, 5)), 1));
  EXPECT_EQ(only(last, 1).size(), 300u);
  EXPECT_TRUE(std::isnan(number_at<float>(only(last, 2), 0)));
}

TEST(EventFile, LaterFilesSortAfterEarlierOnes) {
  const TemporaryFolder here;
  std::string before;
  for (int i = 0; i < 20; ++i) {
    const EventFile events(here.path(), 0);
    EXPECT_LT(before, events.path().filename().string());
    before = events.path().filename().string();
  }
}

}  // namespace
}  // namespace heed
