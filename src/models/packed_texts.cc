#include "models/packed_texts.h"

#include <algorithm>

#include "heed/nn/positions.h"

namespace heed::models {
namespace {

bool can_pack(const Attention& attention) {
  const auto& position = attention.position.name;
  if (position != "none" && position != "rope" && !nn::is_additive(attention.position))
    return false;
  return std::all_of(attention.masks.begin(), attention.masks.end(), [](const OpSpec& mask) {
    return mask.alternatives.empty() &&
           (mask.name == "key_lengths" || mask.name == "causal" || mask.name == "window");
  });
}

}  // namespace

bool can_pack(const BlockStackOptions& options) {
  return options.attention_type == nn::AttentionType::softmax && can_pack(options.attention) &&
         (options.local_layers.empty() || can_pack(options.local_attention));
}

}  // namespace heed::models
