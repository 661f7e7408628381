// Colours, canvases and PNG files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "heed/core/error.h"
#include "heed/lens/draw.h"
#include "heed/lens/heat.h"
#include "lens/decoded.h"

namespace heed::lens {
namespace {

using testing::HasSubstr;

Canvas decoded_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return decoded(std::string(std::istreambuf_iterator<char>(in), {}));
}

void expect_equal(const Canvas& a, const Canvas& b) {
  ASSERT_EQ(a.width(), b.width());
  ASSERT_EQ(a.height(), b.height());
  for (int64_t y = 0; y < a.height(); ++y) {
    for (int64_t x = 0; x < a.width(); ++x) ASSERT_EQ(a.at(x, y), b.at(x, y)) << x << ' ' << y;
  }
}

/// Relative luminance (sRGB) to the lightness that the eye sees, 0..100 (CIE 1976).
double lightness(Colour c) {
  const auto linear = [](uint8_t v) {
    const double x = v / 255.0;
    return x <= 0.04045 ? x / 12.92 : std::pow((x + 0.055) / 1.055, 2.4);
  };
  const double y = 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
  return 116 * std::cbrt(y) - 16;
}

std::filesystem::path scratch(const std::string& name) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "heed_drawing_test";
  std::filesystem::create_directories(folder);
  return folder / name;
}

TEST(Heat, LightnessGrowsEvenly) {
  double last = lightness(heat(0));
  EXPECT_LT(last, 15);
  EXPECT_GT(lightness(heat(1)), 90);
  for (int i = 1; i <= 16; ++i) {
    const double now = lightness(heat(i / 16.0));
    EXPECT_GT(now - last, 3) << i;
    EXPECT_LT(now - last, 8) << i;
    last = now;
  }
}

TEST(Heat, CutsOffOutsideAndMarksNaN) {
  EXPECT_EQ(heat(-3), heat(0));
  EXPECT_EQ(heat(7), heat(1));
  EXPECT_EQ(heat(INFINITY), heat(1));
  for (int i = 0; i < 256; ++i) EXPECT_FALSE(heat(NAN) == heat(i / 255.0));
}

TEST(Heat, DivergingIsWhiteAtNothingAndAsLightBelowAsAbove) {
  EXPECT_GT(lightness(diverging(0)), 96);
  for (int i = 1; i <= 8; ++i) {
    const double below = lightness(diverging(-i / 8.0)), above = lightness(diverging(i / 8.0));
    EXPECT_NEAR(below, above, 6) << i;
    EXPECT_LT(above, lightness(diverging((i - 1) / 8.0)));
    EXPECT_GT(diverging(-i / 8.0).blue, diverging(-i / 8.0).red);
    EXPECT_GT(diverging(i / 8.0).red, diverging(i / 8.0).blue);
  }
  EXPECT_EQ(diverging(-7), diverging(-1));
  for (int i = -255; i < 256; ++i) EXPECT_FALSE(diverging(NAN) == diverging(i / 255.0));
}

TEST(Scale, OfSignedValuesIsSymmetric) {
  const auto scale = Scale::symmetric({torch::tensor({{-0.5, 2.0, double{NAN}}})});
  EXPECT_EQ(scale.low, -2);
  EXPECT_EQ(scale.high, 2);
  EXPECT_EQ(scale.colour(0), diverging(0));
  EXPECT_EQ(scale.colour(-0.5), diverging(-0.25));
  const auto nothing = Scale::symmetric({torch::zeros({2, 2})});
  EXPECT_EQ(nothing.colour(0), diverging(0));
  EXPECT_EQ(nothing(0), 0.5);
}

TEST(Scale, DoesNotStretchWhatHardlyDiffers) {
  // A head that is uniform within 5 % over 100 keys.
  torch::manual_seed(1);
  const auto weights = (0.95 + 0.1 * torch::rand({10, 100}, torch::kDouble)) / 100;
  const auto scale = Scale::of({weights});
  EXPECT_EQ(scale.low, 0);
  EXPECT_EQ(scale.high, weights.max().item<double>());
  EXPECT_GE(scale(weights.min().item<double>()), 0.9);
  EXPECT_EQ(scale.note(), "colours start at 0");
  EXPECT_EQ(Scale::of({-weights}).note(), "colours start at the least value");
  EXPECT_EQ(Scale::of({-weights}).high, -weights.min().item<double>());
}

TEST(Scale, SpansTheFiniteNumbers) {
  const auto scale = Scale::of(
      {torch::tensor({{1.0, double{NAN}}, {3.0, double{INFINITY}}}), torch::tensor({{-1.0}})});
  EXPECT_EQ(scale.low, -1);
  EXPECT_EQ(scale.high, 3);
  EXPECT_EQ(scale(1), 0.5);
  const Scale flat = Scale::of({torch::full({2, 2}, 5.0)});
  EXPECT_EQ(flat(5), 1);
  EXPECT_TRUE(std::isnan(flat(NAN)));
}

TEST(Spread, IsLinearBetweenCentresAndConstantBeyond) {
  const auto spread_out = spread(torch::tensor({{0.0, 4.0}}), 3, 8);
  const auto row = torch::tensor({0.0, 0.0, 0.5, 1.5, 2.5, 3.5, 4.0, 4.0}, torch::kDouble);
  for (int y = 0; y < 3; ++y) EXPECT_TRUE(torch::allclose(spread_out[y], row)) << spread_out;
}

