#include "nn/activation.h"

#include <cmath>

#include "heed/core/threads.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

constexpr double kQuickGelu = 1.702;

template <class F>
at::Tensor each(const at::Tensor& x, const F& f) {
  constexpr int64_t kPiece = 4096;
  auto result = torch::empty(x.sizes(), x.options());
  const auto from = x.contiguous();
  const int64_t n = x.numel();
  const auto run = [&](auto type) {
    using T = decltype(type);
    const T* in = from.data_ptr<T>();
    T* out = result.data_ptr<T>();
    parallel_for((n + kPiece - 1) / kPiece, [&](int64_t piece) {
      const int64_t end = std::min(n, (piece + 1) * kPiece);
      for (int64_t i = piece * kPiece; i < end; ++i) out[i] = f(in[i]);
    });
  };
  x.scalar_type() == at::kDouble ? run(double()) : run(float());
  return result;
}

at::Tensor gelu_tanh_of(const at::Tensor& x) {
  if (!rows_alone(x)) return torch::gelu(x, "tanh");
  return each(x, [](auto t) {
    using T = decltype(t);
    const T inner = static_cast<T>(std::sqrt(2 / std::acos(-1.0))) * (t + T(0.044715) * t * t * t);
    return t * T{0.5} * (1 + std::tanh(inner));
  });
}

at::Tensor silu_of(const at::Tensor& x) {
  if (!rows_alone(x)) return torch::silu(x);
  return each(x, [](auto t) { return t / (1 + std::exp(-t)); });
}

at::Tensor quick_gelu_of(const at::Tensor& x) {
  if (!rows_alone(x)) return x * torch::sigmoid(kQuickGelu * x);
  return each(x, [](auto t) { return t / (1 + std::exp(decltype(t)(-kQuickGelu) * t)); });
}

}  // namespace

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::gelu:
      return gelu_of(x);
    case Activation::relu:
      return torch::relu(x);
    case Activation::gelu_tanh:
      return gelu_tanh_of(x);
    case Activation::silu:
      return silu_of(x);
    case Activation::quick_gelu:
      return quick_gelu_of(x);
  }
  return x;
}

at::Tensor gelu_of(const at::Tensor& x) {
  if (!rows_alone(x)) return torch::gelu(x);
  return each(x, [](auto t) {
    using T = decltype(t);
    return t * T{0.5} * (1 + std::erf(t * static_cast<T>(std::sqrt(0.5))));
  });
}

at::Tensor sigmoid_of(const at::Tensor& x) {
  if (!rows_alone(x)) return torch::sigmoid(x);
  return each(x, [](auto t) { return 1 / (1 + std::exp(-t)); });
}

at::Tensor tanh_of(const at::Tensor& x) {
  if (!rows_alone(x)) return torch::tanh(x);
  return each(x, [](auto t) { return std::tanh(t); });
}

}  // namespace heed::nn
