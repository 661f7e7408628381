// Steps without tensors in between have the bits of the modules that they stand for.
#include "nn/block_step.h"
#include "nn/step_rows.h"

#include <gtest/gtest.h>

#include "heed/nn/lora.h"
#include "heed/nn/probe.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

/// A few steps of a block, by its modules (a Probe looks) or as it does them. `step(x)` -> (B, 1, M).
template <class Step>
std::vector<at::Tensor> steps_of(const std::vector<at::Tensor>& tokens, bool by_modules,
                                 const Step& step) {
  const torch::NoGradGuard no_gradient;
  const RowsAlone alone;
  std::vector<at::Tensor> all;
  for (const auto& x : tokens) {
    std::unique_ptr<Probe> probe;
    if (by_modules) probe = std::make_unique<Probe>();
    all.push_back(step(x));
  }
  return all;
}

std::vector<at::Tensor> random_tokens(int64_t batch, int64_t width) {
  std::vector<at::Tensor> tokens;
  for (int i = 0; i < 40; ++i)
    tokens.push_back(torch::randn({batch, 1, width}));  // the cache grows
  return tokens;
}

void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << "step " << i;
}

void randomize(torch::nn::Module& module) {
  const torch::NoGradGuard no_gradient;
  for (auto& p : module.parameters()) p.add_(torch::randn_like(p) * 0.1);
  module.eval();
}

TEST(BlockStep, OfABlockHaveTheBitsOfItsModules) {
  torch::manual_seed(1);
  for (const char* how : {"scaled_dot; causal; num_heads=4", "rope; causal; num_heads=4/2",
                          "dot; causal; num_heads=1"})
    for (const auto norm : {Norm::pre, Norm::post, Norm::sandwich})
      for (const bool modern : {false, true}) {
        BlockParts parts;
        if (modern) parts.norm_type = NormType::rms, parts.biases.clear(), parts.gated = true;
        TransformerBlock block(TransformerBlockOptions(32)
                                   .hidden(48)
                                   .attention(Attention::parse(how))
                                   .norm(norm)
                                   .activation(modern ? Activation::silu : Activation::gelu)
                                   .parts(parts));
        randomize(*block);
        const auto tokens = random_tokens(3, 32);
        const auto run = [&](bool by_modules) {
          KeyValueCache cache;
          return steps_of(tokens, by_modules, [&](const auto& x) { return block->step(x, cache); });
        };
        SCOPED_TRACE(how);
        expect_equal(run(true), run(false));
      }
}

TEST(BlockStep, OfADecodersBlockHaveTheBitsOfItsModules) {
  torch::manual_seed(2);
  for (const auto norm : {Norm::pre, Norm::post, Norm::sandwich})
    for (const int64_t beams : {1, 3}) {
      TransformerDecoderBlock block(
          TransformerDecoderBlockOptions(32)
              .hidden(64)
              .attention(Attention::parse("scaled_dot; causal; num_heads=4"))
              .cross(Attention::parse("scaled_dot; key_lengths; num_heads=8"))
              .norm(norm)
              .activation(Activation::relu));
      randomize(*block);
      const torch::NoGradGuard no_gradient;
      const auto z = block->cross->project(torch::randn({2, 9, 32}));
      AttendInputs inputs;
      inputs.key_lengths = torch::tensor({9, 4}, at::kLong);
      const auto tokens = random_tokens(2 * beams, 32);
      const auto run = [&](bool by_modules) {
        KeyValueCache cache;
        return steps_of(tokens, by_modules,
                        [&](const auto& x) { return block->step(x, cache, z, inputs); });
      };
      expect_equal(run(true), run(false));
    }
}

TEST(BlockStep, AreLeftToTheModulesWhereTheseDoMore) {
  torch::manual_seed(3);
  const torch::NoGradGuard no_gradient;
  const auto taken = [](TransformerBlock& block, const at::Tensor& x, int64_t before = 1) {
    const RowsAlone alone;
    KeyValueCache cache;
    for (int64_t i = 0; i < before; ++i) block->step(torch::randn({2, 1, 32}), cache);
    return step_by_rows(*block, x, cache, {}).defined();
  };
  const auto block_of = [](const char* how) {
    TransformerBlock block(TransformerBlockOptions(32).hidden(64).attention(Attention::parse(how)));
    block->eval();
    return block;
  };
  auto plain = block_of("scaled_dot; causal; num_heads=4");
  const auto x = torch::randn({2, 1, 32});
  EXPECT_TRUE(taken(plain, x));
  EXPECT_FALSE(taken(plain, x, 0));  // a first token
  {
    const RowsAlone alone;
    KeyValueCache cache, of_row;
    for (int i = 0; i < 2; ++i) plain->step(torch::randn({1, 1, 32}), cache);
    const std::vector<StepRow> rows{{&of_row, 1}};
    const StepRows together(rows);  // whose caches are others than the given one
    EXPECT_FALSE(step_by_rows(*plain, torch::randn({1, 1, 32}), cache, {}).defined());
  }
  EXPECT_FALSE(taken(plain, torch::randn({2, 3, 32})));
  EXPECT_FALSE(taken(plain, x.to(at::kDouble)));
  for (const char* how : {"scaled_dot; window(3, 0); num_heads=4", "scaled_dot; causal; sparsemax",
                          "cosine; causal", "scaled_dot; causal; softcap(3)"}) {
    auto other = block_of(how);
    EXPECT_FALSE(taken(other, x)) << how;
  }
  plain->train();
  EXPECT_FALSE(taken(plain, x));
}

}  // namespace
}  // namespace heed::nn
