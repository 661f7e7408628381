// LibTorch's optimisers with parameter groups, and their state by parameter name.
#pragma once

#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "heed/formats/safetensors.h"
#include "heed/train/options.h"

namespace heed {

/// Whether weight decay acts on a parameter: on weight matrices and kernels, not on biases, norms,
/// positions and tokens.
bool decays(const std::string& name, const at::Tensor& parameter);

class ModelOptimizer {
 public:
  /// `rate_of`: what the learning rate of a parameter is multiplied by, by its name; null: 1.
  using RateOf = std::function<double(const std::string&)>;
  ModelOptimizer(torch::nn::Module& model, const OptimizerOptions& options,
                 const RateOf& rate_of = nullptr);

  /// One update with lr times `factor` from the gradients, which are then dropped.
  void step(double factor);

  /// The norm of the whole gradient; scales it down to `clip` where it is larger and clip > 0.
  double gradient_norm(double clip);
  /// Multiplies every gradient.
  void scale_gradients(double factor);

  /// "optimizer/NAME.mean", ".square" and ".updates" of every parameter that was updated.
  NamedTensors state() const;
  /// Takes over such a state. Throws ModelError for a tensor that is missing, has another shape or
  /// belongs to nothing.
  void restore(const NamedTensors& state);

 private:
  std::vector<at::Tensor> gradients() const;
  NamedTensors parameters_;
  OptimizerOptions options_;
  std::vector<double> rates_;  // of the optimizer's groups
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

}  // namespace heed
