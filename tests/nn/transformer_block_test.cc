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

constexpr Activation kActivations[] = {Activation::gelu, Activation::relu, Activation::gelu_tanh,
                                       Activation::silu, Activation::quick_gelu};

/// One number at a time.
double active(Activation activation, double x) {
  switch (activation) {
    case Activation::gelu:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::gelu_tanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
  }
  return 0;
}

at::Tensor linear_by_hand(const torch::nn::Linear& layer, const at::Tensor& x) {
  const auto y = x.matmul(layer->weight.t());
  return layer->bias.defined() ? y + layer->bias : y;
}

TEST(FeedForward, FollowsItsFormula) {
  torch::manual_seed(1);
  for (const auto activation : kActivations)
    for (const bool gated : {false, true})
      for (const bool bias : {false, true}) {
        FeedForward layer(FeedForwardOptions(6, 10).activation(activation).gated(gated).bias(bias));
        layer->to(at::kDouble);
        const auto x = torch::randn({2, 3, 6}, at::kDouble);
        auto hidden = linear_by_hand(gated ? layer->gate : layer->up, x).contiguous();
        for (int64_t i = 0; i < hidden.numel(); ++i) {
          auto& number = hidden.data_ptr<double>()[i];
          number = active(activation, number);
        }
        if (gated) hidden = hidden * linear_by_hand(layer->up, x);
        const auto expected = linear_by_hand(layer->down, hidden);
        EXPECT_TRUE(layer->forward(x).allclose(expected, 1e-12, 1e-12)) << word_of(activation);
        const torch::NoGradGuard no_gradient;
        const RowsAlone alone;
        EXPECT_TRUE(layer->forward(x).allclose(expected, 1e-12, 1e-12)) << word_of(activation);
      }
}

TEST(FeedForward, GivesARowItsBitsBesideAnyOthers) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_gradient;
  const RowsAlone alone;
  for (const auto activation : kActivations) {
    FeedForward layer(FeedForwardOptions(24, 37).activation(activation).gated(true));
    const auto x = torch::randn({50, 24}), all = layer->forward(x);
    for (const int64_t i : {0, 1, 49})
      EXPECT_TRUE(layer->forward(x.narrow(0, i, 1))[0].equal(all[i])) << word_of(activation);
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

TEST(TransformerBlock, NormsFollowTheirFormulas) {
  torch::manual_seed(3);
  for (const auto norm : {nn::Norm::pre, nn::Norm::post, nn::Norm::sandwich}) {
    TransformerBlock block(options().norm(norm));
    block->to(at::kDouble);
    for (auto& p : block->named_parameters()) p.value().data().normal_(0.5, 0.5);
    const auto x = torch::randn({2, 5, 8}, at::kDouble);
    const auto n1 = [&](const at::Tensor& t) { return block->attention_norm->forward(t); };
    const auto n2 = [&](const at::Tensor& t) { return block->feed_forward_norm->forward(t); };
    at::Tensor expected;
    if (norm == nn::Norm::pre) {
      const auto y = x + block->attention->forward(n1(x));
      expected = y + block->feed_forward->forward(n2(y));
    } else if (norm == nn::Norm::sandwich) {
      EXPECT_EQ(block->named_parameters().size(), 16u);
      const auto y = x + block->attention_post_norm->forward(block->attention->forward(n1(x)));
      expected = y + block->feed_forward_post_norm->forward(block->feed_forward->forward(n2(y)));
    } else {
      const auto y = n1(x + block->attention->forward(x));
      expected = n2(y + block->feed_forward->forward(y));
    }
    EXPECT_TRUE(block->forward(x).allclose(expected, 0, 1e-12));
  }
}

TEST(TransformerBlock, ABlockOfNormalisedTokensHasNoNormOfItsOwn) {
  TransformerBlock block(options().attention_norm(false));
  EXPECT_FALSE(block->named_parameters().contains("attention_norm.weight"));
  const auto x = torch::randn({2, 5, 8});
  const auto y = x + block->attention->forward(x);
  const auto expected = y + block->feed_forward->forward(block->feed_forward_norm->forward(y));
  EXPECT_TRUE(block->forward(x).allclose(expected, 1e-5, 1e-6));
}

TEST(TransformerBlock, PartsHaveTheBiasesThatTheyAreSaidToHave) {
  const auto names_of = [](const std::vector<std::string>& biases, NormType type) {
    BlockParts parts;
    parts.biases = biases, parts.norm_type = type, parts.gated = true;
    std::string names;
    for (const auto& p : TransformerBlock(options().parts(parts))->named_parameters())
      if (p.key().ends_with("bias")) names += p.key() + " ";
    return names;
  };
  EXPECT_EQ(names_of({}, NormType::layer), "");
  EXPECT_EQ(names_of({"qkv"}, NormType::layer), "attention.qkv.bias ");
  EXPECT_EQ(names_of({"attention_output", "norm"}, NormType::rms), "attention.output.bias ");
  EXPECT_EQ(names_of({"norm"}, NormType::layer), "attention_norm.bias feed_forward_norm.bias ");
  EXPECT_EQ(names_of({"feed_forward"}, NormType::layer),
            "feed_forward.up.bias feed_forward.gate.bias feed_forward.down.bias ");
}

TEST(TransformerBlock, GradientsReachEveryParameter) {
  BlockParts parts;
  parts.norm_type = NormType::rms, parts.gated = true, parts.qk_norm = true, parts.head_width = 6;
  for (const auto norm : {nn::Norm::pre, nn::Norm::post, nn::Norm::sandwich}) {
    TransformerBlock block(options("num_heads=4/2; rope").norm(norm).dropout(0.1).parts(parts));
    (block->forward(torch::randn({3, 5, 8})) * torch::randn({3, 5, 8})).sum().backward();
    for (const auto& p : block->named_parameters()) {
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
    }
  }
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
    BlockParts parts;
    if (!bias) parts.biases.clear();
    expect_clone(TransformerBlock(options().parts(parts)));
    expect_clone(TransformerDecoderBlock(TransformerDecoderBlockOptions(8).parts(parts)),
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
