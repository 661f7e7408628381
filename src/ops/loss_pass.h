// One pass over the rows of linear_cross_entropy, in chunks.
#pragma once

#include "heed/ops/cross_entropy.h"

namespace heed::ops {

struct LossSums {
  double loss = 0, nll = 0;
  int64_t count = 0, right = 0;
};

/// Zeros to begin with, to which the pass adds.
struct LossGradients {
  at::Tensor hidden, weight, bias;  // undefined: not wanted
  bool any() const { return hidden.defined() || weight.defined() || bias.defined(); }
};

LossSums pass_over_rows(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
                        const at::Tensor& labels, const CrossEntropyOptions& options,
                        const LossGradients& grads);

}  // namespace heed::ops
