// Low-rank adapters against y = W x + b + alpha / r B A x of Hu et al. 2021, written out in float64.
#include "heed/nn/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/feed_forward.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/transformer_block.h"

namespace heed::nn {
namespace {

const LoraOptions kAll{.rank = 3,
                       .alpha = 5,
                       .dropout = 0,
                       .targets = {"query", "key", "value", "output", "up", "gate", "down"}};

/// As if training had changed them: B begins as zeros.
void move_adapters(torch::nn::Module& model) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : model.named_parameters())
    if (is_lora(item.key())) item.value().normal_();
}

TensorsByName tensors_of(const torch::nn::Module& module) {
  TensorsByName all;
  for (const auto& item : module.named_parameters())
    all.emplace_back(item.key(), item.value().detach());
  return all;
}

void load(torch::nn::Module& module, const TensorsByName& tensors) {
  const torch::NoGradGuard no_grad;
  const auto own = module.named_parameters();
  ASSERT_EQ(own.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) at::Tensor(own[name]).copy_(tensor);
}

TEST(Lora, FollowsItsFormula) {
  torch::manual_seed(1);
  FeedForward layer(FeedForwardOptions(6, 10).activation(Activation::relu));
  layer->to(at::kDouble);
  const auto x = torch::randn({2, 4, 6}, at::kDouble);
  const auto before = layer->forward(x);
  add_lora(*layer, {.rank = 2, .alpha = 7, .dropout = 0, .targets = {"up", "down"}});
  EXPECT_TRUE(at::equal(layer->forward(x), before));  // B is zero
  move_adapters(*layer);
  const auto own = layer->named_parameters();
  const auto by_hand = [&](const std::string& name, const at::Tensor& z) {
    return z.matmul(own[name + ".weight"].t()) + own[name + ".bias"] +
           7.0 / 2 * z.matmul(own[name + ".lora_0.a"].t()).matmul(own[name + ".lora_0.b"].t());
  };
  EXPECT_TRUE(at::allclose(layer->forward(x), by_hand("down", by_hand("up", x).relu()), 0, 1e-12));
}

TEST(Lora, StartsAsItSays) {
  torch::manual_seed(2);
  FeedForward layer(FeedForwardOptions(400, 10));
  add_lora(*layer, {.rank = 50, .alpha = 1, .dropout = 0, .targets = {"up"}});
  const auto own = layer->named_parameters();
  const auto a = own["up.lora_0.a"];
  EXPECT_EQ(a.sizes(), at::IntArrayRef({50, 400}));
  EXPECT_LE(a.abs().max().item<double>(), 0.05);  // 400^-0.5
  EXPECT_NEAR(a.std().item<double>(), 0.05 / std::sqrt(3.0), 1e-3);
  EXPECT_EQ(own["up.lora_0.b"].abs().max().item<double>(), 0);
}

/// Every way in which attention projects: q, k and v at once, each by itself, of another stream.
TEST(Lora, MergedWeightsGiveTheSame) {
  torch::manual_seed(3);
  for (const char* how : {"num_heads=4/2", "sinusoidal; num_heads=2", "rope; num_heads=2"})
    for (const int64_t key_width : {0, 6}) {
      const auto make = [&] {
        MultiHeadAttention layer(
            MultiHeadAttentionOptions(8).attention(Attention::parse(how)).key_width(key_width));
        layer->to(at::kDouble);
        return layer;
      };
      auto adapted = make(), merged = make();
      const auto x = torch::randn({2, 5, 8}, at::kDouble);
      const auto z = torch::randn({2, 7, key_width ? key_width : 8}, at::kDouble);
      auto all = kAll;
      all.targets = {"query", "key", "value", "output"};
      add_lora(*adapted, all);
      move_adapters(*adapted);
      load(*merged, merged_lora(tensors_of(*adapted), all.alpha, all.rank));
      EXPECT_TRUE(at::allclose(adapted->forward(x, z), merged->forward(x, z), 0, 1e-12)) << how;
      if (key_width > 0) continue;
      EXPECT_TRUE(at::allclose(adapted->forward(x), merged->forward(x), 0, 1e-12)) << how;
    }
}

TEST(Lora, AWholeBlockLearnsThroughItsAdapters) {
  torch::manual_seed(4);
  const auto options = TransformerBlockOptions(8).parts({.gated = true});
  TransformerBlock block(options);
  for (auto& parameter : block->parameters()) parameter.set_requires_grad(false);
  add_lora(*block, kAll);
  move_adapters(*block);
  block->forward(torch::randn({2, 5, 8})).square().sum().backward();
  int adapters = 0;
  for (const auto& item : block->named_parameters()) {
    EXPECT_EQ(item.value().grad().defined(), is_lora(item.key())) << item.key();
    if (!is_lora(item.key())) continue;
    ++adapters;
    EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
  }
  EXPECT_EQ(adapters, 14);
}

TEST(Lora, DropsWhatItReadsInTrainingAlone) {
  torch::manual_seed(5);
  Lora lora(200, 3, 0, LoraOptions{.rank = 4, .alpha = 4, .dropout = 0.5});
  move_adapters(*lora);
  const torch::NoGradGuard no_grad;
  lora->a.fill_(1), lora->b.fill_(1);
  const auto x = torch::ones({100, 200});
  const auto y = lora->forward(x);  // 4 times twice the number of those that were kept
  EXPECT_NEAR(y.mean().item<double>(), 800, 20);
  EXPECT_GT(y.std().item<double>(), 10);
  lora->eval();
  EXPECT_TRUE(at::equal(lora->forward(x), torch::full({100, 3}, 800.0)));
}

TEST(Lora, SaysWhatDoesNotGo) {
  FeedForward layer(FeedForwardOptions(6, 10));
  const auto complaint = [&](const LoraOptions& options) {
    try {
      add_lora(*layer, options);
    } catch (const ModelError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(complaint({.rank = 2, .targets = {"gate"}}), testing::HasSubstr("no layer 'gate'"));
  EXPECT_THAT(complaint({.rank = 2, .targets = {"upp"}}), testing::HasSubstr("up"));
  EXPECT_THAT(complaint({.rank = 2, .targets = {}}), testing::HasSubstr("targets"));
  EXPECT_THROW(merged_lora({{"x.weight", at::zeros({3, 4})},
                            {"x.lora_1.a", at::zeros({2, 4})},
                            {"x.lora_1.b", at::zeros({3, 2})}},
                           1, 2),
               ModelError);
}

}  // namespace
}  // namespace heed::nn
