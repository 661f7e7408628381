// Attention whose memory of the past is a matrix of fixed size: linear in the length.
#pragma once

#include <torch/types.h>

#include <array>
#include <optional>

namespace heed {

/// How a state S takes in a step, with a_t = exp(log_decay_t), for each key channel or one for all:
///   linear       S_t = S_{t-1} + k_t v_t^T                        (Katharopoulos et al. 2020)
///   gated        S_t = diag(a_t) S_{t-1} + k_t v_t^T              (Yang et al. 2023, GLA)
///   delta        S_t = S_{t-1} + beta_t k_t (v_t - S_{t-1}^T k_t)^T         (Schlag et al. 2021)
///   gated_delta  the delta rule on diag(a_t) S_{t-1}    (Yang et al. 2025, Gated DeltaNet;
///                                                    Kimi Team 2025 for a decay per channel)
enum class LinearRule { linear, gated, delta, gated_delta };
constexpr std::array<const char*, 4> words(LinearRule) {
  return {"linear", "gated", "delta", "gated_delta"};
}

/// What stands for q and k, x being a row of either:
///   none   x
///   elu    elu(x) + 1, which is exp(x) below 0                      (Katharopoulos et al. 2020)
///   favor  exp(w_i . y - |y|^2 / 2) / sqrt(M) for i < M, y = x / D^(1/4): positive orthogonal
///          random features, whose dot product is exp(q . k / sqrt(D)) on average; D of the state
///          is then M                                  (Choromanski et al. 2021, Performer)
enum class LinearFeature { none, elu, favor };
constexpr std::array<const char*, 3> words(LinearFeature) { return {"none", "elu", "favor"}; }

/// How the state S (D, E) of a head takes in a step and is asked, and what is made of q and k
/// before. Plain data.
struct LinearAttention {
  LinearRule rule = LinearRule::linear;
  LinearFeature feature = LinearFeature::none;
  int64_t features = 0;    ///< M of favor; 0: 4 D
  uint64_t seed = 0;       ///< of favor's w: see favor_projection
  bool normalize = false;  ///< o_t = S_t^T q_t / (z_t . q_t), z_t the sum of k as S_t is of k v^T
  bool causal = true;      ///< false (rule linear alone): every query asks the state of all keys
  /// o_t = scale S_t^T q_t; unset: 1 / sqrt(D) with feature none, otherwise 1. Without effect where
  /// normalized.
  std::optional<double> scale;

  /// Throws ModelError that names the field where one is negative or does not fit another.
  void check() const;
};

/// What one call brings besides q, k and v.
struct LinearInputs {
  /// (B, G, L, D) or (B, G, L, 1), B and G may be 1: the logarithm of a, usually below 0; below
  /// -1000 counts as -1000, which decays to 0. For the gated rules.
  std::optional<at::Tensor> log_decay;
  std::optional<at::Tensor> beta;  ///< (B, G, L), B and G may be 1. For the delta rules.
  /// Before the first step, as a call returned it, see LinearResult; unset: 0, as are zeros.
  std::optional<at::Tensor> state;
};

struct LinearResult {
  at::Tensor out;  ///< (B, H, L, E) in the dtype of q
  /// After the last step, in the dtype of the given one, else in that of the computation:
  ///
  ///   (B, G, D, E)      S
  ///   (B, G, D, E + 1)  normalized: S and z
  ///   (B, G, D, E + 2)  normalized with a feature: S / exp(m), z / exp(m) and m, a number per row
  ///                     that keeps z in sight however small or large the features are. Which m is
  ///                     free, so it has no gradient.
  at::Tensor state;
};

/// q (B, H, L, D), k (B, G, L, D), v (B, G, L, E) -> out (B, H, L, E) and the last state. H is a
/// multiple of G and head h asks the state of g = h / (H / G). With causal = false q may have a
/// length of its own. float32, float64 (and bfloat16, float16 storage: computed in float32). Any
/// strides; lengths and batches may be 0.
///
/// On the CPU the steps are taken 64 at a time by products of matrices, forward and backward (Yang
/// et al. 2024), with the same bits for any number of threads. No part divides by a decay: log
/// decays of any strength neither overflow nor lose the steps after them, and their gradients are
/// as exact as those of weak ones. What is NaN or infinite reaches no step before it, backward none
/// after it. Elsewhere the readable formula computes. Autocast changes nothing but that q, k and v
/// may differ in dtype: the widest is taken.
///
/// Features are handled by their logarithms where they (or in a step, the state's) are not all
/// moderate, from exp(-40) to exp(20) in float32: normalized results are finite for q and k of any
/// size, as exact as the logarithms are (|k|^2 / (2 sqrt(D)) of favor is rounded to 6e-8 of
/// itself). That is the gated rule with a decay per channel, which costs more, and is decided for a
/// call as a whole. Without `normalize` out and state are what they are and may vanish below 1e-38.
///
/// A state is added to once in 64 steps, and what rounding takes is kept, so that sums over long
/// sequences are good to some 1e-6; linear_attend_step adds every step in the dtype of the
/// computation, which loses up to 3e-8 of the state per step where all steps are alike. S is a sum,
/// so values times the sum of their weights must stay below 3e38.
///
/// Cost: about B L (H (D E + 32 (D + E)) + G D E) multiplications, with the delta rule
/// B L G (D E + 32 (D + E)) more; twice to three times that backward. Memory beside the results:
/// for backward a state every 64 steps. Gradients for q, k, v, log_decay, beta and state, from both
/// results; second derivatives go through the formula. Threads share the work by states: B G of
/// them.
///
/// Throws UsageError that names the argument, the expected and the given; ModelError for `how`.
LinearResult linear_attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const LinearAttention& how, const LinearInputs& inputs = {});

/// The same numbers within rounding, step by step from inputs.state (or 0): what decoding calls
/// with one or a few steps. Keeps nothing for backward. A step costs H + G (delta rules: H + 2 G)
/// times D E multiplications and passes the state through memory twice. Throws as linear_attend
/// does, and UsageError where how is not causal.
LinearResult linear_attend_step(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const LinearAttention& how, const LinearInputs& inputs = {});

/// The readable formula, one step after the other: any device, differentiable any number of times.
/// Same arguments; with float64 tensors it is the reference of every test. Memory O(L D E) with a
/// gradient.
LinearResult linear_attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const LinearAttention& how, const LinearInputs& inputs = {});

/// w (features, width) float64 of the favor features: rows are orthogonal in groups of `width`, and
/// each is as long as a vector of `width` standard normals. From the seed alone, on every machine
/// up to the rounding of its log, sin and cos. Throws UsageError where a number is below 1.
at::Tensor favor_projection(int64_t features, int64_t width, uint64_t seed);

/// What stands for q or k (..., D) under how.feature: (..., D) or (..., M). Differentiable.
at::Tensor linear_features(const at::Tensor& x, const LinearAttention& how);

// The operator is also torch.ops.heed.linear_attend(q, k, v, rule="linear", *, log_decay=None,
// beta=None, state=None, feature="none", features=0, seed=0, normalize=False, causal=True,
// scale=None) -> (out, state).

}  // namespace heed
