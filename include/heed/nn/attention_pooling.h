// Many tokens to few, by learned queries.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <map>
#include <string>

#include <string>

#include "heed/nn/recording.h"
#include "heed/ops/attend.h"

namespace heed::nn {

/// What a pooling compares its queries with: tokens, or tanh of a layer of them.
enum class PoolKeys { tokens, tanh };
constexpr std::array<const char*, 2> words(PoolKeys) { return {"tokens", "tanh"}; }

struct AttentionPoolingOptions {
  /* implicit */ AttentionPoolingOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);  ///< M
  /// Its score, normalizer, heads, merge and dropout. Positions, masks and modifiers describe how
  /// tokens see each other and do not act here; `inputs` of forward do.
  TORCH_ARG(Attention, attention);
  TORCH_ARG(int64_t, queries) = 1;  ///< Q
  TORCH_ARG(PoolKeys, keys) = PoolKeys::tokens;
};

/// y_i = merge over heads h of sum_j w_hij x_hj, with w the weights of a learned query q_hi and the
/// tokens themselves as values (attention pooling with a learned context vector: Yang et al. 2016).
/// x (B, L, M) -> (B, Q, M). Keys are the tokens or, with keys("tanh"), Yang's tanh(W x + b), whose
/// score is `dot`.
///
/// concat: head h scores and gathers its M / H channels. sum: each head scores and gathers whole
/// tokens, and what they gather is added. Queries (H, Q, D) start from a normal of 0.02 cut at two
/// deviations, so pooling starts close to the mean.
/// Throws ModelError where the heads do not divide the width or `keys` is unknown. Cost: 4 B Q L M
/// operations (H times that for sum), and 2 B L M^2 for keys of their own.
class AttentionPoolingImpl : public torch::nn::Cloneable<AttentionPoolingImpl>, public MapSource {
 public:
  explicit AttentionPoolingImpl(const AttentionPoolingOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x, const AttendInputs& inputs = {});

  AttentionPoolingOptions options;
  at::Tensor query;                           ///< (H, Q, D), D = M / H for concat, M for sum
  std::map<std::string, at::Tensor> learned;  ///< parameters_of(attention), by their own names
  torch::nn::Linear key{nullptr};             ///< M to M; null for keys = tokens
};
TORCH_MODULE(AttentionPooling);

}  // namespace heed::nn
