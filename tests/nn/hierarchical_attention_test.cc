#include "heed/nn/hierarchical_attention.h"

#include <torch/nn/modules/activation.h>

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/transformer_block.h"

namespace heed::nn {
namespace {

HierarchicalAttention make(const HierarchicalAttentionOptions& options) {
  torch::manual_seed(3);
  HierarchicalAttention layer(options);
  layer->to(at::kDouble);
  for (auto& p : layer->parameters()) p.data().normal_(0, 0.5);
  return layer;
}

HierarchicalAttentionOptions yang(int64_t width) {
  return HierarchicalAttentionOptions(width).attention(Attention::parse("dot"));
}

/// One level by Yang's formula with a loop over tokens: (L, M) -> (M).
at::Tensor pooled(const AttentionPooling& pool, const at::Tensor& tokens) {
  auto total = torch::zeros({}, at::kDouble), sum = torch::zeros({tokens.size(1)}, at::kDouble);
  for (int64_t t = 0; t < tokens.size(0); ++t) {
    const auto u = torch::tanh(pool->key->weight.matmul(tokens[t]) + pool->key->bias);
    const auto e = torch::exp(u.dot(pool->query[0][0]));
    total = total + e, sum = sum + e * tokens[t];
  }
  return tokens.size(0) ? sum / total : sum;
}

TEST(HierarchicalAttention, FollowsTheFormulaOfBothLevels) {
  auto layer = make(yang(6));
  const auto x = torch::randn({2, 3, 5, 6}, at::kDouble);
  const auto words = torch::tensor({{5, 1, 3}, {2, 0, 4}}, at::kLong);
  const auto documents = torch::tensor({3, 1}, at::kLong);
  const auto y = layer->forward(x, words, documents);
  ASSERT_EQ(y.sizes(), (std::vector<int64_t>{2, 6}));
  for (int64_t b = 0; b < 2; ++b) {
    std::vector<at::Tensor> sentences;
    for (int64_t s = 0; s < documents[b].item<int64_t>(); ++s)
      sentences.push_back(
          pooled(layer->word_pool, x[b][s].narrow(0, 0, words[b][s].item<int64_t>())));
    EXPECT_TRUE(y[b].allclose(pooled(layer->sentence_pool, torch::stack(sentences)), 1e-10, 1e-12));
  }
}

TEST(HierarchicalAttention, PaddingAndEmptySentencesHaveNoSay) {
  auto layer = make(yang(6));
  auto x = torch::randn({1, 4, 3, 6}, at::kDouble);
  const auto words = torch::tensor({{3, 0, 2, 0}}, at::kLong);
  const auto y = layer->forward(x, words);
  x[0][1].fill_(NAN), x[0][3].fill_(NAN), x[0][2][2].fill_(NAN);
  EXPECT_TRUE(layer->forward(x, words).equal(y));
  const auto kept = torch::stack({x[0][0], x[0][2]}).unsqueeze(0);
  EXPECT_TRUE(layer->forward(kept, torch::tensor({{3, 2}}, at::kLong)).allclose(y, 1e-12, 1e-14));
  EXPECT_EQ(layer->forward(x, words, torch::tensor({0}, at::kLong)).abs().sum().item<double>(), 0);
}

TEST(HierarchicalAttention, EncodersStandBetweenAndAreToldWhatIsPadding) {
  const TransformerBlock block(
      TransformerBlockOptions(8).attention(Attention::parse("num_heads=2")));
  const torch::nn::Linear linear(8, 8);
  auto layer = make(yang(8).word_encoder(block).sentence_encoder(linear));
  auto x = torch::randn({2, 3, 4, 8}, at::kDouble);
  const auto words = torch::tensor({{4, 2, 1}, {3, 4, 2}}, at::kLong);
  AttendInputs inputs;
  inputs.key_lengths = words.flatten();
  const auto h = block.ptr()->forward(x.flatten(0, 1), inputs);
  const auto s = layer->word_pool->forward(h, inputs).view({2, 3, 8});
  const auto expected = layer->sentence_pool->forward(linear.ptr()->forward(s)).squeeze(1);
  const auto y = layer->forward(x, words);
  EXPECT_TRUE(y.allclose(expected, 1e-10, 1e-12));
  x[0][1].narrow(0, 2, 2).fill_(100);
  EXPECT_TRUE(layer->forward(x, words).equal(y));
  EXPECT_TRUE(layer->named_parameters().contains("word_encoder.feed_forward.up.weight"));
}

TEST(HierarchicalAttention, TakesSequencesAndAnyModules) {
  const torch::nn::Sequential both(torch::nn::Linear(4, 4), torch::nn::Tanh());
  const torch::nn::Linear linear(4, 4);
  auto layer = make(yang(4).word_encoder(both).sentence_encoder(torch::nn::AnyModule(linear)));
  const auto x = torch::randn({1, 2, 3, 4}, at::kDouble);
  const auto h = layer->word_pool->forward(both.ptr()->forward(x[0])).view({1, 2, 4});
  const auto expected = layer->sentence_pool->forward(linear.ptr()->forward(h)).squeeze(1);
  EXPECT_TRUE(layer->forward(x).equal(expected));
}

TEST(HierarchicalAttention, RecordsBothLevels) {
  auto layer = make(yang(6));
  const auto x = torch::randn({2, 3, 5, 6}, at::kDouble);
  Recording seen(*layer);
  layer->forward(x);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen.map(0).name(), "word_pool");
  EXPECT_EQ(seen.map(0).batch(), 6);
  EXPECT_EQ(seen.map(0).keys(), 5);
  EXPECT_EQ(seen.map(1).name(), "sentence_pool");
  EXPECT_EQ(seen.map(1).keys(), 3);
  const auto h = torch::tanh(layer->word_pool->key->forward(x[1][2]));
  EXPECT_TRUE(seen.map(0).dense(5)[0][0].allclose(
      h.matmul(layer->word_pool->query[0][0]).softmax(0), 1e-10, 1e-12));
}

TEST(HierarchicalAttention, ClonesItsEncodersToo) {
  const torch::nn::Linear linear(4, 4);
  auto layer = make(yang(4).word_encoder(linear).sentence_encoder(torch::nn::AnyModule(linear)));
  const auto copy = std::dynamic_pointer_cast<HierarchicalAttentionImpl>(layer->clone());
  const auto x = torch::randn({2, 2, 3, 4}, at::kDouble);
  const auto y = layer->forward(x);
  EXPECT_TRUE(copy->forward(x).equal(y));
  {
    torch::NoGradGuard no_gradient;
    for (auto& p : copy->parameters()) p.zero_();
  }
  EXPECT_TRUE(layer->forward(x).equal(y));
  EXPECT_EQ(copy->forward(x).abs().max().item<double>(), 0);
}

TEST(HierarchicalAttention, TrainsBothContextVectorsAndHandlesNothing) {
  auto layer = make(yang(4));
  (layer->forward(torch::randn({2, 3, 5, 4}, at::kDouble)) * torch::randn({2, 4}, at::kDouble))
      .sum()
      .backward();
  for (const auto& p : layer->parameters()) EXPECT_GT(p.grad().abs().max().item<double>(), 0);
  for (const auto& shape : {std::vector<int64_t>{0, 3, 5, 4}, {2, 0, 5, 4}, {2, 3, 0, 4}}) {
    const auto y = layer->forward(torch::zeros(shape, at::kDouble));
    EXPECT_EQ(y.sizes(), (std::vector<int64_t>{shape[0], 4}));
  }
}

TEST(HierarchicalAttention, RefusesWhatDoesNotFit) {
  auto layer = make(yang(4));
  const auto x = torch::randn({2, 3, 5, 4}, at::kDouble);
  EXPECT_THROW(layer->forward(x[0]), UsageError);
  EXPECT_THROW(layer->forward(x, torch::zeros({2, 5}, at::kLong)), UsageError);
  EXPECT_THROW(layer->forward(x, torch::zeros({2, 3}, at::kInt)), UsageError);
  EXPECT_THROW(layer->forward(x, {}, torch::zeros({3}, at::kLong)), UsageError);
  EXPECT_THROW(layer->forward(x, {}, torch::full({2}, 4, at::kLong)), UsageError);
  try {
    layer->forward(x, torch::full({2, 3}, 6, at::kLong));
    FAIL() << "nothing was thrown";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "hierarchical attention: words: expected 0 to 5, given 6");
  }
}

}  // namespace
}  // namespace heed::nn
