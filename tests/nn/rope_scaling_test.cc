// Rope for longer inputs and on a part of the channels, against loops over numbers.
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/positions.h"

namespace heed::nn {
namespace {

OpSpec rope_of(const std::string& arguments) {
  return Attention::parse("rope(" + arguments + ")").position;
}

double frequency(int64_t c, double width, double base) {
  return std::pow(base, -2.0 * double(c) / width);
}

void expect_frequencies(const std::string& arguments, const std::vector<double>& expected) {
  const auto width = static_cast<int64_t>(2 * expected.size());
  const auto f = rope_frequencies(rope_of(arguments), width);
  ASSERT_EQ(f.sizes(), (std::vector<int64_t>{width / 2}));
  for (size_t c = 0; c < expected.size(); ++c)
    EXPECT_NEAR(f[static_cast<int64_t>(c)].item<double>() / expected[c], 1, 1e-12)
        << arguments << " " << c;
}

TEST(RopeScaling, LinearDividesThePosition) {
  expect_frequencies("scaling=1, factor=4", {0.25, 0.0025});
  const auto x = torch::randn({1, 2, 6, 8}, at::kDouble);
  const auto every_fourth = rotate(x.narrow(2, 4, 1), 1, rope_of(""));
  EXPECT_TRUE(rotate(x, 0, rope_of("scaling=1, factor=4")).narrow(2, 4, 1).allclose(every_fourth));
}

TEST(RopeScaling, NtkKeepsTheFirstPairAndStretchesTheLast) {
  for (const int64_t width : {4, 8, 64}) {
    const double base = 10000 * std::pow(8.0, double(width) / double(width - 2));
    std::vector<double> expected;
    for (int64_t c = 0; c < width / 2; ++c) expected.push_back(frequency(c, double(width), base));
    expect_frequencies("scaling=2, factor=8", expected);
    EXPECT_EQ(expected.front(), 1);
    EXPECT_NEAR(expected.back() / (frequency(width / 2 - 1, double(width), 10000) / 8), 1, 1e-12);
  }
  expect_frequencies("scaling=2, factor=8", {1});
}

/// Peng et al. 2023, equations 18 to 23, one channel at a time.
double yarn(int64_t c, double width, double base, double s, double original, double fast,
            double slow) {
  const double theta = frequency(c, width, base);
  const double wavelength = 2 * std::acos(-1.0) / theta, r = original / wavelength;
  double y = (r - slow) / (fast - slow);
  if (r < slow) y = 0;
  if (r > fast) y = 1;
  return (1 - y) * theta / s + y * theta;
}

TEST(RopeScaling, YarnFollowsItsFormula) {
  for (const int64_t width : {2, 16, 128}) {
    std::vector<double> standard, other;
    for (int64_t c = 0; c < width / 2; ++c) {
      standard.push_back(yarn(c, double(width), 10000, 16, 4096, 32, 1));
      other.push_back(yarn(c, double(width), 500, 2, 100, 8, 0.5));
    }
    expect_frequencies("scaling=3, factor=16, original=4096", standard);
    expect_frequencies("500, scaling=3, factor=2, original=100, beta_fast=8, beta_slow=0.5", other);
  }
}

/// As the published settings of Llama 3.1 are read: by wavelengths, three cases.
double llama3(double theta, double s, double original, double low, double high) {
  const double wavelength = 2 * std::acos(-1.0) / theta;
  if (wavelength < original / high) return theta;
  if (wavelength > original / low) return theta / s;
  const double smooth = (original / wavelength - low) / (high - low);
  return (1 - smooth) * theta / s + smooth * theta;
}

TEST(RopeScaling, Llama3GoesByWavelengths) {
  std::vector<double> expected;
  for (int64_t c = 0; c < 32; ++c)
    expected.push_back(llama3(frequency(c, 64, 500000), 8, 8192, 1, 4));
  expect_frequencies("500000, scaling=4, factor=8, original=8192, beta_fast=4", expected);
  EXPECT_EQ(rope_magnitude(rope_of("scaling=4, factor=8, original=8192, beta_fast=4")), 1);
  EXPECT_THROW(rope_of("scaling=4, factor=8"), UsageError);
  EXPECT_THROW(rope_of("scaling=4, factor=8, original=9, attention=2"), UsageError);
}

/// Numbers of transformers 5.24's _compute_yarn_parameters (float32), head_dim 16, theta 10000,
/// factor 4, original 64.
TEST(RopeScaling, YarnByChannelsGivesTheNumbersOfTransformers) {
  const std::vector<double> whole = {1,      0.237170815,    0.049999997, 0.00790569466,
                                     0.0025, 0.000790569466, 0.00025,     7.90569466e-05};
  const std::vector<double> cut = {1,      0.212468684,    0.0256643984, 0.00790569466,
                                   0.0025, 0.000790569466, 0.00025,      7.90569466e-05};
  const auto expect = [](const char* arguments, const std::vector<double>& expected) {
    const auto f = rope_frequencies(rope_of(arguments), 16);
    for (size_t c = 0; c < 8; ++c)
      EXPECT_NEAR(f[static_cast<int64_t>(c)].item<double>() / expected[c], 1, 2e-6) << c;
  };
  expect("scaling=5, factor=4, original=64, beta_fast=8", whole);
  expect("scaling=5, factor=4, original=64, beta_fast=8, truncate=0", cut);
  EXPECT_NEAR(rope_magnitude(rope_of("scaling=5, factor=4, original=64")), 1.1386294361119891,
              1e-12);
  // What is not turned is not multiplied either.
  const auto x = torch::randn({1, 1, 3, 8}, at::kDouble);
  const auto y = rotate(x, 0, rope_of("width=4, scaling=5, factor=4, original=64"));
  EXPECT_TRUE(y.narrow(3, 4, 4).equal(x.narrow(3, 4, 4)));
}

TEST(RopeScaling, YarnAtKnownValues) {
  // Of 128 channels, base 10000 and length 4096: pair 0 turns 652 times and stays, pair 32 turns
  // 6.52 times and lies in between, pair 63 turns 0.075 times and is divided by the factor.
  const auto f = rope_frequencies(rope_of("scaling=3, factor=16, original=4096"), 128);
  EXPECT_DOUBLE_EQ(f[0].item<double>(), 1);
  const double kept = (40.96 / (2 * std::acos(-1.0)) - 1) / 31;
  EXPECT_NEAR(f[32].item<double>(), 0.01 * (kept + (1 - kept) / 16), 1e-15);
  EXPECT_NEAR(f[63].item<double>(), std::pow(10000.0, -126.0 / 128) / 16, 1e-18);
  EXPECT_NEAR(rope_magnitude(rope_of("scaling=3, factor=16, original=4096")), 1.2772588722239782,
              1e-15);
  EXPECT_EQ(rope_magnitude(rope_of("scaling=3, factor=1, original=4096")), 1);
  EXPECT_EQ(rope_magnitude(rope_of("scaling=3, factor=16, original=64, attention=1.5")), 1.5);
  EXPECT_EQ(rope_magnitude(rope_of("scaling=2, factor=16")), 1);
}

TEST(RopeScaling, YarnMagnifiesEveryChannel) {
  const auto x = torch::randn({1, 1, 3, 8}, at::kDouble);
  for (const char* width : {"", ", width=4"}) {
    const auto part =
        rope_of(std::string("scaling=3, factor=16, original=64, attention=1.5") + width);
    const auto y = rotate(x, 5, part);
    EXPECT_TRUE(y.norm(2, {3}).allclose(1.5 * x.norm(2, {3}), 1e-12, 1e-12));
  }
}

TEST(RopeScaling, EveryScalingDependsOnDistanceAlone) {
  for (const char* arguments :
       {"width=6", "scaling=1, factor=3", "scaling=2, factor=3, interleaved=1",
        "scaling=3, factor=3, original=50, width=12"}) {
    const auto part = rope_of(arguments);
    const auto q = torch::randn({1, 1, 1, 16}, at::kDouble), k = torch::randn_like(q);
    const auto product = [&](int64_t i, int64_t j) {
      return (rotate(q, i, part) * rotate(k, j, part)).sum().item<double>();
    };
    EXPECT_NEAR(product(5, 2), product(1005, 1002), 1e-9) << arguments;
    EXPECT_GT(std::abs(product(5, 2) - product(5, 4)), 1e-3) << arguments;
  }
}

TEST(RopeScaling, PartialWidthLeavesTheRest) {
  const auto x = torch::randn({2, 2, 5, 10}, at::kDouble);
  const auto y = rotate(x, 3, rope_of("width=6"));
  EXPECT_TRUE(y.narrow(3, 0, 6).equal(rotate(x.narrow(3, 0, 6), 3, rope_of(""))));
  EXPECT_TRUE(y.narrow(3, 6, 4).equal(x.narrow(3, 6, 4)));
  EXPECT_TRUE(rotate(x, 3, rope_of("width=10")).equal(rotate(x, 3, rope_of(""))));
}

}  // namespace
}  // namespace heed::nn
