#include "heed/nn/recording.h"

#include <gtest/gtest.h>

#include <thread>

#include "heed/core/error.h"
#include "heed/nn/attention_pooling.h"
#include "heed/nn/multi_head_attention.h"

namespace heed {
namespace {

nn::MultiHeadAttention make(const char* how) {
  torch::manual_seed(1);
  nn::MultiHeadAttention layer(nn::MultiHeadAttentionOptions(8).attention(Attention::parse(how)));
  layer->to(at::kDouble);
  for (auto& p : layer->parameters()) p.data().normal_();
  return layer;
}

TEST(Recording, HoldsTheWeightsOfEachCall) {
  auto layer = make("num_heads=2; causal");
  const auto x = torch::randn({2, 5, 8}, at::kDouble);
  Recording seen;
  layer->forward(x);
  layer->forward(x.narrow(1, 0, 3));
  ASSERT_EQ(seen.size(), 2u);
  const Map& map = seen.map(0);
  EXPECT_EQ(map.batch(), 2);
  EXPECT_EQ(map.num_heads(), 2);
  EXPECT_EQ(map.queries(), 5);
  EXPECT_EQ(map.keys(), 5);
  EXPECT_EQ(seen.map(1).keys(), 3);

  const auto all = layer->qkv->forward(x);
  const auto heads = [&](int64_t part) {
    return all.narrow(2, 8 * part, 8).unflatten(2, {2, 4}).transpose(1, 2);
  };
  at::Tensor weights;
  attend_reference(heads(0), heads(1), heads(2), layer->options.attention(), {}, &weights);
  for (int64_t b : {0, 1}) {
    EXPECT_TRUE(map.dense(b).allclose(weights[b], 0, 1e-12));
    EXPECT_TRUE(map.dense(b).sum(2).allclose(torch::ones({2, 5}, at::kDouble), 0, 1e-12));
  }
  EXPECT_THROW(seen.map(2), UsageError);
}

TEST(Recording, ChangesNothingAndKeepsNoHistory) {
  auto layer = make("num_heads=2");
  const auto x = torch::randn({2, 5, 8}, at::kDouble).requires_grad_();
  const auto without = layer->forward(x);
  Recording seen;
  const auto with = layer->forward(x);
  EXPECT_TRUE(with.equal(without));
  EXPECT_TRUE(with.requires_grad());
  EXPECT_FALSE(seen.map(0).dense().requires_grad());
}

TEST(Recording, OffKeepsNoTensorAlive) {
  auto layer = make("num_heads=2");
  const auto x = torch::randn({2, 5, 8}, at::kDouble);
  torch::NoGradGuard no_gradient;
  const auto uses = x.use_count();
  layer->forward(x);
  EXPECT_EQ(Recording::active(), nullptr);
  EXPECT_EQ(x.use_count(), uses);
}

TEST(Recording, NestsAndStaysOnItsThread) {
  auto layer = make("num_heads=2");
  const auto x = torch::randn({1, 2, 8}, at::kDouble);
  Recording outer;
  {
    Recording inner;
    layer->forward(x);
    EXPECT_EQ(inner.size(), 1u);
  }
  EXPECT_EQ(outer.size(), 0u);
  std::thread([&] { layer->forward(x); }).join();
  EXPECT_EQ(outer.size(), 0u);
  layer->forward(x);
  EXPECT_EQ(outer.size(), 1u);
}

TEST(Recording, NamesMapsByPath) {
  torch::nn::Module model;
  auto first = model.register_module("first", make("num_heads=2"));
  auto pool = model.register_module("pool", nn::AttentionPooling(nn::AttentionPoolingOptions(8)));
  nn::name_maps(model);
  model.to(at::kDouble);
  Recording seen;
  pool->forward(first->forward(torch::randn({1, 2, 8}, at::kDouble)));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen.map(0).name(), "first");
  EXPECT_EQ(seen.map(1).name(), "pool");
  EXPECT_EQ(seen.map(1).queries(), 1);
  EXPECT_TRUE(seen.map(1).dense().sum(2).allclose(torch::ones({1, 1}, at::kDouble)));
}

}  // namespace
}  // namespace heed
