// Answers to questions about stories: the question is reduced sentence by sentence.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <map>
#include <string>

#include "heed/core/fields.h"
#include "heed/models/encoder.h"
#include "heed/nn/recording.h"
#include "heed/nn/remade.h"
#include "heed/ops/attend.h"

namespace heed {

/// The [model] table of a recipe.
struct QueryReductionOptions {
  TORCH_ARG(int64_t, width) = 50;         ///< M
  TORCH_ARG(int64_t, layers) = 2;         ///< how many facts in a row a question may need
  TORCH_ARG(bool, bidirectional) = true;  ///< layers but the last also read from the end
  TORCH_ARG(bool, reset) = true;          ///< a gate on what a sentence makes of the question
  TORCH_ARG(double, gate_bias) = -2.5;    ///< where the bias of the scores starts
  TORCH_ARG(bool, word_order) = true;     ///< words weigh by their place; otherwise they are added
  TORCH_ARG(double, dropout) = 0;         ///< of what a layer is asked
  TORCH_ARG(Attention, attention);

 public:
  QueryReductionOptions();

  template <class Visitor>
  void fields(Visitor&& v) {
    v("width", width(), "channels of a sentence; a multiple of attention.num_heads",
      between(1, kMostChannels));
    v("layers", layers(), "how often the question is reduced", between(1, kMostLayers));
    v("bidirectional", bidirectional(), "layers but the last also see the sentences behind");
    v("reset", reset(), "a gate on what each sentence makes of the question");
    v("gate_bias", gate_bias(), "where the bias of the scores starts; below 0: few sentences count",
      between(-100, 100));
    v("word_order", word_order(),
      "words of a sentence weigh by their place; false: a bag of words");
    v("dropout", dropout(), "of what a layer is asked", from_to_below(0, 1));
    v("attention", attention(), "of every layer: score, position, normalizer, heads, dropout");
  }
};

namespace models {

/// A direction in which a layer reads: where the maps "...forward" and "...backward" come from.
class ReadingImpl : public torch::nn::Cloneable<ReadingImpl>, public nn::MapSource {
 public:
  void reset() override {}
  using nn::MapSource::attend;
};
TORCH_MODULE(Reading);

}  // namespace models

/// One reduction. x (B, S, M) are the sentences, q (B, S, M) what is asked at each of them,
/// lengths (B) the sentences that are real, with g_i = x_i * q_i channel by channel:
///
///   score   s_hi = score(z_h, g_i) + b_h            gate of sentence i, head h
///   value   v_i  = sigmoid(g_i R + r) tanh([x_i, q_i] W + w)
///   out     h_t  = attend over i <= t  (+ attend over i >= t)
///
/// -> (B, S, M), or of `last` only the state after the last sentence, (B, 1, M). With the score
/// `dot` and the normalizer `geometric`, weights are z_i prod_{i < j <= t} (1 - z_j), z_i =
/// sigmoid(s_i): the recurrent h_t = z_t v_t + (1 - z_t) h_{t-1} of Seo et al. 2017,
/// "Query-reduction networks for question answering". Head h gates channels [h M / H, (h + 1) M /
/// H). A story without sentences gives 0. A recording gets a map of each attend. Cost: 4 B S M^2
/// operations and the attention's.
class QueryReductionLayerImpl : public torch::nn::Cloneable<QueryReductionLayerImpl> {
 public:
  QueryReductionLayerImpl(const QueryReductionOptions& options, bool last);
  void reset() override;
  at::Tensor forward(const at::Tensor& x, const at::Tensor& q, const at::Tensor& lengths);

  QueryReductionOptions options;
  bool last;
  at::Tensor gate;                            ///< (H, M): z
  at::Tensor gate_bias;                       ///< (H): b
  torch::nn::Linear candidate{nullptr};       ///< 2 M to M: W, w
  torch::nn::Linear reset_gate{nullptr};      ///< M to H: R, r; null without reset
  std::map<std::string, at::Tensor> learned;  ///< parameters_of(attention), by their own names

 private:
  models::Reading forward_{nullptr}, backward_{nullptr};
};
TORCH_MODULE(QueryReductionLayer);

/// Batch: B questions about their stories. Distinct sentences stand once, however many stories have
/// them:
///
///   sentences (U, W) int64: words below the vocabulary's size, padded with 0
///   story (B, S) int64: rows of `sentences`
///   lengths (B) int64, 0 .. S: sentences of each story that are real
///   questions (B, Wq) int64: words, padded with 0
///
/// -> states (B, 1, M). A sentence or question of words e_1 .. e_J is the vector
///
///   x = sum_j l_j * e_j,   l_jk = (1 - j / J) - (k / M) (1 - 2 j / J)   (Sukhbaatar et al. 2015)
///   a bag: l = 1
///
/// The first layer is asked the question at each sentence, each further one what the layer before
/// made of it; the token is the last one's state after the last sentence, zero without sentences.
/// Words start from a normal of 0.3, word 0 is 0 and stays so. Parameters: words.weight (V, M),
/// layers.I.*. Throws ModelError that names the field where the options do not fit each other.
class QueryReductionImpl : public nn::Remade<QueryReductionImpl, Encoder> {
 public:
  QueryReductionImpl(const QueryReductionOptions& options, int64_t vocabulary);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width(); }
  std::shared_ptr<QueryReductionImpl> remade() const {
    return std::make_shared<QueryReductionImpl>(options, vocabulary);
  }

  QueryReductionOptions options;
  int64_t vocabulary;
  torch::nn::Embedding words{nullptr};
  torch::nn::ModuleList layers{nullptr};
  torch::nn::Dropout dropout{nullptr};

 private:
  at::Tensor encode(const at::Tensor& texts);
};
TORCH_MODULE(QueryReduction);

/// batch -> logits (B, K) of the answers: a linear layer of the encoder's token.
class StoryAnswererImpl : public torch::nn::Module {
 public:
  StoryAnswererImpl(const QueryReductionOptions& options, int64_t vocabulary, int64_t answers);
  at::Tensor forward(const Batch& batch);

  QueryReduction encoder{nullptr};
  torch::nn::Linear output{nullptr};
};
TORCH_MODULE(StoryAnswerer);

}  // namespace heed
