#include "heed/nn/transformer_block.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/any.h>

#include <gtest/gtest.h>

#include "autocast.h"
#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "heed/nn/transformer_decoder_block.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

TransformerBlockOptions options(const char* how = "num_heads=2") {
  return TransformerBlockOptions(8).attention(Attention::parse(how));
}

TEST(FeedForward, FollowsItsFormula) {
  for (const auto activation : {nn::Activation::gelu, nn::Activation::relu}) {
    FeedForward layer(FeedForwardOptions(6, 10).activation(activation));
    const auto x = torch::randn({2, 3, 6});
    const auto hidden = x.matmul(layer->up->weight.t()) + layer->up->bias;
    const auto active = activation == nn::Activation::relu
                            ? hidden.clamp_min(0)
                            : hidden * 0.5 * (1 + torch::erf(hidden / std::sqrt(2.0)));
    const auto expected = active.matmul(layer->down->weight.t()) + layer->down->bias;
    EXPECT_TRUE(layer->forward(x).allclose(expected, 1e-5, 1e-6));
  }
}

/// What a stem makes under autocast is of 16 bits, the block's norms and residuals are of 32.
TEST(TransformerBlock, TakesUpWhatAutocastMadeOfLowerPrecision) {
  torch::manual_seed(5);
  for (const auto norm : {nn::Norm::pre, nn::Norm::post}) {
    for (const char* how : {"alibi; num_heads=2", "transformer_xl; num_heads=2", "num_heads=2"}) {
      TransformerBlock block(options(how).norm(norm));
      const auto x = torch::randn({2, 5, 8}).to(at::kBFloat16);
      const auto expected = block->forward(x.to(at::kFloat));
      const auto given = [&] {
        const heed::test::Autocast on;
        return block->forward(x);
      }();
      EXPECT_EQ(given.scalar_type(), at::kFloat) << word_of(norm) << " " << how;
      EXPECT_TRUE(given.allclose(expected, 3e-2, 3e-2)) << word_of(norm) << " " << how;
      given.sum().backward();
      for (const auto& p : block->named_parameters())
        EXPECT_TRUE(p.value().grad().defined()) << word_of(norm) << " " << how << " " << p.key();
    }
  }
}

TEST(TransformerBlock, PreAndPostNormFollowTheirFormulas) {
  for (const auto norm : {nn::Norm::pre, nn::Norm::post}) {
    TransformerBlock block(options().norm(norm));
    block->to(at::kDouble);
    const auto x = torch::randn({2, 5, 8}, at::kDouble);
    const auto n1 = [&](const at::Tensor& t) { return block->attention_norm->forward(t); };
    const auto n2 = [&](const at::Tensor& t) { return block->feed_forward_norm->forward(t); };
    at::Tensor expected;
    if (norm == nn::Norm::pre) {
      const auto y = x + block->attention->forward(n1(x));
      expected = y + block->feed_forward->forward(n2(y));
    } else {
      const auto y = n1(x + block->attention->forward(x));
      expected = n2(y + block->feed_forward->forward(y));
    }
    EXPECT_TRUE(block->forward(x).allclose(expected, 0, 1e-12));
  }
}

TEST(TransformerBlock, GradientsReachEveryParameter) {
  for (const auto norm : {nn::Norm::pre, nn::Norm::post}) {
    TransformerBlock block(options("sum; num_heads=4/2; rope").norm(norm).dropout(0.1));
    (block->forward(torch::randn({3, 5, 8})) * torch::randn({3, 5, 8})).sum().backward();
    for (const auto& p : block->named_parameters()) {
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
    }
  }
}

TEST(TransformerBlock, DropPathKeepsTheExpectation) {
  torch::manual_seed(3);
  const auto x = torch::zeros({20000, 2, 1}), branch = torch::ones_like(x);
  const auto y = drop_path(x, branch, 0.3);
  EXPECT_NEAR(y.mean().item<double>(), 1, 0.02);  // four deviations are 0.019
  EXPECT_TRUE(y.select(1, 0).equal(y.select(1, 1))) << "a sample is kept or dropped as a whole";
  const auto kept = y.ne(0);
  EXPECT_NEAR(kept.to(at::kFloat).mean().item<double>(), 0.7, 0.014);
  EXPECT_TRUE(y.masked_select(kept).allclose(torch::full({1}, 1 / 0.7)));
  EXPECT_TRUE(drop_path(x, branch, 0).equal(branch));
}

TEST(TransformerBlock, StochasticDepthActsInTrainingOnly) {
  TransformerBlock block(options().stochastic_depth(0.5));
  const auto x = torch::randn({64, 3, 8});
  EXPECT_FALSE(block->forward(x).equal(block->forward(x)));
  block->eval();
  EXPECT_TRUE(block->forward(x).equal(block->forward(x)));
  EXPECT_TRUE(block->forward(torch::randn({0, 3, 8})).numel() == 0);
}

/// A copy has the same parameters, in memory of its own.
template <class Block, class... Source>
void expect_clone(Block block, const Source&... z) {
  block->to(at::kDouble);
  for (auto& p : block->parameters()) torch::nn::init::normal_(p);
  const auto copy = std::dynamic_pointer_cast<typename Block::ContainedType>(block->clone());
  ASSERT_TRUE(copy);
  const auto x = torch::randn({2, 5, 8}, at::kDouble);
  const auto before = block->forward(x, z...);
  EXPECT_TRUE(copy->forward(x, z...).equal(before));
  const auto theirs = copy->named_parameters();
  ASSERT_EQ(theirs.keys(), block->named_parameters().keys());
  const torch::NoGradGuard no_gradient;
  for (const auto& p : block->named_parameters()) {
    EXPECT_TRUE(theirs[p.key()].requires_grad()) << p.key();
    p.value().zero_();
  }
  EXPECT_TRUE(copy->forward(x, z...).equal(before));
}

TEST(TransformerBlock, ClonesWithBiasesAndWithout) {
  for (const bool bias : {true, false}) {
    expect_clone(TransformerBlock(options().bias(bias)));
    expect_clone(TransformerDecoderBlock(TransformerDecoderBlockOptions(8).bias(bias)),
                 torch::randn({2, 3, 8}, at::kDouble));
  }
}

TEST(Linear, TruncatedNormalHasItsDeviationAndItsCut) {
  torch::manual_seed(2);
  auto t = torch::empty({200000});
  truncated_normal(t, 0.5);
  EXPECT_LE(t.abs().max().item<double>(), 1.0);
  EXPECT_NEAR(t.mean().item<double>(), 0, 0.005);
  EXPECT_NEAR(t.std().item<double>(), 0.5 * 0.8796, 0.004);  // of a normal cut at two deviations
}

TEST(TransformerBlock, FitsIntoAnAnyModule) {
  const TransformerBlock block(
      TransformerBlockOptions(8).attention(Attention::parse("num_heads=2")));
  torch::nn::AnyModule any(block);
  const auto x = torch::randn({2, 3, 8});
  EXPECT_TRUE(any.forward(x, AttendInputs()).equal(block.ptr()->forward(x)));
}

}  // namespace
}  // namespace heed::nn
