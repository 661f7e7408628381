// What tells hidden tokens from the encoder's states.
#pragma once

#include <torch/nn/modules/linear.h>

#include <vector>

#include "heed/models/encoder.h"
#include "heed/nn/masking.h"
#include "heed/nn/row_norm.h"
#include "heed/ops/cross_entropy.h"
#include "heed/tasks/head.h"

namespace heed {

/// states (..., M) -> logits (..., V), as BERT's (Devlin et al. 2019):
///
///   logits = norm(gelu(states W + b)) E^T + c
///
/// E (V, M) is the encoder's parameter `embedding` where it is tied, which the encoder keeps, or
/// this module's `output`. Parameters: transform, norm, [output], bias. Throws ModelError where it
/// is tied and the encoder has no such parameter.
class MaskedModule : public torch::nn::Module {
 public:
  MaskedModule(const Encoder& encoder, int64_t vocabulary, bool tied);
  at::Tensor logits(const at::Tensor& states);
  /// Only of the states whose label is not -100; labels (B, L).
  CrossEntropy loss(const at::Tensor& states, const at::Tensor& labels, double label_smoothing = 0);

  torch::nn::Linear transform{nullptr};
  nn::RowNorm norm{nullptr};
  at::Tensor output;  ///< E
  at::Tensor bias;    ///< c (V)

 private:
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
