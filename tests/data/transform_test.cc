#include "heed/data/transform.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <set>

#include "data/samples.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Normalization kPlain{{0}, {1.0 / 255}};  // out = value

Image numbered(const ImageShape& shape) {
  Image image{shape, std::vector<uint8_t>(static_cast<size_t>(shape.values()))};
  std::iota(image.values.begin(), image.values.end(), uint8_t{1});
  return image;
}

std::vector<float> apply(const Image& image, const AugmentOptions& augment, uint32_t record = 0,
                         const Normalization& normalize = kPlain) {
  std::vector<float> out(static_cast<size_t>(image.shape.values()), -1e9f);
  Transform(image.shape, augment, normalize)(image, Random(1, 0, record), out.data());
  return out;
}

TEST(Transform, NormalisesEachChannel) {
  const Image image{{3, 1, 1}, {0, 51, 255}};
  EXPECT_THAT(apply(image, {}, 0, {{0.5, 0.1, 0}, {0.5, 0.1, 2}}),
              ElementsAre(-1, ::testing::FloatNear(1, 1e-6f), 0.5));
  EXPECT_THAT(apply(image, {}, 0, {{0.5}, {0.5}}),
              ElementsAre(-1, ::testing::FloatNear(-0.6f, 1e-6f), 1));
}

TEST(Transform, EqualGeneratorsEqualPixels) {
  const Image image = numbered({3, 8, 8});
  const AugmentOptions all{.crop = 0.5, .flip = true, .shift = 2, .erase = 0.5};
  std::set<std::vector<float>> seen;
  for (uint32_t record = 0; record < 50; ++record) {
    EXPECT_EQ(apply(image, all, record), apply(image, all, record));
    seen.insert(apply(image, all, record));
  }
  EXPECT_EQ(seen.size(), 50u);
}

TEST(Flip, HalfOfTheImages) {
  const Image image = numbered({1, 2, 3});
  int flipped = 0;
  for (uint32_t record = 0; record < 1000; ++record) {
    const auto out = apply(image, {.flip = true}, record);
    if (out[0] == 3) {
      EXPECT_THAT(out, ElementsAre(3, 2, 1, 6, 5, 4));
      ++flipped;
    } else {
      EXPECT_THAT(out, ElementsAre(1, 2, 3, 4, 5, 6));
    }
  }
  EXPECT_NEAR(flipped, 500, 80);
}

TEST(Shift, MovesEveryWayWithinTheBounds) {
  const Image image = numbered({1, 4, 5});
  for (const bool flip : {false, true}) {
    std::set<std::pair<int, int>> moves;
    for (uint32_t record = 0; record < 2000; ++record) {
      const auto out = apply(image, {.flip = flip, .shift = 3}, record);
      // Found by trying all moves: exactly one of them, flipped or not, explains the image.
      int explained = 0;
      for (int dy = -4; dy <= 4; ++dy)
        for (int dx = -4; dx <= 4; ++dx)
          for (int f = 0; f <= (flip ? 1 : 0); ++f) {
            bool same = true;
            for (int y = 0; y < 4; ++y)
              for (int x = 0; x < 5; ++x) {
                const int from_y = y - dy, from_x = x - dx;
                const bool inside = from_y >= 0 && from_y < 4 && from_x >= 0 && from_x < 5;
                const int column = f ? 4 - from_x : from_x;
                const float expected = inside ? static_cast<float>(from_y * 5 + column + 1) : 0;
                same = same && out[static_cast<size_t>(y * 5 + x)] == expected;
              }
            if (same) ++explained, moves.insert({dy, dx});
          }
      ASSERT_EQ(explained, 1);
    }
    EXPECT_EQ(moves.size(), 49u);  // -3 .. 3 both ways, all of them, no others
    EXPECT_EQ(moves.begin()->first, -3);
    EXPECT_EQ(moves.rbegin()->first, 3);
  }
}

TEST(Shift, BlackIsNormalisedToo) {
  const Image white{{1, 3, 3}, std::vector<uint8_t>(9, 255)};
  std::set<float> seen;
  for (uint32_t record = 0; record < 50; ++record)
    for (const float value : apply(white, {.shift = 2}, record, {{0.5}, {0.5}})) seen.insert(value);
  EXPECT_THAT(seen, ElementsAre(-1, 1));
}

TEST(Crop, StretchesAPart) {
  // A ramp along x stays a ramp: its slope is the cropped share of the width.
  Image ramp{{1, 32, 64}, {}};
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 64; ++x) ramp.values.push_back(static_cast<uint8_t>(x * 4));
  double least = 2, most = 0;
  for (uint32_t record = 0; record < 500; ++record) {
    const auto out = apply(ramp, {.crop = 0.25}, record);
    const double slope = (out[16 * 64 + 60] - out[16 * 64 + 4]) / 56 / 4;
    least = std::min(least, slope), most = std::max(most, slope);
    for (const float value : out) ASSERT_TRUE(value >= 0 && value <= 252);
  }
  EXPECT_GE(least, std::sqrt(0.25 * 3 / 4) - 0.01);
  EXPECT_LT(least, 0.52);
  EXPECT_LE(most, 1.006);
  EXPECT_GT(most, 0.95);
}

TEST(Crop, KeepsAPlainImagePlain) {
  const Image plain{{3, 7, 9}, std::vector<uint8_t>(189, 200)};
  for (uint32_t record = 0; record < 50; ++record)
    EXPECT_THAT(apply(plain, {.crop = 0.08}, record), Each(200));
}

