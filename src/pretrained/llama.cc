// Llama (Touvron et al. 2023): https://huggingface.co/docs/transformers/model_doc/llama
#include "pretrained/decoder.h"
#include "pretrained/rope.h"

namespace heed::pretrained {
namespace {

Plan plan_llama(const Given& given) {
  auto& config = given.config;
  auto llama = decoder_config(config);
  llama.rope = read_ropes(config, {{}}, llama.positions).front();
  llama.qkv_bias = llama.output_bias = config.flag("attention_bias", false);
  llama.feed_forward_bias = config.flag("mlp_bias", false);
  return plan_decoder(given, llama);
}

}  // namespace

Architecture llama() { return {"llama", "Llama", {"ForCausalLM"}, plan_llama}; }

}  // namespace heed::pretrained
