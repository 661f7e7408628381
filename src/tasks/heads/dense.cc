#include "tasks/heads/dense.h"

#include "nn/activation.h"
#include "nn/linear.h"

namespace heed {

at::Tensor activated(DenseActivation activation, const at::Tensor& x) {
  switch (activation) {
    case DenseActivation::none:
      return x;
    case DenseActivation::tanh:
      return nn::tanh_of(x);
    case DenseActivation::relu:
      return nn::activate(nn::Activation::relu, x);
    case DenseActivation::gelu:
      return nn::activate(nn::Activation::gelu, x);
    case DenseActivation::gelu_tanh:
      return nn::activate(nn::Activation::gelu_tanh, x);
    case DenseActivation::silu:
      return nn::activate(nn::Activation::silu, x);
  }
  return x;
}

Dense::Dense(int64_t width, const DenseOptions& options) : options_(options) {
  linear_ = register_module("linear", nn::xavier_linear(width, width, options.bias));
  if (options.norm)
    norm_ = register_module(
        "norm",
        nn::RowNorm(nn::RowNormOptions(width).eps(options.norm_eps).bias(options.norm_bias)));
}

at::Tensor Dense::forward(const at::Tensor& x) {
  const auto y = activated(options_.activation, nn::affine(linear_, x));
  return norm_ ? norm_->forward(y) : y;
}

std::shared_ptr<Dense> make_dense(torch::nn::Module& owner, int64_t width,
                                  const DenseOptions& options) {
  if (options.activation == DenseActivation::none) return nullptr;
  return owner.register_module("dense", std::make_shared<Dense>(width, options));
}

at::Tensor through(const std::shared_ptr<Dense>& dense, const at::Tensor& x) {
  return dense ? dense->forward(x) : x;
}

}  // namespace heed
