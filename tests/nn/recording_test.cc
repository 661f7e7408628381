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
  Recording seen(*layer);
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
  Recording seen(*layer);
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
  Recording outer(*layer);
  {
    Recording inner(*layer);
    layer->forward(x);
    EXPECT_EQ(inner.size(), 1u);
  }
  EXPECT_EQ(outer.size(), 0u);
  std::thread([&] { layer->forward(x); }).join();
  EXPECT_EQ(outer.size(), 0u);
  layer->forward(x);
  EXPECT_EQ(outer.size(), 1u);
}

/// A model as users write them.
struct Net : torch::nn::Module {
  struct Half : torch::nn::Module {
    nn::MultiHeadAttention attention = register_module("attention", make("num_heads=2"));
  };
  std::shared_ptr<Half> left = register_module("left", std::make_shared<Half>());
  std::shared_ptr<Half> right = register_module("right", std::make_shared<Half>());
  nn::AttentionPooling pool =
      register_module("pool", nn::AttentionPooling(nn::AttentionPoolingOptions(8)));

  Net() { to(at::kDouble); }
  at::Tensor forward(const at::Tensor& x) {
    return pool->forward(right->attention->forward(left->attention->forward(x)));
  }
};

std::vector<std::string> names(const Recording& seen) {
  std::vector<std::string> all;
  for (const auto& map : seen.maps()) all.push_back(map.name());
  return all;
}

TEST(Recording, NamesMapsByPath) {
  using Names = std::vector<std::string>;
  Net net;
  const auto x = torch::randn({1, 2, 8}, at::kDouble);
  Recording seen(net);
  net.forward(x);
  EXPECT_EQ(names(seen), (Names{"left.attention", "right.attention", "pool"}));
  EXPECT_EQ(seen.map(2).queries(), 1);
  EXPECT_TRUE(seen.map(2).dense().sum(2).allclose(torch::ones({1, 1}, at::kDouble)));
  {
    // Under another root other paths; what is not under it has its path under the outer root.
    Recording part(*net.left);
    net.forward(x);
    EXPECT_EQ(names(part), (Names{"attention", "right.attention", "pool"}));
  }
  auto alone = make("num_heads=2");
  alone->forward(x);
  EXPECT_EQ(names(seen).back(), "attention");
  EXPECT_EQ(alone->map_name(), "attention");
  EXPECT_EQ(net.right->attention->map_name(), "right.attention");
}

TEST(Recording, TwoModelsOfAKindAtOnce) {
  Net first;
  auto second = std::make_shared<Net>();
  torch::nn::Module both;
  both.register_module("second", second);
  const auto x = torch::randn({1, 2, 8}, at::kDouble);
  Recording seen(first);
  std::thread([&] {
    Recording other(both);
    second->forward(x);
    EXPECT_EQ(other.map(0).name(), "second.left.attention");
  }).join();
  first.forward(x);
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen.map(0).name(), "left.attention");
}

}  // namespace
}  // namespace heed
