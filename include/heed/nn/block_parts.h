// What the blocks of a model are made of, beside their attention.
#pragma once

#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/nn/choices.h"

namespace heed::nn {

/// Of every block of a model, and of the norms at the ends of its stacks.
struct BlockParts {
  NormType norm_type = NormType::layer;
  double norm_eps = 1e-5;
  bool gated = false;      ///< see FeedForward
  int64_t head_width = 0;  ///< see MultiHeadAttention
  bool qk_norm = false;    ///< see MultiHeadAttention
  std::vector<std::string> biases = {"qkv", "attention_output", "feed_forward", "norm"};

  bool has_bias(const char* part) const;
  bool operator==(const BlockParts&) const = default;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("norm_type", norm_type, "layer, or rms: no mean is taken off and there is no bias");
    v("norm_eps", norm_eps, "what is added to the variance, or the mean square", between(0, 1));
    v("gated", gated, "whether a feed-forward part multiplies its hidden values: SwiGLU with silu");
    v("head_width", head_width, "channels of a head; 0: width / num_heads",
      between(0, kMostChannels));
    v("qk_norm", qk_norm, "whether queries and keys are normalised per head, by rms");
    v("biases", biases,
      "which have one: qkv, attention_output, feed_forward, norm (of norm_type layer)");
  }
};

/// Throws ModelError for a word in `biases` that is none; `who` begins the message: "encoder.".
void check_parts(const BlockParts& parts, const std::string& who);

}  // namespace heed::nn
