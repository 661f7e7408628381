#include "heed/nn/attention_pooling.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed::nn {
namespace {

AttentionPooling make(const char* how, int64_t queries = 1) {
  AttentionPooling pool(
      AttentionPoolingOptions(8).attention(Attention::parse(how)).queries(queries));
  pool->query.data().normal_();
  return pool;
}

TEST(AttentionPooling, EachHeadPoolsItsChannels) {
  auto pool = make("num_heads=2", 3);
  const auto x = torch::randn({4, 5, 8});
  const auto y = pool->forward(x);
  ASSERT_EQ(y.sizes(), (std::vector<int64_t>{4, 3, 8}));
  for (int64_t h = 0; h < 2; ++h) {
    const auto part = x.narrow(2, 4 * h, 4);                                // (B, L, D)
    const auto scores = pool->query[h].matmul(part.transpose(1, 2)) / 2.0;  // (B, Q, L)
    EXPECT_TRUE(y.narrow(2, 4 * h, 4).allclose(scores.softmax(2).matmul(part), 1e-5, 1e-6));
  }
}

TEST(AttentionPooling, SumPoolsWholeTokens) {
  auto pool = make("sum; num_heads=2");
  const auto x = torch::randn({4, 5, 8});
  auto expected = torch::zeros({4, 1, 8});
  for (int64_t h = 0; h < 2; ++h)
    expected += (pool->query[h].matmul(x.transpose(1, 2)) / std::sqrt(8.0)).softmax(2).matmul(x);
  EXPECT_TRUE(pool->forward(x).allclose(expected, 1e-5, 1e-6));
}

TEST(AttentionPooling, KeysOfTheirOwnScoreAndTokensAreGathered) {
  AttentionPooling pool(AttentionPoolingOptions(8)
                            .attention(Attention::parse("dot; num_heads=2"))
                            .queries(2)
                            .keys(PoolKeys::tanh));
  pool->query.data().normal_();
  const auto x = torch::randn({4, 5, 8});
  const auto keys = torch::tanh(x.matmul(pool->key->weight.t()) + pool->key->bias);
  const auto y = pool->forward(x);
  for (int64_t h = 0; h < 2; ++h) {
    const auto scores = pool->query[h].matmul(keys.narrow(2, 4 * h, 4).transpose(1, 2));
    const auto expected = scores.softmax(2).matmul(x.narrow(2, 4 * h, 4));
    EXPECT_TRUE(y.narrow(2, 4 * h, 4).allclose(expected, 1e-5, 1e-6));
  }
}

TEST(AttentionPooling, IgnoresHowTokensSeeEachOther) {
  torch::manual_seed(4);
  auto pool = make("num_heads=2"), masked = make("rope; causal; window(0, 0); num_heads=2/1");
  masked->query.data().copy_(pool->query);
  const auto x = torch::randn({4, 5, 8});
  EXPECT_TRUE(pool->forward(x).equal(masked->forward(x)));
}

TEST(AttentionPooling, LengthsHidePadding) {
  auto pool = make("num_heads=2");
  auto x = torch::randn({2, 5, 8});
  AttendInputs inputs;
  inputs.key_lengths = torch::tensor({3, 5}, at::kLong);
  const auto y = pool->forward(x, inputs);
  EXPECT_TRUE(y[0].allclose(pool->forward(x.narrow(1, 0, 3))[0], 1e-5, 1e-6));
  EXPECT_TRUE(y[1].allclose(pool->forward(x)[1], 1e-5, 1e-6));
}

TEST(AttentionPooling, TrainsItsQueryAndRefusesWhatDoesNotFit) {
  auto pool = make("num_heads=2");
  (pool->forward(torch::randn({2, 5, 8})) * torch::randn({2, 1, 8})).sum().backward();
  EXPECT_GT(pool->query.grad().abs().max().item<double>(), 0);
  EXPECT_THROW(pool->forward(torch::randn({2, 5, 6})), UsageError);
  EXPECT_THROW(make("num_heads=3"), ModelError);
  EXPECT_THROW(make("num_heads=2", 0), ModelError);
}

}  // namespace
}  // namespace heed::nn
