// Qwen 2 and 2.5: https://huggingface.co/docs/transformers/model_doc/qwen2
//
// Llama with biases of queries, keys and values.
#include "heed/core/fields.h"
#include "pretrained/qwen.h"
#include "pretrained/rope.h"

namespace heed::pretrained {
namespace {

Plan plan_qwen2(const Given& given) {
  auto qwen = qwen_config(given.config);
  qwen.qkv_bias = true;
  return plan_decoder(given, qwen);
}

}  // namespace

DecoderConfig qwen_config(Config& config) {
  auto qwen = decoder_config(config);
  qwen.rope = qwen.local_rope = read_ropes(config, {{}}, qwen.positions).front();
  const bool windows = config.flag("use_sliding_window", false);
  const auto window = config.integer("sliding_window", between(1, kMostLength), 0);
  const auto first = config.integer("max_window_layers", between(0, kMostCount), 28);
  qwen.local_layers = local_layers_of(config, qwen.layers, [](int64_t) { return false; });
  if (windows && window > 0 && !config.has("layer_types"))
    for (int64_t i = first; i < qwen.layers; ++i) qwen.local_layers.push_back(i);
  if (!qwen.local_layers.empty() && (!windows || window == 0))
    config.refuse("layer_types", "names layers of sliding_attention, and ",
                  windows ? "sliding_window says no window"
                          : "use_sliding_window is not true, so that there is no window");
  qwen.window = window;
  return qwen;
}

Architecture qwen2() { return {"qwen2", "Qwen2", {"ForCausalLM"}, plan_qwen2}; }

}  // namespace heed::pretrained
