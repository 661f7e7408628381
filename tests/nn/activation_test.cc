#include "nn/activation.h"

#include <gtest/gtest.h>

namespace heed::nn {
namespace {

at::Tensor gradient_of(Activation activation, const at::Tensor& given, bool turned) {
  const auto x = given.clone().requires_grad_();
  const auto y = activate(activation, x);
  (turned ? y.transpose(1, 2).contiguous() : y).square().sum().backward();
  return x.grad();
}

/// Whatever strides the gradient has that comes back.
TEST(Activations, GradientsAreThoseOfFloat64) {
  torch::manual_seed(5);
  const auto x = torch::randn({8, 16, 25});
  for (const auto activation : {Activation::gelu, Activation::relu, Activation::gelu_tanh,
                                Activation::silu, Activation::quick_gelu}) {
    const auto right = gradient_of(activation, x.to(at::kDouble), false);
    for (const bool turned : {false, true})
      EXPECT_TRUE(gradient_of(activation, x, turned).to(at::kDouble).allclose(right, 1e-4, 1e-6))
          << int(activation) << turned;
  }
}

}  // namespace
}  // namespace heed::nn
