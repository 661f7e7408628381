// Gradient checkpointing: what a block computed is forgotten and computed again in backward.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <vector>

namespace heed::nn {

/// While one with `on` lives on a thread, blocks that record gradients there are checkpointed. Nests.
class GradientCheckpointing {
 public:
  explicit GradientCheckpointing(bool on = true);
  ~GradientCheckpointing();
  GradientCheckpointing(const GradientCheckpointing&) = delete;
  GradientCheckpointing& operator=(const GradientCheckpointing&) = delete;

  static bool active() noexcept;

 private:
  bool outer_;
};

using BlockCall = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

/// call(inputs), of which only the inputs are kept for backward (Chen et al. 2016); there it runs
/// once more, from the same state of LibTorch's generator, under the same autocast and with the same
/// threads, so that result and gradients have the bits of a plain call. Gradients go to the inputs
/// and to the block's parameters, those that its attentions share among them; what else `call` reads
/// gets none. Plain where no GradientCheckpointing is active or no gradient is recorded.
at::Tensor checkpointed(torch::nn::Module& block, const std::vector<at::Tensor>& inputs,
                        const BlockCall& call);

}  // namespace heed::nn
