// A layer between tokens and the last one of a head, as pretrained models have it.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <array>
#include <memory>

#include "heed/core/fields.h"
#include "heed/nn/row_norm.h"

namespace heed {

enum class DenseActivation { none, tanh, relu, gelu, gelu_tanh, silu };
constexpr std::array<const char*, 6> words(DenseActivation) {
  return {"none", "tanh", "relu", "gelu", "gelu_tanh", "silu"};
}

at::Tensor activated(DenseActivation activation, const at::Tensor& x);

struct DenseOptions {
  DenseActivation activation = DenseActivation::none;
  bool bias = true;
  bool norm = false;
  bool norm_bias = true;
  double norm_eps = 1e-5;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("activation", activation, "of a linear layer before the last one; none: there is no such");
    if (activation == DenseActivation::none) return;
    v("bias", bias, "whether that layer has one");
    v("norm", norm, "whether it ends with a normalisation");
    if (!norm) return;
    v("norm_bias", norm_bias, "whether the normalisation has one");
    v("norm_eps", norm_eps, "what is added to its variance", between(0, 1));
  }
};

/// x (..., M) -> (..., M): norm(act(x W + b)), W Xavier uniform, b zero at first; x itself with the
/// activation none. BERT's pooler is one (Devlin et al. 2019). Parameters: [linear.*], [norm.*].
class Dense : public torch::nn::Module {
 public:
  Dense(int64_t width, const DenseOptions& options);
  at::Tensor forward(const at::Tensor& x);

 private:
  DenseOptions options_;
  torch::nn::Linear linear_{nullptr};
  nn::RowNorm norm_{nullptr};
};

/// Registers it with the module of a head as "dense", where the options ask for one; otherwise null.
std::shared_ptr<Dense> make_dense(torch::nn::Module& owner, int64_t width,
                                  const DenseOptions& options);

/// What it makes of x; x where it is null.
at::Tensor through(const std::shared_ptr<Dense>& dense, const at::Tensor& x);

}  // namespace heed