TEST(Spread, AveragesCellsThatOutnumberPixels) {
  const auto squeezed = spread(torch::arange(16, torch::kDouble).view({4, 4}), 2, 2);
  EXPECT_TRUE(torch::allclose(squeezed, torch::tensor({{2.5, 4.5}, {10.5, 12.5}}, torch::kDouble)));
}

TEST(Overlay, BlendsGreyImageAndHeat) {
  Canvas image(2, 1);
  image.at(0, 0) = {255, 0, 0};
  image.at(1, 0) = {10, 10, 10};
  const auto weights = torch::tensor({{0.25, 0.75}});
  const Canvas result = overlay(image, weights, {0.25, 0.75}, 0.5);
  const auto middle = [](uint8_t a, uint8_t b) { return std::lround((a + b) / 2.0); };
  EXPECT_EQ(result.at(0, 0).red, middle(76, heat(0).red));  // 0.299 * 255 = 76
  EXPECT_EQ(result.at(0, 0).blue, middle(76, heat(0).blue));
  EXPECT_EQ(result.at(1, 0).green, middle(10, heat(1).green));
}

TEST(Overlay, OfSignedValuesShowsTheImageWhereNothingCounts) {
  Canvas image(3, 1, {120, 120, 120});
  const auto values = torch::tensor({{-1.0, 0.0, 1.0}});
  const Canvas result = overlay(image, values, Scale::symmetric({values}), 1);
  EXPECT_EQ(result.at(0, 0), diverging(-1));
  EXPECT_EQ(result.at(1, 0), (Colour{120, 120, 120}));
  EXPECT_EQ(result.at(2, 0), diverging(1));
}

TEST(Canvas, CutsOffWhatLiesOutside) {
  Canvas canvas(4, 3);
  canvas.fill(-2, -2, 3, 3, kInk);
  canvas.fill(3, 2, 100, 100, kInk);
  canvas.paste(Canvas(9, 9, {1, 2, 3}), 2, -8);
  EXPECT_EQ(canvas.at(0, 0), kInk);
  EXPECT_EQ(canvas.at(1, 1), kWhite);
  EXPECT_EQ(canvas.at(3, 2), kInk);
  EXPECT_EQ(canvas.at(2, 0), (Colour{1, 2, 3}));
}

TEST(Canvas, RefusesSizesThatCannotBe) {
  EXPECT_THROW(Canvas(0, 1), UsageError);
  EXPECT_THROW(Canvas(1, 65536), UsageError);
  EXPECT_THROW(Canvas(65535, 65535), UsageError);
}

TEST(Png, ReadsBackAsItWas) {
  Canvas canvas(37, 5);
  for (int64_t i = 0; i < 37 * 5; ++i) {
    canvas.at(i % 37, i / 37) = {static_cast<uint8_t>(i), static_cast<uint8_t>(255 - i), 7};
  }
  expect_equal(decoded(encode_png(canvas)), canvas);
  EXPECT_EQ(encode_png(canvas), encode_png(canvas));
}

TEST(DrawPng, ColoursAreThoseOfTheNumbers) {
  const auto path = scratch("matrix.png");
  draw_png(torch::tensor({{0.0, 0.5}, {1.0, double{NAN}}}), path);
  const Canvas page = decoded_file(path);
  const int64_t cell = 384 / 2, margin = 16;
  EXPECT_EQ(page.at(margin, margin), heat(0));
  EXPECT_EQ(page.at(margin + cell, margin), heat(0.5));
  EXPECT_EQ(page.at(margin + cell - 1, margin + 2 * cell - 1), heat(1));
  EXPECT_EQ(page.at(margin + cell, margin + cell), heat(NAN));
}

TEST(DrawPng, ShrinksByMeanOrMax) {
  auto matrix = torch::zeros({64, 64});
  matrix[0][0] = 4;
  matrix[63][63] = 1;
  const auto path = scratch("shrunk.png");
  draw_png(matrix, path, {.side = 32});
  EXPECT_EQ(decoded_file(path).at(16, 16), heat(1));
  EXPECT_EQ(decoded_file(path).at(16 + 31, 16 + 31), heat(0.25));
  draw_png(matrix.fill_diagonal_(1), path, {.side = 32, .shrink = Shrink::max});
  EXPECT_EQ(decoded_file(path).at(16 + 5, 16 + 5), heat(1));
  EXPECT_EQ(decoded_file(path).at(16 + 5, 16), heat(0));
}

TEST(DrawPng, TakesAnyShapeThatIsAMatrix) {
  const auto path = scratch("odd.png");
  for (const auto& [rows, columns] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 3000}, {1025, 7}}) {
    draw_png(torch::rand({rows, columns}), path);
    EXPECT_GT(decoded_file(path).width(), 0);
  }
  draw_png(torch::ones({3, 2}, torch::kInt64).t(), path);
}

TEST(DrawPng, RefusesWhatIsNone) {
  const auto path = scratch("none.png");
  EXPECT_THROW(draw_png(torch::zeros({3}), path), UsageError);
  EXPECT_THROW(draw_png(torch::zeros({0, 3}), path), UsageError);
  EXPECT_THROW(draw_png(torch::zeros({2, 2}), path, {.side = 8}), UsageError);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(DrawPng, UnwritablePathIsAFileError) {
  EXPECT_THROW(draw_png(torch::zeros({2, 2}), "/nowhere/at/all.png"), FileError);
}

}  // namespace
}  // namespace heed::lens
