// Every mechanism in the modules that attend: one line of text is enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "heed/nn/attention_pooling.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/ops/op_kinds.h"
#include "heed/ops/parameters.h"

namespace heed::nn::test {
namespace {

/// Each score, position, modifier, mask and normalizer that needs no tensor of the call, alone.
std::vector<std::string> every_mechanism() {
  std::vector<std::string> texts = {"additive(hidden=10)", "feed_forward(12, gelu, layers=2)",
                                    "talking; gate; sinks; num_heads=4/2"};
  for (const auto& word : op_kinds()) {
    const auto& name = word.name;
    if (name == "bias" || name == "key_lengths" || name == "attn_mask" || name == "segment_ids" ||
        name == "block_mask" || name.find("_2d") != name.npos)
      continue;
    std::string given;
    for (const auto& a : word.arguments)
      if (!a.initial) given += (given.empty() ? "" : ", ") + a.name + "=8";
    if (name == "learned") given = "9";
    texts.push_back(name + (given.empty() ? "" : "(" + given + ")"));
  }
  return texts;
}

MultiHeadAttention layer_of(const std::string& text) {
  auto how = Attention::parse(text);
  if (how.num_heads == 1) how.num_heads = 2;
  return MultiHeadAttention(MultiHeadAttentionOptions(16).attention(how));
}

TEST(EveryMechanism, RunsAndTrainsInTheLayer) {
  torch::manual_seed(4);
  for (const auto& text : every_mechanism()) {
    auto layer = layer_of(text);
    const auto x = torch::randn({3, 8, 16});
    const auto y = layer->forward(x);
    ASSERT_EQ(y.sizes(), x.sizes()) << text;
    y.square().sum().backward();
    for (const auto& [name, tensor] : layer->learned) {
      ASSERT_TRUE(tensor.grad().defined()) << text << " " << name;
      EXPECT_TRUE(torch::isfinite(tensor.grad()).all().item<bool>()) << text << " " << name;
      EXPECT_GT(tensor.grad().abs().max().item<double>(), 0) << text << " " << name;
    }
  }
}

TEST(EveryMechanism, ClonesHaveParametersOfTheirOwn) {
  auto layer = layer_of("additive; relative(8, 20)");
  const auto copy = std::dynamic_pointer_cast<MultiHeadAttentionImpl>(layer->clone());
  const auto x = torch::randn({2, 5, 16});
  EXPECT_TRUE(torch::equal(layer->forward(x), copy->forward(x)));
  const torch::NoGradGuard no_gradient;
  copy->learned.at("relative.table").add_(torch::randn({2, 8}));
  EXPECT_FALSE(torch::equal(layer->forward(x), copy->forward(x)));
  EXPECT_TRUE(copy->named_parameters().contains("relative_table"));
}

TEST(EveryMechanism, HiddenWidthIsTheScoresAlone) {
  auto layer = layer_of("additive(hidden=10)");
  EXPECT_EQ(layer->qkv->weight.size(0), 2 * 10 + 2 * 10 + 16);
  EXPECT_EQ(layer->learned.at("additive.weight").sizes(), at::IntArrayRef({2, 10}));
}

TEST(EveryMechanism, AGateIsANumberAHeadAndQuery) {
  auto layer = layer_of("gate");
  const auto x = torch::randn({2, 5, 16});
  const torch::NoGradGuard no_gradient;
  layer->gate->weight.zero_();
  layer->gate->bias.fill_(-1e9);
  const auto closed = layer->forward(x);
  EXPECT_TRUE(torch::allclose(closed, layer->output->bias.expand_as(closed)));
}

TEST(EveryMechanism, PoolsTokens) {
  for (const auto& text : {"additive(hidden=10)", "cosine", "general", "location(8)", "uniform",
                           "feed_forward(query=0)", "sparsemax", "entmax"}) {
    auto how = Attention::parse(text);
    how.num_heads = 2;
    AttentionPooling pooling(AttentionPoolingOptions(16).attention(how));
    const auto y = pooling->forward(torch::randn({3, 8, 16}));
    ASSERT_EQ(y.sizes(), at::IntArrayRef({3, 1, 16})) << text;
    y.square().sum().backward();
    for (const auto& [name, tensor] : pooling->learned)
      EXPECT_GT(tensor.grad().abs().max().item<double>(), 0) << text << " " << name;
  }
}

}  // namespace
}  // namespace heed::nn::test
