#include "heed/nn/multi_head_attention.h"

#include <torch/nn/modules/activation.h>

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed::nn {
namespace {

MultiHeadAttention make(int64_t width, const char* how) {
  torch::manual_seed(1);
  MultiHeadAttention layer(MultiHeadAttentionOptions(width).attention(Attention::parse(how)));
  layer->to(at::kDouble);
  for (auto& p : layer->parameters()) p.data().normal_(0, 0.3);
  return layer;
}

at::Tensor random(at::IntArrayRef shape) { return torch::randn(shape, at::kDouble); }

void expect_close(const at::Tensor& a, const at::Tensor& b, double tolerance = 1e-10) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LE((a - b).abs().max().item<double>(), tolerance);
}

/// The module's formula, written with loops over heads.
at::Tensor by_hand(MultiHeadAttention& layer, const at::Tensor& x, const at::Tensor& z) {
  const auto& how = layer->options.attention();
  const int64_t M = layer->options.width(), H = how.num_heads, G = how.kv_heads(), D = M / H;
  const bool sum = how.merge.name == "sum";
  const int64_t E = sum ? M : D;
  const auto part = [&](const at::Tensor& input, int64_t row, int64_t rows) {
    return torch::linear(input, layer->qkv->weight.narrow(0, row, rows),
                         layer->qkv->bias.narrow(0, row, rows));
  };
  std::vector<at::Tensor> heads;
  for (int64_t h = 0; h < H; ++h) {
    const int64_t g = h / (H / G);
    const auto q = part(x, h * D, D), k = part(z, H * D + g * D, D);
    const auto v = part(z, H * D + G * D + g * E, E);
    const auto w = torch::softmax(q.matmul(k.transpose(1, 2)) / std::sqrt(double(D)), 2);
    heads.push_back(w.matmul(v));
  }
  if (sum) return torch::stack(heads).sum(0);
  return layer->output->forward(torch::cat(heads, 2));
}

TEST(MultiHeadAttention, EqualsLibTorchWithTheSameWeights) {
  for (const int64_t heads : {1, 2, 8}) {
    const int64_t M = 16;
    auto ours = make(M, ("num_heads=" + std::to_string(heads)).c_str());
    torch::nn::MultiheadAttention theirs(M, heads);
    theirs->to(at::kDouble);
    theirs->in_proj_weight.data().copy_(ours->qkv->weight);
    theirs->in_proj_bias.data().copy_(ours->qkv->bias);
    theirs->out_proj->weight.data().copy_(ours->output->weight);
    theirs->out_proj->bias.data().copy_(ours->output->bias);
    const auto x = random({3, 7, M}).requires_grad_(), z = random({3, 5, M}).requires_grad_();
    const auto expected =
        std::get<0>(theirs->forward(x.transpose(0, 1), z.transpose(0, 1), z.transpose(0, 1)));
    const auto given = ours->forward(x, z);
    expect_close(given, expected.transpose(0, 1));
    const auto weight = random(given.sizes());
    const auto gradients = torch::autograd::grad({(given * weight).sum()}, {x, z});
    const auto reference =
        torch::autograd::grad({(expected.transpose(0, 1) * weight).sum()}, {x, z});
    for (int i : {0, 1}) expect_close(gradients[i], reference[i]);
    expect_close(ours->forward(x), ours->forward(x, x.clone()));
  }
}

TEST(MultiHeadAttention, MergesAndGroupsAsItsFormula) {
  for (const char* how : {"num_heads=4", "num_heads=4/2", "num_heads=4/1", "sum; num_heads=4",
                          "sum; num_heads=4/2", "sum; num_heads=1", "num_heads=1"}) {
    SCOPED_TRACE(how);
    auto layer = make(12, how);
    const auto x = random({2, 6, 12}), z = random({2, 9, 12});
    expect_close(layer->forward(x), by_hand(layer, x, x));
    expect_close(layer->forward(x, z), by_hand(layer, x, z));
  }
}

TEST(MultiHeadAttention, MasksReachTheOperator) {
  auto layer = make(8, "causal; num_heads=2");
  auto x = random({1, 5, 8});
  const auto before = layer->forward(x);
  x.select(1, 4).fill_(7);  // the last token is hidden from all others
  const auto after = layer->forward(x);
  expect_close(after.narrow(1, 0, 4), before.narrow(1, 0, 4), 0);
  EXPECT_GT((after - before).abs().max().item<double>(), 0.1);

  auto padded = make(8, "key_lengths; num_heads=2");
  AttendInputs inputs;
  inputs.key_lengths = torch::tensor({3}, at::kLong);
  const auto short_input = x.narrow(1, 0, 3);
  auto plain = make(8, "num_heads=2");
  expect_close(padded->forward(x, inputs).narrow(1, 0, 3), plain->forward(short_input));
}

TEST(MultiHeadAttention, AddsPositionsToQueriesAndKeysOnly) {
  auto layer = make(8, "sinusoidal; num_heads=2");
  const auto x = random({2, 5, 8});
  const auto p = sinusoidal_positions(0, 5, 8, 10000).to(at::kDouble);
  const auto with = layer->qkv->forward(x + p), without = layer->qkv->forward(x);
  const auto heads = [](const at::Tensor& t, int64_t part) {
    return t.narrow(2, 8 * part, 8).unflatten(2, {2, 4}).transpose(1, 2);
  };
  const auto out = attend_reference(heads(with, 0), heads(with, 1), heads(without, 2),
                                    Attention::parse("num_heads=2"));
  expect_close(layer->forward(x), layer->output->forward(out.transpose(1, 2).flatten(2)));
}

TEST(MultiHeadAttention, LearnedPositionsNeedALength) {
  EXPECT_THROW(make(8, "learned"), ModelError);
  auto layer = make(8, "learned(6); num_heads=2");
  EXPECT_EQ(layer->forward(random({1, 6, 8})).size(1), 6);
  EXPECT_THROW(layer->forward(random({1, 7, 8})), ModelError);
}

TEST(MultiHeadAttention, RopeContinuesWhereTheKeysEnd) {
  auto layer = make(8, "rope; causal; num_heads=2");
  const auto x = random({1, 6, 8});
  // One query at the end sees what it saw among all the others.
  expect_close(layer->forward(x.narrow(1, 5, 1), x), layer->forward(x).narrow(1, 5, 1));
}

TEST(MultiHeadAttention, DropsWeightsInTrainingOnly) {
  auto layer = make(8, "num_heads=2; dropout=0.5");
  const auto x = random({2, 9, 8});
  EXPECT_GT((layer->forward(x) - layer->forward(x)).abs().max().item<double>(), 1e-3);
  torch::manual_seed(5);
  const auto once = layer->forward(x);
  torch::manual_seed(5);
  expect_close(layer->forward(x), once, 0);
  layer->eval();
  expect_close(layer->forward(x), layer->forward(x), 0);
}

TEST(MultiHeadAttention, EmptyBatchesAndLengths) {
  auto layer = make(8, "num_heads=2");
  EXPECT_EQ(layer->forward(random({0, 4, 8})).sizes(), (std::vector<int64_t>{0, 4, 8}));
  EXPECT_EQ(layer->forward(random({2, 0, 8})).sizes(), (std::vector<int64_t>{2, 0, 8}));
  // Nothing to see: the values are zero and the output's bias is left.
  expect_close(layer->forward(random({1, 1, 8}), random({1, 0, 8})),
               layer->output->bias.view({1, 1, 8}));
}

TEST(MultiHeadAttention, RefusesWhatDoesNotFit) {
  EXPECT_THROW(make(10, "num_heads=4"), ModelError);
  EXPECT_THROW(make(0, "num_heads=1"), ModelError);
  EXPECT_THROW(make(6, "rope; num_heads=2")->forward(random({1, 2, 6})), ModelError);  // odd heads
  auto layer = make(8, "num_heads=2");
  EXPECT_THROW(layer->forward(random({2, 4, 6})), UsageError);
  EXPECT_THROW(layer->forward(random({4, 8})), UsageError);
  try {
    layer->forward(random({2, 4, 8}), random({2, 4, 6}));
    FAIL() << "nothing was thrown";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "attention: key_value: expected shape (B, L, 8), given [2, 4, 6]");
  }
}

