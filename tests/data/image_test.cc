#include "heed/data/image.h"

#include <gmock/gmock.h>
#include <png.h>
#include <zlib.h>

#include "data/samples.h"

namespace heed::data {
namespace {

using test::Bytes;
using test::jpeg;
using test::message_of;
using test::png;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Image decode(const Bytes& file) { return decode_image(file, "x"); }

std::string decode_error(const Bytes& file, const ImageLimits& limits = {}) {
  return message_of<DataError>([&] { decode_image(file, "x.pic", limits); });
}

TEST(Png, GreyStaysOneChannel) {
  const Image image = decode(png({2, 3, PNG_COLOR_TYPE_GRAY, 8, {1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(image.shape, (ImageShape{1, 2, 3}));
  EXPECT_THAT(image.values, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Png, ColourBecomesPlanes) {
  const Image image = decode(png({1, 2, PNG_COLOR_TYPE_RGB, 8, {1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(image.shape, (ImageShape{3, 1, 2}));
  EXPECT_THAT(image.values, ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(Png, SixteenBitsAreRounded) {
  // 0x0180 / 257 = 1.49, 0x0181 / 257 = 1.498; 0x0182 = 386 / 257 = 1.502
  const Image image =
      decode(png({1, 3, PNG_COLOR_TYPE_GRAY, 16, {0x01, 0x80, 0x01, 0x82, 0xff, 0xff}}));
  EXPECT_THAT(image.values, ElementsAre(1, 2, 255));
}

TEST(Png, FewBitsAreScaled) {
  EXPECT_THAT(decode(png({1, 4, PNG_COLOR_TYPE_GRAY, 1, {0b01100000}})).values,
              ElementsAre(0, 255, 255, 0));
  EXPECT_THAT(decode(png({1, 4, PNG_COLOR_TYPE_GRAY, 2, {0b00011011}})).values,
              ElementsAre(0, 85, 170, 255));
}

TEST(Png, PaletteBecomesColour) {
  const Image image = decode(png({.height = 1,
                                  .width = 2,
                                  .color_type = PNG_COLOR_TYPE_PALETTE,
                                  .rows = {1, 0},
                                  .palette = {10, 20, 30, 40, 50, 60}}));
  EXPECT_EQ(image.shape, (ImageShape{3, 1, 2}));
  EXPECT_THAT(image.values, ElementsAre(40, 10, 50, 20, 60, 30));
}

TEST(Png, AlphaIsComposedOverBlack) {
  EXPECT_THAT(
      decode(png({1, 3, PNG_COLOR_TYPE_GRAY_ALPHA, 8, {200, 255, 200, 128, 200, 0}})).values,
      ElementsAre(200, 100, 0));
  EXPECT_THAT(decode(png({1, 1, PNG_COLOR_TYPE_RGBA, 8, {255, 100, 0, 51}})).values,
              ElementsAre(51, 20, 0));
  EXPECT_THAT(decode(png({.height = 1,
                          .width = 2,
                          .color_type = PNG_COLOR_TYPE_PALETTE,
                          .rows = {0, 1},
                          .palette = {255, 255, 255, 9, 9, 9},
                          .alpha = {0}}))
                  .values,
              ElementsAre(0, 9, 0, 9, 0, 9));
}

TEST(Png, InterlacedIsTheSameImage) {
  test::PngSample sample{9, 11, PNG_COLOR_TYPE_GRAY, 8, {}};
  for (int i = 0; i < 99; ++i) sample.rows.push_back(static_cast<uint8_t>(2 * i));
  const Image plain = decode(png(sample));
  sample.interlaced = true;
  EXPECT_EQ(decode(png(sample)).values, plain.values);
}

TEST(Png, PixelOutsideThePaletteIsAnError) {
  EXPECT_THAT(decode_error(png({.height = 1,
                                .width = 2,
                                .color_type = PNG_COLOR_TYPE_PALETTE,
                                .rows = {0, 200},
                                .palette = {1, 2, 3}})),
              HasSubstr("palette"));
}

Bytes gradient(size_t count) {
  Bytes out;
  for (size_t i = 0; i < count; ++i) out.push_back(static_cast<uint8_t>(i * 5));
  return out;
}

TEST(Jpeg, GreyAndColour) {
  const Image grey = decode(jpeg({16, 8, 1, Bytes(128, 77)}));
  EXPECT_EQ(grey.shape, (ImageShape{1, 16, 8}));
  EXPECT_THAT(grey.values, Each(77));
  Bytes red;
  for (int i = 0; i < 128; ++i) red.insert(red.end(), {200, 0, 0});
  for (const bool progressive : {false, true}) {
    const Image image = decode(jpeg({16, 8, 3, red, progressive}));
    EXPECT_EQ(image.shape, (ImageShape{3, 16, 8}));
    EXPECT_NEAR(image.values[5], 200, 3);
    EXPECT_NEAR(image.values[128 + 5], 0, 3);
    EXPECT_NEAR(image.values[256 + 5], 0, 3);
  }
}

TEST(Jpeg, CmykIsRefused) {
  EXPECT_THAT(decode_error(jpeg({8, 8, 4, Bytes(256, 9)})),
              AllOf(HasSubstr("CMYK"), HasSubstr("-colorspace sRGB")));
}

TEST(Images, EveryTruncationIsAnError) {
  const Bytes files[] = {
      png({9, 11, PNG_COLOR_TYPE_GRAY, 8, gradient(99)}),
      png({.height = 3,
           .width = 4,
           .color_type = PNG_COLOR_TYPE_PALETTE,
           .rows = Bytes(12, 1),
           .palette = {1, 2, 3, 4, 5, 6},
           .alpha = {7}}),
      jpeg({9, 11, 1, gradient(99)}),
      jpeg({9, 11, 3, gradient(297)}),
      jpeg({9, 11, 3, gradient(297), true}),
  };
  for (const Bytes& file : files) {
    EXPECT_NO_THROW(decode(file));
    for (size_t length = 0; length < file.size(); ++length)
      EXPECT_THAT(decode_error({file.begin(), file.begin() + static_cast<long>(length)}),
                  HasSubstr("x.pic"))
          << length << " of " << file.size();
  }
}

TEST(Images, AnyFlippedByteDecodesOrIsADataError) {
  for (const Bytes& file : {png({9, 11, PNG_COLOR_TYPE_GRAY, 8, gradient(99)}),
                            jpeg({9, 11, 3, gradient(297), true})}) {
    for (size_t at = 0; at < file.size(); ++at) {
      Bytes bad = file;
      bad[at] ^= 0xff;
      try {
        decode_image(bad, "x", {.side = 4096, .pixels = 1 << 20});
      } catch (const DataError&) {
      }
    }
  }
}

TEST(Images, LimitsComeBeforeMemory) {
  const Bytes small = png({40, 30, PNG_COLOR_TYPE_GRAY, 8, Bytes(1200, 0)});
  EXPECT_NO_THROW(decode_image(small, "x", {.side = 40, .pixels = 1200}));
  EXPECT_THAT(decode_error(small, {.side = 39}),
              AllOf(HasSubstr("x.pic"), HasSubstr("40 x 30"), HasSubstr("39")));
  EXPECT_THAT(decode_error(small, {.pixels = 1199}), HasSubstr("1199"));
  EXPECT_THAT(decode_error(jpeg({40, 30, 1, Bytes(1200, 0)}), {.side = 39}), HasSubstr("40 x 30"));
}

TEST(Images, AHugeImageIsRefusedByItsHeader) {
  // 30,000 x 30,000 pixels: the signature and IHDR with its checksum.
  Bytes file = {0x89, 'P', 'N', 'G',  '\r', '\n', 0x1a, '\n', 0,    0, 0, 13, 'I', 'H', 'D',
                'R',  0,   0,   0x75, 0x30, 0,    0,    0x75, 0x30, 8, 2, 0,  0,   0};
  const auto sum = crc32(0, file.data() + 12, 17);
  for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<uint8_t>(sum >> shift));
  file.insert(file.end(), {0, 0, 1, 0, 'I', 'D', 'A', 'T'});  // and what is not there
  EXPECT_THAT(decode_error(file), AllOf(HasSubstr("30000 x 30000"), HasSubstr("input.max_pixels")));
  EXPECT_THAT(decode_error(file, {.pixels = 1 << 30}), HasSubstr("cannot hold"));
}

TEST(Images, OtherFormatsAreNamed) {
  EXPECT_THAT(decode_error({'G', 'I', 'F', '8', '9', 'a'}),
              AllOf(HasSubstr("x.pic: GIF"), HasSubstr("OUT.png")));
  EXPECT_THAT(decode_error({'R', 'I', 'F', 'F', 1, 2, 3, 4, 'W', 'E', 'B', 'P'}),
              HasSubstr("WebP"));
  EXPECT_THAT(decode_error({'I', 'I', '*', 0, 8}), HasSubstr("TIFF"));
  EXPECT_THAT(decode_error({'B', 'M', 8}), HasSubstr("BMP"));
  EXPECT_THAT(decode_error({0, 0, 0, 28, 'f', 't', 'y', 'p'}), HasSubstr("HEIF"));
}

TEST(Images, OtherFilesAreNoImages) {
  EXPECT_THAT(decode_error({'x', 'y', 'z'}),
              AllOf(HasSubstr("not a PNG or JPEG"), HasSubstr("78 79 7a")));
  EXPECT_THAT(decode_error({}), HasSubstr("it is empty"));
}

TEST(Images, HeaderGivesTheShapeOfTheWhole) {
  for (const Bytes& file :
       {png({9, 11, PNG_COLOR_TYPE_GRAY_ALPHA, 8, gradient(198)}), jpeg({9, 11, 3, gradient(297)}),
        png({.height = 1,
        .width = 2,
        .color_type = PNG_COLOR_TYPE_PALETTE,
        .rows = {0, 0},
        .palette = {1, 2, 3}})})
    EXPECT_EQ(image_shape(file, "x"), decode(file).shape);
}

TEST(Resize, KeepsAPlainImagePlain) {
  for (const uint8_t value : {0, 1, 127, 255}) {
    const Image image{{3, 5, 7}, Bytes(105, value)};
    for (const auto& [height, width] :
         {std::pair{1, 1}, {2, 3}, {5, 7}, {5, 8}, {13, 29}, {64, 1}}) {
      const Image out = resize(image, height, width);
      EXPECT_EQ(out.shape, (ImageShape{3, height, width}));
      EXPECT_THAT(out.values, Each(value));
    }
  }
}

TEST(Resize, EnlargesBilinearlyAndShrinksByAveraging) {
  EXPECT_THAT(resize({{1, 1, 2}, {0, 100}}, 1, 4).values, ElementsAre(0, 25, 75, 100));
  // A triangle two pixels wide around 0.5 and 2.5: weights 3 3 1 and 1 3 3 by seventh.
  EXPECT_THAT(resize({{1, 1, 4}, {0, 70, 140, 210}}, 1, 2).values, ElementsAre(50, 160));
  EXPECT_THAT(resize({{1, 4, 1}, {0, 70, 140, 210}}, 2, 1).values, ElementsAre(50, 160));
  EXPECT_THROW(resize({{1, 1, 1}, {0}}, 0, 1), UsageError);
}

uint32_t checksum(const Image& image) {
  return static_cast<uint32_t>(
      crc32(0, image.values.data(), static_cast<uInt>(image.values.size())));
}

/// The values of bench/peers/pillow.py's image: (7 x x + 13 y + 29 c x + 5 x y) mod 256.
Image woven(int64_t height, int64_t width) {
  Image image{{3, height, width}, {}};
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x)
        image.values.push_back(static_cast<uint8_t>(7 * x * x + 13 * y + 29 * c * x + 5 * x * y));
  return image;
}

TEST(Resize, EqualsPillowBitForBit) {
  // CRC-32 of the planes that Pillow 11.3 gives: Image.resize((width, height), ..., box). The last goes across first.
  const Image image = woven(37, 53);
  struct Case {
    int64_t width, height;
    uint32_t bilinear, bicubic;
  };
  for (const auto& [width, height, bilinear, bicubic] :
       {Case{20, 11, 2998703003, 3291930041}, Case{53, 12, 3293702545, 3420453708},
        Case{17, 37, 2114895190, 1658971403}, Case{100, 90, 3551275040, 388043569},
        Case{53, 80, 3641882733, 3474422143}, Case{224, 224, 3399270691, 1917407600},
        Case{1, 1, 3590334591, 3545186042}, Case{60, 9, 650503726, 3323787043}}) {
    EXPECT_EQ(checksum(resize(image, height, width)), bilinear) << width << " x " << height;
    EXPECT_EQ(checksum(resize(image, height, width, Resample::bicubic)), bicubic)
        << width << " x " << height;
  }
  const Box part{3.25, 2.5, 40.75, 30.125};
  EXPECT_EQ(checksum(resize(image, part, 16, 24, Resample::bilinear)), 3348789578u);
  EXPECT_EQ(checksum(resize(image, part, 16, 24, Resample::bicubic)), 2465941133u);
  EXPECT_EQ(checksum(resize(image, {10, 5, 20, 36}, 60, 60, Resample::bilinear)), 2186259486u);
  EXPECT_EQ(checksum(resize(image, {10, 5, 20, 36}, 60, 60, Resample::bicubic)), 3847009870u);
  EXPECT_THROW(resize(image, {10, 5, 54, 36}, 6, 6, Resample::bicubic), UsageError);
  EXPECT_THROW(resize(image, {10, 5, 10, 36}, 6, 6, Resample::bicubic), UsageError);
}

TEST(Channels, GreyIsPillowsL) {
  EXPECT_THAT(with_channels({{3, 1, 4}, {255, 10, 1, 200, 10, 20, 2, 100, 0, 30, 3, 77}}, 1).values,
              ElementsAre(82, 18, 2, 127));
}

TEST(Channels, GreyAndBack) {
  EXPECT_THAT(with_channels({{3, 1, 2}, {255, 10, 0, 20, 0, 30}}, 1).values, ElementsAre(76, 18));
  EXPECT_THAT(with_channels({{1, 1, 2}, {5, 6}}, 3).values, ElementsAre(5, 6, 5, 6, 5, 6));
  EXPECT_THROW(with_channels({{1, 1, 1}, {0}}, 2), UsageError);
}

}  // namespace
}  // namespace heed::data
