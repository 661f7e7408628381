// Gradient checkpointing: the same bits from half of what was kept.
#include "nn/checkpoint.h"

#include <gtest/gtest.h>

#include "heed/models/block_stack.h"
#include "heed/models/transformer.h"
#include "heed/nn/transformer_block.h"
#include "nn/small_products.h"

namespace heed::nn {
namespace {

TEST(GradientCheckpointing, RunsABlockTwiceAndKeepsTheGenerator) {
  torch::manual_seed(1);
  TransformerBlock block(TransformerBlockOptions(8).dropout(0.5));
  int calls = 0;
  const auto call = [&](const std::vector<at::Tensor>& given) {
    ++calls;
    return block->forward(given[0]);
  };
  const auto x = torch::randn({2, 5, 8}).requires_grad_();
  checkpointed(*block, {x}, call).sum().backward();
  EXPECT_EQ(calls, 1);
  {
    const GradientCheckpointing on;
    const auto y = checkpointed(*block, {x}, call).sum();
    const auto expected = torch::rand({4});
    torch::manual_seed(7);
    const auto after = torch::rand({1});
    torch::manual_seed(7);
    y.backward();
    EXPECT_TRUE(at::equal(torch::rand({1}), after));
    const torch::NoGradGuard no_grad;
    checkpointed(*block, {x}, call);
  }
  EXPECT_EQ(calls, 4);  // 1, then 2, then 1 without gradient
}

/// Gradients of all parameters and of x, after two batches whose gradients are added.
std::vector<at::Tensor> gradients(torch::nn::Module& owner,
                                  const std::function<at::Tensor(const at::Tensor&)>& forward,
                                  const at::Tensor& given, bool on) {
  torch::manual_seed(11);
  owner.zero_grad();
  const auto x = given.detach().clone().requires_grad_();
  std::vector<at::Tensor> all;
  for (int batch = 0; batch < 2; ++batch) {
    nn::SmallProducts small;
    const GradientCheckpointing checkpointing(on);
    const auto y = forward(x * (batch + 1));
    all.push_back(y.detach());
    small.mix();
    y.square().sum().backward();
  }
  all.push_back(x.grad());
  for (const auto& parameter : owner.parameters())
    if (parameter.requires_grad()) all.push_back(parameter.grad().clone());
  return all;
}

void expect_same_bits(torch::nn::Module& owner,
                      const std::function<at::Tensor(const at::Tensor&)>& forward,
                      const at::Tensor& x) {
  owner.train();
  const auto plain = gradients(owner, forward, x, false), ours = gradients(owner, forward, x, true);
  ASSERT_EQ(plain.size(), ours.size());
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(at::equal(plain[i], ours[i])) << i;
}

struct Owner : torch::nn::Module {};

TEST(GradientCheckpointing, HasTheBitsOfAPlainRun) {
  torch::manual_seed(2);
  const auto x = torch::randn({3, 40, 64});
  BlockStackOptions options;
  options.width = 64, options.layers = 4, options.dropout = 0.3;
  options.attention = Attention::parse("num_heads=4; dropout=0.2");
  const auto check = [&](const char* what) {
    SCOPED_TRACE(what);
    Owner owner;
    BlockStack stack(owner, options);
    expect_same_bits(
        owner, [&](const at::Tensor& given) { return stack.forward(given); }, x);
  };
  check("plain");
  options.stochastic_depth = 0.3;
  check("stochastic depth");
  options.stochastic_depth = 0, options.layer_groups = 2;
  check("shared blocks");
  options.layer_groups = 0, options.shared_position = true;
  options.attention = Attention::parse("relative(8, 20); num_heads=4");
  check("a shared position");
}

TEST(GradientCheckpointing, SomeWeightsMayBeFrozen) {
  torch::manual_seed(3);
  Owner owner;
  BlockStackOptions options;
  options.width = 16;
  BlockStack stack(owner, options);
  for (const auto& item : owner.named_parameters())
    if (item.key().find("attention") != std::string::npos) item.value().set_requires_grad(false);
  expect_same_bits(
      owner, [&](const at::Tensor& given) { return stack.forward(given); },
      torch::randn({2, 5, 16}));
}

TEST(GradientCheckpointing, HasTheBitsOfADecoderThatReads) {
  torch::manual_seed(4);
  Transformer model(TransformerOptions()
                        .encoder_layers(2)
                        .decoder_layers(2)
                        .width(16)
                        .hidden(32)
                        .dropout(0.2)
                        .encoder_attention(Attention::parse("sinusoidal; num_heads=2"))
                        .decoder_attention(Attention::parse("sinusoidal; causal; num_heads=2"))
                        .cross_attention(Attention::parse("num_heads=2")),
                    20, 20);
  const auto ids = torch::randint(4, 20, {3, 7}, at::kLong);
  const SourceBatch source{ids, at::tensor({7, 5, 2}, at::kLong)};
  expect_same_bits(
      *model,
      [&](const at::Tensor& scale) {
        return model->project(model->hidden(source, ids)) * scale.sum();
      },
      torch::ones({1}));
}

}  // namespace
}  // namespace heed::nn
