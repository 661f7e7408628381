// Qwen 3 (dense): https://huggingface.co/docs/transformers/model_doc/qwen3
//
// Llama with normalised queries and keys; heads of a width of their own.
#include "heed/core/fields.h"
#include "pretrained/qwen.h"

namespace heed::pretrained {
namespace {

Plan plan_qwen3(const Given& given) {
  auto qwen = qwen_config(given.config);
  // transformers' default is no part of hidden_size, so a config that leaves it out means 128.
  qwen.head_width = given.config.integer("head_dim", between(1, kMostChannels), 128);
  qwen.qkv_bias = qwen.output_bias = given.config.flag("attention_bias", false);
  qwen.qk_norm = true;
  return plan_decoder(given, qwen);
}

}  // namespace

Architecture qwen3() { return {"qwen3", "Qwen3", {"ForCausalLM"}, plan_qwen3}; }

}  // namespace heed::pretrained
