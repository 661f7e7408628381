// Gemma 2 (Gemma Team 2024): https://huggingface.co/docs/transformers/model_doc/gemma2
#include <cmath>

#include "heed/core/fields.h"
#include "pretrained/gemma.h"
#include "pretrained/rope.h"

namespace heed::pretrained {
namespace {

constexpr Bounds kCaps = above(0, 1e9);

/// transformers' defaults, which config.json switches off by null.
double cap_of(Config& config, const std::string& key, double absent) {
  if (config.is_null(key)) return config.number(key, kCaps, 0);
  return config.number(key, kCaps, absent);
}

Plan plan_gemma2(const Given& given) {
  auto& config = given.config;
  auto gemma = gemma_config(config);
  gemma.softcap = cap_of(config, "attn_logit_softcapping", 50);
  gemma.logit_softcap = cap_of(config, "final_logit_softcapping", 30);
  gemma.rope = gemma.local_rope = read_ropes(config, {{}}, gemma.positions).front();
  gemma.local_layers = local_layers_of(config, gemma.layers, [](int64_t i) { return i % 2 == 0; });
  config.no_effect({"cache_implementation"});
  return plan_decoder(given, gemma);
}

}  // namespace

DecoderConfig gemma_config(Config& config) {
  auto gemma = decoder_config(config, "hidden_activation", "gelu_pytorch_tanh");
  gemma.head_width = config.integer("head_dim", between(1, kMostChannels), 256);
  gemma.qkv_bias = gemma.output_bias = config.flag("attention_bias", false);
  gemma.sandwich = true;
  gemma.norm_add = 1;
  gemma.scale_embeddings = true;
  gemma.scale = 1 / std::sqrt(config.number("query_pre_attn_scalar", above(0, 1e6), 256));
  gemma.window = config.integer("sliding_window", between(1, kMostLength), 4096);
  config.no_effect({"hidden_act"});  // of the first configs, where hidden_activation is what counts
  config.only("use_bidirectional_attention", "false", "an encoder");
  return gemma;
}

Architecture gemma2() { return {"gemma2", "Gemma2", {"ForCausalLM"}, plan_gemma2}; }

}  // namespace heed::pretrained
