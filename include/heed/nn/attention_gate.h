// Feature maps let through where a coarser signal finds them relevant.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

namespace heed::nn {

struct AttentionGateOptions {
  AttentionGateOptions(int64_t channels, int64_t gate_channels)
      : channels_(channels), gate_channels_(gate_channels) {}
  TORCH_ARG(int64_t, channels);       ///< C of x
  TORCH_ARG(int64_t, gate_channels);  ///< Cg of g
  TORCH_ARG(int64_t, hidden) = 0;     ///< F; 0: C / 2, at least 1
  TORCH_ARG(int64_t, stride) = 2;     ///< how much coarser than x the gate is computed
};

/// The additive gate of attention U-Net (Oktay et al. 2018), x (B, C, h, w) and the gating signal
/// g (B, Cg, hg, wg), which is coarser:
///
///   a = up(sigmoid(psi(relu(Wx x + to(Wg g) + b))))  (B, 1, h, w),     y = a x  (B, C, h, w)
///
/// Wx takes stride x stride pixels without overlap to F channels, Wg and psi are 1 x 1; `to`
/// resamples to the grid of Wx x where g has another one, `up` back to x's; both bilinearly, pixels
/// being areas. gate(x, g) is a alone, to look at. Throws ModelError for options below 1,
/// UsageError for inputs of another shape or smaller than the stride. Cost: 2 B h w (C F + (Cg + 1)
/// F / stride^2) operations where g has the gate's grid.
class AttentionGateImpl : public torch::nn::Cloneable<AttentionGateImpl> {
 public:
  explicit AttentionGateImpl(const AttentionGateOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x, const at::Tensor& g);
  at::Tensor gate(const at::Tensor& x, const at::Tensor& g);  ///< (B, 1, h, w), in (0, 1)

  AttentionGateOptions options;
  torch::nn::Conv2d of_x{nullptr};  ///< without a bias: of_signal has it
  torch::nn::Conv2d of_signal{nullptr};
  torch::nn::Conv2d psi{nullptr};

 private:
  void check_inputs(const at::Tensor& x, const at::Tensor& g) const;
};
TORCH_MODULE(AttentionGate);

}  // namespace heed::nn
