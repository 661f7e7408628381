// Gemma 3, the text model (Gemma Team 2025): https://huggingface.co/docs/transformers/model_doc/gemma3
//
// Gemma 2 with normalised queries and keys in place of capped scores, and a rope of their own for
// layers that see a window: five of six, unless layer_types says otherwise.
#include "heed/core/fields.h"
#include "pretrained/gemma.h"
#include "pretrained/rope.h"

namespace heed::pretrained {
namespace {

Plan plan_gemma3(const Given& given) {
  auto& config = given.config;
  auto gemma = gemma_config(config);
  gemma.qk_norm = true;
  gemma.softcap = config.number("attn_logit_softcapping", above(0, 1e9), 0);
  gemma.logit_softcap = config.number("final_logit_softcapping", above(0, 1e9), 0);
  const auto ropes = read_ropes(
      config,
      {{.layers = "full_attention"},
       {.layers = "sliding_attention", .old_theta = "rope_local_base_freq", .stretched = false}},
      gemma.positions);
  gemma.rope = ropes[0], gemma.local_rope = ropes[1];
  const auto pattern = config.integer("sliding_window_pattern", between(1, kMostLayers), 6);
  const auto now = config.integer("_sliding_window_pattern", between(1, kMostLayers), pattern);
  if (config.has("layer_types")) {
    gemma.local_layers = local_layers_of(config, gemma.layers, nullptr);
  } else {
    for (int64_t i = 0; i < gemma.layers; ++i)
      if ((i + 1) % now != 0) gemma.local_layers.push_back(i);
  }
  config.no_effect({"cache_implementation"});
  return plan_decoder(given, gemma);
}

}  // namespace

Architecture gemma3() { return {"gemma3_text", "Gemma3", {"ForCausalLM"}, plan_gemma3}; }

}  // namespace heed::pretrained
