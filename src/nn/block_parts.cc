#include "nn/block_parts.h"

#include <algorithm>

#include "core/text.h"

namespace heed::nn {

bool BlockParts::has_bias(const char* part) const {
  return std::find(biases.begin(), biases.end(), part) != biases.end();
}

void check_parts(const BlockParts& parts, const std::string& who) {
  for (const auto& part : parts.biases) check_word(who + "biases", part, BlockParts().biases);
}

RowNorm norm_of(const BlockParts& parts, int64_t width) {
  return RowNorm(
      RowNormOptions(width).type(parts.norm_type).eps(parts.norm_eps).bias(parts.has_bias("norm")));
}

MultiHeadAttentionOptions attention_of(const BlockParts& parts, int64_t width,
                                       const Attention& attention) {
  return MultiHeadAttentionOptions(width)
      .attention(attention)
      .head_width(parts.head_width)
      .bias(parts.has_bias("qkv"))
      .output_bias(parts.has_bias("attention_output"))
      .qk_norm(parts.qk_norm)
      .norm_eps(parts.norm_eps);
}

}  // namespace heed::nn
