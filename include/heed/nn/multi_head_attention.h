// Multi-head attention as a LibTorch module.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <map>
#include <optional>
#include <string>

#include "heed/nn/key_value_cache.h"
#include "heed/nn/positions.h"
#include "heed/nn/recording.h"
#include "heed/nn/row_norm.h"
#include "heed/ops/attend.h"

namespace heed::nn {

struct MultiHeadAttentionOptions {
  /* implicit */ MultiHeadAttentionOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);          ///< M: channels of inputs and output
  TORCH_ARG(Attention, attention);    ///< which attention, its heads H, key-value heads G and merge
  TORCH_ARG(int64_t, key_width) = 0;  ///< K: channels of key_value; 0: M
  TORCH_ARG(int64_t, head_width) = 0;           ///< D; 0: M / H, then M is a multiple of H
  TORCH_ARG(bool, bias) = true;                 ///< whether q, k and v have one, and the output
  TORCH_ARG(std::optional<bool>, output_bias);  ///< whether the output has one, if not as q, k, v
  TORCH_ARG(bool, qk_norm) = false;             ///< whether q and k are normalised
  TORCH_ARG(double, norm_eps) = 1e-5;           ///< of that norm
  /// Whether what the position learns is that of another attention, given by share_position().
  TORCH_ARG(bool, shares_position) = false;
};

/// Keys (B, G, Lk, D) and values (B, G, Lk, E) of an attention, projected: what many queries look
/// at.
struct KeyValues {
  at::Tensor keys, values;
};

/// Each head h compares and gathers in a space of its own (Vaswani et al. 2017; grouped heads:
/// Ainslie et al. 2023). With D = head_width or M / H, g = h / (H / G) and w_h the weights of
/// `attention`:
///
///   q_h = x Wq_h + bq_h (Lq, D),  k_g = z Wk_g + bk_g (Lk, D),  v_g = z Wv_g + bv_g (Lk, E)
///   concat (E = D):  y = [w_1 v_g(1), ..., w_H v_g(H)] Wo + bo
///   sum    (E = M):  y = sum_h w_h v_g(h): each head has values of the model's whole width, so
///                    what a head writes has full rank M instead of D, and there is no Wo
///
/// x (B, Lq, M) are queries, z (B, Lk, K) keys and values, K = M unless key_width says otherwise
/// (two streams: nn::CrossModalAttention); forward(x) takes z = x and projects all three with one
/// product. With `qk_norm` each q_h and k_g is normalised first: RowNorm of type rms over D (Dehghani et
/// al. 2023), one for all query heads and one for all key heads. Positions `rope` turn q and k (queries start at query_offset, which is
/// Lk - Lq unless given); `sinusoidal` and `learned(length)` are added to the inputs of q and k but
/// not of v. Dropout of weights acts in training. With a score of `hidden` width D is that width;
/// the modifier `gate` multiplies head h by sigmoid(x Wg_h + bg_h), a number per query. What the
/// attention learns beside (heed/ops/parameters.h) is registered with it, '_' for '.'.
///
/// Initialised as Xavier uniform for each of Wq, Wk, Wv and Wo; biases are zero.
/// Parameters: qkv.weight (H D + G D + G E, M), qkv.bias, output.weight (M, H E), output.bias; where
/// K differs from M, query.weight (H D, M) and key_value.weight (G D + G E, K) instead of qkv;
/// [query_norm.weight (D), key_norm.weight (D)]. Throws ModelError where the heads do not divide the
/// width and no head_width is given, UsageError for wrong inputs.
/// Cost: 4 B Lq M^2 operations for queries and output, 2 B Lk K G (D + E) for keys and values, and
/// what `attend` costs.
class MultiHeadAttentionImpl : public torch::nn::Cloneable<MultiHeadAttentionImpl>,
                               public MapSource {
 public:
  explicit MultiHeadAttentionImpl(const MultiHeadAttentionOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  at::Tensor forward(const at::Tensor& x);
  at::Tensor forward(const at::Tensor& x, const AttendInputs& inputs);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& z, const AttendInputs& inputs = {});

  /// The next L tokens of B sequences, x (B, L, M) -> (B, L, M), without gradient: their keys and
  /// values join the cache, at the positions where it ends, and their queries see all that it
  /// keeps. With a causal attention the steps give what forward gives of the whole sequence,
  /// however it is cut. `inputs` speak of the keys in the cache and the new ones.
  ///
  /// Throws UsageError for what steps cannot give: random_blocks (drawn for the whole length), a
  /// grid without columns, keys of another width, a query_offset, and, once the cache forgot tokens
  /// (KeyValueCache::window), masks by absolute position (prefix, global, fixed). Then, as after
  /// any error, the cache is as before. Cost: that of L tokens, and attention of L queries.
  at::Tensor step(const at::Tensor& x, KeyValueCache& cache, const AttendInputs& inputs = {});

  /// forward in two halves: look(x, project(z), inputs) is forward(x, z, inputs). A decoder
  /// projects what its encoder gave once, for all of its steps.
  KeyValues project(const at::Tensor& z);
  at::Tensor look(const at::Tensor& x, const KeyValues& at, const AttendInputs& inputs = {});

  /// What the position learns becomes that of `owner`, an attention with the same position and
  /// heads, for one with shares_position. Throws ModelError where they differ.
  void share_position(const MultiHeadAttentionImpl& owner);

  /// Rows of the projections of queries H D, keys G D and values G E, in this order.
  int64_t query_rows() const;
  int64_t key_rows() const;
  int64_t value_rows() const;

  MultiHeadAttentionOptions options;
  torch::nn::Linear qkv{nullptr};                        ///< null where K differs from M
  torch::nn::Linear query{nullptr}, key_value{nullptr};  ///< null where K is M
  torch::nn::Linear output{nullptr};                     ///< null for merge = sum
  AdditivePosition position{nullptr};                    ///< null unless the position is additive
  torch::nn::Linear gate{nullptr};                       ///< null without the modifier gate
  RowNorm query_norm{nullptr}, key_norm{nullptr};        ///< null without qk_norm
  std::map<std::string, at::Tensor> learned;  ///< parameters_of(attention), by their own names
  AdditivePosition key_position{nullptr};     ///< null unless it is and K differs from M

 private:
  struct Heads {
    at::Tensor q, k, v;
  };
  int64_t head_width() const;
  int64_t score_width() const;
  int64_t key_width() const { return options.key_width() ? options.key_width() : options.width(); }
  void check_options() const;
  void make_projections();
  void make_learned();
  void make_positions();
  at::Tensor project_query(const at::Tensor& x);
  at::Tensor project_key_value(const at::Tensor& z, int64_t first_row, int64_t rows);
  at::Tensor queries_of(const at::Tensor& x, int64_t first, int64_t length);
  KeyValues key_values_of(const at::Tensor& z, int64_t first);
  Heads heads_of(const at::Tensor& x, const at::Tensor& z, int64_t first, int64_t key_first);
  Heads placed_heads(const at::Tensor& x, const at::Tensor& z, int64_t first, int64_t key_first);
  void check_step(const at::Tensor& x, const KeyValueCache& cache,
                  const AttendInputs& inputs) const;
  at::Tensor attended(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      AttendInputs inputs);
  at::Tensor merge(at::Tensor heads, const at::Tensor& x);
  void check_input(const at::Tensor& x, const char* name, int64_t width) const;
};
TORCH_MODULE(MultiHeadAttention);

}  // namespace heed::nn
