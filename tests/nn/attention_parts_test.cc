// Heads of a width of their own, norms of q and k, biases apart, positions of another attention.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/multi_head_attention.h"
#include "nn/steps.h"

namespace heed::nn {
namespace {

MultiHeadAttentionOptions parted(const char* how) {
  return MultiHeadAttentionOptions(16).attention(Attention::parse(how)).head_width(6).norm_eps(0.1);
}

/// Causal attention with normalised, rotated q and k, a head at a time.
at::Tensor parted_by_hand(MultiHeadAttention& layer, const at::Tensor& x) {
  const auto& how = layer->options.attention();
  const int64_t H = how.num_heads, G = how.kv_heads(), D = 6, L = x.size(1);
  const auto all = torch::linear(x, layer->qkv->weight, layer->qkv->bias);
  const auto part = [&](int64_t head) { return all.narrow(2, head * D, D); };
  const auto placed = [&](const at::Tensor& t, const at::Tensor& weight) {
    const auto root = (t.square().mean(2, true) + 0.1).sqrt();
    return rotate((t / root * weight).unsqueeze(1), 0, how.position).squeeze(1);
  };
  const auto hidden = torch::ones({L, L}, at::kBool).triu(1);
  std::vector<at::Tensor> heads;
  for (int64_t h = 0; h < H; ++h) {
    const int64_t g = h / (H / G);
    const auto q = placed(part(h), layer->query_norm->weight);
    const auto k = placed(part(H + g), layer->key_norm->weight);
    const auto scores = q.matmul(k.transpose(1, 2)) / std::sqrt(6.0);
    heads.push_back(scores.masked_fill(hidden, -INFINITY).softmax(2).matmul(part(H + G + g)));
  }
  return torch::linear(torch::cat(heads, 2), layer->output->weight, layer->output->bias);
}

TEST(AttentionParts, NormalisedHeadsOfAnyWidthFollowTheirFormula) {
  for (const bool bias : {true, false}) {
    auto layer =
        settled(MultiHeadAttention(parted("causal; rope; num_heads=4/2").qk_norm(true).bias(bias)));
    EXPECT_EQ(layer->qkv->weight.sizes(), (std::vector<int64_t>{48, 16}));
    EXPECT_EQ(layer->output->weight.sizes(), (std::vector<int64_t>{16, 24}));
    EXPECT_EQ(layer->query_norm->weight.sizes(), std::vector<int64_t>{6});
    const auto x = tokens(100), whole = layer->forward(x);
    EXPECT_LE((whole - parted_by_hand(layer, x)).abs().max().item<double>(), 1e-10);
    expect_near(layer->look(x, layer->project(x)), whole);
    for (const auto& cut : kCuts) {
      KeyValueCache cache;
      expect_near(in_steps(x, cut, [&](const auto& part) { return layer->step(part, cache); }),
                  whole);
    }
  }
}

TEST(AttentionParts, HeadsNeedNotDivideTheWidth) {
  auto layer = settled(MultiHeadAttention(
      MultiHeadAttentionOptions(16).attention(Attention::parse("num_heads=3")).head_width(4)));
  EXPECT_EQ(layer->forward(tokens(5)).sizes(), (std::vector<int64_t>{2, 5, 16}));
  EXPECT_THROW(
      MultiHeadAttention(MultiHeadAttentionOptions(16).attention(Attention::parse("num_heads=3"))),
      ModelError);
  EXPECT_THROW(MultiHeadAttention(parted("num_heads=2").head_width(-1)), ModelError);
}

TEST(AttentionParts, TheOutputHasABiasOfItsOwn) {
  const auto has = [](const MultiHeadAttentionOptions& options) {
    const MultiHeadAttention layer(options);
    return std::make_pair(layer->qkv->bias.defined(), layer->output->bias.defined());
  };
  EXPECT_EQ(has(parted("")), std::make_pair(true, true));
  EXPECT_EQ(has(parted("").bias(false)), std::make_pair(false, false));
  EXPECT_EQ(has(parted("").output_bias(false)), std::make_pair(true, false));
  EXPECT_EQ(has(parted("").bias(false).output_bias(true)), std::make_pair(false, true));
}

TEST(AttentionParts, APositionOfAnotherAttentionIsItsOwnTensor) {
  const char* how = "relative(4, 9); num_heads=2";
  auto owner = settled(MultiHeadAttention(parted(how)));
  auto other = settled(MultiHeadAttention(parted(how).shares_position(true)));
  EXPECT_FALSE(other->named_parameters().contains("relative_table"));
  const auto x = tokens(12);
  EXPECT_THROW(other->forward(x), UsageError) << "nothing was shared yet";
  other->share_position(*owner);
  auto alone = settled(MultiHeadAttention(parted(how)));
  const torch::NoGradGuard no_gradient;
  alone->qkv->weight.copy_(other->qkv->weight), alone->qkv->bias.copy_(other->qkv->bias);
  alone->output->weight.copy_(other->output->weight);
  alone->output->bias.copy_(other->output->bias);
  for (const double scale : {1.0, 3.0}) {
    owner->learned.at("relative.table").mul_(scale);
    alone->learned.at("relative.table").copy_(owner->learned.at("relative.table"));
    EXPECT_TRUE(other->forward(x).equal(alone->forward(x)));
  }
  owner->to(at::kFloat);
  EXPECT_EQ(other->learned.at("relative.table").scalar_type(), at::kFloat);
  EXPECT_THROW(alone->share_position(*owner), ModelError);
  EXPECT_THROW(
      other->share_position(*settled(MultiHeadAttention(parted("relative(6, 9); num_heads=2")))),
      ModelError);
}

}  // namespace
}  // namespace heed::nn
