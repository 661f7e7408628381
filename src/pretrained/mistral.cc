// Mistral (Jiang et al. 2023): https://huggingface.co/docs/transformers/model_doc/mistral
//
// Llama, all of whose layers see a window where sliding_window says so.
#include <numeric>

#include "heed/core/fields.h"
#include "pretrained/decoder.h"
#include "pretrained/rope.h"

namespace heed::pretrained {
namespace {

Plan plan_mistral(const Given& given) {
  auto& config = given.config;
  auto mistral = decoder_config(config);
  mistral.rope = mistral.local_rope = read_ropes(config, {{}}, mistral.positions).front();
  mistral.window = config.integer("sliding_window", between(1, kMostLength), 0);
  if (mistral.window > 0) {
    mistral.local_layers.resize(static_cast<size_t>(mistral.layers));
    std::iota(mistral.local_layers.begin(), mistral.local_layers.end(), 0);
  }
  return plan_decoder(given, mistral);
}

}  // namespace

Architecture mistral() { return {"mistral", "Mistral", {"ForCausalLM"}, plan_mistral}; }

}  // namespace heed::pretrained
