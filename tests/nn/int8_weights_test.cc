#include "nn/int8_weights.h"

#include <gtest/gtest.h>

#include "nn/linear.h"

namespace heed::nn {
namespace {

struct Rounded {
  at::Tensor weight, scales;

  Rounded(int64_t rows, int64_t depth) {
    const auto q = torch::randint(-127, 128, {rows, depth}).to(at::kFloat);
    scales = torch::rand({rows}) + 0.1;
    weight = q * scales.unsqueeze(1);
  }
};

double apart(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

TEST(Int8Weights, KnowTheirRowsAsLongAsTheyAreAsTheyWere) {
  torch::manual_seed(1);
  Rounded rounded(10, 6);
  EXPECT_FALSE(int8_scales(rounded.weight).rows.defined());
  mark_int8(rounded.weight, {rounded.scales, {}});
  EXPECT_TRUE(int8_scales(rounded.weight).rows.equal(rounded.scales));
  EXPECT_TRUE(
      int8_scales(rounded.weight.narrow(0, 2, 5)).rows.equal(rounded.scales.narrow(0, 2, 5)));
  EXPECT_TRUE(int8_scales(rounded.weight.narrow(0, 9, 1)).rows.defined());
  EXPECT_FALSE(int8_scales(rounded.weight.narrow(1, 0, 3)).rows.defined());
  EXPECT_FALSE(int8_scales(rounded.weight.t()).rows.defined());
  EXPECT_FALSE(int8_scales(rounded.weight.clone()).rows.defined());
  rounded.weight.mul_(2);
  EXPECT_FALSE(int8_scales(rounded.weight).rows.defined());
}

TEST(Int8Weights, AreForgottenWithTheirMemory) {
  for (int i = 0; i < 20; ++i) {  // memory that comes again is another weight's
    Rounded rounded(8, 8);
    EXPECT_FALSE(int8_scales(rounded.weight).rows.defined());
    mark_int8(rounded.weight, {rounded.scales, {}});
  }
}

TEST(Int8Weights, AreWhatLayersMultiplyByWhereRowsAreAlone) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_gradient;
  auto linear = xavier_linear(96, 70);
  Rounded rounded(70, 96);
  linear->weight.set_data(rounded.weight);
  const auto x = torch::randn({5, 96});
  const auto in_float = affine(linear, x);
  const auto alone = [&] {
    const RowsAlone rows;
    return affine(linear, x);
  };
  EXPECT_LT(apart(alone(), in_float), 1e-5);
  mark_int8(linear->weight, {rounded.scales, {}});
  const auto y = alone();
  EXPECT_GT(apart(y, in_float), 1e-4);
  EXPECT_LT(apart(y, in_float), 0.02);
  EXPECT_TRUE(affine(linear, x).equal(in_float));
  // Numbers of 8 bits that x is already are no rounding at all.
  const auto whole = torch::randint(-127, 128, {3, 96})
                         .to(at::kFloat)
                         .index_fill_(1, torch::zeros({1}, at::kLong), 127);
  const RowsAlone rows;
  EXPECT_LT(apart(affine(linear, whole), torch::linear(whole, linear->weight, linear->bias)), 1e-5);
}

TEST(Int8Weights, MultiplyWhatTheirChannelsMade) {
  torch::manual_seed(3);
  const torch::NoGradGuard no_gradient;
  auto linear = xavier_linear(64, 70);
  const Rounded rounded(70, 64);
  const auto channels = torch::rand({64}) + 0.01;
  linear->weight.set_data(rounded.weight * channels);
  mark_int8(linear->weight, {rounded.scales, channels});
  const auto x = torch::randn({5, 64}) / channels;
  const RowsAlone rows;
  const auto y = affine(linear, x);
  EXPECT_LT(apart(y, torch::linear(x, linear->weight, linear->bias)), 0.02);
  EXPECT_TRUE(y.equal(affine(linear, x)));
  // As if x had come multiplied to a weight without channels.
  auto plain = xavier_linear(64, 70);
  plain->weight.set_data(rounded.weight.clone()), plain->bias.set_data(linear->bias);
  mark_int8(plain->weight, {rounded.scales, {}});
  EXPECT_TRUE(affine(plain, x * channels).equal(y));
}

TEST(InputSamples, AreWhatLayersMultiply) {
  const torch::NoGradGuard no_gradient;
  auto linear = xavier_linear(4, 3), other = xavier_linear(4, 3);
  const auto x = torch::randn({2, 5, 4});
  const RowsAlone rows;
  const InputSamples samples;
  affine(linear, x);
  affine_rows(linear, x + 1, 1, 2);
  EXPECT_TRUE(samples.of(linear->weight).equal(torch::cat({x.flatten(0, 1), x.flatten(0, 1) + 1})));
  EXPECT_FALSE(samples.of(other->weight).defined());
}

}  // namespace
}  // namespace heed::nn
