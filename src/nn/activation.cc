#include "nn/activation.h"

#include "nn/linear.h"

namespace heed::nn {
namespace {

using kernels::Function;

constexpr double kQuickGelu = 1.702;

/// LibTorch 1.13's gelu computes a wrong gradient where the one that comes back is transposed
/// (findings/torch_1_13_gelu_turned_gradient.sh).
at::Tensor recorded_gelu(const at::Tensor& x) {
  auto y = torch::gelu(x);
  if (y.requires_grad()) y.register_hook([](at::Tensor gradient) { return gradient.contiguous(); });
  return y;
}

/// By LibTorch, with a gradient.
at::Tensor recorded(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::gelu:
      return recorded_gelu(x);
    case Activation::relu:
      return torch::relu(x);
    case Activation::gelu_tanh:
      return torch::gelu(x, "tanh");
    case Activation::silu:
      return torch::silu(x);
    case Activation::quick_gelu:
      return x * torch::sigmoid(kQuickGelu * x);
  }
  return x;
}

}  // namespace

Function function_of(Activation activation) {
  switch (activation) {
    case Activation::gelu:
      return Function::gelu;
    case Activation::relu:
      return Function::relu;
    case Activation::gelu_tanh:
      return Function::gelu_tanh;
    case Activation::silu:
      return Function::silu;
    case Activation::quick_gelu:
      return Function::quick_gelu;
  }
  return Function::none;
}

at::Tensor apply(Function function, const at::Tensor& x) {
  const auto from = x.contiguous();
  auto y = torch::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kDouble)
    kernels::apply(function, from.data_ptr<double>(), x.numel(), y.data_ptr<double>());
  else
    kernels::apply(function, from.data_ptr<float>(), x.numel(), y.data_ptr<float>());
  return y;
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  return rows_alone(x) ? apply(function_of(activation), x) : recorded(activation, x);
}

at::Tensor activate(Activation activation, const torch::nn::Linear& linear, const at::Tensor& x) {
  if (rows_alone(x)) return affine_then(function_of(activation), linear, x);
  return recorded(activation, affine(linear, x));
}

at::Tensor sigmoid_of(const at::Tensor& x) {
  return rows_alone(x) ? apply(Function::sigmoid, x) : torch::sigmoid(x);
}

at::Tensor tanh_of(const at::Tensor& x) {
  return rows_alone(x) ? apply(Function::tanh, x) : torch::tanh(x);
}

}  // namespace heed::nn
