// A sequence cut into steps or segments.
#pragma once

#include <torch/types.h>

#include <gtest/gtest.h>

#include <vector>

namespace heed::nn {

template <class Module>
Module settled(Module module) {
  torch::manual_seed(11);
  module->to(at::kDouble);
  module->eval();
  for (auto& p : module->parameters()) p.data().normal_(0, 0.3);
  return module;
}

inline at::Tensor tokens(int64_t length) { return torch::randn({2, length, 16}, at::kDouble); }

/// Cuts of a sequence of 100 tokens, over the edges of the kernels' blocks (72 and 96).
inline const std::vector<std::vector<int64_t>> kCuts = {
    {100}, {1, 99}, {99, 1}, {71, 2, 27}, {40, 0, 40, 20}, std::vector<int64_t>(100, 1)};

template <class Step>
at::Tensor in_steps(const at::Tensor& x, const std::vector<int64_t>& cut, const Step& step) {
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const int64_t n : cut) parts.push_back(step(x.narrow(1, first, n))), first += n;
  return torch::cat(parts, 1);
}

inline void expect_near(const at::Tensor& a, const at::Tensor& b) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LE((a - b).abs().max().item<double>(), 1e-12);
}

}  // namespace heed::nn
