#include "heed/nn/cross_modal_attention.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed::nn {
namespace {

CrossModalAttention make(const CrossModalAttentionOptions& options) {
  torch::manual_seed(5);
  CrossModalAttention layer(options);
  layer->to(at::kDouble);
  for (auto& p : layer->parameters()) p.data().normal_(0, 0.4);
  return layer;
}

CrossModalAttentionOptions of(const char* how) {
  return CrossModalAttentionOptions(8, 12).attention(Attention::parse(how));
}

/// Attention of x on z with loops over heads; the parameters of a layer of two widths.
at::Tensor by_hand(MultiHeadAttention& layer, const at::Tensor& x, const at::Tensor& z,
                   int64_t visible) {
  const auto& how = layer->options.attention();
  const int64_t H = how.num_heads, D = x.size(2) / H;
  const auto q = layer->query->forward(x);
  const auto kv = layer->key_value->forward(z.narrow(1, 0, visible));
  std::vector<at::Tensor> heads;
  for (int64_t h = 0; h < H; ++h) {
    const auto k = kv.narrow(2, h * D, D), v = kv.narrow(2, (H + h) * D, D);
    const auto scores = q.narrow(2, h * D, D).matmul(k.transpose(1, 2)) / std::sqrt(double(D));
    heads.push_back(scores.softmax(2).matmul(v));
  }
  return layer->output->forward(torch::cat(heads, 2));
}

at::Tensor normal(RowNorm& norm, const at::Tensor& x) {
  const auto centred = x - x.mean(-1, true);
  const auto deviation = (centred.square().mean(-1, true) + 1e-5).sqrt();
  return centred / deviation * norm->weight + norm->bias;
}

struct Streams {
  at::Tensor x = torch::randn({2, 5, 8}, at::kDouble), y = torch::randn({2, 7, 12}, at::kDouble);
};

TEST(CrossModalAttention, PreNormFollowsItsFormula) {
  auto layer = make(of("num_heads=2"));
  const Streams s;
  const auto [x, y] = layer->forward(s.x, s.y);
  const auto nx = normal(layer->x_norm, s.x), ny = normal(layer->y_norm, s.y);
  EXPECT_TRUE(x.allclose(s.x + by_hand(layer->x_to_y, nx, ny, 7), 1e-10, 1e-12));
  EXPECT_TRUE(y.allclose(s.y + by_hand(layer->y_to_x, ny, nx, 5), 1e-10, 1e-12));
}

TEST(CrossModalAttention, PostNormWithFeedForwardFollowsItsFormula) {
  auto layer = make(of("num_heads=4")
                        .norm(nn::Norm::post)
                        .x_hidden(10)
                        .y_hidden(6)
                        .activation(nn::Activation::relu));
  const Streams s;
  const auto [x, y] = layer->forward(s.x, s.y);
  const auto rest = [](const at::Tensor& in, RowNorm& norm, FeedForward& f) {
    return normal(norm, in + f->down->forward(torch::relu(f->up->forward(in))));
  };
  const auto seen_x = normal(layer->x_norm, s.x + by_hand(layer->x_to_y, s.x, s.y, 7));
  const auto seen_y = normal(layer->y_norm, s.y + by_hand(layer->y_to_x, s.y, s.x, 5));
  EXPECT_TRUE(x.allclose(rest(seen_x, layer->x_feed_forward_norm, layer->x_feed_forward), 1e-9));
  EXPECT_TRUE(y.allclose(rest(seen_y, layer->y_feed_forward_norm, layer->y_feed_forward), 1e-9));
}

TEST(CrossModalAttention, LengthsOfTheOtherStreamHideItsPadding) {
  auto layer = make(of("num_heads=2"));
  Streams s;
  AttendInputs x_sees, y_sees;
  x_sees.key_lengths = torch::tensor({3, 7}, at::kLong);
  y_sees.attn_mask = torch::arange(5).lt(2).view({1, 1, 1, 5});
  const auto [x, y] = layer->forward(s.x, s.y, x_sees, y_sees);
  const auto nx = normal(layer->x_norm, s.x), ny = normal(layer->y_norm, s.y);
  const auto expected = s.x + by_hand(layer->x_to_y, nx, ny, 3);
  EXPECT_TRUE(x[0].allclose(expected[0], 1e-10, 1e-12));
  EXPECT_FALSE(x[1].allclose(expected[1], 1e-6, 1e-6));
  EXPECT_TRUE(y.allclose(s.y + by_hand(layer->y_to_x, ny, nx, 2), 1e-10, 1e-12));
}

TEST(CrossModalAttention, RecordsBothDirections) {
  auto layer = make(of("num_heads=2"));
  const Streams s;
  Recording seen(*layer);
  layer->forward(s.x, s.y);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen.map(0).name(), "x_to_y");
  EXPECT_EQ(seen.map(0).queries(), 5);
  EXPECT_EQ(seen.map(0).keys(), 7);
  EXPECT_EQ(seen.map(1).name(), "y_to_x");
  EXPECT_EQ(seen.map(1).queries(), 7);
}

