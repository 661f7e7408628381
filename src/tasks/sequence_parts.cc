#include "tasks/sequence_parts.h"

#include "heed/core/error.h"
#include "heed/nn/transformer_block.h"
#include "ops/ring.h"

namespace heed {
namespace {

/// Calls visit(block) of each.
template <class Visit>
void for_each_block(const torch::nn::Module& encoder, Visit&& visit) {
  for (const auto& module : encoder.modules(/*include_self=*/false))
    if (const auto* block = module->as<nn::TransformerBlockImpl>()) visit(*block);
}

}  // namespace

bool has_blocks(const torch::nn::Module& encoder) {
  bool found = false;
  for_each_block(encoder, [&](const nn::TransformerBlockImpl&) { found = true; });
  return found;
}

void check_parts(const torch::nn::Module& encoder) {
  for_each_block(encoder, [](const nn::TransformerBlockImpl& block) {
    if (block.options.linear() || block.options.stochastic_depth() > 0)
      throw ModelError(
          "train.sequence_parallel: expected encoder.attention_type softmax and no "
          "stochastic_depth, which leaves whole records out; change these, or train with "
          "sequence_parallel = 1");
    ops::check_ring(block.options.attention());
  });
}

void check_parts(const TransformerOptions& model) {
  if (model.memory() > 0 || !model.lookback().empty())
    throw ModelError(
        "train.sequence_parallel: head.memory and head.lookback ask for tokens before a part, "
        "which another process has; remove them, or train with sequence_parallel = 1");
  ops::check_ring(model.decoder_attention());
  if (!model.local_layers().empty()) ops::check_ring(model.local_attention());
  if (!model.has_source()) return;
  ops::check_ring(model.encoder_attention());
  ops::check_ring(model.cross_attention());
}

}  // namespace heed
