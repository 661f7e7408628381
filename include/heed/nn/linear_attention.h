// Linear attention as a LibTorch module.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <optional>

#include "heed/ops/linear_attention.h"

namespace heed::nn {

/// Decays of the gated rules: one a channel of the keys, or one per head.
enum class DecayPer { channel, head };

struct LinearAttentionOptions {
  /* implicit */ LinearAttentionOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);                    ///< M: channels of input and output
  TORCH_ARG(int64_t, num_heads) = 1;            ///< H, a divisor of M
  TORCH_ARG(int64_t, num_kv_heads) = 0;         ///< G, a divisor of H; 0: H
  TORCH_ARG(heed::LinearAttention, attention);  ///< rule, feature, normalize, causal, scale
  TORCH_ARG(DecayPer, decay) = DecayPer::channel;
};

/// With D = E = M / H and one product for all projections of x (B, L, M):
///
///   q_h = x Wq_h + bq_h,  k_g = x Wk_g + bk_g,  v_g = x Wv_g + bv_g     (L, D)
///   log_decay_g = log(sigmoid(x Wa_g + ba_g)) / 16      gated rules, (L, D) or (L, 1) (Yang et al.
///                                                       2023: decays start near 1)
///   beta_g = sigmoid(x Wb_g + bb_g)                     delta rules, (L)
///   y = [o_1, ..., o_H] Wo + bo,   o = linear_attend(q, k, v)
///
/// With the delta rules q and k have length 1 (Yang et al. 2024), so that a step never overshoots.
///
/// Weights are Xavier uniform for each projection, biases zero. Parameters: projections.weight (H D
/// + 2 G D + decays + betas, M) in the order above, projections.bias, output.weight (M, M),
/// output.bias. Throws ModelError for options that do not fit, UsageError for wrong inputs. Cost: 2
/// B L M^2 (2 + 2 G / H) operations and what linear_attend costs.
class LinearAttentionImpl : public torch::nn::Cloneable<LinearAttentionImpl> {
 public:
  explicit LinearAttentionImpl(const LinearAttentionOptions& options);
  void reset() override;

  /// lengths (B) int64: how many tokens of each sequence are real; the others have no influence on
  /// those. Without it all are. Where the attention is not causal, sequences of one length are
  /// computed at a time, without their padding.
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& lengths = {});
  /// The next tokens x (B, n, M), n = 1 as a rule, from the state that the last call returned
  /// (undefined at the start): y (B, n, M) in `out`, and the new state. Without gradient. Throws
  /// UsageError where the attention is not causal.
  LinearResult step(const at::Tensor& x, const at::Tensor& state = {});

  LinearAttentionOptions options;
  torch::nn::Linear projections{nullptr}, output{nullptr};

 private:
  struct Projected {
    at::Tensor q, k, v;
    LinearInputs inputs;
  };
  int64_t states() const;
  int64_t decays() const;
  bool corrects() const;
  void check_options() const;
  Projected project(const at::Tensor& x);
  at::Tensor attend_by_length(const Projected& p, const at::Tensor& lengths) const;
  at::Tensor merge(const at::Tensor& heads);
};
TORCH_MODULE(LinearAttention);

}  // namespace heed::nn
