#include "train/int8_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed {
namespace {

using testing::HasSubstr;

NamedTensors two_tensors() {
  torch::manual_seed(1);
  return {{"a.weight", torch::randn({5, 7})}, {"b", torch::randn({3})}};
}

std::string refusal_of(NamedTensors tensors) {
  try {
    to_float32(tensors, "model.safetensors");
  } catch (const ModelError& error) {
    return error.what();
  }
  return "taken";
}

TEST(Int8Tensors, ComeBackAsTheNearestOf255Steps) {
  const auto given = two_tensors();
  auto tensors = to_int8(given, {{"a.weight", {}}});
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[1].first, "a.weight_scale");
  const auto q = tensors[0].second, scale = tensors[1].second;
  EXPECT_EQ(q.scalar_type(), at::kChar);
  EXPECT_EQ(q.to(at::kInt).abs().amax(1).min().item<int>(), 127);
  const auto scales = to_float32(tensors, "file");
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_TRUE(scales.at("a.weight").rows.equal(scale.flatten()));
  EXPECT_TRUE(tensors[1].second.equal(given[1].second));
  EXPECT_LE(((tensors[0].second - given[0].second).abs() / scale).max().item<double>(), 0.5001);
  // Rounded once, they are not rounded again.
  EXPECT_TRUE(to_int8(tensors, {{"a.weight", {}}})[0].second.equal(q));
}

TEST(Int8Tensors, ComeBackWithScalesOfTheirColumns) {
  const auto given = two_tensors();
  const auto channels = torch::rand({7}) * 3 + 0.01;
  auto tensors = to_int8(given, {{"a.weight", channels}});
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[2].first, "a.weight_channel_scale");
  EXPECT_EQ(tensors[2].second.sizes(), (at::IntArrayRef{1, 7}));
  const auto step = tensors[1].second * channels;
  auto other = tensors;
  other[2].second = torch::zeros({1, 7});
  EXPECT_THAT(refusal_of(other), HasSubstr("above 0"));
  EXPECT_TRUE(to_float32(tensors, "file").at("a.weight").channels.equal(channels));
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_LE(((tensors[0].second - given[0].second).abs() / step).max().item<double>(), 0.5001);
}

TEST(Int8Tensors, WithoutTheirScalesAreRefused) {
  const auto good = to_int8(two_tensors(), {{"a.weight", {}}});
  EXPECT_EQ(refusal_of(good), "taken");
  EXPECT_THAT(refusal_of({good[0]}), HasSubstr("'a.weight_scale'"));
  auto other = good;
  other[1].second = torch::ones({5});
  EXPECT_THAT(refusal_of(other), HasSubstr("[5, 1]"));
  other[1].second = -torch::ones({5, 1});
  EXPECT_THAT(refusal_of(other), HasSubstr("at least 0"));
  other[1].second = torch::full({5, 1}, NAN);
  EXPECT_THAT(refusal_of(other), HasSubstr("at least 0"));
  other = good;
  other[0].second = torch::full({5, 7}, -128, at::kChar);
  EXPECT_THAT(refusal_of(other), HasSubstr("-128"));
  other[0].second = torch::zeros({5}, at::kChar);
  EXPECT_THAT(refusal_of(other), HasSubstr("as a weight (N, K)"));
}

}  // namespace
}  // namespace heed