TEST(Crop, TakesThePartOfTheSourceThatItSays) {
  const Image image = numbered({1, 12, 20});
  const Transform transform({1, 6, 8}, {.crop = 0.3, .flip = true}, kPlain);
  int flipped = 0;
  for (uint32_t record = 0; record < 50; ++record) {
    Random random(1, 0, record);
    const Placement at = transform.place(image.shape, random);
    flipped += at.flip;
    EXPECT_LE(0.3 * 240 * 0.9, (at.x1 - at.x0) * (at.y1 - at.y0));
    Image part = resize(image, {at.x0, at.y0, at.x1, at.y1}, 6, 8, Resample::bilinear);
    std::vector<float> out(48);
    transform(image, Random(1, 0, record), out.data());
    for (size_t y = 0; y < 6; ++y)
      for (size_t x = 0; x < 8; ++x)
        ASSERT_EQ(out[y * 8 + x], part.values[y * 8 + (at.flip ? 7 - x : x)]);
  }
  EXPECT_GT(flipped, 10);
  EXPECT_LT(flipped, 40);
}

TEST(Erase, OneRectangleOfTheStatedArea) {
  const Image black{{3, 40, 60}, std::vector<uint8_t>(7200, 0)};
  int erased = 0;
  for (uint32_t record = 0; record < 400; ++record) {
    const auto out = apply(black, {.erase = 0.25, .erase_area = 0.3}, record);
    int top = 40, bottom = -1, left = 60, right = -1, changed = 0;
    for (int y = 0; y < 40; ++y)
      for (int x = 0; x < 60; ++x) {
        if (out[static_cast<size_t>(y * 60 + x)] == 0) continue;
        ASSERT_LT(out[static_cast<size_t>(y * 60 + x)], 255);
        top = std::min(top, y), bottom = std::max(bottom, y);
        left = std::min(left, x), right = std::max(right, x), ++changed;
      }
    if (changed == 0) continue;
    ++erased;
    const double area = (bottom - top + 1) * (right - left + 1) / 2400.0;
    EXPECT_NEAR(changed / 2400.0, area, 0.002);  // all of the rectangle (noise may be exactly 0)
    EXPECT_LE(area, 0.3 + 0.05);                 // sides are whole pixels
    EXPECT_GE(area, 0.02 - 0.01);
  }
  EXPECT_NEAR(erased, 100, 45);
  EXPECT_THAT(apply(black, {.erase = 0}), Each(0));
}

TEST(Transform, RefusesWhatMakesNoSense) {
  const ImageShape shape{3, 8, 8};
  const auto error = [&](const AugmentOptions& augment, const Normalization& normalize = kPlain) {
    return message_of<UsageError>([&] { Transform(shape, augment, normalize); });
  };
  EXPECT_THAT(error({.crop = 0}), HasSubstr("augment.crop"));
  EXPECT_THAT(error({.crop = 1.1}), HasSubstr("1.1"));
  EXPECT_THAT(error({.crop = std::nan("")}), HasSubstr("augment.crop"));
  EXPECT_THAT(error({.shift = -1}), HasSubstr("augment.shift"));
  EXPECT_THAT(error({.shift = 8}), HasSubstr("augment.shift"));
  EXPECT_THAT(error({.erase = 1.5}), HasSubstr("augment.erase"));
  EXPECT_THAT(error({.erase_area = 0.01}), HasSubstr("augment.erase_area"));
  EXPECT_THAT(error({}, {}), HasSubstr("normalize.mean"));
  EXPECT_THAT(error({}, {{0, 0}, {1}}), HasSubstr("1 or 3"));
  EXPECT_THAT(error({}, {{0}, {0}}), HasSubstr("std over 0"));
  EXPECT_THAT(message_of<UsageError>([&] {
                float out[64];
                Transform(shape, {}, kPlain)(numbered({1, 8, 8}), Random(0), out);
              }),
              HasSubstr("3 channels, given 1 x 8 x 8"));
}

class Fixed : public ImageDataset {
 public:
  explicit Fixed(std::vector<Image> images) : images_(std::move(images)) {}
  int64_t size() const override { return static_cast<int64_t>(images_.size()); }
  ImageShape shape() const override { return images_.at(0).shape; }
  const std::vector<std::string>& classes() const override { return classes_; }
  Image image(int64_t index) const override { return images_.at(static_cast<size_t>(index)); }
  int64_t label(int64_t) const override { return 0; }
  std::string name(int64_t index) const override { return std::to_string(index); }

 private:
  std::vector<Image> images_;
  std::vector<std::string> classes_{"all"};
};

TEST(Measure, MeanAndDeviationOfEachChannel) {
  const Normalization found = measure(
      Fixed({{{3, 1, 2}, {0, 255, 255, 255, 10, 20}}, {{3, 1, 2}, {0, 255, 255, 0, 30, 40}}}));
  EXPECT_THAT(found.mean, ElementsAre(0.5, 0.75, ::testing::DoubleEq(25.0 / 255)));
  EXPECT_THAT(found.std, ElementsAre(0.5, ::testing::DoubleNear(std::sqrt(3.0) / 4, 1e-12),
                                     ::testing::DoubleNear(std::sqrt(125.0) / 255, 1e-12)));
  EXPECT_THAT(message_of<DataError>([] {
                measure(Fixed(std::vector<Image>{{{1, 1, 2}, {7, 7}}}));
              }),
              HasSubstr("same value"));
}

}  // namespace
}  // namespace heed::data
