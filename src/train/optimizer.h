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
#include "heed/train/processes.h"

namespace heed {

/// Whether weight decay acts on a parameter: on weight matrices and kernels, not on biases, norms,
/// positions and tokens.
bool decays(const std::string& name, const at::Tensor& parameter);

/// With several processes each may own a part of the parameters: it alone has their means and updates them, and sends them
/// to the others after the step (ZeRO-1, Rajbhandari et al. 2020). Same bits, and the means take 1 / N of the memory.
class ModelOptimizer {
 public:
  /// `rate_of`: what the learning rate of a parameter is multiplied by, by its name; null: 1.
  /// `owners`: the processes among which parameters are parted; null: this one owns all.
  using RateOf = std::function<double(const std::string&)>;
  ModelOptimizer(torch::nn::Module& model, const OptimizerOptions& options,
                 const RateOf& rate_of = nullptr, Processes* owners = nullptr);

  /// One update with lr times `factor` from the gradients, which are then dropped.
  void step(double factor);

  /// The norm of the whole gradient; scales it down to `clip` where it is larger and clip > 0.
  double gradient_norm(double clip);
  /// Multiplies every gradient.
  void scale_gradients(double factor);

  /// "optimizer/NAME.mean", ".square" and ".updates" of every parameter that was updated; where owners share them, of the
  /// first process alone, but asked of all at once.
  NamedTensors state() const;
  /// Takes over such a state, of which it keeps what it owns. Throws ModelError for a tensor that is missing, has another shape or
  /// belongs to nothing.
  void restore(const NamedTensors& state);

 private:
  std::vector<at::Tensor> gradients() const;
  bool is_own(size_t parameter) const;
  NamedTensors own_parameters() const;
  NamedTensors own_state() const;
  void send_updates(const std::vector<bool>& updated);

  Processes* owners_;
  NamedTensors parameters_;
  std::vector<int64_t> owner_of_;  // ranks
  OptimizerOptions options_;
  std::vector<double> rates_;  // of the optimizer's groups
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

}  // namespace heed
