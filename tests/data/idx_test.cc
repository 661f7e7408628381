#include "heed/data/idx.h"

#include <gmock/gmock.h>

#include <numeric>

#include "data/samples.h"

namespace heed::data {
namespace {

using test::Bytes;
using test::gzip;
using test::idx;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

Bytes counting_bytes(size_t count) {
  Bytes values(count);
  std::iota(values.begin(), values.end(), uint8_t{0});
  return values;
}

std::string image_error(const Bytes& file) {
  return message_of<DataError>([&] { parse_idx_images(file, "x.idx"); });
}

TEST(Idx, ReadsImagesPlainAndPacked) {
  const Bytes plain = idx({3, 4, 5}, counting_bytes(60));
  for (const Bytes& file : {plain, gzip(plain)}) {
    const IdxImages images = parse_idx_images(file, "x.idx");
    EXPECT_EQ(images.count, 3);
    EXPECT_EQ(images.height, 4);
    EXPECT_EQ(images.width, 5);
    EXPECT_EQ(images.values, counting_bytes(60));
  }
}

TEST(Idx, ReadsLabels) {
  const Bytes plain = idx({4}, counting_bytes(4));
  EXPECT_EQ(parse_idx_labels(plain, "x.idx"), counting_bytes(4));
  EXPECT_EQ(parse_idx_labels(gzip(plain), "x.idx"), counting_bytes(4));
}

TEST(Idx, ReadsSeveralGzipMembers) {
  const Bytes plain = idx({2, 2, 3}, counting_bytes(12));
  Bytes members = gzip(std::span(plain).first(10));
  const Bytes second = gzip(std::span(plain).subspan(10));
  members.insert(members.end(), second.begin(), second.end());
  EXPECT_EQ(parse_idx_images(members, "x.idx").values, counting_bytes(12));
}

TEST(Idx, NamesFileFieldExpectedAndFound) {
  Bytes bad = idx({1, 1, 1}, counting_bytes(1));
  bad[1] = 7;
  EXPECT_THAT(image_error(bad), AllOf(HasSubstr("x.idx"), HasSubstr("magic"), HasSubstr("0x07")));
  bad = idx({1, 1, 1}, counting_bytes(1));
  bad[2] = 0x0d;
  EXPECT_THAT(image_error(bad), AllOf(HasSubstr("element type"), HasSubstr("0x0d")));
  EXPECT_THAT(image_error(idx({4}, counting_bytes(4))),
              AllOf(HasSubstr("rank"), HasSubstr("expected 3"), HasSubstr("found 1")));
  EXPECT_THAT(message_of<DataError>([] {
                parse_idx_labels(idx({1, 1, 1}, counting_bytes(1)), "y");
              }),
              AllOf(HasSubstr("expected 1 (labels)"), HasSubstr("found 3")));
  for (const auto& sizes : {std::vector<uint32_t>{0, 1, 1}, {1, 0, 1}, {1, 1, 0}})
    EXPECT_THAT(image_error(idx(sizes, {})), HasSubstr("at least 1, found 0"));
}

TEST(Idx, RefusesSizesThatOverflow) {
  // 2^32 - 1 cubed, and a product that is 0 modulo 2^64.
  for (const auto& sizes :
       {std::vector<uint32_t>{0xffffffff, 0xffffffff, 0xffffffff}, {0x80000000, 0x80000000, 4}})
    for (const Bytes& file : {idx(sizes, counting_bytes(9)), gzip(idx(sizes, counting_bytes(9)))})
      EXPECT_THAT(image_error(file), HasSubstr("2^40"));
}

TEST(Idx, TakesNoMemoryForPromises) {
  // 2^40 bytes promised, nine there: allocating first would fail or be killed.
  for (const Bytes& file : {idx({1 << 20, 1 << 10, 1 << 10}, counting_bytes(9)),
                            gzip(idx({1 << 20, 1 << 10, 1 << 10}, counting_bytes(9)))})
    EXPECT_THAT(image_error(file), HasSubstr("cut short"));
}

TEST(Idx, EveryTruncationIsAnError) {
  const Bytes plain = idx({3, 4, 5}, counting_bytes(60)), packed = gzip(plain);
  for (size_t length = 0; length < plain.size(); ++length)
    EXPECT_THAT(image_error({plain.begin(), plain.begin() + static_cast<long>(length)}),
                HasSubstr("x.idx"));
  for (size_t length = 0; length < packed.size(); ++length)
    EXPECT_THAT(image_error({packed.begin(), packed.begin() + static_cast<long>(length)}),
                HasSubstr("x.idx"));
  const Bytes labels = idx({4}, counting_bytes(4));
  for (size_t length = 0; length < labels.size(); ++length)
    EXPECT_THROW(parse_idx_labels(std::span(labels).first(length), "y"), DataError);
}

TEST(Idx, TrailingBytesAreAnError) {
  Bytes longer = idx({3, 4, 5}, counting_bytes(61));
  EXPECT_THAT(image_error(longer), HasSubstr("found more"));
  EXPECT_THAT(image_error(gzip(longer)), HasSubstr("found more"));
  Bytes packed = gzip(idx({3, 4, 5}, counting_bytes(60)));
  packed.push_back(0);
  EXPECT_THAT(image_error(packed), HasSubstr("1 bytes follow"));
}

TEST(Idx, DamagedGzipIsAnError) {
  const Bytes packed = gzip(idx({3, 4, 5}, counting_bytes(60)));
  // A flipped bit anywhere but in the header's time, flags of origin and the like is found, by the
  // checksum at the latest; the bits that pad the deflate stream to a byte change nothing.
  const auto whole = parse_idx_images(packed, "x.idx");
  for (size_t at = 10; at < packed.size(); ++at) {
    Bytes bad = packed;
    bad[at] ^= 0x10;
    if (at == packed.size() - 9) {
      EXPECT_EQ(parse_idx_images(bad, "x.idx").values, whole.values);
      continue;
    }
    EXPECT_THROW(parse_idx_images(bad, "x.idx"), DataError) << "byte " << at;
  }
}

TEST(Idx, AbsentFileIsAFileError) {
  EXPECT_THAT(message_of<FileError>([] { read_idx_images("/nowhere/x.idx"); }),
              AllOf(HasSubstr("/nowhere/x.idx"), HasSubstr("No such file")));
  EXPECT_THROW(read_idx_images("/tmp"), FileError);
}

}  // namespace
}  // namespace heed::data
