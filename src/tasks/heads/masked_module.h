// What tells hidden tokens from the encoder's states.
#pragma once

#include <torch/nn/modules/linear.h>

#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/models/encoder.h"
#include "heed/nn/masking.h"
#include "heed/nn/row_norm.h"
#include "heed/ops/cross_entropy.h"
#include "heed/tasks/head.h"

namespace heed {

struct MaskedModuleOptions {
  bool tied = true;
  nn::Activation activation = nn::Activation::gelu;
  double norm_eps = 1e-5;
  std::vector<std::string> biases = {"transform", "norm", "output"};

  template <class Visitor>
  void fields(Visitor&& v) {
    v("tied", tied, "tokens are told by the encoder's own embeddings; otherwise by weights apart");
    v("activation", activation, "of the layer before the vocabulary");
    v("norm_eps", norm_eps, "what is added to the variance of its normalisation", between(0, 1));
    v("biases", biases, "which have one: transform, norm, output");
  }
  bool has_bias(const char* part) const;
  /// Throws ModelError for another word in `biases`.
  void check() const;
};

/// states (..., M) -> logits (..., V), as BERT's (Devlin et al. 2019):
///
///   logits = norm(act(states W + b)) E^T + c
///
/// E (V, W) is the encoder's parameter `embedding` where it is tied, which the encoder keeps, or
/// this module's `output` (V, M). Parameters: transform.*, norm.*, [output], [bias (V)]. Throws
/// ModelError where it is tied and the encoder has no such parameter.
class MaskedModule : public torch::nn::Module {
 public:
  MaskedModule(const Encoder& encoder, int64_t vocabulary, const MaskedModuleOptions& options);
  at::Tensor logits(const at::Tensor& states);
  /// Only of the states whose label is not -100; labels (B, L).
  CrossEntropy loss(const at::Tensor& states, const at::Tensor& labels, double label_smoothing = 0);

  torch::nn::Linear transform{nullptr};
  nn::RowNorm norm{nullptr};
  at::Tensor output;  ///< E
  at::Tensor bias;    ///< c (V); undefined where there is none

 private:
  nn::Activation activation_;
  at::Tensor transformed(const at::Tensor& states);
};

/// A token of a text, told while it alone was hidden.
struct Guess {
  int64_t token, best;
  double log_probability;  ///< of the token
  double best_probability;
};

/// Of each token of the row that is not special.
std::vector<Guess> guess_tokens(Encoder& encoder, MaskedModule& module, const Batch& batch,
                                int64_t row, const nn::MaskingVocabulary& vocabulary);

/// The sum of log probabilities; in JSON each token with the best.
Prediction guessed(const std::vector<Guess>& guesses, const data::Tokenizer& tokenizer);

}  // namespace heed
