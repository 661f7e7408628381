// Words to sentences to a document, by attention at both levels.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <optional>

#include "heed/nn/attention_pooling.h"
#include "heed/nn/token_encoder.h"

namespace heed::nn {

struct HierarchicalAttentionOptions {
  /* implicit */ HierarchicalAttentionOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);                   ///< M
  TORCH_ARG(Attention, attention);             ///< of both poolings; Yang et al. score by `dot`
  TORCH_ARG(PoolKeys, keys) = PoolKeys::tanh;  ///< of both poolings
  TORCH_ARG(TokenEncoder, word_encoder);  ///< of the words of a sentence, (N, W, M) -> (N, W, M)
  TORCH_ARG(TokenEncoder, sentence_encoder);  ///< of the sentences of a document
};

/// With x (B, S, W, M) the words of S sentences of W words each (Yang et al. 2016):
///
///   h_st = word_encoder(x_s)_t           words of a sentence
///   u_st = tanh(Ww h_st + bw)
///   s_s  = sum_t softmax_t(u_st . cw) h_st
///
///   h_s  = sentence_encoder(s)_s         sentences of a document
///   u_s  = tanh(Ws h_s + bs)
///   y    = sum_s softmax_s(u_s . cs) h_s
///
/// -> y (B, M). Each level is an nn::AttentionPooling with a context vector of its own. Words past
/// the length of a sentence, sentences past that of a document, and sentences without words have no
/// weight; a document without sentences gives zero. The encoders may be left out.
///
/// A recording gets two maps, `words` of batch B S (sentence s of document b is b S + s) and
/// `sentences` of batch B. Throws ModelError as AttentionPooling, UsageError for inputs of another
/// shape. Cost: 2 B S (W + 1) M^2 operations for tanh, and that of the encoders.
class HierarchicalAttentionImpl : public torch::nn::Cloneable<HierarchicalAttentionImpl> {
 public:
  explicit HierarchicalAttentionImpl(const HierarchicalAttentionOptions& options);
  void reset() override;

  /// words: (B, S) int64, how many words of each sentence are real; sentences: (B) int64, how many
  /// sentences of each document are.
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& words = {},
                     const std::optional<at::Tensor>& sentences = {});

  HierarchicalAttentionOptions options;
  TokenEncoder word_encoder, sentence_encoder;
  AttentionPooling word_pool{nullptr}, sentence_pool{nullptr};

 private:
  void check_inputs(const at::Tensor& x, const std::optional<at::Tensor>& words,
                    const std::optional<at::Tensor>& sentences) const;
};
TORCH_MODULE(HierarchicalAttention);

}  // namespace heed::nn
