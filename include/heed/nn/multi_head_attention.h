// Multi-head attention as a LibTorch module.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "heed/nn/positions.h"
#include "heed/nn/recording.h"
#include "heed/ops/attend.h"

namespace heed::nn {

struct MultiHeadAttentionOptions {
  /* implicit */ MultiHeadAttentionOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);        ///< M: channels of inputs and output; a multiple of heads
  TORCH_ARG(Attention, attention);  ///< which attention, its heads H, key-value heads G and merge
};

/// Each head h compares and gathers in a space of its own (Vaswani et al. 2017; grouped heads:
/// Ainslie et al. 2023). With D = M / H, g = h / (H / G) and w_h the weights of `attention`:
///
///   q_h = x Wq_h + bq_h (Lq, D),  k_g = z Wk_g + bk_g (Lk, D),  v_g = z Wv_g + bv_g (Lk, E)
///   concat (E = D):  y = [w_1 v_g(1), ..., w_H v_g(H)] Wo + bo
///   sum    (E = M):  y = sum_h w_h v_g(h): each head has values of the model's whole width, so
///                    what a head writes has full rank M instead of D, and there is no Wo
///
/// x (B, Lq, M) are queries, z (B, Lk, M) keys and values; forward(x) takes z = x and projects all
/// three with one product. Positions `rope` turn q and k (queries start at query_offset, which is
/// Lk - Lq unless given); `sinusoidal` and `learned(length)` are added to the inputs of q and k but
/// not of v. Dropout of weights acts in training.
///
/// Initialised as Xavier uniform for each of Wq, Wk, Wv and Wo; biases are zero.
/// Parameters: qkv.weight (H D + G D + G E, M), qkv.bias, output.weight (M, M), output.bias.
/// Throws ModelError where the heads do not divide the width, UsageError for wrong inputs.
/// Cost: 2 B (Lq + Lk) M^2 operations for queries and output, 2 B Lk M G (D + E) for keys and
/// values, and what `attend` costs.
class MultiHeadAttentionImpl : public torch::nn::Cloneable<MultiHeadAttentionImpl>,
                               public MapSource {
 public:
  explicit MultiHeadAttentionImpl(const MultiHeadAttentionOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  at::Tensor forward(const at::Tensor& x);
  at::Tensor forward(const at::Tensor& x, const AttendInputs& inputs);
  at::Tensor forward(const at::Tensor& query, const at::Tensor& key_value,
                     const AttendInputs& inputs = {});

  MultiHeadAttentionOptions options;
  torch::nn::Linear qkv{nullptr}, output{nullptr};  ///< output is null for merge = sum
  AdditivePosition position{nullptr};               ///< null unless the position is additive

 private:
  struct Heads;  // q, k and v, by head
  int64_t query_rows() const;
  int64_t key_rows() const;
  int64_t value_rows() const;
  at::Tensor project(const at::Tensor& x, int64_t first_row, int64_t rows);
  Heads heads_of(const at::Tensor& query, const at::Tensor& key_value, int64_t first);
  at::Tensor merge(const at::Tensor& heads);
  void check_input(const at::Tensor& x, const char* name) const;
};
TORCH_MODULE(MultiHeadAttention);

}  // namespace heed::nn
