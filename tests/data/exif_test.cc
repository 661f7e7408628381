#include <gmock/gmock.h>
#include <png.h>
#include <zlib.h>

#include "data/samples.h"
#include "heed/data/image.h"

namespace heed::data {
namespace {

using test::Bytes;
using ::testing::ElementsAreArray;

/// What Pillow 13.0 makes by ImageOps.exif_transpose of [[1, 2, 3], [4, 5, 6]], orientation 1 .. 8.
struct Shown {
  int64_t height, width;
  Bytes values;
};
const std::vector<Shown> kShown = {{2, 3, {1, 2, 3, 4, 5, 6}}, {2, 3, {3, 2, 1, 6, 5, 4}},
                                   {2, 3, {6, 5, 4, 3, 2, 1}}, {2, 3, {4, 5, 6, 1, 2, 3}},
                                   {3, 2, {1, 4, 2, 5, 3, 6}}, {3, 2, {4, 1, 5, 2, 6, 3}},
                                   {3, 2, {6, 3, 5, 2, 4, 1}}, {3, 2, {3, 6, 2, 5, 1, 4}}};

void add(Bytes& to, uint32_t value, int bytes, bool little) {
  for (int i = 0; i < bytes; ++i)
    to.push_back(static_cast<uint8_t>(value >> 8 * (little ? i : bytes - 1 - i)));
}

/// A directory with the tag ImageWidth before the orientation.
Bytes tiff(uint32_t orientation, bool little, uint32_t type = 3) {
  Bytes out = little ? Bytes{'I', 'I', '*', 0} : Bytes{'M', 'M', 0, '*'};
  add(out, 8, 4, little), add(out, 2, 2, little);
  add(out, 0x0100, 2, little), add(out, 4, 2, little), add(out, 1, 4, little);
  add(out, 6, 4, little);
  add(out, 0x0112, 2, little), add(out, type, 2, little), add(out, 1, 4, little);
  if (type == 3) {
    add(out, orientation, 2, little), add(out, 0, 2, little);
  } else {
    add(out, orientation, 4, little);
  }
  add(out, 0, 4, little);
  return out;
}

/// The JPEG with an APP1 segment behind a comment.
Bytes with_app1(const Bytes& jpeg, const Bytes& tiff) {
  Bytes out{0xff, 0xd8, 0xff, 0xfe, 0, 4, 'h', 'i', 0xff, 0xff, 0xe1};
  add(out, static_cast<uint32_t>(tiff.size() + 8), 2, false);
  out.insert(out.end(), {'E', 'x', 'i', 'f', 0, 0});
  out.insert(out.end(), tiff.begin(), tiff.end());
  out.insert(out.end(), jpeg.begin() + 2, jpeg.end());
  return out;
}

/// The PNG with a chunk eXIf behind its header.
Bytes with_exif(const Bytes& png, const Bytes& tiff, uint32_t wrong_sum = 0) {
  constexpr int kHeaderEnd = 8 + 25;
  Bytes out(png.begin(), png.begin() + kHeaderEnd), chunk{'e', 'X', 'I', 'f'};
  chunk.insert(chunk.end(), tiff.begin(), tiff.end());
  add(out, static_cast<uint32_t>(tiff.size()), 4, false);
  out.insert(out.end(), chunk.begin(), chunk.end());
  const auto sum = crc32(0, chunk.data(), static_cast<uInt>(chunk.size()));
  add(out, static_cast<uint32_t>(sum) ^ wrong_sum, 4, false);
  out.insert(out.end(), png.begin() + kHeaderEnd, png.end());
  return out;
}

const Bytes kPng = test::png({2, 3, PNG_COLOR_TYPE_GRAY, 8, {1, 2, 3, 4, 5, 6}});
const Bytes kJpeg = test::jpeg({2, 3, 1, {10, 60, 110, 160, 210, 250}});

Bytes values_of(const Bytes& file) { return decode_image(file, "x").values; }

TEST(Exif, AllOrientationsOfPngsAsPillowShowsThem) {
  for (const bool little : {false, true}) {
    for (size_t i = 0; i < kShown.size(); ++i) {
      const auto file = with_exif(kPng, tiff(static_cast<uint32_t>(i + 1), little));
      const auto image = decode_image(file, "x");
      EXPECT_EQ(image.shape, (ImageShape{1, kShown[i].height, kShown[i].width})) << i + 1;
      EXPECT_THAT(image.values, ElementsAreArray(kShown[i].values)) << i + 1;
      EXPECT_EQ(image_shape(file, "x"), image.shape);
    }
  }
}

TEST(Exif, AllOrientationsOfJpegsAsPillowShowsThem) {
  const Bytes upright = values_of(kJpeg);
  for (const bool little : {false, true}) {
    for (size_t i = 0; i < kShown.size(); ++i) {
      const auto file = with_app1(kJpeg, tiff(static_cast<uint32_t>(i + 1), little));
      const auto image = decode_image(file, "x");
      Bytes expected;
      for (const uint8_t place : kShown[i].values) expected.push_back(upright[place - 1u]);
      EXPECT_THAT(image.values, ElementsAreArray(expected)) << i + 1;
      EXPECT_EQ(image_shape(file, "x"), image.shape);
    }
  }
}

TEST(Exif, EveryPlaneOfColourTurns) {
  Bytes rows;
  for (uint8_t i = 1; i <= 6; ++i) rows.insert(rows.end(), {i, uint8_t(i + 10), uint8_t(i + 20)});
  const auto file = with_exif(test::png({2, 3, PNG_COLOR_TYPE_RGB, 8, rows}), tiff(6, true));
  EXPECT_THAT(values_of(file),
              ElementsAreArray({4, 1, 5, 2, 6, 3, 14, 11, 15, 12, 16, 13, 24, 21, 25, 22, 26, 23}));
}

TEST(Exif, AnOrientationOfFourBytesCounts) {
  EXPECT_THAT(values_of(with_exif(kPng, tiff(3, false, 4))), ElementsAreArray(kShown[2].values));
}

TEST(Exif, WhatIsDamagedSaysNothing) {
  auto far = tiff(3, false);
  far[7] = 200;  // where the directory begins
  for (const Bytes& bad : {Bytes{}, Bytes{'M', 'M', 0, '*'}, far, tiff(0, true), tiff(9, false),
                           tiff(0xffff, true), tiff(3, true, 2), Bytes(100, 0xff)}) {
    EXPECT_THAT(values_of(with_exif(kPng, bad)), ElementsAreArray(kShown[0].values));
    EXPECT_EQ(values_of(with_app1(kJpeg, bad)), values_of(kJpeg));
  }
  EXPECT_THAT(values_of(with_exif(kPng, tiff(3, true), 1)), ElementsAreArray(kShown[0].values));
}

TEST(Exif, CutShortAnywhereItIsReadOrSaysNothing) {
  const auto whole = tiff(3, true);
  for (size_t length = 0; length < whole.size(); ++length) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(length));
    const auto values = values_of(with_exif(kPng, cut));
    EXPECT_TRUE(values == kShown[0].values || values == kShown[2].values) << length;
  }
}

}  // namespace
}  // namespace heed::data
