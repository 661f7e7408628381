// Segments over a memory, against the whole sequence at once.
#include "heed/nn/segment_memory.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "nn/steps.h"

namespace heed::nn {
namespace {

torch::nn::ModuleList blocks_of(int64_t count, const char* how, nn::Norm norm = nn::Norm::pre) {
  torch::nn::ModuleList blocks;
  for (int64_t i = 0; i < count; ++i)
    blocks->push_back(
        TransformerBlock(TransformerBlockOptions(16).norm(norm).attention(Attention::parse(how))));
  return settled(blocks);
}

at::Tensor through(const torch::nn::ModuleList& blocks, at::Tensor x) {
  for (const auto& block : *blocks) x = block->as<TransformerBlockImpl>()->forward(x);
  return x;
}

TEST(SegmentMemory, SegmentsEqualTheWholeWhereNothingSeenIsForgotten) {
  struct Case {
    const char* how;
    int64_t layers, remembered;
  };
  for (const auto& c : {Case{"causal; rope; num_heads=4/2", 1, 100},
                        {"causal; num_heads=2", 3, 100},
                        {"window(9, 0); rope; num_heads=4", 1, 9},
                        {"window(9, 0); rope; num_heads=4", 3, 9}})
    for (const auto norm : {nn::Norm::pre, nn::Norm::post}) {
      SCOPED_TRACE(c.how);
      auto blocks = blocks_of(c.layers, c.how, norm);
      const auto x = tokens(100), whole = through(blocks, x);
      for (const auto& cut : kCuts) {
        SegmentMemory memory(c.layers, c.remembered);
        expect_near(
            in_steps(x, cut, [&](const auto& part) { return memory.forward(blocks, part); }),
            whole);
        EXPECT_EQ(memory.length(c.layers - 1), c.remembered);
      }
    }
}

TEST(SegmentMemory, WhatIsForgottenIsNotSeen) {
  auto blocks = blocks_of(1, "causal; rope; num_heads=2");
  const auto x = tokens(9);
  SegmentMemory memory(1, 2);
  memory.forward(blocks, x.narrow(1, 0, 6));
  const auto y = memory.forward(blocks, x.narrow(1, 6, 3));
  expect_near(y, through(blocks, x.narrow(1, 4, 5)).narrow(1, 2, 3));
  EXPECT_TRUE(memory.before(0).equal(x.narrow(1, 7, 2)));
}

TEST(SegmentMemory, StopsGradients) {
  auto blocks = blocks_of(2, "causal; num_heads=2");
  auto first = tokens(4).requires_grad_(), second = tokens(3).requires_grad_();
  SegmentMemory memory(2, 4);
  memory.forward(blocks, first);
  memory.forward(blocks, second).pow(2).sum().backward();
  EXPECT_FALSE(first.grad().defined());
  EXPECT_GT(second.grad().abs().max().item<double>(), 0);
  EXPECT_FALSE(memory.before(1).requires_grad());
}

TEST(SegmentMemory, RefusesWhatDoesNotFit) {
  EXPECT_THROW(SegmentMemory(0, 4), UsageError);
  EXPECT_THROW(SegmentMemory(1, -1), UsageError);
  auto blocks = blocks_of(1, "causal");
  SegmentMemory memory(1, 0);
  const auto x = tokens(3);
  expect_near(memory.forward(blocks, x), through(blocks, x));
  EXPECT_EQ(memory.length(0), 0);
  EXPECT_THROW(memory.forward(blocks, x.narrow(0, 0, 1)), UsageError);
  EXPECT_THROW(memory.before(1), UsageError);
  memory.clear();
  EXPECT_FALSE(memory.before(0).defined());
  EXPECT_EQ(memory.forward(blocks, x.narrow(0, 0, 1)).size(0), 1);
  EXPECT_THROW(memory.forward(blocks_of(2, "causal"), x), UsageError);
  const torch::nn::ModuleList linear(torch::nn::Linear(16, 16));
  EXPECT_THROW(memory.forward(linear, x.narrow(0, 0, 1)), UsageError);
}

}  // namespace
}  // namespace heed::nn