TEST(CrossModalAttention, ClonesTrainsAndTakesEmptyStreams) {
  auto layer = make(of("sum; num_heads=2").x_hidden(4));
  const Streams s;
  const auto copy = std::dynamic_pointer_cast<CrossModalAttentionImpl>(layer->clone());
  EXPECT_TRUE(copy->forward(s.x, s.y).first.equal(layer->forward(s.x, s.y).first));
  const auto [x, y] = layer->forward(s.x, s.y);
  ((x * torch::randn_like(x)).sum() + (y * torch::randn_like(y)).sum()).backward();
  for (const auto& p : layer->named_parameters())
    EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
  const auto [alone, none] = layer->forward(s.x, s.y.narrow(1, 0, 0));
  EXPECT_EQ(none.size(1), 0);
  EXPECT_TRUE(torch::isfinite(alone).all().item<bool>());
}

TEST(CrossModalAttention, AdditivePositionsHaveTheWidthOfTheirStream) {
  auto layer = make(of("sinusoidal; num_heads=2"));
  const Streams s;
  const auto nx = normal(layer->x_norm, s.x), ny = normal(layer->y_norm, s.y);
  auto& to_y = layer->x_to_y;
  const auto at_x = nx + sinusoidal_positions(2, 5, 8, 10000).to(at::kDouble);
  const auto at_y = ny + sinusoidal_positions(0, 7, 12, 10000).to(at::kDouble);
  const auto split = [](const at::Tensor& t) { return t.unflatten(2, {2, 4}).transpose(1, 2); };
  const auto k = to_y->key_value->forward(at_y).narrow(2, 0, 8);
  const auto v = to_y->key_value->forward(ny).narrow(2, 8, 8);
  const auto heads =
      attend_reference(split(to_y->query->forward(at_x)), split(k), split(v), Attention());
  const auto expected = s.x + to_y->output->forward(heads.transpose(1, 2).flatten(2));
  EXPECT_TRUE(layer->forward(s.x, s.y).first.allclose(expected, 1e-10, 1e-12));
}

TEST(CrossModalAttention, RefusesWhatDoesNotFit) {
  EXPECT_THROW(make(of("num_heads=3")), ModelError);  // divides 12, not 8
  EXPECT_THROW(make(of("num_heads=2").x_hidden(-1)), ModelError);
  EXPECT_THROW(make(CrossModalAttentionOptions(8, 0)), ModelError);
  auto layer = make(of("num_heads=2"));
  const Streams s;
  try {
    layer->forward(s.y, s.x);
    FAIL() << "nothing was thrown";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "cross-modal attention: x: expected shape (B, L, 8), given [2, 7, 12]");
  }
}

TEST(MultiHeadAttention, KeyWidthOfOtherChannels) {
  const auto options = MultiHeadAttentionOptions(8).attention(Attention::parse("num_heads=2/1"));
  MultiHeadAttention layer(MultiHeadAttentionOptions(options).key_width(6));
  EXPECT_EQ(layer->key_value->weight.sizes(), (std::vector<int64_t>{8, 6}));
  EXPECT_TRUE(layer->qkv.is_empty());
  EXPECT_THROW(layer->forward(torch::zeros({1, 2, 8})), UsageError);
  EXPECT_THROW(MultiHeadAttention(MultiHeadAttentionOptions(options).key_width(-1)), ModelError);
  EXPECT_FALSE(MultiHeadAttention(MultiHeadAttentionOptions(options).key_width(8))->qkv.is_empty());
}

}  // namespace
}  // namespace heed::nn