TEST(MultiHeadAttention, ClonesWithItsWeights) {
  for (const char* how : {"num_heads=2", "sum; num_heads=2", "learned(9); num_heads=2"}) {
    auto layer = make(8, how);
    const auto copy = std::dynamic_pointer_cast<MultiHeadAttentionImpl>(layer->clone());
    const auto x = random({2, 5, 8});
    expect_close(copy->forward(x), layer->forward(x), 0);
    for (auto& p : copy->parameters()) p.data().zero_();
    EXPECT_GT(layer->forward(x).abs().max().item<double>(), 1e-3);
  }
}

TEST(MultiHeadAttention, StartsAsXavierForEachPart) {
  MultiHeadAttention layer(
      MultiHeadAttentionOptions(64).attention(Attention::parse("num_heads=8/2")));
  const auto& w = layer->qkv->weight;
  ASSERT_EQ(w.sizes(), (std::vector<int64_t>{96, 64}));
  const auto bound = [](int64_t rows) { return std::sqrt(6.0 / double(64 + rows)); };
  const auto largest = [&](int64_t first, int64_t rows) {
    return w.narrow(0, first, rows).abs().max().item<double>();
  };
  for (const auto& [first, rows] : {std::pair{0, 64}, {64, 16}, {80, 16}}) {
    EXPECT_LE(largest(first, rows), bound(rows));
    EXPECT_GT(largest(first, rows), 0.95 * bound(rows));
  }
  EXPECT_EQ(layer->qkv->bias.abs().max().item<double>(), 0);
  EXPECT_EQ(layer->output->bias.abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace heed::nn
