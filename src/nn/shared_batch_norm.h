// Batch norm whose batch is that of several processes.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "ops/ring.h"

namespace heed::nn {

/// torch::nn::BatchNorm2d with its defaults, tensor by tensor and bit by bit (LibTorch's own cannot be derived from: it does not export
/// all of its virtual functions). Where processes share it, mean and variance in training are those
/// of the examples of all, as of one process but for the order of additions: count, mean and squares of each share are merged
/// in float64 (Chan, Golub and LeVeque 1983), and backward adds up its two sums a channel. One exchange of 2 C + 1 numbers in forward
/// and of 2 C in backward. Every process runs the same shared norms in the same order; one without examples calls join_forward()
/// and join_backward() in their place.
class SharedBatchNorm2dImpl : public torch::nn::Cloneable<SharedBatchNorm2dImpl> {
 public:
  explicit SharedBatchNorm2dImpl(int64_t channels) : channels(channels) { reset(); }
  void reset() override;

  void share_with(Ring& ring) { ring_ = &ring; }
  at::Tensor forward(const at::Tensor& x);
  void join_forward();
  void join_backward();

  int64_t channels;
  at::Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  void move_averages(const at::Tensor& mean, const at::Tensor& variance, double count);

  Ring* ring_ = nullptr;
};
TORCH_MODULE(SharedBatchNorm2d);

}  // namespace heed::nn
