#include "tasks/adversary.h"

#include <torch/autograd.h>

namespace heed {

Adversary::Adversary(Cell& cell, const NormalizedPixels& pixels, std::string tensor, double levels)
    : cell_(cell), tensor_(std::move(tensor)) {
  const auto channels = std::ssize(pixels.mean);
  const auto of_channels = [&](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble).view({1, channels, 1, 1});
  };
  const auto mean = of_channels(pixels.mean), std = of_channels(pixels.std);
  most_ = (levels / 255 / std).to(at::kFloat);
  black_ = (-mean / std).to(at::kFloat), white_ = ((1 - mean) / std).to(at::kFloat);
}

void Adversary::step_once(Batch& batch) const {
  const auto x = batch.at(tensor_);
  batch.tensors[tensor_] = shown(x + most_ * gradient(batch, x).sign());
}

void Adversary::descend(Batch& batch, uint64_t seed) const {
  const auto x = batch.at(tensor_);
  auto generator = at::detail::createCPUGenerator(
      seed + static_cast<uint64_t>(batch.records.data_ptr<int64_t>()[0]));
  auto now = shown(x + most_ * (at::rand(x.sizes(), generator, x.options()) * 2 - 1));
  for (int i = 0; i < kSteps; ++i) {
    now = now + most_ / 4 * gradient(batch, now).sign();
    now = shown(at::min(at::max(now, x - most_), x + most_));
  }
  batch.tensors[tensor_] = now;
}

/// Of the model's loss with respect to the pixels.
at::Tensor Adversary::gradient(Batch batch, const at::Tensor& x) const {
  const at::AutoGradMode gradients(true);
  const auto leaf = x.detach().clone().requires_grad_(true);
  batch.tensors[tensor_] = leaf;
  const auto tokens = cell_.encode(batch);
  at::Tensor loss;
  for (const auto& head : cell_.recipe.heads) {
    const auto own = head.get()->loss(tokens, batch).mean * head.weight;
    loss = loss.defined() ? loss + own : own;
  }
  return torch::autograd::grad({loss}, {leaf}).front();
}

}  // namespace heed
