// Masks in files: the numbers as they are, or a message that names the file.
#include "heed/data/mask_file.h"

#include <gmock/gmock.h>

#include "data/samples.h"

namespace heed::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4;

std::vector<int32_t> numbers_of(const test::PngSample& sample) {
  return decode_mask(test::png(sample), "m.png").values;
}

std::string mask_complaint(std::span<const uint8_t> file, const ImageLimits& limits = {}) {
  return test::message_of<DataError>([&] { decode_mask(file, "m.png", limits); });
}

TEST(MaskFile, HasNumbersAsTheyAre) {
  EXPECT_THAT(numbers_of({2, 2, kGrey, 8, {0, 1, 7, 255}}), ElementsAre(0, 1, 7, 255));
  EXPECT_THAT(numbers_of({1, 3, kGrey, 16, {0, 1, 1, 0, 255, 255}}), ElementsAre(1, 256, 65535));
  // Fewer bits are not stretched to 0 .. 255, as those of an image are.
  EXPECT_THAT(numbers_of({1, 3, kGrey, 1, {0b10100000}}), ElementsAre(1, 0, 1));
  EXPECT_THAT(numbers_of({1, 3, kGrey, 4, {0x3F, 0x10}}), ElementsAre(3, 15, 1));
  test::PngSample palette{1, 3, kPalette, 8, {2, 0, 1}};
  palette.palette = {9, 9, 9, 200, 0, 0, 0, 200, 0};
  EXPECT_THAT(numbers_of(palette), ElementsAre(2, 0, 1)) << "indices, not colours";
  palette.interlaced = true;
  EXPECT_THAT(numbers_of(palette), ElementsAre(2, 0, 1));
}

TEST(MaskFile, RefusesWhatHoldsNoNumbers) {
  EXPECT_THAT(mask_complaint(test::png({1, 1, kRgb, 8, {1, 2, 3}})),
              AllOf(HasSubstr("m.png"), HasSubstr("colours"), HasSubstr("palette")));
  EXPECT_THAT(mask_complaint(test::png({1, 1, kGreyAlpha, 8, {1, 2}})), HasSubstr("alpha"));
  EXPECT_THAT(mask_complaint(test::jpeg({8, 8, 1, test::Bytes(64)})), HasSubstr("no PNG"));
  EXPECT_THAT(mask_complaint({}), HasSubstr("no PNG"));
  const auto whole = test::png({9, 9, kGrey, 8, test::Bytes(81, 3)});
  EXPECT_THAT(mask_complaint({whole.data(), whole.size() / 2}), HasSubstr("damaged"));
  EXPECT_THAT(mask_complaint(whole, {.side = 8}), HasSubstr("9"));
  EXPECT_THROW(read_mask("/nowhere/m.png"), FileError);
}

TEST(MaskFile, IsReadAsItWasWritten) {
  const auto again = [](const Mask& mask, MaskColours colours) {
    const auto bytes = encode_mask(mask, colours);
    return decode_mask({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "again");
  };
  Mask mask(3, 5);
  for (size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = static_cast<int32_t>(i * 17);
  EXPECT_EQ(again(mask, MaskColours::palette), mask);
  EXPECT_EQ(again(mask, MaskColours::grey), mask);
  mask.at(2, 3) = 65535;
  EXPECT_EQ(again(mask, MaskColours::grey), mask);
  EXPECT_THROW(encode_mask(mask, MaskColours::palette), UsageError);
  mask.at(0, 0) = -1;
  EXPECT_THROW(encode_mask(mask, MaskColours::grey), UsageError);
  EXPECT_THROW(encode_mask(Mask(), MaskColours::grey), UsageError);
  // As an image it has colours, so that classes can be seen.
  const auto bytes = encode_mask(Mask(1, 1, 1), MaskColours::palette);
  const auto seen =
      decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "seen");
  EXPECT_THAT(seen.values, ElementsAre(128, 0, 0));
}

}  // namespace
}  // namespace heed::data
