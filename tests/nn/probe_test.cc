#include "heed/nn/probe.h"

#include <gtest/gtest.h>

#include "heed/nn/recording.h"
#include "heed/nn/transformer_block.h"

namespace heed::nn {
namespace {

class Counting : public Probe {
 public:
  at::Tensor entering(torch::nn::Module& block, const at::Tensor& x, const AttendInputs&) override {
    blocks.push_back(&block);
    return x;
  }
  at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
    left.push_back(x);
    return x;
  }
  void attending(AttentionCall& call) override { names.push_back(call.name); }
  at::Tensor attended(const AttentionCall& call, const at::Tensor& heads) override {
    shapes.push_back(heads.sizes().vec());
    EXPECT_TRUE(call.q.defined() && call.k.defined() && call.v.defined());
    return heads;
  }
  std::vector<torch::nn::Module*> blocks;
  std::vector<at::Tensor> left;
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> shapes;
};

struct ProbeTest : testing::Test {
  TransformerBlock block{TransformerBlockOptions(16).attention(Attention::parse("num_heads=4"))};
  at::Tensor x = torch::randn({2, 5, 16});
};

TEST_F(ProbeTest, SeesABlockAndItsAttentionAndChangesNothing) {
  block->eval();
  const auto alone = block->forward(x);
  const MapPaths paths(*block);
  const Counting counting;
  EXPECT_TRUE(block->forward(x).equal(alone));
  EXPECT_EQ(counting.blocks, std::vector<torch::nn::Module*>{block.get()});
  EXPECT_EQ(counting.names, std::vector<std::string>{"attention"});
  EXPECT_EQ(counting.shapes, (std::vector<std::vector<int64_t>>{{2, 4, 5, 4}}));
  EXPECT_TRUE(counting.left[0].equal(alone));
}

TEST_F(ProbeTest, TheInnermostIsAsked) {
  const Counting outer;
  {
    const Counting inner;
    block->forward(x);
    EXPECT_EQ(inner.blocks.size(), 1u);
  }
  EXPECT_TRUE(outer.blocks.empty());
  block->forward(x);
  EXPECT_EQ(outer.blocks.size(), 1u);
}

TEST_F(ProbeTest, WhatItChangesIsWhatTheModelGoesOnWith) {
  class NoValues : public Probe {
    void attending(AttentionCall& call) override { call.v = torch::zeros_like(call.v); }
  };
  class NoHeads : public Probe {
    at::Tensor attended(const AttentionCall&, const at::Tensor& heads) override {
      return torch::zeros_like(heads);
    }
  };
  block->eval();
  const auto alone = block->forward(x);
  at::Tensor values, heads;
  {
    const NoValues probe;
    values = block->forward(x);
  }
  {
    const NoHeads probe;
    heads = block->forward(x);
  }
  EXPECT_FALSE(values.equal(alone));
  EXPECT_TRUE(values.equal(heads));
}

TEST_F(ProbeTest, ARecordingSeesWhatAProbeMadeOfACall) {
  class Uniform : public Probe {
    void attending(AttentionCall& call) override { call.q = torch::zeros_like(call.q); }
  };
  const Recording recording(*block);
  const Uniform uniform;
  block->forward(x);
  EXPECT_TRUE(at::allclose(recording.map(0).dense(), at::full({4, 5, 5}, 0.2)));
}

}  // namespace
}  // namespace heed::nn
