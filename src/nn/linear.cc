#include "nn/linear.h"

#include <torch/nn/init.h>

namespace heed::nn {

void truncated_normal(at::Tensor tensor, double deviation) {
  torch::NoGradGuard no_gradient;
  // By the inverse of the distribution function: x = sqrt(2) erfinv(u), u uniform within +-erf(c).
  const double cut = 2, end = std::erf(cut / std::sqrt(2.0));
  tensor.uniform_(-end, end).erfinv_().mul_(std::sqrt(2.0) * deviation);
  tensor.clamp_(-cut * deviation, cut * deviation);
}

void xavier_rows(const at::Tensor& weight, int64_t first, int64_t rows) {
  torch::NoGradGuard no_gradient;
  torch::nn::init::xavier_uniform_(weight.narrow(0, first, rows));
}

torch::nn::Linear xavier_linear(int64_t in, int64_t out) {
  torch::nn::Linear linear(in, out);
  torch::nn::init::xavier_uniform_(linear->weight);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

torch::nn::Linear small_linear(int64_t in, int64_t out) {
  torch::nn::Linear linear(in, out);
  truncated_normal(linear->weight);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

at::Tensor affine(const torch::nn::Linear& linear, const at::Tensor& x) {
  return torch::linear(x, linear->weight, linear->bias);
}

}  // namespace heed::nn
