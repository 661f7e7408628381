// Linear layers in training: values, gradients, bits.
#include "ops/packed_product.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "heed/core/threads.h"

namespace heed {
namespace {

struct Layer {
  at::Tensor x, weight, bias;

  Layer(at::IntArrayRef shape, int64_t out, bool has_bias, at::ScalarType type = at::kFloat) {
    x = torch::randn(shape, type).requires_grad_();
    weight = torch::randn({out, shape.back()}, type).requires_grad_();
    if (has_bias) bias = torch::randn({out}, type).requires_grad_();
  }
  std::vector<at::Tensor> leaves() const {
    return bias.defined() ? std::vector<at::Tensor>{x, weight, bias}
                          : std::vector<at::Tensor>{x, weight};
  }
  /// y and the gradients for g, by ops::linear or in float64 by LibTorch.
  std::vector<at::Tensor> pass(const at::Tensor& g) const {
    const auto y = ops::linear(x, weight, bias);
    auto found = torch::autograd::grad({y}, leaves(), {g});
    found.insert(found.begin(), y.detach());
    return found;
  }
  std::vector<at::Tensor> exact(const at::Tensor& g) const {
    std::vector<at::Tensor> wide;
    for (const auto& t : leaves()) wide.push_back(t.detach().to(at::kDouble).requires_grad_());
    const auto y = torch::linear(wide[0], wide[1], bias.defined() ? wide[2] : at::Tensor());
    auto found = torch::autograd::grad({y}, wide, {g.to(at::kDouble)});
    found.insert(found.begin(), y.detach());
    return found;
  }
};

TEST(LinearInTraining, ValuesAndGradientsAreThoseOfFloat64) {
  torch::manual_seed(1);
  const std::vector<std::vector<int64_t>> shapes = {{1, 1},     {5, 3},       {0, 4},
                                                    {2, 3, 33}, {4, 50, 130}, {3, 2, 2, 65}};
  for (const auto type : {at::kFloat, at::kDouble})
    for (const auto& shape : shapes)
      for (const int64_t out : {1, 6, 70, 200})
        for (const bool has_bias : {false, true}) {
          const Layer layer(shape, out, has_bias, type);
          auto of_y = shape;
          of_y.back() = out;
          const auto g = torch::randn(of_y, type);
          const auto found = layer.pass(g), exact = layer.exact(g);
          const double near = type == at::kFloat ? 1e-4 : 1e-12;
          for (size_t i = 0; i < found.size(); ++i) {
            ASSERT_EQ(found[i].sizes(), exact[i].sizes());
            EXPECT_TRUE(found[i].to(at::kDouble).allclose(exact[i], near, near))
                << i << ": " << at::IntArrayRef(shape) << " to " << out;
          }
        }
}

/// Gradients of weights are sums over all rows. Of equal terms one chain of additions would lose all digits but two.
TEST(LinearInTraining, KeepsItsDigitsOverAMillionRows) {
  constexpr int64_t kRows = 1 << 20;
  const Layer layer({1, 3}, 2, true);
  Layer many = layer;
  many.x = layer.x.detach().expand({kRows, 3}).contiguous().requires_grad_();
  const auto g = torch::full({kRows, 2}, 0.3f);
  const auto found = many.pass(g), exact = many.exact(g);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(found[i].to(at::kDouble).allclose(exact[i], 1e-5)) << i;
}

TEST(LinearInTraining, AnyLayoutIsTaken) {
  torch::manual_seed(2);
  Layer layer({20, 40}, 30, true);
  const auto g = torch::randn({30, 20}).t();
  const auto plain = layer.pass(g.contiguous()), turned = layer.pass(g);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(plain[i].equal(turned[i])) << i;
  Layer other = layer;
  other.x = layer.x.detach().t().contiguous().t().requires_grad_();
  other.weight = layer.weight.detach().t().contiguous().t().requires_grad_();
  const auto found = other.pass(g);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(plain[i].equal(found[i])) << i;
}

TEST(LinearInTraining, AnyNumberOfThreadsGivesTheSameBits) {
  const int before = num_threads();
  torch::manual_seed(3);
  const Layer layer({7, 150, 300}, 400, true);
  const auto g = torch::randn({7, 150, 400});
  set_num_threads(1);
  const auto expected = layer.pass(g);
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    const auto found = layer.pass(g);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(found[i].equal(expected[i])) << i;
  }
  set_num_threads(before);
}

TEST(LinearInTraining, WhatIsFrozenHasNoGradient) {
  Layer layer({4, 5}, 6, true);
  layer.weight.requires_grad_(false);
  const auto y = ops::linear(layer.x, layer.weight, layer.bias);
  y.sum().backward();
  EXPECT_FALSE(layer.weight.grad().defined());
  EXPECT_TRUE(layer.x.grad().allclose(layer.weight.sum(0).expand({4, 5})));
  EXPECT_TRUE(layer.bias.grad().equal(torch::full({6}, 4.0f)));
}

TEST(LinearInTraining, SecondDerivatives) {
  torch::manual_seed(4);
  const Layer layer({3, 4, 5}, 6, true, at::kDouble);
  const auto by = [&](const auto& linear) {
    const auto y = linear(layer.x, layer.weight, layer.bias);
    const auto first = torch::autograd::grad({y.pow(3).sum()}, layer.leaves(), {}, {}, true);
    return torch::autograd::grad({first[0].square().sum() + first[1].square().sum()},
                                 layer.leaves());
  };
  const auto found = by(ops::linear);
  const auto exact = by([](const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
    return torch::linear(x, w, b);
  });
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(found[i].allclose(exact[i])) << i;
}

}  // namespace
}  // namespace heed
