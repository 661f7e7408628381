// Tokens to a vector to numbers: what most heads are made of.
#pragma once

#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include "heed/models/encoder.h"
#include "heed/nn/pooling.h"
#include "nn/linear.h"
#include "tasks/heads/dense.h"

namespace heed {

struct PooledOptions {
  nn::PoolingOptions pool;
  DenseOptions dense;
  double dropout = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("pool", pool, "");
    v("dense", dense, "");
    v("dropout", dropout, "of the pooled tokens", from_to_below(0, 1));
  }
};

/// tokens (B, L, M) -> (B, K) float32: drop(dense(pool(tokens))) W + b, W a normal of deviation 0.02
/// cut at two, b zero at first. Parameters: [pool.*], [dense.*], linear.*.
class PooledLinear : public torch::nn::Module {
 public:
  PooledLinear(int64_t width, int64_t outputs, const PooledOptions& options) {
    pool = register_module("pool", nn::Pooling(width, options.pool));
    dense = make_dense(*this, width, options.dense);
    dropout = register_module("dropout", torch::nn::Dropout(options.dropout));
    linear = register_module("linear", nn::small_linear(width, outputs));
  }
  at::Tensor forward(const Tokens& tokens) {
    const auto pooled = through(dense, pool->forward(tokens.states, tokens.lengths));
    return nn::affine(linear, dropout->forward(pooled)).to(at::kFloat);
  }

  nn::Pooling pool{nullptr};
  std::shared_ptr<Dense> dense;  ///< null where there is none
  torch::nn::Dropout dropout{nullptr};
  torch::nn::Linear linear{nullptr};
};

}  // namespace heed
